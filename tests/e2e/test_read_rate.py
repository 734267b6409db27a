"""--cluster-read-rate-limit, judged by what the kernel says that the process has read."""

import subprocess
import time
from pathlib import Path

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.tool import decode

MEBIBYTE = 1 << 20
PADDING = 280 * MEBIBYTE  # of no blocks: four partitions, and nothing to compress
LIMIT = 64_000_000


@pytest.fixture(scope="module")
def archive(scratch, tool, install):
    clusters = Clusters(tool, install)
    archive = clusters.archive(new_folder(scratch)).start(SMALL_SEGMENTS)
    archive.archive_commits()
    for number in range(7):
        with open(archive.cluster.data / f"base/1/padding_{number}", "wb") as file:
            file.truncate(PADDING // 7)
    yield archive
    clusters.stop()


def bytes_read(pid):
    """By read(2) and pread(2), from the page cache too; io_uring's are not counted."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def watch(process):
    """[(before, after, bytes)]: between the two moments so many had been read."""
    samples = []
    while process.poll() is None:
        before = time.monotonic()
        try:
            count = bytes_read(process.pid)
        except OSError:
            continue  # it has just ended
        samples.append((before, time.monotonic(), count))
        time.sleep(0.01)
    return samples


def best_rate_over(seconds, samples):
    """The highest that is certain over so long a time, in bytes a second. The slower ones may be due to
    other processes, who take the processors and the disk."""
    best, first = 0, 0
    for before, after, count in samples:
        while before - samples[first + 1][1] >= seconds:
            first += 1
        if before - samples[first][1] >= seconds:
            best = max(best, (count - samples[first][2]) / (after - samples[first][0]))
    return best


def most_in(seconds, samples):
    """The most that is certain to have been read within so many seconds."""
    most, first = 0, 0
    for _, after, count in samples:
        while after - samples[first][0] > seconds:
            first += 1
        most = max(most, count - samples[first][2])
    return most


class Push:
    """A backup under the limit, which may take so long for what it has to read."""

    def __init__(self, archive, engine, pool):
        data = archive.cluster.data
        self.size = sum(p.stat().st_size for p in data.rglob("*") if p.is_file() and "pg_wal" not in p.parts)
        process = archive.tool.with_environment(WALE_IO=engine).start(
            "backup-push", "--checkpoint=fast", f"--cluster-read-rate-limit={LIMIT}", f"-p{pool}",
            data, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.samples = watch(process)
        error = decode(process.stderr.read())
        process.stderr.close()
        assert process.wait() == 0, error
        parts = archive.store.base / archive.store.backups()[-1] / "tar_partitions"
        assert len(list(parts.iterdir())) >= (2 if pool == 1 else 5)

    def seconds(self):
        return self.samples[-1][1] - self.samples[0][0]

    def is_in_time(self):
        return self.seconds() <= self.size / LIMIT * 1.05 + 1


def check_pace(push):
    total = push.samples[-1][2]
    assert total > PADDING
    assert most_in(2, push.samples) <= 1.05 * 2 * LIMIT
    begun = next(before for before, _, count in push.samples if count > MEBIBYTE)
    ended = next(after for _, after, count in push.samples if count >= total - MEBIBYTE)
    assert ended - begun >= (total - 2 * MEBIBYTE) / LIMIT * 0.95


# Other processes take the processors and the disk: one of so many runs must be as fast as it may be.
RUNS = 5


@pytest.mark.parametrize("pool", [1, 4])
def test_no_two_seconds_read_more(pool, archive):
    for _ in range(RUNS):
        push = Push(archive, "threads", pool)  # the ring's reads are not counted
        check_pace(push)
        if push.is_in_time() and best_rate_over(1, push.samples) >= 0.9 * LIMIT:
            return
    pytest.fail(f"{push.size} bytes took {push.seconds()} s")


def test_the_ring_reads_no_faster_and_no_slower(archive):
    for _ in range(RUNS):
        push = Push(archive, "ring", 4)
        assert push.seconds() >= PADDING / LIMIT * 0.95
        if push.is_in_time():
            return
    pytest.fail(f"{push.size} bytes took {push.seconds()} s")


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "1k", ""])
def test_a_rate_is_a_number_of_bytes(rate, archive):
    run = archive.tool.run(
        "backup-push", f"--cluster-read-rate-limit={rate}", archive.cluster.data, code=2
    )
    run.error("cluster-read-rate-limit")
