"""delete on a real archive: what is kept restores, whatever interrupts it, and WAL-E would agree."""

import os
import re
import shutil
import signal
import subprocess

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.archive import commits_of, finish_recovery
from support.original import OriginalTool
from support.postgres import Cluster, wait_until
from support.tool import Store, snapshot

DRY_RUN_HINT = "This is only a dry run -- no actual data is being deleted"


class Scene:
    """Two backups of a PostgreSQL 15 with WAL before, between and after them; tests work on copies."""

    def __init__(self, archive):
        self.archive = archive.start(SMALL_SEGMENTS)
        archive.archive_commits(10)
        self.old = archive.backup()
        archive.archive_commits(10)
        self.kept = archive.backup()
        archive.archive_commits(10)
        self.wanted = commits_of(archive.cluster)
        archive.cluster.stop()

    def copy(self, folder):
        return Copy(self, folder)


class Copy:
    def __init__(self, scene, folder, hours=30):
        self.scene = scene
        self.store = Store(folder / "store")
        scene.archive.store.copy_to(self.store.root)
        self.age(hours)
        self.tool = scene.archive.tool.with_environment(WALE_FILE_PREFIX=self.store.url)

    def age(self, hours):
        """As if all of it had been stored so long ago."""
        for path in self.store.objects():
            at = path.stat().st_mtime - hours * 3600
            os.utime(path, (at, at))

    def keys(self):
        return {str(p.relative_to(self.store.root)) for p in self.store.objects()}

    def before(self, name):
        """The keys that lie before this backup, for an archive of one timeline."""
        number = re.compile("(?:basebackups_005/base_|wal_005/)([0-9A-F]{24})")
        return {k for k in self.keys() if number.match(k) and number.match(k)[1] < name[5:29]}

    def check_restores(self, folder, clusters):
        copy = clusters.track(Cluster(folder / "pg", "15"))
        self.tool.run("backup-fetch", copy.data, "LATEST")
        self.scene.archive.prepare_recovery(copy, tool=self.tool)
        finish_recovery(copy)
        assert commits_of(copy) == self.scene.wanted


@pytest.fixture(scope="module")
def scene(scratch, tool, install):
    made = Clusters(tool, install)
    try:
        yield Scene(made.archive(new_folder(scratch)))
    finally:
        made.stop()


@pytest.fixture
def copy(scene, folder):
    return scene.copy(folder)


@pytest.fixture(scope="session")
def original(scratch):
    return OriginalTool(scratch / "original-wal-e", PATH="/usr/bin:/bin", HOME=str(scratch))


def planned(outcome):
    """The keys that the plan on stdout removes."""
    rows = [line.split("\t") for line in outcome.out.split("\n")]
    return {row[1] for row in rows if row[0] == "remove" and "/" in row[1]}


def logged(outcome, store):
    """The keys that the log names, as both programs write it."""
    named = re.findall(r"The key being deleted is (\S+)\.$", outcome.err, re.MULTILINE)
    return {url.removeprefix(f"{store.url}/") for url in named}


def test_after_retain_1_the_kept_backup_restores(scene, copy, folder, clusters):
    gone = copy.before(scene.kept)
    assert len(gone) > 5
    left = copy.keys() - gone
    outcome = copy.tool.run("delete", "--confirm", "retain", "1")
    assert copy.keys() == left
    assert planned(outcome) == logged(outcome, copy.store) == gone
    assert f"remove\t{scene.old}\ttaken " in outcome.out
    assert f"keep\t{scene.kept}\ttaken " in outcome.out
    assert outcome.messages()[:3] == [
        "starting WAL-E", "deleting data in the store", "Deleting 1 oldest base backups."
    ]  # fmt: skip
    assert outcome.records[0].parts["DETAIL"] == 'The subcommand is "delete retain".'
    copy.check_restores(folder, clusters)
    before = snapshot(copy.store.root)
    copy.tool.run("delete", "--confirm", "retain", "1")
    assert snapshot(copy.store.root) == before


@pytest.mark.parametrize("dry", [[], ["--dry-run"], ["-n", "--confirm"], ["--confirm", "--dry"]])
def test_a_dry_run_prints_and_removes_nothing(scene, copy, dry):
    before = snapshot(copy.store.root)
    outcome = copy.tool.run("delete", *dry, "before", scene.kept)
    assert snapshot(copy.store.root) == before
    named = [r for r in outcome.records if r.msg.startswith("deleting ")]
    assert len(named) == len(copy.before(scene.kept))
    assert all(r.parts["HINT"] == DRY_RUN_HINT for r in named)
    # --terse hides the log, not the plan.
    terse = copy.tool.run("--terse", "delete", *dry, "before", scene.kept)
    assert terse.err == "" and terse.out == outcome.out
    assert planned(terse) == copy.before(scene.kept)


