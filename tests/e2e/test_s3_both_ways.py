"""S3 archives both ways with the original WAL-E 1.1.1, on PostgreSQL 13.

On moto: WAL-E always asks for server-side encryption, which Swift's s3api does not have.
"""

import json

import pytest
from conftest import SMALL_SEGMENTS
from support.archive import commits_of, finish_recovery
from support.original import rows, same_list


@pytest.fixture
def s3_store(moto, new_bucket):
    return new_bucket(moto)


def test_wal_e_lists_and_restores_ours(clusters, folder, original, s3_store):
    archive = clusters.archive(folder, "13", store=s3_store).start()
    archive.commit(10)
    name = archive.backup()
    archive.archive_commits(10)
    wanted = archive.cluster.table_sums()
    theirs = original.with_environment(**s3_store.environment())

    (row,) = rows(theirs.run("backup-list"))
    assert row["name"] == name
    same_list(archive.tool.run("backup-list"), theirs.run("backup-list"))
    same_list(archive.tool.run("backup-list", "--detail"), theirs.run("backup-list", "--detail"))
    archive.cluster.kill()
    copy = clusters.cluster(folder / "copy", "13")
    theirs.run("backup-fetch", copy.data, "LATEST")
    copy.data.chmod(0o700)
    # WAL-E leaves the destination behind when there is nothing to fetch.
    restore = theirs.shell(folder / "env-of-wal-e", 'wal-fetch -p 0 "%f" "%p"')
    copy.recover(f"{restore} 2>>{folder}/wal-e.log", archive_mode="off")
    finish_recovery(copy)
    assert commits_of(copy) == (20, 20) and copy.table_sums() == wanted


def test_we_list_and_restore_theirs(clusters, folder, original, s3_store):
    archive = clusters.archive(folder, "13", tool=original, store=s3_store).start()
    archive.commit(10)
    # checkpoint_completion_target is all that makes WAL-E's spread checkpoint quick.
    archive.cluster.configure(checkpoint_completion_target="0.0")
    archive.cluster.reload()
    archive.tool.run("backup-push", archive.cluster.data)
    archive.archive_commits(10)
    wanted = archive.cluster.table_sums()
    ours = clusters.tool.with_environment(**s3_store.environment())
    same_list(ours.run("backup-list"), archive.tool.run("backup-list"))
    (row,) = rows(ours.run("backup-list", "--detail"))
    (name,) = s3_store.backups()
    sentinel = json.loads(s3_store.read(f"basebackups_005/{name}_backup_stop_sentinel.json"))
    assert row["expanded_size_bytes"] == str(sentinel["expanded_size_bytes"])

    archive.cluster.kill()
    copy = clusters.cluster(folder / "copy", "13")
    ours.run("backup-fetch", copy.data, "LATEST")
    (copy.data / "pg_hba.conf").write_text("local all all trust\n")  # WAL-E does not keep it
    copy.recover(ours.shell(folder / "env-of-ours", 'wal-fetch "%f" "%p"'), archive_mode="off")
    finish_recovery(copy)
    assert commits_of(copy) == (20, 20) and copy.table_sums() == wanted


def test_segments_cross_over(clusters, folder, original, s3_store):
    """Each fetches what the other has pushed, byte for byte."""
    archive = clusters.archive(folder, "13").start(SMALL_SEGMENTS)
    archive.commit(10)
    segment = archive.cluster.switch_wal()
    path = archive.cluster.wal_folder() / segment
    for pusher, fetcher in ((original, clusters.tool), (clusters.tool, original)):
        store = s3_store.at(prefix=f"by-{type(pusher).__name__}")
        target = folder / f"fetched-by-{type(fetcher).__name__}"
        pusher.with_environment(**store.environment()).run("wal-push", "-p", "1", path)
        fetcher.with_environment(**store.environment()).run("wal-fetch", "-p", "0", segment, target)
        assert target.read_bytes() == path.read_bytes()


def test_identical_content_is_recognised_in_their_object(clusters, folder, original, s3_store):
    """WAL-E's objects carry no digest: they are decoded and compared."""
    archive = clusters.archive(folder, "13").start(SMALL_SEGMENTS)
    archive.commit(10)
    path = archive.cluster.wal_folder() / archive.cluster.switch_wal()
    key = f"wal_005/{path.name}.lzo"
    original.with_environment(**s3_store.environment()).run("wal-push", "-p", "1", path)
    before = s3_store.read(key)
    ours = clusters.tool.with_environment(**s3_store.environment())
    ours.run("wal-push", path)
    assert s3_store.read(key) == before
    changed = folder / path.name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    ours.run("wal-push", changed, code=1).error(path.name)
    assert s3_store.read(key) == before
