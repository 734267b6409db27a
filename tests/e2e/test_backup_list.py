"""backup-list in all its forms, beside the original's on the same archive."""

import csv
import io
import json
import re

import pytest
from support.original import OriginalTool, same_list
from support.tool import Store

UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z"


@pytest.fixture(scope="module")
def archive(session_archive):
    if len(session_archive.store.backups()) < 2:
        session_archive.backup()
    return session_archive


@pytest.fixture
def original(scratch, archive):
    theirs = OriginalTool(scratch / "original-wal-e", PATH="/usr/bin:/bin", HOME=str(scratch))
    return theirs.with_environment(WALE_FILE_PREFIX=archive.store.url)


def sorted_rows(outcome):
    """WAL-E lists a file store in the order of its directory."""
    head, *rows, end = outcome.out.split("\r\n")
    assert end == ""
    outcome.out = "\r\n".join([head, *sorted(rows), ""])
    return outcome


def test_the_same_bytes_as_wal_e(archive, original):
    names = archive.store.backups()
    same_list(archive.tool.run("backup-list"), sorted_rows(original.run("backup-list")))
    for query in ("LATEST", names[0], "base_000000010000000000000000_00000000"):
        same_list(archive.tool.run("backup-list", query), original.run("backup-list", query))
    ours, theirs = (t.run("backup-list", "nonsense", code=1) for t in (archive.tool, original))
    assert ours.out == theirs.out
    assert ours.error().msg == theirs.records[-1].msg == "invalid backup query submitted"


def test_an_empty_store_lists_the_header_alone(original, tool, folder):
    store = Store(folder / "empty")
    store.root.mkdir()
    ours, theirs = (
        t.with_environment(WALE_FILE_PREFIX=store.url).run("backup-list").out for t in (tool, original)
    )
    assert ours == theirs and ours.count("\r\n") == 1


def test_details_are_those_of_the_sentinel(archive):
    text = archive.tool.run("backup-list", "--detail").out
    rows = list(csv.DictReader(io.StringIO(text, newline=""), dialect="excel-tab"))
    assert [row["name"] for row in rows] == archive.store.backups()
    for row in rows:
        path = archive.store.base / f"{row['name']}_backup_stop_sentinel.json"
        sentinel = json.loads(path.read_text())
        assert row["expanded_size_bytes"] == str(sentinel["expanded_size_bytes"])
        assert row["wal_segment_backup_stop"] == sentinel["wal_segment_backup_stop"]
        assert row["wal_segment_offset_backup_stop"] == sentinel["wal_segment_offset_backup_stop"]


def test_json_has_everything(archive):
    listed = json.loads(archive.tool.run("backup-list", "--json").out)
    assert [b["name"] for b in listed] == archive.store.backups()
    for backup in listed:
        folder = archive.store.base / backup["name"]
        sentinel = json.loads((folder.parent / f"{folder.name}_backup_stop_sentinel.json").read_text())
        metadata = json.loads((folder / "metadata.json").read_text())
        for key in ("expanded_size_bytes", "wal_segment_backup_stop", "wal_segment_offset_backup_stop"):
            assert backup[key] == sentinel[key]
        assert backup["partitions"] == sentinel["partitions"]
        for key in ("hostname", "pg_version", "compressed_size", "uncompressed_size", "finish_time"):
            assert backup[key] == metadata[key]
        assert backup["system_identifier"] == str(metadata["system_identifier"])
        assert re.fullmatch(UTC, backup["last_modified"]) and re.fullmatch(UTC, backup["start_time"])
        high, low = (int(part, 16) for part in backup["start_lsn"].split("/"))
        assert (high << 32) + low == metadata["start_lsn"]
    (latest,) = json.loads(archive.tool.run("backup-list", "--json", "LATEST").out)
    assert latest == listed[-1]
    assert json.loads(archive.tool.run("backup-list", "--json", "base_000000010000000000000000_00000000").out) == []


def test_the_table_for_people_is_aligned(archive):
    head, *rows = archive.tool.run("backup-list", "--pretty").out.splitlines()
    assert [row.split()[0] for row in rows] == archive.store.backups()
    starts = [head.index(title) for title in ("NAME", "TAKEN", "WAL UP TO", "HOST")]
    for row in rows:
        assert all(start == 0 or row[start - 1] == " " and row[start] != " " for start in starts)


def test_a_sentinel_that_cannot_be_read_hides_no_other(archive, folder, tool):
    store = Store(folder / "damaged")
    archive.store.copy_to(store.root)
    first, *others = store.backups()
    (store.base / f"{first}_backup_stop_sentinel.json").write_text("{ damaged")
    ours = tool.with_environment(WALE_FILE_PREFIX=store.url)
    for form in ("--detail", "--json", "--pretty"):
        outcome = ours.run("backup-list", form, code=1)
        assert all(name in outcome.out for name in [first, *others])
        assert any(first in r.text for r in outcome.records if r.level == "WARNING")
    assert json.loads(ours.run("backup-list", "--json", code=1).out)[0]["expanded_size_bytes"] is None
    assert ours.run("backup-list", code=0).err.count("WARNING") == 0


def test_two_forms_at_once_are_a_usage_error(archive):
    outcome = archive.tool.run("backup-list", "--json", "--pretty", code=2)
    outcome.error("--json", "--pretty")
    assert outcome.out == ""
