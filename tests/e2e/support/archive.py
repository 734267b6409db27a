"""A cluster that archives to a store: what most end-to-end tests begin with."""

from support.postgres import Cluster, wait_until
from support.tool import Store


class Archive:
    def __init__(self, folder, tool, major="15", install=None, store=None):
        self.folder = folder
        self.cluster = Cluster(folder / "pg", major, *([install] if install else []))
        self.store = store or Store(folder / "store")
        self.tool = tool.with_environment(**self.store.environment(), **self.cluster.address())
        self.commits = 0

    def start(self, *initdb, **settings):
        self.cluster.initdb(*initdb)
        self.cluster.configure(
            archive_mode="on",
            archive_command=self.tool.shell(self.folder / "env", "wal-push %p"),
            **settings,
        )
        self.cluster.start()
        self.cluster.sql("CREATE TABLE commits (id int PRIMARY KEY, at timestamptz DEFAULT now())")
        return self

    def commit(self, count=1):
        """So many transactions of one row each; their numbers go on from call to call."""
        first, self.commits = self.commits + 1, self.commits + count
        self.cluster.sql(
            ";".join(f"INSERT INTO commits VALUES ({n})" for n in range(first, self.commits + 1))
        )

    def archive_commits(self, count=1):
        """Commits, ends the segment and waits until the store has it; returns the segment."""
        self.commit(count)
        segment = self.cluster.switch_wal()
        self.wait_stored(segment)
        return segment

    def stop_archiving(self):
        """Every archive_command fails from here on. Ends a segment: the archiver may be in a call with the
        old command, which stores neighbours too, until it says that the new one failed."""
        self.cluster.configure(archive_command="/bin/false")
        self.cluster.reload()
        self.commit()
        self.cluster.switch_wal()
        failed = "SELECT failed_count > 0 FROM pg_stat_archiver"
        wait_until(lambda: self.cluster.sql(failed) == "t", "the archiver does not fail")

    def wait_stored(self, segment):
        wait_until(
            lambda: self.store.has(f"wal_005/{segment}.lzo"),
            lambda: f"{segment} is not archived\n{self.cluster.log_tail()}",
        )

    def backup(self, *options, **run):
        """Makes a backup and returns its name."""
        before = set(self.store.backups())
        self.tool.run("backup-push", "--checkpoint=fast", *options, self.cluster.data, **run)
        (new,) = set(self.store.backups()) - before
        return new

    def restore(self, folder, name="LATEST", tool=None, **settings):
        """Fetches the backup beside the original and prepares its recovery; not started."""
        copy = Cluster(folder, self.cluster.major, self.cluster.install)
        (tool or self.tool).run("backup-fetch", copy.data, name)
        self.prepare_recovery(copy, **settings)
        return copy

    def prepare_recovery(self, copy, mode="recovery", tool=None, **settings):
        command = (tool or self.tool).shell(copy.folder / "env", 'wal-fetch "%f" "%p"')
        copy.recover(command, mode, archive_mode="off", **settings)


def finish_recovery(copy):
    """Starts the server and waits until it has left recovery."""
    copy.start()
    wait_until(
        lambda: copy.answers() and not copy.in_recovery(),
        lambda: f"recovery does not end\n{copy.log_tail()}",
    )
    return copy


def check_recovers(archive, name, copy_folder, clusters):
    """That backup and the WAL behind it give all that the cluster has by now; the copy is stopped."""
    archive.archive_commits()
    copy = clusters.track(archive.restore(copy_folder, name))
    finish_recovery(copy)
    assert copy.table_sums() == archive.cluster.table_sums()
    copy.stop()


def commits_of(cluster):
    """(how many, the highest): equal when none is missing."""
    count, highest = cluster.sql("SELECT count(*), coalesce(max(id), 0) FROM commits").split("|")
    return int(count), int(highest)
