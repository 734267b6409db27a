"""A bad network, a server that goes away, wrong clocks and credentials.

What can be survived is survived; what cannot fails in time with one error; and never is a backup
listed that does not restore.
"""

import shutil
import subprocess
import time

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.archive import check_recovers
from support.clock import FAKETIME
from support.postgres import wait_until
from support.s3.fault_proxy import DOWN, UP
from support.s3.noise import add_noise
from support.s3.signing_in import CredentialProcess, InstanceMetadata
from support.tool import Outcome, decode, snapshot

MEBIBYTE = 1 << 20
OUTAGE = 20  # seconds
HOUR = 3600


class Scene:
    """A cluster with an incompressible table that archives to Swift, directly; with one backup."""

    def __init__(self, archive, folder, proxy):
        self.archive, self.store, self.proxy = archive, archive.store, proxy
        archive.start(SMALL_SEGMENTS)
        archive.archive_commits(5)
        add_noise(archive.cluster)
        self.backup = archive.backup()
        archive.tool.run("backup-fetch", folder / "reference", self.backup)
        self.reference = tree(folder / "reference")
        proxied = self.store.at(endpoint=proxy.url)
        self.faulty = archive.tool.with_environment(**proxied.environment())

    def fetched(self, target):
        """Whether all of the first backup is there; takes it away again."""
        equal = tree(target) == self.reference
        shutil.rmtree(target)
        return equal

    def check_what_is_listed(self, folder):
        """Every listed backup restores."""
        listed = self.archive.tool.run("backup-list").out.split("\r\n")[1:-1]
        names = [line.split("\t")[0] for line in listed]
        assert self.backup in names
        for name in names:
            self.archive.tool.run("backup-fetch", folder / "check", name)
            assert (folder / "check/global/pg_control").exists()
            shutil.rmtree(folder / "check")


def tree(folder):
    return {p.relative_to(folder): what for p, what in snapshot(folder).items()}


@pytest.fixture(scope="module")
def scene(scratch, tool, install, swift, new_bucket, new_proxy):
    made = Clusters(tool, install)
    folder = new_folder(scratch)
    try:
        archive = made.archive(folder, store=new_bucket(swift))
        yield Scene(archive, folder, new_proxy(swift.url))
    finally:
        made.stop()


@pytest.fixture
def proxy(scene):
    yield scene.proxy
    scene.proxy.clear()


@pytest.fixture
def push(scene, folder, clusters):
    """push(tool): backup-push, whose backup must recover; the name is free again after."""
    made = []

    def run(tool):
        before, unfinished = set(scene.store.backups()), scene.store.uploads()
        tool.run("backup-push", "--checkpoint=fast", scene.archive.cluster.data)
        (name,) = set(scene.store.backups()) - before
        made.append(name)
        assert scene.store.uploads() == unfinished
        check_recovers(scene.archive, name, folder / "made", clusters)

    yield run
    for name in made:
        for key in scene.store.sizes(f"basebackups_005/{name}"):
            scene.store.remove(key)


# -- must succeed


def test_pushed_though_connections_are_reset(scene, proxy, push):
    proxy.reset_every(8 * MEBIBYTE)
    push(scene.faulty)
    assert proxy.counts()["resets"] >= 3


def test_fetched_though_connections_are_reset(scene, proxy, folder):
    before = proxy.counts()["resets"]
    proxy.reset_every(8 * MEBIBYTE)
    scene.faulty.run("backup-fetch", folder / "restored", scene.backup)
    assert scene.fetched(folder / "restored")
    assert proxy.counts()["resets"] >= before + 3


def test_pushed_though_the_server_was_away(scene, proxy, push):
    proxy.stop_at(UP, 12 * MEBIBYTE, OUTAGE)
    began, before = time.monotonic(), proxy.counts()["stops"]
    push(scene.faulty)
    assert proxy.counts()["stops"] == before + 1
    assert time.monotonic() - began > OUTAGE


