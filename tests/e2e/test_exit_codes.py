"""wal-fetch's exit codes as PostgreSQL understands them: never a promotion that loses rows.

Three modes of recovery times six reasons why one segment in the middle is not fetched.
"""

import os
import shutil

import pytest
from conftest import SMALL_SEGMENTS, Clusters, new_folder
from support.recovery import (
    Case,
    Scene,
    by_hand,
    standby_waits,
    targeted_recovery_ends,
    targeted_recovery_stops,
)
from support.tool import Store

REASONS = ["absent", "store missing", "unreadable", "corrupt", "usage error", "SIGTERM"]


@pytest.fixture(scope="module", params=["11", "15"])
def scene(request, scratch, tool, install):
    made = Clusters(tool, install)
    folder = new_folder(scratch)
    try:
        yield Scene(made.archive(folder, request.param), folder, SMALL_SEGMENTS)
    finally:
        made.stop()


class SpoiltStore:
    """A copy of the store in which one object may be spoilt, and the commands that use it."""

    def __init__(self, scene, reason, folder, failpoints):
        self.folder = folder
        self.store = Store(folder / "store")
        scene.archive.store.copy_to(self.store.root)
        self.object = self.store.wal / f"{scene.segment}.lzo"
        tool = scene.archive.tool.with_environment(WALE_FILE_PREFIX=self.store.url, WALE_RETRIES="1")
        self.right = tool.shell(folder / "env", 'wal-fetch "$1" "$2"')
        self.wrong = self.wrong_command(reason, tool, failpoints)
        self.spoil(reason)

    def wrong_command(self, reason, tool, failpoints):
        if reason == "usage error":
            return self.right.replace("wal-fetch", "wal-fetch --no-such-option")
        if reason == "store missing":
            return f"WALE_FILE_PREFIX={self.store.url}-not-mounted/prefix {tool.binary} wal-fetch $1 $2"
        if reason == "SIGTERM":
            # The signal comes with the first file operation; slow reads keep it from coming too late.
            slow = "strace -f -qq -o /dev/null -e trace=pread64 -e inject=pread64:delay_enter=100000"
            slow = f"env WALE_IO=threads WALE_FAILPOINT=term:1 {slow}"
            return self.right.replace(str(tool.binary), f"{slow} {failpoints}")
        return self.right

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
        if (self.folder / "aside").exists():
            os.replace(self.folder / "aside", self.object)
        self.object.chmod(0o640)


@pytest.fixture(params=REASONS)
def reason(request):
    return request.param


@pytest.fixture
def case(scene, reason, folder, clusters, failpoint_binary):
    spoilt = SpoiltStore(scene, reason, folder, failpoint_binary)
    return Case(scene, folder, clusters, spoilt.right, spoilt.wrong, spoilt.mend)


def test_standby_waits(case):
    standby_waits(case)


def test_targeted_recovery_stops(case, reason):
    if reason == "absent":
        targeted_recovery_ends(case)
    else:
        targeted_recovery_stops(case, 143 if reason == "SIGTERM" else 126)


def test_by_hand(case):
    by_hand(case, 1 << 20)
