# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What agent authors copy: each runs, and does what it says."""

import os
import re
import subprocess
import sys

import pytest

import wheel
from imprint import Client, State

EXAMPLES = wheel.PACKAGE / "examples"


@pytest.fixture
def threads(server):
    with Client(server.address) as client:
        yield client


def start(server, *words):
    """Runs a program against the server; gives its exit code and what it wrote."""
    environment = dict(
        os.environ, IMPRINT_SERVER=server.address, PYTHONPATH=str(wheel.BUILD / "site")
    )
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def run(server, example, *words):
    code, said = start(server, EXAMPLES / example, *words)
    assert code == 0, said
    return said


def test_remember_conversation(server, threads, label):
    user = label["test"]
    said = run(server, "remember_conversation.py", "--user", user)
    name, version = re.search(r"(experiences/\d+) is in version (\d+)", said).groups()
    experience = threads.experiences.get(name)
    assert experience.state is State.INTEGRATED
    assert experience.labels == {"user": user}
    assert [m.role for m in experience.messages] == ["system"] + ["user", "assistant"] * 2
    assert f"\nversion {version}: " in said
    assert "\nwithout what it learned: " in said


def test_ingest_notes(server, threads, tmp_path):
    (tmp_path / "a.md").write_text("The mill at Orrin grinds rye.")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/b.txt").write_text("Runa owns the mill.")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "c.bin").write_text("Not a note.")

    def names(said):
        return dict(re.findall(r"^(\S+): (experiences/\d+)", said, re.M))

    first = run(server, "ingest_notes.py", tmp_path)
    assert "2 notes are in version" in first
    assert set(names(first)) == {"a.md", "deeper/b.txt"}
    assert threads.experiences.get(names(first)["a.md"]).state is State.INTEGRATED

    # One note changes; the other is known.
    (tmp_path / "a.md").write_text("The mill at Orrin grinds oats.")
    second = run(server, "ingest_notes.py", tmp_path)
    assert names(second)["deeper/b.txt"] == names(first)["deeper/b.txt"]
    assert names(second)["a.md"] != names(first)["a.md"]
    assert threads.experiences.get(names(first)["a.md"]).state is State.FORGOTTEN

    # And back: the old text is learned anew.
    (tmp_path / "a.md").write_text("The mill at Orrin grinds rye.")
    third = run(server, "ingest_notes.py", tmp_path)
    learned = threads.experiences.get(names(third)["a.md"])
    assert (learned.state, learned.text) == (State.INTEGRATED, "The mill at Orrin grinds rye.")


def test_wait_for_integration(server, threads):
    said = run(server, "wait_for_integration.py")
    (name,) = re.findall(r"^(experiences/\d+) is queued$", said, re.M)
    assert re.search(rf"from the prompt \(.*{name}\b.*\): ", said)
    assert re.search(
        rf"^{name} is in version \d+, efficacy (-?\d+\.\d\d|not measured)$", said, re.M
    )
    assert threads.experiences.get(name).state is State.INTEGRATED

    threads.updates.pause()
    try:
        code, said = start(server, EXAMPLES / "wait_for_integration.py", "Paused.", "What?")
        assert code == 1
        assert "is accepted, and learned when updates go on: " in said
    finally:
        threads.updates.resume()


def test_roll_back(server, threads, label):
    experience = threads.inject("Oskar rows at dawn.", labels=label, wait="integrated")
    before = threads.versions.get(experience.version)
    said = run(server, "roll_back.py", "--release")
    assert re.search(rf"^ *{before.number}\* ", said, re.M), "it is marked as the current one"
    assert f"version {before.parent} answers now" in said
    assert threads.status().version == before.parent
    assert f"{experience.name} is ready" in said
    code, said = start(server, EXAMPLES / "roll_back.py", "--to=1000000")
    assert code == 1
    assert "cannot go to version 1000000" in said


def test_the_readmes_example(server, threads, tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", (wheel.PACKAGE / "README.md").read_text(), re.S)
    assert '"127.0.0.1:50051"' in program
    file = tmp_path / "readme.py"
    file.write_text(program.replace("127.0.0.1:50051", server.address))
    code, said = start(server, file)
    assert code == 0, said
    assert "not learned" not in said
    (experience,) = [e for e in threads.experiences.list() if e.request_id == "ferry-1"]
    assert experience.state is State.FORGOTTEN
