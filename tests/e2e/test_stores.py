"""What every store over a network does, on a real server of each (support/stores).

Those of S3 go further, and are in test_s3_*.py.
"""

import json
import re
import shutil
import time
from datetime import datetime, timedelta, timezone

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support import stores
from support.archive import check_recovers, commits_of, finish_recovery
from support.crash import unpacked
from support.recovery import Case, Scene, standby_waits, targeted_recovery_ends, targeted_recovery_stops
from support.s3.fault_proxy import DOWN, UP
from support.s3.noise import add_noise
from support.tool import snapshot

MEBIBYTE = 1 << 20
OUTAGE = 20  # seconds
MANY = 1500
SENTINEL = (
    '{"wal_segment_backup_stop": "000000010000000000000002", "wal_segment_offset_backup_stop":'
    ' "00000312", "expanded_size_bytes": 1, "spec": {"base_prefix": "/d/", "tablespaces": []}}'
)


HEADER = (
    "name\tlast_modified\texpanded_size_bytes\twal_segment_backup_start\twal_segment_offset_backup_start"
    "\twal_segment_backup_stop\twal_segment_offset_backup_stop\r\n"
)
# As each store's library for Python gave it to WAL-E.
LAST_MODIFIED = {
    "azure": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00",
    "swift": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}",
    "gcs": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{6})?\+00:00",
}


@pytest.fixture(scope="module", params=[kind for kind in stores.KINDS if kind != "s3"])
def kind(request):
    return stores.module(request.param)


@pytest.fixture(scope="module")
def server(kind, scratch):
    server = kind.Server(new_folder(scratch) / "server").start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def remote(kind, server):
    return kind.new_store(server)


def tree(folder):
    return {p.relative_to(folder): what for p, what in snapshot(folder).items()}


class Site:
    """A cluster with an incompressible table that archives to the server; with one backup."""

    def __init__(self, archive, folder, proxy):
        self.archive, self.store, self.proxy = archive, archive.store, proxy
        archive.start(SMALL_SEGMENTS)
        archive.archive_commits(5)
        add_noise(archive.cluster)
        self.backup = archive.backup()
        archive.tool.run("backup-fetch", folder / "reference", self.backup)
        self.reference = tree(folder / "reference")
        self.faulty = archive.tool.with_environment(**self.store.at(endpoint=proxy.url).environment())

    def check_fetched(self, target):
        assert tree(target) == self.reference

    def check_pushed(self, tool, folder, clusters):
        """backup-push by that tool gives a backup that recovers."""
        before, unfinished = set(self.store.backups()), self.store.uploads()
        tool.run("backup-push", "--checkpoint=fast", self.archive.cluster.data)
        (name,) = set(self.store.backups()) - before
        assert self.store.uploads() == unfinished
        check_recovers(self.archive, name, folder / "made", clusters)
        for key in self.store.sizes(f"basebackups_005/{name}"):
            self.store.remove(key)  # the name is free again


@pytest.fixture(scope="module")
def site(kind, server, scratch, tool, install, new_proxy):
    made = Clusters(tool, install)
    folder = new_folder(scratch)
    try:
        store = kind.new_store(server)
        yield Site(made.archive(folder, store=store), folder, new_proxy(store.server_url))
    finally:
        made.stop()


@pytest.fixture
def proxy(site):
    yield site.proxy
    site.proxy.clear()


def check_none_is_listed(tool):
    for query in ([], ["LATEST"], ["--detail"]):
        assert tool.run("backup-list", *query).out == HEADER
    assert json.loads(tool.run("backup-list", "--json").out) == []


