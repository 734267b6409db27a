"""wal-fetch finds the next segments at hand, and never serves one that is torn, stale or not asked for."""

import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.archive import commits_of, finish_recovery
from support.crash import unpacked
from support.postgres import Cluster, wait_until
from support.tool import Tool

SEGMENTS = 60
KILLS = 20
SEED = 20261121
PROMOTED = "promoted prefetched wal segment"
AHEAD = "the file was archived ahead of its turn"


@pytest.fixture(scope="module")
def archive(scratch, tool, install):
    """A backup, and then many segments."""
    made = Clusters(tool, install)
    archive = made.archive(new_folder(scratch)).start(SMALL_SEGMENTS)
    try:
        archive.backup()
        for _ in range(SEGMENTS):
            archive.commit(2)
            last = archive.cluster.switch_wal()
        archive.wait_stored(last)
        yield archive
    finally:
        made.stop()


def prefetchers(folder):
    """Processes of wal-prefetch that work below the folder."""
    found, below = [], bytes(folder) + b"/"
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"wal-prefetch" in words and any(below in w + b"/" for w in words[-5:]):
            found.append(int(entry.name))
    return found


def area(cluster):
    return cluster.wal_folder() / ".wal-e/prefetch"


def held(cluster):
    """Names of the segments in the area."""
    folder = area(cluster)
    return sorted(p.name for p in folder.iterdir() if re.fullmatch("[0-9A-F]{24}", p.name)) if folder.exists() else []


class Restore:
    """A copy of the backup whose restore_command writes down what it says."""

    def __init__(self, archive, folder, clusters, mode="recovery", options="", tool=None, **settings):
        self.log = folder / "fetches"
        tool = tool or archive.tool
        self.cluster = clusters.track(Cluster(folder / "pg"))
        tool.run("backup-fetch", self.cluster.data, archive.store.backups()[0])
        command = tool.shell(folder / "env", f'wal-fetch {options} "%f" "%p"')
        self.cluster.recover(
            f"{command} 2>> {self.log}", mode, archive_mode="off",
            wal_retrieve_retry_interval="100ms", **settings,
        )  # fmt: skip

    def count(self, message):
        return self.log.read_text().count(message) if self.log.exists() else 0

    def no_prefetcher_is_left(self):
        wait_until(lambda: not prefetchers(self.cluster.folder), "a prefetcher lives on", 20)


@pytest.mark.parametrize("engine", ["ring", "threads"])
def test_a_recovery_is_prefetched(archive, folder, clusters, engine):
    restore = Restore(archive, folder, clusters, tool=archive.tool.with_environment(WALE_IO=engine))
    finish_recovery(restore.cluster)
    assert commits_of(restore.cluster) == commits_of(archive.cluster)
    assert restore.count(PROMOTED) > SEGMENTS // 2
    # Recovery is over: nothing is kept for it.
    restore.no_prefetcher_is_left()
    assert held(restore.cluster) == []
    assert list((area(restore.cluster) / "running").iterdir()) == []


def test_none_with_zero(archive, folder, clusters):
    restore = Restore(archive, folder, clusters, options="-p 0")
    finish_recovery(restore.cluster)
    assert restore.count(PROMOTED) == 0 and not area(restore.cluster).exists()


def test_a_standby_follows(archive, folder, clusters):
    restore = Restore(archive, folder, clusters, "standby")
    standby = restore.cluster.start()
    for _ in range(3):
        archive.archive_commits(5)
        wait_until(
            lambda: commits_of(standby) == commits_of(archive.cluster), standby.log_tail
        )
    assert restore.count(PROMOTED) > SEGMENTS // 2
    standby.promote()
    restore.no_prefetcher_is_left()


