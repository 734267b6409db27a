"""Records on stderr and syslog: WAL-E's byte for byte, as JSON, and only the asked ones.

Expected texts are what WAL-E 1.1.1 printed for the same commands, with other URLs.
"""

import json
import re
import shutil
import subprocess

import pytest
from support.tool import Store

SEGMENT = "000000010000000000000005"
ABSENT = "000000010000000000000099"
NAME = f"base_{SEGMENT}_00000040"


@pytest.fixture
def sample(data, folder):
    """A copy of an archive that WAL-E wrote."""
    store = Store(folder / "sample")
    shutil.copytree(data / "wal-e-store/prefix", store.root)
    return store


@pytest.fixture
def wal_e(tool, sample):
    return tool.with_environment(WALE_FILE_PREFIX=sample.url)


@pytest.fixture
def segment(wal_e, folder):
    """A WAL file outside any archive."""
    path = folder / "pg_wal" / SEGMENT
    path.parent.mkdir()
    wal_e.run("wal-fetch", "-p0", SEGMENT, path)
    return path


def settled(text):
    """Without what differs between two runs."""
    text = re.sub(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}-00 pid=\d+", "TIME", text)
    return re.sub(r"(rate=|at )(\d+(\.\d+)?(e\+\d+)?|NaN)", r"\1RATE", text)


def record(logger, level, msg, *lines, structured=""):
    head = f"{logger:12} {level:8} MSG: {msg}\n"
    return head + "".join(f"        {x}\n" for x in (*lines, "STRUCTURED: TIME" + structured))


def place(store, name):
    return f"key={store.url}/wal_005/{name}.lzo prefix={str(store.root)[1:]}/"


def starting(subcommand):
    return record("wal_e.main", "INFO", "starting WAL-E", f'DETAIL: The subcommand is "{subcommand}".')


def test_wal_push(tool, segment, store):
    store.base.mkdir(parents=True)  # else it is warned that nobody knows whose archive it is
    done = tool.with_environment(WALE_FILE_PREFIX=store.url).run("wal-push", segment)
    where = place(store, SEGMENT)
    url = f"{store.url}/wal_005/{SEGMENT}.lzo"
    assert settled(done.err) == record(
        "wal_e.worker.upload", "INFO", "begin archiving a file",
        f'DETAIL: Uploading "{segment}" to "{url}".',
        structured=f" action=push-wal {where} seg={SEGMENT} state=begin",
    ) + record(
        "wal_e.worker.upload", "INFO", "completed archiving to a file",
        f'DETAIL: Archiving to "{url}" complete at RATEKiB/s.',
        structured=f" action=push-wal {where} rate=RATE seg={SEGMENT} state=complete",
    )  # fmt: skip


def test_wal_push_of_a_neighbour_that_vanished(tool, segment, store):
    """WAL-E's words; it said `begin` first."""
    status = segment.parent / "archive_status"
    status.mkdir()
    neighbour = SEGMENT[:-1] + "6"
    (status / f"{neighbour}.ready").touch()
    done = tool.with_environment(WALE_FILE_PREFIX=store.url).run("wal-push", segment)
    assert record(
        "wal_e.worker.upload", "INFO", "skip parallel archiving of a file",
        f"DETAIL: The segment {segment.parent / neighbour} did not exist.",
        structured=f" action=push-wal {place(store, neighbour)} seg={neighbour} state=skip",
    ) in settled(done.err)  # fmt: skip


def test_wal_push_of_a_missing_file(tool, store, folder):
    tool = tool.with_environment(WALE_FILE_PREFIX=store.url)
    error = tool.run("wal-push", folder / SEGMENT, code=1).error("No such file or directory")
    assert error.msg == "could not find file for wal-push"


def test_wal_fetch(wal_e, sample, folder):
    destination = folder / "RECOVERYXLOG"
    where = place(sample, SEGMENT)
    assert settled(wal_e.run("wal-fetch", "-p", "0", SEGMENT, destination).err) == record(
        "wal_e.operator.backup", "INFO", "begin wal restore",
        structured=f" action=wal-fetch {where} seg={SEGMENT} state=begin",
    ) + record(
        "wal_e.blobstore.file.file_util", "INFO", "completed download and decompression",
        f'DETAIL: Downloaded and decompressed "{sample.url}/wal_005/{SEGMENT}.lzo" to "{destination}"',
    ) + record(
        "wal_e.operator.backup", "INFO", "complete wal restore",
        structured=f" action=wal-fetch {where} seg={SEGMENT} state=complete",
    )  # fmt: skip


