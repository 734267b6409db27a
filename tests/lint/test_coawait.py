"""The co_await lint finds every bad shape, spares every good one, and the tree has none."""

import re
from pathlib import Path

import lint_coawait

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def expected(source):
    marked = []
    for number, line in enumerate(source.split("\n"), 1):
        for reason in re.findall(r"// bad: (.*?)\s*$", line):
            marked.append((number, reason))
    return marked


def test_every_bad_shape_is_found():
    source = (HERE / "samples/bad.cc").read_text()
    last_await = next(
        n for n, line in enumerate(source.split("\n"), 1) if "co_return co_await with(" in line
    )
    wanted = expected(source) + [(last_await, "a capturing lambda")]
    assert lint_coawait.findings(source) == sorted(wanted)


def test_good_shapes_are_spared():
    assert lint_coawait.findings((HERE / "samples/good.cc").read_text()) == []


def test_exit_code_and_message(capsys):
    assert lint_coawait.main([str(HERE / "samples/bad.cc")]) == 1
    assert "bad.cc:4: a statement with co_await holds a capturing lambda" in capsys.readouterr().out
    assert lint_coawait.main([str(HERE / "samples/good.cc")]) == 0


def test_the_tree_is_clean(capsys):
    folders = [str(ROOT / name) for name in ("src", "include", "tests/support", "bench")]
    folders += [str(p) for p in (ROOT / "tests").iterdir() if p.is_dir() and p.name != "lint"]
    assert lint_coawait.main(folders) == 0, capsys.readouterr().out
