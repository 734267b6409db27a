"""Servers that speak S3, one of each for all tests, and buckets on them."""

import itertools

import pytest
from support.s3.fault_proxy import FaultProxy
from support.s3.moto import Moto
from support.s3.store import S3Store, make_client
from support.s3.swift import Swift

buckets = itertools.count(1)


def running(server):
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def swift(scratch):
    """OpenStack Swift with s3api: judges signatures, clocks and digests as S3 does."""
    yield from running(Swift(scratch / "swift"))


@pytest.fixture(scope="session")
def secure_swift(swift):
    """The same with tls_url and ca_file."""
    return swift.start_tls()


@pytest.fixture(scope="session")
def keystone(swift):
    """Users of OpenStack's identity service, who reach the same storage by another proxy."""
    return swift.start_keystone()


@pytest.fixture(scope="session")
def moto(scratch):
    """Has conditional writes and server-side encryption; believes every signature."""
    yield from running(Moto(scratch / "moto-server", scratch / "moto"))


@pytest.fixture(scope="session")
def new_bucket():
    """new_bucket(server): an S3Store in a bucket of its own."""
    clients = {}

    def make(server, **options):
        client = clients.setdefault(server, make_client(server))
        bucket = f"bucket-{next(buckets)}"
        client.create_bucket(Bucket=bucket)
        return S3Store(server, client, bucket, **options)

    return make


@pytest.fixture(scope="session")
def new_proxy(scratch):
    """new_proxy(url): a proxy in front of it that breaks connections on request."""
    made = []

    def make(url):
        made.append(FaultProxy(scratch / "proxies", url))
        return made[-1]

    yield make
    for proxy in made:
        proxy.stop()
