"""What the server's own configuration, and a failover above a standby, do to a backup's session."""

import signal
import subprocess

import pytest
from conftest import SMALL_SEGMENTS
from support.archive import commits_of
from support.postgres import Cluster, wait_until
from support.tool import Outcome, decode


def begin(archive, cluster, file, *options):
    """Starts a backup of the cluster and waits for a file of it in the store."""
    push = archive.tool.with_environment(**cluster.address()).start(
        "backup-push", "--checkpoint=fast", "--no-archive-check", *options, cluster.data,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    base, known = archive.store.base, archive.store.backups()
    wait_until(
        lambda: [p for p in base.glob(f"*/{file}") if p.relative_to(base).parts[0] not in known],
        f"the backup does not come to {file}",
    )
    return push


def end(push):
    try:
        error = decode(push.stderr.read())
        return Outcome(push.wait(), "", error)
    finally:
        push.kill()
        push.stderr.close()
        push.wait()


@pytest.mark.parametrize("setting", ["timezone = 'Asia/Kathmandu'", "datestyle = 'German'"])
def test_how_times_are_shown_changes_meanwhile(setting, clusters, folder):
    """A session follows a reload. The server's start is the same in any words."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    cluster = archive.cluster
    push = begin(archive, cluster, "extended_version.txt", "--cluster-read-rate-limit=8000000")
    push.send_signal(signal.SIGSTOP)
    cluster.sql(f"ALTER SYSTEM SET {setting}")
    cluster.reload()
    push.send_signal(signal.SIGCONT)
    outcome = end(push)
    assert outcome.code == 0, outcome.err


@pytest.fixture
def chain(clusters, folder):
    """A primary, a standby of it, and a standby of that one, which follows it onto any timeline."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.archive_commits(5)
    archive.backup()
    servers = [archive.cluster]
    for name in ("first", "second"):
        standby = clusters.track(Cluster(folder / name))
        archive.tool.run("backup-fetch", standby.data, "LATEST")
        archive.prepare_recovery(
            standby, "standby", primary_conninfo=f"host={servers[-1].folder} user=postgres",
            wal_retrieve_retry_interval="100ms",
        )  # fmt: skip
        standby.start()
        wait_until(lambda s=standby: s.answers() and commits_of(s) == (5, 5), standby.log_tail)
        servers.append(standby)
    return archive, servers


def test_serializable_by_default_on_a_standby(chain):
    """A hot standby refuses every statement of a serializable session."""
    archive, (primary, _, standby) = chain
    archive.archive_commits(5)
    primary.sql("CHECKPOINT")
    wait_until(lambda: commits_of(standby) == (10, 10), standby.log_tail)
    standby.sql("CHECKPOINT")
    standby.configure(
        default_transaction_isolation="serializable", default_transaction_read_only="on",
        default_transaction_deferrable="on",
    )
    standby.reload()
    push = begin(archive, standby, "tar_partitions/part_00000001.tar.lzo")
    archive.archive_commits(1)
    archive.archive_commits(1)
    outcome = end(push)
    assert outcome.code == 0, outcome.err


def test_a_standby_follows_onto_another_timeline(chain):
    """The old primary lives on and archives: segments of the right names arrive, of the wrong history."""
    archive, (primary, promoted, standby) = chain
    archive.archive_commits(5)
    primary.sql("CHECKPOINT")
    wait_until(lambda: commits_of(standby) == (10, 10), standby.log_tail)
    standby.sql("CHECKPOINT")
    before = archive.store.backups()
    push = begin(archive, standby, "extended_version.txt", "--cluster-read-rate-limit=5000000")
    push.send_signal(signal.SIGSTOP)
    promoted.promote()
    promoted.sql("INSERT INTO commits VALUES (1000); CHECKPOINT; INSERT INTO commits VALUES (1001)")
    wait_until(lambda: commits_of(standby)[1] == 1001, standby.log_tail)
    standby.sql("CHECKPOINT")
    for _ in range(3):
        archive.archive_commits(5)
    push.send_signal(signal.SIGCONT)
    outcome = end(push)
    assert outcome.code == 1, outcome.err
    outcome.error("00000001", "to 00000002", "CHECKPOINT on the primary")
    assert archive.store.backups() == before

    # Begun on the new timeline, it waits for WAL of that one, which nobody archives here.
    again = archive.tool.with_environment(**standby.address()).run(
        "backup-push", "--checkpoint=fast", "--no-archive-check", "--archive-timeout=1", standby.data, code=1
    )
    assert "000000020000000" in again.error("is missing").text
