"""Backups of a standby that replays meanwhile, and promotions at the wrong moment."""

import json
import re
import subprocess

import pytest
from conftest import SMALL_SEGMENTS
from support.archive import commits_of, finish_recovery
from support.postgres import Cluster, wait_until
from support.tool import Outcome, Store, decode, snapshot


def standby_of(archive, folder, clusters, **settings):
    """A standby that streams, and falls back to the archive."""
    standby = clusters.track(Cluster(folder, archive.cluster.major, archive.cluster.install))
    archive.tool.run("backup-fetch", standby.data, "LATEST")
    archive.prepare_recovery(
        standby, "standby", primary_conninfo=f"host={archive.cluster.folder} user=postgres",
        wal_retrieve_retry_interval="100ms", **settings,
    )  # fmt: skip
    standby.start()
    wait_until(lambda: standby.answers() and commits_of(standby) == commits_of(archive.cluster), standby.log_tail)
    return standby


@pytest.fixture
def pair(clusters, folder):
    """A primary, and a standby that has made a restartpoint since the primary's own backup."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.archive_commits(5)
    archive.backup()
    archive.archive_commits(5)
    standby = standby_of(archive, folder / "standby", clusters)
    archive.cluster.sql("CHECKPOINT")
    archive.commit(5)  # in a segment that nobody ends
    wait_until(lambda: commits_of(standby) == (15, 15), standby.log_tail)
    standby.sql("CHECKPOINT")
    return archive, standby


@pytest.fixture
def pushing(pair):
    """Begins a backup of the standby; waits for a file of it in the store."""
    archive, standby = pair
    running = []

    def begin(file, *options):
        push = archive.tool.with_environment(**standby.address()).start(
            "backup-push", "--checkpoint=fast", "--no-archive-check", *options, standby.data,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(push)
        base, known = archive.store.base, archive.store.backups()
        wait_until(
            lambda: [p for p in base.glob(f"*/{file}") if p.relative_to(base).parts[0] not in known],
            f"the backup does not come to {file}",
        )
        return push

    yield begin
    for push in running:
        push.kill()
        push.stderr.close()
        push.wait()


# What is in the store, and then what the backup does.
MOMENTS = {
    "while files are read": ("extended_version.txt", "--cluster-read-rate-limit=5000000"),
    "while WAL is awaited": ("tar_partitions/part_00000001.tar.lzo",),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_promotion_ends_the_backup(moment, pair, pushing):
    archive, standby = pair
    before = archive.store.backups()
    push = pushing(*moment)
    standby.promote()
    error = decode(push.stderr.read())
    assert push.wait() == 1, error
    Outcome(1, "", error).error("promoted")
    assert archive.store.backups() == before
    assert {p.name[:34] for p in archive.store.base.iterdir()} <= {n[:34] for n in before}

    # The new primary is as good as any.
    standby.configure(
        archive_mode="on", archive_command=archive.tool.shell(archive.folder / "env2", "wal-push %p")
    )
    standby.stop()
    standby.start()
    archive.tool.with_environment(**standby.address()).run("backup-push", "--checkpoint=fast", standby.data)
    (new,) = set(archive.store.backups()) - set(before)
    assert new.startswith("base_00000002")


def test_a_name_that_is_taken(pair, pushing):
    """A standby without a restartpoint since its last backup begins the next one at the same place."""
    archive, standby = pair
    push = pushing(*MOMENTS["while WAL is awaited"])

    def ended():
        archive.archive_commits(1)
        return push.poll() is not None

    wait_until(ended, "the backup does not end", interval=0.2)
    assert push.returncode == 0, decode(push.stderr.read())
    before = snapshot(archive.store.base)
    again = archive.tool.with_environment(**standby.address()).run(
        "backup-push", "--checkpoint=fast", "--no-archive-check", standby.data, code=1
    )
    error = again.error(archive.store.backups()[-1], "CHECKPOINT on the primary")
    assert error.msg == "a backup of this name exists"
    assert snapshot(archive.store.base) == before


def control_of(cluster, label):
    printed = cluster.server_program("pg_controldata", "-D", cluster.data).stdout
    return re.search(rf"^{label}: +(.*)$", printed, re.MULTILINE).group(1)


def number(lsn):
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def test_little_memory_under_load(clusters, folder):
    """Pages leave a standby's few buffers long before its next restartpoint: the place up to which it
    must replay moves on all the time, and the WAL up to there has to be in the archive."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS, max_wal_size="64MB")
    primary = archive.cluster
    archive.archive_commits(5)
    bench = primary.pgbench("-i", "-s", "3", "-q")
    assert bench.wait() == 0, bench.stderr.read()
    bench.stderr.close()
    archive.backup()
    standby = standby_of(archive, folder / "standby", clusters, shared_buffers="128kB", max_wal_size="64MB")
    primary.sql("CHECKPOINT")
    before = set(archive.store.backups())
    load = primary.pgbench("-n", "-c", "2", "-T", "600", "-N")
    try:
        push = archive.tool.with_environment(**standby.address()).start(
            "backup-push", "--checkpoint=fast", "--no-archive-check",
            "--cluster-read-rate-limit=15000000", standby.data, stderr=subprocess.PIPE,
        )  # fmt: skip
        error = decode(push.stderr.read())
        push.stderr.close()
        assert push.wait() == 0, error
        stored = archive.store.segments()  # not later ones
    finally:
        load.terminate()
        load.communicate()
    (name,) = set(archive.store.backups()) - before

    # Nothing but what was proven when the backup was listed.
    store = Store(folder / "cut")
    archive.store.copy_to(store.root)
    sentinel = json.loads((store.base / f"{name}_backup_stop_sentinel.json").read_text())
    metadata = json.loads((store.base / name / "metadata.json").read_text())
    stop = sentinel["wal_segment_backup_stop"]
    assert stop in stored
    for segment in store.segments():
        if segment > stop:
            (store.wal / f"{segment}.lzo").unlink()

    copy = clusters.track(Cluster(folder / "copy"))
    tool = archive.tool.with_environment(**store.environment())
    tool.run("backup-fetch", copy.data, name)
    least = number(control_of(copy, "Minimum recovery ending location"))
    assert metadata["start_lsn"] + (1 << 20) < least <= metadata["finish_lsn"]
    archive.prepare_recovery(copy, tool=tool)
    finish_recovery(copy)
    log = copy.log.read_text()
    assert "consistent recovery state reached" in log
    # -N changes accounts and writes one line of history for each change.
    sums = copy.sql("SELECT sum(abalance) FROM pgbench_accounts; SELECT sum(delta) FROM pgbench_history").split("\n")
    assert sums[0] == sums[1]
    copy.sql("CREATE EXTENSION amcheck")
    copy.sql("SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = relam "
             "WHERE amname = 'btree' AND relpersistence <> 't'")  # fmt: skip