@pytest.mark.parametrize(
    "words",
    [["before", "KEPT"], ["before", "OLD"], ["retain", "1"], ["retain", "2"], ["retain", "5"], ["everything"]],
    ids=" ".join,
)  # fmt: skip
def test_wal_e_names_the_same_keys(scene, copy, original, words):
    words = [{"KEPT": scene.kept, "OLD": scene.old}.get(w, w) for w in words]
    theirs = original.with_environment(WALE_FILE_PREFIX=copy.store.url)
    before = snapshot(copy.store.root)
    ours = copy.tool.run("delete", *words)
    other = theirs.run("delete", *words)
    # Our metadata goes with its backup; WAL-E warns of it and leaves it, but for `everything`.
    ours_only = set() if words == ["everything"] else {
        k for k in planned(ours) if k.endswith("/metadata.json")
    }  # fmt: skip
    assert logged(ours, copy.store) - ours_only == logged(other, copy.store)
    assert planned(ours) == logged(ours, copy.store)

    def said(outcome):
        return sorted(
            (r.level, r.msg, r.parts.get("DETAIL"), r.parts.get("HINT"))
            for r in outcome.records
            if "/metadata.json" not in r.text
        )

    assert said(ours) == said(other)
    assert snapshot(copy.store.root) == before


def test_without_any_backup_nothing_goes(copy, original):
    shutil.rmtree(copy.store.base)
    copy.store.base.mkdir()
    before = snapshot(copy.store.root)
    theirs = original.with_environment(WALE_FILE_PREFIX=copy.store.url)
    messages = [t.run("delete", "--confirm", "retain", "1").messages() for t in (copy.tool, theirs)]
    assert messages[0] == messages[1] == [
        "starting WAL-E", "deleting data in the store", "Not deleting any data."
    ]  # fmt: skip
    assert snapshot(copy.store.root) == before


def check_invariant(copy):
    """What is listed is whole, and all that the kept backup needs is there."""
    listed = copy.store.backups()
    assert copy.scene.kept in listed
    for name in listed:
        assert (copy.store.base / name / "extended_version.txt").exists()
        assert list((copy.store.base / name / "tar_partitions").iterdir())
    # The WAL goes last.
    if copy.scene.old in listed:
        assert copy.scene.old[5:29] in copy.store.segments()


