"""tools/summary.py counts what Catch2 2.13, meson and pytest really print."""

import json
import subprocess
import sys
from pathlib import Path

SUMMARY = Path(__file__).resolve().parent.parent.parent / "tools/summary.py"
PASSED = "=====\nAll tests passed (123 assertions in 45 test cases)\n\n"
ONE = "=====\nAll tests passed (1 assertion in 1 test case)\n\n"
FAILED = "=====\ntest cases:  7 |  5 passed |  2 failed\nassertions: 19 | 16 passed | 3 failed\n\n"


def total(tmp_path, *tests, xml=None):
    lines = [json.dumps({"name": n, "result": r, "stdout": o}) for n, r, o in tests]
    files = [tmp_path / "unit.json"]
    files[0].write_text("\n".join(lines) + "\n")
    if xml is not None:
        files.append(tmp_path / "e2e.xml")
        files[1].write_text(xml)
    done = subprocess.run([sys.executable, SUMMARY, *files], capture_output=True, text=True)
    return done.returncode, done.stdout.rstrip("\n").split("\n")[-1]


def test_all_passed(tmp_path):
    assert total(tmp_path, ("a", "OK", PASSED), ("b", "OK", ONE)) == (0, "46 passed, 0 failed")


def test_some_failed(tmp_path):
    assert total(tmp_path, ("a", "OK", ONE), ("b", "FAIL", FAILED)) == (1, "6 passed, 2 failed")


def test_one_died_or_took_too_long(tmp_path):
    assert total(tmp_path, ("a", "FAIL", "half"), ("b", "TIMEOUT", "")) == (1, "0 passed, 2 failed")
    # A sanitizer may fail the program after Catch2 was content.
    assert total(tmp_path, ("a", "FAIL", ONE)) == (1, "1 passed, 1 failed")


def test_junit(tmp_path):
    xml = """<testsuites><testsuite><testcase classname="a" name="x"/>
      <testcase classname="a" name="y"><failure/></testcase>
      <testcase classname="a" name="z"><error/></testcase>
      <testcase classname="a" name="w"><skipped/></testcase></testsuite></testsuites>"""
    assert total(tmp_path, ("a", "OK", ONE), xml=xml) == (1, "2 passed, 2 failed, 1 skipped")


def test_what_was_skipped_is_named(tmp_path):
    (tmp_path / "e2e.xml").write_text(
        """<testsuites><testsuite><testcase classname="a" name="x"/>
        <testcase classname="a" name="w"><skipped/></testcase></testsuite></testsuites>"""
    )
    done = subprocess.run([sys.executable, SUMMARY, tmp_path / "e2e.xml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "SKIPPED a::w\n1 passed, 0 failed, 1 skipped\n")


def test_what_failed_is_named_with_its_reason(tmp_path):
    rule, dots = "-" * 79, "." * 79
    catch2 = f"""{rule}
the name of the test
{rule}
../tests/a.cc:3
{dots}

../tests/a.cc:7: FAILED:
  REQUIRE( in_vain == 0 )
with expansion:
  1 == 0

=====
test cases:  7 |  5 passed |  2 failed
"""
    (tmp_path / "unit.json").write_text(json.dumps({"name": "a", "result": "FAIL", "stdout": catch2}))
    (tmp_path / "e2e.xml").write_text(
        """<testsuites><testsuite><testcase classname="a" name="y"><failure message="m">    def f():
&gt;       assert 1 == 2
E       assert 1 == 2

a.py:5: AssertionError</failure></testcase></testsuite></testsuites>"""
    )
    done = subprocess.run(
        [sys.executable, SUMMARY, tmp_path / "unit.json", tmp_path / "e2e.xml"], capture_output=True, text=True
    )
    assert done.stdout == """FAILED a (2)
  | the name of the test
  | ../tests/a.cc:7: FAILED:
  |   REQUIRE( in_vain == 0 )
  | with expansion:
  |   1 == 0
FAILED a::y
  | E       assert 1 == 2
5 passed, 3 failed
"""


def test_results_that_are_not_there(tmp_path):
    assert total(tmp_path, ("a", "OK", ONE), xml="") == (1, "1 passed, 1 failed")
    done = subprocess.run([sys.executable, SUMMARY, tmp_path / "none.xml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split("\n")[-2]) == (1, "0 passed, 1 failed")
