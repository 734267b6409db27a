"""Segments of one name and cluster with different content."""

import os
import shutil


def two_contents(archive, folder):
    """(name, [path, path]): one as the server made it, the other differs at its end."""
    name = archive.archive_commits()
    paths = []
    for side in ("left", "right"):
        path = folder / side / name
        path.parent.mkdir()
        shutil.copy(archive.cluster.wal_folder() / name, path)
        paths.append(path)
    with open(paths[1], "r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(b"\xffother\xff\x01")
    return name, paths
