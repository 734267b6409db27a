"""The rows of bench/compare on Azure, Swift and Google Cloud Storage: each against our own S3, on bench/sink."""

import base64
import http.client
import os
import urllib.parse

from measure import Contender, Goal
from s3 import BUCKET, S3Jobs, Sink

GOAL = Goal(wall=1.5)


class Azure(Sink):
    name = "Azure"
    account = "bench"

    def __init__(self, program, keep=None):
        super().__init__(program, keep=keep, protocol="azure")

    def store_environment(self):
        return {
            "WALE_WABS_PREFIX": f"wabs://{BUCKET}/prefix", "WALE_WABS_ENDPOINT": f"http://{self.address}/{self.account}",
            "WABS_ACCOUNT_NAME": self.account, "WABS_ACCESS_KEY": base64.b64encode(b"bench").decode(),
        }  # fmt: skip

    def path(self, key):
        return f"/{self.account}/{BUCKET}/{key}"


class Swift(Sink):
    name = "Swift"

    def __init__(self, program, keep=None):
        super().__init__(program, keep=keep, protocol="swift")

    def store_environment(self):
        return {
            "WALE_SWIFT_PREFIX": f"swift://{BUCKET}/prefix", "SWIFT_AUTHURL": f"http://{self.address}/auth/v1.0",
            "SWIFT_AUTH_VERSION": "1", "SWIFT_USER": "bench:bench", "SWIFT_PASSWORD": "bench",
        }  # fmt: skip

    def path(self, key):
        return f"/v1/AUTH_bench/{BUCKET}//{key}"


class Gcs(Sink):
    name = "GCS"

    def __init__(self, program, keep=None):
        super().__init__(program, keep=keep, protocol="gcs")

    def store_environment(self):
        return {"WALE_GS_PREFIX": f"gs://{BUCKET}/prefix", "STORAGE_EMULATOR_HOST": f"http://{self.address}"}

    def path(self, key):
        return f"/storage/v1/b/{BUCKET}/o/{urllib.parse.quote('/' + key, safe='')}"


class Remote:
    """A running sink with the environment that leads wal-e, and nothing else, to it."""

    def __init__(self, sink):
        self.sink = sink

    def environment(self):
        common = {"WALE_LOG_DESTINATION": "stderr", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        return {**common, **self.sink.store_environment()}

    def forget(self, key):
        connection = http.client.HTTPConnection(self.sink.address)
        connection.request("DELETE", self.sink.path(key))
        status = connection.getresponse().status
        connection.close()
        return status


class StoreJobs(S3Jobs):
    def run(self):
        for kind in (Azure, Swift, Gcs):
            self.wal_push_to(kind)
        for kind in (Azure, Swift, Gcs):
            self.backup_push_to(kind)
        self.bench.archive_to(self.bench.prefix)

    def wal_push_to(self, kind):
        segment = self.bench.pgbench_segment
        key = f"prefix/wal_005/{segment.name}.lzo"
        with self.sink() as s3, kind(self.program) as server:
            remote = Remote(server)
            push = Contender(
                f"wal-e, {kind.name}", [self.bench.binary, "wal-push", segment],
                lambda: remote.forget(key), remote.environment(),
            )  # fmt: skip
            rival = self.wal_e(s3, "wal-push", segment, before=lambda: s3.forget(key), name="wal-e, S3")
            self.report.compare(f"wal-push to {kind.name}, 16 MiB segment of pgbench, http", push, [rival], GOAL)
            if remote.forget(key) >= 300:
                raise RuntimeError(f"the server had no {key}")

    def backup_push_to(self, kind):
        cluster = self.bench.cluster
        with self.sink(keep="/wal_005/") as s3, kind(self.program, keep="/wal_005/") as server:
            remote = Remote(server)

            def before():
                self.bench.archive_to(remote.environment())
                os.sync()

            push = Contender(
                f"wal-e, {kind.name}", [self.bench.binary, "backup-push", "--checkpoint=fast", cluster.data],
                before, {**remote.environment(), **cluster.address()},
            )  # fmt: skip
            job = f"backup-push to {kind.name}, http, {self.bench.size} MB, half noise"
            self.report.compare(job, push, [self.push(s3)], GOAL)
