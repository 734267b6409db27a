"""backup-push of the wrong cluster, without rights, without an archive, twice at once, interrupted."""

import json
import re
import signal
import subprocess

import pytest
from conftest import SMALL_SEGMENTS
from support.archive import commits_of, finish_recovery
from support.clock import FAKETIME
from support.postgres import ended_within, wait_until
from support.tool import Outcome, Store, assert_unchanged, decode, snapshot

GRANTS = """
CREATE ROLE backup LOGIN PASSWORD 'right';
GRANT pg_read_all_settings TO backup;
GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean) TO backup;
GRANT EXECUTE ON FUNCTION pg_backup_stop(boolean) TO backup;
GRANT EXECUTE ON FUNCTION pg_control_system() TO backup;
"""


@pytest.fixture
def push(session_archive, store):
    """backup-push into a store of its own that must stay without a backup."""

    def run(*arguments, code=1, **environment):
        store.wal.mkdir(parents=True, exist_ok=True)
        cluster = session_archive.cluster
        tool = session_archive.tool.with_environment(
            WALE_FILE_PREFIX=store.url, WALE_RETRIES="1", **environment
        )
        before = snapshot(store.root)
        done = tool.run("backup-push", "--checkpoint=fast", *arguments, code=code)
        assert_unchanged(before, store.root)
        idle = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_backup' AND pid <> pg_backend_pid()"
        wait_until(lambda: cluster.sql(idle) == "0", "a session of the backup stays")
        return done

    return run


def test_not_a_data_directory(push, folder):
    (folder / "empty").mkdir()
    push(folder / "empty").error(str(folder / "empty"))
    push(folder / "absent").error(str(folder / "absent"))


def test_not_the_connected_cluster(push, clusters, folder):
    other = clusters.cluster(folder / "other").initdb()
    push(other.data).error(str(other.data))


def test_server_down(push, folder, session_archive):
    (folder / "no-server").mkdir()
    push(session_archive.cluster.data, PGHOST=str(folder / "no-server")).error("connect")


@pytest.fixture(scope="module")
def locked_archive(scratch, tool, install):
    """A cluster that asks for passwords."""
    from conftest import Clusters, new_folder

    made = Clusters(tool, install)
    archive = made.archive(new_folder(scratch))
    archive.start(SMALL_SEGMENTS)
    archive.cluster.sql(GRANTS + "CREATE ROLE nobody LOGIN PASSWORD 'right';")
    (archive.cluster.data / "pg_hba.conf").write_text(
        "local all postgres trust\nlocal all all scram-sha-256\n"
    )
    archive.cluster.reload()
    yield archive
    made.stop()


def failing_backup(archive, *arguments, code=1, **environment):
    before = snapshot(archive.store.base) if archive.store.base.exists() else {}
    tool = archive.tool.with_environment(WALE_RETRIES="1", **environment)
    done = tool.run("backup-push", "--checkpoint=fast", *arguments, archive.cluster.data, code=code)
    if archive.store.base.exists():
        assert_unchanged(before or {archive.store.base: ("folder",)}, archive.store.base)
    return done


def test_wrong_password(locked_archive):
    run = failing_backup(locked_archive, PGUSER="backup", PGPASSWORD="hunter2-secret")
    run.error("password authentication failed")
    assert "hunter2-secret" not in run.err + run.out


def test_no_password(locked_archive):
    failing_backup(locked_archive, PGUSER="backup").error("password")


def test_too_few_rights(locked_archive):
    run = failing_backup(locked_archive, PGUSER="nobody", PGPASSWORD="right")
    error = run.error("permission denied for function pg_backup_start", "GRANT EXECUTE")
    assert error.msg == "Could not start hot backup"  # as WAL-E says


def test_too_few_rights_to_stop(locked_archive):
    """Told at the end, when all is stored: nothing of it stays, and the server is out of backup mode."""
    function = "FUNCTION pg_backup_stop(boolean)"
    locked_archive.cluster.sql(f"REVOKE EXECUTE ON {function} FROM backup")
    try:
        run = failing_backup(locked_archive, PGUSER="backup", PGPASSWORD="right")
    finally:
        locked_archive.cluster.sql(f"GRANT EXECUTE ON {function} TO backup")
    error = run.error("permission denied for function pg_backup_stop", "GRANT EXECUTE")
    assert error.msg == "Could not stop hot backup"  # as WAL-E says


def test_the_documented_grants_suffice(locked_archive):
    tool = locked_archive.tool.with_environment(PGUSER="backup", PGPASSWORD="right")
    tool.run("backup-push", "--checkpoint=fast", locked_archive.cluster.data)
    assert len(locked_archive.store.backups()) == 1


def test_a_relative_directory_is_stored_absolute_and_a_link_as_named(session_archive, folder):
    archive, data = session_archive, session_archive.cluster.data
    (folder / "link").symlink_to(data)

    def base_prefix(directory, **run):
        before = set(archive.store.backups())
        archive.tool.run("backup-push", "--checkpoint=fast", directory, **run)
        (name,) = set(archive.store.backups()) - before
        archive.archive_commits()
        sentinel = archive.store.base / f"{name}_backup_stop_sentinel.json"
        return json.loads(sentinel.read_text())["spec"]["base_prefix"]

    archive.archive_commits()
    assert base_prefix("data", cwd=data.parent) == f"{data}/"
    assert base_prefix(f"{folder}/link/") == f"{folder}/link/"


def test_a_directory_of_another_user(clusters, folder):
    """Who may not read it is told so, not that it is no data directory."""
    data = folder / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")
    data.chmod(0)
    store = Store(folder / "store")
    store.root.mkdir()
    try:
        tool = clusters.tool.with_environment(WALE_FILE_PREFIX=store.url)
        error = tool.run("backup-push", data, code=1).error("PG_VERSION", "Permission denied", "user that runs wal-e")
    finally:
        data.chmod(0o700)
    assert error.msg == "could not read the data directory"


