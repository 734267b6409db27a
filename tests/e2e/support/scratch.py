"""Where tests and the demo keep things: a cache that stays, and a scratch folder that does not.

PostgreSQL refuses to run as root, and "unreadable" means nothing to root. So root hands the work
to a child that is an unprivileged user, and what that user needs is copied to where it can read it.
"""

import os
import pwd
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

UNPRIVILEGED = "postgres"  # made by Debian's postgresql-common


def cache_folder():
    """Downloads and unpacked servers; survives, may be shared by several runs."""
    folder = Path(os.environ.get("WALE_CACHE") or Path.home() / ".cache/wal-e-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make_scratch(name):
    """A new folder that the unprivileged user may enter; on a disk, as /tmp may be memory."""
    base = os.environ.get("WALE_SCRATCH") or "/var/tmp"
    folder = Path(tempfile.mkdtemp(prefix=f"wal-e-{name}.", dir=base))
    folder.chmod(0o755)
    return folder


def run_unprivileged(folder, work):
    """Runs work() in a child that is not root, with `folder` as its home; returns its exit code.

    SIGTERM and SIGINT of the parent reach it as SIGTERM.
    """
    user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.environ["HOME"] = str(folder)
            os.chdir(folder)
            if user:
                os.setgroups([user.pw_gid])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
                os.environ["USER"] = os.environ["LOGNAME"] = UNPRIVILEGED
            code = work()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:  # the child must not return into the parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code or 0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def copy_readable(source, target):
    """Copies a file or folder so that every user can read it, links as links."""
    source, target = Path(source), Path(target)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    for path in [target, *(target.rglob("*") if target.is_dir() else ())]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return target
