"""Encrypted archives: whole cycles, mixed archives, other programs, hosts without the secret key, and
every way in which gpg, its keys or its agent can fail."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.archive import commits_of, finish_recovery
from support.gpg import PASSPHRASE, GpgOriginalTool, GpgTool, KeyRing, is_encrypted
from support.postgres import children, ended_within, is_alive, wait_until
from support.tool import Store, assert_unchanged, snapshot

DIGEST = "user.wale.sha256"
CEILING = 64 << 20


@pytest.fixture(scope="module")
def ring(scratch):
    ring = KeyRing(new_folder(scratch) / "g", "allow-preset-passphrase\n")
    ring.make_key("good").make_key("locked", PASSPHRASE)
    ring.make_key("signing", kind="rsa2048").make_key("expired", expires="seconds=1")
    ring.kill_agent()  # it knows the passphrase
    yield ring
    ring.kill_agent()


@pytest.fixture(scope="module")
def public_ring(scratch, ring):
    """A host that may only encrypt."""
    other = ring.public_copy(new_folder(scratch) / "p")
    yield other
    other.kill_agent()


@pytest.fixture(scope="module")
def encrypting(binary, ring):
    return GpgTool(binary, ring, WALE_GPG_KEY_ID=ring.key_id("good"))


@pytest.fixture(scope="module")
def archive(scratch, encrypting, install):
    """A PostgreSQL 15 with an encrypted archive; tests may add, not take away."""
    made = Clusters(encrypting, install)
    archive = made.archive(new_folder(scratch)).start(SMALL_SEGMENTS)
    try:
        archive.archive_commits(10)
        archive.backup()
        archive.archive_commits(10)
        yield archive
    finally:
        made.stop()


@pytest.fixture
def segment(archive):
    """A complete segment of the cluster that is in no other store."""
    return archive.cluster.wal_folder() / archive.archive_commits()


@pytest.fixture
def elsewhere(archive, store):
    """wal-e of the same host with an empty store of its own."""
    store.wal.mkdir(parents=True)
    return archive.tool.with_environment(WALE_FILE_PREFIX=store.url)


def plain_of(ring, data):
    return subprocess.run(
        ["lzop", "-dc"], input=ring.decrypt(data), capture_output=True, check=True
    ).stdout


def lzop(data):
    return subprocess.run(["lzop", "-c"], input=data, capture_output=True, check=True).stdout


# -- the whole cycle


def test_archive_backup_and_restore(archive, ring, clusters, folder):
    store, cluster = archive.store, archive.cluster
    objects = store.objects()
    volumes = [p for p in objects if p.suffix == ".lzo"]
    assert any("tar_partitions" in str(p) for p in volumes) and store.segments()
    for path in volumes:
        assert is_encrypted(path.read_bytes()), path
    name = store.backups()[0]
    sentinel = store.base / f"{name}_backup_stop_sentinel.json"
    json.loads(sentinel.read_text())
    for path in set(objects) - set(volumes):
        assert not is_encrypted(path.read_bytes()), path

    last = archive.archive_commits()
    stored = (store.wal / f"{last}.lzo").read_bytes()
    assert plain_of(ring, stored) == (cluster.wal_folder() / last).read_bytes()
    # A host with the secret key, where nothing is configured.
    copy = clusters.track(
        archive.restore(folder / "copy", tool=archive.tool.with_environment(WALE_GPG_KEY_ID=None))
    )
    assert commits_of(finish_recovery(copy)) == commits_of(cluster)
    assert archive.tool.run("backup-list").out.count("base_") >= 1


def test_the_option_wins(elsewhere, store, segment, ring):
    plain = elsewhere.with_environment(WALE_GPG_KEY_ID=None)
    elsewhere.with_environment(WALE_GPG_KEY_ID="nobody").run(
        "--gpg-key-id", ring.key_id("good"), "wal-push", segment
    )
    (stored,) = store.wal.glob("*.lzo")
    assert is_encrypted(stored.read_bytes())
    stored.unlink()
    plain.with_environment(WALE_GPG_KEY_ID="").run("wal-push", segment)
    assert not is_encrypted(stored.read_bytes())


def test_a_mixed_archive(clusters, folder, ring, encrypting):
    """The key id is set in the middle, and unset again; one restore crosses both changes."""
    plain = encrypting.with_environment(WALE_GPG_KEY_ID=None)
    archive = clusters.archive(folder, tool=plain).start(SMALL_SEGMENTS)
    setting = folder / "env/WALE_GPG_KEY_ID"
    archive.archive_commits(5)
    archive.backup()
    kinds = []
    for key in ("", ring.key_id("good"), ""):
        setting.write_text(key)
        last = archive.archive_commits(5)
        kinds.append(is_encrypted((archive.store.wal / f"{last}.lzo").read_bytes()))
    assert kinds == [False, True, False]
    copy = clusters.track(archive.restore(folder / "copy"))
    assert commits_of(finish_recovery(copy)) == (20, 20)


# -- other programs


def test_files_made_by_hand(elsewhere, store, segment, ring, folder):
    data = segment.read_bytes()
    path = store.wal / f"{segment.name}.lzo"
    path.write_bytes(ring.encrypt(lzop(data), "good"))
    elsewhere.run("wal-fetch", segment.name, folder / "fetched")
    assert (folder / "fetched").read_bytes() == data
    run = elsewhere.run("wal-push", segment)
    assert "the file is archived already, with the same content" in run.messages()
    changed = data[:-1] + bytes([data[-1] ^ 1])
    path.write_bytes(ring.encrypt(lzop(changed), "good"))
    before = snapshot(store.root)
    elsewhere.run("wal-push", segment, code=1).error("another file of this name")
    assert_unchanged(before, store.root)


def test_segments_cross_over_with_wal_e(elsewhere, store, segment, ring, original, folder):
    theirs = original.with_environment(
        WALE_FILE_PREFIX=store.url, GNUPGHOME=str(ring.home), WALE_GPG_KEY_ID=ring.key_id("good")
    )
    theirs.run("wal-push", "-p", "0", segment)
    elsewhere.run("wal-fetch", segment.name, folder / "ours")
    elsewhere.run("wal-push", segment)
    (store.wal / f"{segment.name}.lzo").unlink()
    elsewhere.run("wal-push", segment)
    theirs.run("wal-fetch", "-p", "0", segment.name, folder / "theirs")
    for fetched in ("ours", "theirs"):
        assert (folder / fetched).read_bytes() == segment.read_bytes()


def test_a_backup_of_ours_restored_by_wal_e(archive, ring, original, folder):
    theirs = original.with_environment(
        WALE_FILE_PREFIX=archive.store.url, GNUPGHOME=str(ring.home), WALE_GPG_KEY_ID=ring.key_id("good")
    )
    theirs.run("backup-fetch", folder / "theirs", "LATEST")
    archive.tool.run("backup-fetch", folder / "ours", "LATEST")

    def relations(where):
        found = (p for p in where.rglob("base/*/*") if p.is_file())
        return {p.relative_to(where): p.read_bytes() for p in found}

    assert relations(folder / "theirs") == relations(folder / "ours") != {}


def test_a_backup_of_wal_e_restored_by_us(clusters, folder, ring, original):
    """All of its archive is WAL-E's, of which no volume has our digests."""
    keys = {"GNUPGHOME": str(ring.home), "WALE_GPG_KEY_ID": ring.key_id("good")}
    theirs = GpgOriginalTool(original.script.parent.parent).with_environment(**original.environment, **keys)
    archive = clusters.archive(folder, "13", tool=theirs).start()
    archive.commit(10)
    # checkpoint_completion_target is all that makes WAL-E's spread checkpoint quick.
    archive.cluster.configure(checkpoint_completion_target="0.0")
    archive.cluster.reload()
    archive.tool.run("backup-push", archive.cluster.data)
    archive.archive_commits(10)
    wanted = archive.cluster.table_sums()
    volumes = sorted(archive.store.root.rglob("*.lzo"))
    assert any(path.match("tar_partitions/*") for path in volumes) and archive.store.segments()
    for path in volumes:
        assert is_encrypted(path.read_bytes()) and DIGEST not in os.listxattr(path), path

    archive.cluster.kill()
    shutil.rmtree(archive.cluster.data)
    ours = GpgTool(clusters.tool.binary, ring, WALE_FILE_PREFIX=archive.store.url)
    copy = clusters.cluster(folder / "copy", "13")
    ours.run("backup-fetch", copy.data, "LATEST")
    (copy.data / "pg_hba.conf").write_text("local all all trust\n")  # WAL-E does not keep it
    copy.recover(ours.shell(folder / "env-of-ours", 'wal-fetch "%f" "%p"'), archive_mode="off")
    finish_recovery(copy)
    assert commits_of(copy) == (20, 20) and copy.table_sums() == wanted


