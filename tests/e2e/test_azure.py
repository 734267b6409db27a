"""What only Azure has: its ways to be authorised, and names that its own programs show.

What it has like every store is in test_stores.py and test_store_conformance.py.
"""

import pytest
from support.stores import azure

SECRET = "U0VDUkVULXRoYXQtbm9ib2R5LW1heS1zZWU="  # base64


@pytest.fixture
def segment(session_archive):
    """(name, path) of a segment"""
    name = session_archive.archive_commits()
    return name, session_archive.cluster.wal_folder() / name


def check_both_ways(tool, store, segment, folder):
    name, path = segment
    tool = tool.with_environment(**store.environment())
    tool.run("wal-push", path)
    tool.run("wal-fetch", name, folder / name)
    assert (folder / name).read_bytes() == path.read_bytes()
    assert name in store.segments()
    return name


def test_shared_key(tool, azurite, segment, folder):
    store = azure.new_store(azurite)
    name = check_both_ways(tool, store, segment, folder)
    # As Azure shows them: its names of metadata have no hyphens, its names of blobs no slash in front.
    head = store.head(f"wal_005/{name}.lzo")
    assert len(head["x-ms-meta-wale_sha256"]) == 64
    assert len(head["x-ms-meta-wale_upload"]) == 32
    assert head["Content-Type"] == "application/octet-stream"
    assert head["Content-MD5"]
    assert list(store.names("")) == [f"main/wal_005/{name}.lzo"]


def test_shared_key_over_https(tool, secure_azurite, segment, folder):
    check_both_ways(tool, azure.new_store(secure_azurite), segment, folder)


def test_account_by_option(tool, azurite, segment):
    store = azure.new_store(azurite)
    tool = tool.with_environment(**{**store.environment(), "WABS_ACCOUNT_NAME": "another"})
    tool.run("wal-push", segment[1], code=1)
    tool.run("-a", azurite.account, "wal-push", segment[1])


@pytest.mark.parametrize("mark", ["", "?"])
def test_shared_access_signature(tool, azurite, segment, folder, mark):
    store = azure.new_store(azurite)
    signature = mark + azure.shared_access_signature(azurite, store.container)
    check_both_ways(tool, store.at(WABS_ACCESS_KEY="", WABS_SAS_TOKEN=signature), segment, folder)


def test_shared_access_signature_for_reading(tool, azurite, segment, folder):
    store = azure.new_store(azurite)
    name = check_both_ways(tool, store, segment, folder)
    signature = azure.shared_access_signature(azurite, store.container, "rl")
    reading = tool.with_environment(**store.at(WABS_ACCESS_KEY="", WABS_SAS_TOKEN=signature).environment())
    reading.run("wal-fetch", name, folder / "again")
    error = reading.run("wal-push", segment[1], code=1).error("AuthorizationPermissionMismatch")
    assert "sig=" not in error.text


def test_identity_of_a_machine(tool, secure_azurite, segment, folder):
    store = azure.new_store(secure_azurite)
    with azure.Identities(folder / "identities") as identities:
        check_both_ways(tool, store.at(**identities.machine()), segment, folder)
        assert identities.asked == 2  # once a process


def test_identity_of_a_workload(tool, secure_azurite, segment, folder):
    store = azure.new_store(secure_azurite)
    with azure.Identities(folder / "identities") as identities:
        check_both_ways(tool, store.at(**identities.workload(secure_azurite)), segment, folder)
        assert identities.asked == 2


def test_a_server_of_another_authority(tool, secure_azurite, segment):
    store = azure.new_store(secure_azurite)
    tool = tool.with_environment(**{**store.environment(), "WALE_CA_FILE": ""})
    tool.run("wal-push", segment[1], code=1).error("certificate")


def test_secrets_are_not_told(tool, azurite, segment, folder):
    store = azure.new_store(azurite)
    signature = "sv=2025-11-05&sp=rcwdl&sr=c&sig=MARKED-SIGNATURE"
    for secret, variables in (
        (SECRET, {"WABS_ACCESS_KEY": SECRET}),
        ("MARKED-SIGNATURE", {"WABS_ACCESS_KEY": "", "WABS_SAS_TOKEN": signature}),
        ("MARKED SIGNATURE", {"WABS_ACCESS_KEY": "", "WABS_SAS_TOKEN": "sig=MARKED SIGNATURE"}),
        ("MARKED KEY", {"WABS_ACCESS_KEY": "MARKED KEY"}),
    ):
        told = tool.with_environment(**store.at(**variables).environment(), WALE_RETRIES="2")
        for arguments in (["wal-push", segment[1]], ["wal-fetch", segment[0], folder / "x"], ["backup-list"]):
            done = told.run(*arguments, code=1)
            assert secret not in done.out + done.err


def test_what_is_missing_is_named(tool):
    tool = tool.with_environment(WALE_WABS_PREFIX="wabs://c/p")
    tool.run("backup-list", code=1).error("WABS account name is undefined")
    tool.run("-a", "account", "backup-list", code=1).error("WABS access credentials is required")
