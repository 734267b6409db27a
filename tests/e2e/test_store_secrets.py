"""Secrets of every kind, in every slot of every store: in no output, no log, no command line and no object."""

import contextlib
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.echo import STATUSES, Echo
from support.postgres import children, wait_until
from support.s3.process import HOST, free_port
from support.slots import AZURE, AZURE_TOKENS, GOOGLE, S3, SECRET, SWIFT
from support.stores import azure, gcs
from support.stores import swift as native_swift
from support.stores.keystone import IdentityV2
from support.tool import decode


@dataclass
class Site:
    """What there is of a store's servers, as slots need it; new_store() has a place of its own there."""

    server: object
    new_store: object
    url: str = None
    login: bool = False  # whether something else hands out tokens
    tls: Path = None
    more: dict = field(default_factory=dict)

    def __post_init__(self):
        self.store = self.new_store()
        self.url = self.url or self.server.url
        vars(self).update(self.more)

    def at(self, port):
        return f"https://localhost:{port}" if self.tls else f"http://{HOST}:{port}"


@pytest.fixture(scope="module")
def s3(moto, new_bucket):
    return Site(moto, lambda: new_bucket(moto))


@pytest.fixture(scope="module")
def s3_judged(swift, new_bucket):
    """Where signatures are judged."""
    return Site(swift, lambda: new_bucket(swift))


@pytest.fixture(scope="module")
def azure_keys(azurite):
    return Site(azurite, lambda: azure.new_store(azurite))


@pytest.fixture(scope="module")
def azure_tokens(secure_azurite, scratch):
    with azure.Identities(scratch / "secret-identities") as identities:
        yield Site(
            secure_azurite, lambda: azure.new_store(secure_azurite), login=True,
            tls=secure_azurite.folder / "tls", more={"identities": identities},
        )  # fmt: skip


@pytest.fixture(scope="module")
def openstack(swift, keystone):
    identity_v2 = IdentityV2(swift, "marked", SECRET).start()
    more = {
        "identity_v2": identity_v2,
        "keystone": keystone,
        "application_credential": keystone.application_credential(),
    }
    yield Site(swift, lambda: native_swift.new_store(swift), login=True, more=more)
    identity_v2.stop()


@pytest.fixture(scope="module")
def google(fake_gcs):
    return Site(fake_gcs, lambda: gcs.new_store(fake_gcs), url=fake_gcs.front_url, login=True)


SLOTS = {"s3": S3, "azure_keys": AZURE, "azure_tokens": AZURE_TOKENS, "openstack": SWIFT, "google": GOOGLE}
CASES = [(site, slot) for site, slots in SLOTS.items() for slot in slots]


class Case:
    def __init__(self, site, slot, tool, folder):
        self.site, self.slot, self.tool, self.folder = site, slot, tool, folder

    def told(self, url=None, login=None, **more):
        """The tool with the slot's variables; what must not be seen is in `secrets` then."""
        url = url or self.site.url
        base = self.site.store.at(endpoint=url, prefix=self.folder.name)
        variables, self.secrets = self.slot(self.site, self.folder, url, login)
        told = {**base.environment(), "WALE_RETRIES": "1", **variables, **more}
        return self.tool.with_environment(**told)

    def everywhere(self, url):
        """For told(): the store there, and what hands out tokens there."""
        return [{"url": url}, {"login": url}][: 1 + self.site.login]

    def check(self, text, where):
        found = [secret for secret in self.secrets if secret in text]
        assert not found, f"{where}: {found}\n{text}"


def make_case(request, tool, folder):
    name, slot = request.param
    return Case(request.getfixturevalue(name), SLOTS[name.replace("_judged", "")][slot], tool, folder)


@pytest.fixture(params=CASES, ids="-".join)
def case(request, tool, folder):
    return make_case(request, tool, folder)


@pytest.fixture(params=[*CASES, *(("s3_judged", slot) for slot in S3)], ids="-".join)
def real_case(request, tool, folder):
    return make_case(request, tool, folder)


def commands(archive, folder, segment):
    yield ["backup-list", "--detail"]
    yield ["wal-push", archive.cluster.wal_folder() / segment]
    yield ["wal-fetch", segment, folder / "fetched"]
    yield ["backup-fetch", folder / "restored", "LATEST"]
    yield ["delete", "before", "base_000000010000000000000001_00000040"]


def run(case, tool, *arguments):
    done = tool.run(*arguments, code=None)
    assert done.code in (0, 1, 2), done.err
    case.check(done.out + done.err, arguments)
    return done.code


def run_all(case, tool, archive, *forms):
    codes = set()
    for form in forms or ([],):
        segment = archive.archive_commits()
        codes.update(run(case, tool, *form, *command) for command in commands(archive, case.folder, segment))
    return codes


def check_objects(case):
    store = case.site.store.at(prefix=case.folder.name)
    for key in store.sizes():
        case.check(key, key)
        case.check(decode(store.read(key)), key)


def test_in_no_output(real_case, session_archive):
    tool = real_case.told(**session_archive.cluster.address())
    run_all(real_case, tool, session_archive, [], ["--terse"], ["--log-format=json"])
    # That archive is elsewhere, so the WAL of this backup is waited for in vain.
    push = ["backup-push", "--checkpoint=fast", "--archive-timeout=1", session_archive.cluster.data]
    run(real_case, tool, *push)
    assert [run(real_case, tool, word) for word in ("--help", "version", "--no-such-option")] == [0, 0, 2]
    check_objects(real_case)


def test_not_when_nobody_answers(case, session_archive):
    down = case.site.at(free_port())
    for where in case.everywhere(down):
        run_all(case, case.told(**where), session_archive)


def test_not_when_the_container_is_missing(case, session_archive):
    (name,) = (n for n in case.site.store.environment() if n.startswith("WALE_") and n.endswith("_PREFIX"))
    tool = case.told(**{name: case.site.store.missing_url})
    assert run_all(case, tool, session_archive) == {1}


def test_not_when_a_server_repeats_them(case, session_archive):
    """In its error, with every status; the store, and what hands out tokens."""
    with Echo(case.site.tls) as echo:
        for where in case.everywhere(echo.url):
            tool = case.told(**where)
            for echo.status in STATUSES:
                run(case, tool, "backup-list")
            run_all(case, tool, session_archive)


# -- command lines


def command_lines(pid):
    """Of the process and all below it."""
    found = []
    for one in [pid, *children(pid)]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(decode(Path(f"/proc/{one}/cmdline").read_bytes()))
    return "\n".join(found)


@pytest.fixture
def silence():
    """The port of somebody who listens and never says a word."""
    with socket.create_server((HOST, 0)) as listening:
        yield listening.getsockname()[1]


def test_in_no_command_line(case, silence):
    """While nobody answers there is time to look; some end at once, by their settings."""
    url = case.site.at(silence)
    tool = case.told(url, url if case.site.login else None)
    fetch = tool.start(
        "wal-fetch", "0" * 23 + "1", case.folder / "fetched", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        seen = wait_until(lambda: fetch.poll() is not None or command_lines(fetch.pid), "no process")
        for _ in range(20):
            case.check(command_lines(fetch.pid) if fetch.poll() is None else "", "command line")
            with contextlib.suppress(subprocess.TimeoutExpired):
                fetch.wait(0.02)
        assert seen
    finally:
        fetch.terminate()
        output, _ = fetch.communicate(timeout=60)
    case.check(decode(output), "output")
