"""Two writers of one segment name: one content survives, the other writer exits 1."""

import os
import subprocess

import pytest
from support.segments import two_contents

ROUNDS = 1000


@pytest.fixture
def contenders(session_archive, folder):
    return two_contents(session_archive, folder)


def test_one_content_survives(contenders, stored, store, folder):
    name, paths = contenders
    store.wal.mkdir(parents=True)
    object_path = store.wal / f"{name}.lzo"
    contents = [path.read_bytes() for path in paths]
    wins = [0, 0]
    for round_number in range(ROUNDS):
        # Every other round the other one gets the head start of a process creation.
        order = (0, 1) if round_number % 2 else (1, 0)
        pushes = {side: stored.start("wal-push", paths[side]) for side in order}
        codes = [pushes[side].wait(60) for side in (0, 1)]
        assert sorted(codes) == [0, 1], f"round {round_number}: exit codes {codes}"
        winner = codes.index(0)
        wins[winner] += 1
        unpacked = subprocess.run(["lzop", "-dc", object_path], capture_output=True, check=True)
        assert unpacked.stdout == contents[winner], f"round {round_number}"
        assert os.listdir(store.wal) == [object_path.name]
        object_path.unlink()
    assert min(wins) > ROUNDS // 20, f"it was no race: {wins}"


def test_both_succeed_with_the_same_content(contenders, stored, store):
    """A lost acknowledgement, or archive_mode = always on two hosts."""
    name, (path, _) = contenders
    for _ in range(50):
        pushes = [stored.start("wal-push", path) for _ in range(3)]
        assert [push.wait(60) for push in pushes] == [0, 0, 0]
        assert os.listdir(store.wal) == [f"{name}.lzo"]
        (store.wal / f"{name}.lzo").unlink()
