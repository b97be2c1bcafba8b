# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""tests/totals.py: what did not run is not counted as passed."""

import json
import sys

import pytest

import harness

PASSED = {"testsuites": [{"name": "S", "testsuite": [{"name": "a", "result": "COMPLETED"}]}]}
CTEST = '<testsuite><testcase name="p" status="run"/></testsuite>'
CARGO = "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\n"
PYTEST = '<testsuites><testsuite><testcase classname="c" name="n"/></testsuite></testsuites>'


def totals(folder, **reports):
    """Exit status and last line for a run that left these files."""
    for name, text in reports.items():
        (folder / name.replace("__", ".")).write_text(text)
    code, output = harness.run_to_end(
        [sys.executable, str(harness.ROOT / "tests/totals.py"), str(folder)]
    )
    return code, output.splitlines()


def test_all_reports_are_added_up(tmp_path):
    code, lines = totals(
        tmp_path,
        ctest__xml=CTEST,
        p__json=json.dumps(PASSED),
        cargo__txt=CARGO,
        pytest__xml=PYTEST,
        lint__step="passed",
    )
    assert (code, lines) == (0, ["5 passed, 0 failed, 1 skipped"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ctest.xml", "<testsuite/>"),
        ("ctest.xml", ""),
        ("cargo.txt", "error: could not compile\n"),
        ("cargo.txt", "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured\n"),
        ("pytest-eval.xml", "<testsuites/>"),
    ],
)
def test_a_report_without_a_case_fails(tmp_path, name, text):
    code, lines = totals(tmp_path, pytest__xml=PYTEST, **{name.replace(".", "__"): text})
    assert code == 1
    assert lines[0].startswith(f"FAILED  {name}: the report ")
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_program_that_died_before_its_report_fails(tmp_path):
    code, lines = totals(tmp_path, ctest__xml=CTEST.replace('"run"', '"fail"'))
    assert (code, lines[-1]) == (1, "0 passed, 1 failed, 0 skipped")


def test_nothing_at_all_fails(tmp_path):
    assert totals(tmp_path) == (1, ["0 passed, 0 failed, 0 skipped"])
