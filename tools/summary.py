"""usage: summary.py FILE...

Adds up test results: meson's testlog.json, whose lines hold the output of Catch2 programs, and JUnit
XML as pytest writes it. Prints what failed and a little of why, and what was skipped, then `N passed, N failed`
(and `, N skipped` if any were).
"""

import json
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

ALL_PASSED = re.compile(r"^All tests passed \(.* in (\d+) test cases?\)", re.MULTILINE)
COUNTS = re.compile(r"^test cases:(.*)$", re.MULTILINE)
LINES_OF_WHY = 20


def catch2(output):
    """(passed, failed) of one Catch2 program from the last lines it printed, None if it has none."""
    if found := ALL_PASSED.search(output):
        return int(found.group(1)), 0
    if found := COUNTS.search(output):
        counts = dict((word, int(n)) for n, word in re.findall(r"(\d+) (passed|failed)", found.group(1)))
        return counts.get("passed", 0), counts.get("failed", 0)
    return None


def failures(output):
    """Of each failed assertion of Catch2 its test's name, place and expansion; else the last lines."""
    test, found = "", []
    for paragraph in output.split("\n\n"):
        lines = paragraph.strip("\n").split("\n")
        if lines[0].startswith("-----"):
            test = lines[1]
        elif "FAILED:" in lines[0]:
            found += [test, *lines]
    return found or output.rstrip("\n").split("\n")[-LINES_OF_WHY:]


def meson(path):
    for line in path.read_text().splitlines():
        test = json.loads(line)
        ended_well = test["result"] in ("OK", "EXPECTEDFAIL")
        passed, failed = catch2(test.get("stdout", "")) or (int(ended_well), 0)
        if not ended_well and failed == 0:
            failed = 1  # died on the way: what it passed before is not known
        skipped = 1 if test["result"] == "SKIP" else 0
        why = failures(test.get("stdout", "") + test.get("stderr", ""))
        yield test["name"], 0 if skipped else passed, failed * (1 - skipped), skipped, why


def junit(path):
    for case in xml.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        broken = [part for part in case if part.tag in ("failure", "error")]
        failed = bool(broken)
        skipped = case.find("skipped") is not None
        why = [line for part in broken for line in (part.text or "").split("\n") if line.startswith("E ")]
        yield name, int(not failed and not skipped), int(failed), int(skipped and not failed), why


def main(paths):
    totals = [0, 0, 0]
    for path in map(Path, paths):
        try:
            results = list(meson(path) if path.suffix == ".json" else junit(path))
        except (OSError, ValueError, xml.ParseError) as error:
            results = [(f"no results in {path.name}: {error}", 0, 1, 0, [])]
        for name, passed, failed, skipped, why in results:
            totals = [totals[0] + passed, totals[1] + failed, totals[2] + skipped]
            if failed:
                print(f"FAILED {name}" + (f" ({failed})" if failed > 1 else ""))
                for line in why[:LINES_OF_WHY]:
                    print(f"  | {line}")
            if skipped:
                print(f"SKIPPED {name}")
    passed, failed, skipped = totals
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
