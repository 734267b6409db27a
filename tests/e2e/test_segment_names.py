"""Everything that a WAL file's name can be: other segment sizes, high timelines, .history, .partial."""

import re

import pytest
from conftest import SMALL_SEGMENTS
from support.archive import commits_of, finish_recovery
from support.postgres import wait_until

MEBIBYTE = 1 << 20


@pytest.mark.parametrize("size", [1, 64])
def test_segment_sizes(size, clusters, folder):
    archive = clusters.archive(folder).start(
        f"--wal-segsize={size}", min_wal_size=f"{2 * size}MB", max_wal_size=f"{4 * size}MB"
    )
    archive.commit(5)
    archive.cluster.sql("CREATE TABLE noise AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n")
    segment = archive.archive_commits(5)
    original = archive.cluster.wal_folder() / segment
    assert original.stat().st_size == size * MEBIBYTE
    archive.tool.run("wal-fetch", "-p", "0", segment, folder / "fetched")
    assert (folder / "fetched").read_bytes() == original.read_bytes()
    archive.tool.run("wal-push", original)  # again

    name = archive.backup()
    archive.archive_commits(10)
    wanted = archive.cluster.table_sums()
    archive.cluster.kill()
    copy = clusters.track(archive.restore(folder / "copy", min_wal_size=f"{2 * size}MB", max_wal_size=f"{4 * size}MB"))
    finish_recovery(copy)
    assert commits_of(copy) == (20, 20)
    assert copy.table_sums() == wanted
    # The name says the position: segment number and offset within it.
    lsn = copy.sql(f"SELECT (pg_control_checkpoint()).redo_lsn > '{position(name, size)}'")
    assert lsn == "t"


def position(name, size):
    """The LSN in a backup's name."""
    high, segment, offset = int(name[13:21], 16), int(name[21:29], 16), int(name[30:])
    return f"{high:X}/{segment * size * MEBIBYTE + offset:X}"


def promoted_again(archive, tli):
    """A stop, a start as a standby, and a promotion."""
    cluster = archive.cluster
    cluster.stop()
    cluster.recover(archive.tool.shell(archive.folder / "env-fetch", 'wal-fetch "%f" "%p"'), "standby")
    cluster.start()
    cluster.promote()
    wait_until(lambda: cluster.sql("SELECT timeline_id FROM pg_control_checkpoint()") == str(tli), cluster.log_tail)


def test_timelines_above_9(clusters, folder):
    """Names are hexadecimal, and the family is as long as it is."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    cluster = archive.cluster
    cluster.stop()
    # Timeline 8 without a past: nobody will ever bring its history.
    cluster.server_program("pg_resetwal", "-l", "0000000800000000000000F0", "-D", cluster.data)
    cluster.start()
    assert archive.archive_commits(5).startswith("00000008")
    first = archive.backup()
    assert first.startswith("base_00000008")

    for tli in range(9, 0x11):
        archive.archive_commits(1)
        archive.commit(1)
        promoted_again(archive, tli)
        assert archive.archive_commits(1).startswith(f"{tli:08X}")
        archive.wait_stored(f"{tli:08X}.history")
    last = archive.backup()
    assert last.startswith("base_00000010")
    archive.archive_commits(5)
    wanted = commits_of(cluster)
    assert wanted == (34, 34)

    partial = sorted(p.name[:-4] for p in archive.store.wal.glob("*.partial.lzo"))
    assert {name[:8] for name in partial} == {f"{tli:08X}" for tli in range(8, 0x10)}
    for name in [*partial, *(f"{tli:08X}.history" for tli in range(9, 0x11))]:
        archive.tool.run("wal-fetch", name, folder / "fetched")
        original = cluster.wal_folder() / name
        if original.exists():
            assert (folder / "fetched").read_bytes() == original.read_bytes()
            archive.tool.run("wal-push", original)
        elif name.endswith("history"):
            pytest.fail(f"{name} is gone")
    history = (cluster.wal_folder() / "00000010.history").read_text()
    assert [int(line.split()[0]) for line in history.split("\n") if re.match(r"\d", line)] == list(range(8, 16))

    listed = archive.tool.run("backup-list").out
    assert [line.split("\t")[0] for line in listed.split("\r\n")[1:-1]] == [first, last]
    for name in (first, "LATEST"):
        copy = clusters.track(archive.restore(folder / name, name, recovery_target_timeline="latest"))
        finish_recovery(copy)
        assert commits_of(copy) == wanted
        assert copy.sql("SELECT timeline_id FROM pg_control_checkpoint()") == str(0x11)
        copy.stop()
    # The newest backup needs nothing of its ancestors but their histories.
    archive.tool.run("delete", "--confirm", "retain", "1")
    assert {s[:8] for s in archive.store.segments()} == {"00000010"}
    assert len(list(archive.store.wal.glob("*.history.lzo"))) == 8