def delete_with(signal_name, number, copy):
    """The exit code of a delete that gets the signal as it enters its n-th unlink. strace counts for each
    thread: on one processor there is only one that removes."""
    command = copy.tool.command("delete", "--confirm", "retain", "1")
    inject = f"inject=unlink,unlinkat:signal={signal_name}:when={number}"
    one = str(min(os.sched_getaffinity(0)))
    return subprocess.run(
        ["taskset", "-c", one, "strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, *command],
        env=copy.tool.environment, capture_output=True,
    ).returncode  # fmt: skip


INTERRUPTED = {"SIGTERM": 1, "SIGKILL": -signal.SIGKILL}


@pytest.mark.parametrize("kind", INTERRUPTED)
def test_interrupted_and_repeated(scene, copy, folder, clusters, kind):
    """One deletion after the other gets a signal at its second removal; each goes on where it can."""
    gone = copy.before(scene.kept)
    left = copy.keys() - gone
    codes = []
    while copy.keys() != left and len(codes) < len(gone):
        codes.append(delete_with(kind, 2, copy))
        check_invariant(copy)
    # The last one may have come to its end.
    assert len(codes) > 1 and set(codes[:-1]) == {INTERRUPTED[kind]}
    copy.tool.run("delete", "--confirm", "retain", "1")
    assert copy.keys() == left
    copy.check_restores(folder, clusters)


@pytest.mark.parametrize("kind", INTERRUPTED)
@pytest.mark.parametrize("number", range(1, 12))
def test_interrupted_at_each_removal_and_repeated(scene, copy, number, kind):
    gone = copy.before(scene.kept)
    left = copy.keys() - gone
    before_wal = len([key for key in gone if key.startswith("basebackups_005/")])
    expected = {INTERRUPTED[kind] if number <= len(gone) else 0}
    if kind == "SIGTERM" and number >= before_wal:
        expected.add(0)  # it may come too late
    code = delete_with(kind, number, copy)
    assert code in expected and (code != 0 or copy.keys() == left)
    check_invariant(copy)
    copy.tool.run("delete", "--confirm", "retain", "1")
    assert copy.keys() == left


def test_what_an_interruption_leaves_of_a_young_backup_goes_once_it_is_old(scene, folder):
    copy = Copy(scene, folder, hours=0)
    left = copy.keys() - copy.before(scene.kept)
    (copy.store.base / f"{scene.old}_backup_stop_sentinel.json").unlink()
    outcome = copy.tool.run("delete", "--confirm", "retain", "1")
    assert f"keep\t{scene.old}\t" in outcome.out and "perhaps in progress" in outcome.out
    assert scene.old[5:29] in copy.store.segments()
    copy.tool.run("delete", "--grace", "0", "--confirm", "retain", "1")
    assert copy.keys() == left


def test_several_at_once(scene, copy, folder, clusters):
    left = copy.keys() - copy.before(scene.kept)
    runs = [
        copy.tool.start("delete", "--confirm", *words, stderr=subprocess.PIPE)
        for words in (["retain", "1"], ["before", scene.kept], ["retain", "1"], ["before", scene.kept])
    ]
    for run in runs:
        errors = run.communicate()[1].decode()
        assert run.returncode == 0, errors
    assert copy.keys() == left
    copy.check_restores(folder, clusters)


def test_a_backup_that_runs_meanwhile_is_left_alone(clusters, folder):
    """A backup whose last partition is still to come keeps its objects and its WAL."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.archive_commits(5)
    # Its WAL never arrives, so it waits before the sentinel.
    archive.stop_archiving()
    running = archive.tool.start("backup-push", "--checkpoint=fast", archive.cluster.data)
    try:
        wait_until(
            lambda: list(archive.store.base.glob("*/tar_partitions/part_*")), "no partition comes"
        )
        (unfinished,) = [p.name for p in archive.store.base.iterdir()]
        objects = set(archive.store.objects()) - set(archive.store.wal.iterdir())
        horizon = "0000000100000000000000FF"
        archive.tool.run("delete", "--confirm", "before", horizon)
        assert objects and set(archive.store.objects()) >= objects
        assert not [s for s in archive.store.segments() if s < unfinished[5:29]]
        archive.cluster.configure(archive_command=archive.tool.shell(folder / "env", "wal-push %p"))
        archive.cluster.reload()
        archive.cluster.sql("SELECT pg_switch_wal()")
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.wait()
    archive.archive_commits(5)
    copy = clusters.track(archive.restore(folder / "copy"))
    finish_recovery(copy)
    assert commits_of(copy) == commits_of(archive.cluster)


def test_the_wal_of_every_timeline_that_a_kept_backup_needs_stays(clusters, folder):
    """A restore to an earlier point begins timeline 2 below the horizon; `retain` keeps what was taken last."""
    archive = clusters.archive(folder).start(SMALL_SEGMENTS)
    archive.archive_commits(5)
    first = archive.backup()
    for _ in range(3):
        archive.archive_commits(5)
    second = archive.backup()
    archive.archive_commits(5)
    archive.cluster.stop()
    # From the first backup to its end, so that timeline 2 begins before the second backup.
    copy = archive.restore(folder / "copy", first, recovery_target="immediate",
                           recovery_target_action="promote")  # fmt: skip
    clusters.track(copy)
    command = archive.tool.shell(folder / "env2", "wal-push %p")
    copy.configure(archive_mode="on", archive_command=command)
    finish_recovery(copy)
    copy.sql("INSERT INTO commits VALUES (1001)")
    segment = copy.switch_wal()
    archive.wait_stored(segment)
    assert segment[:8] == "00000002"
    third = archive.tool.with_environment(**copy.address())
    third.run("backup-push", "--checkpoint=fast", copy.data)
    (newest,) = set(archive.store.backups()) - {first, second}
    assert newest[13:29] < second[13:29], "the newest backup is not below the others"
    copy.sql("INSERT INTO commits VALUES (1002)")
    archive.wait_stored(copy.switch_wal())
    wanted = commits_of(copy)
    copy.stop()

    outcome = archive.tool.run("delete", "--confirm", "retain", "1")
    assert archive.store.backups() == [newest]
    assert f"keep\t{newest}\t" in outcome.out
    assert (archive.store.wal / "00000002.history.lzo").exists()
    assert [s for s in archive.store.segments() if s[:8] == "00000001" and s[8:] < second[13:29]] == []
    again = clusters.track(archive.restore(folder / "again"))
    finish_recovery(again)
    assert commits_of(again) == wanted


def test_a_key_that_cannot_be_removed_is_told(scene, copy):
    folder = copy.store.base / scene.old / "tar_partitions"
    folder.chmod(0o500)
    try:
        outcome = copy.tool.run("delete", "--confirm", "retain", "1", code=1)
    finally:
        folder.chmod(0o700)
    outcome.error("Some keys were not deleted", "tar_partitions")
    assert "all of it is removed" not in outcome.out
    assert scene.old not in copy.store.backups()
    copy.tool.run("delete", "--confirm", "retain", "1")
    assert not copy.before(scene.kept)


@pytest.mark.parametrize(
    "words",
    [["retain", "0"], ["retain", "-1"], ["retain", "x"], ["retain"], [], ["before", "LATEST"],
     ["before", "base_1"], ["all"], ["everything", "--confirm"], ["--grace", "x", "retain", "1"]],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_understood_removes_nothing(copy, words):
    before = snapshot(copy.store.root)
    outcome = copy.tool.run("delete", "--confirm", *words, code=2)
    outcome.error()
    assert outcome.out == ""
    assert snapshot(copy.store.root) == before


def test_a_plan_that_nobody_can_read_is_not_carried_out(copy):
    before = snapshot(copy.store.root)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            copy.tool.command("delete", "--confirm", "retain", "1"),
            stdout=full, stderr=subprocess.PIPE, env=copy.tool.environment,
        )  # fmt: skip
    assert done.returncode == 1
    assert snapshot(copy.store.root) == before
