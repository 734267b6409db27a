"""wal-push stores the neighbours of the segment that it is called for, and never at its expense."""

import os
import re
import shutil
import signal
import struct
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from conftest import SMALL_SEGMENTS
from support.postgres import wait_until
from support.scripted import Script, serving
from support.tool import Store, records, snapshot

MEBIBYTE = 1 << 20
SYSTEM = 7300000000000000000
READY = 40


def name_of(number, timeline=1):
    return f"{timeline:08X}00000000{number:08X}"


def content_of(number):
    """A complete segment of 1 MiB that compresses a little: XLogLongPageHeaderData, then numbers."""
    head = struct.pack("<HHIQI4xQII", 0xD110, 2, 1, number * MEBIBYTE, 0, SYSTEM, MEBIBYTE, 8192)
    body = b"".join(struct.pack("<Q", number * n) for n in range((MEBIBYTE - len(head)) // 8))
    return head + body.ljust(MEBIBYTE - len(head), b"\0")


class Wal:
    """A pg_wal with segments that wait to be archived, and the archiver, one call at a time."""

    def __init__(self, folder):
        self.folder = folder
        self.status = folder / "archive_status"
        self.status.mkdir(parents=True)

    def add(self, *numbers):
        for number in numbers:
            (self.folder / name_of(number)).write_bytes(content_of(number))
            (self.status / f"{name_of(number)}.ready").touch()
        time.sleep(0.05)  # so that no file looks as if it could still change unseen
        return self

    def path(self, number):
        return self.folder / name_of(number)

    def push(self, tool, number, *options, **run):
        """Again if the machine stood still meanwhile: neighbours have two seconds."""
        for _ in range(5):
            began = time.monotonic()
            outcome = tool.run("wal-push", *options, self.path(number), **run)
            if time.monotonic() - began < 1:
                break
        return outcome

    def done(self, number):
        (self.status / f"{name_of(number)}.ready").rename(self.status / f"{name_of(number)}.done")

    def acknowledged(self):
        folder = self.folder / ".wal-e"
        return sorted(p.name[4:28] for p in folder.glob("ack-*")) if folder.is_dir() else []


@pytest.fixture
def wal(folder):
    return Wal(folder / "pg_wal")


def was_ahead(run):
    return run.messages() == ["the file was archived ahead of its turn"]


def names(*numbers):
    return [name_of(n) for n in numbers]


def test_neighbours_go_along(wal, stored, store):
    wal.add(*range(1, 8))
    before = snapshot(wal.status)
    wal.push(stored, 3, "--pool-size", 64)
    assert store.segments() == names(*range(1, 8)) and wal.acknowledged() == names(1, 2, 4, 5, 6, 7)
    assert snapshot(wal.status) == before
    assert was_ahead(wal.push(stored, 4)) and store.segments() == names(*range(1, 8))


def test_a_small_pool_takes_them_one_after_the_other(wal, stored):
    """Those behind the named one first; as far as two seconds suffice."""
    wal.add(*range(1, 8))
    run = stored.run("wal-push", "--pool-size", 2, wal.path(3))
    under_way, most, order = 0, 0, []
    for record in run.records:
        if record.msg == "begin archiving a file":
            order += re.findall(r"[0-9A-F]{24}", record.text)[:1]
            under_way += 1
        if record.msg.startswith("completed archiving"):
            under_way -= 1
        most = max(most, under_way)
    assert len(order) > 2 and order == names(3, 4, 5, 6, 7, 1, 2)[: len(order)]
    assert most <= 2


def test_a_pool_grows_with_what_it_gets_done(wal, stored):
    """A line that is too slow for 31 at once would bring none of them in time."""
    wal.add(*range(1, 41))
    run = stored.run("wal-push", wal.path(1))
    begun, ended = 0, 0
    for record in run.records:
        if name_of(1) in record.text:
            continue
        if record.msg == "begin archiving a file":
            begun += 1
            assert begun - ended <= 3 + ended
        if record.msg.startswith("completed archiving"):
            ended += 1
    assert ended > 3


@pytest.mark.parametrize("size", [1, 0])
def test_one_by_one(size, wal, stored, store):
    wal.add(1, 2)
    wal.push(stored, 1, "-p", size)
    assert store.segments() == names(1) and wal.acknowledged() == []


def test_other_files_are_left_to_their_turn(wal, stored, store):
    wal.add(1, 2)
    for name in ("00000002.history", f"{name_of(1)}.00000028.backup", f"{name_of(3)}.partial"):
        (wal.folder / name).write_text("content")
        (wal.status / f"{name}.ready").touch()
    wal.push(stored, 1)
    assert sorted(p.name for p in store.wal.iterdir()) == [f"{n}.lzo" for n in names(1, 2)]
    # They have neighbours too.
    wal.add(4)
    stored.run("wal-push", wal.folder / "00000002.history")
    assert name_of(4) in store.segments()


def test_records_go_with_their_ready(wal, stored):
    wal.add(1, 2, 3)
    wal.push(stored, 1)
    assert wal.acknowledged() == names(2, 3)
    for number in (1, 2):
        wal.done(number)
    wal.add(4)
    wal.push(stored, 4)
    assert wal.acknowledged() == names(3)


def test_what_was_ahead_needs_neither_socket_nor_thread(wal, stored, folder):
    wal.add(1, 2)
    wal.push(stored, 1)
    trace = folder / "trace"
    calls = "socket,connect,clone,clone3,fork,vfork,io_uring_setup"
    command = ["strace", "-f", "-o", trace, "-e", f"trace={calls}", *stored.command("wal-push", wal.path(2))]
    subprocess.run(command, env=stored.environment, check=True)
    assert [line for line in trace.read_text().split("\n") if "(" in line] == []


def test_another_prefix_has_records_of_its_own(wal, tool, folder):
    first, second = Store(folder / "first"), Store(folder / "second")
    wal.add(1, 2, 3)
    wal.push(tool.with_environment(WALE_FILE_PREFIX=first.url), 1)
    assert was_ahead(wal.push(tool.with_environment(WALE_FILE_PREFIX=first.url), 2))
    changed = wal.push(tool.with_environment(WALE_FILE_PREFIX=second.url), 2)
    assert not was_ahead(changed) and name_of(2) in second.segments()
    assert was_ahead(wal.push(tool.with_environment(WALE_FILE_PREFIX=second.url), 3))


@pytest.mark.parametrize("how", ["cp -a", "other content"])
def test_records_that_pg_rewind_brought(how, wal, tool, store, folder):
    """The folder of another server, copied with its times: its files are not the ones acknowledged."""
    wal.add(1, 2)
    other = Store(folder / "other")
    wal.push(tool.with_environment(WALE_FILE_PREFIX=other.url), 1)
    assert wal.acknowledged() == names(2)
    copy = folder / "copy"
    subprocess.run(["cp", "-a", wal.folder, copy], check=True)
    assert list((copy / ".wal-e").glob(f"ack-{name_of(2)}*"))
    here = tool.with_environment(WALE_FILE_PREFIX=other.url)
    path = copy / name_of(2)
    if how == "cp -a":
        run = here.run("wal-push", path)
        assert "the file is archived already, with the same content" in run.messages() and not was_ahead(run)
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        here.run("wal-push", path, code=1).error(name_of(2))


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_folder_that_is_not_ours(mode, wal, stored, store):
    """Nothing can be remembered there: every segment is pushed when it is named, and only then."""
    wal.add(1, 2, 3)
    ours = wal.folder / ".wal-e"
    ours.mkdir()
    ours.chmod(mode)
    try:
        for number in (1, 2):
            run = wal.push(stored, number)
            assert store.segments() == names(*range(1, number + 1)) and not was_ahead(run)
    finally:
        ours.chmod(0o700)


def test_neighbours_that_cannot_be_pushed(wal, stored, store):
    wal.add(1, 2, 3, 4, 5)
    wal.path(2).unlink()  # gone
    os.truncate(wal.path(3), MEBIBYTE // 2)
    shutil.copy(wal.path(5), wal.path(4))  # under a wrong name
    time.sleep(0.05)
    run = wal.push(stored, 1)
    assert run.messages().count("skip parallel archiving of a file") == 3
    assert store.segments() == names(1, 5) and wal.acknowledged() == names(5)


def test_many_neighbours_that_cannot_be_pushed(wal, stored, store):
    """A queue that is refused is not gone through whole, each time anew."""
    wal.add(*range(1, 61))
    for number in range(2, 61):
        os.truncate(wal.path(number), MEBIBYTE // 2)
    time.sleep(0.05)
    run = wal.push(stored, 1)
    assert run.messages().count("skip parallel archiving of a file") == 16
    assert store.segments() == names(1)


def test_a_neighbour_with_other_content_in_the_archive(wal, stored, store):
    wal.add(1, 2)
    wal.push(stored, 2, "-p", 1)
    with open(wal.path(2), "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\1")
    time.sleep(0.05)
    wal.push(stored, 1)
    assert wal.acknowledged() == []
    wal.push(stored, 2, code=1).error(name_of(2))


def test_a_named_segment_that_fails_is_not_saved_by_its_neighbours(wal, stored):
    wal.add(1, 2)
    os.truncate(wal.path(1), MEBIBYTE // 2)
    wal.push(stored, 1, code=1).error(name_of(1))


def test_a_neighbour_that_hangs(wal, stored, store):
    """Reads of it do not end, and cannot be interrupted."""
    wal.add(1, 2)
    slow = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-P", str(wal.path(2)),
            "-e", "trace=pread64", "-e", "inject=pread64:delay_enter=60s"]  # fmt: skip
    push = subprocess.Popen(
        [*slow, *stored.command("wal-push", wal.path(1))],
        env={**stored.environment, "WALE_IO": "threads"},
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    for line in push.stderr:
        said += line
        if "left neighbours of the file to themselves" in said and "STRUCTURED" in line:
            break
    (named,) = [r for r in records(said) if r.msg.startswith("completed archiving")]
    left = records(said)[-1]
    assert left.msg == "left neighbours of the file to themselves"
    # By its own clock; a read takes a minute.
    assert 1.9 <= (left.time - named.time).total_seconds() < 4
    # strace holds the process back, although it has ended but for the read.
    status = (Path("/proc") / str(push.pid) / "status").read_text()
    tracer = int(re.search(r"TracerPid:\t(\d+)", status).group(1))
    if tracer:
        os.kill(tracer, signal.SIGKILL)
    assert push.wait(10) == 0
    push.stderr.close()
    assert store.segments() == names(1) and wal.acknowledged() == []


class Server(Script):
    """An S3 server that takes every object, and says so of the named one only."""

    def do_GET(self):
        if "prefix=" in self.path:
            return self.answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        self.answer(404, b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>")

    do_HEAD = do_GET

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if name_of(1) not in self.path:
            self.server.unanswered.append(self.path)
            self.rfile.read(1)  # until the client goes away
            return
        self.answer(200, ETag='"e"')


@pytest.mark.parametrize("engine", ["ring", "threads"])
def test_a_store_that_does_not_answer_for_the_neighbours(engine, wal, tool):
    wal.add(1, 2, 3, 4)
    with serving(Server, unanswered=[]) as server:
        s3 = tool.with_environment(
            WALE_S3_PREFIX="s3://bucket/x", WALE_S3_ENDPOINT=server.url.replace("http:", "http+path:"),
            AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s", WALE_IO=engine)  # fmt: skip
        run = s3.run("wal-push", wal.path(1))
        ended = datetime.now(timezone.utc).replace(tzinfo=None)
    (named,) = [r for r in run.records if r.msg.startswith("completed archiving")]
    assert name_of(1) in named.text
    assert server.unanswered and wal.acknowledged() == []
    assert 1.7 <= (ended - named.time).total_seconds() < 4


def test_two_prefixes_in_one_archive_command(clusters, folder, tool):
    """PostgreSQL with 40 segments that wait: both archives get all of them, in one order."""
    stores = [Store(folder / "first"), Store(folder / "second")]
    tools = [tool.with_environment(WALE_FILE_PREFIX=s.url) for s in stores]
    pushes = [t.shell(folder / f"env{n}", 'wal-push "$1"') for n, t in enumerate(tools)]
    script = folder / "archive"
    script.write_text(
        "#!/bin/sh\n"
        f"while [ ! -e {folder}/go ]; do sleep 0.05; done\n"
        f"exec 2>> {folder}/log\n" + " && ".join(pushes) + "\n"
    )
    script.chmod(0o755)
    cluster = clusters.cluster(folder / "pg").initdb(SMALL_SEGMENTS)
    cluster.configure(archive_mode="on", archive_command=f"{script} %p").start()
    segments = [cluster.switch_wal() for _ in range(READY)]
    status = cluster.wal_folder() / "archive_status"
    assert len(list(status.glob("*.ready"))) >= READY
    (folder / "go").touch()
    cluster.wait_archived(segments[-1])
    for store in stores:
        assert set(segments) <= set(store.segments())
    wait_until(lambda: not list(status.glob("*.ready")), "a segment waits")
    log = (folder / "log").read_text()
    assert log.count("the file was archived ahead of its turn") > READY // 2
