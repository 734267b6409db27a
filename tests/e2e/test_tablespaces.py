"""Backups with tablespaces, restored beside the running original in each way there is."""

import json
import shutil

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.archive import commits_of, finish_recovery
from support.postgres import Cluster, wait_until
from support.tool import Store, assert_unchanged, snapshot


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


def spec_file(folder, **spec):
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    return path


def place_of(oid, place):
    return {oid: {"loc": f"{place}/", "link": f"pg_tblspc/{oid}"}}


def prepared(spread, copy, places):
    spread.prepare_links(copy.data, places)
    return []


def by_specification(spread, copy, places):
    """The first place is made by the restore, the second is there."""
    places[1].mkdir()
    listed = {oid: place_of(oid, place)[oid] for oid, place in zip(spread.oids, places)}
    return ["--restore-spec", spec_file(copy.folder, tablespaces=spread.oids, **listed)]


def one_of_each(spread, copy, places):
    """A list of its own leaves the other one to its link."""
    spread.prepare_links(copy.data, places)
    (copy.data / "pg_tblspc" / spread.oids[0]).unlink()
    spec = spec_file(copy.folder, tablespaces=spread.oids[:1], **place_of(spread.oids[0], places[0]))
    return ["--restore-spec", spec]


def check_copy(spread, copy, original, wanted):
    """It answers as the original does, and writes where the original sees nothing of it."""
    finish_recovery(copy)
    assert copy.table_sums() == wanted and commits_of(copy) == (20, 20)
    copy.sql("INSERT INTO in_ts1 SELECT n, '' FROM generate_series(1, 1000) n; CHECKPOINT")
    assert_unchanged(original, *spread.places)
    assert spread.cluster.table_sums() == wanted


@pytest.mark.parametrize("way", [prepared, by_specification, one_of_each])
def test_restored_beside_the_running_original(spread, folder, clusters, way):
    copy = new_copy(spread, folder, clusters)
    places = [folder / "new1", folder / "new2"]
    original, wanted = snapshot(*spread.places), spread.cluster.table_sums()

    options = way(spread, copy, places)
    spread.archive.tool.run("backup-fetch", *options, copy.data, spread.name)
    assert (copy.data / "tablespace_map").read_text() == "".join(
        f"{oid} {place}\n" for oid, place in zip(spread.oids, places)
    )
    spread.archive.prepare_recovery(copy)
    check_copy(spread, copy, original, wanted)

    located = "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname ~ '^ts' ORDER BY spcname"
    assert copy.sql(located).split() == [str(place) for place in places]
    assert [(copy.data / "pg_tblspc" / oid).readlink() for oid in spread.oids] == places


def test_restored_blindly_beside_the_running_original(spread, folder, clusters):
    copy = new_copy(spread, folder, clusters)
    original, wanted = snapshot(*spread.places), spread.cluster.table_sums()
    run = spread.archive.tool.run("backup-fetch", "--blind-restore", copy.data, spread.name)
    assert "allow_in_place_tablespaces" in run.records[-1].parts["HINT"]
    assert not (copy.data / "tablespace_map").exists()
    for oid in spread.oids:
        place = copy.data / "pg_tblspc" / oid
        assert place.is_dir() and not place.is_symlink() and place.stat().st_mode & 0o777 == 0o700
    spread.archive.prepare_recovery(copy)
    copy.start(wait=False)
    wait_until(lambda: "unexpected directory entry" in copy.log_tail(), copy.log_tail)
    wait_until(lambda: copy.pid() is None, copy.log_tail)
    copy.configure(allow_in_place_tablespaces="on")
    check_copy(spread, copy, original, wanted)


def test_the_sentinel_names_them(spread):
    path = spread.archive.store.base / f"{spread.name}_backup_stop_sentinel.json"
    spec = json.loads(path.read_text())["spec"]
    assert sorted(spec["tablespaces"]) == sorted(spread.oids)
    for oid, place in zip(spread.oids, spread.places):
        assert spec[oid] == {"loc": f"{place}/", "link": f"pg_tblspc/{oid}"}


def test_source_is_where_they_were(folder, clusters):
    """The original is gone, but for its archive: its tablespaces get their places back."""
    spread = Spread(clusters.archive(folder))
    wanted = spread.cluster.table_sums()
    fetch = ["backup-fetch", "--restore-spec", "SOURCE", folder / "copy/data", spread.name]
    (folder / "copy").mkdir(mode=0o700)
    before = snapshot(folder / "copy", *spread.places)
    spread.archive.tool.run(*fetch, code=1).error("belongs to", str(spread.places[0]))
    assert_unchanged(before, folder / "copy", *spread.places)

    spread.cluster.stop()
    for path in (spread.cluster.data, *spread.places):
        shutil.rmtree(path)
    spread.archive.tool.run(*fetch)
    copy = new_copy(spread, folder, clusters)
    spread.archive.prepare_recovery(copy)
    assert finish_recovery(copy).table_sums() == wanted
    assert [(copy.data / "pg_tblspc" / oid).readlink() for oid in spread.oids] == spread.places


def test_a_specification_may_name_the_directory(spread, folder):
    named, given = folder / "named", folder / "given"
    places = {k: v for oid in spread.oids for k, v in place_of(oid, folder / oid).items()}
    spec = spec_file(folder, base_prefix=f"{named}/", **places)
    fetch = ["backup-fetch", "--restore-spec", spec, given, spread.name]
    spread.archive.tool.run(*fetch[:1], "--overwrite", *fetch[1:], code=1).error(str(named), str(given))
    run = spread.archive.tool.run(*fetch)
    assert run.messages("WARNING") == ["the restore specification names another directory"]
    assert (named / "PG_VERSION").exists() and not given.exists()


def test_unusable_specifications(spread, folder):
    fetch = ["backup-fetch", "--restore-spec", folder / "spec.json", folder / "data", spread.name]
    tool = spread.archive.tool
    first = spread.oids[0]
    error = tool.run(*fetch, code=1).error(str(folder / "spec.json"))
    assert error.msg == "Restore specification does not exist"
    cases = [
        ({"tablespaces": [first, "99999"]}, "99999"),
        ({first: {"loc": "relative"}}, "relative"),
        ({first: {"loc": f"{folder}/no/parent"}}, f"{folder}/no"),
        ({first: {"loc": f"{folder}/data/inside"}}, "overlaps"),
        # The other one goes back to where it was, which is the original's.
        (place_of(first, folder / "place"), str(spread.places[1])),
        ({"base_prefix": f"{spread.cluster.data}/", **place_of(first, folder / "place")}, "live"),
    ]
    for spec, word in cases:
        spec_file(folder, **spec)
        before = snapshot(folder, *spread.places)
        tool.run(*fetch, code=1).error(word)
        assert_unchanged(before, folder, *spread.places)


def test_a_failed_restore_takes_back_what_it_made(spread, folder):
    """Also the links and places; a damaged partition fails it at the end."""
    store = Store(folder / "store")
    spread.archive.store.copy_to(store.root)
    last = sorted((store.base / spread.name / "tar_partitions").iterdir())[-1]
    last.write_bytes(last.read_bytes()[:-20])
    (folder / "there").mkdir()
    places = dict(zip(spread.oids, [folder / "new", folder / "there"]))
    spec = spec_file(folder, **{k: v for o, p in places.items() for k, v in place_of(o, p).items()})
    before = snapshot(folder)
    tool = spread.archive.tool.with_environment(**store.environment())
    tool.run("backup-fetch", "--restore-spec", spec, folder / "data", spread.name, code=1)
    assert_unchanged(before, folder)


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
