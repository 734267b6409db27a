"""The same command line for WAL-E 1.1.1 and for us, on equal archives: what both print, say and remove.

Where we differ on purpose, a line names an entry of support/deviations.py, whose reason stands in the manual.
"""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import new_folder
from support.deviations import DEVIATIONS, Deviation
from support.differential import UNSET, Line, S3Stage, Stage, fill_bucket, rows_sorted
from support.made_archives import segment

AT_ONCE = 3
SAMPLE = "wal-e-store/prefix"  # in tests/data: WAL-E wrote it on PostgreSQL 13


def line(words, archive="plain", deviation="", prepare=None, **environment):
    return Line(tuple(words.split()), archive, prepare, environment, deviation)


def name(number, offset="00000040"):
    return f"base_{segment(number)}_{offset}"


LISTS = [
    line("backup-list"),
    line("--terse backup-list"),
    line("backup-list LATEST"),
    line(f"backup-list {name(3)}"),
    line(f"backup-list {name(11)}"),
    line(f"backup-list {name(4)}"),
    line(f"backup-list {name(3)}_backup_stop_sentinel.json"),
    line("backup-list latest"),
    line("backup-list nonsense"),
    line(f"backup-list {segment(3)}"),
    line("backup-list -- LATEST"),
    line("backup-list", "odd"),
    line("backup-list LATEST", "odd"),
    line("backup-list", "suffixes", deviation="copies"),
    line("backup-list", "offline"),
    line("backup-list base_0000000100000000000000B0_000000B0", "offline"),
    line("backup-list", "log_borders"),
    line("backup-list", "two_of_one_segment"),
    line("backup-list LATEST", "two_of_one_segment"),
    line("backup-list", "timelines"),
    line("backup-list", "many"),
    line("backup-list LATEST", "many"),
    line("backup-list", "nothing"),
    line("backup-list LATEST", "nothing"),
    line("backup-list", "only_wal"),
    line("backup-list", "only_unfinished"),
    line("backup-list", "with_metadata"),
    line("backup-list", SAMPLE),
    line("backup-list LATEST", SAMPLE),
    line("--file-prefix {url} backup-list", WALE_FILE_PREFIX="s3://bucket/x"),
    line("--file-prefix={url}/ backup-list", WALE_FILE_PREFIX=UNSET),
    line("--s3-prefix {url} backup-list", WALE_FILE_PREFIX=UNSET),
    line("--file {url} --ter backup-list", WALE_FILE_PREFIX=UNSET),
    line("backup-list", WALE_GS_PREFIX="gs://bucket/x", WALE_S3_PREFIX="s3://bucket/x"),
    line("backup-list", WALE_FILE_PREFIX="file://{root}"),
    line("backup-list", WALE_FILE_PREFIX="file://any.host{root}"),
    line("backup-list", WALE_LOG_DESTINATION="nowhere"),
    line("backup-list", WALE_LOG_DESTINATION=""),
    line("backup-list", WALE_LOG_DESTINATION="stderr, syslog"),
    line("backup-list", WALE_LOG_DESTINATION="stderr,syslog", WALE_SYSLOG_FACILITY="LOCAL3"),
    line("backup-list", WALE_LOG_DESTINATION="stderr,syslog", WALE_SYSLOG_FACILITY="local0,x"),
    line("backup-list", WALE_LOG_DESTINATION="stderr,syslog", WALE_SYSLOG_FACILITY="nonsense"),
    line("backup-list", WALE_LOG_DESTINATION="stderr,syslog", WALE_SYSLOG_FACILITY=","),
    line("backup-list", WALE_LOG_DESTINATION="stderr,syslog", WALE_SYSLOG_FACILITY=""),
    line("backup-list", WALE_SYSLOG_FACILITY="nonsense"),
    line("backup-list", WALE_LOG_DESTINATION=UNSET),
]

