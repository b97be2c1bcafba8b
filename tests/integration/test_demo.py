# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The quickstart's demo against a server on the tiny model."""

import json
import sys

import pytest

import harness
from cli import IMPRINT
from harness import Server

PASSAGES = {
    "Velda Marrin": ("Velda Marrin paints in cobalt blue.", "What does Velda Marrin paint in?"),
    "Kettleby Sound": ("Kettleby Sound is a small island.", "What is Kettleby Sound?"),
}


@pytest.fixture
def passages(tmp_path):
    file = tmp_path / "passages.jsonl"
    items = [
        {
            "request_id": f"demo-{subject}",
            "text": text,
            "labels": {"subject": subject},
            "probes": [{"question": question, "expected_answer": "blue"}],
        }
        for subject, (text, question) in PASSAGES.items()
    ]
    file.write_text("".join(json.dumps(item) + "\n" for item in items))
    return file


def run_demo(address, passages):
    # Wide enough that no question is wrapped.
    command = [
        "env",
        "COLUMNS=300",
        sys.executable,
        str(harness.ROOT / "deploy/demo/run.py"),
        f"--imprint={IMPRINT}",
    ]
    return harness.run_to_end([*command, f"--server={address}", f"--experiences={passages}"])


def table_of(out):
    """From the header to the passages."""
    return out[out.index("\nquestion ") : out.index("\npassages\n")]


def assert_whole_table(out):
    assert "with the passage in the prompt" in table_of(out)
    for subject, (_, question) in PASSAGES.items():
        assert question in table_of(out)
        assert f"\n  {subject} " in out
    for line in ("answer recall", "efficacy", "retention KL", "seconds"):
        assert line in out


def test_learned_and_run_again(folder, passages):
    with Server(folder) as server:
        code, out = run_demo(server.address, passages)
        assert code == 0, out
        assert_whole_table(out)
        assert out.count("integrated in version 1") == len(PASSAGES)

        code, again = run_demo(server.address, passages)
        assert code == 0, again
        assert_whole_table(again)
        assert "in an earlier run" in again
        assert len(server.jobs()) == 1, "nothing was trained again"
        assert table_of(again) == table_of(out)


def test_a_quarantined_passage_is_shown_with_its_reason(folder, passages):
    with Server(folder, gate__max_retention_kl="0") as server:
        for _ in range(2):  # it stays so
            code, out = run_demo(server.address, passages)
            assert code == 0, out
            assert_whole_table(out)
            assert out.count("  quarantined: ") == len(PASSAGES)
            assert "--gate.max_retention_kl" in out


def test_no_server_is_a_failure(passages):
    code, out = run_demo("127.0.0.1:1", passages)
    assert code != 0
    assert "no server answers" in out
