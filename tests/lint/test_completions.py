"""Real shells complete real lines; that every option is there is tests/e2e/test_option_table.py's matter."""

import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest

COMPLETIONS = Path(__file__).resolve().parent.parent.parent / "completions"
COMMANDS = "backup-push backup-fetch backup-list wal-push wal-fetch wal-prefetch delete version".split()
PATIENCE = 30

# Ctrl-] shows the line as it stands, and drops it.
SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        f"""source {COMPLETIONS}/wal-e.bash
        tell() {{ printf '<%s>\\n' "=$READLINE_LINE="; READLINE_LINE=; }}; bind -x '"\\C-]": tell'""",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        f"""fpath=({COMPLETIONS} $fpath); autoload -Uz compinit; compinit -D -u
        tell() {{ zle -I; printf '<%s>\\n' "=$BUFFER="; BUFFER= }}; zle -N tell; bindkey '^]' tell""",
    ),
}


class Shell:
    def __init__(self, name, home):
        command, setup = SHELLS[name]
        ours, its = pty.openpty()
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "COLUMNS": "250"}
        self.process = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, cwd=home, env=environment, start_new_session=True
        )
        os.close(its)
        self.terminal = ours
        for line in setup.split("\n"):
            self.type(line.strip() + "\n")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def complete(self, line):
        self.type(line + "\t\x1d")
        seen = ""
        while not (shown := re.search(r"<=(.*?)=>", seen, re.DOTALL)):
            assert select.select([self.terminal], [], [], PATIENCE)[0], seen
            seen += os.read(self.terminal, 65536).decode(errors="replace")
        return shown[1].rstrip()

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@pytest.fixture(scope="module", params=SHELLS)
def shell(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "spec.json").touch()
    (home / "data").mkdir()
    started = Shell(request.param, home)
    yield started
    started.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_and_their_options(shell, command):
    assert shell.complete(f"wal-e --terse {command[:-1]}") == f"wal-e --terse {command}"
    assert shell.complete(f"wal-e {command} --hel") == f"wal-e {command} --help"


@pytest.mark.parametrize(
    "typed, completed",
    [
        ("--ters", "--terse"),
        ("--log-format js", "--log-format json"),
        ("--log-format=js", "--log-format=json"),
        ("backup-push --checkpoint f", "backup-push --checkpoint fast"),
        ("backup-push --checkpoint=f", "backup-push --checkpoint=fast"),
        ("backup-push --while-offline da", "backup-push --while-offline data/"),
        ("backup-fetch --restore-spec sp", "backup-fetch --restore-spec spec.json"),
        ("backup-fetch data L", "backup-fetch data LATEST"),
        ("backup-list --detail L", "backup-list --detail LATEST"),
        ("wal-push sp", "wal-push spec.json"),
        ("wal-prefetch --data-directory da", "wal-prefetch --data-directory data/"),
        ("delete --grace 24 ret", "delete --grace 24 retain"),
        ("delete retain --gr", "delete retain --grace"),
        ("wal-prefetch data --pre", "wal-prefetch data --prefetch"),
        # One subcommand is enough.
        ("delete retain ev", "delete retain ev"),
    ],
)
def test_words_and_files(shell, typed, completed):
    assert shell.complete(f"wal-e {typed}") == f"wal-e {completed}"
