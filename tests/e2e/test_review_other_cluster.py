"""A second cluster on a prefix that holds only WAL of the first: no backup, no segment is its own."""

import os

from conftest import SMALL_SEGMENTS
from support.tool import Store, snapshot


def test_a_backup_needs_segments_of_its_own_cluster(clusters, folder):
    store = Store(folder / "store")
    first = clusters.cluster(folder / "a").initdb(SMALL_SEGMENTS)
    tool = clusters.tool.with_environment(WALE_FILE_PREFIX=store.url, **first.address())
    first.configure(archive_mode="on", archive_command=tool.shell(folder / "env", "wal-push %p"))
    first.start()
    for _ in range(6):
        first.sql("SELECT pg_logical_emit_message(true, 'x', 'y')")
        last = first.switch_wal()
    first.stop()
    assert (store.wal / f"{last}.lzo").exists()
    before = snapshot(store.wal)

    other = clusters.cluster(folder / "b").initdb(SMALL_SEGMENTS)
    other.configure(archive_mode="on", archive_command="/bin/true")
    other.start()
    tool = tool.with_environment(**other.address())
    run = tool.run("backup-push", "--checkpoint=fast", "--archive-timeout=20", other.data, code=1)
    run.error("WAL of another cluster", "prefix")
    assert store.backups() == [] and snapshot(store.wal) == before
    assert not list(store.base.rglob("*.lzo"))


def test_a_backup_of_another_cluster_is_refused(clusters, session_archive, folder):
    other = clusters.cluster(folder / "b").initdb(SMALL_SEGMENTS)
    other.configure(archive_mode="on", archive_command="/bin/true")
    other.start()
    before = snapshot(session_archive.store.root)
    tool = session_archive.tool.with_environment(**other.address())
    tool.run("backup-push", "--checkpoint=fast", other.data, code=1).error("another cluster")
    assert snapshot(session_archive.store.root) == before


def test_no_neighbour_of_a_refused_segment_is_stored(clusters, session_archive, folder):
    other = clusters.cluster(folder / "b").initdb(SMALL_SEGMENTS)
    other.configure(archive_mode="on", archive_command="/bin/false")
    other.start()
    for _ in range(5):
        other.sql("SELECT pg_logical_emit_message(true, 'x', 'y')")
        other.switch_wal()
    other.stop()
    ready = sorted(path.stem for path in (other.data / "pg_wal/archive_status").glob("*.ready"))
    assert len(ready) >= 5
    before = snapshot(session_archive.store.root)
    run = session_archive.tool.run("wal-push", other.data / "pg_wal" / ready[0], code=1)
    run.error("another cluster archives under this prefix")
    assert snapshot(session_archive.store.root) == before
    assert not list((other.data / "pg_wal").glob(".wal-e/ack-*"))


def test_damaged_metadata_stops_nothing(clusters, folder):
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.archive_commits()
    name = archive.backup()
    (archive.store.base / name / "metadata.json").write_text("{ damaged")
    (sentinel,) = archive.store.base.glob(f"{name}_*.json")
    os.utime(sentinel, (0, 0))  # metadata counts whole seconds
    archive.archive_commits()  # a new segment is archived
    newer = archive.backup()
    listed = archive.tool.run("backup-list", "LATEST")
    assert newer in listed.out and name not in listed.out
    assert "the metadata of a backup is damaged" in listed.messages("WARNING")
