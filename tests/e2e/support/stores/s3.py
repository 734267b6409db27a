"""S3: OpenStack Swift's s3api."""

import itertools

from support.s3.store import S3Store, make_client
from support.s3.swift import Swift as Server  # noqa: F401

LARGE = 6 << 20  # docs/format.md

numbers = itertools.count(1)


def new_store(server):
    client, bucket = make_client(server), f"store-{next(numbers)}"
    client.create_bucket(Bucket=bucket)
    return S3Store(server, client, bucket)
