"""Before backup-fetch ends with 0 all of it is durable: seen by its system calls, and by ones that fail."""

import pytest
from support.trace import paths, traced

WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "copy_file_range", "ftruncate"}
# Without the facts of the file system nobody knows that syncfs can be trusted there.
NO_FACTS = "fstatfs:error=ENOSYS"


@pytest.fixture
def fetching(session_archive):
    """With threads strace sees each call on a file."""
    return session_archive.tool.with_environment(WALE_IO="threads")


def test_the_file_system_is_synced_before_pg_control_has_its_name(fetching, folder):
    target = folder / "pg"
    calls = traced(fetching, folder, "backup-fetch", target, "LATEST")
    synced = [n for n, (name, rest) in enumerate(calls) if name == "syncfs" and f"<{target}>" in rest]
    named = [
        n for n, (name, rest) in enumerate(calls)
        if name.startswith("rename") and f'"{target}/global/pg_control"' in rest
    ]  # fmt: skip
    assert len(synced) == len(named) == 1 and synced < named
    below = [(name, paths([(name, rest)], name)) for name, rest in calls[synced[0] :] if name in WRITES]
    assert not [path for _, found in below for path in found if path.startswith(str(target))]
    assert str(target / "global") in paths(calls[named[0] :], "fsync")


def test_elsewhere_every_file_and_directory_is_synced(fetching, folder):
    """All but symbolic links, as with WAL-E."""
    target = folder / "pg"
    calls = traced(fetching, folder, "backup-fetch", target, "LATEST", inject=NO_FACTS)
    assert not paths(calls, "syncfs")
    wanted = {str(p) for p in [target, *target.rglob("*")] if not p.is_symlink()}
    assert len(wanted) > 500
    # It was held under another name.
    control = str(target / "global/pg_control")
    assert wanted - {control} <= paths(calls, "fsync", "fdatasync")
    held = {p for p in paths(calls, "fsync", "fdatasync") if p.startswith(str(target / ".wal-e-"))}
    assert held, "pg_control is not durable before it gets its name"


def test_a_disk_that_loses_writes_is_told(fetching, folder):
    target = folder / "pg"
    traced(fetching, folder, "backup-fetch", target, "LATEST", inject="syncfs:error=EIO", code=1)
    assert not (target / "global/pg_control").exists()
    fetching.run("backup-fetch", target, "LATEST")
    assert (target / "global/pg_control").exists()
