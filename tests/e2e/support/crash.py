"""One command at a time that may die anywhere, and what must hold afterwards."""

import shutil
import subprocess

from support.archive import commits_of, finish_recovery
from support.postgres import Cluster, wait_until
from support.tool import Store, assert_unchanged, snapshot


def unpacked(path):
    """The plain bytes of a stored object; fails unless lzop accepts all of it."""
    return subprocess.run(["lzop", "-dc", path], capture_output=True, check=True).stdout


def is_ours(path):
    return any(part.startswith(".wal-e-") for part in path.parts)


class Command:
    def check_output(self, out):
        """What it printed when it ended with 0."""


class Push(Command):
    """wal-push: the object is absent or whole; the retry stores it."""

    name = "wal-push"

    def __init__(self, archive, folder):
        # A copy, and a store of its own: the server recycles what it has archived, and the archive
        # must stay whole.
        name = archive.archive_commits()
        self.path = folder / name
        shutil.copy(archive.cluster.wal_folder() / name, self.path)
        self.content = self.path.read_bytes()
        self.tool = archive.tool
        self.store = Store(folder / "store")
        self.store.wal.mkdir(parents=True)
        self.object = self.store.wal / f"{name}.lzo"
        self.before = snapshot(self.store.root)

    def prepare(self):
        # What an earlier crash left changes how many operations there are.
        for path in self.store.wal.iterdir():
            path.unlink()
        return self.arguments()

    def arguments(self):
        return ["--file-prefix", self.store.url, "wal-push", self.path]

    def check(self, code):
        assert self.object.exists() or code != 0
        if self.object.exists():
            assert unpacked(self.object) == self.content
        assert self.path.read_bytes() == self.content

    def retry(self):
        self.tool.run(*self.arguments())
        self.check(0)
        self.object.unlink()
        assert_unchanged(self.before, self.store.root)


class Fetch(Command):
    """wal-fetch: the destination is absent or whole; the retry fetches it."""

    name = "wal-fetch"

    def __init__(self, archive, folder):
        self.archive, self.segment = archive, archive.store.segments()[0]
        self.content = unpacked(archive.store.wal / f"{self.segment}.lzo")
        self.destination = folder / "RECOVERYXLOG"

    def prepare(self):
        self.destination.unlink(missing_ok=True)
        return ["wal-fetch", self.segment, self.destination]

    def check(self, code):
        assert self.destination.exists() or code != 0
        if self.destination.exists():
            assert self.destination.read_bytes() == self.content

    def retry(self):
        self.archive.tool.run("wal-fetch", self.segment, self.destination)
        self.check(0)


class Backup(Command):
    """backup-push: what is listed can be restored; the retry makes a backup that is."""

    name = "backup-push"

    def __init__(self, archive, folder):
        self.archive, self.folder = archive, folder
        self.known = set(archive.store.backups())

    def prepare(self):
        # The session of a killed backup ends when the server has finished its checkpoint.
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        wait_until(lambda: self.archive.cluster.sql(held) == "0", "the lock of the backup stays")
        return ["backup-push", "--checkpoint=fast", self.archive.cluster.data]

    def check(self, code):
        listed = self.archive.tool.run("backup-list").out.split("\r\n")[1:-1]
        names = {line.split("\t")[0] for line in listed}
        assert names == set(self.archive.store.backups())
        assert code != 0 or names - self.known
        for name in names - self.known:
            self.check_restores(name)
        self.known = names

    def check_restores(self, name):
        target = self.folder / "check"
        self.archive.tool.run("backup-fetch", target, name)
        assert (target / "global/pg_control").exists() and (target / "backup_label").exists()
        shutil.rmtree(target)

    def retry(self):
        self.archive.tool.run(*self.prepare())
        self.check(0)


class Restore(Command):
    """backup-fetch: no pg_control unless all is there; the retry gives the same tree."""

    name = "backup-fetch"

    def __init__(self, archive, folder):
        self.archive, self.target = archive, folder / "restored"
        self.backup = archive.store.backups()[0]
        archive.tool.run("backup-fetch", folder / "reference", self.backup)
        self.reference = self.tree(folder / "reference")

    @staticmethod
    def tree(folder):
        return {p.relative_to(folder): what for p, what in snapshot(folder).items()}

    def prepare(self):
        shutil.rmtree(self.target, ignore_errors=True)
        return ["backup-fetch", self.target, self.backup]

    def check(self, code):
        whole = (self.target / "global/pg_control").exists()
        assert whole or code != 0
        if whole:
            found = {p: w for p, w in self.tree(self.target).items() if not is_ours(p)}
            assert found == self.reference

    def retry(self):
        if (self.target / "global/pg_control").exists():
            shutil.rmtree(self.target)
        self.archive.tool.run("backup-fetch", self.target, self.backup)
        assert self.tree(self.target) == self.reference


class List(Command):
    """backup-list changes nothing."""

    name = "backup-list"

    def __init__(self, archive, folder):
        # A copy, as the server may still archive.
        archive.store.copy_to(folder / "store")
        self.tool, self.store = archive.tool, Store(folder / "store")
        self.before = snapshot(self.store.root)

    def prepare(self):
        return ["--file-prefix", self.store.url, "backup-list", "--detail"]

    def check(self, code):
        assert snapshot(self.store.root) == self.before

    def check_output(self, out):
        rows = out.split("\r\n")[1:-1]
        assert [row.split("\t")[0] for row in rows] == self.store.backups()
        assert len(rows) > 1

    def retry(self):
        self.check_output(self.tool.run(*self.prepare()).out)
        self.check(0)


COMMANDS = {kind.name: kind for kind in (Push, Fetch, Backup, Restore, List)}


def newest_backup_starts(archive, folder):
    """The newest backup that is listed recovers to the last commit."""
    archive.archive_commits(5)
    copy = archive.restore(folder, archive.store.backups()[-1])
    try:
        assert commits_of(finish_recovery(copy)) == commits_of(archive.cluster)
    finally:
        Cluster.stop(copy, "immediate")
