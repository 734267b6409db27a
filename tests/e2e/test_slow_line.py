"""Large segments over a line that is fast enough for small ones."""

import os

import pytest
from support.s3.fault_proxy import DOWN

MEBIBYTE = 1 << 20


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
