"""Commands that die at every k-th of their file operations, and at random moments.

Afterwards a listing never shows a backup that does not restore, no torn file is served, and another
attempt succeeds.
"""

import random
import signal
import time

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.crash import COMMANDS, newest_backup_starts
from support.tool import Tool

# How many of a command's operations are tried with each action; k follows from it.
POINTS = {"wal-push": 60, "wal-fetch": 60, "backup-push": 24, "backup-fetch": 40, "backup-list": 20}
KILLS = {"wal-push": 70, "wal-fetch": 60, "backup-push": 30, "backup-fetch": 40}
SEED = 20261120


@pytest.fixture(scope="module")
def archive(scratch, tool, install):
    """A small cluster that archives, with two backups."""
    made = Clusters(tool, install)
    archive = made.archive(new_folder(scratch)).start(SMALL_SEGMENTS)
    try:
        for _ in range(2):
            archive.archive_commits(5)
            archive.backup()
        archive.archive_commits(5)
        yield archive
        newest_backup_starts(archive, new_folder(scratch) / "copy")
    finally:
        made.stop()


@pytest.fixture
def failing(archive, failpoint_binary):
    tool = Tool(failpoint_binary)
    tool.environment = dict(archive.tool.environment)
    return tool


@pytest.mark.parametrize("action", ["kill", "term", "enospc"])
@pytest.mark.parametrize("name", POINTS)
def test_at_every_kth_operation(name, action, archive, failing, folder):
    command = COMMANDS[name](archive, folder)
    counter = folder / "count"
    # Twice, as the first run may make folders that later ones find.
    for _ in range(2):
        run = failing.with_environment(WALE_FAILPOINT_COUNT=str(counter)).run(*command.prepare())
        command.check(0)
        command.check_output(run.out)
    operations = int(counter.read_text())
    step = max(1, operations // POINTS[name])
    died = 0
    for number in range(1, operations + 1, step):
        tool = failing.with_environment(WALE_FAILPOINT=f"{action}:{number}")
        run = tool.run(*command.prepare(), code=None)
        code = run.code
        died += code != 0
        expected = {"kill": {0, -signal.SIGKILL}, "term": {0, 1}, "enospc": {0, 1}}[action]
        assert code in expected, f"{action} at operation {number} of {operations}: exit {code}"
        command.check(code)
        if code == 0:
            command.check_output(run.out)
        command.retry()
    # An operation that fails or is interrupted need not be the end: a cache, a clean-up. How many
    # there are differs from run to run: small blocks that are ready together are written together.
    assert died > 0 and (action != "kill" or died >= 0.5 * len(range(1, operations + 1, step)))


def timed(tool, command):
    """The median of three undisturbed runs, in seconds."""
    times = []
    for _ in range(3):
        arguments = command.prepare()
        began = time.monotonic()
        tool.run(*arguments)
        times.append(time.monotonic() - began)
        command.check(0)
    return sorted(times)[1]


def test_at_random_moments(archive, folder):
    chance = random.Random(SEED)
    hits = kills = 0
    for name, rounds in KILLS.items():
        (folder / name).mkdir()
        command = COMMANDS[name](archive, folder / name)
        usual = timed(archive.tool, command)
        for _ in range(rounds):
            process = archive.tool.start(*command.prepare())
            time.sleep(chance.uniform(0, 0.85 * usual))
            alive = process.poll() is None
            process.kill()
            code = process.wait()
            is_hit = alive and code == -signal.SIGKILL
            # Other work on the machine makes runs longer and shorter meanwhile.
            usual *= 1.03 if is_hit else 0.7
            hits += is_hit
            kills += 1
            command.check(code)
            command.retry()
    assert kills == 200 and hits >= 0.8 * kills, f"{hits} of {kills} kills hit a live process"
