"""wal-fetch and backup-fetch of damaged objects, into targets that are not free."""

import json
import resource
import shutil
import subprocess

import pytest
from support.archive import commits_of, finish_recovery
from support.postgres import Cluster
from support.tool import Store, assert_unchanged, decode, fill, records, snapshot

CONTROL = "global/pg_control"
HISTORY = b"1\t0/3000000\tno recovery target specified\n"


def truncated(data):
    return data[: len(data) * 2 // 3]


def flipped(data):
    """One bit near the middle. lzop has to mind it: some flips decode to the very same bytes."""
    for at in range(len(data) // 2, len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]
        if subprocess.run(["lzop", "-t"], input=changed, capture_output=True).returncode != 0:
            return changed
    raise AssertionError("lzop minds no flip")


def flipped_in_header(data):
    return data[:20] + bytes([data[20] ^ 0x01]) + data[21:]


def empty(_):
    return b""


def without_end(data):
    assert data[-4:] == bytes(4)
    return data[:-4]


def with_rubbish(data):
    return data + b"rubbish"


def not_lzop(data):
    return b"<?xml version='1.0'?>" + data


DAMAGES = [truncated, flipped, flipped_in_header, empty, without_end, with_rubbish, not_lzop]


def spoil(path, damage):
    """Keeps the file's attributes, as a failing disk does."""
    data = damage(path.read_bytes())
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate(len(data))


@pytest.fixture
def copy_of_store(session_archive, folder):
    """A store of its own with the session's newest backup and WAL, to be spoilt."""
    store = Store(folder / "store")
    session_archive.store.copy_to(store.root)
    return store


@pytest.fixture
def fetching(session_archive, copy_of_store):
    return session_archive.tool.with_environment(
        WALE_FILE_PREFIX=copy_of_store.url, WALE_RETRIES="1"
    )


# -- wal-fetch


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_segment(damage, copy_of_store, fetching, folder):
    name = copy_of_store.segments()[0]
    path = copy_of_store.wal / f"{name}.lzo"
    spoil(path, damage)
    (folder / "target").mkdir()
    before = snapshot(folder)
    fetching.run("wal-fetch", name, folder / "target/RECOVERYXLOG", code=1).error(path.name)
    assert_unchanged(before, folder)
    # The same in a recovery that would take 1 for the end of the archive.
    data = folder / "data"
    (data / "pg_wal").mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    (data / "recovery.signal").touch()
    before = snapshot(folder)
    fetching.run("wal-fetch", name, "pg_wal/RECOVERYXLOG", code=126, cwd=data).error(path.name)
    assert_unchanged(before, folder)


def test_segment_of_a_wrong_size(copy_of_store, fetching, folder):
    """A well-formed object that holds half a segment."""
    name = copy_of_store.segments()[0]
    path = copy_of_store.wal / f"{name}.lzo"
    plain = subprocess.run(["lzop", "-dc", path], capture_output=True, check=True).stdout
    half = subprocess.run(["lzop", "-c"], input=plain[: len(plain) // 2], capture_output=True, check=True)
    path.write_bytes(half.stdout)
    before = snapshot(folder)
    fetching.run("wal-fetch", name, folder / "RECOVERYXLOG", code=1).error(path.name)
    assert_unchanged(before, folder)


def test_swapped_segments(copy_of_store, fetching, folder):
    one, two = (copy_of_store.wal / f"{name}.lzo" for name in copy_of_store.segments()[:2])
    one.rename(folder / "kept")
    two.rename(one)
    (folder / "kept").rename(two)
    before = snapshot(folder)
    for path in (one, two):
        fetching.run("wal-fetch", path.stem, folder / "RECOVERYXLOG", code=1).error(path.name, "another segment")
        assert_unchanged(before, folder)


def test_dangling_link_is_no_absence(copy_of_store, fetching, folder):
    """Segments on a second file system that is not mounted must not end a recovery."""
    data = folder / "data"
    (data / "pg_wal").mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    (data / "recovery.signal").touch()
    name = "0000000100000000000000FF"
    (copy_of_store.wal / f"{name}.lzo").symlink_to(folder / "unmounted" / name)
    fetching.run("wal-fetch", name, "pg_wal/RECOVERYXLOG", code=126, cwd=data).error(name)


def test_absent_segment(fetching, folder):
    before = snapshot(folder)
    run = fetching.run("wal-fetch", "0000000100000000000000FF", folder / "RECOVERYXLOG", code=1)
    assert "could no longer locate object while performing wal restore" in run.messages()
    assert_unchanged(before, folder)


def test_unwritable_destination(copy_of_store, fetching, folder):
    (folder / "target").mkdir()
    (folder / "target").chmod(0o555)
    name = copy_of_store.segments()[0]
    before = snapshot(folder)
    fetching.run("wal-fetch", name, folder / "target/x", code=1).error("Permission denied")
    assert_unchanged(before, folder)
    fetching.run("wal-fetch", name, folder / "absent/x", code=1).error(str(folder / "absent"))
    assert_unchanged(before, folder)


def test_destination_disk_full(copy_of_store, fetching, small_disk):
    fill(small_disk)
    name = copy_of_store.segments()[0]
    before = snapshot(small_disk)
    fetching.run("wal-fetch", name, small_disk / "RECOVERYXLOG", code=1).error("No space left")
    assert_unchanged(before, small_disk)


def recovering(folder, signal):
    """A directory that looks to wal-fetch like that of a server in recovery."""
    data = folder / f"{signal}-data"
    (data / "pg_wal").mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    (data / f"{signal}.signal").touch()
    return data


@pytest.fixture
def unreadable_history(copy_of_store):
    path = copy_of_store.wal / "00000002.history.lzo"
    path.write_bytes(subprocess.run(["lzop", "-c"], input=HISTORY, capture_output=True, check=True).stdout)
    path.chmod(0)
    yield path
    path.chmod(0o640)


def test_a_history_file_is_asked_for_again(unreadable_history, fetching, folder):
    """A standby would take 1 for "there is no such timeline", and a promotion use it a second time."""
    fetch = fetching.start(
        "wal-fetch", "00000002.history", "pg_wal/RECOVERYHISTORY", cwd=recovering(folder, "standby"),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        said = ""
        for line in fetch.stderr:
            said += line
            if "timeline 00000002 a second time" in line:
                unreadable_history.chmod(0o640)
        assert fetch.wait(30) == 0, said
    finally:
        fetch.kill()
        fetch.stderr.close()
    assert [r.msg for r in records(said) if r.level == "WARNING"][0].endswith("could not be fetched, trying again")
    assert not [r for r in records(said) if r.level == "ERROR"]
    assert (folder / "standby-data/pg_wal/RECOVERYHISTORY").read_bytes() == HISTORY


def test_a_targeted_recovery_is_told_of_a_history_file_at_once(unreadable_history, fetching, folder):
    """126 stops it, which no other answer could do better later."""
    data = recovering(folder, "recovery")
    run = fetching.run("wal-fetch", "00000002.history", "pg_wal/RECOVERYHISTORY", code=126, cwd=data, timeout=10)
    run.error("00000002.history", "Permission denied")
    assert run.messages("WARNING") == []


@pytest.mark.parametrize("signal, code", [("standby", 1), ("recovery", 126)])
def test_out_of_memory(signal, code, copy_of_store, fetching, folder):
    """Little by little more of it, until it suffices."""
    data = recovering(folder, signal)
    name = copy_of_store.segments()[0]
    before, failures = snapshot(folder), 0
    for mebibytes in range(24, 200, 4):
        limit = resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20)
        run = fetching.run(
            "wal-fetch", "-p0", name, "pg_wal/RECOVERYXLOG", code=None, cwd=data,
            preexec_fn=lambda: resource.setrlimit(*limit),
        )  # fmt: skip
        if run.code == 0:
            break
        assert run.code == code, run.err
        run.error()
        failures += "out of memory" in run.err
        assert_unchanged(before, folder)
    assert run.code == 0 and failures > 0


def test_a_limit_of_the_size_of_files(copy_of_store, fetching, folder):
    """A signal as the end of restore_command would shut a standby down."""
    name = copy_of_store.segments()[0]
    (folder / "target").mkdir()
    before = snapshot(folder)
    limit = resource.RLIMIT_FSIZE, (1 << 19, 1 << 19)
    for engine in ("ring", "threads"):
        run = fetching.with_environment(WALE_IO=engine).run(
            "wal-fetch", name, folder / "target/RECOVERYXLOG", code=1,
            preexec_fn=lambda: resource.setrlimit(*limit),
        )  # fmt: skip
        run.error("File too large", "ulimit -f")
        assert_unchanged(before, folder)
        assert not any((folder / "target").iterdir())


# -- backup-fetch


def newest(store):
    return store.backups()[-1]


def sentinel_of(store):
    return store.base / f"{newest(store)}_backup_stop_sentinel.json"


def partitions_of(store):
    return sorted((store.base / newest(store) / "tar_partitions").iterdir())


@pytest.fixture
def refused(fetching, copy_of_store, folder):
    """backup-fetch that must fail with one record and leave store and target as they were."""

    def fetch(*words, query=None, options=(), target=None):
        before = snapshot(folder)
        target = target or folder / "restored"
        run = fetching.run("backup-fetch", *options, target, query or newest(copy_of_store), code=1)
        error = run.error(*words)
        assert_unchanged(before, folder)
        return error

    return fetch


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b"{", b'{"partitions": "many"}', b"\xff\xfe"])
def test_sentinel_is_not_what_it_should_be(content, copy_of_store, refused):
    sentinel_of(copy_of_store).write_bytes(content)
    refused(sentinel_of(copy_of_store).name)


def test_sentinel_says_one_more(copy_of_store, refused):
    sentinel = json.loads(sentinel_of(copy_of_store).read_text())
    sentinel["partitions"] += 1
    sentinel_of(copy_of_store).write_text(json.dumps(sentinel))
    refused(f"part_{sentinel['partitions'] - 1:08}.tar.lzo")


@pytest.mark.parametrize("which", [0, -1])
def test_partition_missing(which, copy_of_store, refused):
    path = partitions_of(copy_of_store)[which]
    path.unlink()
    refused(path.name)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_partition(damage, copy_of_store, refused):
    path = partitions_of(copy_of_store)[-1]
    spoil(path, damage)
    refused(path.name)


def test_unreadable_partition(copy_of_store, refused):
    path = partitions_of(copy_of_store)[-1]
    path.chmod(0)
    try:
        refused(path.name, "Permission denied")
    finally:
        path.chmod(0o640)


def test_extra_partition_is_left_alone(copy_of_store, fetching, folder, clusters, session_archive):
    last = partitions_of(copy_of_store)[-1]
    extra = last.with_name("part_00000099.tar.lzo")
    extra.write_bytes(b"not even an archive")
    copy = clusters.track(session_archive.restore(folder / "copy", newest(copy_of_store), fetching))
    assert commits_of(finish_recovery(copy)) == commits_of(session_archive.cluster)
    run = fetching.run("backup-fetch", folder / "again", newest(copy_of_store))
    assert any(extra.name in record.text for record in run.records if record.level == "WARNING")


def test_no_such_backup(refused):
    refused("base_0000000100000000000000FF_00000040", query="base_0000000100000000000000FF_00000040")
    assert refused("nonsense", query="nonsense").msg == "invalid backup query submitted"


def test_target_is_not_empty(folder, refused):
    (folder / "restored").mkdir()
    (folder / "restored/precious").write_text("do not lose me")
    refused("precious")
    (folder / "file").write_text("")
    refused(str(folder / "file"), target=folder / "file")


def test_target_is_a_running_cluster(session_archive, refused):
    for options in ((), ("--overwrite",)):
        error = refused("postmaster.pid", options=options, target=session_archive.cluster.data)
        assert error.msg == "attempting to overwrite a live data directory"
    assert session_archive.cluster.answers()


def test_what_to_do_next_names_the_program_that_ran(copy_of_store, fetching, folder):
    """A server of pg_ctlcluster finds programs in /usr/bin only."""
    run = fetching.run("backup-fetch", folder / "restored", newest(copy_of_store))
    hint = next(r for r in run.records if r.msg.startswith("restore complete")).parts["HINT"]
    assert f"{fetching.binary.resolve()} wal-fetch \"%f\" \"%p\"'" in hint


def test_what_to_do_next_names_what_replaced_the_program(copy_of_store, fetching, folder):
    """An upgrade while the restore goes on."""
    tool = fetching.with_environment()
    tool.binary = folder / "wal-e"
    shutil.copy2(fetching.binary, tool.binary)
    run = tool.start("backup-fetch", folder / "restored", newest(copy_of_store), stderr=subprocess.PIPE)
    tool.binary.unlink()
    said = decode(run.communicate()[1])
    assert run.returncode == 0, said
    assert f"{tool.binary.resolve()} wal-fetch \"%f\" \"%p\"'" in said


@pytest.mark.parametrize("original", ["theirs", "theirs/data"])
def test_the_original_is_another_users(original, copy_of_store, fetching, folder):
    """A restore on the same machine by somebody who may not look into the cluster that was backed up."""
    name = newest(copy_of_store)
    sentinel = copy_of_store.base / f"{name}_backup_stop_sentinel.json"
    content = json.loads(sentinel.read_text())
    content["spec"]["base_prefix"] = f"{folder}/{original}/"
    sentinel.write_text(json.dumps(content))
    (folder / original).mkdir(parents=True)
    (folder / original / "PG_VERSION").write_text("15\n")
    (folder / "theirs").chmod(0)
    try:
        fetching.run("backup-fetch", folder / "restored", name)
    finally:
        (folder / "theirs").chmod(0o700)
    assert (folder / "restored" / CONTROL).exists()


def test_target_disk_full(copy_of_store, fetching, small_disk, session_archive):
    """Afterwards no server starts there, and a second attempt into more room succeeds."""
    before = snapshot(small_disk)
    fetching.run("backup-fetch", small_disk / "data", newest(copy_of_store), code=1).error("No space left")
    assert not (small_disk / "data" / CONTROL).exists()
    assert_unchanged(before, small_disk)


def test_wal_on_a_disk_of_its_own(copy_of_store, fetching, small_disk):
    """pg_wal is a mount point in the target, with the lost+found of its file system."""
    target = small_disk.parent
    found = small_disk / "lost+found"
    found.mkdir()
    try:
        fetching.run("backup-fetch", target, newest(copy_of_store))
        assert (target / CONTROL).exists() and found.exists()
        (small_disk / "0000000100000000000000FE").write_bytes(b"old")
        (target / "stray").write_text("x")
        fetching.run("backup-fetch", "--overwrite", target, newest(copy_of_store))
        assert (target / CONTROL).exists() and not (target / "stray").exists()
        assert found.exists() and not [p for p in small_disk.rglob("*") if p.is_file()]
    finally:
        for entry in target.iterdir():
            if entry != small_disk:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def test_wal_behind_a_link_to_a_disk_of_its_own(copy_of_store, fetching, folder):
    (folder / "wal/lost+found").mkdir(parents=True)
    (folder / "pg").mkdir(mode=0o700)
    (folder / "pg/pg_wal").symlink_to(folder / "wal")
    fetching.run("backup-fetch", folder / "pg", newest(copy_of_store))
    assert (folder / "pg" / CONTROL).exists() and (folder / "wal/lost+found").exists()


def test_target_without_a_name(fetching):
    """What a script says whose variable is unset."""
    fetching.run("backup-fetch", "", "LATEST", code=2).error("PG_CLUSTER_DIRECTORY is an empty name")


def test_overwrite_removes_what_is_not_in_the_backup(copy_of_store, fetching, folder, clusters, session_archive):
    copy = clusters.track(Cluster(folder / "copy"))
    fetching.run("backup-fetch", copy.data, newest(copy_of_store))
    (copy.data / "base/1/stray").write_text("x")
    (copy.data / "pg_wal/0000000100000000000000FE").write_bytes(bytes(1 << 20))
    fetching.run("backup-fetch", "--overwrite", copy.data, newest(copy_of_store))
    assert not (copy.data / "base/1/stray").exists()
    assert [p for p in (copy.data / "pg_wal").rglob("*") if p.is_file()] == []
    session_archive.prepare_recovery(copy, tool=fetching)
    assert commits_of(finish_recovery(copy)) == commits_of(session_archive.cluster)


def test_configuration_placed_beforehand_wins(copy_of_store, fetching, folder):
    target = folder / "restored"
    target.mkdir(mode=0o700)
    placed = {"postgresql.conf": "# mine\n", "pg_hba.conf": "# mine too\n", "recovery.signal": ""}
    for name, content in placed.items():
        (target / name).write_text(content)
    run = fetching.run("backup-fetch", target, newest(copy_of_store))
    for name, content in placed.items():
        assert (target / name).read_text() == content
    said = "\n".join(record.text for record in run.records)
    assert "postgresql.conf" in said and "restore_command" in said
    assert (target / CONTROL).exists()
