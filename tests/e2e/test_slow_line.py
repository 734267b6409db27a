"""Large segments over a line that is fast enough for small ones."""

import os
import struct
import time

import pytest
from support.s3.fault_proxy import DOWN, UP

MEBIBYTE = 1 << 20
SEGMENT = 16 * MEBIBYTE


@pytest.fixture
def s3_store(new_bucket, moto):
    return new_bucket(moto)


def test_a_large_segment_has_more_time(clusters, folder, tool, s3_store, new_proxy):
    """One of 32 MiB that does not compress, at a rate that brings 16 MiB within the usual 15 seconds."""
    data = clusters.cluster(folder / "pg").initdb("--wal-segsize=32").data
    segment = folder / "000000010000000000000001"
    with open(data / "pg_wal" / segment.name, "rb") as made, open(segment, "wb") as noise:
        noise.write(made.read(8192))
        noise.write(os.urandom(32 * MEBIBYTE - 8192))
    tool.with_environment(**s3_store.environment()).run("wal-push", segment)

    proxy = new_proxy(s3_store.server.url)
    proxy.slow_down(DOWN, 2 * MEBIBYTE)
    fetched = data / "pg_wal/RECOVERYXLOG"
    tool.with_environment(**s3_store.at(endpoint=proxy.url).environment()).run("wal-fetch", segment.name, fetched)
    assert fetched.read_bytes() == segment.read_bytes()


def test_neighbours_leave_a_slow_line_to_the_named_one(folder, tool, s3_store, new_proxy):
    """Segments that do not compress, and a line that takes eight seconds for one."""
    names = [f"0000000100000000000000{number:02X}" for number in range(1, 4)]
    status = folder / "pg_wal/archive_status"
    status.mkdir(parents=True)
    for number, name in enumerate(names, 1):
        # XLogLongPageHeaderData
        head = struct.pack("<HHIQI4xQII", 0xD110, 2, 1, number * SEGMENT, 0, 7300000000000000000, SEGMENT, 8192)
        (folder / "pg_wal" / name).write_bytes(head + os.urandom(SEGMENT - len(head)))
        os.utime(folder / "pg_wal" / name, (1_700_000_000, 1_700_000_000))
        (status / f"{name}.ready").touch()
    proxy = new_proxy(s3_store.server.url)
    proxy.slow_down(UP, 2 * MEBIBYTE)
    slow = tool.with_environment(**s3_store.at(endpoint=proxy.url).environment())
    slow.run("wal-push", folder / "pg_wal" / names[0])
    # They had begun within moments of it and had as much of the line: the store would hold them, too.
    assert s3_store.segments() == names[:1]


def test_a_slow_line_is_not_shared_by_a_whole_window(clusters, folder, tool, s3_store, new_proxy):
    """wal-fetch would have a ninth of it, for a segment that is under way with another ninth."""
    data = clusters.cluster(folder / "pg").initdb().data
    (data / "standby.signal").touch()
    head = bytearray((data / "pg_wal/000000010000000000000001").read_bytes()[:8192])
    names = [f"0000000100000000000000{number:02X}" for number in range(2, 6)]
    push = tool.with_environment(**s3_store.environment())
    for number, name in enumerate(names, 2):
        head[8:16] = struct.pack("<Q", number * SEGMENT)
        (folder / name).write_bytes(head + os.urandom(SEGMENT - len(head)))
        push.run("wal-push", folder / name)
    proxy = new_proxy(s3_store.server.url)
    proxy.slow_down(DOWN, 8 * MEBIBYTE)
    slow = tool.with_environment(**s3_store.at(endpoint=proxy.url).environment())
    prefetch = slow.start("wal-prefetch", "-p8", data / "pg_wal", names[0])
    area = data / "pg_wal/.wal-e/prefetch"
    most = {}  # that were under way, by how many had come
    try:
        while prefetch.poll() is None:
            if area.exists():
                # First, so that of a change in between too few are counted.
                running = len(list((area / "running").iterdir())) if (area / "running").exists() else 0
                here = sum((area / name).exists() for name in names)
                most[here] = max(most.get(here, 0), running)
            time.sleep(0.01)
    finally:
        prefetch.kill()
        prefetch.wait()
    assert most[0] == 1
    assert most[1] == 2
    assert prefetch.returncode == 0