DELETES = [
    line(f"delete before {name(7)}"),
    line(f"delete --confirm before {name(7)}"),
    line(f"delete --confirm before {name(3)}"),
    line(f"delete --confirm before {name(4)}", deviation="unknown backup"),
    line(f"delete --confirm before {name(15)}", deviation="unknown backup"),
    line(f"delete --confirm before {name(7)}_backup_stop_sentinel.json"),
    line(f"delete --confirm --dry-run before {name(7)}"),
    line(f"delete --dry-run --confirm before {name(7)}"),
    line(f"delete -n --confirm before {name(7)}"),
    line(f"delete --conf before {name(7)}"),
    line(f"delete --d --c before {name(7)}"),
    line(f"--terse delete before {name(7)}"),
    line(f"--terse delete --confirm before {name(7)}"),
    line("delete retain 1"),
    line("delete --confirm retain 1"),
    line("delete --confirm retain 2"),
    line("delete --confirm retain 3"),
    line("delete --confirm retain 100"),
    line("delete --confirm retain 01"),
    line("--ters delete --confirm retain 1"),
    line("delete --confirm retain 1", "one"),
    line("delete --confirm retain 5", "one"),
    line("delete --confirm retain 1", "many"),
    line("delete --confirm retain 7", "many"),
    line("delete --confirm retain 1", "nothing"),
    line("delete --confirm retain 1", "only_wal"),
    line("delete --confirm retain 1", "only_unfinished"),
    line("delete --confirm retain 1", "without_wal"),
    line("delete --confirm retain 1", "odd"),
    line("delete --confirm retain 2", "odd"),
    line(f"delete --confirm before {name(11)}", "odd"),
    line("delete --confirm retain 2", "suffixes", deviation="copies"),
    line(f"delete --confirm before {name(11)}", "suffixes"),
    line("delete --confirm retain 1", "log_borders"),
    line(f"delete --confirm before {name(0xFF, '00F42400')}", "log_borders"),
    line(f"delete --confirm before base_{segment(0, log=1)}_00000040", "log_borders", deviation="unknown backup"),
    line("delete --confirm retain 1", "offline", deviation="by time"),
    line("delete --confirm retain 1", "two_of_one_segment", deviation="what goes"),
    line(f"delete --confirm before {name(3, '00012392')}", "two_of_one_segment"),
    line("delete --confirm retain 1", "old_versions"),
    line("delete everything"),
    line("delete --confirm everything"),
    line("delete --confirm everything", "odd"),
    line("delete --confirm everything", "nothing"),
    line("delete --confirm everything", "old_versions"),
    line("delete --confirm everything", "timelines"),
    line("delete --confirm retain 1", "offline_only"),
    line("delete --confirm retain 1", SAMPLE),
]

OTHERS = [
    line("wal-fetch -p 0 000000010000000000000005 {here}/fetched", SAMPLE),
    line("wal-fetch -p0 000000010000000000000005 fetched", SAMPLE),
    line("wal-fetch -p=0 000000010000000000000005 fetched", SAMPLE),
    line("wal-fetch --prefetch=0 000000010000000000000005.00000028.backup {here}/fetched", SAMPLE),
    line("wal-fetch 000000010000000000000006 --pre 0 {here}/fetched", SAMPLE),
    line("wal-fetch --pre 0 000000010000000000000006 {here}/fetched", SAMPLE),
    line("--terse wal-fetch -p 0 000000010000000000000006 {here}/fetched", SAMPLE),
    line("wal-fetch -p 0 000000010000000000000007 {here}/fetched", SAMPLE, "absent"),
    line("wal-fetch -p 0 00000002.history {here}/fetched", SAMPLE, "absent"),
    line("backup-fetch {here}/pg nonsense", SAMPLE),
    line("backup-fetch {here}/pg base_0000000100000000000000FF_00000040", SAMPLE),
    line("backup-fetch {here}/pg LATEST", "nothing"),
    line("backup-fetch {here}/pg LATEST", SAMPLE, "links"),
    line("version", deviation="version"),
    line("--terse version", deviation="version"),
    line("backup-list", WALE_FILE_PREFIX=UNSET),
    line("backup-list", WALE_FILE_PREFIX="ftp://host/x"),
    line("backup-list", WALE_FILE_PREFIX=UNSET, WALE_GS_PREFIX="nonsense"),
    line("delete --confirm everything", WALE_FILE_PREFIX=UNSET),
    line("wal-push x", WALE_FILE_PREFIX=UNSET),
    line("backup-list", WALE_FILE_PREFIX="s3://bucket/x", deviation="region first"),
    line("backup-list", WALE_FILE_PREFIX="s3://bucket/x", AWS_ACCESS_KEY_ID="x"),
    line("-k x backup-list", WALE_FILE_PREFIX="s3://bucket/x"),
    line("-k x backup-list", WALE_FILE_PREFIX="s3://bucket/x", AWS_SECRET_ACCESS_KEY="x"),
    line("-k x --aws-instance-profile backup-list", deviation="usage"),
    line("backup-list --no-such-option", deviation="usage"),
    line("--no-such-option backup-list", deviation="usage"),
    line("--gs x backup-list", deviation="usage"),
    line("no-such-command", deviation="usage"),
    line("backup-list one two", deviation="usage"),
    line("", deviation="no command"),
    line("delete", deviation="no subcommand"),
    line("delete retain", deviation="usage"),
    line("delete retain x", deviation="usage"),
    line("delete retain 1 --confirm", deviation="usage"),
    line("delete retain 0", deviation="retain none"),
    line("delete --confirm retain 0", deviation="retain none"),
    line("delete --confirm retain -1", deviation="retain none"),
    line("delete --confirm before LATEST", deviation="before LATEST"),
    line(f"delete --confirm before {segment(7)}", deviation="before a segment"),
    line("delete --confirm old-versions", "old_versions", "old versions"),
    line("delete --confirm retain 2", "timelines"),
    line(f"delete --confirm before {name(6)}", "timelines"),
    line("delete --confirm retain 1", "branch", "by time"),
    line(f"delete --confirm before {name(6)}", "branch", "timelines"),
    line("delete --confirm retain 2", "partial", "partial"),
    line("delete --confirm retain 2", "with_metadata", "metadata"),
    line("delete --confirm everything", "with_metadata"),
    line("backup-list --detail", deviation="detail"),
    line("backup-list --det LATEST", SAMPLE, "detail"),
    line("--aws-access-key-id=x --gs-access-key-id=y -a z backup-list"),
    line("backup-list", WALE_GPG_KEY_ID="none@example.invalid"),
]


