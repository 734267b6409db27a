"""Where our program does not do what WAL-E 1.1.1 does, on purpose; test_differential.py holds both to it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    manual: str  # words of the chapter "moving from WAL-E"
    codes: tuple = ()  # (WAL-E's exit code, ours) where they are not the same
    apart: str = ""  # keys, records and rows with this are not compared
    compares: str = "out keys said"  # what is the same all the same


DEVIATIONS = {
    "usage": Deviation(
        "A usage error is also a log record.", apart="the command line was not understood"
    ),
    "no command": Deviation(
        "No command at all is a usage error, 2 rather than 127.", codes=(127, 2), compares="out keys"
    ),
    "no subcommand": Deviation(
        "No subcommand is a usage error, 2 rather than 1.", codes=(1, 2), compares="out keys"
    ),
    "retain none": Deviation(
        "*retain* refuses 0 and negative numbers", codes=(0, 2), compares=""
    ),
    "before LATEST": Deviation(
        "*before* takes a segment, as WAL-E's help promises", compares="keys"
    ),
    "before a segment": Deviation(
        "*before* takes a segment, as WAL-E's help promises", codes=(2, 0), compares=""
    ),
    "unknown backup": Deviation(
        "*before* warns of a backup that is not there",
        apart="the backup that was named is not in the archive",
    ),
    "old versions": Deviation("*old-versions* works", codes=(2, 0), compares=""),
    "by time": Deviation(
        "*retain* refuses 0 and negative numbers, and goes by time", compares=""
    ),
    "what goes": Deviation("the log counts what really goes", apart="base backups\\."),
    "partial": Deviation(
        "*.partial* segments and metadata.json go with what they belong to", apart=r"\.partial\.lzo"
    ),
    "metadata": Deviation(
        "*.partial* segments and metadata.json go with what they belong to", apart=r"/metadata\.json"
    ),
    "timelines": Deviation(
        "delete does what WAL-E does where the archive has one timeline; elsewhere it keeps more",
        compares="",
    ),
    "copies": Deviation(
        "A sentinel with anything behind .json is none",
        apart="base_000000010000000000000004_00000040|base backups\\.",
    ),
    "detail": Deviation("*--detail* is filled in", compares="keys said"),
    "absent": Deviation("an absent file gives 1 rather than 2", codes=(2, 1), compares="out keys"),
    "links": Deviation(
        "links of tablespaces are checked on every store", codes=(0, 1), compares=""
    ),
    "version": Deviation("*version* prints our own.", compares="keys said"),
    "region first": Deviation(
        "Credentials are looked for in more places, so a missing region is told before them",
        compares="keys out",
    ),
    "region": Deviation(
        "AWS_REGION counts also with WALE_S3_ENDPOINT", apart="ignoring AWS_REGION"
    ),
    "overwriting": Deviation(
        "wal-push refuses to replace a stored file by other content", codes=(0, 1), compares=""
    ),
    "same content": Deviation(
        "wal-push says so where a file is stored already", apart="the file is archived already"
    ),
    "missing file": Deviation(
        "Nothing but what was asked for is on stdout",
        apart="begin archiving a file",
        compares="keys said",
    ),
    "neighbours": Deviation("wal-push leaves archive_status alone", apart="archive_status"),
    "neighbour gone": Deviation(
        "wal-push leaves archive_status alone", apart="archive_status|begin archiving a file"
    ),
    "no neighbours": Deviation(
        "Without an archive_status directory only the named file is pushed", codes=(2, 0), compares=""
    ),
    "psql": Deviation("backup-push keeps one connection", compares="keys out"),
    "complete": Deviation(
        "wal-fetch does not say \"complete\" of what was absent", apart="complete wal restore"
    ),
}
