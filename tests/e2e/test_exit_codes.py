"""wal-fetch's exit codes as PostgreSQL understands them: never a promotion that loses rows.

Three modes of recovery times six reasons why one segment in the middle is not fetched. What counts is
what the server does: the rows it shows, whether it is in recovery, and that all rows are there once
the reason is gone.
"""

import os
import shutil

import pytest
from conftest import SMALL_SEGMENTS, new_folder
from support.archive import commits_of
from support.postgres import Cluster, wait_until
from support.tool import Store

REASONS = ["absent", "store missing", "unreadable", "corrupt", "usage error", "SIGTERM"]
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

    def __init__(self, archive, folder, failpoints):
        self.archive, self.folder, self.failpoints = archive, folder, failpoints
        archive.start(SMALL_SEGMENTS)
        archive.backup()
        segments = [archive.archive_commits(10) for _ in range(4)]
        self.segment = segments[2]
        archive.cluster.stop()
        self.pristine = folder / "pristine"
        archive.tool.run("backup-fetch", self.pristine, "LATEST")


@pytest.fixture(scope="module", params=["11", "15"])
def scene(request, scratch, tool, install, failpoint_binary):
    from conftest import Clusters

    made = Clusters(tool, install)
    folder = new_folder(scratch)
    yield Scene(made.archive(folder, request.param), folder, failpoint_binary)
    made.stop()


class Case:
    """One copy of the cluster and of the store, and a restore_command that can be made to fail."""

    def __init__(self, scene, reason, folder, clusters):
        self.folder = folder
        self.store = Store(folder / "store")
        shutil.copytree(scene.archive.store.root, self.store.root)
        self.object = self.store.wal / f"{scene.segment}.lzo"
        self.segment = scene.segment
        original = scene.archive.cluster
        self.cluster = clusters.track(Cluster(folder / "pg", original.major, original.install))
        shutil.copytree(scene.pristine, self.cluster.data, symlinks=True)
        self.cluster.data.chmod(0o700)
        self.write_wrapper(scene, reason)
        self.spoil(reason)

    def write_wrapper(self, scene, reason):
        tool = scene.archive.tool.with_environment(WALE_FILE_PREFIX=self.store.url, WALE_RETRIES="1")
        right = tool.shell(self.folder / "env", 'wal-fetch "$1" "$2"')
        wrong = right
        if reason == "usage error":
            wrong = right.replace("wal-fetch", "wal-fetch --no-such-option")
        elif reason == "store missing":
            wrong = f"WALE_FILE_PREFIX={self.store.url}-not-mounted/prefix {tool.binary} wal-fetch $1 $2"
        elif reason == "SIGTERM":
            # The signal comes with the first file operation; slow reads keep it from coming too late.
            slow = "strace -f -qq -o /dev/null -e trace=pread64 -e inject=pread64:delay_enter=100000"
            slow = f"env WALE_IO=threads WALE_FAILPOINT=term:1 {slow}"
            wrong = right.replace(str(tool.binary), f"{slow} {scene.failpoints}")
        script = self.folder / "restore"
        script.write_text(
            WRAPPER.format(segment=self.segment, folder=self.folder, right=right, wrong=wrong)
        )
        script.chmod(0o755)
        (self.folder / "wrong").touch()
        self.restore_command = f"{script} %f %p"
        self.script = script

    def spoil(self, reason):
        if reason == "absent":
            self.object.rename(self.folder / "aside")
        elif reason == "unreadable":
            self.object.chmod(0)
        elif reason == "corrupt":
            shutil.copy2(self.object, self.folder / "aside")
            data = bytearray(self.object.read_bytes())
            data[len(data) // 2] ^= 0x10
            with open(self.object, "r+b") as file:
                file.write(data)

    def mend(self):
        (self.folder / "wrong").unlink()
        if (self.folder / "aside").exists():
            os.replace(self.folder / "aside", self.object)
        self.object.chmod(0o640)

    def recover(self, mode):
        self.cluster.recover(
            self.restore_command, mode, archive_mode="off", wal_retrieve_retry_interval="100ms"
        )
        return self.cluster

    def codes(self):
        """Exit codes of the fetches of the segment in question."""
        lines = (self.folder / "codes").read_text().split("\n")
        return [int(line.split()[1]) for line in lines if line.startswith(self.segment)]


def reached(cluster, commits):
    wait_until(
        lambda: cluster.answers() and commits_of(cluster) == commits,
        lambda: f"not {commits}\n{cluster.log_tail()}",
    )


@pytest.mark.parametrize("reason", REASONS)
def test_standby_waits(scene, reason, folder, clusters):
    case = Case(scene, reason, folder, clusters)
    cluster = case.recover("standby").start()
    reached(cluster, BEFORE)
    asked = len(case.codes())
    wait_until(lambda: len(case.codes()) > asked + 1, "the standby does not ask again")
    assert set(case.codes()) == {1}
    assert cluster.in_recovery() and commits_of(cluster) == BEFORE
    case.mend()
    reached(cluster, ALL)
    assert cluster.in_recovery()


@pytest.mark.parametrize("reason", REASONS)
def test_targeted_recovery_stops(scene, reason, folder, clusters):
    case = Case(scene, reason, folder, clusters)
    cluster = case.recover("recovery")
    if reason == "absent":  # the end of the archive, as far as anyone can know
        cluster.start()
        wait_until(lambda: cluster.answers() and not cluster.in_recovery(), "not promoted")
        assert commits_of(cluster) == BEFORE
        assert case.codes()[0] == 1
        return
    cluster.start(wait=False)
    wait_until(lambda: (folder / "codes").exists() and case.codes(), "the segment is not asked for")
    wait_until(lambda: cluster.pid() is None, cluster.log_tail)
    assert case.codes() == [143 if reason == "SIGTERM" else 126]
    assert "archive recovery complete" not in cluster.log.read_text()
    case.mend()
    cluster.start()
    wait_until(lambda: cluster.answers() and not cluster.in_recovery(), cluster.log_tail)
    assert commits_of(cluster) == ALL


@pytest.mark.parametrize("reason", REASONS)
def test_by_hand(scene, reason, folder, clusters):
    """Neither signal file: pg_rewind, or a person. Run in the data directory as PostgreSQL would."""
    case = Case(scene, reason, folder, clusters)
    import subprocess

    destination = case.cluster.wal_folder() / "RECOVERYXLOG"
    run = subprocess.run([case.script, case.segment, destination], cwd=case.cluster.data)
    assert run.returncode == 1 and case.codes() == [1]
    assert not destination.exists()
    case.mend()
    run = subprocess.run([case.script, case.segment, destination], cwd=case.cluster.data)
    assert run.returncode == 0 and destination.stat().st_size == 1 << 20
