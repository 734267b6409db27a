"""What a command line is not understood of neither installs nor builds."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    """A PATH with nothing that could install or build."""
    folder = tmp_path_factory.mktemp("bin")
    for program in ("dirname", "readlink", "sed", "bash"):
        (folder / program).symlink_to(shutil.which(program))
    return folder


@pytest.mark.parametrize(
    "line",
    ["tools/demo --help", "tools/demo --store", "tools/demo --store tape", "tools/demo s3", "tools/test --help",
     "tools/build", "tools/build --help", "tools/install-packages --help"],
)  # fmt: skip
def test_usage(harmless, line):
    program, *words = line.split()
    done = subprocess.run([ROOT / program, *words], env={"PATH": str(harmless)}, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"usage: {program} "), done.stderr
