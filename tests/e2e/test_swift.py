"""What only Swift's own protocol has: identity services, static large objects. test_stores.py has the rest."""

import subprocess
import time

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.archive import commits_of, finish_recovery
from support.postgres import wait_until
from support.s3.noise import add_noise
from support.s3.swift import KeystoneSwift
from support.stores.keystone import IdentityV2, Keystone12
from support.stores.swift import new_store
from support.tool import decode

TOKEN_LIFE = 3  # seconds


@pytest.fixture(scope="module")
def identity_v2(swift):
    service = IdentityV2(swift).start()
    yield service
    service.stop()


HAS_KEYSTONE_12 = Keystone12.home().is_dir()  # where there is a Python 2.7 for it: tests/README.md


def with_keystone_12(test):
    """The test where there is one; elsewhere nothing, of which pytest takes no notice."""
    return test if HAS_KEYSTONE_12 else None


@pytest.fixture(scope="module")
def keystone_12(swift):
    """The default version, 2.0, for real; Swift asks it about the tokens."""
    return swift.start_keystone(Keystone12)


@pytest.fixture(params=["1", "default", "3", *(["keystone_12"] if HAS_KEYSTONE_12 else [])])
def store(request, swift):
    """A container that is reached with this version of the identity service."""
    if request.param == "1":
        return new_store(swift)
    if request.param == "default":
        return new_store(swift, login=request.getfixturevalue("identity_v2").environment())
    keystone = request.getfixturevalue({"3": "keystone"}.get(request.param, request.param))
    return new_store(KeystoneSwift(swift, keystone))


def test_pushed_listed_and_fetched(store, tool, session_archive, folder):
    tool = tool.with_environment(**store.environment(), **session_archive.cluster.address())
    segment = session_archive.archive_commits()
    path = session_archive.cluster.wal_folder() / segment
    tool.run("wal-push", path)
    assert store.segments() == [segment]
    tool.run("wal-fetch", segment, folder / "fetched")
    assert (folder / "fetched").read_bytes() == path.read_bytes()
    tool.run("wal-fetch", f"{segment[:-2]}FE", folder / "absent", code=1)
    assert tool.run("backup-list").out.split("\r\n")[1:] == [""]


def test_a_follower_answers(store, clusters, folder):
    """The leader archives, the follower restores and follows."""
    archive = clusters.archive(folder, store=store).start(SMALL_SEGMENTS)
    archive.commit(10)
    archive.backup()
    follower = clusters.track(archive.restore(folder / "follower"))
    archive.prepare_recovery(follower, mode="standby")
    segment = archive.archive_commits(10)
    follower.start()
    wait_until(
        lambda: follower.sql("SELECT count(*) FROM commits") == "20",
        lambda: f"{segment} is not replayed\n{follower.log_tail()}",
    )
    assert follower.in_recovery()
    assert not archive.cluster.sql("SELECT * FROM pg_stat_replication")


# -- signing in


def variants(keystone):
    identity, secret = keystone.application_credential()
    domain = {"SWIFT_USER_DOMAIN_NAME": "Default", "SWIFT_PROJECT_DOMAIN_NAME": "Default"}
    return {
        "project and domains by name": {"SWIFT_TENANT": None, "SWIFT_PROJECT_NAME": keystone.project, **domain},
        "project and user by id": {
            "SWIFT_TENANT": None,
            "SWIFT_PROJECT_ID": keystone.project_id,
            "SWIFT_USER": None,
            "SWIFT_USER_ID": keystone.user_id,
        },
        "one domain for both": {"SWIFT_DOMAIN_ID": "default"},
        "tenant before the user": {"SWIFT_TENANT": None, "SWIFT_USER": f"{keystone.project}:{keystone.user}"},
        "URL without version": {"SWIFT_AUTHURL": keystone.url},
        "version from the URL": {"SWIFT_AUTH_VERSION": None},
        "internal endpoint": {"SWIFT_ENDPOINT_TYPE": "internalURL"},
        "application credential": {
            "SWIFT_USER": None,
            "SWIFT_PASSWORD": None,
            "SWIFT_TENANT": None,
            "SWIFT_APPLICATION_CREDENTIAL_ID": identity,
            "SWIFT_APPLICATION_CREDENTIAL_SECRET": secret,
        },
    }


def test_ways_of_signing_in_to_keystone(keystone, swift, tool):
    tool = tool.with_environment(**new_store(KeystoneSwift(swift, keystone)).environment())
    for name, variables in variants(keystone).items():
        done = tool.with_environment(**variables).run("backup-list", code=None)
        assert done.code == 0, f"{name}:\n{done.err}"


