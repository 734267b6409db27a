"""--help shows the option table; the manual page and the completions have exactly what it has."""

import re
import subprocess
from dataclasses import dataclass

import pytest

COMMANDS = ["backup-push", "backup-fetch", "backup-list", "wal-push", "wal-fetch", "wal-prefetch", "delete", "version"]
WITH_FILES = ["backup-push", "backup-fetch", "wal-push", "wal-fetch", "wal-prefetch"]
KINDS = {"--checkpoint": {"spread", "fast"}, "--log-format": {"text", "json"}}

OPTION = re.compile(
    r"^  (?:-(?P<letter>\w), |    )--(?P<name>[a-z0-9-]+)(?: (?P<argument>[A-Za-z|_]+))?\s+"
    r"(?P<help>\S.*?)(?: \(default (?P<fallback>[^)]+)\))?(?: \[(?P<variable>[A-Z0-9_]+)\])?$"
)


@dataclass(frozen=True)
class Option:
    name: str
    letter: str | None
    argument: str | None
    fallback: str | None
    variable: str | None


@dataclass
class Command:
    synopsis: str
    options: dict
    sections: dict

    @property
    def names(self):
        return {f"--{o.name}" for o in self.options.values()}


def parse(text):
    """A command's help: its options, and the lines of each section."""
    assert text.startswith("usage: wal-e ")
    # What is long goes on in the next line.
    text = re.sub(r"\n {34}(?=\S)", "  ", text)
    sections = dict(re.findall(r"^(\w[^\n:]*):\n((?:  .*\n)+)", text, re.MULTILINE))
    options = {}
    for heading, lines in sections.items():
        for line in lines.splitlines() if "options" in heading.lower() else []:
            found = OPTION.match(line)
            assert found, line
            options[found["name"]] = Option(**{k: found[k] for k in Option.__dataclass_fields__})
    return Command(text.split("\n")[0].removeprefix("usage: "), options, sections)


@pytest.fixture(scope="session")
def root(scratch):
    """Copies of completions/ and man/."""
    return scratch / "tree"


@pytest.fixture(scope="session")
def table(tool):
    """{command, "" for the global options: its Command}"""
    found = {"": parse(tool.run("--help").out)}
    for command in COMMANDS:
        found[command] = parse(tool.run(command, "--help").out)
    return found


def test_help_has_every_command_and_says_all_of_it(table, tool):
    listed = re.findall(r"^  (\S+)", table[""].sections["Commands"], re.MULTILINE)
    assert listed == COMMANDS
    for command in COMMANDS:
        text = table[command]
        assert text.synopsis.startswith(f"wal-e [GLOBAL OPTIONS] {command} [OPTIONS]")
        assert re.match(r"  0 +\S", text.sections["Exit status"])
        assert command in text.sections["Examples"] and "wal-e" in text.sections["Examples"]
        assert {"--help"} <= text.names
    assert {"1", "126", "143"} <= set(re.findall(r"^  (\d+)", table["wal-fetch"].sections["Exit status"], re.MULTILINE))


def test_the_examples_of_the_help_are_understood(table, tool, store):
    """But for the last word of a wrong one they would be usage errors."""
    store.base.mkdir(parents=True)
    for command in COMMANDS:
        for line in table[command].sections["Examples"].splitlines():
            words = re.search(r"wal-e ((?!\.d)[^']*)", line.replace("wal-e.d", ""))[1].replace('"', "").split()
            at = words.index(command)
            run = tool.run(*words[: at + 1], "--help", *words[at + 1 :])
            assert run.out.startswith("usage: wal-e"), line
            if command not in ("version",):
                wrong = tool.run(*words[:at], command, "--no-such", *words[at + 1 :], code=None)
                assert "unrecognized option" in wrong.err


@pytest.mark.parametrize("subcommand", ["before", "retain", "old-versions", "everything"])
def test_a_subcommands_help(tool, table, subcommand):
    assert subcommand in table["delete"].sections["Subcommands"]
    own = parse(tool.run("delete", subcommand, "--help").out)
    assert own.names == table["delete"].names
    assert own.synopsis.startswith(f"wal-e [GLOBAL OPTIONS] delete [OPTIONS] {subcommand}")


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


def test_bash_offers_every_option(root, table):
    assert bash(root, ["wal-e", "--"]) == table[""].names
    assert set(COMMANDS) <= bash(root, ["wal-e", ""])
    for command in COMMANDS:
        assert bash(root, ["wal-e", "--terse", command, "--"]) == table[command].names


def test_bash_completes_values(root, table, folder):
    for command, spec in table.items():
        before = ["wal-e", command] if command else ["wal-e"]
        for option in spec.options.values():
            if not option.argument:
                continue
            name = f"--{option.name}"
            offered = bash(root, [*before, name, ""])
            if name in KINDS:
                assert offered == KINDS[name] == set(option.argument.split("|"))
                assert bash(root, [*before, name, "=", ""]) == KINDS[name]
            elif option.argument not in ("DIR", "FILE|SOURCE"):
                assert offered == set(), f"{command} {name}"
    for words in (["backup-list"], ["backup-fetch", "DIR"]):
        assert "LATEST" in bash(root, ["wal-e", *words, "L"])
    assert bash(root, ["wal-e", "delete", "--confirm", "r"]) == {"retain"}
    (folder / "data").mkdir()
    for command in WITH_FILES:
        assert f"{folder}/data" in bash(root, ["wal-e", command, f"{folder}/d"])


