"""The rows of bench/compare on queues of segments: archived and replayed with and without looking ahead.

The store is bench/sink, which waits 50 ms before each answer. What is compared is wal-e with its
defaults against wal-e that does one segment at a time.
"""

import os
import shutil
import struct
import subprocess
import sys

from measure import Contender, Goal
from s3 import S3Jobs, Sink
from support.postgres import Cluster

LATENCY = 50  # ms
SEGMENTS = 200
PAIRS = 3  # one takes half a minute
MIB = 1 << 20


class Queue:
    """A data directory that was never started, and segments for it: beginnings of a real one."""

    def __init__(self, folder, size, content):
        self.size = size
        self.names = [self.name(number) for number in range(1, SEGMENTS + 1)]
        self.cluster = Cluster(folder).initdb(f"--wal-segsize={size // MIB}")
        self.data = self.cluster.data
        self.wal = self.data / "pg_wal"
        self.system = struct.unpack("<Q", (self.data / "global/pg_control").read_bytes()[:8])[0]
        shutil.rmtree(self.wal)
        (self.wal / "archive_status").mkdir(parents=True)
        (self.data / "recovery.signal").touch()
        (self.data / "wanted").write_text("\n".join(self.names))
        for number, name in enumerate(self.names, 1):
            (self.wal / name).write_bytes(self.segment(number, content[:size]))

    def name(self, number):
        per_file = (1 << 32) // self.size
        return f"00000001{number // per_file:08X}{number % per_file:08X}"

    def segment(self, number, content):
        """With the header of its place: XLogLongPageHeaderData in src/include/access/xlog_internal.h."""
        content = bytearray(content)
        struct.pack_into("<IQ", content, 4, 1, number * self.size)
        struct.pack_into("<QI", content, 24, self.system, self.size)
        return content

    def make_ready(self):
        """As if nothing had been archived yet."""
        shutil.rmtree(self.wal / ".wal-e", ignore_errors=True)
        for name in self.names:
            status = self.wal / "archive_status" / name
            status.with_suffix(".done").unlink(missing_ok=True)
            status.with_suffix(".ready").touch()

    def forget_fetched(self):
        shutil.rmtree(self.wal / ".wal-e", ignore_errors=True)
        (self.wal / "replayed").unlink(missing_ok=True)


class SlowSink(Sink):
    def __init__(self, program):
        super().__init__(program, keep="", latency=LATENCY)


class QueueJobs(S3Jobs):
    def run(self):
        content = self.bench.pgbench_segment.read_bytes()
        for size in (MIB, 16 * MIB):
            folder = self.bench.scratch / "queue"
            with SlowSink(self.program) as sink:
                queue = Queue(folder, size, content)
                self.archive(queue, sink)
                self.restore(queue, sink)
                self.pushed_ahead(queue, sink)
                self.prefetched(queue, sink)
            shutil.rmtree(folder)

    def loop(self, name, what, queue, sink, command, before):
        words = [sys.executable, self.bench.scratch / "bin/server_loop.py", what, queue.data, f"{self.bench.binary} {command}"]
        return Contender(name, words, before, sink.environment())

    def archive(self, queue, sink):
        def before():
            queue.make_ready()
            for name in queue.names:
                sink.forget(f"prefix/wal_005/{name}.lzo")

        contenders = [
            self.loop(name, "archive", queue, sink, command, before)
            for name, command in (("wal-e", "wal-push %p"), ("one by one", "wal-push -p 1 %p"))
        ]
        job = f"archive_command, {SEGMENTS} segments of {queue.size // MIB} MiB waiting, answers after {LATENCY} ms"
        self.report.compare(job, contenders[0], contenders[1:], Goal(wall=1 / 15), PAIRS)

    def restore(self, queue, sink):
        contenders = [
            self.loop(name, "restore", queue, sink, command, queue.forget_fetched)
            for name, command in (("wal-e", "wal-fetch %f %p"), ("one by one", "wal-fetch -p 0 %f %p"))
        ]
        job = f"restore_command, {SEGMENTS} segments of {queue.size // MIB} MiB, answers after {LATENCY} ms"
        self.report.compare(job, contenders[0], contenders[1:], Goal(wall=1 / 6), PAIRS)

    # -- what is answered without the store, which is most of both queues

    def at_once(self, what, queue, sink, words, said, before, limit):
        """What a command that needs no store takes beyond a process that does nothing."""
        ours = Contender("wal-e", [self.bench.binary, *words], before, sink.environment())
        before()
        log = subprocess.run(
            list(map(str, ours.command)), env={**os.environ, **ours.environment}, capture_output=True, text=True, check=True
        ).stderr
        if said not in log:
            raise RuntimeError(f"{ours.line()} did not say that {said}:\n{log}")
        job = f"{what} of {queue.size // MIB} MiB over `/bin/true`"
        self.report.difference(job, ours, Contender("true", ["/bin/true"]), limit)

    def pushed_ahead(self, queue, sink):
        queue.make_ready()
        first, second = queue.names[:2]
        for name in first, second:
            sink.forget(f"prefix/wal_005/{name}.lzo")
        Contender("wal-e", [self.bench.binary, "wal-push", queue.wal / first], environment=sink.environment()).run()
        self.at_once(
            "wal-push of a neighbour that was pushed ahead,", queue, sink,
            ["wal-push", queue.wal / second], "archived ahead of its turn", lambda: None, 0.003,
        )  # fmt: skip

    def prefetched(self, queue, sink):
        segment, destination = queue.names[0], queue.wal / "RECOVERYXLOG"
        fetch = Contender("wal-e", [self.bench.binary, "wal-prefetch", queue.wal, segment], environment=sink.environment())
        (queue.data / "postmaster.pid").unlink(missing_ok=True)  # else each would start a prefetcher

        def before():
            queue.forget_fetched()
            destination.unlink(missing_ok=True)
            fetch.run()

        self.at_once(
            "wal-fetch of a prefetched segment", queue, sink,
            ["wal-fetch", segment, destination], "promoted prefetched wal segment", before, 0.004,
        )  # fmt: skip
