"""Runs wal-e, and knows what a file store looks like: the hands of the end-to-end tests."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

RECORD = re.compile(r"^(\S+) +(DEBUG|INFO|WARNING|ERROR|CRITICAL) +MSG: (.*)$")


# How the names of the program's variables begin.
SETTINGS = (
    "WALE_", "AWS_", "WABS_", "AZURE_", "SWIFT_", "GOOGLE_", "GCE_", "CLOUDSDK_", "STORAGE_EMULATOR_", "SSL_CERT_",
)  # fmt: skip


@dataclass
class Record:
    level: str
    msg: str
    parts: dict = field(default_factory=dict)  # DETAIL, HINT, STRUCTURED
    logger: str = ""

    @property
    def text(self):
        return "\n".join([self.msg, self.parts.get("DETAIL", ""), self.parts.get("HINT", "")])

    @property
    def time(self):
        return datetime.fromisoformat(re.match(r"time=(\S+)-00 ", self.parts["STRUCTURED"])[1])


def records(text):
    """The log records in what a command wrote to stderr."""
    found, part = [], None
    for line in text.split("\n"):
        start = RECORD.match(line)
        label = re.match(r"^ {8}(DETAIL|HINT|STRUCTURED): (.*)$", line)
        if start:
            found.append(Record(start.group(2), start.group(3), logger=start.group(1)))
            part = None
        elif label and found:
            part = label.group(1)
            found[-1].parts[part] = label.group(2)
        elif found and line.startswith(" " * 8):
            if part:
                found[-1].parts[part] += "\n" + line[8:]
            else:
                found[-1].msg += "\n" + line[8:]
    return found


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def records(self):
        return records(self.err)

    def error(self, *words, detail=True):
        """The one record of a failure: it says what, and what to do; holds all the words."""
        errors = [r for r in self.records if r.level in ("ERROR", "CRITICAL")]
        assert len(errors) == 1, f"{len(errors)} errors are logged, not one:\n{self.err}"
        error = errors[0]
        assert error.msg and error.parts.get("HINT"), self.err
        assert error.parts.get("DETAIL") or not detail, self.err
        assert "STRUCTURED" in error.parts, self.err
        for word in words:
            assert word.lower() in error.text.lower(), f"no {word!r} in:\n{error.text}"
        return error

    def messages(self, level=None):
        return [r.msg for r in self.records if level in (None, r.level)]


class Tool:
    """wal-e with one environment; nothing of the caller's settings and PG variables leaks into it."""

    def __init__(self, binary, **environment):
        self.binary = Path(binary)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", *SETTINGS))}
        self.environment = {**clean, "WALE_LOG_DESTINATION": "stderr", **environment}

    def with_environment(self, **more):
        tool = Tool(self.binary)
        tool.environment = {k: v for k, v in {**self.environment, **more}.items() if v is not None}
        return tool

    def command(self, *arguments):
        return [str(self.binary), *map(str, arguments)]

    def run(self, *arguments, code=0, timeout=120, **options):
        """Runs to the end; fails unless it exits with `code` (None: any)."""
        done = subprocess.run(
            self.command(*arguments),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            capture_output=True,
            env=self.environment,
            timeout=timeout,
            **options,
        )
        outcome = Outcome(done.returncode, decode(done.stdout), decode(done.stderr))
        assert code is None or outcome.code == code, (
            f"wal-e {' '.join(map(str, arguments))}: exit {outcome.code}, not {code}\n{outcome.err}"
        )
        return outcome

    def start(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                   "stderr": subprocess.DEVNULL, **options}  # fmt: skip
        return subprocess.Popen(self.command(*arguments), env=self.environment, **options)

    def shell(self, folder, arguments):
        """A command line for PostgreSQL, with the program's variables in an envdir that is made here."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in self.environment.items():
            if name.startswith(SETTINGS):
                (folder / name).write_text(value)
        return f"envdir {folder} {self.binary} {arguments}"


def decode(data):
    return data.decode(errors="surrogateescape")


class Store:
    """A file store, looked at from outside."""

    def __init__(self, root):
        self.root = Path(root)
        self.root.parent.mkdir(parents=True, exist_ok=True)

    @property
    def url(self):
        return f"file://localhost{self.root}"

    def environment(self):
        return {"WALE_FILE_PREFIX": self.url}

    def has(self, key):
        return (self.root / key).exists()

    @property
    def wal(self):
        return self.root / "wal_005"

    @property
    def base(self):
        return self.root / "basebackups_005"

    def segments(self):
        return sorted(
            p.name[:-4] for p in self.wal.glob("*.lzo") if re.fullmatch("[0-9A-F]{24}.lzo", p.name)
        )

    def backups(self):
        suffix = "_backup_stop_sentinel.json"
        return sorted(p.name[: -len(suffix)] for p in self.base.glob("*" + suffix))

    def objects(self):
        """As copy_to() leaves them."""
        found = (p for p in self.root.rglob("*") if not p.name.startswith(".wal-e-"))
        return sorted(p for p in found if p.is_file())

    def copy_to(self, root):
        """What a reader sees. A put that is under way, of a server that still archives, is left out."""
        shutil.copytree(self.root, root, symlinks=True, ignore=shutil.ignore_patterns(".wal-e-*"))


def snapshot(*folders):
    """{path: what is there} below the folders: size and digest, target of a link, or kind."""
    state = {}
    for folder in map(Path, folders):
        for path in [folder, *folder.rglob("*")]:
            # Of a server that archives or a put that ends: gone since it was listed.
            with contextlib.suppress(FileNotFoundError):
                state.update(entry(path))
    return state


def entry(path):
    if path.is_symlink():
        return {path: ("link", os.readlink(path))}
    if path.is_dir():
        return {path: ("folder",)}
    if not path.is_file():
        return {}
    data = path.read_bytes() if os.access(path, os.R_OK) else b""
    return {path: (path.stat().st_size, hashlib.sha256(data).hexdigest())}


def assert_unchanged(before, *folders):
    """Only names that begin with .wal-e- (or .wal-e, our folder in pg_wal) may be new, and the former gone:
    a server may have been archiving."""
    after = snapshot(*folders)
    gone = sorted(str(p) for p in before.keys() - after.keys() if not p.name.startswith(".wal-e-"))
    new = sorted(
        str(p) for p in after.keys() - before.keys()
        if not any(part == ".wal-e" or part.startswith(".wal-e-") for part in p.parts)
    )  # fmt: skip
    changed = sorted(str(p) for p in before.keys() & after.keys() if before[p] != after[p])
    assert not gone and not new and not changed, f"gone {gone}, new {new}, changed {changed}"


def fill(disk):
    """Writes until the disk is full; returns the file that fills it."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return filler
