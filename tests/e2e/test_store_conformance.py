"""The conformance suite of tests/store on real servers, on both I/O engines."""

import os
import re
import subprocess

import pytest
from conftest import SMALL_SEGMENTS
from support.s3.noise import add_noise
from support.stores import azure
from support.stores import swift as native_swift
from support.trace import traced

PART = str(6 << 20)  # docs/format.md
# Of two writers at the same moment both may win where the server has no conditional writes.
NOT_ATOMIC = {"swift": {"WALE_TEST_NOT_ATOMIC": "1"}, "moto": {}}
# System calls that make a file.
OPENING, CREATES = ("open", "openat", "openat2"), "O_CREAT|O_TMPFILE"
MAKING = ("creat", "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat", "rename",
          "renameat", "renameat2", "memfd_create")  # fmt: skip


@pytest.mark.parametrize("server", ["moto", "swift"])
def test_conformance(server, request, new_bucket, scratch, folder):
    store = new_bucket(request.getfixturevalue(server))
    check(store, NOT_ATOMIC[server], scratch, folder, notes=1 if server == "swift" else 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_conformance_azure(scheme, azurite, secure_azurite, scratch, folder):
    """By shared key, and over https by tokens of a machine's identity."""
    if scheme == "http":
        check(azure.new_store(azurite), {"WALE_TEST_RACES": "200"}, scratch, folder)
        return
    store = azure.new_store(secure_azurite)
    with azure.Identities(folder / "identities") as identities:
        check(store.at(**identities.machine()), {"WALE_TEST_RACES": "50"}, scratch, folder)


def test_conformance_gcs(gcs_store, scratch, folder):
    check(gcs_store, {}, scratch, folder)


def test_conformance_swift(swift, scratch, folder):
    """By Swift's own protocol."""
    # Each replica checks the condition for itself.
    check(native_swift.new_store(swift), {"WALE_TEST_NOT_ATOMIC": "1"}, scratch, folder)


def check(store, more, scratch, folder, notes=0):
    """`notes` is how many files are left: each says that a server lacks conditional writes (docs/format.md)."""
    told = {"WALE_TEST_STORE": store.url, "WALE_TEST_MISSING": store.missing_url, "WALE_TEST_PART_BYTES": PART}
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {**os.environ, **store.environment(), **told, **more, "TMPDIR": str(temporary)}
    runs = {}
    for engine in ("ring", "threads"):
        with open(folder / engine, "w") as log:
            runs[engine] = subprocess.Popen(
                [scratch / "bin/store_conformance"],
                env={**environment, "WALE_IO": engine}, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
    try:
        codes = {engine: run.wait(400) for engine, run in runs.items()}
    finally:
        for run in runs.values():
            run.kill()
    for engine, code in codes.items():
        said = (folder / engine).read_text()
        assert code == 0, said[-6000:]
        assert "All tests passed" in said
    made = [path.name for path in temporary.iterdir()]
    assert all(re.fullmatch(rf"\.wal-e-note-{os.geteuid()}-[0-9a-f]{{16}}", name) for name in made), made
    assert len(made) == notes


def test_a_backup_in_parts_needs_no_file_on_the_way(swift, new_bucket, clusters, folder):
    """Neither in TMPDIR, which is not there, nor anywhere else."""
    archive = clusters.archive(folder, store=new_bucket(swift)).start(SMALL_SEGMENTS)
    add_noise(archive.cluster, 16)
    tool = archive.tool.with_environment(TMPDIR="/nonexistent", WALE_IO="threads")  # a ring shows no calls
    calls = traced(tool, folder, "backup-push", "--checkpoint=fast", archive.cluster.data)
    made = [words for name, words in calls if name in MAKING or name in OPENING and re.search(CREATES, words)]
    assert [words for words in made if "/nonexistent/.wal-e-note-" not in words] == [], made
    (name,) = archive.store.backups()
    assert max(archive.store.sizes(f"basebackups_005/{name}").values()) > 2 * int(PART)