def test_fetched_though_the_server_was_away(scene, proxy, folder):
    proxy.stop_at(DOWN, 12 * MEBIBYTE, OUTAGE)
    began, before = time.monotonic(), proxy.counts()["stops"]
    scene.faulty.run("backup-fetch", folder / "restored", scene.backup)
    assert scene.fetched(folder / "restored")
    assert proxy.counts()["stops"] == before + 1
    assert time.monotonic() - began > OUTAGE


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_clock_is_wrong_by_an_hour(scene, push, folder, hours):
    wrong = scene.archive.tool.with_environment(
        LD_PRELOAD=FAKETIME, FAKETIME=f"{hours * HOUR:+}s", FAKETIME_DONT_FAKE_MONOTONIC="1", NO_FAKE_STAT="1"
    )
    clock = subprocess.run(["date", "+%s"], env=wrong.environment, capture_output=True, check=True)
    assert abs(int(clock.stdout) - time.time() - hours * HOUR) < 60
    wrong.run("backup-fetch", folder / "restored", scene.backup)
    assert scene.fetched(folder / "restored")
    push(wrong)
    segment = scene.archive.archive_commits()
    wrong.run("wal-fetch", segment, folder / segment)
    assert (folder / segment).stat().st_size == MEBIBYTE
    wrong.run("wal-push", folder / segment)


@pytest.fixture(params=["credential_process", "instance profile"])
def short_lived(request, swift, folder):
    """Credentials whose first session token expires after four requests, and how often they were asked for."""
    if request.param == "instance profile":
        source = InstanceMetadata(swift, first=4)
    else:
        source = CredentialProcess(folder / "signing-in", swift, first=4)
    yield source
    source.stop()


def test_the_token_expires_in_the_middle(scene, push, short_lived):
    push(scene.archive.tool.with_environment(**short_lived.environment()))
    assert short_lived.calls() >= 2


def test_the_token_expires_in_the_middle_of_a_restore(scene, folder, short_lived):
    tool = scene.archive.tool.with_environment(**short_lived.environment())
    tool.run("backup-fetch", folder / "restored", scene.backup)
    assert scene.fetched(folder / "restored")
    assert short_lived.calls() >= 2
    assert getattr(short_lived, "refused", []) == []


def test_a_token_that_stays_expired(scene, swift, folder):
    source = CredentialProcess(folder / "signing-in", swift, first=0)
    program = folder / "signing-in/credentials"
    program.write_text(program.read_text().replace("good=100000", "good=0"))
    tool = scene.archive.tool.with_environment(**source.environment(), WALE_RETRIES="3")
    tool.run("backup-list", code=1, timeout=60).error("ExpiredToken")


# -- must fail, in time and with one error


def in_time(tool, seconds, *arguments, code=1):
    began = time.monotonic()
    run = tool.run(*arguments, code=code)
    assert time.monotonic() - began < seconds
    return run


@pytest.fixture(params=["wrong key", "wrong secret", "no rights", "wrong bucket", "server down"])
def hopeless(request, scene, swift, new_proxy):
    """(a tool whose every command fails, a word of the error)"""
    wrong, word = {
        # Swift does not tell an unknown key from a wrong secret.
        "wrong key": ({"AWS_ACCESS_KEY_ID": "test:nobody"}, "SignatureDoesNotMatch"),
        "wrong secret": ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
        "no rights": (
            {"AWS_ACCESS_KEY_ID": swift.stranger_id, "AWS_SECRET_ACCESS_KEY": swift.stranger_secret},
            "AccessDenied",
        ),
        "wrong bucket": ({"WALE_S3_PREFIX": "s3://no-such-bucket/main"}, "no-such-bucket"),
        "server down": ({}, "refused"),
    }[request.param]
    if request.param == "server down":
        proxy = new_proxy(swift.url)
        proxy.refuse()
        wrong = {"WALE_S3_ENDPOINT": f"http+path://127.0.0.1:{proxy.port}"}
    return scene.archive.tool.with_environment(**wrong, WALE_RETRIES="3"), word


