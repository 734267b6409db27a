"""Google Cloud Storage beyond what every store does (test_stores.py): credentials, names, metadata."""

import hashlib
import json

from conftest import SMALL_SEGMENTS
from support.s3.noise import add_noise


def test_a_service_account_and_what_is_stored(gcs_store, tool, session_archive, folder):
    """Names begin with a slash, as WAL-E's do."""
    segment = session_archive.archive_commits()
    path = session_archive.cluster.wal_folder() / segment
    tool = tool.with_environment(**gcs_store.signed_in().environment())
    tool.run("wal-push", path)
    names = gcs_store.server.sizes(gcs_store.bucket)
    assert list(names) == [f"/main/wal_005/{segment}.lzo"]
    stored = gcs_store.head(f"wal_005/{segment}.lzo")
    assert stored["contentType"] == "application/octet-stream"
    assert stored["metadata"]["wale-sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(stored["metadata"]["wale-upload"]) == 32
    tool.run("wal-fetch", segment, folder / "fetched")
    assert (folder / "fetched").read_bytes() == path.read_bytes()
    tool.run("wal-fetch", f"{segment[:-2]}FE", folder / "absent", code=1)


def test_tokens_end_in_the_middle(gcs_store, clusters, folder):
    """Each is good for a few requests only, though it says an hour."""
    archive = clusters.archive(folder, store=gcs_store.signed_in()).start(SMALL_SEGMENTS)
    add_noise(archive.cluster)
    name = archive.backup()
    assert max(gcs_store.sizes(f"basebackups_005/{name}/").values()) > 12 << 20
    archive.tool.run("backup-fetch", folder / "copy", name)
    assert (folder / "copy/global/pg_control").exists()


def test_no_word_of_a_secret(gcs_store, tool, session_archive):
    segment = session_archive.archive_commits()
    path = session_archive.cluster.wal_folder() / segment
    for name in ("good", "wrong"):
        store = gcs_store.signed_in(name)
        key = json.loads((gcs_store.server.folder / f"{name}.json").read_text())["private_key"]
        for command in (["wal-push", path], ["backup-list"]):
            run = tool.with_environment(**store.environment()).run(*command, code=int(name == "wrong"))
            said = run.out + run.err
            assert not any(line in said for line in key.splitlines()[1:-1])
            assert "Bearer" not in said and "assertion" not in said


def test_without_credentials_one_error_tells_what_to_set(gcs_store, tool, folder):
    told = {"STORAGE_EMULATOR_HOST": "", "GCE_METADATA_HOST": "127.0.0.1:1", "HOME": str(folder)}
    tool = tool.with_environment(**gcs_store.environment() | told, WALE_RETRIES="1")
    tool.run("backup-list", code=1).error("GOOGLE_APPLICATION_CREDENTIALS")
    told["GOOGLE_APPLICATION_CREDENTIALS"] = "/nonexistent/key.json"
    tool = tool.with_environment(**gcs_store.environment() | told)
    tool.run("backup-list", code=1).error("/nonexistent/key.json")
