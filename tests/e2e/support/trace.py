"""System calls of a command, by strace."""

import re
import subprocess

CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")
FIRST_PATH = re.compile(r"\d+<([^>]*)>")


def traced(tool, folder, *arguments, inject=None, code=0):
    """[(call, arguments)] of all threads; descriptors are shown with their paths. `inject` is strace's."""
    output = folder / "trace"
    command = ["strace", "-f", "-qq", "-y", "-s", "0", "-o", output]
    command += ["-e", "trace=all", "-e", f"inject={inject}"] if inject else []
    run = subprocess.run(
        [*command, *tool.command(*arguments)], env=tool.environment, capture_output=True, text=True
    )
    assert run.returncode == code, run.stderr
    found = [CALL.match(line) for line in output.read_text(errors="replace").split("\n")]
    return [(match.group(1), match.group(2)) for match in found if match]


def on(path, calls):
    """The calls whose first argument is a descriptor below this path."""
    return [name for name, rest in calls if re.match(rf"\d+<{re.escape(str(path))}", rest)]


def paths(calls, *names):
    """The paths of the descriptors that these calls got as their first argument."""
    return {FIRST_PATH.match(rest).group(1) for name, rest in calls if name in names}
