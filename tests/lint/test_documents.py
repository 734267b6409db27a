"""What the documents point at is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]
    if not path.parent.name.startswith("build")
)
FOLDERS = r"(?:\.ci|bench|completions|docs|include|man|src|tests|tools)/"
NOT_OURS = {"src/backend/backup/basebackup.c"}  # PostgreSQL's


def test_they_are_found():
    assert {"README.md", "docs/design.md", "tests/README.md"} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_paths(document):
    text = (ROOT / document).read_text()
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert not [link for link in links if not (ROOT / document).parent.joinpath(link).exists()]
    paths = {path for path in re.findall(rf"`({FOLDERS}[^`\s<]*)", text) if "<" not in path} - NOT_OURS
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_sections_of_the_manual_that_the_documents_name():
    headings = set(re.findall(r"^# (.*)$", (ROOT / "man/wal-e.1.scd").read_text(), re.MULTILINE))
    named = set(re.findall(r"under ([A-Z]{3}[A-Z -]*[A-Z])\b", (ROOT / "README.md").read_text()))
    assert named and named <= headings
