"""Storage format 005 both ways, with the original WAL-E 1.1.1 and PostgreSQL 13."""

import json
import shutil

import pytest
from conftest import SMALL_SEGMENTS
from support.archive import commits_of, finish_recovery
from support.original import rows, same_list
from support.postgres import wait_until
from support.tool import Store, Tool, snapshot

NAME = "base_000000010000000000000005_00000040"  # the backup in tests/data/wal-e-store


@pytest.fixture
def sample(data, folder):
    """A copy of the store that WAL-E 1.1.1 wrote: one backup with a tablespace, and its WAL."""
    shutil.copytree(data / "wal-e-store/prefix", folder / "sample")
    return Store(folder / "sample")


def test_a_store_of_wal_e_is_listed(tool, sample, original):
    ours = tool.with_environment(WALE_FILE_PREFIX=sample.url)
    for arguments in (["backup-list"], ["backup-list", "LATEST"], ["backup-list", NAME]):
        theirs = original.with_environment(WALE_FILE_PREFIX=sample.url).run(*arguments)
        same_list(ours.run(*arguments), theirs)
    (row,) = rows(ours.run("backup-list", "--detail"))
    sentinel = json.loads((sample.base / f"{NAME}_backup_stop_sentinel.json").read_text())
    assert row["expanded_size_bytes"] == str(sentinel["expanded_size_bytes"])
    assert row["wal_segment_backup_stop"] == sentinel["wal_segment_backup_stop"]
    assert row["wal_segment_offset_backup_stop"] == sentinel["wal_segment_offset_backup_stop"]
    assert row["wal_segment_backup_start"] == NAME[5:29]


@pytest.mark.parametrize("way", ["prepared", "--restore-spec", "--blind-restore"])
def test_a_store_of_wal_e_is_restored(tool, sample, clusters, folder, way):
    copy = clusters.cluster(folder / "pg", "13")
    sentinel = json.loads((sample.base / f"{NAME}_backup_stop_sentinel.json").read_text())
    (oid,) = sentinel["spec"]["tablespaces"]
    place, options = folder / "tablespace", []
    if way == "prepared":
        place.mkdir()
        (copy.data / "pg_tblspc").mkdir(parents=True)
        copy.data.chmod(0o700)
        (copy.data / "pg_tblspc" / oid).symlink_to(place)
    elif way == "--restore-spec":
        # The original's own spec, another place and directory in it.
        spec = {**sentinel["spec"], "base_prefix": f"{copy.data}/"}
        spec[oid]["loc"] = f"{place}/"
        (folder / "spec").write_text(json.dumps(spec))
        options = [way, folder / "spec"]
    else:
        place, options = copy.data / "pg_tblspc" / oid, [way]
    before = snapshot(sample.root)

    ours = tool.with_environment(WALE_FILE_PREFIX=sample.url)
    ours.run("backup-fetch", *options, copy.data, "LATEST")
    restore = ours.shell(folder / "env", 'wal-fetch "%f" "%p"')
    (copy.data / "pg_hba.conf").write_text("local all all trust\n")  # WAL-E does not keep it
    # A hot standby may not have fewer of these than the server that wrote the WAL.
    copy.recover(
        restore,
        archive_mode="off",
        max_connections="100",
        max_wal_senders="10",
        allow_in_place_tablespaces="on" if way == "--blind-restore" else "off",
    )
    role = "SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid LIMIT 1"
    copy.start()
    wait_until(lambda: "archive recovery complete" in copy.log.read_text(), copy.log_tail)
    superuser = copy.sql(role)
    assert superuser
    assert snapshot(sample.root) == before
    assert list(place.rglob("[0-9]*")), "nothing was restored into the tablespace"
    # Every page of every table can be read.
    assert copy.table_sums()


def test_wal_e_lists_and_restores_ours(clusters, folder, original):
    archive = clusters.archive(folder, "13").start()
    archive.commit(10)
    name = archive.backup()
    archive.archive_commits(10)
    wanted = archive.cluster.table_sums()
    theirs = original.with_environment(WALE_FILE_PREFIX=archive.store.url)

    (row,) = rows(theirs.run("backup-list"))
    assert row["name"] == name
    same_list(archive.tool.run("backup-list"), theirs.run("backup-list"))
    archive.cluster.kill()
    copy = clusters.track(clusters.cluster(folder / "copy", "13"))
    theirs.run("backup-fetch", copy.data, "LATEST")
    copy.data.chmod(0o700)
    # WAL-E leaves the destination behind when there is nothing to fetch, and exits 2.
    restore = theirs.shell(folder / "env-of-wal-e", 'wal-fetch -p 0 "%f" "%p"')
    copy.recover(f"{restore} 2>>{folder}/wal-e.log", archive_mode="off")
    finish_recovery(copy)
    assert commits_of(copy) == (20, 20) and copy.table_sums() == wanted


def test_we_list_and_restore_theirs(clusters, folder, original):
    archive = clusters.archive(folder, "13", tool=original).start()
    archive.commit(10)
    # checkpoint_completion_target is all that makes WAL-E's spread checkpoint quick.
    archive.cluster.configure(checkpoint_completion_target="0.0")
    archive.cluster.reload()
    archive.tool.run("backup-push", archive.cluster.data)
    archive.archive_commits(10)
    wanted = archive.cluster.table_sums()
    ours = Tool(clusters.tool.binary, WALE_FILE_PREFIX=archive.store.url)
    same_list(ours.run("backup-list"), archive.tool.run("backup-list"))

    archive.cluster.kill()
    copy = clusters.cluster(folder / "copy", "13")
    ours.run("backup-fetch", copy.data, "LATEST")
    (copy.data / "pg_hba.conf").write_text("local all all trust\n")
    copy.recover(ours.shell(folder / "env-of-ours", 'wal-fetch "%f" "%p"'), archive_mode="off")
    finish_recovery(copy)
    assert commits_of(copy) == (20, 20) and copy.table_sums() == wanted


def test_segments_cross_over(clusters, folder, original):
    """Each fetches what the other has pushed, byte for byte."""
    archive = clusters.archive(folder, "13").start(SMALL_SEGMENTS)
    archive.commit(10)
    segment = archive.cluster.switch_wal()
    path = archive.cluster.wal_folder() / segment
    for pusher, fetcher in ((original, clusters.tool), (clusters.tool, original)):
        store = Store(folder / f"store-{type(pusher).__name__}")
        store.root.mkdir()
        pusher.with_environment(WALE_FILE_PREFIX=store.url).run("wal-push", "-p", "1", path)
        target = folder / f"fetched-by-{type(fetcher).__name__}"
        fetcher.with_environment(WALE_FILE_PREFIX=store.url).run(
            "wal-fetch", "-p", "0", segment, target
        )
        assert target.read_bytes() == path.read_bytes()


def test_identical_content_is_recognised_in_their_object(clusters, folder, original):
    """WAL-E's objects carry no digest: they are decoded and compared."""
    archive = clusters.archive(folder, "13").start(SMALL_SEGMENTS)
    archive.commit(10)
    path = archive.cluster.wal_folder() / archive.cluster.switch_wal()
    store = Store(folder / "theirs")
    store.root.mkdir()
    original.with_environment(WALE_FILE_PREFIX=store.url).run("wal-push", "-p", "1", path)
    before = snapshot(store.root)
    ours = clusters.tool.with_environment(WALE_FILE_PREFIX=store.url)
    ours.run("wal-push", path)
    assert snapshot(store.root) == before
    changed = folder / path.name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    ours.run("wal-push", changed, code=1).error(path.name)
    assert snapshot(store.root) == before
