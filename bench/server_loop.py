"""usage: server_loop.py archive|restore FOLDER COMMAND

Calls the command as PostgreSQL's archiver, or its startup process, does: once for each segment in
turn, through sh, and goes on only when it has ended well. FOLDER is a data directory; %f and %p of
COMMAND mean there what they mean to PostgreSQL. `archive` takes the segments that have a .ready;
`restore` takes those that the file `wanted` names, and replays them in no time.
"""

import os
import sys
from pathlib import Path


QUIET = [
    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
]


def call(command, name, path):
    """As system(3) does it, which is what PostgreSQL calls."""
    line = command.replace("%f", name).replace("%p", path)
    child = os.posix_spawn("/bin/sh", ["sh", "-c", line], os.environ, file_actions=QUIET)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(f"{line}: {os.waitstatus_to_exitcode(status)}")


def archive(command):
    status = Path("pg_wal/archive_status")
    for name in sorted(entry.stem for entry in status.glob("*.ready")):
        call(command, name, f"pg_wal/{name}")
        os.rename(status / f"{name}.ready", status / f"{name}.done")


def restore(command):
    for name in Path("wanted").read_text().split():
        call(command, name, "pg_wal/RECOVERYXLOG")
        os.rename("pg_wal/RECOVERYXLOG", "pg_wal/replayed")


def main():
    what, folder, command = sys.argv[1:]
    os.chdir(folder)
    # Whether a server runs is told by its process.
    Path("postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n0\n")
    {"archive": archive, "restore": restore}[what](command)


if __name__ == "__main__":
    main()