# -- a host that may only encrypt


def test_a_lost_acknowledgement_without_the_secret_key(
    elsewhere, store, segment, public_ring, ring, folder
):
    host = elsewhere.on_host_with(public_ring)
    host.run("wal-push", segment)
    run = host.run("wal-push", segment)
    assert "the file is archived already, with the same content" in run.messages()

    other = folder / "wal" / segment.name
    other.parent.mkdir()
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    before = snapshot(store.root)
    host.run("wal-push", other, code=1).error("another file of this name")

    # WAL-E stored no digest.
    stored = store.wal / f"{segment.name}.lzo"
    os.removexattr(stored, DIGEST)
    host.run("wal-push", segment, code=1).error(
        "cannot be compared", str(stored), f"wal-e wal-fetch {segment.name}", "secret key"
    )
    assert_unchanged(before, store.root)
    # With the key it is compared by its content.
    elsewhere.run("wal-push", segment)


def test_a_backup_without_the_secret_key(clusters, folder, encrypting, public_ring, ring):
    host = encrypting.on_host_with(public_ring)
    host.ring = public_ring
    archive = clusters.archive(folder, tool=host).start(SMALL_SEGMENTS)
    archive.archive_commits(5)
    archive.backup()
    archive.archive_commits(5)
    with_key = archive.tool.on_host_with(ring)
    with_key.ring = ring
    copy = clusters.track(archive.restore(folder / "copy", tool=with_key))
    archive.prepare_recovery(copy, tool=with_key)
    assert commits_of(finish_recovery(copy)) == (10, 10)