def test_commands_fail_with_one_error(scene, hopeless, folder):
    tool, word = hopeless
    segment = scene.archive.archive_commits()
    path = scene.archive.cluster.wal_folder() / segment
    before = scene.store.sizes("basebackups_005/")  # a backup that begins switches WAL, which is archived
    limit = 30
    in_time(tool, limit, "backup-list").error(word)
    in_time(tool, limit, "wal-push", path).error(word)
    in_time(tool, limit, "wal-fetch", segment, folder / "fetched").error(word)
    in_time(tool, limit, "backup-fetch", folder / "restored", scene.backup).error(word)
    in_time(tool, limit, "backup-push", "--checkpoint=fast", scene.archive.cluster.data).error(word)
    assert not (folder / "fetched").exists()
    assert not (folder / "restored/global/pg_control").exists()
    assert scene.store.sizes("basebackups_005/") == before


def test_retries_end_in_time_and_say_why(scene, swift, new_proxy, folder):
    """wal-fetch where neither standby nor targeted: 15 s, whether nobody answers or nobody is there.
    wal-push: 60 s, although it asks first whose archive it is."""
    segment = scene.archive.archive_commits()
    hole, closed = new_proxy(swift.url), new_proxy(swift.url)
    hole.black_hole()
    closed.refuse()

    def start(proxy, *arguments):
        tool = scene.archive.tool.with_environment(**scene.store.at(endpoint=proxy.url).environment())
        return tool.start(*arguments, stderr=subprocess.PIPE)

    def ended(process, *words):
        _, error = process.communicate(timeout=100)
        assert process.returncode == 1
        Outcome(1, "", decode(error)).error(*words)
        return time.monotonic() - began

    began = time.monotonic()
    unanswered = start(hole, "wal-fetch", segment, folder / "unanswered")
    refused = start(closed, "wal-fetch", segment, folder / "refused")
    push = start(closed, "wal-push", shutil.copy(scene.archive.cluster.wal_folder() / segment, folder))
    # A busy machine takes its time to start and to end them.
    assert 8 < ended(unanswered) < 25
    assert 8 < ended(refused, "refused") < 25
    assert 30 < ended(push, "refused") < 75
    assert [path.name for path in folder.iterdir()] == [segment]


def test_a_backup_whose_server_goes_away_for_good(scene, proxy, folder):
    """Its objects cannot be removed then; it is not listed, and the next backup makes nothing of it."""
    tool = scene.faulty.with_environment(WALE_RETRIES="3")
    before = set(scene.store.backups())
    proxy.stop_at(UP, 12 * MEBIBYTE, HOUR)
    run = in_time(tool, 100, "backup-push", "--checkpoint=fast", scene.archive.cluster.data)
    run.error()
    assert set(scene.store.backups()) == before
    proxy.clear()
    scene.check_what_is_listed(folder)


def test_a_restore_whose_server_goes_away_for_good(scene, proxy, folder):
    tool = scene.faulty.with_environment(WALE_RETRIES="3")
    proxy.stop_at(DOWN, 12 * MEBIBYTE, HOUR)
    in_time(tool, 100, "backup-fetch", folder / "restored", scene.backup).error()
    assert not (folder / "restored/global/pg_control").exists()
    proxy.clear()
    scene.faulty.run("backup-fetch", folder / "restored", scene.backup)
    assert scene.fetched(folder / "restored")


@pytest.mark.parametrize("megabytes", [0, 1, 12, 30])
def test_a_killed_backup_is_not_listed(scene, proxy, folder, push, megabytes):
    before = set(scene.store.backups())
    proxy.stop_at(UP, megabytes * MEBIBYTE, HOUR)
    stops = proxy.counts()["stops"]
    process = scene.faulty.start("backup-push", "--checkpoint=fast", scene.archive.cluster.data)
    try:
        wait_until(lambda: proxy.counts()["stops"] > stops, "the backup sends nothing")
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    proxy.clear()
    assert set(scene.store.backups()) == before
    scene.check_what_is_listed(folder)
    # The session of the killed backup ends when the server has finished its checkpoint.
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    wait_until(lambda: scene.archive.cluster.sql(held) == "0", "the lock of the backup stays")
    push(scene.faulty)
