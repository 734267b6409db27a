"""The two engines: which system calls carry the data, and that a refused io_uring changes nothing."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.tool import Store
from support.trace import on, paths, traced

DATA_CALLS = {"read", "pread64", "readv", "preadv", "preadv2", "write", "pwrite64", "writev",
              "pwritev", "pwritev2", "fsync", "fdatasync", "sendfile", "copy_file_range"}  # fmt: skip


@pytest.fixture
def segment(session_archive, store):
    store.wal.mkdir(parents=True)
    return session_archive.cluster.wal_folder() / session_archive.archive_commits()


def test_the_ring_carries_the_data(segment, stored, store, folder):
    calls = traced(stored.with_environment(WALE_IO="ring"), folder, "wal-push", segment)
    names = {name for name, _ in calls}
    assert {"io_uring_setup", "io_uring_enter"} <= names
    assert not DATA_CALLS & set(on(segment, calls))
    assert not DATA_CALLS & (set(on(store.root, calls)) - {"fsync"})
    # Directories are made durable by a call of their own; the object, whatever its name, is not.
    synced = paths(calls, "fsync")
    assert synced and all(Path(path).is_dir() for path in synced), synced


def test_threads_use_no_ring(segment, stored, store, folder):
    calls = traced(stored.with_environment(WALE_IO="threads"), folder, "wal-push", segment)
    assert not [name for name, _ in calls if name.startswith("io_uring")]
    assert DATA_CALLS & set(on(segment, calls))


@pytest.mark.parametrize("engine", ["ring", "threads"])
def test_both_make_the_same_object(engine, segment, stored, store, folder):
    tool = stored.with_environment(WALE_IO=engine)
    tool.run("wal-push", segment)
    tool.run("wal-fetch", segment.name, folder / "fetched")
    assert (folder / "fetched").read_bytes() == segment.read_bytes()
    subprocess.run(["lzop", "-t", store.wal / f"{segment.name}.lzo"], check=True)


def test_an_unknown_engine_is_refused(segment, stored):
    stored.with_environment(WALE_IO="rings").run("wal-push", segment, code=1).error("WALE_IO")
    # A line end does not count, as of all settings.
    stored.with_environment(WALE_IO="threads\r\n").run("wal-push", segment)


@pytest.mark.parametrize("refusal", ["EPERM", "ENOSYS"])
def test_without_io_uring(refusal, session_archive, scratch, folder):
    """As under the default seccomp profile of container engines, or on an old kernel."""
    archive = session_archive
    wrapper = scratch / "bin/deny_io_uring"
    name = archive.archive_commits()
    path = archive.cluster.wal_folder() / name
    store = Store(folder / "store")
    store.wal.mkdir(parents=True)

    def run(tool, *arguments):
        command = [wrapper, refusal, *tool.command(*arguments)]
        done = subprocess.run(command, env=tool.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    elsewhere = archive.tool.with_environment(WALE_FILE_PREFIX=store.url)
    run(elsewhere, "wal-push", path)
    run(elsewhere, "wal-fetch", name, folder / "fetched")
    assert (folder / "fetched").read_bytes() == path.read_bytes()
    run(archive.tool, "backup-push", "--checkpoint=fast", archive.cluster.data)
    newest = archive.store.backups()[-1]
    assert newest in run(archive.tool, "backup-list").stdout
    run(archive.tool, "backup-fetch", folder / "restored", newest)
    assert (folder / "restored/global/pg_control").exists()
    sentinel = json.loads((archive.store.base / f"{newest}_backup_stop_sentinel.json").read_text())
    assert sentinel["partitions"] >= 1


def test_a_ring_that_is_asked_for_and_refused_is_an_error(scratch, segment, stored):
    tool = stored.with_environment(WALE_IO="ring")
    command = [scratch / "bin/deny_io_uring", "EPERM", *tool.command("wal-push", segment)]
    done = subprocess.run(command, env=tool.environment, capture_output=True, text=True)
    assert done.returncode == 1 and "io_uring" in done.stderr