def test_wal_fetch_of_an_absent_file(wal_e, sample, folder):
    """WAL-E's record of the other stores; on this one it had a traceback."""
    done = wal_e.run("wal-fetch", "-p", "0", ABSENT, folder / "x", code=1)
    assert settled(done.err) == record(
        "wal_e.operator.backup", "INFO", "begin wal restore",
        structured=f" action=wal-fetch {place(sample, ABSENT)} seg={ABSENT} state=begin",
    ) + record(
        "wal_e.blobstore.file.file_util", "INFO",
        "could no longer locate object while performing wal restore",
        f"DETAIL: The absolute URI that could not be located is {sample.url}/wal_005/{ABSENT}.lzo.",
        "HINT: This can be normal when Postgres is trying to detect what timelines are available "
        "during restoration.",
    )  # fmt: skip


@pytest.fixture
def standby(session_archive, folder):
    """The pg_wal of a standby whose server does not run."""
    data = folder / "standby"
    session_archive.tool.run("backup-fetch", data, "LATEST")
    (data / "standby.signal").touch()
    return data / "pg_wal"


def test_wal_prefetch_and_what_it_is_for(session_archive, standby):
    store, tool = session_archive.store, session_archive.tool
    segment = session_archive.archive_commits()
    where = place(store, segment)
    assert settled(tool.run("wal-prefetch", standby, segment).err) == record(
        "wal_e.operator.backup", "INFO", "begin wal restore",
        structured=f" action=wal-prefetch {where} seg={segment} state=begin",
    ) + record(
        "wal_e.operator.backup", "INFO", "complete wal restore",
        structured=f" action=wal-prefetch {where} seg={segment} state=complete",
    )  # fmt: skip
    assert settled(tool.run("wal-fetch", segment, standby / "RECOVERYXLOG").err) == record(
        "wal_e.operator.backup", "INFO", "promoted prefetched wal segment",
        structured=f" action=wal-fetch {where} seg={segment}",
    )  # fmt: skip


def test_backup_fetch(wal_e, sample, folder):
    target = folder / "restored"
    (target / "pg_tblspc").mkdir(parents=True)
    (folder / "space").mkdir()
    (target / "pg_tblspc/16384").symlink_to(folder / "space")
    done = settled(wal_e.run("backup-fetch", target, "LATEST").err)
    part = f"basebackups_005/{NAME}/tar_partitions/part_00000000.tar.lzo"
    assert done.startswith(starting("backup-fetch") + record(
        "wal_e.worker.file.file_worker", "INFO", "beginning partition download",
        "DETAIL: The partition being downloaded is part_00000000.tar.lzo.",
        f"HINT: The absolute file key is {str(sample.root)[1:]}/{part}.",
    ))  # fmt: skip


def test_backup_fetch_of_a_live_directory(wal_e, folder):
    (folder / "postmaster.pid").touch()
    done = settled(wal_e.run("backup-fetch", folder, "LATEST", code=1).err)
    assert done == starting("backup-fetch") + record(
        "wal_e.main", "ERROR", "attempting to overwrite a live data directory",
        "DETAIL: Found a postmaster.pid lockfile, and aborting",
        "HINT: Shut down postgres. If there is a stale lockfile, then remove it after being very "
        "sure postgres is not running.",
    )  # fmt: skip


def test_backup_fetch_of_an_unknown_backup(wal_e, folder):
    unknown = NAME.replace("5_", "4_")
    done = wal_e.run("backup-fetch", folder / "restored", unknown, code=1).error()
    assert done.msg == "no backups found for fetching"
    assert done.parts["DETAIL"] == f"No backup matching the query {unknown} was able to be located."


def test_backup_fetch_without_links(wal_e, folder):
    error = wal_e.run("backup-fetch", folder / "restored", "LATEST", code=1).error()
    assert error.msg == "Symlinks for some tablespaces not found or created."
    assert "pg_tblspc/16384" in error.parts["DETAIL"]


def test_backup_push(session_archive, folder, store):
    tool = session_archive.tool
    before = set(session_archive.store.backups())
    done = settled(tool.run("backup-push", "--checkpoint=fast", session_archive.cluster.data).err)
    (name,) = set(session_archive.store.backups()) - before
    url = f"{session_archive.store.url}/basebackups_005/{name}"
    part = f"{url}/tar_partitions/part_00000000.tar.lzo"
    assert done.startswith(starting("backup-push") + record(
        "wal_e.operator.backup", "INFO", "start upload postgres version metadata",
        f"DETAIL: Uploading to {url}/extended_version.txt.",
    ) + record("wal_e.operator.backup", "INFO", "postgres version metadata upload complete"))  # fmt: skip
    for expected in (
        record("wal_e.worker.upload", "INFO", "beginning volume compression",
               "DETAIL: Building volume 0."),
        record("wal_e.worker.upload", "INFO", "begin uploading a base backup volume",
               f'DETAIL: Uploading to "{part}".'),
        record("wal_e.worker.upload", "INFO", "finish uploading a base backup volume",
               f'DETAIL: Uploading to "{part}" complete at RATEKiB/s. '),
    ):  # fmt: skip
        assert expected in done


