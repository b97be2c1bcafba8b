# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Every protocol from end to end, on a real server with the tiny model.

The tiny model answers nothing right; what counts here is that all is measured.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imprint_eval.evaluation import Evaluation
from imprint_eval.flags import parse
from imprint_eval.plots import draw
from imprint_eval.prompts import CHAT
from imprint_eval.report import render
from imprint_eval.server import ServerError, StartedServer
from imprint_eval.stubs import IMPRINTD, ROOT, TINY_CHAT

DATA = ROOT / "tests/eval/data"
SMALL = {
    "dtype": "f32",
    "threads": "1",
    "retention.train_texts": "6",
    "retention.heldout_texts": "3",
    "retention.text_tokens": "16",
    "generator.max_targets": "8",
    "generator.max_answer_tokens": "12",
    "update.epochs": "1",
    "update.min_steps": "4",
    "update.batch_tokens": "256",
    "update.rank": "4",
}
PATIENCE_SECONDS = 120


def arguments(out, *changes, model=True):
    """With `changes` after the defaults, of which argparse takes the last."""
    flags = " ".join(f"--{name}={value}" for name, value in SMALL.items())
    common = [f"--out={out}", f"--retention={DATA / 'retention.txt'}", "--retention_windows=3"]
    if model:
        common += [f"--model={TINY_CHAT}", f"--server_flags={flags}"]
    return [*common, "--contexts=3", "--questions_per_context=2", *changes]


def run(given):
    evaluation = Evaluation(parse(given))
    try:
        return evaluation.run()
    finally:
        evaluation.close()


@pytest.fixture
def knowledge(tmp_path):
    """PIQA and facts in their files' shapes; gives the flags."""
    choice = {"goal": "open a jar", "sol1": "turn the lid", "sol2": "eat the lid", "label": 0}
    fact = {"question": "Where is the Eiffel Tower?", "answer": "Paris"}
    (tmp_path / "piqa.jsonl").write_text(json.dumps(choice) + "\n")
    (tmp_path / "facts.json").write_text(json.dumps([fact]))
    return [f"--piqa={tmp_path / 'piqa.jsonl'}", f"--facts={tmp_path / 'facts.json'}"]


def test_single_learns_each_context_from_the_base(tmp_path, knowledge):
    data = f"--data={DATA / 'contexts.json'}"
    methods = "--methods=base,in-context,bm25,self-param"
    summary = run(arguments(tmp_path / "out", data, methods, "--protocol=single", *knowledge))
    assert (summary["contexts"], summary["questions"]) == (3, 6)
    ours = summary["methods"]["self-param"]
    assert ours["not_learned"] == []
    assert ours["jobs"] == {"COMMITTED": 3}
    assert set(summary["retention"]) == {
        "kl",
        "perplexity_ratio",
        "piqa_before",
        "piqa_after",
        "facts_before",
        "facts_after",
    }
    assert summary["retention"]["kl"] > 0
    assert summary["seconds_per_1k_context_tokens"] > 0
    assert ours["costs"]["steps"] >= 12
    assert render(summary)
    assert draw(summary, tmp_path)


def test_single_begins_at_the_base_after_a_stop(tmp_path):
    """Stopped between the last answer about a context and the rollback of its version."""
    out = tmp_path / "out"
    data = f"--data={DATA / 'contexts.json'}"
    given = arguments(out, data, "--protocol=single", "--methods=base,self-param", "--contexts=2")
    run(given)
    units = out / "units.jsonl"
    lines = units.read_bytes().splitlines(keepends=True)
    answers = [i for i, line in enumerate(lines) if b'["answers", "self-param"' in line]
    units.write_bytes(b"".join(lines[: answers[-1]]))
    folder = out / "servers/self-param"
    with StartedServer(Path(IMPRINTD), TINY_CHAT, folder, SMALL) as server:
        server.client.rollback(1)

    summary = run([*given, "--resume"])
    assert summary["methods"]["self-param"]["not_learned"] == []
    with StartedServer(Path(IMPRINTD), TINY_CHAT, folder, SMALL) as server:
        jobs = server.client.jobs()
    assert len(jobs) == 3
    assert {job.parent_version for job in jobs} == {0}


def test_batch_is_one_job(tmp_path):
    data = f"--data={DATA / 'contexts.json'}"
    summary = run(arguments(tmp_path / "out", data, "--protocol=batch"))
    ours = summary["methods"]["self-param"]
    assert ours["jobs"] == {"COMMITTED": 1}
    assert ours["costs"]["targets"] > 0
    assert json.loads((tmp_path / "out/summary.json").read_text()) == summary


def test_a_rejected_job_is_told(tmp_path):
    data = f"--data={DATA / 'contexts.json'}"
    strict = " ".join(f"--{name}={value}" for name, value in SMALL.items())
    strict += " --gate.max_retention_kl=0.000001"
    summary = run(arguments(tmp_path / "out", data, "--protocol=batch", f"--server_flags={strict}"))
    ours = summary["methods"]["self-param"]
    assert len(ours["not_learned"]) == 3
    assert ours["efficacy"]["mean"] == 0
    assert "COMMITTED" not in ours["jobs"]
    assert "not in the weights" in render(summary)


