"""The rows of bench/compare on S3, against bench/sink: a server that discards and serves from memory.

The server's CPU time is counted for nobody; on a machine with few cores its work still delays both sides.
"""

import http.client
import os
import shutil
import subprocess
import urllib.parse

from measure import Contender, Goal

BUCKET = "bench"


class Sink:
    """A running bench/sink, until the end of the `with` block."""

    def __init__(self, program, tls_file=None, keep=None, protocol="s3", latency=0):
        """`keep`: of which keys the bodies are kept, by a part of the key; "" for all. `latency`: ms."""
        options = (["--tls", tls_file] if tls_file else []) + ([] if keep is None else [f"--keep={keep}"])
        options += ["--protocol", protocol, "--latency", latency]
        self.tls_file = tls_file
        self.process = subprocess.Popen(
            list(map(str, [program, *options])), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self.address = f"127.0.0.1:{int(self.process.stdout.readline())}"
        self.scheme = "https" if tls_file else "http"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def environment(self):
        """What wal-e, and curl, need to reach it."""
        direct = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        trust = {"WALE_CA_FILE": str(self.tls_file)} if self.tls_file else {}
        return {
            "WALE_S3_PREFIX": f"s3://{BUCKET}/prefix", "WALE_S3_ENDPOINT": f"{self.scheme}+path://{self.address}",
            "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
            "WALE_LOG_DESTINATION": "stderr", **direct, **trust,
        }  # fmt: skip

    def url(self, key):
        return f"{self.scheme}://{self.address}/{BUCKET}/{key}"

    def request(self, method, key):
        """Over http only; returns the status."""
        connection = http.client.HTTPConnection(self.address)
        connection.request(method, f"/{BUCKET}/{urllib.parse.quote(key)}")
        status = connection.getresponse().status
        connection.close()
        return status

    def forget(self, key):
        self.request("DELETE", key)


class S3Jobs:
    def __init__(self, bench):
        self.bench = bench
        self.report = bench.report
        self.program = bench.scratch / "bin/sink"

    def sink(self, tls=False, keep=None):
        return Sink(self.program, self.bench.scratch / "sink.pem" if tls else None, keep)

    def wal_e(self, sink, *arguments, before=lambda: None, name="wal-e", **more):
        return Contender(name, [self.bench.binary, *arguments], before, {**sink.environment(), **more})

    def run(self):
        self.start_up()
        self.wal_push()
        self.wal_fetch()
        for tls in (False, True):
            self.backup_push(tls)
        for tls in (False, True):
            self.backup_fetch(tls)
        self.bench.archive_to(self.bench.prefix)

    # -- single segments

    def wal_push(self):
        segment = self.bench.pgbench_segment
        key = f"prefix/wal_005/{segment.name}.lzo"
        packed = self.bench.scratch / "packed.lzo"
        with self.sink() as sink:
            line = f"lzop -c {segment} > {packed} && curl -sSf -o /dev/null -T {packed} {sink.url('rival.lzo')}"
            push = self.wal_e(sink, "wal-push", segment, before=lambda: sink.forget(key))
            self.report.compare(
                "wal-push to S3, 16 MiB segment of pgbench, http",
                push,
                [Contender("lzop, curl", line, lambda: packed.unlink(missing_ok=True), sink.environment())],
                Goal(wall=0.6),
            )
            if sink.request("HEAD", key) != 200:
                raise RuntimeError(f"the server has no {key}")
            self.libraries(push)
        packed.unlink()

    def libraries(self, push):
        """The dynamic linker's own account of what a push to S3 loads, dlopen() included."""
        trace = self.bench.scratch / "libraries"
        shutil.rmtree(trace, ignore_errors=True)
        trace.mkdir()
        traced = {**push.environment, "LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(trace / "of")}
        Contender(push.name, push.command, push.before, traced).run()
        loaded = {
            line.rsplit("/", 1)[-1].strip()
            for file in trace.iterdir()
            for line in file.read_text().splitlines()
            if "calling init: " in line
        }
        if not any(name.startswith("libc.so") for name in loaded):
            raise RuntimeError("the dynamic linker said nothing, not even of libc")
        unwanted = [name for name in loaded if name.startswith(("libpq.", "libgpgme."))]
        self.report.check("wal-push loads no libpq, no gpgme", not unwanted, ", ".join(sorted(loaded)))

    def wal_fetch(self):
        segment = self.bench.pgbench_segment
        ours, theirs = self.bench.scratch / "RECOVERYXLOG", self.bench.scratch / "fetched"
        with self.sink(keep="") as sink:
            self.wal_e(sink, "wal-push", segment).run()
            url = sink.url(f"prefix/wal_005/{segment.name}.lzo")
            line = f"curl -sSf {url} | lzop -dc | dd of={theirs} bs=256k conv=fsync status=none"
            self.report.compare(
                "wal-fetch from S3, http",
                self.wal_e(sink, "wal-fetch", segment.name, ours, before=lambda: ours.unlink(missing_ok=True)),
                [Contender("curl, lzop, dd", line, lambda: theirs.unlink(missing_ok=True), sink.environment())],
                Goal(wall=0.8),
            )

    def start_up(self):
        self.report.difference(
            "start-up: wal-e version",
            Contender("wal-e", [self.bench.binary, "version"]),
            Contender("true", ["/bin/true"]),
            0.006,
        )

    # -- whole backups, against our own on the file store

    def goal(self, tls):
        return Goal(wall=1.5 if tls else 1.25)

    def push(self, sink, *options):
        cluster = self.bench.cluster

        def before():
            self.bench.archive_to(sink.environment())
            os.sync()

        return self.wal_e(
            sink, "backup-push", "--checkpoint=fast", *options, cluster.data,
            before=before, name="wal-e, S3", **cluster.address(),
        )  # fmt: skip

    def push_to_files(self):
        def before():
            self.bench.archive_to(self.bench.prefix)
            self.bench.forget_backups()

        contender = self.bench.backup_push()
        contender.name, contender.before = "wal-e, files", before
        return contender

    def fetch(self, sink, target, before, *options):
        command = ["backup-fetch", *options, target, "LATEST"]
        return self.wal_e(sink, *command, before=before, name="wal-e, S3")

    def backup_push(self, tls):
        # A backup is complete when its WAL can be read in its store; volumes are discarded.
        with self.sink(tls, keep="/wal_005/") as sink:
            self.report.compare(
                f"backup-push to S3, {sink.scheme}, {self.bench.size} MB, half noise",
                self.push(sink),
                [self.push_to_files()],
                self.goal(tls),
            )
            self.report.memory(f"peak memory of backup-push to S3, {sink.scheme}, pool 4", self.push(sink, "-p4"), 96)

    def backup_fetch(self, tls):
        target = self.bench.scratch / "restored"

        def forget():
            shutil.rmtree(target, ignore_errors=True)
            os.sync()

        self.push_to_files().run()
        on_files = self.bench.wal_e("backup-fetch", target, "LATEST", before=forget, name="wal-e, files")
        with self.sink(tls, keep="") as sink:
            self.push(sink).run()
            self.report.compare(
                f"backup-fetch from S3, {sink.scheme}, {self.bench.size} MB, half noise",
                self.fetch(sink, target, forget),
                [on_files],
                self.goal(tls),
            )
            job = f"peak memory of backup-fetch from S3, {sink.scheme}, pool 4"
            self.report.memory(job, self.fetch(sink, target, forget, "-p4"), 96)
        forget()