def check_listed(kind, archive, name):
    """In all forms: the time is the store's, the rest is in the sentinel and in metadata.json."""
    sentinel = json.loads(archive.store.read(f"basebackups_005/{name}_backup_stop_sentinel.json"))
    metadata = json.loads(archive.store.read(f"basebackups_005/{name}/metadata.json"))
    stop = sentinel["wal_segment_backup_stop"], sentinel["wal_segment_offset_backup_stop"]
    start = name[5:29], name[30:]

    def listed(*query):
        return archive.tool.run("backup-list", *query).out

    time_form = LAST_MODIFIED[kind.__name__.rpartition(".")[2]]
    plain = re.fullmatch(HEADER + f"{name}\t({time_form})\t\t" + "\t".join(start) + "\t\t\r\n", listed())
    assert plain, listed()
    assert listed("LATEST") == listed(name) == plain[0]
    row = [name, plain[1], str(sentinel["expanded_size_bytes"]), *start, *stop]
    assert listed("--detail") == listed("--detail", "LATEST") == HEADER + "\t".join(row) + "\r\n"

    shown = datetime.fromisoformat(plain[1])
    shown = shown if shown.tzinfo else shown.replace(tzinfo=timezone.utc)
    assert abs(datetime.now(timezone.utc) - shown) < timedelta(minutes=10)
    (backup,) = json.loads(listed("--json"))
    assert (backup["name"], datetime.fromisoformat(backup["last_modified"])) == (name, shown)
    told = {**sentinel, **metadata, "system_identifier": str(metadata["system_identifier"])}
    for key in ("expanded_size_bytes", "wal_segment_backup_stop", "wal_segment_offset_backup_stop", "partitions",
                "hostname", "pg_version", "compressed_size", "finish_time", "system_identifier"):  # fmt: skip
        assert backup[key] == told[key], key

    titles, row = listed("--pretty").splitlines()
    cells = [row[titles.index(title) :].split("  ")[0].strip() for title in ("NAME", "TAKEN", "WAL UP TO", "HOST")]
    assert cells == [name, metadata["finish_time"], stop[0], metadata["hostname"]]


def test_archived_lost_restored(kind, remote, clusters, folder):
    archive = clusters.archive(folder, store=remote).start()
    cluster = archive.cluster
    check_none_is_listed(archive.tool)
    archive.commit(5)
    add_noise(cluster)
    name = archive.backup()
    archive.archive_commits(3)
    wanted = cluster.table_sums()
    cluster.sql("INSERT INTO commits VALUES (1000000)")  # its segment is never archived
    assert max(remote.sizes("basebackups_005/").values()) > 2 * kind.LARGE
    assert remote.uploads() == []
    check_listed(kind, archive, name)
    before = remote.sizes()
    cluster.kill()
    shutil.rmtree(cluster.data)
    copy = clusters.track(archive.restore(folder / "copy"))
    finish_recovery(copy)
    assert remote.sizes() == before
    assert copy.table_sums() == wanted and commits_of(copy) == (8, 8)

    archive.tool.run("delete", "--confirm", "everything")
    assert remote.sizes() == {}
    check_none_is_listed(archive.tool)


def test_many_objects_are_listed(remote, tool):
    names = [f"base_{number:024X}_00000040" for number in range(MANY)]
    remote.write_all({f"basebackups_005/{n}_backup_stop_sentinel.json": SENTINEL.encode() for n in names})
    lines = tool.with_environment(**remote.environment()).run("backup-list").out.split("\r\n")[1:-1]
    assert sorted(line.split("\t")[0] for line in lines) == names


def test_a_segment_keeps_its_content(remote, tool, session_archive, folder):
    """Create-only, and compared without download."""
    tool = tool.with_environment(**remote.environment())
    first, second = (session_archive.archive_commits() for _ in range(2))
    path = session_archive.cluster.wal_folder() / first
    tool.run("wal-push", path)
    tool.run("wal-push", path)
    stored = remote.read(f"wal_005/{first}.lzo")
    other = folder / first
    shutil.copy(session_archive.cluster.wal_folder() / second, other)
    tool.run("wal-push", other, code=1).error()
    assert remote.read(f"wal_005/{first}.lzo") == stored
    tool.run("wal-fetch", first, folder / "fetched")
    plain = unpacked(session_archive.store.wal / f"{first}.lzo")
    assert (folder / "fetched").read_bytes() == plain == path.read_bytes()
    tool.run("wal-fetch", f"{first[:-2]}FE", folder / "absent", code=1)
    assert not (folder / "absent").exists()