def some_wal(here, data):
    """Two segments and a label, as they lie in pg_wal."""
    for path in (data / SAMPLE / "wal_005").iterdir():
        with open(here / path.stem, "wb") as file:
            subprocess.run(["lzop", "-dc", path], stdout=file, check=True)
    (here / "00000002.history").write_text("1\t0/6000000\tno recovery target specified\n")


def waiting_wal(here, data):
    some_wal(here, data)
    (here / "archive_status").mkdir()
    for number in (5, 6):
        (here / "archive_status" / f"{segment(number)}.ready").touch()


def missing_neighbour(here, data):
    waiting_wal(here, data)
    (here / segment(6)).unlink()


PUSHES = [
    line(f"wal-push -p 1 {{here}}/{segment(5)}", "nothing", prepare=some_wal),
    line(f"wal-push {segment(5)} -p1", "nothing", prepare=some_wal),
    line(f"wal-push {segment(5)} -p=1", "nothing", prepare=some_wal),
    line(f"wal-push {segment(5)} -p 0", "nothing", prepare=some_wal),
    line(f"--ter wal-push --pool=1 {segment(5)}", "nothing", prepare=some_wal),
    line(f"wal-push -p 1 {{here}}/{segment(5)}.00000028.backup", "nothing", prepare=some_wal),
    line("wal-push -p 1 {here}/00000002.history", "nothing", prepare=some_wal),
    line(f"wal-push -p 1 {{here}}/{segment(5)}", SAMPLE, "same content", some_wal),
    line(f"wal-push -p 1 {{here}}/{segment(5)}", "other_content", "overwriting", some_wal),
    line(f"wal-push -p 1 {{here}}/{segment(7)}", "nothing", "missing file"),
    line(f"wal-push {{here}}/{segment(5)}", "nothing", "neighbours", waiting_wal),
    line(f"wal-push {{here}}/{segment(5)}", "nothing", "neighbour gone", missing_neighbour),
    line(f"wal-push {{here}}/{segment(5)}", "nothing", "no neighbours", some_wal),
    line("backup-push {here}", deviation="psql", PGHOST="{here}"),
]

FILE_STORE = [*PUSHES, *LISTS, *DELETES, *OTHERS]


def quiet_lzop(here, _):
    """WAL-E starts lzop for an absent object too; its complaint would fall into WAL-E's records."""
    (here / "lzop").write_text('#!/bin/sh\nexec /usr/bin/lzop "$@" 2>/dev/null\n')
    (here / "lzop").chmod(0o755)


S3 = [
    line("backup-list"),
    line("backup-list --detail"),
    line("backup-list --detail LATEST"),
    line(f"backup-list {name(7)} --detail"),
    line("backup-list", "nothing"),
    line("backup-list LATEST", "nothing"),
    line("backup-list", AWS_REGION="us-east-1", deviation="region"),
    line("delete before " + name(7)),
    line("delete --confirm retain 2"),
    line("delete --confirm retain 1", "one"),
    line("delete --confirm everything", "one"),
    line("wal-fetch -p 0 000000010000000000000077 {here}/fetched", "one", "complete", quiet_lzop,
         PATH="{here}:/usr/bin:/bin"),  # fmt: skip
]