def test_baselines_train_as_many_steps_on_the_same_sentences(tmp_path):
    data = f"--data={DATA / 'contexts.json'}"
    methods = "--methods=base,self-param,ft-targets,ft-context"
    summary = run(arguments(tmp_path / "out", data, methods, "--protocol=batch"))
    assert summary["left_out"] == {}
    ours, targets, context = (
        summary["methods"][name]["costs"] for name in ("self-param", "ft-targets", "ft-context")
    )
    assert targets["targets_fingerprint"] == ours["targets_fingerprint"]
    assert set(context["targets_by_kind"]) == {"passage"}
    assert targets["steps"] >= ours["steps"]
    assert "self_param_over_this" in summary["methods"]["ft-context"]


def test_sequential_goes_on_after_a_kill(tmp_path):
    out = tmp_path / "out"
    given = arguments(
        out, f"--data={DATA / 'contexts.json'}", "--protocol=sequential", "--probe_every=2"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests/eval")}
    command = [sys.executable, "-m", "imprint_eval", *given]
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    units = out / "units.jsonl"
    end = time.monotonic() + PATIENCE_SECONDS
    while not units.exists() or b'["check"' not in units.read_bytes():
        assert first.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = units.read_bytes()
    done = done[: done.rindex(b"\n") + 1]

    again = subprocess.run(
        [*command, "--resume"], env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("protocol sequential: 3 contexts")
    assert units.read_bytes().startswith(done)  # nothing is done twice
    summary = json.loads((out / "summary.json").read_text())
    asked = [(point["job"], point["context"]) for point in summary["curve"]]
    assert asked == [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]
    assert summary["methods"]["self-param"]["jobs"] == {"COMMITTED": 3}
    assert (out / "forgetting.png").exists()

    # A finished run gives the same again, without a server.
    nothing = run([*given, "--resume", "--imprintd=" + str(IMPRINTD)])
    assert nothing == summary


@pytest.fixture
def inspired(tmp_path):
    """Four short conversations in the files' shapes."""
    folder = tmp_path / "inspired"
    folder.mkdir()
    rows = [
        {
            "context": ["", "Hello!", f"I like films about {subject}."],
            "resp": f"Then see {title}.",
            "rec": [number],
            "dialog_id": f"d{number}",
            "turn_id": "t2",
        }
        for number, (subject, title) in enumerate(
            [("whales", "Sea"), ("trains", "Steam"), ("bread", "Oven"), ("bees", "Hive")]
        )
    ]
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    names = ["Sea", "Steam_(film)", "Oven", "Hive", "Clouds", "Dust_(2001_film)"]
    entities = {f"<http://dbpedia.org/resource/{name}>": i for i, name in enumerate(names)}
    (folder / "entity2id.json").write_text(json.dumps(entities))
    (folder / "item_ids.json").write_text(json.dumps(list(range(len(names)))))
    return folder


def test_recommendation_ranks_titles(tmp_path, inspired):
    summary = run(
        arguments(
            tmp_path / "out",
            f"--inspired={inspired}",
            "--protocol=conversational-recommendation",
            "--contexts=2",
            "--candidates=0",
            "--methods=base,in-context,bm25,self-param",
        )
    )
    assert summary["questions"] == 2
    for figures in summary["methods"].values():
        assert figures["recall_at_10"]["mean"] == 1.0  # there are six titles
        assert 0 <= figures["recall_at_1"]["mean"] <= 1
    assert "recall@5" in render(summary)


def test_in_context_puts_the_context_as_the_teacher_does(tmp_path):
    context, question, answer = "The mill of Osk is blue.", "Which mill is blue?", "That of Osk."
    with StartedServer(Path(IMPRINTD), TINY_CHAT, tmp_path / "server", SMALL) as server:
        teacher = server.client.score(
            messages=CHAT.messages(question), context=context, answer=answer
        )
        ours = server.client.score(messages=CHAT.messages(question, context), answer=answer)
        assert [t.log_probability for t in ours.tokens] == pytest.approx(
            [t.log_probability for t in teacher.tokens], abs=1e-5
        )


def test_a_running_server_is_used_if_it_is_empty(tmp_path):
    data = f"--data={DATA / 'contexts.json'}"
    with StartedServer(Path(IMPRINTD), TINY_CHAT, tmp_path / "server", SMALL) as server:
        address = f"--server={server.address}"
        given = arguments(tmp_path / "out", data, "--protocol=batch", address, model=False)
        summary = run([*given, "--methods=base,self-param,ft-context"])
        assert summary["methods"]["self-param"]["jobs"] == {"COMMITTED": 1}
        assert "server of its own" in summary["left_out"]["ft-context"]

        other = arguments(tmp_path / "other", data, "--protocol=batch", address, model=False)
        with pytest.raises(ServerError, match="holds experiences already"):
            run(other)
