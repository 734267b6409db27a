"""A scratch PostgreSQL cluster: one data directory, one server that listens on a Unix socket only.

Runs as the calling user, which must not be root. psql and pgbench are Debian's for every version.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from support.install import DEBIAN

DEADLINE = 120  # seconds for a server to start, stop or reach a state

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "20",
    "shared_buffers": "32MB",
    "fsync": "off",  # the machine does not crash, only processes do
    "autovacuum": "off",
    # A checkpoint takes archived segments away, and writes pages: only where a test asks for one.
    "checkpoint_timeout": "1h",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "log_min_messages": "info",
    "log_line_prefix": "%m [%p] ",
    "logging_collector": "off",
    # In the data directory, so that a killed server leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}


class PsqlError(Exception):
    pass


def wait_until(condition, what, deadline=DEADLINE, interval=0.02):
    """Polls until condition() is true and returns its value; fails with `what` at the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"after {deadline} s: {what() if callable(what) else what}")
        time.sleep(interval)


def ended_within(process, seconds, nap=0.01):
    """The exit code, None if it runs on. The time is counted in naps: one in which the whole machine stood
    still is not held against the process."""
    for _ in range(round(seconds / nap)):
        if process.poll() is not None:
            break
        time.sleep(nap)
    return process.poll()


def is_alive(pid):
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


