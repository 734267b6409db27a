"""What changes in a data directory while a backup reads it, and what is odd in one."""

import json
import os
import signal
import subprocess

import pytest
from conftest import SMALL_SEGMENTS
from support.archive import commits_of, finish_recovery
from support.postgres import Cluster
from support.tool import decode

MEBIBYTE = 1 << 20


@pytest.fixture
def archive(clusters, folder):
    return clusters.archive(folder).start(SMALL_SEGMENTS)


def push_slowly(archive, meanwhile):
    """A backup, and what happens after its scan and before the files behind base/ are read. It stands still
    for that; only to stop it there are some seconds."""
    padding = archive.cluster.data / "base/1/padding"
    with open(padding, "wb") as file:
        file.truncate(200 * MEBIBYTE)
    push = archive.tool.start(
        "backup-push", "--checkpoint=fast", "-p1", "--cluster-read-rate-limit=20000000",
        archive.cluster.data, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        seen = []
        for line in push.stderr:
            seen.append(decode(line))
            if "begin uploading a base backup volume" in seen[-1]:
                break
        push.send_signal(signal.SIGSTOP)
        meanwhile()
        os.truncate(padding, 0)  # what is missing is not waited for
        push.send_signal(signal.SIGCONT)
        seen.append(decode(push.stderr.read()))
        assert push.wait() == 0, "".join(seen)
    finally:
        push.kill()
        push.stderr.close()
        push.wait()


# What ALTER SYSTEM does before and during the backup.
CHANGES = {
    "longer": ("SET application_name = 'a'", "SET application_name = 'a much longer name'"),
    "shorter": ("SET application_name = 'a much longer name'", "RESET ALL"),
}


@pytest.mark.parametrize("before, meanwhile", CHANGES.values(), ids=CHANGES.keys())
def test_settings_that_change_meanwhile(before, meanwhile, archive, clusters, folder):
    """Half a line of postgresql.auto.conf, or a NUL in it, keeps a server from starting."""
    cluster = archive.cluster
    cluster.sql(f"ALTER SYSTEM {before}")
    push_slowly(archive, lambda: cluster.sql(f"ALTER SYSTEM {meanwhile}"))
    archive.archive_commits(5)
    copy = clusters.track(archive.restore(folder / "copy"))
    name = "postgresql.auto.conf"
    assert (copy.data / name).read_text() == (cluster.data / name).read_text()
    finish_recovery(copy)
    assert commits_of(copy) == commits_of(cluster)


def test_a_configuration_file_that_is_a_link_in_the_backup(archive, clusters, folder):
    """What the operator placed wins over it, too."""
    cluster = archive.cluster
    real = folder / "real_hba.conf"
    (cluster.data / "pg_hba.conf").rename(real)
    (cluster.data / "pg_hba.conf").symlink_to(real)
    archive.backup()
    copy = clusters.track(Cluster(folder / "copy"))
    copy.data.mkdir(mode=0o700)
    (copy.data / "pg_hba.conf").write_text("local all all reject\n")
    archive.tool.run("backup-fetch", copy.data, "LATEST")
    assert not (copy.data / "pg_hba.conf").is_symlink()
    assert (copy.data / "pg_hba.conf").read_text() == "local all all reject\n"


def test_databases_behind_a_link(archive, clusters, folder):
    """The copy has files of its own."""
    cluster = archive.cluster
    cluster.stop()
    (cluster.data / "base").rename(folder / "moved")
    (cluster.data / "base").symlink_to(folder / "moved")
    cluster.start()
    archive.commit(5)
    archive.backup()
    archive.archive_commits(5)
    copy = clusters.track(archive.restore(folder / "copy"))
    assert not (copy.data / "base").is_symlink()
    finish_recovery(copy)
    assert commits_of(copy) == commits_of(cluster)


def test_tablespaces_behind_links(archive, clusters, folder):
    """pg_tblspc was moved away, and what PostgreSQL has in the tablespace."""
    cluster = archive.cluster
    place, new = folder / "place", folder / "new"
    place.mkdir()
    cluster.sql(f"CREATE TABLESPACE place LOCATION '{place}'")
    cluster.sql("CREATE TABLE placed TABLESPACE place AS SELECT generate_series(1, 9) n")
    cluster.stop()
    (version,) = place.iterdir()
    for path in (cluster.data / "pg_tblspc", version):
        path.rename(folder / f"moved-{path.name}")
        path.symlink_to(folder / f"moved-{path.name}")
    cluster.start()
    archive.backup()
    archive.archive_commits(5)
    copy = clusters.track(Cluster(folder / "copy"))
    oid = cluster.sql("SELECT oid FROM pg_tablespace WHERE spcname = 'place'").strip()
    (copy.data / "pg_tblspc").mkdir(parents=True)
    copy.data.chmod(0o700)
    new.mkdir()
    (copy.data / "pg_tblspc" / oid).symlink_to(new)
    archive.tool.run("backup-fetch", copy.data, "LATEST")
    assert not (new / version.name).is_symlink()
    archive.prepare_recovery(copy)
    finish_recovery(copy)
    assert copy.sql("SELECT sum(n) FROM placed").strip() == "45"


def test_what_the_group_may_read_it_still_may(clusters, folder):
    """A cluster whose backups a member of its group takes; so the restored one's, too."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS, "--allow-group-access")
    (folder / "place").mkdir()
    archive.cluster.sql(f"CREATE TABLESPACE t LOCATION '{folder}/place'")
    (oid,) = (p.name for p in (archive.cluster.data / "pg_tblspc").iterdir())
    archive.backup()
    target, moved = folder / "copy", folder / "moved"
    wish = folder / "spec.json"
    wish.write_text(json.dumps({oid: {"loc": str(moved), "link": f"pg_tblspc/{oid}"}}))
    archive.tool.run("backup-fetch", "--restore-spec", wish, target, "LATEST")
    for place in (target, moved):
        closed = [p for p in (place, *place.rglob("*")) if not p.lstat().st_mode & 0o040]
        assert not closed
    assert (target / "tablespace_map").exists() and (target / "global/pg_control").exists()
