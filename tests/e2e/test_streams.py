"""Standard descriptors that are closed, and a log that nobody reads."""

import itertools
import os
import re
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from support.postgres import wait_until

CLOSED = [c for n in (1, 2, 3) for c in itertools.combinations((0, 1, 2), n)]


def close(descriptors):
    def work():
        for descriptor in descriptors:
            os.close(descriptor)

    return work


@pytest.mark.parametrize("descriptors", CLOSED, ids=lambda c: "".join(map(str, c)))
def test_closed_at_start(descriptors, session_archive, stored, store, folder):
    """A file that gets descriptor 1 or 2 must not receive the list or the log."""
    name = session_archive.archive_commits()
    path = session_archive.cluster.wal_folder() / name
    store.wal.mkdir(parents=True)
    for arguments in (["wal-push", path], ["wal-fetch", name, folder / "fetched"], ["version"]):
        process = stored.start(*arguments, preexec_fn=close(descriptors))
        assert process.wait(30) == 0
    assert (folder / "fetched").read_bytes() == path.read_bytes()
    stored.run("wal-push", path)  # the object is what it should be


def test_no_thread_to_be_had(stored, folder):
    limit = resource.RLIMIT_NPROC, (1, 1)
    with open(folder / "log", "wb") as log:
        arguments = ["wal-fetch", "0" * 24, folder / "none"]
        process = stored.start(*arguments, stderr=log, preexec_fn=lambda: resource.setrlimit(*limit))
        assert process.wait(30) == 1
    text = (folder / "log").read_text()
    assert "ERROR    MSG: the signals cannot be watched" in text
    assert "HINT: Is a limit of processes reached" in text


@pytest.fixture
def dead_pipe():
    """The writing end of a pipe whose reader is gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_a_dead_log_pipe_changes_nothing(dead_pipe, session_archive, stored, store, folder):
    name = session_archive.archive_commits()
    path = session_archive.cluster.wal_folder() / name
    store.wal.mkdir(parents=True)
    for arguments in (["wal-push", path], ["wal-fetch", name, folder / "fetched"]):
        assert stored.start(*arguments, stderr=dead_pipe).wait(30) == 0
    assert (folder / "fetched").read_bytes() == path.read_bytes()
    assert stored.start("wal-fetch", "0" * 24, folder / "none", stderr=dead_pipe).wait(30) == 1
    backup = ["backup-push", "--checkpoint=fast", session_archive.cluster.data]
    assert session_archive.tool.start(*backup, stderr=dead_pipe).wait(60) == 0
    session_archive.archive_commits()


def test_a_list_that_cannot_be_written_fails(dead_pipe, session_archive):
    assert session_archive.tool.start("backup-list", stdout=dead_pipe).wait(30) == 1
    with open("/dev/full", "wb") as full:
        process = session_archive.tool.start("backup-list", stdout=full, stderr=subprocess.PIPE)
        told = process.communicate(timeout=30)[1]
    assert process.returncode == 1
    assert b"DETAIL: stdout is closed or full." in told


@pytest.fixture
def full_pipe():
    """The writing end of a pipe whose reader stands still."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writing, True)

    yield writing
    os.close(reading)
    os.close(writing)


def blocks(process):
    state = Path(f"/proc/{process.pid}/wchan").read_text()
    return re.search("pipe|^(do_)?poll", state)


@pytest.mark.parametrize("first", ["wal-push", "starting WAL-E", "a warning", "usage"])
def test_a_full_log_pipe_is_waited_for_only_until_a_signal(
    first, full_pipe, session_archive, store, stored, folder
):
    """A reader that stands still must not keep wal-e from ending when it is told to."""
    path = session_archive.cluster.wal_folder() / session_archive.archive_commits()
    store.wal.mkdir(parents=True)
    arguments = {"starting WAL-E": ["backup-list"], "usage": ["backup-list", "--no-such"]}
    tool = stored.with_environment(WALE_NO_SUCH="1") if first == "a warning" else stored
    process = tool.start(*arguments.get(first, ["wal-push", path]), stderr=full_pipe)
    try:
        wait_until(lambda: blocks(process), "it does not block")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in ((2,) if first == "usage" else (0, 1))
    finally:
        process.kill()
        process.wait()


def test_syslog_that_is_not_there(session_archive, stored, store):
    path = session_archive.cluster.wal_folder() / session_archive.archive_commits()
    store.wal.mkdir(parents=True)
    both = stored.with_environment(WALE_LOG_DESTINATION="stderr,syslog")
    run = both.run("wal-push", path)
    assert "completed archiving to a file" in run.messages("INFO")
    quiet = stored.with_environment(WALE_LOG_DESTINATION="syslog").run("wal-push", path).err
    assert quiet == "" or re.fullmatch("wal-e: Could not set up syslog, continuing anyway.*\n", quiet)
