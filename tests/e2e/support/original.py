"""The original WAL-E 1.1.1 as a tool, and its tables."""

import csv
import io
import re
from datetime import datetime, timedelta

from support.tool import Tool


class OriginalTool(Tool):
    """WAL-E 1.1.1; its environment may have been copied, so its scripts name another interpreter."""

    def __init__(self, environment_folder, **environment):
        super().__init__(environment_folder / "bin/python", **environment)
        self.script = environment_folder / "bin/wal-e"

    def command(self, *arguments):
        return [str(self.binary), str(self.script), *map(str, arguments)]

    def with_environment(self, **more):
        tool = OriginalTool(self.script.parent.parent)
        tool.environment = {**self.environment, **more}
        return tool

    def shell(self, folder, arguments):
        line = super().shell(folder, arguments)
        return line.replace(str(self.binary), f"{self.binary} {self.script}", 1)


def rows(outcome):
    return list(csv.DictReader(io.StringIO(outcome.out, newline=""), dialect="excel-tab"))


def same_list(ours, theirs):
    """Row by row; their clock goes through a binary fraction of seconds and may be off by 1 us."""
    time = re.compile(r"(?<=\t)\d{4}-\d\d-\d\dT[\d:.]+")
    mine, other = (list(map(datetime.fromisoformat, time.findall(o.out))) for o in (ours, theirs))
    assert time.sub("", ours.out) == time.sub("", theirs.out)
    assert all(abs(a - b) <= timedelta(microseconds=1) for a, b in zip(mine, other, strict=True))
