"""wal-push of files that are not what they should be, and of names that are taken."""

import shutil

import pytest
from support.tool import Store, assert_unchanged, fill, snapshot
from support.trace import traced

MEBIBYTE = 1 << 20


@pytest.fixture
def segment(session_archive, folder):
    """A copy of a complete segment that can be spoilt, under its own name."""
    name = session_archive.archive_commits()
    path = folder / "wal" / name
    path.parent.mkdir()
    shutil.copy(session_archive.cluster.wal_folder() / name, path)
    return path


@pytest.fixture
def refused(stored, store, folder):
    """Pushes a file that must be refused with one record, and nothing changed."""
    store.wal.mkdir(parents=True, exist_ok=True)

    def push(path, *words):
        before = snapshot(folder)
        run = stored.run("wal-push", path, code=1)
        error = run.error(*words)
        assert_unchanged(before, folder)
        return error

    return push


def test_missing(segment, refused):
    segment.unlink()
    refused(segment, segment.name)


def test_half(segment, refused):
    with open(segment, "r+b") as file:
        file.truncate(MEBIBYTE // 2)
    refused(segment, segment.name)


@pytest.mark.parametrize("suffix", ["", ".partial"])
def test_misnamed(segment, refused, suffix):
    """An archive_command with swapped names, or a copied file."""
    path = segment.with_name(segment.name[:-2] + "FE" + suffix)
    segment.rename(path)
    refused(path, path.name, "another segment")


def test_too_long(segment, refused):
    with open(segment, "ab") as file:
        file.write(b"\0" * 8192)
    refused(segment, segment.name)


@pytest.mark.parametrize("suffix", ["", ".partial"])
def test_empty(segment, refused, suffix):
    path = segment.with_name(segment.name + suffix)
    path.write_bytes(b"")
    refused(path, path.name)


@pytest.mark.parametrize("name", ["00000002.history", "000000010000000000000001.00000028.backup"])
def test_empty_history(folder, refused, name):
    (folder / name).write_bytes(b"")
    refused(folder / name, name)


def test_a_folder(folder, refused):
    (folder / "000000010000000000000001").mkdir()
    refused(folder / "000000010000000000000001")


def test_the_same_again_is_a_success(segment, stored, store, folder):
    stored.run("wal-push", segment)
    before = snapshot(folder)
    stored.run("wal-push", segment)
    assert_unchanged(before, folder)


@pytest.mark.parametrize("strip", [False, True], ids=["with digest", "digest lost"])
def test_other_content_is_refused(segment, stored, store, refused, strip):
    stored.run("wal-push", segment)
    if strip:  # a copy of the store without extended attributes
        kept = store.wal / f"{segment.name}.lzo"
        content = kept.read_bytes()
        kept.unlink()
        kept.write_bytes(content)
        stored.run("wal-push", segment)  # still recognised, by decoding
    content = bytearray(segment.read_bytes())
    content[-1] ^= 1
    segment.write_bytes(content)
    refused(segment, segment.name)


def test_other_history_is_refused(folder, stored, refused):
    path = folder / "00000002.history"
    path.write_text("1\t0/3000000\tno recovery target specified\n")
    stored.run("wal-push", path)
    path.write_text("1\t0/4000000\tno recovery target specified\n")
    refused(path, "00000002.history")


def test_another_cluster_is_refused(session_archive, clusters, folder):
    """The newest backup's metadata knows whose archive this is."""
    store = Store(folder / "store")
    session_archive.store.copy_to(store.root)
    other = clusters.cluster(folder / "other").initdb("--wal-segsize=1")
    # Far from every name that the archive holds.
    other.server_program("pg_resetwal", "-l", "0000000100000000000000F0", "-D", other.data)
    other.configure().start()
    path = other.wal_folder() / other.switch_wal()
    before = snapshot(store.root)
    tool = session_archive.tool.with_environment(WALE_FILE_PREFIX=store.url)
    tool.run("wal-push", path, code=1).error("system identifier")
    assert_unchanged(before, store.root)


def test_disk_full(segment, tool, session_archive, small_disk):
    store = Store(small_disk / "store")
    full = tool.with_environment(WALE_FILE_PREFIX=store.url, WALE_RETRIES="1")
    store.wal.mkdir(parents=True)
    filler = fill(small_disk)
    before = snapshot(small_disk)
    full.run("wal-push", segment, code=1).error("No space left")
    assert_unchanged(before, small_disk)
    filler.unlink()
    full.run("wal-push", segment)
    assert store.segments() == [segment.name]


INJECTIONS = {
    # The ring's own fsync of the object goes by no system call: what is left are the directories.
    "directories that cannot be synced": ("ring", "fsync:error=EINVAL", 0),
    "nor say so in the same way": ("ring", "fsync:error=EOPNOTSUPP", 0),
    "a directory that was lost": ("ring", "fsync:error=EIO", 1),
    "a disk that was full when it was synced": ("threads", "fsync:error=ENOSPC", 1),
}


@pytest.mark.parametrize("engine, inject, code", INJECTIONS.values(), ids=INJECTIONS.keys())
def test_a_file_system_of_its_own_kind(engine, inject, code, segment, stored, store, folder):
    """What some lack is no failure; what was lost is, even if it comes to light at the end."""
    store.wal.mkdir(parents=True)
    tool = stored.with_environment(WALE_IO=engine)
    traced(tool, folder, "wal-push", segment, inject=inject, code=code)
    assert "(INJECTED)" in (folder / "trace").read_text()
    if code == 0:
        assert store.segments() == [segment.name]
    stored.run("wal-push", segment)
    assert store.segments() == [segment.name]


def test_backup_onto_a_full_disk(session_archive, small_disk):
    """ENOSPC in the middle: nothing of the backup stays, the server is out of backup mode."""
    archive = session_archive
    cluster = archive.cluster
    cluster.sql("CREATE TABLE IF NOT EXISTS noise AS "
                "SELECT md5(random()::text) || md5(random()::text) FROM generate_series(1, 200000)")  # fmt: skip
    store = Store(small_disk / "store")
    store.wal.mkdir(parents=True)
    store.base.mkdir()
    before = snapshot(small_disk)
    full = archive.tool.with_environment(WALE_FILE_PREFIX=store.url, WALE_RETRIES="1")
    full.run("backup-push", "--checkpoint=fast", cluster.data, code=1).error("No space left")
    assert store.objects() == [] and store.backups() == []
    assert_unchanged(before, small_disk)
    cluster.sql("DROP TABLE noise; CHECKPOINT")
    archive.backup()
