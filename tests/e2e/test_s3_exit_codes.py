"""The exit codes of test_exit_codes.py where the segments come from S3."""

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
from support.s3.fault_proxy import DOWN

REASONS = ["absent", "forbidden", "missing bucket", "timeout", "reset", "corrupt"]
SHORT = {name: "1" for name in ("WALE_CONNECT_TIMEOUT", "WALE_FIRST_BYTE_TIMEOUT", "WALE_IDLE_TIMEOUT")}


class S3Scene(Scene):
    """With a store for each reason in which that segment is not to be had."""

    def __init__(self, archive, folder, server, new_proxy):
        super().__init__(archive, folder, SMALL_SEGMENTS)
        store = archive.store
        hole, resetting = new_proxy(server.url), new_proxy(server.url)
        hole.black_hole()
        resetting.reset_every(64, DOWN)  # in the head of each answer
        self.wrong = {
            "absent": store.at(prefix="other"),
            "forbidden": store.at(
                AWS_ACCESS_KEY_ID=server.stranger_id, AWS_SECRET_ACCESS_KEY=server.stranger_secret
            ),
            "missing bucket": store.at(WALE_S3_PREFIX="s3://no-such-bucket/main"),
            "timeout": store.at(endpoint=hole.url, **SHORT),
            "reset": store.at(endpoint=resetting.url),
            "corrupt": store.at(prefix="corrupt"),
        }
        key = f"wal_005/{self.segment}.lzo"
        data = bytearray(store.read(key))
        data[len(data) // 2] ^= 0x10
        self.wrong["corrupt"].write(key, bytes(data))


@pytest.fixture(scope="module", params=["11", "15"])
def scene(request, scratch, tool, install, swift, new_bucket, new_proxy):
    made = Clusters(tool, install)
    folder = new_folder(scratch)
    try:
        archive = made.archive(folder, request.param, store=new_bucket(swift))
        yield S3Scene(archive, folder, swift, new_proxy)
    finally:
        made.stop()


@pytest.fixture(params=REASONS)
def reason(request):
    return request.param


@pytest.fixture
def case(scene, reason, folder, clusters):
    tool = scene.archive.tool.with_environment(WALE_RETRIES="2")
    wrong = tool.with_environment(**scene.wrong[reason].environment())
    fetch = 'wal-fetch "$1" "$2"'
    return Case(
        scene, folder, clusters, tool.shell(folder / "right", fetch), wrong.shell(folder / "wrong-env", fetch)
    )


def test_standby_waits(case):
    standby_waits(case)


def test_targeted_recovery_stops(case, reason):
    if reason == "absent":
        targeted_recovery_ends(case)
    else:
        targeted_recovery_stops(case)


def test_by_hand(case):
    by_hand(case, 1 << 20)
