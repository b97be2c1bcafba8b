# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The crash tester for about three minutes, and that its failpoints are where they should be."""

import json
import os
import pathlib
import re
import subprocess

import harness
import tester

RUN = pathlib.Path(__file__).parent / "run"
# CI's share; more is one command (README.md).
SECONDS = float(os.environ.get("IMPRINT_CRASH_SECONDS", "150"))


def run_tester(*words):
    done = subprocess.run(
        [str(RUN), *words], capture_output=True, text=True, timeout=SECONDS + 900, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_every_point_is_in_the_sources_once():
    used = []
    for room in ("common", "server"):
        for path in (harness.ROOT / room).rglob("*.cc"):
            used += re.findall(r'IMPRINT_FAILPOINT(?:_OR_RETURN)?\("([^"]+)"\)', path.read_text())
    assert sorted(used) == sorted(tester.points())


def test_the_server_that_is_shipped_has_no_points():
    variable = b"IMPRINT_FAILPOINTS"
    assert variable in tester.IMPRINTD.read_bytes()
    assert variable not in harness.IMPRINTD.read_bytes()


def test_a_misspelt_point_is_refused():
    done = subprocess.run(
        [str(tester.IMPRINTD)],
        env={**os.environ, "IMPRINT_FAILPOINTS": "comit.before=crash"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "comit.before" in done.stderr


def test_what_is_acknowledged_is_kept_and_committed_once(tmp_path):
    code, output = run_tester("--kills=100000", "--seed=1", f"--seconds={SECONDS}",
                              f"--data_dir={tmp_path / 'crash'}")  # fmt: skip
    counts = json.loads(output.splitlines()[-1])
    assert code == 0, output
    assert counts["kills"] >= 5, output
    assert counts["acknowledged"] > 0, output


def test_it_goes_on_where_it_stopped(tmp_path):
    folder = f"--data_dir={tmp_path / 'crash'}"
    assert run_tester("--kills=1", "--seed=7", folder)[0] == 0
    assert "--resume" in run_tester("--kills=2", "--seed=7", folder)[1]
    code, output = run_tester("--kills=2", "--seed=7", folder, "--resume", "--json")
    assert code == 0, output
    (line,) = output.splitlines()
    assert json.loads(line)["kills"] >= 2