# -- keys that do not do


@pytest.mark.parametrize(
    "key, reason",
    [
        ("nobody@example.invalid", "not in the key ring"),
        ("0123456789ABCDEF0123456789ABCDEF01234567", "not in the key ring"),
        ("signing", "cannot encrypt"),
        ("expired", "has expired"),
    ],
)
def test_a_key_that_does_not_do(key, reason, elsewhere, store, segment, archive):
    before = snapshot(store.root)
    tool = elsewhere.with_environment(WALE_GPG_KEY_ID=key)
    began = time.monotonic()
    tool.run("wal-push", segment, code=1).error(key, reason, "gpg cannot encrypt")
    run = tool.run("backup-push", archive.cluster.data, code=1)
    assert time.monotonic() - began < 30
    run.error(key, reason)
    assert "start upload postgres version metadata" not in run.messages()
    assert_unchanged(before, store.root)


def test_gpg_is_not_installed(elsewhere, store, segment, archive, folder):
    (folder / "bin").mkdir()
    (folder / "bin/envdir").symlink_to(shutil.which("envdir"))
    tool = elsewhere.with_environment(PATH=str(folder / "bin"))
    before = snapshot(store.root)
    tool.run("wal-push", segment, code=1).error("gpg is not installed")
    tool.run("backup-push", archive.cluster.data, code=1).error("gpg is not installed")
    assert_unchanged(before, store.root)
    # Nothing that needs no gpg asks for it.
    tool.run("backup-list")


def test_started_by_a_program_that_ignores_its_children(elsewhere, segment, folder):
    """That is inherited, and nobody could learn how gpg ended."""
    ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
    elsewhere.run("wal-push", segment, **ignoring)
    elsewhere.run("wal-fetch", segment.name, folder / "fetched", **ignoring)
    assert (folder / "fetched").read_bytes() == segment.read_bytes()


def test_a_key_ring_that_cannot_be_read(elsewhere, store, segment, folder):
    (folder / "closed").mkdir(mode=0)
    before = snapshot(store.root)
    tool = elsewhere.with_environment(GNUPGHOME=str(folder / "closed"))
    tool.run("wal-push", segment, code=1).error("gpg cannot encrypt", "Permission denied")
    assert_unchanged(before, store.root)


# -- reading that fails


@pytest.fixture
def recovering(folder):
    """A data directory where exit code 1 would end the recovery."""
    data = folder / "data"
    (data / "pg_wal").mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    (data / "recovery.signal").touch()
    return data