def test_delete(wal_e, sample):
    def deleting(thing, key):
        return record(
            "wal_e.worker.base", "INFO", f"deleting {thing}",
            f"DETAIL: The key being deleted is {sample.url}/{key}.",
            "HINT: This is only a dry run -- no actual data is being deleted",
        )  # fmt: skip

    done = settled(wal_e.run("delete", "before", SEGMENT[:-1] + "7").err)
    assert done.startswith(
        starting("delete before") + record("wal_e.main", "INFO", "performing dry run of data deletion")
    )
    backup = f"basebackups_005/{NAME}"
    for expected in (
        deleting("a base backup sentinel file", f"{backup}_backup_stop_sentinel.json"),
        deleting("a extended version metadata file", f"{backup}/extended_version.txt"),
        deleting("a base backup volume", f"{backup}/tar_partitions/part_00000000.tar.lzo"),
        deleting("a wal file", f"wal_005/{SEGMENT}.lzo"),
        deleting("a backup history file", f"wal_005/{SEGMENT}.00000028.backup.lzo"),
    ):
        assert expected in done
    retained = settled(wal_e.run("delete", "retain", "1").err)
    assert retained.startswith(
        starting("delete retain") + record("wal_e.main", "INFO", "performing dry run of data deletion")
        + record("wal_e.worker.base", "INFO", "Retaining existing base backup.",
                 f"HINT: Deleting keys older than {sample.url}/{backup}_backup_stop_sentinel.json.")
    )  # fmt: skip
    everything = settled(wal_e.run("delete", "everything").err)
    assert deleting("part of wal logs", f"wal_005/{SEGMENT}.lzo") in everything
    assert deleting("part of a base backup", f"{backup}/extended_version.txt") in everything


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def test_json_says_what_the_text_says(wal_e, sample, folder, tool, segment):
    fields = {"action": "wal-fetch", "key": f"{sample.url}/wal_005/{SEGMENT}.lzo",
              "prefix": f"{str(sample.root)[1:]}/", "seg": SEGMENT}  # fmt: skip
    done = objects(wal_e.run("--log-format=json", "wal-fetch", "-p0", SEGMENT, folder / "x").err)
    assert [r["msg"] for r in done] == [
        "begin wal restore", "completed download and decompression", "complete wal restore"]  # fmt: skip
    assert {r["level"] for r in done} == {"INFO"}
    assert done[0]["structured"] == {**fields, "state": "begin"}
    assert done[2]["structured"] == {**fields, "state": "complete"}
    assert done[1]["logger"] == "wal_e.blobstore.file.file_util" and "structured" not in done[1]
    assert done[1]["detail"].endswith(f'to "{folder}/x"') and "hint" not in done[1]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", r["time"]) for r in done)
    assert len({r["pid"] for r in done}) == 1 and isinstance(done[0]["pid"], int)

    by_variable = wal_e.with_environment(WALE_LOG_FORMAT="json")
    assert objects(by_variable.run("backup-list").err)[0]["msg"] == "starting WAL-E"
    assert by_variable.run("--log-format", "text", "backup-list").err.startswith("wal_e.main   INFO ")
    assert by_variable.run("--terse", "backup-list").err == ""