HOLDING = """\
#!/bin/sh
# $1 segment, $2 destination. The fetch of {segment} takes as long as `hold` is there.
if [ "$1" = {segment} ]; then
  touch {folder}/asked
  while [ -e {folder}/hold ]; do sleep 0.02; done
fi
exec {command}
"""


def test_promoted_while_it_restores(clusters, folder):
    """The promotion is asked for while a fetch is under way: all that the archive holds is replayed, and the
    new timeline goes on in the same archive."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.backup()
    segments = [archive.archive_commits(5) for _ in range(8)]
    archive.commit(5)  # these are in no complete segment
    wanted = (40, 40)
    archive.cluster.kill()

    copy = clusters.track(Cluster(folder / "copy"))
    archive.tool.run("backup-fetch", copy.data, "LATEST")
    fetch = archive.tool.shell(folder / "env2", 'wal-fetch "$1" "$2"')
    script = folder / "restore"
    script.write_text(HOLDING.format(segment=segments[3], folder=folder, command=fetch))
    script.chmod(0o755)
    (folder / "hold").touch()
    copy.recover(
        f"{script} %f %p", "standby", archive_mode="on",
        archive_command=archive.tool.shell(folder / "env3", "wal-push %p"),
    )  # fmt: skip
    copy.start(wait=False)
    wait_until((folder / "asked").exists, copy.log_tail)
    wait_until(lambda: "database system is ready to accept read-only" in copy.log.read_text(), copy.log_tail)
    before = snapshot(archive.store.root)
    copy.server_program("pg_ctl", "promote", "-s", "-W", "-D", copy.data)
    (folder / "hold").unlink()
    wait_until(lambda: copy.answers() and not copy.in_recovery(), copy.log_tail)
    assert commits_of(copy) == wanted
    copy.sql("INSERT INTO commits VALUES (41)")
    copy.wait_archived(copy.switch_wal())
    assert archive.store.has("wal_005/00000002.history.lzo")
    after = snapshot(archive.store.root)
    assert all(after[path] == state for path, state in before.items() if state[0] != "folder")
    prefetched = copy.wal_folder() / ".wal-e/prefetch"
    wait_until(lambda: not [p for p in prefetched.glob("*") if len(p.name) == 24], "segments are left over")

    again = clusters.track(archive.restore(folder / "again"))
    finish_recovery(again)
    assert commits_of(again) == (41, 41)