@pytest.fixture
def not_fetched(elsewhere, store, folder, recovering):
    """wal-fetch that must fail with one record, in time, and leave nothing."""

    def fetch(name, *words, tool=elsewhere, seconds=15):
        before = snapshot(folder)
        began = time.monotonic()
        tool.run("wal-fetch", name, folder / "RECOVERYXLOG", code=1).error(*words)
        tool.run("wal-fetch", name, "pg_wal/x", code=126, cwd=recovering).error(*words)
        assert time.monotonic() - began < 2 * seconds
        assert_unchanged(before, folder)

    return fetch


def test_no_secret_key(elsewhere, segment, public_ring, not_fetched, store):
    elsewhere.run("wal-push", segment)
    not_fetched(
        segment.name, "secret key is missing", f"{segment.name}.lzo", tool=elsewhere.on_host_with(public_ring)
    )


def test_a_locked_agent_and_a_preset_passphrase(elsewhere, segment, ring, not_fetched, folder):
    tool = elsewhere.with_environment(WALE_GPG_KEY_ID=ring.key_id("locked"))
    pushed = tool.run("wal-push", segment)
    ring.kill_agent()
    not_fetched(segment.name, "agent", "passphrase", tool=tool)
    ring.launch_agent()
    ring.preset_passphrase("locked")
    fetched = tool.run("wal-fetch", segment.name, folder / "fetched")
    ring.kill_agent()
    assert (folder / "fetched").read_bytes() == segment.read_bytes()
    for run in (pushed, fetched):
        assert PASSPHRASE not in run.out + run.err


def test_delete_keeps_what_a_history_behind_a_locked_agent_may_need(elsewhere, ring, folder):
    """Who deletes need not be able to restore."""
    tool = elsewhere.with_environment(WALE_GPG_KEY_ID=ring.key_id("locked"))
    (folder / "00000002.history").write_text("1\t0/3000000\tno recovery target specified\n")
    tool.run("wal-push", folder / "00000002.history")
    ring.kill_agent()
    run = tool.run("delete", "before", "000000010000000000000009")
    assert "Timeline 00000002 counts as a descendant of all others" in run.err
    ring.kill_agent()


def test_no_agent(elsewhere, segment, ring, not_fetched, folder):
    """It cannot start: the path of its socket is too long."""
    elsewhere.run("wal-push", segment)
    home = folder / ("long" * 25)
    home.mkdir(mode=0o700)
    for name in ("pubring.kbx", "private-keys-v1.d"):
        copy = shutil.copytree if (ring.home / name).is_dir() else shutil.copy
        copy(ring.home / name, home / name)
    not_fetched(segment.name, "agent", tool=elsewhere.with_environment(GNUPGHOME=str(home)))


def test_an_agent_that_does_not_answer(elsewhere, segment, ring, not_fetched):
    elsewhere.run("wal-push", segment)
    with ring.silent_agent():
        not_fetched(segment.name, "gpg does not answer", seconds=30)


def flipped(data):
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]


def flipped_at_the_end(data):
    """In the integrity check itself: what it covers is whole."""
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