def paused_standby(archive, folder, clusters):
    """A standby that stands still in the middle of its recovery, with the window behind it full."""
    target = archive.store.segments()[SEGMENTS // 2]
    restore = Restore(
        archive, folder, clusters, "standby", recovery_target_lsn=f"0/{int(target[16:], 16):X}00000",
        recovery_target_action="pause",
    )  # fmt: skip
    standby = restore.cluster.start()
    wait_until(lambda: standby.sql("SELECT pg_get_wal_replay_pause_state()") == "paused", standby.log_tail)
    wait_until(lambda: len(held(standby)) == 8, "the window does not fill")
    return restore


def test_a_stop_takes_the_prefetcher_along(archive, folder, clusters):
    restore = paused_standby(archive, folder, clusters)
    (prefetcher,) = prefetchers(folder)
    assert os.getsid(prefetcher) == prefetcher and os.readlink(f"/proc/{prefetcher}/cwd") == "/"
    began = time.monotonic()
    restore.cluster.stop()
    assert time.monotonic() - began < 30
    restore.no_prefetcher_is_left()
    assert held(restore.cluster) == []
    shutil.rmtree(restore.cluster.data)


def test_a_killed_server_takes_the_prefetcher_along(archive, folder, clusters):
    restore = paused_standby(archive, folder, clusters)
    restore.cluster.kill()
    restore.no_prefetcher_is_left()
    assert held(restore.cluster) == []


def test_only_one_runs_and_the_window_is_bounded(archive, folder, clusters):
    restore = paused_standby(archive, folder, clusters)
    assert len(prefetchers(folder)) == 1
    last = restore.log.read_text().rpartition("seg=")[2][:24]
    window = [f"{last[:16]}{int(last[16:], 16) + n:08X}" for n in range(1, 9)]
    # Those before it are removed in a moment.
    wait_until(lambda: held(restore.cluster) == window, lambda: f"{held(restore.cluster)}, not {window}")
    for name in held(restore.cluster):
        path = area(restore.cluster) / name
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes() == unpacked(archive.store.wal / f"{name}.lzo")


def test_a_timeline_switch(archive, folder, clusters, tool):
    """The copy promotes in the middle of the old timeline, whose later segments stay in the archive."""
    target = archive.store.segments()[SEGMENTS // 2]
    first = Restore(
        archive, folder / "first", clusters, recovery_target_action="promote",
        recovery_target_lsn=f"0/{int(target[16:], 16):X}00000",
    ).cluster  # fmt: skip
    first.configure(
        archive_mode="on", archive_command=archive.tool.shell(folder / "env", "wal-push %p")
    )
    finish_recovery(first)
    first.sql("CREATE TABLE second_timeline (n int); INSERT INTO second_timeline VALUES (1)")
    segments = [first.switch_wal() for _ in range(20)]
    first.wait_archived(segments[-1])
    first.stop()
    assert segments[-1].startswith("00000002")
    second = Restore(archive, folder / "second", clusters, recovery_target_timeline="latest")
    finish_recovery(second.cluster)
    assert second.cluster.sql("SELECT n FROM second_timeline") == "1"
    assert commits_of(second.cluster) == commits_of_lines(first)
    assert second.count(PROMOTED) > SEGMENTS // 4
    second.no_prefetcher_is_left()
    for path in archive.store.wal.glob("00000002*"):
        path.unlink()


def commits_of_lines(cluster):
    cluster.start()
    try:
        return commits_of(cluster)
    finally:
        cluster.stop()


def test_killed_prefetchers(archive, folder, clusters):
    restore = Restore(archive, folder, clusters, "standby")
    chance = random.Random(SEED)
    killed, ended = set(), threading.Event()

    def kill_some():
        while len(killed) < KILLS and not ended.is_set():
            for pid in prefetchers(folder):
                time.sleep(chance.uniform(0, 0.02))
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
                except ProcessLookupError:
                    pass

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        standby = restore.cluster.start()
        follows = lambda: commits_of(standby) == commits_of(archive.cluster)  # noqa: E731
        wait_until(follows, standby.log_tail)
        # Each new segment brings a new one.
        wait_until(lambda: len(killed) >= 5 or not archive.archive_commits(), "too few are killed")
        wait_until(follows, standby.log_tail)
    finally:
        ended.set()
        killer.join()
    assert "invalid" not in standby.log.read_text()


class Host:
    """A data directory in recovery, without its server."""

    def __init__(self, archive, folder):
        self.tool, self.store = archive.tool, archive.store
        self.data = folder / "data"
        archive.tool.run("backup-fetch", self.data, archive.store.backups()[0])
        (self.data / "standby.signal").touch()
        self.wal = self.data / "pg_wal"
        self.area = self.wal / ".wal-e/prefetch"
        self.destination = self.wal / "RECOVERYXLOG"

    def fetch(self, segment, tool=None, **run):
        self.destination.unlink(missing_ok=True)
        outcome = (tool or self.tool).run("wal-fetch", segment, "pg_wal/RECOVERYXLOG", cwd=self.data, **run)
        if outcome.code == 0:
            assert self.destination.read_bytes() == unpacked(self.store.wal / f"{segment}.lzo")
        return outcome


@pytest.fixture
def host(archive, folder):
    return Host(archive, folder)


def test_by_hand(host):
    segment = host.store.segments()[5]
    host.tool.run("wal-prefetch", host.wal, segment)
    assert (host.area / segment).exists() and not list((host.area / "running").iterdir())
    assert host.fetch(segment).messages() == [PROMOTED]
    # Without a server nothing is started.
    assert PROMOTED not in host.fetch(segment).messages() and prefetchers(host.data) == []


def test_absent(host):
    host.tool.run("wal-prefetch", "-p", "3", host.wal, "0000000100000000000000FD")
    assert [p.name for p in host.area.iterdir() if p.name != "lock"] == ["running"]


@pytest.mark.parametrize("obstacle", ["a file", "a closed directory"])
def test_an_area_that_cannot_be_made_is_only_a_warning(host, obstacle):
    area = host.wal / ".wal-e"
    shutil.rmtree(area, ignore_errors=True)
    area.mkdir(0o500) if obstacle == "a closed directory" else area.write_text("")
    fetched = host.fetch(host.store.segments()[3])
    assert "could not create prefetch directory" in fetched.messages("WARNING")
    assert not prefetchers(host.data)
    if obstacle == "a closed directory":
        area.chmod(0o700)


def test_outside_of_recovery_what_is_there_goes(host):
    first, second = host.store.segments()[5:7]
    host.tool.run("wal-prefetch", "-p", "2", host.wal, first)
    (host.data / "standby.signal").unlink()
    assert PROMOTED not in host.fetch(first).messages()
    assert not (host.area / first).exists() and not (host.area / second).exists()


@pytest.mark.parametrize("damage", ["other archive", "torn", "no record", "written to", "copy"])
def test_stale_or_torn_ones_are_not_served(damage, host, folder):
    segment = host.store.segments()[5]
    host.tool.run("wal-prefetch", host.wal, segment)
    path, tool = host.area / segment, None
    if damage == "other archive":
        host.store.copy_to(folder / "other")
        tool = host.tool.with_environment(WALE_FILE_PREFIX=f"file://localhost{folder}/other")
    elif damage == "torn":
        os.truncate(path, 8192)
    elif damage == "no record":
        path.with_name(f"{segment}.record").unlink()
    elif damage == "written to":
        with open(path, "r+b") as file:
            file.seek(5000)
            file.write(b"xxxx")
        os.utime(path, ns=(0, time.time_ns()))
    else:
        shutil.copy2(path, folder / "copy")
        os.replace(folder / "copy", path)
    assert PROMOTED not in host.fetch(segment, tool).messages()
    assert not path.exists()


def test_a_damaged_object_is_not_published(host, folder):
    segments = host.store.segments()[5:8]
    copy = folder / "copy"
    host.store.copy_to(copy)
    # A whole segment with a byte more or less, whose digest stayed: what a bad disk or a bug makes.
    os.setxattr(copy / f"wal_005/{segments[1]}.lzo", "user.wale.sha256", b"0" * 64)
    tool = host.tool.with_environment(WALE_FILE_PREFIX=f"file://localhost{copy}")
    tool.run("wal-prefetch", "-p", "3", host.wal, segments[0], code=1)
    assert (host.area / segments[0]).exists() and not (host.area / segments[1]).exists()


def test_killed_at_random_moments(host):
    """Whatever is left of a prefetch, what is served is whole."""
    chance = random.Random(SEED)
    segments = host.store.segments()
    began = time.monotonic()
    host.tool.run("wal-prefetch", "-p", "8", host.wal, segments[2])
    usual = time.monotonic() - began
    for _ in range(2 * KILLS):
        first = chance.randrange(2, SEGMENTS - 10)
        process = host.tool.start("wal-prefetch", "-p", "8", host.wal, segments[first])
        time.sleep(chance.uniform(0, usual))
        process.kill()
        process.wait()
        for segment in segments[first : first + 3]:
            host.fetch(segment)


def each_killed(run):
    """run(1), run(2), ... until one lives to its end; returns how many were killed."""
    for step in itertools.count(1):
        code = run(step)
        if code == 0:
            return step - 1
        assert code == -signal.SIGKILL, f"exit {code} at step {step}"


def test_killed_at_every_step(host, failpoint_binary):
    """At each operation on a file, then at each name that is given."""
    segments = host.store.segments()[5:8]
    words = ["wal-prefetch", "-p", "3", host.wal, segments[0]]
    failing = Tool(failpoint_binary)
    failing.environment = dict(host.tool.environment)
    fetched_after = []

    def at_operation(step):
        code = failing.with_environment(WALE_FAILPOINT=f"kill:{step}").run(*words, code=None).code
        fetched_after.append([host.fetch(segment).messages() == [PROMOTED] for segment in segments])
        return code

    def at_name(step):
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject=/^rename:signal=KILL:when={step}"]
        line = [*strace, *host.tool.command(*words)]
        code = subprocess.run(line, env=host.tool.environment, capture_output=True).returncode
        fetched_after.append([host.fetch(segment).messages() == [PROMOTED] for segment in segments])
        return code

    assert each_killed(at_operation) > 10 * len(segments)
    assert fetched_after[0] == [False] * len(segments) and fetched_after[-1] == [True] * len(segments)
    # A file that is whole, its record, and then the name that is looked for.
    assert each_killed(at_name) == 3 * len(segments)
    assert fetched_after[-1] == [True] * len(segments)


@contextlib.contextmanager
def slow_prefetch(archive, wal_folder, first):
    """While the block runs, a prefetch does: it has one segment, and reads of the next one take a minute."""
    following = archive.store.segments()[archive.store.segments().index(first) + 1]
    slow = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", archive.store.wal / f"{following}.lzo",
            "-e", "trace=pread64", "-e", "inject=pread64:delay_enter=60s"]  # fmt: skip
    process = subprocess.Popen(
        [*slow, *archive.tool.command("wal-prefetch", "-p", 3, wal_folder, first)],
        env={**archive.tool.environment, "WALE_IO": "threads"}, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    area = wal_folder / ".wal-e/prefetch"
    try:
        wait_until(
            lambda: (area / first).exists() and list((area / f"running/{following}").glob(".wal-e-*")),
            "the prefetch does not come to its second segment",
        )
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def leave_acknowledgement(archive, server):
    """The segment that is stored, but still to be archived by the server, which has it on record."""
    server.configure(archive_command="/bin/false")
    server.reload()

    def fails():
        server.switch_wal()
        return server.sql("SELECT failed_count > 0 FROM pg_stat_archiver") == "t"

    wait_until(fails, "the archiver does not fail", interval=0.2)
    first, second = [server.switch_wal() for _ in range(2)]

    def left():
        archive.tool.run("wal-push", server.wal_folder() / first)
        return list((server.wal_folder() / ".wal-e").glob(f"ack-{second}*"))

    wait_until(left, "the neighbour is not on record")
    assert archive.tool.run("wal-push", server.wal_folder() / second).messages() == [AHEAD]
    return second


def test_pg_rewind(folder, clusters, tool):
    """Both servers have prefetched segments and records lying about, and a prefetch that runs: none of them
    is in the way, and what was true of a file of one server is not believed of its copy."""
    archive = clusters.archive(folder / "a").start(SMALL_SEGMENTS, wal_log_hints="on")
    archive.backup()
    archive.archive_commits(5)
    a = archive.cluster
    b = Restore(archive, folder / "b", clusters, "standby").cluster.start()
    wait_until(lambda: commits_of(b) == commits_of(a), b.log_tail)
    b.promote()
    b.configure(archive_mode="on", archive_command=archive.tool.shell(folder / "env", "wal-push %p"))
    b.stop()
    b.start()
    b.sql("INSERT INTO commits VALUES (1001)")
    segment = b.switch_wal()
    b.wait_archived(segment)
    acknowledged = leave_acknowledgement(archive, b)
    a.sql("INSERT INTO commits VALUES (2001); CHECKPOINT")  # lost by the rewind
    a.stop()
    b.stop()
    segments = archive.store.segments()
    command = archive.tool.shell(folder / "env-rewind", 'wal-fetch "%f" "%p"')
    a.configure(archive_mode="off", restore_command=command)
    with (
        slow_prefetch(archive, a.wal_folder(), segments[0]) as of_a,
        slow_prefetch(archive, b.wal_folder(), segments[0]) as of_b,
    ):
        assert of_a.poll() is None and of_b.poll() is None
        a.server_program("pg_rewind", "-D", a.data, "--source-pgdata", b.data, "-c")
        assert of_a.poll() is None and of_b.poll() is None
    assert list((a.wal_folder() / ".wal-e").glob(f"ack-{acknowledged}*")), "pg_rewind has not brought it"
    pushed = archive.tool.run("wal-push", a.wal_folder() / acknowledged).messages()
    assert "the file is archived already, with the same content" in pushed and AHEAD not in pushed
    a.configure()  # pg_rewind took b's configuration
    a.recover(command, "standby", archive_mode="off")
    a.start()
    found = "SELECT max(id), count(*) FILTER (WHERE id = 2001) FROM commits"
    wait_until(lambda: a.sql(found) == "1001|0", a.log_tail)
    assert not prefetchers(b.folder)
