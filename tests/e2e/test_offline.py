"""backup-push --while-offline: of servers that were shut down, on PostgreSQL 15 and 11."""

import fcntl
import json
import os
import struct
import subprocess
import tarfile

import pytest
from conftest import SMALL_SEGMENTS
from support.archive import commits_of, finish_recovery
from support.original import rows
from support.postgres import Cluster, wait_until
from support.tool import Store, assert_unchanged, snapshot

PUSH = ["backup-push", "--while-offline"]


def offline(tool, folder, version="PostgreSQL 15.18 (Debian 15.18-0+deb12u1)", does=""):
    """The tool where no server can be found, with a pg_config that prints `version`."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "pg_config").write_text(f"#!/bin/sh\n{does}\necho '{version}'\n")
    (programs / "pg_config").chmod(0o755)
    alone = tool.with_environment(PATH=f"{programs}:{tool.environment['PATH']}")
    for name in ("PGHOST", "PGPORT", "PGUSER"):
        alone.environment.pop(name)
    return alone


def checkpoint_of(cluster):
    """(where its record is, REDO, timeline) of the last one: ControlFileData of PostgreSQL 11 to 15."""
    return struct.unpack_from("<QQI", (cluster.data / "global/pg_control").read_bytes(), 32)


def control_data(cluster):
    """What PostgreSQL's own program says, which only Debian's server brings along."""
    lines = cluster.server_program("pg_controldata", cluster.data).stdout.split("\n")
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def members(store, name):
    """The names in the last partition, in their order."""
    last = sorted((store.base / name / "tar_partitions").iterdir())[-1]
    plain = subprocess.run(["lzop", "-dc", last], capture_output=True, check=True).stdout
    (store.root.parent / "last.tar").write_bytes(plain)
    with tarfile.open(store.root.parent / "last.tar") as tar:
        return tar.getnames()


def segment_of(cluster, size=1 << 20):
    """The segment that the last checkpoint begins in."""
    _, redo, timeline = checkpoint_of(cluster)
    return f"{timeline:08X}{redo >> 32:08X}{(redo & 0xFFFFFFFF) // size:08X}"


@pytest.fixture
def stopped(request, folder, clusters):
    """An archiving cluster that was shut down, with an unlogged table and one in a tablespace."""
    archive = clusters.archive(folder, getattr(request, "param", "15")).start(SMALL_SEGMENTS)
    cluster = archive.cluster
    (folder / "ts").mkdir()
    cluster.sql(f"CREATE TABLESPACE ts LOCATION '{folder}/ts'")
    cluster.sql("CREATE TABLE t TABLESPACE ts AS SELECT n FROM generate_series(1, 1000) n")
    cluster.sql("CREATE UNLOGGED TABLE u AS SELECT n FROM generate_series(1, 10) n")
    archive.archive_commits(10)
    archive.commit(10)
    archive.wanted = cluster.table_sums()
    cluster.stop()
    return archive


@pytest.mark.parametrize("stopped", ["11", "15"], indirect=True)
def test_it_starts_without_any_archive(stopped, folder, clusters):
    """All it needs is in it: the segment of the checkpoint was not archived."""
    cluster, store = stopped.cluster, stopped.store
    before = snapshot(cluster.data, folder / "ts")
    offline(stopped.tool, folder).run(*PUSH, cluster.data)
    assert_unchanged(before, cluster.data, folder / "ts")

    (name,) = store.backups()
    segment = segment_of(cluster)
    assert name == f"base_{segment}_{checkpoint_of(cluster)[1] % (1 << 20):08d}"
    sentinel = json.loads((store.base / f"{name}_backup_stop_sentinel.json").read_text())
    assert sentinel["wal_segment_backup_stop"] == segment
    assert sentinel["wal_segment_offset_backup_stop"] == name[-8:]
    assert members(store, name) == [f"pg_wal/{segment}", "global/pg_control"]
    text = (store.base / name / "extended_version.txt").read_text()
    fifteen = cluster.major == "15"
    assert text == ("PostgreSQL 15.18 (Debian 15.18-0+deb12u1)" if fifteen else "PostgreSQL 11")
    (listed,) = json.loads(stopped.tool.run("backup-list", "--json").out)
    assert listed["pg_version"] == (150018 if fifteen else 110000)

    (oid,) = sentinel["spec"]["tablespaces"]
    spec = {oid: {"loc": f"{folder}/ts-of-copy"}}
    (folder / "spec").write_text(json.dumps(spec))
    copy = clusters.track(Cluster(folder / "copy", cluster.major, cluster.install))
    stopped.tool.run("backup-fetch", "--restore-spec", folder / "spec", copy.data, name)
    assert not list(copy.data.glob("*label*")) and not list(copy.data.glob("tablespace_map*"))
    copy.configure(archive_mode="off").start()
    assert "redo starts" not in copy.log.read_text()
    assert copy.table_sums() == stopped.wanted and commits_of(copy) == (20, 20)
    assert copy.sql("SELECT count(*) FROM u") == "10"
    assert copy.sql("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'ts'") == (
        f"{folder}/ts-of-copy"
    )
    copy.sql("INSERT INTO commits VALUES (21); CHECKPOINT")


@pytest.mark.parametrize("stopped", ["11", "15"], indirect=True)
def test_it_recovers_to_what_came_later(stopped, folder, clusters):
    offline(stopped.tool, folder).run(*PUSH, stopped.cluster.data)
    stopped.cluster.start()
    stopped.archive_commits(10)
    wanted = stopped.cluster.table_sums()
    copy = clusters.track(Cluster(folder / "copy", stopped.cluster.major, stopped.cluster.install))
    stopped.tool.run("backup-fetch", "--blind-restore", copy.data, "LATEST")
    stopped.prepare_recovery(copy, allow_in_place_tablespaces="on")
    finish_recovery(copy)
    assert commits_of(copy) == (30, 30)
    sums = copy.table_sums()
    assert sums.pop("u") == ("0", "0"), "recovery empties unlogged tables"
    assert wanted.pop("u")[0] == "10" and sums == wanted

    # On its own timeline, under a prefix that its history file was never archived to.
    copy.stop()
    other = Store(folder / "other-store")
    offline(stopped.tool, folder).with_environment(**other.environment()).run(*PUSH, copy.data)
    assert other.has("wal_005/00000002.history.lzo")
    assert other.backups()[0].startswith("base_00000002")


@pytest.mark.parametrize("stopped", ["11", "15"], indirect=True)
def test_what_the_archive_holds_is_not_in_it(stopped, folder, clusters):
    segment = segment_of(stopped.cluster)
    stopped.tool.run("wal-push", stopped.cluster.wal_folder() / segment)
    offline(stopped.tool, folder).run(*PUSH, stopped.cluster.data)
    (name,) = stopped.store.backups()
    assert members(stopped.store, name) == ["global/pg_control"]
    copy = clusters.track(Cluster(folder / "copy", stopped.cluster.major, stopped.cluster.install))
    stopped.tool.run("backup-fetch", "--blind-restore", copy.data, name)
    stopped.prepare_recovery(copy, allow_in_place_tablespaces="on")
    assert commits_of(finish_recovery(copy)) == (20, 20)


def end_segment_but_for(cluster, left):
    """Writes WAL until `left` bytes of the segment are left; records lie within one page by then."""
    emit = "SELECT pg_logical_emit_message(false, 'p', repeat('x', {}))"

    def remaining():
        position = cluster.sql("SELECT pg_current_wal_insert_lsn()").split("/")[1]
        return (1 << 20) - int(position, 16) % (1 << 20)

    while (room := remaining()) > 6000:
        cluster.sql(emit.format(min(room - 5000, 100000)))
    cluster.sql(emit.format(200))
    overhead = room - remaining() - 200
    cluster.sql(emit.format(remaining() - left - overhead))
    return remaining()


def test_the_last_record_reaches_into_the_next_segment(folder, clusters):
    """Which then is needed as well; without archiving a server ends no segment when it stops."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.cluster.configure(archive_mode="off").stop()
    for _ in range(10):  # the server may write a record of its own in between
        archive.cluster.start()
        end_segment_but_for(archive.cluster, 64)
        archive.cluster.stop()
        if (1 << 20) - checkpoint_of(archive.cluster)[0] % (1 << 20) == 64:
            break
    first = segment_of(archive.cluster)
    offline(archive.tool, folder).run(*PUSH, archive.cluster.data)
    (name,) = archive.store.backups()
    following = f"{first[:16]}{int(first[16:], 16) + 1:08X}"
    assert members(archive.store, name) == [f"pg_wal/{first}", f"pg_wal/{following}", "global/pg_control"]
    copy = clusters.track(Cluster(folder / "copy", "15", archive.cluster.install))
    archive.tool.run("backup-fetch", copy.data, name)
    copy.configure(archive_mode="off").start()
    assert copy.answers()