def truncated(data):
    return data[: len(data) // 2]


def only_the_head(data):
    """gpg -d exits 0 for this."""
    return data[:100]


def with_rubbish(data):
    return data + b"rubbish"


DAMAGES = [flipped, flipped_at_the_end, truncated, only_the_head, with_rubbish]


def spoil(path, damage):
    data = damage(path.read_bytes())
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate(len(data))


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_ciphertext(damage, elsewhere, store, segment, not_fetched):
    elsewhere.run("wal-push", segment)
    spoil(store.wal / f"{segment.name}.lzo", damage)
    not_fetched(segment.name, "damaged", f"{segment.name}.lzo", "ends recovery before it")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_partition(damage, archive, folder):
    store = Store(folder / "store")
    archive.store.copy_to(store.root)
    name = store.backups()[0]
    partition = sorted((store.base / name / "tar_partitions").iterdir())[-1]
    spoil(partition, damage)
    before = snapshot(folder)
    tool = archive.tool.with_environment(WALE_FILE_PREFIX=store.url)
    tool.run("backup-fetch", folder / "restored", name, code=1).error("damaged", partition.name)
    assert_unchanged(before, folder)


def test_a_backup_without_its_key(archive, public_ring, folder):
    before = snapshot(folder)
    tool = archive.tool.on_host_with(public_ring)
    tool.run("backup-fetch", folder / "restored", "LATEST", code=1).error("secret key is missing")
    assert_unchanged(before, folder)


# -- what stays behind


def test_interrupted(elsewhere, store, segment, folder):
    """A gpg that never ends: a signal ends it and us, kill -9 of us ends its pipes."""
    (folder / "bin").mkdir()
    fake = folder / "bin/gpg"
    fake.write_text("#!/bin/sh\nwhile echo more; do sleep 0.1; done\n")
    fake.chmod(0o755)
    tool = elsewhere.with_environment(PATH=f"{folder}/bin:/usr/bin:/bin")
    before = snapshot(store.root)
    push = tool.start("wal-push", segment)
    (gpg,) = wait_until(lambda: children(push.pid), "gpg does not start")
    push.send_signal(signal.SIGTERM)
    assert ended_within(push, 2) == 1
    wait_until(lambda: not is_alive(gpg), "gpg lives on")
    assert_unchanged(before, store.root)

    push = tool.start("wal-push", segment)
    (gpg,) = wait_until(lambda: children(push.pid), "gpg does not start")
    push.kill()
    push.wait()
    wait_until(lambda: not is_alive(gpg), "gpg lives on")
    assert not (store.wal / f"{segment.name}.lzo").exists()


def test_no_terminal_and_no_secret_for_gpg(elsewhere, segment, folder):
    (folder / "bin").mkdir()
    fake = folder / "bin/gpg"
    fake.write_text(f"#!/bin/sh\n{{ env; ls -l /proc/$$/fd; cat /proc/$$/stat; echo $@; }} > {folder}/seen\nexit 2\n")
    fake.chmod(0o755)
    tool = elsewhere.with_environment(
        PATH=f"{folder}/bin:/usr/bin:/bin", AWS_SECRET_ACCESS_KEY=PASSPHRASE, PGPASSWORD=PASSPHRASE,
        GPG_TTY="/dev/tty7", DISPLAY=":7",
    )  # fmt: skip
    inherited = os.open(folder, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    tool.run("wal-push", segment, code=1, pass_fds=[inherited])
    os.close(inherited)
    seen = (folder / "seen").read_text()
    assert "--no-tty" in seen and "GNUPGHOME=" in seen
    for unwanted in (PASSPHRASE, "GPG_TTY", "DISPLAY", str(folder) + "\n", "io_uring", "store"):
        assert unwanted not in seen


# -- memory


@pytest.mark.parametrize("pool", [4, 16])
def test_memory(pool, archive, folder):
    """wal-e's own ceiling is the same as without gpg; a gpg takes a few MiB."""
    archive.cluster.sql(
        f"CREATE TABLE noise_{pool} AS SELECT string_agg(md5(random()::text), '') AS t "
        "FROM generate_series(1, 2000000) n GROUP BY n / 200; CHECKPOINT"
    )
    push = archive.tool.start("backup-push", "--checkpoint=fast", "-p", pool, archive.cluster.data)
    peaks = watch(push)
    assert push.wait() == 0
    assert peaks["gpg"] and max(peaks["gpg"]) < 24 << 20
    assert 1 << 20 < max(peaks["wal-e"]) <= CEILING
    fetch = archive.tool.start("backup-fetch", "-p", pool, folder / "restored", "LATEST")
    peaks = watch(fetch)
    assert fetch.wait() == 0
    assert peaks["gpg"] and max(peaks["gpg"]) < 24 << 20
    assert 1 << 20 < max(peaks["wal-e"]) <= CEILING


def watch(process):
    """The peaks seen until the process ends, of itself and of each gpg."""
    peaks = {"wal-e": [0], "gpg": []}
    while process.poll() is None:
        peaks["wal-e"].append(peak_of(process.pid, "wal-e"))
        # A child that has not begun to be gpg yet has our memory.
        peaks["gpg"] += filter(None, (peak_of(pid, "gpg") for pid in children(process.pid)))
        time.sleep(0.005)
    return peaks


def peak_of(pid, name):
    """The highest resident size so far; 0 if it is gone or another program."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    if not status.startswith(f"Name:\t{name}\n"):
        return 0
    return sum(int(line.split()[1]) << 10 for line in status.split("\n") if line.startswith("VmHWM:"))