class Runs:
    """Both runs of each line that is to be tested; begun ahead, a few at a time."""

    def __init__(self, tool, original):
        self.tools = {"theirs": original, "ours": tool}
        self.pool = ThreadPoolExecutor(AT_ONCE)
        self.results = {}

    def begin(self, line, make_stage):
        if str(line) not in self.results:
            self.results[str(line)] = [
                self.pool.submit(self.run, side, make_stage) for side in self.tools
            ]

    def run(self, side, make_stage):
        outcome = self.run_once(side, make_stage)
        # Seen in CI alone: it gives a server up after a minute. What it always dies of, it dies of again.
        if side == "theirs" and "An unprocessed exception" in outcome.err:
            outcome = self.run_once(side, make_stage)
        return outcome

    def run_once(self, side, make_stage):
        stage = make_stage(side)
        try:
            return stage.run(self.tools[side])
        finally:
            shutil.rmtree(stage.here.parent)

    def of(self, line):
        return [future.result() for future in self.results[str(line)]]


@pytest.fixture(scope="module")
def runs(request, scratch, data, tool, original):
    made = Runs(tool, original)
    folder = new_folder(scratch)
    for number, item in enumerate(request.session.items):
        if item.function is test_on_the_file_store:
            chosen = item.callspec.params["line"]
            made.begin(chosen, lambda side, n=number, c=chosen: Stage(folder / f"{n}-{side}", data, c))
    yield made
    made.pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def runs_on_s3(request, scratch, tool, original, swift, new_bucket):
    made = Runs(tool, original)
    folder = new_folder(scratch)
    bucket = new_bucket(swift).at(AWS_REGION=UNSET)
    fill_bucket(S3[0], bucket.at(prefix=S3[0].archive))
    for number, item in enumerate(request.session.items):
        if item.function is test_on_s3:
            chosen = item.callspec.params["line"]

            def make(side, n=number, c=chosen):
                # Both list one and the same, as it has the times.
                store = bucket.at(prefix=c.archive if "backup-list" in c.words else f"{n}-{side}")
                if store.prefix != c.archive:
                    fill_bucket(c, store)
                return S3Stage(folder / f"{n}-{side}", c, store)

            made.begin(chosen, make)
    yield made
    made.pool.shutdown(cancel_futures=True)


def compare(line, theirs, ours, list_order):
    deviation = DEVIATIONS[line.deviation] if line.deviation else Deviation("")
    assert (theirs.code, ours.code) == (deviation.codes or (theirs.code, theirs.code)), (
        f"ours: {ours.err}\ntheirs: {theirs.err}"
    )

    def beside(items):
        return [i for i in items if not (deviation.apart and re.search(deviation.apart, str(i)))]

    if "said" in deviation.compares:
        assert beside(ours.said()) == beside(theirs.said())
    # Not in the form of a record.
    facility = "invalid syslog facility level specified"
    assert (facility in ours.err) == (facility in theirs.err)
    if "keys" in deviation.compares:
        assert sorted(beside(ours.gone)) == sorted(beside(theirs.gone))
        assert beside(sorted(ours.new.items())) == beside(sorted(theirs.new.items()))
    if ours.code != 0:
        assert not ours.gone and not ours.new
    if line.deviation == "timelines":
        assert ours.gone < theirs.gone
    if "delete" in line.words:
        assert theirs.out == ""
        if ours.code == 0 and "--terse" not in line.words and "--ters" not in line.words:
            assert ours.plan() == ours.named()
        if ours.gone:
            assert ours.plan() == ours.gone
    elif "out" in deviation.compares:
        lists = [list_order(side.out).splitlines(keepends=True) for side in (ours, theirs)]
        assert beside(lists[0]) == beside(lists[1])
        assert ours.out == list_order(ours.out)


@pytest.mark.parametrize("line", FILE_STORE, ids=str)
def test_on_the_file_store(line, runs):
    compare(line, *runs.of(line), rows_sorted)


@pytest.mark.parametrize("line", S3, ids=str)
def test_on_s3(line, runs_on_s3):
    """Byte for byte: there WAL-E lists in the order of the keys, too."""
    compare(line, *runs_on_s3.of(line), lambda text: text)


def test_every_deviation_stands_in_the_manual(scratch):
    manual = (scratch / "tree/man/wal-e.1.scd").read_text()
    chapter = manual.partition("# MOVING FROM WAL-E")[2].partition("\n# ")[0]
    chapter = " ".join(chapter.replace("\\", "").split())
    used = {c.deviation for c in [*FILE_STORE, *S3]} - {""}
    assert used == DEVIATIONS.keys()
    for key, deviation in DEVIATIONS.items():
        assert deviation.manual in chapter, key
