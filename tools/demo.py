"""A PostgreSQL 15 cluster is archived, backed up, lost and restored (tools/demo runs this).

The store is a folder, or a server of the demo's own. Everything happens in one
scratch folder, as an unprivileged user. Fails on any difference between what was there when the last
archived segment ended and what recovery brought back.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))

from support import install, stores  # noqa: E402
from support.postgres import Cluster, wait_until  # noqa: E402
from support.s3.swift import Swift  # noqa: E402
from support.scratch import copy_readable, make_scratch, run_unprivileged  # noqa: E402

SCALE = 40  # pgbench: 4 million accounts, about 600 MB
SEGMENTS = 20  # at least so many are archived
PUSHES = 10  # and wal-push is called at least so often


def size_of(folder):
    return sum(p.lstat().st_size for p in Path(folder).rglob("*") if not p.is_dir())


def megabytes(count):
    return f"{count / 1e6:,.0f} MB"


class FileStore:
    """A folder."""

    def __init__(self, folder):
        self.root = folder / "store"

    def start(self):
        """Returns (the variables of wal-e, what it is in words)."""
        url = f"file://localhost{self.root}"
        return {"WALE_FILE_PREFIX": url}, f"the folder {self.root}"

    def sizes(self, below):
        """{name: size} of what is stored there."""
        folder = self.root / below
        return {p.name: p.stat().st_size for p in folder.rglob("*") if p.is_file()}

    def stop(self):
        pass


class S3Store:
    """A bucket on an OpenStack Swift that speaks S3."""

    bucket = "archive"

    def __init__(self, folder):
        self.swift = Swift(folder / "swift")

    def start(self):
        self.swift.start()
        self.swift.make_bucket(self.bucket)
        url, server = f"s3://{self.bucket}/main", self.swift.url
        variables = {
            "WALE_S3_PREFIX": url,
            "WALE_S3_ENDPOINT": server.replace("://", "+path://"),
            "AWS_ACCESS_KEY_ID": self.swift.key_id,
            "AWS_SECRET_ACCESS_KEY": self.swift.secret,
            "AWS_REGION": self.swift.region,
        }
        return variables, f"{url} on OpenStack Swift's s3api at {server}"

    def sizes(self, below):
        found = self.swift.sizes(self.bucket, f"main/{below}/")
        return {key.rpartition("/")[2]: size for key, size in found.items()}

    def stop(self):
        self.swift.stop()


class RemoteStore:
    """A container on a server of the end-to-end tests (tests/e2e/support/stores)."""

    def __init__(self, kind, folder):
        self.module = stores.module(kind)
        self.server = self.module.Server(folder / "server")

    def start(self):
        self.server.start()
        self.store = self.module.new_store(self.server)
        return self.store.environment(), f"{self.store.url} at {self.store.server_url}"

    def sizes(self, below):
        found = self.store.sizes(f"{below}/")
        return {key.rpartition("/")[2]: size for key, size in found.items()}

    def stop(self):
        self.server.stop()


# What their servers need from the cache, by the name under which these look for it.
PROGRAMS = {"gcs": {"fake-gcs-server": install.fake_gcs_server}}
STORES = {"file": FileStore, "s3": S3Store}
STORES.update({kind: partial(RemoteStore, kind) for kind in stores.KINDS if kind not in STORES})


class Demo:
    def __init__(self, folder, binary, store):
        self.folder = folder
        self.binary = binary
        self.server = Cluster(folder / "pg")
        self.began = time.monotonic()
        self.step_began = self.began
        self.environment = folder / "env"
        self.store = STORES[store](folder)

    def prepare_store(self):
        """The environment of wal-e as files, one per variable, as envdir reads them."""
        variables, words = self.store.start()
        self.environment.mkdir(mode=0o700)
        for name, value in {"WALE_LOG_DESTINATION": "stderr", **variables}.items():
            (self.environment / name).write_text(value)
        self.done(f"the store: {words}")

    def done(self, what, size=""):
        now = time.monotonic()
        print(f"{now - self.step_began:7.1f} s  {size:>10}  {what}", flush=True)
        self.step_began = now

    def wal_e(self, *arguments):
        command = ["envdir", self.environment, self.binary, *map(str, arguments)]
        log = self.folder / f"{arguments[0]}.log"
        with open(log, "wb") as output:
            ended = subprocess.run(
                command, stdin=subprocess.DEVNULL, stderr=output, env=self.server.environment()
            )
        if ended.returncode != 0:
            sys.exit(f"wal-e {arguments[0]} exited {ended.returncode}:\n{log.read_text()}")

    def run(self):
        self.prepare_store()
        self.make_cluster()
        self.back_up_under_load()
        last, wanted = self.commit_more()
        self.lose()
        self.restore()
        self.compare(last, wanted)

    def make_cluster(self):
        command = f"envdir {self.environment} {self.binary}"
        self.server.initdb("--data-checksums")
        self.server.configure(
            fsync="on",
            shared_buffers="128MB",
            max_wal_size="2GB",
            archive_mode="on",
            archive_command=f"{command} wal-push %p",
        ).start()
        self.restore_command = f'{command} wal-fetch "%f" "%p"'
        self.done("initdb and start of PostgreSQL 15, archive_command = envdir env wal-e wal-push %p")
        self.finish(self.server.pgbench("-i", "-q", "-I", "dtGp", "-s", SCALE), "pgbench -i")
        data = int(self.server.sql("SELECT pg_database_size('postgres')"))
        if data < 500e6:
            sys.exit(f"pgbench made only {megabytes(data)}")
        self.done(f"pgbench -i -s {SCALE}", megabytes(data))

    @staticmethod
    def finish(process, what):
        _, error = process.communicate()
        if process.returncode != 0:
            sys.exit(f"{what} exited {process.returncode}:\n{error}")

    def back_up_under_load(self):
        load = self.server.pgbench("-c", "2", "-T", "600")
        try:
            rows = "SELECT count(*) > 100 FROM pgbench_history"
            wait_until(lambda: self.server.sql(rows) == "t", "pgbench writes nothing")
            self.step_began = time.monotonic()
            self.wal_e("backup-push", "--checkpoint=fast", self.server.data)
            writing = load.poll() is None
        finally:
            load.terminate()
            load.communicate()
        if not writing:
            sys.exit("pgbench had ended before the backup did")
        backup = sum(self.store.sizes("basebackups_005").values())
        self.done("backup-push --checkpoint=fast while pgbench writes", megabytes(backup))

    def commit_more(self):
        """Returns (the last commit whose segment is archived, the sums of all tables then)."""
        self.server.sql("CREATE TABLE ledger (id bigint PRIMARY KEY, at timestamptz DEFAULT now())")
        self.finish(self.server.pgbench("-n", "-c", "2", "-t", "2000"), "pgbench")
        last = 0
        for _ in range(4):
            for _ in range(25):
                last += 1
                self.server.sql(f"INSERT INTO ledger VALUES ({last})")
            segment = self.server.sql("SELECT pg_walfile_name(pg_switch_wal())")
        wanted = self.server.table_sums()
        self.server.wait_archived(segment)
        stored = self.store.sizes("wal_005")
        archived = sum(re.fullmatch("[0-9A-F]{24}.lzo", name) is not None for name in stored)
        if archived < SEGMENTS:
            sys.exit(f"only {archived} segments are archived, not {SEGMENTS}")
        # These reach no archived segment: kill -9 takes them, and nobody promised otherwise.
        self.server.sql("INSERT INTO ledger SELECT generate_series(1000001, 1000010)")
        size = megabytes(sum(stored.values()))
        self.done(f"4,100 more transactions; {archived} segments are archived", size)
        return last, wanted

    def lose(self):
        self.server.kill()
        lost = size_of(self.server.data)
        shutil.rmtree(self.server.data)
        self.done("kill -9 of the server, removal of the data directory", megabytes(lost))

    def restore(self):
        self.wal_e("backup-fetch", self.server.data, "LATEST")
        self.done("backup-fetch LATEST", megabytes(size_of(self.server.data)))
        self.server.recover(self.restore_command, archive_mode="off").start()
        wait_until(
            lambda: self.server.answers() and not self.server.in_recovery(),
            lambda: f"recovery does not end\n{self.server.log_tail()}",
        )
        fetched = self.count_records("complete wal restore")
        self.done(f"recovery with wal-fetch, {fetched} files")

    def count_records(self, message):
        return len(re.findall(f"MSG: {message}", self.server.log.read_text()))

    def compare(self, last, wanted):
        found = self.server.sql("SELECT max(id) FROM ledger")
        if found != str(last):
            sys.exit(f"the last archived transaction was {last}, after recovery it is {found}")
        sums = self.server.table_sums()
        if sums != wanted:
            different = {t for t in sums.keys() | wanted.keys() if sums.get(t) != wanted.get(t)}
            for table in sorted(different):
                print(f"{table}: (rows, checksum) was {wanted.get(table)}, is {sums.get(table)}")
            sys.exit("the restored cluster differs")
        rows = sum(int(count) for count, _ in sums.values())
        self.done(f"{len(sums)} tables, {rows:,} rows: counts and checksums are equal")
        print(f"{'':22}the last archived transaction, number {last}, is there")
        pushes = self.count_records("begin archiving a file")
        if pushes < PUSHES:
            sys.exit(f"wal-push was called only {pushes} times")
        print(f"{'':22}wal-push was called {pushes} times")

    def stop(self):
        if self.server.data.exists():
            self.server.stop("immediate")
        self.store.stop()


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--binary", type=Path, required=True)
    options.add_argument("--store", choices=STORES, default="file", help="what to archive to")
    options = options.parse_args()

    folder = make_scratch("demo")
    began = time.monotonic()
    try:
        binary = copy_readable(options.binary, folder / "bin/wal-e")
        os.environ["WALE_TEST_SCRATCH"] = str(folder)
        if options.store == "azure":
            stores.module("azure").provide(folder)
        for name, program in PROGRAMS.get(options.store, {}).items():
            copy_readable(program(), folder / name)

        def work():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
            demo = Demo(folder, binary, options.store)
            try:
                demo.run()
            except SystemExit as end:
                print(f"FAILED: {end.code}", file=sys.stderr)
                raise
            finally:
                demo.stop()

        code = run_unprivileged(folder, work)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        code = code or 1
        print(f"{folder} could not be removed", file=sys.stderr)
    if code == 0:
        print(f"Restored and equal in {time.monotonic() - began:.0f} s. All is removed again.")
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