def test_of_a_standby(folder, clusters):
    """What it has streamed and nobody has archived goes along, up to its minRecoveryPoint."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.commit(10)
    archive.backup()
    archive.archive_commits(10)
    standby = clusters.track(archive.restore(folder / "standby"))
    (standby.data / "recovery.signal").rename(standby.data / "standby.signal")
    address = archive.cluster.address().items()
    standby.configure(primary_conninfo=" ".join(f"{k[2:].lower()}={v}" for k, v in address)).start()
    archive.stop_archiving()
    archive.commit(10)
    archive.cluster.sql("CHECKPOINT")  # without a later restartpoint it has the name of the first backup
    archive.cluster.sql("CREATE TABLE filler AS SELECT n, repeat('x', 500) FROM generate_series(1, 5000) n")
    archive.commit(10)
    commits = commits_of(archive.cluster)
    wait_until(lambda: commits_of(standby) == commits, standby.log_tail)
    wanted = archive.cluster.table_sums()
    standby.stop()
    archive.cluster.stop()

    control = control_data(standby)
    assert control["Database cluster state"] == "shut down in recovery"
    before = set(archive.store.backups())
    offline(archive.tool, folder).run(*PUSH, standby.data)
    (name,) = set(archive.store.backups()) - before
    carried = members(archive.store, name)
    assert len(carried) > 3 and carried[-1] == "global/pg_control"
    assert not set(carried) & {f"pg_wal/{s}" for s in archive.store.segments()}
    end = int(control["Minimum recovery ending location"].split("/")[1], 16)
    assert int(carried[-2][-8:], 16) == (end - 1) >> 20

    copy = clusters.track(archive.restore(folder / "copy", name))
    finish_recovery(copy)
    assert copy.table_sums() == wanted and commits_of(copy) == commits


def test_refused_unless_it_was_shut_down(folder, clusters):
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    tool = offline(archive.tool, folder)
    before = snapshot(archive.store.root)
    error = tool.run(*PUSH, archive.cluster.data, code=1).error("postmaster.pid")
    assert error.msg == "while_offline set, but pg looks to be running"
    archive.cluster.kill()
    tool.run(*PUSH, archive.cluster.data, code=1).error("was not shut down", "in production")
    assert not archive.store.backups()
    assert_unchanged(before, archive.store.root)


def test_refusals(stopped, folder):
    data, store = stopped.cluster.data, stopped.store
    tool = offline(stopped.tool, folder)
    segment = stopped.cluster.wal_folder() / segment_of(stopped.cluster)
    content = segment.read_bytes()
    for damaged in (None, b"", content[:-1], b"\0" * len(content)):
        segment.unlink(missing_ok=True)
        if damaged is not None:
            segment.write_bytes(damaged)
        tool.run(*PUSH, data, code=1).error(segment.name, "neither")
        assert not [p for p in store.objects() if "basebackups" in str(p)]
    segment.write_bytes(content)

    locked = os.open(data, os.O_RDONLY)
    fcntl.flock(locked, fcntl.LOCK_EX)
    tool.run(*PUSH, data, code=1).error("another backup or restore of this directory is running")
    os.close(locked)

    tool.run(*PUSH, data)
    before = snapshot(store.root)
    tool.run(*PUSH, data, code=1).error("a backup of this name exists")
    assert_unchanged(before, store.root)


@pytest.mark.parametrize("stays", [True, False])
def test_started_while_it_is_copied(stopped, folder, stays):
    """The pg_config that the backup asks for its version first of all starts the server."""
    program = stopped.cluster.install / "bin/pg_ctl"
    start = f"{program} start -s -w -D {stopped.cluster.data} -l {stopped.cluster.log} >/dev/null 2>&1"
    stop = f"{program} stop -s -w -D {stopped.cluster.data} >/dev/null 2>&1"
    tool = offline(stopped.tool, folder, does=start if stays else f"{start}; {stop}")
    run = tool.run(*PUSH, stopped.cluster.data, code=1)
    run.error("looks to be running" if stays else "was started during the backup")
    assert not [p for p in stopped.store.objects() if "basebackups" in str(p)]


def test_wal_e_restores_ours(folder, clusters, original):
    archive = clusters.archive(folder, "13").start()
    archive.commit(10)
    archive.cluster.stop()
    offline(archive.tool, folder).run(*PUSH, archive.cluster.data)
    theirs = original.with_environment(WALE_FILE_PREFIX=archive.store.url)
    assert [row["name"] for row in rows(theirs.run("backup-list"))] == archive.store.backups()
    copy = clusters.cluster(folder / "copy", "13")
    theirs.run("backup-fetch", copy.data, "LATEST")
    copy.data.chmod(0o700)
    copy.configure(archive_mode="off").start()
    assert commits_of(copy) == (10, 10)


def test_we_restore_theirs(folder, clusters, original):
    """WAL-E takes two digits of the position for the segment; it archives no WAL with it."""
    archive = clusters.archive(folder, "13", tool=original).start()
    archive.commit(10)
    archive.cluster.stop()
    segment = segment_of(archive.cluster, 16 << 20)
    _, redo, _ = checkpoint_of(archive.cluster)
    theirs = offline(archive.tool, folder, f"BINDIR = {folder}/programs\nVERSION = PostgreSQL 13.14")
    said = {
        "Latest checkpoint's REDO location": f"{redo >> 32:X}/{redo & 0xFFFFFFFF:X}",
        "Latest checkpoint's TimeLineID": 1,
    }
    lines = "\n".join(f"{name}:    {value}" for name, value in said.items())
    (folder / "programs/pg_controldata").write_text(f'#!/bin/sh\ncat <<"END"\n{lines}\nEND\n')
    (folder / "programs/pg_controldata").chmod(0o755)
    theirs.run(*PUSH, archive.cluster.data)
    (name,) = archive.store.backups()
    ours = clusters.tool.with_environment(WALE_FILE_PREFIX=archive.store.url)
    assert name in ours.run("backup-list").out
    ours.run("wal-push", archive.cluster.wal_folder() / segment)
    copy = clusters.cluster(folder / "copy", "13")
    ours.run("backup-fetch", copy.data, name)
    (copy.data / "pg_hba.conf").write_text("local all all trust\n")
    copy.recover(ours.shell(folder / "env-of-ours", 'wal-fetch "%f" "%p"'), archive_mode="off")
    assert commits_of(finish_recovery(copy)) == (10, 10)
