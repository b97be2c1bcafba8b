# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""From units of work to summary.json. README.md says what each number means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from imprint_eval import scores
from imprint_eval.bootstrap import PairedBootstrap, mean_interval, ratio_interval
from imprint_eval.costs import costs_of
from imprint_eval.data import Context
from imprint_eval.drift import drift_of
from imprint_eval.methods import BASE, IN_CONTEXT, SELF_PARAM, TRAINING
from imprint_eval.prompts import CHAT, FORMS, SHORT
from imprint_eval.units import Units

Metric = Callable[[str, str], float]
METRICS: dict[str, Metric] = {"recall": scores.recall, "f1": scores.f1}
# What the plain name of a score means; the other form carries the form's name.
PRIMARY_FORM = {"recall": CHAT.name, "f1": SHORT.name}
# Efficacy below which there is nothing that could be kept.
MIN_LEARNED = 0.1
RECALL_AT = (1, 5, 10)
RECOMMENDATION = "conversational-recommendation"


def score_name(metric: str, form: str) -> str:
    return metric if PRIMARY_FORM[metric] == form else f"{metric}_{form}"


def summarise(
    units: Units,
    protocol: str,
    contexts: Sequence[Context],
    methods: Sequence[str],
    seed: int,
    turns: Sequence[str] = (),
) -> dict[str, Any]:
    """`methods`: those that are done. `turns`: of conversational recommendation."""
    ids = [context.id for context in contexts]
    summary: dict[str, Any] = {
        "protocol": protocol,
        "contexts": len(contexts),
        "questions": sum(len(context.questions) for context in contexts),
        "methods": {method: {} for method in methods},
    }
    if turns:
        summary["questions"] = len(turns)
        tables = _recommendation_scores(units, methods, turns)
    else:
        tables = _question_scores(units, methods, ids)
    _add_scores(summary, tables, seed)
    for method in methods:
        if method in TRAINING:
            summary["methods"][method].update(_training_figures(units, method, ids, seed))
    # The figures that stand alone are those of the method that is evaluated.
    own = next((name for name in TRAINING if name in methods), "")
    figures = summary["methods"].get(own, {})
    nothing = {"mean": None, "low": None, "high": None}
    summary["efficacy"] = figures.get("efficacy", nothing)
    summary["retention"] = figures.get("retention", {})
    summary["seconds_per_1k_context_tokens"] = figures.get("costs", {}).get(
        "seconds_per_1k_context_tokens"
    )
    summary["curve"] = figures.get("curve", [])
    summary["kept"] = figures.get("kept", {})
    return summary


# --- scores ---


def _question_scores(
    units: Units, methods: Sequence[str], ids: Sequence[str]
) -> dict[str, dict[str, list[list[float]]]]:
    """name of score -> method -> for each context the score of each question."""
    tables: dict[str, dict[str, list[list[float]]]] = {}
    for metric, score in METRICS.items():
        for form in FORMS:
            tables[score_name(metric, form.name)] = {
                method: [
                    [
                        score(row[form.name], row["expected"])
                        for row in units.get("answers", method, id_)["questions"]
                    ]
                    for id_ in ids
                ]
                for method in methods
            }
    return tables


def _recommendation_scores(
    units: Units, methods: Sequence[str], turns: Sequence[str]
) -> dict[str, dict[str, list[list[float]]]]:
    """The same with a dialogue as the cluster; `recall` is Recall@1."""
    dialogues: dict[str, list[str]] = {}
    for turn in turns:
        dialogues.setdefault(units.get("ranks", methods[0], turn)["dialogue"], []).append(turn)

    def hits(method: str, at: int) -> list[list[float]]:
        return [
            [
                float(rank <= at)
                for turn in own
                for rank in units.get("ranks", method, turn)["ranks"]
            ]
            for own in dialogues.values()
        ]

    tables = {
        f"recall_at_{at}": {method: hits(method, at) for method in methods} for at in RECALL_AT
    }
    tables["recall"] = tables["recall_at_1"]
    return tables


