"""usage: summary.py FILE...

Adds up test results: meson's testlog.json, whose lines hold the output of Catch2 programs, and JUnit
XML as pytest writes it. Prints what failed, then `N passed, N failed` (and `, N skipped` if any were).
"""

import json
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

ALL_PASSED = re.compile(r"^All tests passed \(.* in (\d+) test cases?\)", re.MULTILINE)
COUNTS = re.compile(r"^test cases:(.*)$", re.MULTILINE)


def catch2(output):
    """(passed, failed) of one Catch2 program from the last lines it printed, None if it has none."""
    if found := ALL_PASSED.search(output):
        return int(found.group(1)), 0
    if found := COUNTS.search(output):
        counts = dict((word, int(n)) for n, word in re.findall(r"(\d+) (passed|failed)", found.group(1)))
        return counts.get("passed", 0), counts.get("failed", 0)
    return None


def meson(path):
    for line in path.read_text().splitlines():
        test = json.loads(line)
        ended_well = test["result"] in ("OK", "EXPECTEDFAIL")
        passed, failed = catch2(test.get("stdout", "")) or (int(ended_well), 0)
        if not ended_well and failed == 0:
            failed = 1  # died on the way: what it passed before is not known
        skipped = 1 if test["result"] == "SKIP" else 0
        yield test["name"], 0 if skipped else passed, failed * (1 - skipped), skipped


def junit(path):
    for case in xml.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        failed = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        yield name, int(not failed and not skipped), int(failed), int(skipped and not failed)


def main(paths):
    totals = [0, 0, 0]
    for path in map(Path, paths):
        try:
            results = list(meson(path) if path.suffix == ".json" else junit(path))
        except (OSError, ValueError, xml.ParseError) as error:
            results = [(f"no results in {path.name}: {error}", 0, 1, 0)]
        for name, passed, failed, skipped in results:
            totals = [totals[0] + passed, totals[1] + failed, totals[2] + skipped]
            if failed:
                print(f"FAILED {name}" + (f" ({failed})" if failed > 1 else ""))
    passed, failed, skipped = totals
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