def zsh_entries(text):
    """{option: its line} of the arguments of one _arguments; both spellings of those with a letter."""
    found = {}
    for line in text.split("\n"):
        for spelling in re.findall(r"(?:'|\)|\{[^}]*?|,)(--[a-z0-9-]+)(?=[=\[},'])", line):
            found[spelling] = line
    return found


def test_zsh_offers_every_option(root, table):
    path = root / "completions/_wal-e"
    assert subprocess.run(["zsh", "-n", path]).returncode == 0
    text = path.read_text()
    first, blocks = text.split("case $state in")
    parts = {"": first.split("_arguments -C", 1)[1]}
    for command in COMMANDS:
        assert f"'{command}:" in first
        found = re.search(rf"\n      {command}\)(.*?)(?:;;|\n        ;;)", blocks, re.DOTALL)
        parts[command] = found[1]
    for command, part in parts.items():
        assert "$help" in part
        entries = zsh_entries(part)
        assert entries.keys() | {"--help"} == table[command].names, command
        for option in table[command].options.values():
            if option.name == "help":
                continue
            line = entries[f"--{option.name}"]
            assert bool(re.search(r"\]:[^:]+:", line)) == bool(option.argument), line
            assert not option.letter or re.search(rf"[{{,]-{option.letter}[,}}]", line), line
            if f"--{option.name}" in KINDS:
                assert set(re.search(r":\(([^)]*)\)'", line)[1].split()) == KINDS[f"--{option.name}"]


@pytest.fixture(scope="session")
def manual(root):
    """{heading: text}"""
    text = (root / "man/wal-e.1.scd").read_text().replace("\\", "")
    return dict(re.findall(r"^# (.*?)\n(.*?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL))


def described(text):
    """{long option: (its heading, its text)}; headings begin with an option in bold."""
    pieces = re.split(r"^(\t?\*-.*)$", text, flags=re.MULTILINE)
    found = {}
    for heading, explanation in zip(pieces[1::2], pieces[2::2], strict=True):
        for name in re.findall(r"\*(--[a-z0-9-]+)\*", heading):
            found[name] = (heading, explanation)
    return found


def assert_described(found, spec):
    for option in spec.options.values():
        if option.name == "help":
            continue
        heading, text = found[f"--{option.name}"]
        assert not option.letter or f"*-{option.letter}*" in heading, heading
        assert not option.argument or f"_{option.argument}_" in heading, heading
        if option.fallback:
            words = re.sub(r"\s+", " ", text)
            assert f"{option.fallback} by default" in words or "the default" in words, words


def test_the_manual_page_describes_every_option(manual, table):
    found = described(manual["GLOBAL OPTIONS"])
    assert found.keys() == table[""].names
    assert_described(found, table[""])
    for option in table[""].options.values():
        assert not option.variable or f"*{option.variable}*" in manual["ENVIRONMENT"]

    pieces = re.split(r"^(?=\*)", manual["COMMANDS"], flags=re.MULTILINE)
    for command in COMMANDS:
        entry = "".join(p for p in pieces if re.match(rf"\*{command}\*", p))
        spec = table[command]
        found = described(entry)
        assert found.keys() | {"--help"} == spec.names, command
        assert_described(found, spec)
        synopsis = "".join(line for line in entry.splitlines() if line.startswith("*"))
        for option in spec.options.values():
            if option.name != "help":
                spellings = [f"*--{option.name}*", f"*-{option.letter}*"]
                assert any(s in synopsis for s in spellings), f"{command} {option.name}"
    everything = "".join(pieces)
    for subcommand in re.findall(r"^  (\S+)", table["delete"].sections["Subcommands"], re.MULTILINE):
        assert re.search(rf"^\*delete\*.*\*{subcommand}\*", everything, re.MULTILINE)


def test_the_manual_page_is_made_without_complaint(root):
    source = (root / "man/wal-e.1.scd").read_bytes()
    done = subprocess.run(["scdoc"], input=source, capture_output=True)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    lint = subprocess.run(["mandoc", "-Tlint", "-W", "error"], input=done.stdout, capture_output=True)
    assert lint.returncode == 0, lint.stdout


def test_the_manual_page_has_what_one_looks_for(manual):
    assert {"SYNOPSIS", "COMMANDS", "GLOBAL OPTIONS", "ENVIRONMENT", "EXIT STATUS", "FILES", "LOGGING", "EXAMPLES",
            "MOVING FROM WAL-E"} <= manual.keys()  # fmt: skip
    for field in ("time", "level", "logger", "pid", "msg", "detail", "hint", "structured"):
        assert field in manual["LOGGING"]
