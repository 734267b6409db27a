"""backup-list with sentinels that cannot be read. No server is needed: the store is in tests/data."""

import csv
import shutil

import pytest

BACKUP = "base_000000010000000000000005_00000040"
SUFFIX = "_backup_stop_sentinel.json"


@pytest.fixture
def spoilt(data, store):
    """A store with one good backup, and one before and one after it that are damaged."""
    shutil.copytree(data / "wal-e-store/prefix", store.root)
    good = store.base / (BACKUP + SUFFIX)
    for digit, content in (("4", "{"), ("6", "")):
        (store.base / good.name.replace("05_0", f"0{digit}_0")).write_text(content)
    return store


def rows_of(run):
    return list(csv.reader(run.out.splitlines(), "excel-tab"))


def test_a_bad_sentinel_hides_no_row(spoilt, stored):
    run = stored.run("backup-list", "--detail", code=1)
    header, *rows = rows_of(run)
    assert [row[0] for row in rows] == spoilt.backups()
    assert [bool(row[2] and row[5] and row[6]) for row in rows] == [False, True, False]
    assert all(row[1] and row[3] and row[4] for row in rows)
    warnings = [r.text for r in run.records if r.level == "WARNING"]
    assert len(warnings) == 2
    for name, text in zip((spoilt.backups()[0], spoilt.backups()[2]), warnings):
        assert name + SUFFIX in text
    run.error("not every backup")


def test_without_detail_no_sentinel_is_read(spoilt, stored):
    assert len(rows_of(stored.run("backup-list"))) == 4
