"""A real server of every supported kind is archived, backed up under load, lost and restored."""

import json
import re
import shutil
import subprocess
import threading

import pytest
from support.archive import commits_of, finish_recovery
from support.postgres import PsqlError
from support.tool import snapshot

MAJORS = ["9.6", "11", "13", "15", "17", "18"]


class Load:
    """Keeps a server busy with small transactions until the block ends, or the block fails."""

    def __init__(self, cluster):
        self.cluster, self.enough, self.error = cluster, threading.Event(), None
        self.thread = threading.Thread(target=self.write)

    def write(self):
        try:
            while not self.enough.is_set():
                self.cluster.sql("INSERT INTO busy SELECT random(), repeat('x', 500) FROM generate_series(1, 200)")
        except (PsqlError, subprocess.TimeoutExpired) as error:
            self.error = error

    def __enter__(self):
        self.cluster.sql("CREATE TABLE busy (a float, b text)")
        self.thread.start()

    def __exit__(self, failed, *_):
        self.enough.set()
        self.thread.join()
        if self.error and not failed:
            raise self.error


def accepted_by_lzop_and_tar(store):
    for path in store.objects():
        if path.suffix != ".lzo":
            continue
        subprocess.run(["lzop", "-t", path], check=True, capture_output=True)
        if path.name.endswith(".tar.lzo"):
            unpacked = subprocess.run(["lzop", "-dc", path], check=True, capture_output=True).stdout
            listing = subprocess.run(
                ["tar", "-P", "-tvf", "-"], input=unpacked, check=True, capture_output=True
            )
            assert listing.stderr == b""
            assert len(unpacked) % 10240 == 0


def check_sentinel(archive, name):
    sentinel = json.loads((archive.store.base / f"{name}_backup_stop_sentinel.json").read_text())
    assert re.fullmatch("[0-9A-F]{24}", sentinel["wal_segment_backup_stop"])
    assert re.fullmatch("[0-9]{8}", sentinel["wal_segment_offset_backup_stop"])
    assert sentinel["expanded_size_bytes"] > 10_000_000
    assert sentinel["spec"] == {"base_prefix": f"{archive.cluster.data}/", "tablespaces": []}
    partitions = sorted((archive.store.base / name / "tar_partitions").iterdir())
    assert sentinel["partitions"] == len(partitions)
    assert [p.name for p in partitions] == [f"part_{n:08}.tar.lzo" for n in range(len(partitions))]
    needed = [s for s in archive.store.segments() if name[5:29] <= s <= sentinel["wal_segment_backup_stop"]]
    assert needed[0] == name[5:29] and needed[-1] == sentinel["wal_segment_backup_stop"]


def check_metadata(archive, name):
    """The shape that other readers of the store expect (they parse LSNs as plain integers)."""
    metadata = json.loads((archive.store.base / name / "metadata.json").read_text())
    control = archive.cluster.sql("SELECT system_identifier FROM pg_control_system()")
    number = int(archive.cluster.sql("SHOW server_version_num"))
    assert metadata["system_identifier"] == int(control)
    assert metadata["pg_version"] == number
    assert metadata["date_fmt"] == "%Y-%m-%dT%H:%M:%S.%fZ"
    for key in ("start_time", "finish_time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", metadata[key])
    assert metadata["start_time"] <= metadata["finish_time"]
    assert metadata["data_dir"].rstrip("/") == str(archive.cluster.data)
    assert metadata["is_permanent"] is False
    assert 0 < metadata["start_lsn"] <= metadata["finish_lsn"]
    # Segment and offset of the backup's name say the same position.
    size = int(archive.cluster.sql("SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"))
    size *= 8192 if archive.cluster.version < 11 else 1
    log, segment = int(name[13:21], 16), int(name[21:29], 16)
    assert metadata["start_lsn"] == (log << 32) + segment * size + int(name[30:])
    stored = sum(p.stat().st_size for p in (archive.store.base / name / "tar_partitions").iterdir())
    assert metadata["compressed_size"] == stored
    assert metadata["uncompressed_size"] > stored
    assert metadata["hostname"]
    version = (archive.store.base / name / "extended_version.txt").read_text()
    assert version == archive.cluster.sql("SELECT version()")


@pytest.mark.parametrize("major", MAJORS)
def test_archived_lost_restored(major, clusters, folder):
    archive = clusters.archive(folder, major).start()
    cluster = archive.cluster
    archive.commit(5)
    cluster.sql("CREATE TABLE noise AS SELECT n, md5(n::text) FROM generate_series(1, 50000) n")
    with Load(cluster):
        name = archive.backup()
    segment = archive.archive_commits(20)
    wanted = cluster.table_sums()
    assert int(wanted["busy"][0]) > 0
    cluster.sql("INSERT INTO commits VALUES (1000000)")  # its segment is never archived

    check_sentinel(archive, name)
    check_metadata(archive, name)
    accepted_by_lzop_and_tar(archive.store)
    listed = archive.tool.run("backup-list").out
    assert [line.split("\t")[0] for line in listed.split("\r\n")] == ["name", name, ""]

    cluster.kill()
    shutil.rmtree(cluster.data)
    before = snapshot(archive.store.root)
    copy = clusters.track(archive.restore(folder / "copy"))
    finish_recovery(copy)
    assert snapshot(archive.store.root) == before
    assert copy.table_sums() == wanted
    assert commits_of(copy) == (25, 25)
    assert copy.sql(f"SELECT count(*) FROM {'pg_ls_waldir()' if copy.version >= 10 else 'pg_database'}") != "0"
    assert segment in archive.store.segments()


def test_a_standby_is_backed_up(clusters, folder, install):
    """The history file, the stop position and the promotion are all of a standby's kind."""
    archive = clusters.archive(folder).start()
    archive.commit(5)
    archive.backup()
    archive.archive_commits(5)
    standby = clusters.track(archive.restore(folder / "standby"))
    (standby.data / "recovery.signal").rename(standby.data / "standby.signal")
    standby.start()
    from support.postgres import wait_until

    wait_until(lambda: standby.answers() and commits_of(standby) == (10, 10), "the standby lags")
    archive.cluster.sql("CHECKPOINT")
    archive.archive_commits(5)
    wait_until(lambda: commits_of(standby) == (15, 15), "the standby lags")
    standby.sql("CHECKPOINT")
    from_standby = archive.tool.with_environment(**standby.address())
    push = from_standby.start(
        "backup-push", "--checkpoint=fast", "--no-archive-check", standby.data, stderr=subprocess.PIPE
    )
    try:
        # The stop position lies in a segment that only the primary can end.
        def ended():
            archive.archive_commits(1)
            return push.poll() is not None

        wait_until(ended, "the backup of the standby does not end", interval=0.2)
    finally:
        push.kill()
        error = push.stderr.read().decode()
        push.wait()
    assert push.returncode == 0, error
    assert len(archive.store.backups()) == 2
    wanted = archive.archive_commits(3) and commits_of(archive.cluster)
    copy = clusters.track(archive.restore(folder / "copy", archive.store.backups()[-1]))
    (copy.data / "standby.signal").unlink(missing_ok=True)
    finish_recovery(copy)
    assert commits_of(copy) == wanted
