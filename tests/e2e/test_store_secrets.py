"""Secrets of every kind, in every slot of every store: in no output, no log, no command line and no object."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import new_folder
from support.echo import STATUSES, Echo
from support.gpg import KeyRing
from support.postgres import title, wait_until
from support.s3.process import HOST, free_port
from support.s3.swift import KeystoneSwift
from support.scripted import serving
from support.slots import AZURE, AZURE_TOKENS, GOOGLE, S3, S3_ELSEWHERE, SECRET, SWIFT, Gate, Vault
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
    others: list = ()  # stores where objects may be, besides

    def __post_init__(self):
        self.store = self.new_store()
        self.url = self.url or self.server.url
        vars(self).update(self.more)

    def at(self, port):
        return f"https://localhost:{port}" if self.tls else f"http://{HOST}:{port}"


@pytest.fixture(scope="module")
def gate():
    with serving(Gate, passed=0) as gate:
        yield gate


@pytest.fixture(scope="module")
def s3_more(gate, secure_swift):
    with serving(Vault) as vault:
        yield {"gate": gate, "vault": vault, "secure": secure_swift}


@pytest.fixture(scope="module")
def s3(moto, new_bucket, s3_more):
    return Site(moto, lambda: new_bucket(moto), more=s3_more)


@pytest.fixture(scope="module")
def s3_judged(swift, new_bucket, s3_more):
    """Where signatures are judged."""
    return Site(swift, lambda: new_bucket(swift), more=s3_more)


@pytest.fixture(scope="module")
def azure_keys(azurite, gate):
    return Site(azurite, lambda: azure.new_store(azurite), more={"gate": gate})


@pytest.fixture(scope="module")
def azure_tokens(secure_azurite, scratch, gate):
    with azure.Identities(scratch / "secret-identities") as identities:
        yield Site(
            secure_azurite, lambda: azure.new_store(secure_azurite), login=True,
            tls=secure_azurite.folder / "tls", more={"identities": identities, "gate": gate},
        )  # fmt: skip


@pytest.fixture(scope="module")
def openstack(swift, keystone, gate):
    identity_v2 = IdentityV2(swift, "marked", SECRET).start()
    account = KeystoneSwift(swift, keystone)

    def new_store():
        """And a container of that name for Keystone's user."""
        store = native_swift.new_store(swift)
        account.make_bucket(store.container)
        more["others"] = [native_swift.SwiftStore(account, store.container)]
        return store

    more = {
        "gate": gate,
        "identity_v2": identity_v2,
        "keystone": keystone,
        "application_credential": keystone.application_credential(),
    }
    yield Site(swift, new_store, login=True, more=more)
    identity_v2.stop()


@pytest.fixture(scope="module")
def google(fake_gcs, gate):
    more = {"gate": gate}
    return Site(fake_gcs, lambda: gcs.new_store(fake_gcs), url=fake_gcs.front_url, login=True, more=more)


SLOTS = {"s3": S3, "azure_keys": AZURE, "azure_tokens": AZURE_TOKENS, "openstack": SWIFT, "google": GOOGLE}
ELSEWHERE = [*S3_ELSEWHERE.values(), AZURE["proxy"]]
JUDGED = ("secret key", "session token", "customer's key")
CASES = [(site, slot) for site, slots in SLOTS.items() for slot in slots]


class Case:
    def __init__(self, site, slot, tool, folder):
        self.site, self.slot, self.tool, self.folder = site, slot, tool, folder
        self.has_login = site.login or slot in ELSEWHERE

    def told(self, url=None, login=None, **more):
        """The tool with the slot's variables; what must not be seen is in `secrets` then."""
        url = url or self.site.url
        base = self.site.store.at(endpoint=url, prefix=self.folder.name)
        variables, self.secrets = self.slot(self.site, self.folder, url, login)
        told = {**base.environment(), "WALE_RETRIES": "1", **variables, **more}
        return self.tool.with_environment(**told)

    def prefix_variable(self):
        (name,) = (n for n in self.site.store.environment() if n.startswith("WALE_") and n.endswith("_PREFIX"))
        return name

    def everywhere(self, url):
        """For told(): the store there, and what hands out tokens or passes on there."""
        return [{"url": url}, {"login": url}][: 1 + self.has_login]

    def check(self, text, where):
        found = [secret for secret in self.secrets if secret in text]
        assert not found, f"{where}: {found}\n{text}"


def make_case(request, tool, folder):
    name, slot = request.param
    return Case(request.getfixturevalue(name), SLOTS[name.replace("_judged", "")][slot], tool, folder)


