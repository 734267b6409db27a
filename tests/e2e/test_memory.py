"""Memory does not grow with the cluster: the pool is the ceiling, whatever --pool-size asks for."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import SMALL_SEGMENTS
from support.postgres import children, ended_within

CEILING = 64 << 20
GIBIBYTE = 1 << 30


def peak_of(pid):
    """The highest resident size of wal-e so far, as this process or its children; 0 once it is gone."""
    total = 0
    for one in [pid, *children(pid)]:
        try:
            status = Path(f"/proc/{one}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if not status.startswith("Name:\twal-e\n"):
            continue
        for line in status.split("\n"):
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * 1024
    return total


def watch(process, until=lambda: False):
    """The peak of the process tree until it ends, or until the condition holds."""
    peak = 0
    while process.poll() is None and not until():
        peak = max(peak, peak_of(process.pid))
        time.sleep(0.005)
    return peak


@pytest.fixture(scope="module")
def archive(scratch, tool, install):
    from conftest import Clusters, new_folder

    made = Clusters(tool, install)
    archive = made.archive(new_folder(scratch)).start(SMALL_SEGMENTS)
    # Compresses little, so that every stage of the pipeline has blocks to hold.
    archive.cluster.sql(
        "CREATE TABLE noise AS SELECT string_agg(md5(random()::text), '') AS t "
        "FROM generate_series(1, 2000000) n GROUP BY n / 200; CHECKPOINT"
    )
    try:
        yield archive
    finally:
        made.stop()


@pytest.mark.parametrize("pool", [4, 16, 64])
def test_backup_and_restore(pool, archive, folder):
    push = archive.tool.start(
        "backup-push", "--checkpoint=fast", "-p", pool, archive.cluster.data, stderr=subprocess.PIPE
    )
    peak = watch(push)
    assert push.wait() == 0, push.stderr.read()
    push.stderr.close()
    assert 1 << 20 < peak <= CEILING, f"backup-push took {peak >> 20} MiB"
    fetch = archive.tool.start("backup-fetch", "-p", pool, folder / "restored", "LATEST")
    peak = watch(fetch)
    assert fetch.wait() == 0
    assert 1 << 20 < peak <= CEILING, f"backup-fetch took {peak >> 20} MiB"


@pytest.mark.parametrize("pool", [4, 16])
def test_a_relation_of_100_gib(pool, archive):
    """100 sparse segments are in the plan; enough of them are sent to see that nothing piles up."""
    database = archive.cluster.sql("SELECT oid FROM pg_database WHERE datname = 'postgres'")
    relation = archive.cluster.data / "base" / database / "999999"
    segments = [relation, *(relation.with_name(f"999999.{n}") for n in range(1, 100))]
    for path in segments:
        path.touch(0o600)
        os.truncate(path, GIBIBYTE)
    try:
        push = archive.tool.start(
            "backup-push", "--checkpoint=fast", "-p", pool, archive.cluster.data
        )
        stored = lambda: len(list(archive.store.base.glob("*/tar_partitions/part_*.lzo")))  # noqa: E731
        done = stored() + 2
        deadline = time.monotonic() + 180
        peak = watch(push, lambda: stored() >= done or time.monotonic() > deadline)
        assert push.poll() is None, "it ended early"
        assert stored() >= done, "two partitions take more than three minutes"
        push.send_signal(signal.SIGTERM)
        assert ended_within(push, 1.5) == 1
        assert peak <= CEILING, f"backup-push took {peak >> 20} MiB"
    finally:
        for path in segments:
            path.unlink()


def held_at_its_end(tool, *arguments):
    """strace lets it end only after so long that its peak is read for sure."""
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=exit_group",
              "-e", "inject=exit_group:delay_enter=300000"]  # fmt: skip
    return subprocess.Popen(
        [*strace, *tool.command(*arguments)], env=tool.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_wal(archive, folder, store):
    archive.cluster.sql("INSERT INTO noise SELECT * FROM noise LIMIT 100")
    name = archive.archive_commits()
    path = archive.cluster.wal_folder() / name
    store.wal.mkdir(parents=True)
    tool = archive.tool.with_environment(WALE_FILE_PREFIX=store.url)
    for arguments in (["wal-push", path], ["wal-fetch", name, folder / "fetched"]):
        process = held_at_its_end(tool, *arguments)
        peak = watch(process)
        assert process.wait() == 0
        assert 1 << 20 < peak <= CEILING, f"{arguments[0]} took {peak >> 20} MiB"
    assert (folder / "fetched").read_bytes() == path.read_bytes()
