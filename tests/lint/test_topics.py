"""tests/README.md: the counterparts of WAL-E's own tests are there under the names that it gives."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
NAMED = re.compile(r'`([\w/]+\.(?:cc|py))`((?: "[^"]+")+)')


def counterparts():
    for row in (TESTS / "README.md").read_text().split("\n"):
        if row.startswith("| ") and not row.startswith("| what WAL-E tests"):
            yield row, [(path, name) for path, names in NAMED.findall(row) for name in re.findall('"(.*?)"', names)]


def test_every_topic_has_one():
    rows = list(counterparts())
    assert len(rows) > 50
    for row, named in rows:
        assert named, row
        # Nothing that looks like one is overlooked.
        assert len({path for path, _ in named}) == len(re.findall(r"`[\w/]+\.(?:cc|py)`", row)), row


def test_all_of_them_are_there():
    for _, named in counterparts():
        for path, name in named:
            text = (TESTS / path).read_text()
            # A long name may be broken into two strings.
            assert name in text or name in re.sub(r'"\s*"', "", text), f"{path} has no {name}"
