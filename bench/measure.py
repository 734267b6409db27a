"""Alternating measurements of whole commands: wall time, CPU time, peak memory."""

import json
import os
import resource
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Sample:
    wall: float
    cpu: float  # of the process and all it has waited for
    peak: float  # MiB of the largest process, or of the tree where that was asked for


def process_tree(pid):
    """This pid and those below it; processes may end meanwhile."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                pass
    return found


def resident(pid):
    """Bytes; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


class TreeWatch(threading.Thread):
    """Looks every 10 ms how much memory a process and those below it have together."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.01):
            self.peak = max(self.peak, sum(map(resident, process_tree(self.pid))))

    def end(self):
        """Returns the most it has seen, in MiB."""
        self.over.set()
        self.join()
        return self.peak / (1 << 20)


@dataclass
class Contender:
    name: str
    command: list | str  # a str is a line for bash, with pipefail
    before: callable = lambda: None  # not measured
    environment: dict = field(default_factory=dict)
    samples: list = field(default_factory=list)

    def run(self, stop_after=None, watches_tree=False):
        self.before()
        is_line = isinstance(self.command, str)
        arguments = ["bash", "-c", "set -o pipefail; " + self.command] if is_line else self.command
        began = time.perf_counter()
        cpu_before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(
            list(map(str, arguments)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, **self.environment},
        )  # fmt: skip
        stop = threading.Timer(stop_after, process.terminate) if stop_after else None
        if stop:
            stop.start()
        watch = TreeWatch(process.pid) if watches_tree else None
        try:
            text = process.stderr.read()
        except SystemExit:
            process.terminate()
            raise
        _, status, usage = os.wait4(process.pid, 0)
        if stop:
            stop.cancel()
        wall = time.perf_counter() - began
        tree = watch.end() if watch else 0
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0 and not stop_after:
            raise RuntimeError(f"{self.name} failed with {process.returncode}:\n{text.decode()}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - cpu_before.ru_utime - cpu_before.ru_stime
        sample = Sample(wall, cpu, max(tree, usage.ru_maxrss / 1024))
        self.samples.append(sample)
        return sample

    def median(self, what):
        return statistics.median(getattr(s, what) for s in self.samples)

    def line(self):
        return self.command if isinstance(self.command, str) else " ".join(map(str, self.command))


@dataclass
class Goal:
    """The wall and CPU ratios to reach against the first rival."""

    wall: float | None = None
    cpu: float | None = None


def digits(ratio):
    return f"{ratio:.2f}" if ratio >= 0.2 else f"{ratio:.3f}"


class Report:
    def __init__(self, pairs):
        self.pairs = pairs
        self.rows = []

    def compare(self, job, ours, rivals, goal, pairs=None):
        """Runs all of them in turn, `pairs` times, after one round that does not count."""
        print(f"\n{job}")
        for contender in (ours, *rivals):
            print(f"  {contender.name}: {contender.line()}", flush=True)
            contender.run()
            contender.samples.clear()
        for _ in range(min(pairs or self.pairs, self.pairs)):
            for contender in (ours, *rivals):
                contender.run()
        row = {"job": job, "goal_wall": goal.wall, "goal_cpu": goal.cpu}
        for contender in (ours, *rivals):
            row[contender.name] = {
                "command": contender.line(),
                "wall": [s.wall for s in contender.samples],
                "cpu": [s.cpu for s in contender.samples],
                "peak_mib": contender.median("peak"),
            }
        first = rivals[0]
        row["wall"] = ours.median("wall") / first.median("wall")
        row["cpu"] = ours.median("cpu") / first.median("cpu")
        self.rows.append(row)
        for contender in (ours, *rivals):
            print(
                f"  {contender.name:14} wall {contender.median('wall'):8.4f} s"
                f"  CPU {contender.median('cpu'):8.4f} s  peak {contender.median('peak'):6.1f} MiB"
            )
        wanted = [f"wall <= {digits(goal.wall)}"] if goal.wall else []
        wanted += [f"CPU <= {digits(goal.cpu)}"] if goal.cpu else []
        print(f"  ratio: wall {digits(row['wall'])}, CPU {digits(row['cpu'])}  (to reach: {', '.join(wanted)})", flush=True)
        return row

    def memory(self, job, contender, limit, stop_after=None):
        sample = contender.run(stop_after, watches_tree=True)
        self.rows.append({"job": job, "command": contender.line(), "peak_mib": sample.peak, "limit_mib": limit})
        print(f"\n{job}\n  {contender.line()}\n  peak {sample.peak:.1f} MiB (to reach: <= {limit})", flush=True)

    def difference(self, job, ours, rival, limit):
        """How many seconds longer ours takes; of ten times the pairs, as each is short."""
        print(f"\n{job}\n  {ours.name}: {ours.line()}\n  {rival.name}: {rival.line()}", flush=True)
        for _ in range(10 * self.pairs):
            ours.run()
            rival.run()
        more = ours.median("wall") - rival.median("wall")
        seconds = {c.name: {"command": c.line(), "wall": [s.wall for s in c.samples]} for c in (ours, rival)}
        self.rows.append({"job": job, "difference": more, "limit": limit, **seconds})
        print(f"  {1e3 * more:.2f} ms more (to reach: <= {1e3 * limit:.0f} ms)", flush=True)

    def rate(self, job, contender, count, least):
        """How many MB/s; `count()` says how many bytes the last run made."""
        print(f"\n{job}\n  {contender.line()}", flush=True)
        contender.run()
        contender.samples.clear()
        rates = [count() / contender.run().wall / 1e6 for _ in range(self.pairs)]
        rate = statistics.median(rates)
        self.rows.append({"job": job, "command": contender.line(), "rates": rates, "rate": rate, "least": least})
        print(f"  {rate:.0f} MB/s (to reach: >= {least})", flush=True)

    def check(self, job, holds, seen):
        self.rows.append({"job": job, "holds": holds, "seen": seen})
        print(f"\n{job}\n  {'yes' if holds else 'NO'}: {seen}", flush=True)

    def table(self):
        lines = ["| job | wall ratio | CPU ratio | ours | rival | to reach |", "|---|---|---|---|---|---|"]
        for row in self.rows:
            if "peak_mib" in row:
                lines.append(f"| {row['job']} | | | {row['peak_mib']:.1f} MiB | | ≤ {row['limit_mib']} MiB |")
                continue
            if "rate" in row:
                lines.append(f"| {row['job']} | | | {row['rate']:.0f} MB/s | | ≥ {row['least']} MB/s |")
                continue
            if "holds" in row:
                lines.append(f"| {row['job']} | | | {'yes' if row['holds'] else '**no**'} | | yes |")
                continue
            names = [k for k, v in row.items() if isinstance(v, dict)]
            seconds = {n: statistics.median(row[n]["wall"]) for n in names}
            if "difference" in row:
                lines.append(
                    f"| {row['job']} | | | {1e3 * seconds[names[0]]:.2f} ms | {1e3 * seconds[names[1]]:.2f} ms "
                    f"| + {1e3 * row['limit']:.0f} ms; is + {1e3 * row['difference']:.2f} |"
                )
                continue
            cpu = {n: statistics.median(row[n]["cpu"]) for n in names}
            goals = [f"wall ≤ {digits(row['goal_wall'])}"] if row["goal_wall"] else []
            goals += [f"CPU ≤ {digits(row['goal_cpu'])}"] if row["goal_cpu"] else []
            lines.append(
                f"| {row['job']} | {digits(row['wall'])} | {digits(row['cpu'])} "
                f"| {seconds[names[0]]:.4f} s, {cpu[names[0]]:.4f} CPU s "
                f"| {seconds[names[1]]:.4f} s, {cpu[names[1]]:.4f} CPU s | {', '.join(goals)} |"
            )
        return "\n".join(lines)

    def write(self, path, machine):
        path.write_text(json.dumps({"machine": machine, "pairs": self.pairs, "rows": self.rows}, indent=1))