def test_archiving_is_off(clusters, folder):
    cluster = clusters.cluster(folder / "pg").initdb(SMALL_SEGMENTS).configure(archive_mode="off").start()
    store = Store(folder / "store")
    store.root.mkdir()
    tool = clusters.tool.with_environment(WALE_FILE_PREFIX=store.url, **cluster.address())
    before = snapshot(store.root)
    push = ["backup-push", "--checkpoint=fast", cluster.data]
    tool.run(*push, code=1).error("archive_mode")
    cluster.stop()
    cluster.configure(archive_mode="on", archive_command="").start()
    tool.run(*push, code=1).error("archive_command")
    assert_unchanged(before, store.root)


def test_segments_that_never_arrive(clusters, folder):
    """archive_command = true acknowledges what it throws away; only our store's word counts."""
    cluster = clusters.cluster(folder / "pg").initdb(SMALL_SEGMENTS)
    cluster.configure(archive_mode="on", archive_command="/bin/true").start()
    store = Store(folder / "store")
    store.root.mkdir()
    tool = clusters.tool.with_environment(WALE_FILE_PREFIX=store.url, **cluster.address())
    push = ["backup-push", "--checkpoint=fast", "--archive-timeout=1", cluster.data]
    tool.run(*push, code=1, timeout=30).error("0000000100000000000000")
    assert store.objects() == []
    assert tool.run("backup-list").out.count("\r\n") == 1


def test_what_it_waits_for_is_said_each_30_seconds(clusters, folder):
    """By its own clock, which runs 20 times as fast here."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.archive_commits(1)
    archive.cluster.configure(archive_command="/bin/false")
    archive.cluster.reload()
    archive.commit()
    archive.cluster.switch_wal()
    failed = "SELECT last_failed_wal FROM pg_stat_archiver"
    missing = wait_until(lambda: archive.cluster.sql(failed), "the archiver does not fail")
    hasty = archive.tool.with_environment(LD_PRELOAD=FAKETIME, FAKETIME="+0 x20", NO_FAKE_STAT="1")
    run = hasty.run("backup-push", "--checkpoint=fast", "--archive-timeout=80", archive.cluster.data, code=1)
    waited = [r for r in run.records if r.msg == "blocking on sending WAL segments"]  # as WAL-E says
    assert len(waited) == 2 and {r.level for r in waited} == {"WARNING"}
    for record in [*waited, run.error("archive_command")]:
        assert re.search(r"\b0000000100000000000000\w\w\b", record.parts["DETAIL"]), run.err
        assert f"times, last for {missing} at " in record.parts["DETAIL"], run.err


@pytest.fixture
def stuck(clusters, folder):
    """A backup that waits for its last segments, because archiving stands still for now."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.archive_commits(5)
    archive.stop_archiving()
    push = archive.tool.start(
        "backup-push", "--checkpoint=fast", archive.cluster.data, stderr=subprocess.PIPE
    )
    last = "*/tar_partitions/part_00000001.tar.lzo"  # written after pg_backup_stop
    wait_until(lambda: list(archive.store.base.glob(last)), "the last partition is not stored")
    yield archive, push
    if push.poll() is None:
        push.kill()
    push.stderr.close()
    push.wait()


def mend(archive):
    archive.cluster.configure(archive_command=archive.tool.shell(archive.folder / "env", "wal-push %p"))
    archive.cluster.reload()


def test_a_second_backup_at_once_is_refused(stuck, folder):
    archive, push = stuck
    before = snapshot(archive.store.root)
    archive.tool.run("backup-push", "--checkpoint=fast", archive.cluster.data, code=1).error("backup")
    assert_unchanged(before, archive.store.root)
    assert push.poll() is None and archive.store.backups() == []
    mend(archive)
    assert push.wait(60) == 0, decode(push.stderr.read())
    assert len(archive.store.backups()) == 1
    archive.archive_commits(5)
    copy = archive.restore(folder / "copy")
    try:
        assert commits_of(finish_recovery(copy)) == commits_of(archive.cluster)
    finally:
        copy.stop("immediate")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted(stuck, number):
    """Within a second, and nothing of it stays."""
    archive, push = stuck
    push.send_signal(number)
    assert ended_within(push, 1.5) == 1
    assert archive.store.backups() == []
    assert [p for p in archive.store.base.rglob("*") if p.is_file()] == []
    mend(archive)
    archive.archive_commits()
    archive.backup()


def test_killed_and_tried_again(stuck):
    archive, push = stuck
    push.kill()
    push.wait()
    assert archive.store.backups() == []
    assert archive.tool.run("backup-list").out.count("\r\n") == 1
    mend(archive)
    archive.archive_commits()
    archive.backup()


def test_the_server_goes_away(clusters, folder):
    """While the backup waits for a spread checkpoint, which takes minutes here."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    cluster = archive.cluster
    cluster.sql("CREATE TABLE dirty AS SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n")
    push = archive.tool.start("backup-push", cluster.data, stderr=subprocess.PIPE)
    try:
        begun = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_backup_start' AND pid <> pg_backend_pid()"
        wait_until(lambda: cluster.sql(begun) == "1", "the backup does not begin")
        cluster.kill()
        assert push.wait(60) == 1
        Outcome(1, "", decode(push.stderr.read())).error()
    finally:
        push.kill()
        push.stderr.close()
    assert archive.store.backups() == [] and not list(archive.store.base.rglob("*.lzo"))
    cluster.start()
    archive.archive_commits()
    archive.backup()
