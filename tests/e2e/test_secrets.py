"""What must stay secret is in no output, no log, no command line and no object."""

import subprocess

from support.postgres import wait_until
from support.tool import decode

SECRET = "s3cr3t-correct-horse"


def cmdlines(pid):
    """argv of the process and of everything it started."""
    found = subprocess.run(["ps", "-o", "args=", "--pid", str(pid), "--ppid", str(pid)],
                           capture_output=True, text=True)  # fmt: skip
    return found.stdout


def test_the_password_of_the_server(session_archive, clusters, folder):
    archive = clusters.archive(folder).start("--wal-segsize=1")
    cluster = archive.cluster
    cluster.sql(f"CREATE ROLE backup SUPERUSER LOGIN PASSWORD '{SECRET}'")
    (cluster.data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
    cluster.reload()
    tool = archive.tool.with_environment(PGUSER="backup", PGPASSWORD=SECRET)
    push = tool.start(
        "backup-push", cluster.data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )  # a spread checkpoint gives time to look
    seen = wait_until(lambda: cmdlines(push.pid), "no process")
    assert SECRET not in seen and "backup-push" in seen
    cluster.sql("CHECKPOINT")
    output, _ = push.communicate(timeout=60)
    assert push.returncode == 0, decode(output)
    assert SECRET not in decode(output)
    for path in archive.store.objects():
        assert SECRET.encode() not in path.read_bytes(), path


def test_a_password_in_a_failing_connection(session_archive, folder):
    base = session_archive.tool.with_environment(PGPASSWORD=SECRET, PGHOST=str(folder))
    for wrong in ({}, {"PGPORT": "no number"}, {"PGSSLMODE": "nonsense"}, {"PGOPTIONS": "-c no=1"}):
        tool = base.with_environment(**wrong)
        run = tool.run("backup-push", "--checkpoint=fast", session_archive.cluster.data, code=1)
        assert SECRET not in run.err + run.out


def test_credentials_of_other_stores(session_archive, stored):
    """They are in the environment of every command, whatever store is used."""
    secrets = {name: f"{SECRET}-{name}" for name in
               ("AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "WABS_ACCESS_KEY", "WABS_SAS_TOKEN",
                "SWIFT_PASSWORD", "GS_SECRET_ACCESS_KEY")}  # fmt: skip
    tool = stored.with_environment(**secrets)
    for arguments in (["--help"], ["backup-list"], ["wal-fetch", "0" * 24, "/nonexistent/x"],
                      ["wal-push", "/nonexistent/x"], ["--nonsense"]):  # fmt: skip
        run = tool.run(*arguments, code=None)
        assert SECRET not in run.out + run.err


def test_no_secret_is_accepted_as_an_argument(tool):
    overview = tool.run("--help").out.lower()
    for word in ("secret", "password", "token"):
        assert f"--{word}" not in overview and f"-{word}" not in overview
