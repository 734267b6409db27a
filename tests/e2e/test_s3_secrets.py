"""Secrets of every kind, in every slot: in no output, no log, no command line and no object."""

import base64
import contextlib
import subprocess
from pathlib import Path

import pytest
from support.postgres import children, wait_until
from support.tool import decode

SECRET = "s3cr3t-correct-horse"
# And as base64 shows it where it stands alone, or as the password of `user`.
TRACES = [SECRET, *(base64.b64encode(t.encode()).decode()[:24] for t in (SECRET, f"user:{SECRET}"))]

NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


def profile(folder, text):
    (folder / "config").write_text(text)
    files = {"AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
    return {**NO_KEYS, **files, "AWS_PROFILE": "tests"}


def program(folder, ending):
    path = folder / "credentials"
    path.write_text(
        f"#!/bin/sh\ncat <<END\n"
        f'{{"Version": 1, "AccessKeyId": "test:tester", "SecretAccessKey": "{SECRET}",'
        f' "SessionToken": "{SECRET}"{ending}\nEND\n'
    )
    path.chmod(0o755)
    return profile(folder, f"[profile tests]\ncredential_process = {path}\n")


def web_identity(folder, url):
    (folder / "token").write_text(SECRET)
    return {
        **NO_KEYS,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/tests",
        "AWS_ENDPOINT_URL_STS": url,
    }


SLOTS = {
    "secret key": lambda *_: {"AWS_SECRET_ACCESS_KEY": SECRET},
    "session token": lambda *_: {"AWS_SESSION_TOKEN": SECRET},
    "security token": lambda *_: {"AWS_SECURITY_TOKEN": SECRET},
    "profile": lambda folder, _: profile(
        folder, f"[profile tests]\naws_access_key_id = test:tester\naws_secret_access_key = {SECRET}\n"
    ),
    "credential_process": lambda folder, _: program(folder, "}"),
    "broken credential_process": lambda folder, _: program(folder, ""),
    "web identity": web_identity,
    "endpoint": lambda _, url: {"WALE_S3_ENDPOINT": url.replace("://", f"+path://user:{SECRET}@")},
    "endpoint as URL": lambda _, url: {"WALE_S3_ENDPOINT": url.replace("://", f"://user:{SECRET}@")},
    "proxy": lambda _, url: {"HTTP_PROXY": url.replace("://", f"://user:{SECRET}@")},
    "proxy that is none": lambda *_: {"HTTP_PROXY": f"http://user:{SECRET}@"},
    "customer's key": lambda *_: {
        "WALE_S3_SSE": "customer",
        "WALE_S3_SSE_CUSTOMER_KEY": base64.b64encode(f"{SECRET}-ofthetests!".encode()).decode(),
    },
}


def free_of_secrets(text):
    return not any(trace in text for trace in TRACES)


@pytest.fixture(scope="module")
def servers(moto, swift, new_bucket, new_proxy):
    """Where all is believed, where signatures are judged, where nobody is, where nobody answers."""
    believing, judging = new_bucket(moto), new_bucket(swift)
    down, silent = new_proxy(moto.url), new_proxy(moto.url)
    down.refuse()
    silent.black_hole()
    return {
        "believing": believing,
        "judging": judging,
        "down": believing.at(endpoint=down.url),
        "silent": believing.at(endpoint=silent.url),
    }


def commands(archive, folder, segment):
    yield ["--help"]
    yield ["version"]
    yield ["backup-list", "--detail"]
    yield ["wal-push", archive.cluster.wal_folder() / segment]
    yield ["wal-fetch", segment, folder / "fetched"]
    # That archive is elsewhere, so the WAL of this backup is waited for in vain.
    yield ["backup-push", "--checkpoint=fast", "--archive-timeout=1", archive.cluster.data]
    yield ["backup-fetch", folder / "restored", "LATEST"]
    yield ["delete", "before", "base_000000010000000000000001_00000040"]
    yield ["--no-such-option"]


@pytest.fixture(params=SLOTS)
def slot(request):
    return SLOTS[request.param]


@pytest.mark.parametrize("server", ["believing", "judging", "down"])
def test_in_no_output(slot, server, servers, session_archive, tool, folder):
    store = servers[server].at(prefix=folder.name)
    segment = session_archive.archive_commits()
    settings = {**store.environment(), **slot(folder, store.endpoint), "WALE_RETRIES": "1"}
    base = tool.with_environment(**settings, **session_archive.cluster.address())
    codes = set()
    for arguments in commands(session_archive, folder, segment):
        for terse in ([], ["--terse"]):
            if terse and arguments[0] == "backup-push":
                continue
            run = base.run(*terse, *arguments, code=None)
            assert run.code in (0, 1, 2), run.err
            codes.add(run.code)
            assert free_of_secrets(run.out + run.err), arguments
    assert 0 in codes and 2 in codes
    for key in store.sizes():
        assert free_of_secrets(key) and SECRET.encode() not in store.read(key), key


def command_lines(pid):
    """Of the process and all below it."""
    found = []
    for one in [pid, *children(pid)]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(decode(Path(f"/proc/{one}/cmdline").read_bytes()))
    return "\n".join(found)


def test_in_no_command_line(slot, servers, session_archive, tool, folder):
    """While nobody answers there is time to look; some end at once, by their settings."""
    store = servers["silent"]
    settings = {**store.environment(), **slot(folder, store.endpoint)}
    tool = tool.with_environment(**settings)
    push = tool.start(
        "wal-fetch", "0" * 23 + "1", folder / "fetched", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        seen = wait_until(lambda: push.poll() is not None or command_lines(push.pid), "no process")
        for _ in range(20):
            lines = command_lines(push.pid) if push.poll() is None else ""
            assert free_of_secrets(lines)
            with contextlib.suppress(subprocess.TimeoutExpired):
                push.wait(0.02)
        assert seen
    finally:
        push.terminate()
        output, _ = push.communicate(timeout=60)
    assert free_of_secrets(decode(output))
