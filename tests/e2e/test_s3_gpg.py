"""An encrypted archive on S3: pushed, backed up, lost and restored, beside plain objects."""

import subprocess

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.archive import commits_of, finish_recovery
from support.gpg import GpgTool, KeyRing, is_encrypted
from support.s3.noise import add_noise

PART = 6 << 20  # docs/format.md


@pytest.fixture(scope="module")
def ring(scratch):
    ring = KeyRing(new_folder(scratch) / "g").make_key("good")
    yield ring
    ring.kill_agent()


@pytest.fixture(scope="module")
def encrypting(binary, ring):
    return GpgTool(binary, ring, WALE_GPG_KEY_ID=ring.key_id("good"))


@pytest.fixture(scope="module", params=["swift", "moto"])
def archive(request, scratch, encrypting, install, new_bucket):
    """On Swift (which judges signatures and digests) and on moto (which has conditional writes)."""
    made = Clusters(encrypting, install)
    store = new_bucket(request.getfixturevalue(request.param))
    archive = made.archive(new_folder(scratch), store=store).start(SMALL_SEGMENTS)
    try:
        archive.archive_commits(10)
        archive.backup()
        archive.archive_commits(10)
        yield archive
    finally:
        made.stop()


def plain_of(ring, data):
    return subprocess.run(
        ["lzop", "-dc"], input=ring.decrypt(data), capture_output=True, check=True
    ).stdout


def test_lost_and_restored(archive, ring, clusters, folder):
    for key in archive.store.sizes():
        assert is_encrypted(archive.store.read(key)) == key.endswith(".lzo"), key
    last = archive.archive_commits(10)
    stored = archive.store.read(f"wal_005/{last}.lzo")
    assert plain_of(ring, stored) == (archive.cluster.wal_folder() / last).read_bytes()
    # With the secret key, where nothing is configured.
    reading = archive.tool.with_environment(WALE_GPG_KEY_ID=None)
    copy = clusters.track(archive.restore(folder / "copy", tool=reading))
    finish_recovery(copy)
    assert commits_of(copy) == commits_of(archive.cluster)
    assert copy.table_sums() == archive.cluster.table_sums()


def test_pushed_again_and_fetched(archive, ring, folder):
    """The digest of the plain bytes lies beside the object: what is encrypted is never the same twice."""
    path = archive.cluster.wal_folder() / archive.archive_commits(5)
    key = f"wal_005/{path.name}.lzo"
    before = archive.store.read(key)
    fresh = archive.tool.with_environment()
    pushed = folder / "pg" / path.name  # where no record tells that it is stored
    pushed.parent.mkdir()
    pushed.write_bytes(path.read_bytes())
    fresh.run("wal-push", "-p", "1", pushed)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    pushed.write_bytes(content)
    fresh.run("wal-push", "-p", "1", pushed, code=1).error(path.name)
    assert archive.store.read(key) == before
    fresh.run("wal-fetch", "-p", "0", path.name, folder / "fetched")
    assert (folder / "fetched").read_bytes() == path.read_bytes()


def test_without_the_secret_key_nothing_is_served(archive, ring, folder):
    public = ring.public_copy(folder / "p")
    try:
        segment = archive.store.segments()[0]
        elsewhere = archive.tool.on_host_with(public)
        elsewhere.run("wal-fetch", "-p", "0", segment, folder / "fetched", code=1).error(segment)
        assert not (folder / "fetched").exists()
        elsewhere.run("backup-fetch", folder / "pg", "LATEST", code=1).error("secret key")
    finally:
        public.kill_agent()


def test_plain_objects_stand_beside_encrypted_ones(archive, clusters, folder):
    """The key id is taken away in the middle; one restore crosses the change."""
    setting = archive.folder / "env/WALE_GPG_KEY_ID"
    key = setting.read_text()
    setting.write_text("")
    try:
        segment = archive.archive_commits(5)
    finally:
        setting.write_text(key)
    assert not is_encrypted(archive.store.read(f"wal_005/{segment}.lzo"))
    assert is_encrypted(archive.store.read(f"wal_005/{archive.archive_commits(5)}.lzo"))
    copy = clusters.track(archive.restore(folder / "copy"))
    finish_recovery(copy)
    assert commits_of(copy) == commits_of(archive.cluster)


def test_parts_are_encrypted(archive, ring, folder):
    """An object larger than one part, and memory for gpg beside the parts."""
    add_noise(archive.cluster, 16)
    name = archive.backup("-p", "2")
    sizes = archive.store.sizes(f"basebackups_005/{name}/tar_partitions/")
    assert max(sizes.values()) > 2 * PART and archive.store.uploads() == []
    archive.tool.run("backup-fetch", folder / "pg", name)
    assert (folder / "pg/global/pg_control").exists()
