"""What backup-fetch says is to be done next, done to the letter, brings back all that the archive holds."""

import re
import shutil

import pytest
from support.archive import commits_of, finish_recovery
from support.postgres import Cluster


def setting(name, hint):
    """`name = value` as it stands in the HINT; its value holds no quote."""
    return re.search(rf"{name} = '[^']*'", hint)[0]


def follow(hint, copy, env):
    """As a person reads it, but for the place of the environment."""
    lines = [setting("restore_command", hint).replace("/etc/wal-e.d/env", str(env))]
    if "recovery.conf" in hint:
        lines.append(setting("recovery_target_timeline", hint))
        (copy.data / "recovery.conf").write_text("\n".join(lines) + "\n")
    else:
        assert "make recovery.signal" in hint
        (copy.data / "recovery.signal").touch()
        with open(copy.data / "postgresql.auto.conf", "a") as settings:
            settings.write("\n".join(lines) + "\n")
    copy.configure(archive_mode="off")


@pytest.mark.parametrize("major", ["11", "15"])
def test_beyond_a_promotion(major, clusters, folder):
    """Servers before 12 stay on the backup's own timeline unless they are told otherwise."""
    archive = clusters.archive(folder, major).start()
    archive.commit(5)
    archive.backup()
    cluster = archive.cluster
    cluster.stop()
    cluster.recover(archive.tool.shell(folder / "env-fetch", 'wal-fetch "%f" "%p"'), "standby")
    cluster.start()
    cluster.promote()
    assert archive.archive_commits(5).startswith("00000002")
    archive.wait_stored("00000002.history")
    wanted = cluster.table_sums()
    cluster.kill()
    shutil.rmtree(cluster.data)

    copy = clusters.track(Cluster(folder / "copy", major, cluster.install))
    done = archive.tool.run("backup-fetch", copy.data, "LATEST")
    (hint,) = [r.parts["HINT"] for r in done.records if r.msg.startswith("restore complete")]
    follow(hint, copy, folder / "env-fetch")
    finish_recovery(copy)
    assert commits_of(copy) == (10, 10)
    assert copy.table_sums() == wanted