class Cluster:
    def __init__(self, folder, major="15", install=DEBIAN):
        """`folder` gets data/ and the socket; `install` holds bin/ of the server."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.major = major
        self.version = float(major)
        self.install = Path(install)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.settings = dict(SETTINGS, unix_socket_directories=str(self.folder))

    # -- programs

    def environment(self, **more):
        """What libpq needs to find this server, and no trace of another one."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "WALE_"))}
        return {**clean, **self.address(), **more}

    def address(self):
        return {"PGHOST": str(self.folder), "PGPORT": "5432", "PGUSER": "postgres"}

    def server_program(self, name, *arguments, check=True):
        done = subprocess.run(
            [self.install / "bin" / name, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment(),
            text=True,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{name} failed:\n{done.stdout}\n{self.log_tail()}")
        return done

    def sql(self, statements, database="postgres", timeout=DEADLINE, **environment):
        """Runs the statements in one session and returns what they print, without final newline."""
        done = subprocess.run(
            [DEBIAN / "bin/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"],
            input=statements,
            capture_output=True,
            env=self.environment(**environment),
            text=True,
            timeout=timeout,
        )
        if done.returncode != 0:
            raise PsqlError(done.stderr)
        return done.stdout.rstrip("\n")

    def pgbench(self, *arguments):
        """Starts Debian's pgbench; the caller waits for it."""
        return subprocess.Popen(
            [DEBIAN / "bin/pgbench", *map(str, arguments), "postgres"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self.environment(),
            text=True,
        )

    # -- life

    def initdb(self, *options):
        self.server_program(
            "initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8",
            "--locale=C", "-N", *options,
        )  # fmt: skip
        return self

    def configure(self, **settings):
        """Writes postgresql.conf anew; a setting of None is left out."""
        self.settings.update(settings)
        lines = [
            f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'"
            for name, value in self.settings.items()
            if value is not None
        ]
        (self.data / "postgresql.conf").write_text("\n".join(lines) + "\n")
        return self

    def start(self, wait=True):
        """Starts the server; with wait, until it accepts connections (not so in a failed recovery)."""
        end = ["-w", "-t", DEADLINE] if wait else ["-W"]
        self.server_program("pg_ctl", "start", "-s", "-D", self.data, "-l", self.log, *end)
        return self

    def stop(self, mode="fast"):
        if self.pid() is None:
            return
        wait = ["-w", "-t", DEADLINE]
        done = self.server_program("pg_ctl", "stop", "-s", *wait, "-m", mode, "-D", self.data, check=False)
        # It may have ended by itself meanwhile.
        if done.returncode != 0 and self.pid() is not None:
            raise RuntimeError(f"the server does not stop:\n{done.stdout}\n{self.log_tail()}")

    def reload(self):
        self.server_program("pg_ctl", "reload", "-s", "-D", self.data)

    def promote(self):
        self.server_program("pg_ctl", "promote", "-s", "-D", self.data)
        wait_until(lambda: not self.in_recovery(), "the server is not promoted")

    def pid(self):
        """The live postmaster's, None when there is none."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if is_alive(pid) else None

    def kill(self):
        """kill -9 of the whole server, and waits until nothing of it is left."""
        pid = self.pid()
        family = [pid, *children(pid)]
        commands = [push for one in family[1:] if "archiver" in title(one) for push in children(one)]
        segment = (self.data / "postmaster.pid").read_text().split("\n")[6].split()[-1]
        for one in family:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_until(lambda: not any(map(is_alive, family)), "the killed server lives on")
        # Nobody has told it, so it goes on.
        wait_until(lambda: not any(map(is_alive, commands)), "its archive_command does not end")
        subprocess.run(["ipcrm", "-m", segment], stderr=subprocess.DEVNULL)
        # Where nothing reaps orphans the next server would take the zombie for a running one.
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)

    def log_tail(self, lines=40):
        return "\n".join(self.log.read_text(errors="replace").split("\n")[-lines:]) if self.log.exists() else ""

    # -- state

    def in_recovery(self):
        return self.sql("SELECT pg_is_in_recovery()") == "t"

    def answers(self):
        try:
            return self.sql("SELECT 1") == "1"
        except PsqlError:
            return False

    def wal(self, function):
        """The name of a WAL function in this version: `switch`, `current_lsn`."""
        old = {"switch": "pg_switch_xlog", "current_lsn": "pg_current_xlog_location"}
        new = {"switch": "pg_switch_wal", "current_lsn": "pg_current_wal_lsn"}
        return (new if self.version >= 10 else old)[function]

    def wal_folder(self):
        return self.data / ("pg_wal" if self.version >= 10 else "pg_xlog")

    def switch_wal(self):
        """Ends the current segment and returns its name, once it is certain to be archived next."""
        name = "pg_walfile_name" if self.version >= 10 else "pg_xlogfile_name"
        self.sql("CREATE TABLE IF NOT EXISTS switches (at timestamptz); INSERT INTO switches VALUES (now())")
        return self.sql(f"SELECT {name}({self.wal('switch')}())")

    def wait_archived(self, segment, deadline=DEADLINE):
        """Until the server's own archiver says that it has archived this segment or a later one."""
        wait_until(
            lambda: self.sql("SELECT last_archived_wal FROM pg_stat_archiver")[:24] >= segment,
            lambda: f"{segment} is not archived\n{self.log_tail()}",
            deadline,
        )

    def table_sums(self, database="postgres"):
        """{table: (rows, checksum)} over every ordinary table outside the system's schemas."""
        tables = self.sql(
            "SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1",
            database,
        ).split()
        digest = "hashtextextended(t.*::text, 0)" if self.version >= 11 else "hashtext(t.*::text)"
        sums = self.sql(
            ";".join(
                f"SELECT '{t}', count(*), coalesce(sum({digest}::numeric), 0) FROM {t} t"
                for t in tables
            ),
            database,
        )
        return {row.split("|")[0]: tuple(row.split("|")[1:]) for row in sums.split("\n") if row}

    # -- recovery

    def recover(self, restore_command, mode="recovery", **settings):
        """Prepares recovery: `mode` is recovery or standby. The next start() runs it."""
        if self.version >= 12:
            (self.data / f"{mode}.signal").touch()
            self.configure(restore_command=restore_command, **settings)
            return self
        lines = {"restore_command": restore_command, "standby_mode": "on" if mode == "standby" else "off"}
        lines["recovery_target_timeline"] = settings.pop("recovery_target_timeline", "latest")
        text = "".join(f"{k} = '{v.replace(chr(39), chr(39) * 2)}'\n" for k, v in lines.items())
        (self.data / "recovery.conf").write_text(text)
        self.configure(hot_standby="on", **settings)
        return self


def title(pid):
    """As the process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid):
    """Pids of the direct children."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found