def _add_scores(
    summary: dict[str, Any], tables: dict[str, dict[str, list[list[float]]]], seed: int
) -> None:
    methods = summary["methods"]
    fractions: dict[str, Any] = {}
    for name, table in tables.items():
        if not table:
            continue
        draws = PairedBootstrap(table, seed)
        for method in table:
            methods[method][name] = draws.mean(method).as_json()
            if method != BASE and BASE in table:
                gains = methods[method].setdefault("over_base", {})
                gains[name] = draws.difference(method, BASE).as_json()
            if method != SELF_PARAM and method in TRAINING and SELF_PARAM in table:
                behind = methods[method].setdefault("self_param_over_this", {})
                behind[name] = draws.difference(SELF_PARAM, method).as_json()
            if method not in (BASE, IN_CONTEXT) and {BASE, IN_CONTEXT} <= set(table):
                of_bound = methods[method].setdefault("fraction_of_bound", {})
                of_bound[name] = draws.fraction(method, BASE, IN_CONTEXT).as_json()
    own = methods.get(SELF_PARAM, {}).get("fraction_of_bound", {})
    for metric in METRICS:
        fractions[metric] = own.get(metric, {}).get("mean")
    summary["fraction_of_bound"] = fractions
    summary["fraction_of_bound_interval"] = own


# --- training ---


def _training_figures(units: Units, method: str, ids: Sequence[str], seed: int) -> dict[str, Any]:
    outcomes = [
        units.get("answers", method, id_) or units.get("learned", method, id_) or {} for id_ in ids
    ]
    measured = [outcome["efficacy"] for outcome in outcomes if outcome.get("efficacy") is not None]
    jobs = [job for key, job in units.all("job").items() if key[0] == method]
    figures: dict[str, Any] = {
        "unmeasurable": len(outcomes) - len(measured),
        "not_learned": [
            {"context": id_, "reason": outcome.get("reason", "")}
            for id_, outcome in zip(ids, outcomes, strict=True)
            if not outcome.get("integrated", True)
        ],
        "jobs": {state: sum(job["state"] == state for job in jobs) for state in _states(jobs)},
        "rejections": [job["reason"] for job in jobs if job["state"] != "COMMITTED"],
        "costs": costs_of(units, method, ids),
    }
    if measured:
        figures["efficacy"] = mean_interval(measured, seed).as_json()
    if curve := _curve(units, method, ids):
        figures["curve"] = curve
        figures["kept"] = _kept(curve, len(ids), seed)
    drift = drift_of(units, method, seed)
    if drift:
        figures["retention"] = drift.pop("figures")
        figures["retention_details"] = drift
    return figures


def _states(jobs: Sequence[dict[str, Any]]) -> list[str]:
    return sorted({job["state"] for job in jobs})


def _curve(units: Units, method: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Efficacy and recall of each context after each job at which it was asked."""
    places = {id_: number for number, id_ in enumerate(ids, start=1)}
    curve = []
    for (name, job, id_), check in units.all("check").items():
        if name != method or id_ not in places:
            continue
        rows = check["questions"]
        recalls = [scores.recall(row[CHAT.name], row["expected"]) for row in rows]
        curve.append(
            {
                "job": job,
                "context": places[id_],
                "efficacy": check["efficacy"],
                "recall": sum(recalls) / len(recalls),
            }
        )
    return sorted(curve, key=lambda point: (point["job"], point["context"]))


def _kept(curve: Sequence[dict[str, Any]], jobs: int, seed: int) -> dict[str, Any]:
    """Efficacy at the end against that just after a context's own job: of the first one,
    and of all but the last together."""
    at = {(point["job"], point["context"]): point["efficacy"] for point in curve}
    own = {context: at.get((context, context)) for context in range(1, jobs)}
    pairs = [
        (at.get((jobs, context)), fresh)
        for context, fresh in own.items()
        if fresh is not None and at.get((jobs, context)) is not None
    ]
    if not pairs:
        return {}
    kept: dict[str, Any] = {}
    first, first_fresh = at.get((jobs, 1)), own.get(1)
    if first is not None and first_fresh is not None and first_fresh >= MIN_LEARNED:
        kept["first"] = first / first_fresh
    ended, fresh = zip(*pairs, strict=True)
    if sum(fresh) >= MIN_LEARNED * len(fresh):
        kept["all"] = ratio_interval(ended, fresh, seed).as_json()
    return kept
