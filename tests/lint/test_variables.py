"""The table of variables (src/command/variables.cc) has what the sources read, and the manual page has the table."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "src/command/variables.cc"
FAMILIES = "WALE|AWS|WABS|AZURE|GOOGLE|GCE|CLOUDSDK|STORAGE|SWIFT|SSL"
# Only in test builds.
UNDOCUMENTED = {"WALE_FAILPOINT", "WALE_FAILPOINT_COUNT"}
# Read by libpq and by gpg, which are told them by inheritance alone.
OTHERS = {"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE"}


def table():
    text = TABLE.read_text().split("constexpr auto known")[1].split("});")[0]
    return re.findall(r'"([A-Z0-9_]+)"', text)


def read_by_sources():
    """Literals that look like a variable of ours, outside the table: {name: a file that has it}."""
    found = {}
    for path in [*ROOT.glob("src/**/*.cc"), *ROOT.glob("src/**/*.hpp"), *ROOT.glob("include/**/*.hpp")]:
        if path == TABLE:
            continue
        for name in re.findall(rf'"((?:{FAMILIES})_[A-Z0-9_]+)"', path.read_text()):
            found.setdefault(name, path.relative_to(ROOT))
    return found


def documented():
    """Names in bold in the manual page's ENVIRONMENT."""
    text = (ROOT / "man/wal-e.1.scd").read_text().replace("\\_", "_")
    text = text.split("\n# ENVIRONMENT\n")[1].split("\n# ")[0]
    bold = set(re.findall(r"\*([A-Z][A-Z0-9_]+)\*", text))
    return {name for name in bold if "_" in name or name in OTHERS or name in table()}


def test_what_is_read_is_in_the_table():
    """Some names are put together: a literal may be the beginning of a name."""
    names = table()
    missing = {
        name: str(path)
        for name, path in read_by_sources().items()
        if name not in names and not any(known.startswith(name.rstrip("_") + "_") for known in names)
    }
    assert not missing


def test_no_setting_of_the_table_is_without_effect():
    own = {name for name in table() if name.startswith("WALE_")}
    assert own <= set(read_by_sources())


def test_the_manual_page_has_the_table():
    assert documented() == set(table()) - UNDOCUMENTED | OTHERS
