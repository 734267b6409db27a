"""The completions and the manual page know every command and option that --help knows."""

import re
import subprocess

import pytest

COMMANDS = ["backup-push", "backup-fetch", "backup-list", "wal-push", "wal-fetch", "wal-prefetch", "delete", "version"]


@pytest.fixture(scope="session")
def root(scratch):
    """Copies of completions/ and man/."""
    return scratch / "tree"


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))


@pytest.fixture(scope="session")
def known(tool):
    """{command, "" for the global ones: its long options}"""
    found = {"": options(tool.run("--help").out.split("Global options")[1].split("`wal-e")[0])}
    for command in COMMANDS:
        text = tool.run(command, "--help").out
        found[command] = options(text.split("Options:")[1].split("Example:")[0])
    return found


def bash(root, words):
    """What bash offers after these words; the last is being typed."""
    script = f"""
        source {root}/completions/wal-e.bash
        COMP_WORDS=({' '.join(f"'{w}'" for w in words)}) COMP_CWORD={len(words) - 1}
        _wal_e; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_offers_every_option(root, known):
    assert bash(root, ["wal-e", "--"]) == known[""]
    for command in COMMANDS:
        assert bash(root, ["wal-e", "--terse", command, "--"]) == known[command]
        assert command in bash(root, ["wal-e", ""])
    assert bash(root, ["wal-e", "backup-push", "--checkpoint", "=", "f"]) == {"fast"}
    assert bash(root, ["wal-e", "backup-push", "--checkpoint", ""]) == {"fast", "spread"}
    assert bash(root, ["wal-e", "--file-prefix", ""]) == set()
    assert "LATEST" in bash(root, ["wal-e", "backup-list", "L"])
    assert bash(root, ["wal-e", "delete", "--confirm", "r"]) == {"retain"}
    assert bash(root, ["wal-e", "delete", "--grace", ""]) == set()


def test_zsh_knows_every_option(root, known):
    text = (root / "completions/_wal-e").read_text()
    assert subprocess.run(["zsh", "-n", root / "completions/_wal-e"]).returncode == 0
    assert options(text) == set().union(*known.values())
    for command in COMMANDS:
        assert f"'{command}:" in text and f"\n      {command})" in text


def test_the_manual_page_knows_every_option(root, known):
    text = (root / "man/wal-e.1.scd").read_text().replace("\\", "")
    missing = set().union(*known.values()) - options(text)
    assert not missing
    for command in COMMANDS:
        assert command in text