@pytest.fixture(params=CASES, ids="-".join)
def case(request, tool, folder):
    return make_case(request, tool, folder)


@pytest.fixture(params=[*CASES, *(("s3_judged", slot) for slot in JUDGED)], ids="-".join)
def real_case(request, tool, folder):
    return make_case(request, tool, folder)


FORMS = ([], ["--terse"], ["--log-format=json"])
REMOVAL = ["delete", "--confirm", "everything"]
LOOKS = 20
AT_ONCE = 4


class Source:
    """A server that archives elsewhere, its data directory when it was stopped, without its databases, and a
    segment for each form, where nobody takes them away."""

    def __init__(self, archive, folder):
        self.cluster = archive.cluster
        wal = self.cluster.wal_folder()
        self.segments = [Path(shutil.copy(wal / archive.archive_commits(), folder)) for _ in FORMS]
        self.stopped = folder / "stopped"
        self.cluster.stop()
        shutil.copytree(self.cluster.data, self.stopped, ignore=shutil.ignore_patterns("base"))
        self.stopped.chmod(0o700)
        self.cluster.start()

    def recovering(self, folder):
        """A data directory of a server that recovers, as far as wal-fetch looks: it starts its prefetcher."""
        data = folder / "data"
        if not data.exists():
            (data / "pg_wal").mkdir(parents=True)
            (data / "global").mkdir()
            shutil.copy(self.stopped / "global/pg_control", data / "global")
            (data / "PG_VERSION").write_text("15\n")
            (data / "recovery.signal").touch()
            (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n1\n")
        return data

    def commands(self, folder, segment=0):
        path = self.segments[segment]
        # The WAL of the backup is waited for in vain.
        yield ["backup-push", "--checkpoint=fast", "--archive-timeout=1", self.cluster.data]
        yield ["wal-push", path]
        yield ["wal-fetch", path.name, folder / "fetched"]
        yield ["wal-prefetch", self.recovering(folder) / "pg_wal", path.name]
        yield ["backup-list", "--detail"]
        yield ["backup-fetch", folder / "restored", "LATEST"]
        for which in (["before", "base_000000010000000000000001_00000040"], ["retain", "1"], ["everything"]):
            yield ["delete", *which]
        yield ["delete", "old-versions"]
        yield REMOVAL

    def commands_that_work(self, folder, segment, online):
        """With a backup that is made. The one that is waited for is `online`."""
        first, *others, last = self.commands(folder, segment)
        yield from [first] if online else []
        yield ["backup-push", "--while-offline", self.stopped]
        yield from others
        yield ["delete", "--confirm", "retain", "1"]
        yield last


@pytest.fixture(scope="module")
def source(session_archive, scratch):
    return Source(session_archive, new_folder(scratch))


def run(case, tool, *arguments):
    done = tool.run(*arguments, code=None)
    assert done.code in (0, 1, 2), done.err
    case.check(done.out + done.err, arguments)
    return done.code


def run_all(case, tool, source):
    """Every command in every form, of each several at once."""
    tool = tool.with_environment(**source.cluster.address())
    codes = set()
    for number, form in enumerate(FORMS):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            commands = source.commands(case.folder, number)
            codes.update(pool.map(lambda command: run(case, tool, *form, *command), commands))
    return codes


def check_objects(case, below):
    for store in (case.site.store, *case.site.others):
        inside = store.at(prefix=case.folder.name + below)
        for key in inside.sizes():
            case.check(key, key)
            case.check(decode(inside.read(key)), key)


def test_in_no_output(real_case, source):
    """Each form below a prefix of its own. A backup of the server takes a second, so only one of them makes it,
    another one from case to case."""
    told = real_case.told(**source.cluster.address())
    name = real_case.prefix_variable()

    def run_form(number):
        folder, below = real_case.folder / str(number), f"/{number}"
        folder.mkdir()
        tool = told.with_environment(**{name: told.environment[name] + below})
        online = number == int(real_case.folder.name) % len(FORMS)
        for command in source.commands_that_work(folder, number, online):
            if command == REMOVAL:
                check_objects(real_case, below)
            run(real_case, tool, *FORMS[number], *command)

    with ThreadPoolExecutor(len(FORMS)) as pool:
        list(pool.map(run_form, range(len(FORMS))))
    assert [run(real_case, told, word) for word in ("--help", "version", "--no-such-option")] == [0, 0, 2]


def test_not_when_nobody_answers(case, source):
    down = case.site.at(free_port())
    for where in case.everywhere(down):
        run_all(case, case.told(**where), source)


def test_not_when_the_container_is_missing(case, source):
    tool = case.told(**{case.prefix_variable(): case.site.store.missing_url})
    assert run_all(case, tool, source) == {1}


def test_not_when_a_server_repeats_them(case, source):
    """In its error, with every status; the store, and what hands out tokens."""
    with Echo(case.site.tls) as echo:
        for where in case.everywhere(echo.url):
            tool = case.told(**where)
            for echo.status in STATUSES:
                run(case, tool, "backup-list")
            run_all(case, tool, source)


# Where the secrets are right: what is handed out for them is used, and proxies let pass.
RIGHT = [
    *(("s3_judged", slot) for slot in S3_ELSEWHERE if not slot.startswith("refusing")),
    *((site, "proxy") for site in SLOTS if site != "s3"),
]


@pytest.fixture(params=RIGHT, ids="-".join)
def right_case(request, tool, folder):
    return make_case(request, tool, folder)


def test_what_is_handed_out_opens_the_store(right_case, source):
    tool, passed = right_case.told(), right_case.site.gate.passed
    tool.run("wal-push", source.segments[0])
    has_proxy = any(name in tool.environment for name in ("HTTP_PROXY", "HTTPS_PROXY"))
    assert (right_case.site.gate.passed > passed) == has_proxy


# -- command lines

def parents():
    """{pid: pid of its parent} of all that run."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


def families(pids):
    """Those processes and all below them."""
    found, above = set(pids), parents()
    while more := {pid for pid, parent in above.items() if parent in found} - found:
        found |= more
    return found


def command_lines(pids):
    return "\n".join(map(title, families(pids)))


@pytest.fixture
def silence():
    """The port of somebody who listens and never says a word."""
    with socket.create_server((HOST, 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(scope="module")
def ring(scratch):
    ring = KeyRing(new_folder(scratch) / "g").make_key("good")
    yield ring
    ring.kill_agent()


@pytest.fixture
def encrypting(ring):
    """The variables of wal-e."""
    return {"GNUPGHOME": str(ring.home), "WALE_GPG_KEY_ID": ring.key_id("good")}


def test_in_no_command_line(case, silence, source, encrypting):
    """Of all commands at once. While nobody answers there is time to look; some end by their settings."""
    url = case.site.at(silence)
    told = case.told(url, url if case.has_login else None, **source.cluster.address(), **encrypting)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    words = list(source.commands(case.folder))
    running = [told.start(*command, **pipes) for command in words]
    try:
        for command, process in zip(words, running, strict=True):
            wait_until(lambda: process.poll() is not None or command[0] in title(process.pid), "no process")
        for _ in range(LOOKS):
            pids = [process.pid for process in running if process.poll() is None]
            case.check(command_lines(pids), "command line")
            time.sleep(0.02)
    finally:
        for process in running:
            process.terminate()
        outputs = [process.communicate(timeout=60)[0] for process in running]
    for command, output in zip(words, outputs, strict=True):
        case.check(decode(output), command)


STARTING = [*RIGHT, ("s3", "credential_process"), ("s3", "session token"), ("azure_keys", "key"),
            ("azure_keys", "signature"), ("openstack", "version 3"), ("google", "service account")]  # fmt: skip


@pytest.fixture(params=STARTING, ids="-".join)
def starting_case(request, tool, folder):
    return make_case(request, tool, folder)


def test_in_no_command_line_of_a_child(starting_case, source, encrypting):
    """However short it lives."""
    tool = starting_case.told(**source.cluster.address(), **encrypting, WALE_RETRIES=None)
    push, fetch, backup = (
        starts(tool, starting_case, *words, cwd=source.recovering(starting_case.folder))
        for words in (
            ["wal-push", source.segments[0]],
            ["wal-fetch", source.segments[0].name, "pg_wal/RECOVERYXLOG"],
            ["backup-push", "--while-offline", source.stopped],
        )
    )
    assert all('"gpg"' in told for told in (push, fetch, backup)) and '"wal-prefetch"' in fetch
    if starting_case.slot is S3["credential_process"]:
        assert all(f"{starting_case.folder}/credentials" in told for told in (push, fetch, backup))


def starts(tool, case, *arguments, **options):
    """What the command and all that it starts are started with."""
    trace = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve", "-o", case.folder / "trace"]
    done = subprocess.run(
        [*trace, *tool.command(*arguments)], env=tool.environment, capture_output=True, **options
    )
    case.check(decode(done.stdout + done.stderr), arguments)
    assert done.returncode == 0, decode(done.stderr)
    told = (case.folder / "trace").read_text(errors="replace")
    case.check(told, arguments)
    return told
