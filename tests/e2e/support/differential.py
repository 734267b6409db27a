"""One command line, given to WAL-E 1.1.1 and to our program, each with an archive of its own."""

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass, field

from support import made_archives
from support.tool import Store, records, snapshot

UNSET = None  # as the value of a variable
# Of each run, and of the way there.
PASSING = re.compile(r"(time|pid|rate)=\S+ ?|complete at \S+KiB/s\. ?")


@dataclass(frozen=True)
class Line:
    """`words` and `environment` may hold {root}, the archive, {url}, and {here}, the current folder."""

    words: tuple
    archive: str = "plain"  # a function of made_archives, or a folder of tests/data
    prepare: object = None  # prepare(here, data), before the program runs
    environment: dict = field(default_factory=dict)
    deviation: str = ""  # a key of the table of deviations

    def __str__(self):
        variables = [f"{k}={v}" for k, v in self.environment.items()]
        there = [self.prepare.__name__, self.archive] if self.prepare else [self.archive]
        return " ".join([*variables, "wal-e", *self.words, *there])


@dataclass
class Side:
    """What one of the programs made of it; its own paths read {url}, {root} and {here}."""

    code: int
    out: str
    err: str
    before: dict  # {path or key: what is there}
    after: dict

    @property
    def gone(self):
        return self.before.keys() - self.after.keys()

    @property
    def new(self):
        """{path: what is there} of what is new or changed."""
        return {k: v for k, v in self.after.items() if self.before.get(k) != v}

    def said(self):
        """All of each record but its time and rate, and of an error logger, level and MSG. Sorted, as WAL-E's
        order is that of the directory."""
        said = []
        for r in records(self.err):
            said.append([r.logger, r.level, r.msg])
            if r.level in ("INFO", "WARNING"):
                said[-1] += [tidy(r.parts.get(part, "")) for part in ("DETAIL", "HINT", "STRUCTURED")]
        return sorted(said)

    def plan(self):
        """The keys that our plan on stdout removes."""
        rows = [line.split("\t") for line in self.out.split("\n")]
        return {row[1] for row in rows if row[0] == "remove" and "/" in row[1]}

    def named(self):
        """The keys that the log says are being deleted."""
        return set(re.findall(r"being deleted is \{url\}/(\S+)\.$", self.err, re.MULTILINE))


def tidy(text):
    return PASSING.sub("", text).strip()


def rows_sorted(text):
    """The output of backup-list, whose rows WAL-E has in the order of the directory."""
    head, *rows = text.splitlines(keepends=True) or [""]
    return "".join([head, *sorted(rows)])


def content(path):
    """What lzop finds in it, as compressed bytes need not be equal; None if it is no file of lzop's."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x89LZO":
            return None
    plain = subprocess.run(["lzop", "-dc", path], capture_output=True, check=True).stdout
    return ("lzop", len(plain), hashlib.sha256(plain).hexdigest())


class Stage:
    """A folder for one of the programs and one line."""

    def __init__(self, folder, data, line):
        self.line = line
        self.here, self.store = folder / "here", Store(folder / "archive")
        self.here.mkdir(parents=True)
        self.fill(data)
        if line.prepare:
            line.prepare(self.here, data)

    def fill(self, data):
        if "/" in self.line.archive:
            shutil.copytree(data / self.line.archive, self.store.root)
            made_archives.date(self.store.objects())
        else:
            made_archives.write(getattr(made_archives, self.line.archive)(), self.store.root)

    def places(self):
        # The URL first: it holds the path.
        yield "{url}", self.store.url
        yield "{root}", str(self.store.root)
        yield "{here}", str(self.here)

    def expand(self, text):
        for name, value in self.places():
            text = text.replace(name, value)
        return text

    def hide(self, text):
        for name, value in self.places():
            text = text.replace(value, name).replace(value.lstrip("/"), name)
        return text

    def state(self):
        """Without .wal-e, where each keeps what is its own."""
        state = {}
        for folder in (self.store.root, self.here):
            for path, what in snapshot(folder).items():
                if what == ("folder",) or ".wal-e" in path.parts:
                    continue
                plain = content(path) if path.suffix == ".lzo" else None
                state[str(path.relative_to(folder))] = plain or what
        return state

    def run(self, tool):
        before = self.state()
        variables = self.store.environment() | self.line.environment
        tool = tool.with_environment(**{k: self.expand(v or "") for k, v in variables.items()})
        for name in [k for k, v in variables.items() if v is UNSET]:
            tool.environment.pop(name)
        outcome = tool.run(*map(self.expand, self.line.words), code=None, cwd=self.here)
        return Side(outcome.code, self.hide(outcome.out), self.hide(outcome.err), before, self.state())


class S3Stage(Stage):
    """The same on a prefix of a bucket, which fill_bucket() has filled."""

    def __init__(self, folder, line, store):
        self.line, self.store, self.here = line, store, folder / "here"
        self.here.mkdir(parents=True)
        if line.prepare:
            line.prepare(self.here, None)

    def places(self):
        yield "{url}", self.store.url
        yield "{root}", self.store.prefix
        yield "{here}", str(self.here)

    def state(self):
        return {**{k: "object" for k in self.store.sizes()}, **{p.name: "file" for p in self.here.iterdir()}}


def fill_bucket(line, store):
    objects = getattr(made_archives, line.archive)()
    store.write_all({key: text.encode() for key, text in objects.items()})
