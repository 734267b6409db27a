"""The manual page as it is read: on a terminal of 80 columns, with every name whole."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = (ROOT / "man/wal-e.1.scd").read_text()
# 80 columns less the indentation of a section and of a literal block.
LITERAL = 69


def test_no_line_begins_with_a_dot():
    """scdoc 1.11 takes it away."""
    assert not re.findall(r"^\s*\..*$", SOURCE, re.MULTILINE)


def test_examples_fit():
    blocks = re.findall(r"^```\n(.*?)^```$", SOURCE, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    assert not [line for block in blocks for line in block.splitlines() if len(line) > LITERAL]


def test_what_is_built_is_not_hyphenated(tmp_path):
    build = (ROOT / "man/meson.build").read_text()
    command = re.search(r"command: \['sh', '-c', '(.*)', scdoc\]", build)[1]
    page = tmp_path / "wal-e.1"
    with page.open("wb") as out:
        subprocess.run(["sh", "-c", command, "scdoc"], input=SOURCE.encode(), stdout=out, check=True)
    assert re.search(r"^\.nr HY 0\n", page.read_text())
    lint = subprocess.run(["mandoc", "-Tlint", "-W", "error", page], capture_output=True, text=True)
    assert (lint.returncode, lint.stdout) == (0, "")
    shown = subprocess.run(["mandoc", "-Tascii", page], capture_output=True, text=True, check=True)
    words = re.sub(r".\x08", "", shown.stdout).split()
    for name in ("storage.objects.list", "WALE_403_IS_ABSENT", "recovery.signal", "--cluster-read-rate-limit"):
        assert any(name in word for word in words), name