def test_json_holds_nothing_but_objects(wal_e, folder):
    strange = wal_e.with_environment(WALE_LOG_FORMAT="json", WALE_LOG_DESTINATION="stderr")
    (error,) = objects(strange.run("wal-fetch", "--nonsense", code=1).err)
    assert error["level"] == "ERROR" and "--nonsense" in error["detail"] and error["hint"]
    (error,) = objects(strange.run("no-such-command", code=2).err)
    assert error["msg"] == "the command line was not understood"
    by_option = wal_e.with_environment(WALE_LOG_DESTINATION="stderr")
    for wrong in (["no-such-command"], ["delete", "retain", "0"], ["wal-push"], []):
        (error,) = objects(by_option.run("--log-format=json", *wrong, code=2).err)
        assert error["msg"] == "the command line was not understood"
    assert strange.run("--log-format=text", "wal-push", code=2).err.startswith("usage: ")
    # A name that is no UTF-8, with a quote and a line break.
    name = str(folder).encode() + b"/a\"b\nc\xe9"
    done = subprocess.run([strange.binary, b"wal-push", name], env=strange.environment,
                          capture_output=True, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 2
    (error,) = [json.loads(line) for line in done.stderr.decode("utf-8").splitlines()]
    assert 'a"b\nc\ufffd' in error["detail"]


def test_json_shows_no_secret(tool, folder):
    secret = "s3cr3t-correct-horse"
    wrong = tool.with_environment(
        WALE_LOG_FORMAT="json", WALE_S3_PREFIX="s3://bucket/x", AWS_ACCESS_KEY_ID="id",
        AWS_SECRET_ACCESS_KEY=secret, WALE_S3_ENDPOINT=f"http+path://user:{secret}@localhost",
        WALE_SECRET=secret)  # fmt: skip
    done = wrong.run("wal-fetch", "-p0", SEGMENT, folder / "x", code=1)
    assert [r["level"] for r in objects(done.err)] == ["WARNING", "ERROR"]
    assert secret not in done.err and "WALE_SECRET" in done.err


def test_an_unusable_log_format(wal_e):
    error = wal_e.run("--log-format=xml", "backup-list", code=2).error("--log-format", "xml")
    assert error.msg == "the command line was not understood"
    done = wal_e.with_environment(WALE_LOG_FORMAT="xml").run("backup-list")
    assert done.messages("WARNING") == ["WALE_LOG_FORMAT is not understood"]


def test_an_unusable_facility_is_told_once(wal_e):
    wrong = wal_e.with_environment(WALE_SYSLOG_FACILITY="local0,x", WALE_LOG_DESTINATION="stderr,syslog")
    line = "invalid syslog facility level specified\n"
    done = wrong.run("backup-list")
    assert done.err.count(line) == 1 and "starting WAL-E" in done.messages()
    # Only looked at if syslog is a destination.
    assert line not in wrong.with_environment(WALE_LOG_DESTINATION="stderr").run("backup-list").err


def datagrams(tool, *arguments, folder, code=0):
    """What goes to syslog, seen from outside: strace takes the place of the daemon."""
    trace = folder / "trace"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", trace, "-xx", "-s", "65536", "-e", "trace=connect,sendto",
         "-e", "inject=connect:retval=0", "-e", "inject=sendto:retval=65536", *tool.command(*arguments)],
        env=tool.environment, capture_output=True, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == code, done.stderr
    sent = []
    for line in trace.read_text().splitlines():
        if found := re.search(r'sendto\(\d+, "([^"]*)"', line):
            sent.append(bytes.fromhex(found[1].replace("\\x", "")).decode())
        elif found := re.search(r'sun_path="([^"]*)"', line):
            assert bytes.fromhex(found[1].replace("\\x", "")) == b"/dev/log"
    return sent, done.stderr.decode()


def test_syslog(wal_e, folder):
    both = wal_e.with_environment(WALE_LOG_DESTINATION="syslog,stderr", WALE_SYSLOG_FACILITY="LOCAL5")
    sent, err = datagrams(both, "wal-fetch", "-p0", SEGMENT, folder / "x", folder=folder)
    # local5 is 21, info 6 (RFC 3164, section 4.1.1).
    assert len(sent) == 3 and all(s.startswith("<174>wal_e.") and s.endswith("\0") for s in sent)
    assert "".join(s[5:-1] + "\n" for s in sent) == err

    only = wal_e.with_environment(WALE_LOG_DESTINATION="syslog", WALE_LOG_FORMAT="json")
    sent, err = datagrams(only, "wal-fetch", "-p0", ABSENT, folder / "x", folder=folder, code=1)
    assert err == ""
    # user is 1.
    assert len(sent) == 2 and all(s.startswith("<14>{") and json.loads(s[4:-1]) for s in sent)

    sent, err = datagrams(both, "--terse", "backup-fetch", folder, "nonsense", folder=folder, code=1)
    assert len(sent) == 1 and sent[0].startswith("<171>wal_e.main   ERROR    MSG: ")

    nowhere = wal_e.with_environment(WALE_LOG_DESTINATION="stderr;syslog")
    assert datagrams(nowhere, "backup-list", folder=folder) == ([], "")


def test_unknown_settings_are_warned_about(wal_e, folder):
    odd = wal_e.with_environment(WALE_GPG_KEYID="x", WALE_S3_PREFX="y", WALER="z")
    warnings = [r for r in odd.run("--terse", "backup-list").records if r.level == "WARNING"]
    found = {r.parts["DETAIL"]: r.parts["HINT"] for r in warnings}
    assert found.keys() == {"WALE_GPG_KEYID has no effect.", "WALE_S3_PREFX has no effect."}
    assert "WALE_GPG_KEY_ID" in found["WALE_GPG_KEYID has no effect."]
    assert "WALE_S3_PREFIX" in found["WALE_S3_PREFX has no effect."]
    assert odd.run("version").err == "" and odd.run("--help").err == ""
    pushed = odd.run("wal-fetch", "-p0", SEGMENT, folder / "x")
    assert pushed.messages("WARNING") == ["a setting in the environment is not known"] * 2
    assert wal_e.run("--terse", "backup-list").err == ""
