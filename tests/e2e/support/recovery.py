"""One segment in the middle of an archive is not fetched: what PostgreSQL makes of the exit code.

What counts is what the server does: the rows it shows, whether it is in recovery, and that all rows
are there once the reason is gone.
"""

import shutil
import subprocess

from support.archive import commits_of
from support.postgres import Cluster, wait_until

BEFORE, ALL = (20, 20), (40, 40)  # commits up to the segment that is not fetched; all that are archived

WRAPPER = """\
#!/bin/sh
# $1 segment, $2 destination. While `wrong` is there, the fetch of {segment} goes wrong.
if [ "$1" = {segment} ] && [ -e {folder}/wrong ]; then
  {wrong}
else
  {right}
fi
code=$?
echo "$1 $code" >> {folder}/codes
exit $code
"""


class Scene:
    """A base backup that is restored anew for each case, and an archive of four times ten commits."""

    def __init__(self, archive, folder, *initdb):
        self.archive = archive
        archive.start(*initdb)
        archive.backup()
        segments = [archive.archive_commits(10) for _ in range(4)]
        self.segment = segments[2]
        archive.cluster.stop()
        self.pristine = folder / "pristine"
        archive.tool.run("backup-fetch", self.pristine, "LATEST")


class Case:
    """One copy of the cluster, and a restore_command that fails for one segment until mend()."""

    def __init__(self, scene, folder, clusters, right, wrong, mend=lambda: None):
        """`right` and `wrong` are shell commands of $1 and $2; mend() ends the reason, if not in them."""
        self.folder, self.segment, self.mend_store = folder, scene.segment, mend
        original = scene.archive.cluster
        self.cluster = clusters.track(Cluster(folder / "pg", original.major, original.install))
        shutil.copytree(scene.pristine, self.cluster.data, symlinks=True)
        self.cluster.data.chmod(0o700)
        self.script = folder / "restore"
        self.script.write_text(
            WRAPPER.format(segment=self.segment, folder=folder, right=right, wrong=wrong)
        )
        self.script.chmod(0o755)
        (folder / "wrong").touch()

    def mend(self):
        (self.folder / "wrong").unlink()
        self.mend_store()

    def recover(self, mode):
        self.cluster.recover(
            f"{self.script} %f %p", mode, archive_mode="off", wal_retrieve_retry_interval="100ms"
        )
        return self.cluster

    def codes(self):
        """Exit codes of the fetches of the segment in question."""
        if not (self.folder / "codes").exists():
            return []
        lines = (self.folder / "codes").read_text().split("\n")
        return [int(line.split()[1]) for line in lines if line.startswith(self.segment)]


def reached(cluster, commits):
    wait_until(
        lambda: cluster.answers() and commits_of(cluster) == commits,
        lambda: f"not {commits}\n{cluster.log_tail()}",
    )


def promoted(cluster):
    wait_until(
        lambda: cluster.answers() and not cluster.in_recovery(),
        lambda: f"not promoted\n{cluster.log_tail()}",
    )


def standby_waits(case):
    """It stays a standby, asks again, and goes on when the segment is there."""
    cluster = case.recover("standby").start()
    reached(cluster, BEFORE)
    asked = len(case.codes())
    wait_until(lambda: len(case.codes()) > asked + 1, "the standby does not ask again")
    assert set(case.codes()) == {1}
    assert cluster.in_recovery() and commits_of(cluster) == BEFORE
    case.mend()
    reached(cluster, ALL)
    assert cluster.in_recovery()


def targeted_recovery_ends(case):
    """The segment is the end of the archive, as far as anyone can know."""
    cluster = case.recover("recovery").start()
    promoted(cluster)
    assert commits_of(cluster) == BEFORE
    assert case.codes()[0] == 1


def targeted_recovery_stops(case, code=126):
    """The server stops instead of losing rows, and has all of them at the next start."""
    cluster = case.recover("recovery").start(wait=False)
    wait_until(case.codes, "the segment is not asked for")
    wait_until(lambda: cluster.pid() is None, cluster.log_tail)
    assert case.codes() == [code]
    assert "archive recovery complete" not in cluster.log.read_text()
    case.mend()
    cluster.start()
    promoted(cluster)
    assert commits_of(cluster) == ALL


def by_hand(case, size):
    """Neither signal file: pg_rewind, or a person. Run in the data directory as PostgreSQL would."""
    destination = case.cluster.wal_folder() / "RECOVERYXLOG"
    command = [case.script, case.segment, destination]
    assert subprocess.run(command, cwd=case.cluster.data).returncode == 1 and case.codes() == [1]
    assert not destination.exists()
    case.mend()
    assert subprocess.run(command, cwd=case.cluster.data).returncode == 0
    assert destination.stat().st_size == size