# -- must succeed


def test_pushed_though_connections_are_reset(site, proxy, folder, clusters):
    proxy.reset_every(8 * MEBIBYTE)
    site.check_pushed(site.faulty, folder, clusters)
    assert proxy.counts()["resets"] >= 3


def test_fetched_though_connections_are_reset(site, proxy, folder):
    before = proxy.counts()["resets"]
    proxy.reset_every(8 * MEBIBYTE)
    site.faulty.run("backup-fetch", folder / "restored", site.backup)
    site.check_fetched(folder / "restored")
    assert proxy.counts()["resets"] >= before + 3


def test_pushed_though_the_server_was_away(site, proxy, folder, clusters):
    proxy.stop_at(UP, 12 * MEBIBYTE, OUTAGE)
    began, before = time.monotonic(), proxy.counts()["stops"]
    site.check_pushed(site.faulty, folder, clusters)
    assert proxy.counts()["stops"] == before + 1
    assert time.monotonic() - began > OUTAGE


def test_fetched_though_the_server_was_away(site, proxy, folder):
    proxy.stop_at(DOWN, 12 * MEBIBYTE, OUTAGE)
    began, before = time.monotonic(), proxy.counts()["stops"]
    site.faulty.run("backup-fetch", folder / "restored", site.backup)
    site.check_fetched(folder / "restored")
    assert proxy.counts()["stops"] == before + 1
    assert time.monotonic() - began > OUTAGE


# -- must fail, in time and with one error


def test_commands_fail_with_one_error(site, folder):
    reasons = site.store.wrong()
    assert {"missing container"} < set(reasons)
    for name, (variables, word) in reasons.items():
        # A new one each time: the server removes archived ones with the checkpoint of a backup.
        segment = site.archive.archive_commits()
        path = site.archive.cluster.wal_folder() / segment
        before = site.store.sizes("basebackups_005/")  # a backup that begins switches WAL, which is archived
        tool = site.archive.tool.with_environment(**variables, WALE_RETRIES="3")
        fetched, restored = folder / f"{name} segment", folder / f"{name} backup"
        for arguments in (
            ["backup-list"],
            ["wal-push", path],
            ["wal-fetch", segment, fetched],
            ["backup-fetch", restored, site.backup],
            ["backup-push", "--checkpoint=fast", site.archive.cluster.data],
        ):
            tool.run(*arguments, code=1, timeout=60).error(word)
        assert not fetched.exists() and not (restored / "global/pg_control").exists()
        assert site.store.sizes("basebackups_005/") == before


# -- a missing container is never "absent"


@pytest.fixture(scope="module")
def scene(kind, server, scratch, tool, install):
    made = Clusters(tool, install)
    folder = new_folder(scratch)
    try:
        yield Scene(made.archive(folder, store=kind.new_store(server)), folder, SMALL_SEGMENTS)
    finally:
        made.stop()


@pytest.fixture
def case(scene, folder, clusters):
    """case(store): a copy of the cluster which finds one segment missing there."""
    tool = scene.archive.tool.with_environment(WALE_RETRIES="2")

    def make(variables):
        wrong = tool.with_environment(**variables)
        fetch = 'wal-fetch "$1" "$2"'
        right_command = tool.shell(folder / "right", fetch)
        return Case(scene, folder, clusters, right_command, wrong.shell(folder / "wrong-env", fetch))

    return make


def test_a_missing_segment_ends_recovery(scene, case):
    targeted_recovery_ends(case(scene.archive.store.at(prefix="other").environment()))


def test_a_missing_container_stops_recovery(scene, case):
    targeted_recovery_stops(case(scene.archive.store.wrong()["missing container"][0]))


def test_a_missing_container_makes_a_standby_wait(scene, case):
    standby_waits(case(scene.archive.store.wrong()["missing container"][0]))