WRONG = {
    "password": ({"SWIFT_PASSWORD": "another"}, "SWIFT_PASSWORD"),
    "project": ({"SWIFT_TENANT": "another"}, "SWIFT_TENANT"),
    "region": ({"SWIFT_REGION": "another"}, "elsewhere"),
    "no endpoint": ({"SWIFT_ENDPOINT_TYPE": "adminURL"}, "SWIFT_ENDPOINT_TYPE"),
    "version": ({"SWIFT_AUTHURL": "http://127.0.0.1:9/v3", "SWIFT_AUTH_VERSION": "2"}, "SWIFT_AUTH_VERSION"),
    "no URL": ({"SWIFT_AUTHURL": None}, "SWIFT_AUTHURL"),
    "no user": ({"SWIFT_USER": None}, "SWIFT_USER"),
    "no password": ({"SWIFT_PASSWORD": None}, "SWIFT_PASSWORD"),
    "no tenant": ({"SWIFT_TENANT": None}, "SWIFT_TENANT"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_named(name, keystone, swift, tool):
    check_named(keystone, swift, tool, *WRONG[name], detail=not name.startswith("no "))


def check_named(keystone, swift, tool, variables, word, detail=True):
    store = new_store(KeystoneSwift(swift, keystone))
    tool = tool.with_environment(**{**store.environment(), "WALE_RETRIES": "2", **variables})
    done = tool.run("backup-list", code=1, timeout=60)
    done.error(word, detail=detail)
    assert keystone.password not in done.err and keystone.password not in done.out


@with_keystone_12
@pytest.mark.parametrize("name", ["password", "project", "region", "no endpoint", "no tenant"])
def test_wrong_settings_are_named_with_keystone_12(name, keystone_12, swift, tool):
    check_named(keystone_12, swift, tool, *WRONG[name], detail=not name.startswith("no "))


@with_keystone_12
def test_tokens_of_keystone_12_end_in_the_middle(keystone_12, swift, clusters, folder):
    store = new_store(KeystoneSwift(swift, keystone_12))
    archive = clusters.archive(folder, store=store).start(SMALL_SEGMENTS)
    with keystone_12.beside(token_life=TOKEN_LIFE) as hasty:
        tool = archive.tool.with_environment(**hasty.environment())
        began = time.monotonic()
        # A new cluster has over 20 MB.
        rate = 20_000_000 // (2 * TOKEN_LIFE)
        tool.run("backup-push", "--checkpoint=fast", "--cluster-read-rate-limit", rate, archive.cluster.data)
        assert time.monotonic() - began > TOKEN_LIFE
        assert hasty.signed_in() >= 2
    archive.tool.run("backup-fetch", folder / "restored", "LATEST")


def test_tokens_that_are_forgotten_in_the_middle(swift, clusters, folder):
    archive = clusters.archive(folder, store=new_store(swift)).start(SMALL_SEGMENTS)
    add_noise(archive.cluster)
    # Slowly enough for segments to be seen while others are still to come.
    push = archive.tool.start(
        "backup-push", "--checkpoint=fast", "--cluster-read-rate-limit=10000000", archive.cluster.data,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        is_under_way = lambda: archive.store.sizes("segments_005/") or push.poll() is not None  # noqa: E731
        wait_until(is_under_way, "no segment comes")
        assert push.poll() is None
        swift.forget_tokens()
        swift.token = None
        _, error = push.communicate()
    finally:
        push.kill()
        push.wait()
    assert push.returncode == 0, decode(error)
    (name,) = archive.store.backups()
    archive.tool.run("backup-fetch", folder / "restored", name)


# -- large objects


@pytest.fixture(scope="module")
def large(swift, scratch, tool, install):
    """An archive of PostgreSQL 13 whose backup has large objects."""
    made = Clusters(tool, install)
    archive = made.archive(new_folder(scratch), "13", store=new_store(swift)).start(SMALL_SEGMENTS)
    try:
        archive.commit(10)
        add_noise(archive.cluster)
        archive.name = archive.backup()
        archive.archive_commits(10)
        yield archive
    finally:
        made.stop()


def test_large_objects_are_static_ones(large):
    sizes = large.store.sizes()
    partitions = [key for key in sizes if "tar_partitions" in key and not key.startswith("segments_005/")]
    heads = {key: large.store.head(key) for key in partitions}
    static = [key for key, head in heads.items() if head.get("X-Static-Large-Object") == "True"]
    assert static and not any("X-Object-Manifest" in head for head in heads.values())
    for key in static:
        parts = [size for name, size in sizes.items() if name.startswith(f"segments_005/{key}/")]
        assert len(parts) > 1 and sum(parts) == sizes[key] == int(heads[key]["Content-Length"])
    assert large.store.uploads() == []


def test_wal_e_restores_large_objects(large, clusters, folder, original):
    theirs = original.with_environment(**large.store.environment())
    copy = clusters.cluster(folder / "copy", "13")
    theirs.run("backup-fetch", copy.data, "LATEST")
    copy.data.chmod(0o700)
    restore = theirs.shell(folder / "env-of-wal-e", 'wal-fetch -p 0 "%f" "%p"')
    copy.recover(f"{restore} 2>>{folder}/wal-e.log", archive_mode="off")
    finish_recovery(copy)
    assert commits_of(copy) == (20, 20)
    assert copy.table_sums() == large.cluster.table_sums()


def test_delete_sweeps_segments_without_an_object(swift, large, clusters, folder):
    """Those of the backup go with it; strange ones are younger than a day, and stay."""
    store = large.store.at(prefix="other")
    archive = clusters.archive(folder, store=store).start(SMALL_SEGMENTS)
    add_noise(archive.cluster)
    archive.backup()
    assert any(key.startswith("segments_005/") for key in store.sizes())
    young = "segments_005/basebackups_005/never/upload/00000001"
    store.write(young, b"x")
    before = large.store.sizes()
    archive.tool.run("delete", "--confirm", "everything")
    assert set(store.sizes()) == {young}
    assert large.store.sizes() == before


def test_a_large_object_without_a_segment_is_corrupt(large, folder):
    store = large.store
    key = next(k for k in store.sizes("segments_005/") if k.endswith("/00000001"))
    kept = store.read(key)
    store.remove(key)
    try:
        fetched = large.tool.run("backup-fetch", folder / "restored", large.name, code=1, timeout=60)
        fetched.error("segments_005")
        assert not (folder / "restored/global/pg_control").exists()
    finally:
        store.write(key, kept)
