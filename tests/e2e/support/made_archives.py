"""Archives as WAL-E 1.1.1 leaves them, made up: names, sizes and times are all that counts.

{key: text}; write() puts one on a file store, with a time for each object that both programs print alike.
"""

import json
import os
import subprocess
from datetime import datetime, timezone

# A whole number of microseconds, which WAL-E's way through a float keeps.
FIRST_NS = int(datetime(2020, 2, 29, 23, 59, 30, tzinfo=timezone.utc).timestamp()) * 10**9
STEP_NS = 3_600_000_007_000


def segment(number, log=0, timeline=1):
    return f"{timeline:08X}{log:08X}{number:08X}"


def sentinel(stop, size=25891861, **more):
    """As WAL-E writes it: one line, no newline."""
    return json.dumps(
        {"wal_segment_backup_stop": stop, "wal_segment_offset_backup_stop": "00000312",
         "expanded_size_bytes": size,
         "spec": {"base_prefix": "/srv/data/", "tablespaces": []}, **more}
    )  # fmt: skip


def backup(start, offset="00000040", volumes=2, end=None):
    """The objects of a completed backup that begins in the segment `start`."""
    name = f"base_{start}_{offset}"
    end = sentinel(start[:16] + f"{int(start[16:], 16) + 1:08X}") if end is None else end
    return {
        **unfinished(start, offset, volumes),
        f"basebackups_005/{name}_backup_stop_sentinel.json": end,
    }


def unfinished(start, offset="00000040", volumes=2):
    """What a backup leaves that broke off."""
    folder = f"basebackups_005/base_{start}_{offset}"
    return {
        f"{folder}/extended_version.txt": "PostgreSQL 13.14",
        **{f"{folder}/tar_partitions/part_{n:08d}.tar.lzo": "volume" for n in range(volumes)},
    }


def wal(*segments):
    return {f"wal_005/{s}.lzo": "segment" for s in segments}


def label(start):
    return {f"wal_005/{start}.00000028.backup.lzo": "label"}


def history(timeline, parent, switch):
    """Read by us, so it is as lzop makes it."""
    return {f"wal_005/{timeline:08X}.history.lzo": f"{parent}\t{switch}\tno recovery target specified\n"}


def plain():
    """Three backups with WAL before, between and after them."""
    made = wal(*map(segment, range(1, 16)))
    for number in (3, 7, 11):
        made |= backup(segment(number)) | label(segment(number))
    return made


def odd():
    """plain(), and all that is found beside such things after some years."""
    return {
        **plain(),
        **unfinished(segment(5)),
        **unfinished(segment(13), volumes=0),
        **history(2, 1, "0/F000000"),
        "wal_005/readme.txt": "not WAL",
        "wal_005/0000000100000000000000aa.lzo": "lower case",
        "wal_005/000000010000000000000002.lzo.tmp": "a copy that broke off",
        "wal_005/000000010000000000000002": "without the suffix",
        "wal_005/below/000000010000000000000002.lzo": "too deep",
        "basebackups_005/readme.txt": "no sentinel",
        "basebackups_005/below/extended_version.txt": "no backup",
        f"basebackups_005/base_{segment(3)}_00000040/notes.txt": "no version",
        f"basebackups_005/base_{segment(3)}_00000040/tar_partitions/part_x.tmp": "any name there",
        f"basebackups_005/base_{segment(3)}_00000040/other/part_00000000.tar.lzo": "no partition",
        f"basebackups_005/base_{segment(3)}_00000040/tar_partitions/deep/x": "too deep",
        "elsewhere/wal_005/000000010000000000000001.lzo": "not ours",
    }


