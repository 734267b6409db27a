"""The main job on a real S3 server: archived, backed up under load, lost and restored."""

import shutil

import pytest
from support.archive import commits_of, finish_recovery
from support.crash import unpacked
from support.postgres import wait_until
from support.s3.noise import add_noise

PART = 6 << 20  # docs/format.md
PAGE = 1000  # the most keys in one answer to a listing
SENTINEL = (
    '{"wal_segment_backup_stop": "000000010000000000000002", "wal_segment_offset_backup_stop":'
    ' "00000312", "expanded_size_bytes": 1, "spec": {"base_prefix": "/d/", "tablespaces": []}}'
)


@pytest.fixture(params=["http", "https WALE_CA_FILE", "https SSL_CERT_FILE", "plain URL"])
def s3_store(request, swift, new_bucket):
    """A bucket by each way to say where the server is and whom to trust."""
    scheme, _, variable = request.param.partition(" ")
    store = new_bucket(swift)
    if scheme == "https":
        swift.start_tls()
        return store.at(endpoint=swift.tls_url, **{variable: str(swift.ca_file)})
    return store.at(WALE_S3_ENDPOINT=swift.url) if scheme == "plain" else store


class Load:
    """pgbench writes while the block runs."""

    def __init__(self, cluster):
        self.cluster = cluster

    def __enter__(self):
        ready = self.cluster.pgbench("-i", "-q", "-s", "2")
        assert ready.wait(60) == 0, ready.stderr.read()
        ready.stderr.close()
        self.process = self.cluster.pgbench("-c", "2", "-T", "600")
        rows = "SELECT count(*) > 50 FROM pgbench_history"
        wait_until(lambda: self.cluster.sql(rows) == "t", "pgbench writes nothing")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()


def check_multipart(store):
    """Of whole parts: such an object's ETag is no MD5 but one of those of its parts, and their number."""
    large = {key: size for key, size in store.sizes("basebackups_005/").items() if size > 2 * PART}
    assert large, store.sizes()
    for key, size in large.items():
        assert int(store.head(key)["ETag"].strip('"').rpartition("-")[2]) == -(-size // PART), key
    assert store.uploads() == []


def test_archived_lost_restored(s3_store, clusters, folder):
    archive = clusters.archive(folder, store=s3_store).start()
    cluster = archive.cluster
    archive.commit(5)
    add_noise(cluster)
    with Load(cluster) as load:
        name = archive.backup()
        assert load.process.poll() is None
    archive.archive_commits(20)
    wanted = cluster.table_sums()
    assert int(wanted["noise"][0]) > 0 and int(wanted["pgbench_history"][0]) > 50
    cluster.sql("INSERT INTO commits VALUES (1000000)")  # its segment is never archived

    check_multipart(s3_store)
    listed = archive.tool.run("backup-list").out.split("\r\n")
    assert [line.split("\t")[0] for line in listed] == ["name", name, ""]
    before = s3_store.sizes()
    cluster.kill()
    shutil.rmtree(cluster.data)
    copy = clusters.track(archive.restore(folder / "copy"))
    finish_recovery(copy)
    assert s3_store.sizes() == before
    assert copy.table_sums() == wanted and commits_of(copy) == (25, 25)


def test_an_authority_that_is_not_ours_is_not_trusted(secure_swift, new_bucket, tool):
    store = new_bucket(secure_swift).at(endpoint=secure_swift.tls_url)
    run = tool.with_environment(**store.environment(), WALE_RETRIES="2").run("backup-list", code=1)
    run.error("certificate")


def test_the_name_in_the_certificate_is_checked(secure_swift, new_bucket, tool):
    store = new_bucket(secure_swift)
    url = secure_swift.tls_url.replace("localhost", "127.0.0.1")
    tool = tool.with_environment(
        **store.at(endpoint=url, WALE_CA_FILE=str(secure_swift.ca_file)).environment()
    )
    tool.run("backup-list", code=1).error("certificate")


@pytest.fixture(scope="module")
def many(swift, new_bucket):
    """A bucket with 2,500 backups to list: more than two pages."""
    store = new_bucket(swift)
    names = [f"base_{n // 256 + 1:08X}{0:08X}{n % 256:08X}_00000040" for n in range(2500)]
    store.write_all({f"basebackups_005/{n}_backup_stop_sentinel.json": SENTINEL for n in names})
    return store, names


@pytest.mark.parametrize("version", [None, "1", "2"])
def test_listings_of_several_pages(many, version, tool, session_archive, folder):
    store, names = many
    tool = tool.with_environment(**store.environment(), WALE_S3_LIST_VERSION=version)
    lines = tool.run("backup-list").out.split("\r\n")[1:-1]
    assert sorted(line.split("\t")[0] for line in lines) == sorted(names)
    assert len(names) > 2 * PAGE

    segment = session_archive.archive_commits()
    stored = session_archive.store.wal / f"{segment}.lzo"
    store.write(f"wal_005/{stored.name}", stored.read_bytes())
    tool.run("wal-fetch", segment, folder / "fetched")
    assert (folder / "fetched").read_bytes() == unpacked(stored)
    tool.run("wal-fetch", f"{segment[:-2]}FE", folder / "absent", code=1)
    assert not (folder / "absent").exists()


def test_keys_that_are_hard_to_sign(swift, new_bucket, tool, session_archive, folder):
    """The prefix is the user's: blanks, reserved characters, letters beyond ASCII."""
    store = new_bucket(swift)
    segment = session_archive.archive_commits()
    path = session_archive.cluster.wal_folder() / segment
    plain = path.read_bytes()
    for prefix in ("with blank", "a+b%20c%", "q?x=1&y#z", "ünïcødé/中", "e=mc~2'(3)*!", "$dollar@at:,;"):
        ours = tool.with_environment(**store.at(prefix=prefix).environment())
        ours.run("wal-push", path)
        assert store.at(prefix=prefix).segments() == [segment]
        target = folder / f"fetched-{len(list(folder.iterdir()))}"
        ours.run("wal-fetch", segment, target)
        assert target.read_bytes() == plain
        assert ours.run("backup-list").out.split("\r\n")[1:] == [""]
