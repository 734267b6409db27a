"""Wrong prefixes, stores that are not what they should be, and command lines: every command refuses."""

import pytest
from support.tool import assert_unchanged, snapshot

SEGMENT = "000000010000000000000001"


@pytest.fixture
def commands(session_archive, folder):
    """Each command with arguments that would be right, as {name: arguments}."""
    cluster = session_archive.cluster
    return {
        "wal-push": [cluster.wal_folder() / session_archive.archive_commits()],
        "wal-fetch": [SEGMENT, folder / "fetched"],
        "backup-push": ["--checkpoint=fast", cluster.data],
        "backup-fetch": [folder / "restored", "LATEST"],
        "backup-list": [],
    }


ALL = ["wal-push", "wal-fetch", "backup-push", "backup-fetch", "backup-list"]
WRITING = ["wal-push", "backup-push"]
READING = ["wal-fetch", "backup-fetch", "backup-list"]


@pytest.fixture
def wrong(session_archive):
    """wal-e with everything but the prefix, and one attempt only: what fails here stays so."""
    return session_archive.tool.with_environment(WALE_FILE_PREFIX=None, WALE_RETRIES="1")


@pytest.mark.parametrize("command", ALL)
def test_no_prefix(command, commands, wrong, folder):
    before = snapshot(folder)
    error = wrong.run(command, *commands[command], code=1).error("WALE_FILE_PREFIX")
    assert error.msg == "no storage prefix defined"
    assert_unchanged(before, folder)


@pytest.mark.parametrize("command", ALL)
def test_unknown_scheme(command, commands, wrong, folder):
    before = snapshot(folder)
    wrong = wrong.with_environment(WALE_FILE_PREFIX="ftp://host/prefix")
    wrong.run(command, *commands[command], code=1).error("scheme passed", "ftp")
    assert_unchanged(before, folder)


@pytest.mark.parametrize("command", ALL)
def test_store_directory_missing(command, commands, wrong, folder):
    """An unmounted disk is neither filled silently nor taken for an empty archive."""
    before = snapshot(folder)
    wrong = wrong.with_environment(WALE_FILE_PREFIX=f"file://localhost{folder}/not-mounted/prefix")
    wrong.run(command, *commands[command], code=1).error(str(folder / "not-mounted"))
    assert_unchanged(before, folder)


@pytest.mark.parametrize("command", ["backup-push", "backup-list"])
def test_a_slash_is_missing(command, commands, wrong):
    """file://mnt/x for file:///mnt/x: the first directory is taken for the host, and that is said."""
    wrong = wrong.with_environment(WALE_FILE_PREFIX="file://mnt/no-such-directory/archive/main")
    wrong.run(command, *commands[command], code=1).error('"mnt" is the host, which is ignored')


@pytest.mark.parametrize("command", WRITING)
def test_unwritable_store(command, commands, wrong, folder, store):
    store.root.mkdir()
    store.root.chmod(0o555)
    before = snapshot(folder)
    wrong = wrong.with_environment(WALE_FILE_PREFIX=store.url)
    try:
        wrong.run(command, *commands[command], code=1).error(str(store.root), "Permission denied")
    finally:
        store.root.chmod(0o755)
    assert_unchanged(before, folder)


@pytest.mark.parametrize("command", READING)
def test_unreadable_store(command, commands, wrong, folder, store):
    store.wal.mkdir(parents=True)
    store.base.mkdir()
    store.root.chmod(0)
    wrong = wrong.with_environment(WALE_FILE_PREFIX=store.url)
    try:
        wrong.run(command, *commands[command], code=1).error(str(store.root), "Permission denied")
    finally:
        store.root.chmod(0o755)
    assert not (folder / "restored").exists() and not (folder / "fetched").exists()


def test_an_option_beats_the_environment(wrong, store):
    store.base.mkdir(parents=True)
    elsewhere = wrong.with_environment(WALE_S3_PREFIX="s3://bucket/x", WALE_FILE_PREFIX="ftp://x/y")
    assert elsewhere.run("--file-prefix", store.url, "backup-list").out.startswith("name\t")
    assert elsewhere.run(f"--s3-prefix={store.url}", "backup-list").out.startswith("name\t")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["--no-such-option", "backup-list"],
        ["backup-list", "--no-such-option"],
        ["backup-list", "one", "two"],
        ["wal-push"],
        ["backup-push", "--checkpoint=never", "/"],
        ["backup-push", "-p", "many", "/"],
        ["backup-push", "-p", "0", "/"],
        [],
    ],
)
def test_usage_errors(arguments, wrong, store):
    run = wrong.with_environment(WALE_FILE_PREFIX=store.url).run(*arguments, code=2)
    command = next((word for word in arguments if word in ALL), "COMMAND")
    if not any("--checkpoint" in word or word == "-p" for word in arguments):  # told later
        assert run.err.startswith(f"usage: wal-e [GLOBAL OPTIONS] {command} ")
    assert run.out == "" and run.err


def test_help_and_version(tool):
    version = tool.run("version")
    assert tool.run("--version").out == version.out and version.err == ""
    assert version.out.endswith("\n") and version.out.count("\n") == 1
    overview = tool.run("--help").out
    for command in [*ALL, "version"]:
        assert command in overview
        assert tool.run(command, "--help").out.strip()


def test_terse_says_only_what_is_wrong(session_archive, wrong, store):
    tool = session_archive.tool
    assert tool.run("--terse", "backup-list").err == ""
    assert "starting WAL-E" in tool.run("backup-list").messages("INFO")
    wrong.with_environment(WALE_FILE_PREFIX="ftp://x/y").run("--terse", "backup-list", code=1).error()
