# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The systemd unit, as systemd-analyze reads it."""

import re
import shlex
import shutil
import subprocess

import pytest

import harness
from commands import ROOT, assert_understood

FOLDER = ROOT / "deploy/systemd"
UNIT = (FOLDER / "imprintd.service").read_text()
# Of 10; what is left is the network, the machine's root and code made at run time.
MOST_EXPOSURE = 1.0
# One call of @resources more: training makes way for what is served (sched_setscheduler).
MOST_EXPOSURE_OF_SERVER = 1.1

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on this machine"
)


def with_programs(text):
    """Programs that are there, in place of the installed ones."""
    return text.replace("/usr/local/bin", str(harness.IMPRINTD.parent))


@pytest.fixture
def unit(tmp_path):
    path = tmp_path / "imprintd.service"
    path.write_text(with_programs(UNIT))
    return path


def analyze(*arguments):
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("drop_in", [None, "gpu.conf", "secure.conf", "backup.conf"])
def test_it_verifies(unit, drop_in):
    if drop_in:
        folder = unit.with_name("imprintd.service.d")
        folder.mkdir()
        (folder / drop_in).write_text(with_programs((FOLDER / drop_in).read_text()))
    # Not only the exit code: a line that systemd ignores is told, and no more.
    assert analyze("verify", str(unit)) == (0, "")


@needs_systemd
def test_the_backup_verifies_and_is_confined(unit):
    for name in ("imprint-backup.service", "imprint-backup.timer"):
        unit.with_name(name).write_text(with_programs((FOLDER / name).read_text()))
    service = unit.with_name("imprint-backup.service")
    drop_ins = unit.with_name("imprint-backup.service.d")
    drop_ins.mkdir()
    shutil.copy(FOLDER / "secure-backup.conf", drop_ins)
    assert analyze("verify", str(service), str(unit.with_name("imprint-backup.timer"))) == (0, "")
    code, text = analyze(
        "security", "--offline=true", f"--threshold={round(MOST_EXPOSURE * 10)}", str(service)
    )
    assert code == 0, text


@needs_systemd
def test_verifying_finds_what_is_wrong(unit):
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))
    assert "ProtectHomes" in analyze("verify", str(unit))[1]


def test_training_may_lower_its_priority():
    filters = [line for line in UNIT.splitlines() if line.startswith("SystemCallFilter=")]
    assert filters[-1] == "SystemCallFilter=sched_setscheduler", "else EPERM, behind the groups"


@needs_systemd
def test_it_is_confined(unit):
    code, text = analyze(
        "security",
        "--offline=true",
        f"--threshold={round(MOST_EXPOSURE_OF_SERVER * 10)}",
        str(unit),
    )
    assert code == 0, text


@pytest.mark.parametrize("name", ["imprintd.service", "secure.conf"])
def test_imprintd_understands_its_flags(name, tmp_path):
    text = (FOLDER / name).read_text()
    command = re.search(r"^ExecStart=\S+ (.*)$", text, re.MULTILINE)[1]
    command = command.replace("%d", "/run/credentials/imprintd.service")
    env = dict(re.findall(r"^([A-Z]+)=(.*)$", (FOLDER / "imprintd.env").read_text(), re.MULTILINE))
    command = command.replace("%S", "/var/lib").replace("${MODEL}", env["MODEL"])
    assert_understood(shlex.split(command.replace("$FLAGS", env["FLAGS"])), tmp_path)


def test_it_is_started_when_it_listens():
    # tests/integration/test_service.py has what the server tells.
    assert "Type=notify\n" in UNIT


def test_it_has_the_time_that_the_drain_takes():
    assert "TimeoutStopSec=90s" in UNIT
    code, text = harness.run_to_end([str(harness.IMPRINTD), "--help"])
    assert code == 0
    assert "--drain_deadline DURATION=30s" in text
