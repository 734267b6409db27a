"""An archive on an S3 server, looked at from outside with boto3, which tests/e2e/run has copied."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Behind everything else: only what Debian's Python does not have comes from there.
sys.path.append(
    str(next((Path(os.environ["WALE_TEST_SCRATCH"]) / "moto").glob("lib/python3*/site-packages")))
)

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402

WRITERS = 8


def make_client(server, url=None):
    """boto3's client of Swift or Moto."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",  # Swift takes no checksums in trailers
        max_pool_connections=WRITERS,
    )
    return boto3.client(
        "s3",
        endpoint_url=url or server.url,
        region_name=server.region,
        aws_access_key_id=server.key_id,
        aws_secret_access_key=server.secret,
        config=config,
    )


class S3Store:
    """Like support.tool.Store. `endpoint` and `more` are for the program; we look past a proxy."""

    def __init__(self, server, client, bucket, prefix="main", endpoint=None, **more):
        self.server, self.client, self.bucket, self.prefix = server, client, bucket, prefix
        self.endpoint = endpoint or server.url
        self.more = more

    @property
    def url(self):
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def missing_url(self):
        """A prefix in a bucket that does not exist."""
        return f"s3://no-such-{self.bucket}/{self.prefix}"

    def environment(self):
        scheme, _, host = self.endpoint.partition("://")
        return {
            "WALE_S3_PREFIX": self.url,
            "WALE_S3_ENDPOINT": f"{scheme}+path://{host}",
            "AWS_ACCESS_KEY_ID": self.server.key_id,
            "AWS_SECRET_ACCESS_KEY": self.server.secret,
            "AWS_REGION": self.server.region,
            **self.more,
        }

    @property
    def server_url(self):
        return self.server.url

    def wrong(self):
        """{name: (variables, word of the error)} that no command survives."""
        return {
            "wrong secret": ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
            "missing container": ({"WALE_S3_PREFIX": self.missing_url}, f"no-such-{self.bucket}"),
        }

    def at(self, endpoint=None, prefix=None, **more):
        """The same bucket by another way, or another prefix in it."""
        return S3Store(
            self.server, self.client, self.bucket, prefix or self.prefix, endpoint or self.endpoint,
            **{**self.more, **more},
        )  # fmt: skip

    # -- objects; keys are relative to the prefix

    def sizes(self, below=""):
        """{key: size}"""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.prefix}/{below}"
        )
        skip = len(self.prefix) + 1
        return {o["Key"][skip:]: o["Size"] for page in pages for o in page.get("Contents", ())}

    def has(self, key):
        return key in self.sizes(key)

    def read(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")["Body"].read()

    def head(self, key):
        return self.client.head_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")

    def write(self, key, data):
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}", Body=data)

    def write_all(self, objects):
        """Stores {key: data}, several at once."""
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda item: self.write(*item), objects.items()))

    def remove(self, key):
        self.client.delete_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")

    def uploads(self):
        """Keys of multipart uploads that have neither ended nor been given up."""
        listed = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ())
        return sorted(upload["Key"] for upload in listed)

    # -- the archive

    def segments(self):
        keys = (re.fullmatch("wal_005/([0-9A-F]{24}).lzo", key) for key in self.sizes("wal_005/"))
        return sorted(key.group(1) for key in keys if key)

    def backups(self):
        suffix = "_backup_stop_sentinel.json"
        keys = (key.partition("/")[2] for key in self.sizes("basebackups_005/") if key.endswith(suffix))
        return sorted(key[: -len(suffix)] for key in keys)
