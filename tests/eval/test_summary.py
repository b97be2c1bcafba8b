# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""summary.json, tables and pictures from units that are written here by hand."""

import json
import math

import pytest

from imprint_eval.costs import covered
from imprint_eval.data import Context, Question
from imprint_eval.plots import draw
from imprint_eval.report import render
from imprint_eval.retention import bucketed_kl
from imprint_eval.summary import summarise
from imprint_eval.units import Units

CONTEXTS = [
    Context("t", f"passage {i}", tuple(Question(f"q{i}{j}?", "red fox") for j in range(2)))
    for i in range(4)
]
METHODS = ["base", "in-context", "self-param", "ft-context"]
SAID = {"base": "a dog", "in-context": "The red fox.", "self-param": "red", "ft-context": "dog"}


def rows(context, said):
    return [
        {"question": q.question, "expected": q.answer, "chat": said, "short": said}
        for q in context.questions
    ]


@pytest.fixture
def units(tmp_path):
    units = Units(tmp_path / "run", {}, resume=False)
    for number, context in enumerate(CONTEXTS):
        units.put(("tokens", context.id), {"tokens": 250})
        for method in METHODS:
            answers = {"questions": rows(context, SAID[method])}
            if method in ("self-param", "ft-context"):
                answers.update(integrated=True, reason="", efficacy=0.5 + 0.1 * number)
            units.put(("answers", method, context.id), answers)
    for method in ("self-param", "ft-context"):
        for number, context in enumerate(CONTEXTS):
            written = {"begin": 10.0 + number, "end": 14.0 + number, "targets": 3}
            written |= {"target_tokens": 60, "kinds": {"question": 3}, "fingerprint": "f"}
            units.put(("written", method, context.id), written)
        job = {"state": "COMMITTED", "reason": "", "version": 1, "steps": 40}
        job |= {"contexts": [context.id for context in CONTEXTS], "trained_tokens": 5000}
        job |= {"phase_seconds": {"plan": 0.5, "train": 20.0, "gate": 2.0, "publish": 0.5}}
        job |= {"efficacy": 0.65, "retention_kl": 0.01, "retention_perplexity_ratio": 1.0}
        units.put(("job", method, "jobs/1"), job)
        point = {"windows": [[100, 2.0, 300.0, 301.0], [50, 1.0, 150.0, 150.5]]}
        point |= {"piqa": [1.0, 0.0, 1.0, 1.0], "facts": [1.0, 0.5]}
        units.put(("retention", method, "final"), point)
    units.put(("before",), {"piqa": [1.0, 1.0, 1.0, 1.0], "facts": [1.0, 1.0]})
    return units


def put_checks(units):
    """Three of four contexts in a row; the first loses half of its efficacy."""
    for job in range(1, 5):
        for place, context in enumerate(CONTEXTS[:job], start=1):
            efficacy = 0.8 if place == job else 0.4 if place == 1 else 0.8
            check = {"efficacy": efficacy, "questions": rows(context, "red")}
            units.put(("check", "self-param", job, context.id), check)
    point = {"windows": [[100, 1.0, 300.0, 300.0]]}
    units.put(("retention", "self-param", "job-1"), point)
    units.put(("retention", "self-param", "job-4"), {"windows": [[100, 4.0, 300.0, 302.0]]})


def test_summary_has_the_promised_keys(units):
    summary = summarise(units, "batch", CONTEXTS, METHODS, seed=1)
    assert summary["protocol"] == "batch"
    assert (summary["contexts"], summary["questions"]) == (4, 8)
    for method in METHODS:
        for score in ("recall", "f1"):
            assert set(summary["methods"][method][score]) == {"mean", "low", "high"}
    assert summary["methods"]["self-param"]["recall"]["mean"] == 0.5
    assert summary["methods"]["in-context"]["recall"]["mean"] == 1.0
    assert summary["fraction_of_bound"]["recall"] == 0.5
    assert math.isclose(summary["fraction_of_bound"]["f1"], 2 / 3, abs_tol=1e-6)
    assert math.isclose(summary["efficacy"]["mean"], 0.65)
    retention = summary["retention"]
    assert math.isclose(retention["kl"], 0.02)
    assert math.isclose(retention["perplexity_ratio"], math.exp(0.01), rel_tol=1e-6)
    assert (retention["piqa_before"], retention["piqa_after"]) == (1.0, 0.75)
    assert (retention["facts_before"], retention["facts_after"]) == (1.0, 0.75)
    # 7 s of overlapping writing and 23 s of the job for 1,000 tokens.
    assert summary["seconds_per_1k_context_tokens"] == 30.0
    assert summary["curve"] == []
    assert json.loads(json.dumps(summary)) == summary


