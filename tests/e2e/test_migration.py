"""An archive that WAL-E 1.1.1 began is continued by us under the same prefix, on a running PostgreSQL 13."""

from conftest import SMALL_SEGMENTS
from support.archive import commits_of, finish_recovery
from support.original import rows, same_list
from support.postgres import wait_until
from support.tool import snapshot

QUEUED = 6  # segments that wait while the command changes


def test_an_archive_of_wal_e_is_continued(clusters, folder, original, tool):
    archive = clusters.archive(folder, "13", tool=original).start(SMALL_SEGMENTS)
    cluster = archive.cluster
    archive.archive_commits(10)
    # checkpoint_completion_target is all that makes WAL-E's spread checkpoint quick.
    cluster.configure(checkpoint_completion_target="0.0")
    cluster.reload()
    archive.tool.run("backup-push", cluster.data)
    (theirs,) = archive.store.backups()
    archive.archive_commits(10)

    # WAL-E is in the middle of it when we take over.
    for _ in range(QUEUED):
        archive.commit(5)
        waiting = cluster.switch_wal()
    wal_e = archive.tool
    archive.tool = tool.with_environment(**archive.store.environment(), **cluster.address())
    cluster.configure(archive_command=archive.tool.shell(folder / "env-of-ours", "wal-push %p"))
    cluster.reload()
    archive.wait_stored(waiting)
    status = cluster.wal_folder() / "archive_status"
    wait_until(lambda: not list(status.glob("*.ready")), "not all of them are archived")
    by_wal_e = snapshot(archive.store.root)
    segments = [archive.archive_commits(10) for _ in range(3)]
    wanted = cluster.table_sums()
    kept = snapshot(archive.store.root)
    assert {path: kept.get(path) for path in by_wal_e} == by_wal_e
    assert set(segments) < set(archive.store.segments())

    # WAL-E's backup, with WAL of both.
    copy = clusters.track(archive.restore(folder / "copy", theirs))
    (copy.data / "pg_hba.conf").write_text("local all all trust\n")  # WAL-E does not keep it
    finish_recovery(copy)
    assert commits_of(copy) == (archive.commits, archive.commits) and copy.table_sums() == wanted
    copy.stop()

    # A backup of ours beside it: both list both, and both take it for the latest.
    ours = archive.backup()
    archive.archive_commits(10)
    wanted = cluster.table_sums()
    for words in (["backup-list"], ["backup-list", "LATEST"], ["backup-list", theirs]):
        mine, other = archive.tool.run(*words), wal_e.run(*words)
        assert sorted(r["name"] for r in rows(other)) == [r["name"] for r in rows(mine)]
        if len(rows(mine)) == 1:
            same_list(mine, other)
    assert [r["name"] for r in rows(archive.tool.run("backup-list"))] == [theirs, ours]
    assert [r["name"] for r in rows(wal_e.run("backup-list", "LATEST"))] == [ours]

    # WAL-E's part is given up; ours stands alone.
    archive.tool.run("delete", "--confirm", "retain", "1")
    assert archive.store.backups() == [ours] and archive.store.segments()[0] == ours[5:29]
    again = clusters.track(archive.restore(folder / "again"))
    finish_recovery(again)
    assert commits_of(again) == (archive.commits, archive.commits) and again.table_sums() == wanted
