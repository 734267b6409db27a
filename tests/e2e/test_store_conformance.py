"""The conformance suite of tests/store on real servers, on both I/O engines."""

import os
import subprocess

import pytest
from support.stores import azure
from support.stores import swift as native_swift

PART = str(6 << 20)  # docs/format.md
# Of two writers at the same moment both may win where the server has no conditional writes.
NOT_ATOMIC = {"swift": {"WALE_TEST_NOT_ATOMIC": "1"}, "moto": {}}


@pytest.mark.parametrize("server", ["moto", "swift"])
def test_conformance(server, request, new_bucket, scratch, folder):
    store = new_bucket(request.getfixturevalue(server))
    check(store, NOT_ATOMIC[server], scratch, folder)


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


def check(store, more, scratch, folder):
    told = {"WALE_TEST_STORE": store.url, "WALE_TEST_MISSING": store.missing_url, "WALE_TEST_PART_BYTES": PART}
    environment = {**os.environ, **store.environment(), **told, **more, "TMPDIR": str(folder)}
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