def test_curve_and_what_is_kept(units):
    put_checks(units)
    summary = summarise(units, "sequential", CONTEXTS, METHODS, seed=1)
    first = [p["efficacy"] for p in summary["curve"] if p["context"] == 1]
    assert first == [0.8, 0.4, 0.4, 0.4]
    assert summary["curve"][0] == {"job": 1, "context": 1, "efficacy": 0.8, "recall": 0.5}
    assert summary["kept"]["first"] == 0.5
    assert math.isclose(summary["kept"]["all"]["mean"], 2.0 / 2.4, abs_tol=1e-6)
    # The last version counts; the one before is kept for the curve of drift.
    assert math.isclose(summary["retention"]["kl"], 0.04)
    drift = summary["methods"]["self-param"]["retention_details"]["by_job"]
    assert [(point["job"], point["kl"]) for point in drift] == [(1, 0.01), (4, 0.04)]


def test_what_was_not_learned_is_said(units):
    context = CONTEXTS[2]
    units.put(
        ("answers", "self-param", context.id),
        {"integrated": False, "reason": "nan", "efficacy": 0.0, "questions": rows(context, "dog")},
    )
    units.put(
        ("job", "self-param", "jobs/2"),
        {**units.get("job", "self-param", "jobs/1"), "state": "REJECTED", "reason": "retention: 9"},
    )
    summary = summarise(units, "batch", CONTEXTS, METHODS, seed=1)
    summary["left_out"] = {"ft-targets": "imprintd does not know --update.objective"}
    text = render(summary)
    assert "1 contexts are not in the weights" in text
    assert "retention: 9" in text
    assert "does not know --update.objective" in text
    assert summary["methods"]["self-param"]["jobs"] == {"COMMITTED": 1, "REJECTED": 1}


def test_tables_and_pictures_of_each_protocol(units, tmp_path):
    put_checks(units)
    summary = summarise(units, "sequential", CONTEXTS, METHODS, seed=1)
    text = render(summary)
    assert "self-param" in text
    assert "0.50 [0.50, 0.50]" in text
    names = {path.name for path in draw(summary, tmp_path)}
    assert names == {
        "scores.png",
        "retention.png",
        "costs.png",
        "forgetting.png",
        "heat_map.png",
    }
    assert all((tmp_path / name).stat().st_size > 5000 for name in names)

    # Only what reads: nothing to draw of training.
    summary = summarise(units, "batch", CONTEXTS, METHODS[:2], seed=1)
    assert render(summary)
    assert {path.name for path in draw(summary, tmp_path)} == {"scores.png"}
    assert not (tmp_path / "heat_map.png").exists()


def test_recommendation_counts_hits_by_dialogue(units, tmp_path):
    dialogues = {"t1": ("d1", [1, 7]), "t2": ("d1", [4]), "t3": ("d2", [20])}
    methods = ["base", "in-context", "self-param"]
    for method in methods:
        for turn, (dialogue, ranks) in dialogues.items():
            shifted = [max(1, place - (method != "base")) for place in ranks]
            value = {"dialogue": dialogue, "candidates": 100, "ranks": shifted}
            units.put(("ranks", method, turn), value)
    summary = summarise(
        units, "conversational-recommendation", CONTEXTS, methods, 1, list(dialogues)
    )
    base = summary["methods"]["base"]
    means = [base[f"recall_at_{at}"]["mean"] for at in (1, 5, 10)]
    assert means == [0.25, 0.5, 0.75]
    assert base["recall"] == base["recall_at_1"]
    assert summary["questions"] == 3
    assert "recall@10" in render(summary)
    assert "scores.png" in {path.name for path in draw(summary, tmp_path)}


def test_time_of_overlapping_work_counts_once():
    assert covered([(0, 4), (1, 2), (3, 5), (10, 11)]) == 6
    assert covered([]) == 0


def test_bucketed_kl_is_zero_for_equal_and_positive_otherwise():
    base = [math.log(0.5), math.log(0.3)]
    assert bucketed_kl(base, base) == 0
    other = [math.log(0.3), math.log(0.5)]
    assert math.isclose(bucketed_kl(base, other), 0.2 * math.log(5 / 3))
    # With all of the mass named it is the KL over the vocabulary.
    whole = [math.log(0.75), math.log(0.25)]
    half = [math.log(0.5), math.log(0.5)]
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert math.isclose(bucketed_kl(whole, half), kl, abs_tol=1e-9)
