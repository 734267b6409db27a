"""A WAL file is durable before it has the name that others look for: seen by the order of system calls."""

import pytest
from support.crash import Push
from support.trace import FIRST_PATH, traced

NAMING = {"link", "linkat", "rename", "renameat", "renameat2"}


def threaded(tool):
    """With threads strace sees each call on a file."""
    return tool.with_environment(WALE_IO="threads")


class Trace:
    """The system calls of a command, by their places in the order."""

    def __init__(self, *arguments):
        self.calls = traced(*arguments)

    def named(self, path):
        """The one call that gives a file this name."""
        (found,) = [n for n, (name, rest) in enumerate(self.calls) if name in NAMING and f', "{path}"' in rest]
        return found

    def synced(self, path):
        """The one fsync of what was opened under a name that begins so."""
        (found,) = [
            n for n, (name, rest) in enumerate(self.calls)
            if name in ("fsync", "fdatasync") and FIRST_PATH.match(rest).group(1).startswith(str(path))
        ]  # fmt: skip
        return found

    def synced_folder(self, path):
        (found,) = [n for n, (name, rest) in enumerate(self.calls) if name == "fsync" and f"<{path}>" in rest]
        return found

    def synced_before_named(self, temporary, path):
        """And it is that file, not another, which gets the name."""
        synced, named = self.synced(temporary), self.named(path)
        source = FIRST_PATH.match(self.calls[synced][1]).group(1)
        return synced < named and f'"{source}", "{path}"' in self.calls[named][1].replace("AT_FDCWD, ", "")


@pytest.fixture
def push(session_archive, folder):
    return Push(session_archive, folder)


def test_wal_push(push, folder):
    trace = Trace(threaded(push.tool), folder, *push.arguments())
    assert trace.synced_before_named(push.store.wal / ".wal-e-", push.object)
    assert trace.named(push.object) < trace.synced_folder(push.store.wal)


def test_wal_push_of_what_is_there_already(push, folder):
    """WAL-E wrote it without fsync, or another push that has not come so far yet."""
    push.tool.run(*push.arguments())
    trace = Trace(threaded(push.tool), folder, *push.arguments())
    refused = trace.named(push.object)
    assert "EEXIST" in trace.calls[refused][1]
    assert refused < trace.synced(push.object)
    assert refused < trace.synced_folder(push.store.wal)


def test_wal_fetch(session_archive, folder):
    segment = session_archive.archive_commits()
    destination = folder / "RECOVERYXLOG"
    trace = Trace(threaded(session_archive.tool), folder, "wal-fetch", segment, destination)
    assert trace.synced_before_named(folder / ".wal-e-", destination)


def test_wal_prefetch(session_archive, folder):
    """wal-fetch only gives what is there another name."""
    segment = session_archive.archive_commits()
    data = folder / "data"
    session_archive.tool.run("backup-fetch", data, "LATEST")
    area = data / "pg_wal/.wal-e/prefetch"
    trace = Trace(threaded(session_archive.tool), folder, "wal-prefetch", data / "pg_wal", segment)
    whole = area / f"running/{segment}/whole"
    assert trace.synced_before_named(whole.with_name(".wal-e-"), whole)
    assert trace.named(whole) < trace.named(area / segment)
