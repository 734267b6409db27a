"""Backups with tablespaces, restored beside the running original onto prepared links."""

import json

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.archive import commits_of, finish_recovery
from support.postgres import Cluster
from support.tool import assert_unchanged, snapshot


class Spread:
    """A running cluster with two tablespaces, and a backup of it."""

    def __init__(self, archive):
        self.archive, self.cluster = archive, archive.cluster
        self.folder = archive.folder
        archive.start(SMALL_SEGMENTS)
        self.places = [self.folder / "ts1", self.folder / "ts2"]
        for place in self.places:
            place.mkdir()
            self.cluster.sql(f"CREATE TABLESPACE {place.name} LOCATION '{place}'")
        for place in self.places:
            self.cluster.sql(
                f"CREATE TABLE in_{place.name} TABLESPACE {place.name} AS "
                "SELECT n, md5(n::text) FROM generate_series(1, 2000) n"
            )
        archive.commit(10)
        self.name = archive.backup()
        archive.archive_commits(10)
        self.cluster.sql("CHECKPOINT")
        oids = "SELECT oid FROM pg_tablespace WHERE spcname ~ '^ts' ORDER BY spcname"
        self.oids = self.cluster.sql(oids).split()

    def prepare_links(self, data, places):
        (data / "pg_tblspc").mkdir(parents=True)
        data.chmod(0o700)
        for oid, place in zip(self.oids, places):
            place.mkdir(exist_ok=True)
            (data / "pg_tblspc" / oid).symlink_to(place)


@pytest.fixture(scope="module", params=["11", "15"])
def spread(request, scratch, tool, install):
    made = Clusters(tool, install)
    yield Spread(made.archive(new_folder(scratch), request.param))
    made.stop()


def new_copy(spread, folder, clusters):
    return clusters.track(Cluster(folder / "copy", spread.cluster.major, spread.cluster.install))


def test_restored_beside_the_running_original(spread, folder, clusters):
    copy = new_copy(spread, folder, clusters)
    places = [folder / "new1", folder / "new2"]
    spread.prepare_links(copy.data, places)
    original = snapshot(*spread.places)
    wanted = spread.cluster.table_sums()

    spread.archive.tool.run("backup-fetch", copy.data, spread.name)
    spread.archive.prepare_recovery(copy)
    finish_recovery(copy)

    located = "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname ~ '^ts' ORDER BY spcname"
    assert copy.sql(located).split() == [str(place) for place in places]
    assert [(copy.data / "pg_tblspc" / oid).readlink() for oid in spread.oids] == places
    assert copy.table_sums() == wanted and commits_of(copy) == (20, 20)
    copy.sql("INSERT INTO in_ts1 SELECT n, '' FROM generate_series(1, 1000) n; CHECKPOINT")
    assert_unchanged(original, *spread.places)
    assert spread.cluster.table_sums() == wanted


def test_the_sentinel_names_them(spread):
    path = spread.archive.store.base / f"{spread.name}_backup_stop_sentinel.json"
    spec = json.loads(path.read_text())["spec"]
    assert sorted(spec["tablespaces"]) == sorted(spread.oids)
    for oid, place in zip(spread.oids, spread.places):
        assert spec[oid] == {"loc": f"{place}/", "link": f"pg_tblspc/{oid}"}


def test_refused_without_links(spread, folder):
    before = snapshot(folder)
    spread.archive.tool.run("backup-fetch", folder / "data", spread.name, code=1).error(
        "Symlinks for some tablespaces not found or created.", *spread.oids
    )
    assert_unchanged(before, folder)


def test_refused_into_the_originals_own_place(spread, folder, clusters):
    copy = new_copy(spread, folder, clusters)
    spread.prepare_links(copy.data, [spread.places[0], folder / "new2"])
    before = snapshot(folder, *spread.places)
    run = spread.archive.tool.run("backup-fetch", copy.data, spread.name, code=1)
    run.error(str(spread.places[0]))
    assert_unchanged(before, folder, *spread.places)


def test_refused_into_a_place_that_is_not_empty(spread, folder, clusters):
    copy = new_copy(spread, folder, clusters)
    spread.prepare_links(copy.data, [folder / "new1", folder / "new2"])
    (folder / "new2/precious").write_text("do not lose me")
    before = snapshot(folder)
    run = spread.archive.tool.run("backup-fetch", copy.data, spread.name, code=1)
    run.error(str(folder / "new2"))
    assert_unchanged(before, folder)


def test_in_place_tablespaces_are_directories(clusters, folder):
    archive = clusters.archive(folder).start(SMALL_SEGMENTS, allow_in_place_tablespaces="on")
    archive.cluster.sql("CREATE TABLESPACE inside LOCATION ''")
    archive.cluster.sql("CREATE TABLE t TABLESPACE inside AS SELECT n FROM generate_series(1, 100) n")
    name = archive.backup()
    archive.archive_commits(5)
    sentinel = json.loads((archive.store.base / f"{name}_backup_stop_sentinel.json").read_text())
    assert sentinel["spec"]["tablespaces"] == []
    wanted = archive.cluster.table_sums()
    copy = clusters.track(archive.restore(folder / "copy", allow_in_place_tablespaces="on"))
    assert finish_recovery(copy).table_sums() == wanted