def suffixes():
    """Names that only begin as those of backups and of WAL do."""
    return {
        **plain(),
        f"basebackups_005/base_{segment(4)}_00000040_backup_stop_sentinel.json.bak": sentinel(segment(5)),
        f"basebackups_005/base_{segment(4)}_00000040_old/extended_version.txt": "a copy",
        f"basebackups_005/base_{segment(4)}_00000040_old/tar_partitions/part_00000000.tar.lzo": "a copy",
        f"basebackups_005/base_{segment(4)}_0000004_backup_stop_sentinel.json": sentinel(segment(5)),
        "wal_005/000000010000000000000004.lzop": "begins as one",
        "wal_005/00000002.history": "history",
        "wal_005/000000010000000000000004.00000028.backup.lzo.old": "label",
    }


def log_borders():
    """The number of a segment goes on in the next log file."""
    made = wal(*(segment(n) for n in range(0xFC, 0x100)), *(segment(n, log=1) for n in range(4)))
    return made | backup(segment(0xFD)) | backup(segment(0xFF), "00F42400") | backup(segment(2, log=1))


def offline():
    """Names as WAL-E's --while-offline makes them: the segment's number is cut off."""
    made = wal(*(segment(n) for n in range(1, 0x0D)))
    return made | backup(segment(0xB0), "000000B0") | backup(segment(3))


def offline_only():
    made = wal(*(segment(n) for n in range(1, 0x0D)))
    return made | backup(segment(0xB0), "000000B0") | backup(segment(0xC0), "000000C0")


def two_of_one_segment():
    return wal(*map(segment, range(1, 6))) | backup(segment(3), "00000040") | backup(segment(3), "00012392")


def one():
    return wal(*map(segment, range(1, 6))) | backup(segment(3)) | label(segment(3))


def only_wal():
    return wal(*map(segment, range(1, 6)))


def only_unfinished():
    return only_wal() | unfinished(segment(3))


def without_wal():
    return backup(segment(3)) | backup(segment(7))


def partial():
    """A promotion has left the last segment of the old server, cut off."""
    return {**plain(), "wal_005/000000010000000000000002.partial.lzo": "cut off"}


def with_metadata():
    """As our program leaves it."""
    facts = json.dumps({"start_time": "2020-02-29T23:00:00Z", "finish_time": "2020-02-29T23:01:00Z"})
    return {
        **plain(),
        **{f"basebackups_005/base_{segment(n)}_00000040/metadata.json": facts for n in (3, 7, 11)},
    }


def old_versions():
    made = one()
    for version in range(5):
        made[f"basebackups_{version:03d}/base_{segment(1)}_00000040/extended_version.txt"] = "8.4"
        made[f"wal_{version:03d}/{segment(1)}.lzo"] = "segment"
    return made


def timelines():
    """A promotion in segment 7."""
    made = wal(*map(segment, range(1, 9)), *(segment(n, timeline=2) for n in range(7, 12)))
    made |= history(2, 1, "0/7000000")
    return made | backup(segment(3)) | backup(segment(6)) | backup(segment(9, timeline=2))


def branch():
    """A restore to segment 4 began timeline 2; the backup that was taken last is behind the others."""
    made = wal(*map(segment, range(1, 9)), *(segment(n, timeline=2) for n in range(4, 7)))
    made |= history(2, 1, "0/4000000")
    return made | backup(segment(3)) | backup(segment(6)) | backup(segment(5, timeline=2))


def many():
    made = wal(*map(segment, range(1, 121)))
    for number in range(2, 120, 3):
        made |= backup(segment(number), f"{number * 8192:08d}", volumes=1)
    return made


def other_content():
    return wal(segment(5))


def nothing():
    return {}


def write(objects, folder):
    """The archive as files below a folder, which is made."""
    folder.mkdir(parents=True)
    for key, text in objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        if key.endswith(".history.lzo"):
            data = subprocess.run(["lzop", "-c"], input=data, capture_output=True, check=True).stdout
        path.write_bytes(data)
    date(folder / key for key in objects)


def date(paths):
    """Gives each file a time, one after the other."""
    for number, path in enumerate(paths):
        at = FIRST_NS + number * STEP_NS
        os.utime(path, ns=(at, at))
