"""backup-push and backup-fetch say how far they are: to a person at a terminal on one line."""

import contextlib
import re
import signal

import pytest
from support.terminal import screen, terminal
from support.tool import records

LINE = re.compile(
    r"(backup-\w+): [\d.]+ [KMG]?i?B of [\d.]+ [KMG]iB \((\d+) %\), [\d.]+ [KMG]?i?B/s, .* left"
)


@pytest.fixture
def watched(session_archive):
    """Runs a command with stderr on a terminal; returns what it wrote there."""

    def run(*arguments, columns=120):
        with terminal(columns) as (stderr, read):
            process = session_archive.tool.start(*arguments, stderr=stderr)
            text = read()
            assert process.wait() == 0, text
        return text

    return run


def lines_painted(text):
    return [part for part in re.split("[\r\n]", text) if LINE.fullmatch(part)]


def check(text, command):
    """The line grew to its end, and is gone; the records stayed."""
    painted = lines_painted(text)
    assert {LINE.fullmatch(line).group(1) for line in painted} == {command}, text
    shares = [int(LINE.fullmatch(line).group(2)) for line in painted]
    assert shares == sorted(shares) and shares[0] < 100
    seen = screen(text)
    assert not any(LINE.search(line) for line in seen), text
    assert seen[-1] == ""
    shown = records("\n".join(seen))
    assert len(shown) == sum("MSG: " in line for line in seen) > 3
    assert not [r for r in shown if "progress" in r.msg]
    return shares


def test_a_backup_is_watched(session_archive, watched):
    # 20 MB at 10 MB/s: the line is painted each half second.
    push = ["backup-push", "--checkpoint=fast", "--cluster-read-rate-limit=10000000"]
    shares = check(watched(*push, session_archive.cluster.data), "backup-push")
    assert len(set(shares)) >= 3


def test_a_restore_is_watched(watched, folder):
    check(watched("backup-fetch", folder / "copy", "LATEST"), "backup-fetch")


def test_a_narrow_terminal_is_not_overrun(watched, folder):
    text = watched("backup-fetch", folder / "copy", "LATEST", columns=30)
    painted = [part for part in re.split("[\r\n]", text) if part.startswith("backup-fetch: ")]
    assert painted and all(len(line) == 29 for line in painted)


def test_terse_shows_no_line(watched, folder):
    assert watched("--terse", "backup-fetch", folder / "copy", "LATEST") == ""


def test_syslog_alone_leaves_the_terminal_alone(session_archive, folder):
    tool = session_archive.tool.with_environment(WALE_LOG_DESTINATION="syslog")
    with terminal() as (stderr, read):
        process = tool.start("backup-fetch", folder / "copy", "LATEST", stderr=stderr)
        assert not lines_painted(read())
        assert process.wait() == 0


def test_a_failure_takes_the_line_away(session_archive, folder):
    """And its record is whole."""
    with terminal() as (stderr, read):
        push = ["backup-push", "--checkpoint=fast", "--cluster-read-rate-limit=100000"]
        process = session_archive.tool.start(*push, session_archive.cluster.data, stderr=stderr)
        text = read(until=" left")
        process.send_signal(signal.SIGTERM)
        text += read()
        assert process.wait() == 1
    assert not any(LINE.search(line) for line in screen(text))
    (error,) = [r for r in records("\n".join(screen(text))) if r.level == "ERROR"]
    assert error.parts["HINT"]


def size_of(data):
    """Of all files that a backup reads; the server may remove one meanwhile."""
    sizes = []
    for path in data.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and path.relative_to(data).parts[0] != "pg_wal":
                sizes.append(path.stat().st_size)
    return sum(sizes)


def test_without_a_terminal_a_record_each_30_seconds(session_archive):
    data = session_archive.cluster.data
    rate = size_of(data) // 37
    push = ["backup-push", "--checkpoint=fast", f"--cluster-read-rate-limit={rate}"]
    outcome = session_archive.tool.run(*push, data)
    assert "\r" not in outcome.err
    (record,) = [r for r in outcome.records if "progress" in r.msg]
    assert record.msg == "backup-push in progress" and record.level == "INFO"
    assert LINE.match("backup-push: " + record.parts["DETAIL"])
    fields = dict(field.split("=", 1) for field in record.parts["STRUCTURED"].split())
    done, total = int(fields["bytes"]), int(fields["total"])
    # As the program's own clock has it: it may have been kept from its work for a while.
    elapsed = (record.time - outcome.records[0].time).total_seconds()
    assert elapsed >= 30
    assert 0.3 * total <= done <= min(elapsed * 1.05 * rate, 0.97 * total)
    assert int(fields["percent"]) == 100 * done // total


@pytest.mark.parametrize("command", ["wal-push", "wal-fetch", "backup-list", "delete"])
def test_the_other_commands_show_none(command, session_archive, folder, watched):
    archive = session_archive
    segment = archive.archive_commits()
    words = {
        "wal-push": [archive.cluster.wal_folder() / segment],
        "wal-fetch": ["-p", "0", segment, folder / "segment"],
        "backup-list": ["--detail"],
        "delete": ["retain", "1"],
    }
    text = watched(command, *words[command])
    assert "\r" not in text and " left" not in text
