"""What the end-to-end tests share. `tests/e2e/run` prepares the scratch folder and calls pytest."""

import itertools
import os
import shutil
from pathlib import Path

import pytest
from support.archive import Archive
from support.install import DEBIAN
from support.original import OriginalTool
from support.postgres import Cluster
from support.tool import Store, Tool

pytest_plugins = ["support.s3.fixtures", "support.stores.fixtures_azure", "support.stores.fixtures_gcs"]

# Segments of 1 MiB (PostgreSQL 11 and later) keep the archives of most tests small.
SMALL_SEGMENTS = "--wal-segsize=1"

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def scratch():
    return Path(os.environ["WALE_TEST_SCRATCH"])


@pytest.fixture(scope="session")
def data(scratch):
    """tests/data"""
    return scratch / "tests/data"


@pytest.fixture(scope="session")
def install(scratch):
    """install(major) is the folder with bin/ of that PostgreSQL."""
    return lambda major: DEBIAN if major == "15" else scratch / "postgresql" / major


def new_folder(scratch):
    # Short, because a socket's path may have 107 bytes.
    folder = scratch / "t" / str(next(numbers))
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def folder(scratch):
    return new_folder(scratch)


@pytest.fixture(scope="session")
def binary(scratch):
    return scratch / "bin/wal-e"


@pytest.fixture(scope="session")
def failpoint_binary(scratch):
    return scratch / "bin/wal-e-failpoints"


@pytest.fixture(scope="session")
def tool(binary):
    """wal-e without any prefix."""
    return Tool(binary)


@pytest.fixture(scope="session")
def original(scratch):
    """WAL-E 1.1.1 without any prefix; it runs psql, lzop and pv."""
    path = "/usr/lib/postgresql/15/bin:/usr/bin:/bin"
    return OriginalTool(scratch / "original-wal-e", PATH=path, HOME=str(scratch))


@pytest.fixture
def store(folder):
    return Store(folder / "store")


@pytest.fixture
def stored(tool, store):
    """wal-e with the prefix of `store`."""
    return tool.with_environment(WALE_FILE_PREFIX=store.url)


@pytest.fixture
def small_disk():
    """A file system of a few MiB, empty; tests/e2e/run mounts it, which takes root."""
    path = os.environ.get("WALE_SMALL_DISK")
    if not path:
        pytest.skip("no small disk: it takes root and the right to mount one")
    yield Path(path)
    for entry in Path(path).iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


class Clusters:
    """Makes clusters and stops all of them at the end."""

    def __init__(self, tool, install):
        self.tool, self.install, self.made = tool, install, []

    def archive(self, folder, major="15", tool=None, **options):
        archive = Archive(folder, tool or self.tool, major, self.install(major), **options)
        self.made.append(archive.cluster)
        return archive

    def cluster(self, folder, major="15"):
        return self.track(Cluster(folder, major, self.install(major)))

    def track(self, cluster):
        self.made.append(cluster)
        return cluster

    def stop(self):
        for cluster in self.made:
            if cluster.data.exists():
                cluster.stop("immediate")


@pytest.fixture
def clusters(tool, install):
    made = Clusters(tool, install)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def session_archive(scratch, tool, install):
    """A PostgreSQL 15 that archives 1 MiB segments, with one backup; tests may add, not take away."""
    made = Clusters(tool, install)
    archive = made.archive(new_folder(scratch)).start(SMALL_SEGMENTS)
    try:
        archive.archive_commits(10)
        archive.backup()
        archive.archive_commits(10)
        yield archive
    finally:
        made.stop()
