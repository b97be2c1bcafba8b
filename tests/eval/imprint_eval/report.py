# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The summary as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imprint_eval.summary import RECALL_AT, RECOMMENDATION

# Shown where two methods are set against each other.
_COMPARED = ("recall", "f1", "recall_at_5", "recall_at_10")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, rows)])


def number(value: float | None, digits: int = 2, sign: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def interval(figure: dict[str, float | None] | None, digits: int = 2, sign: bool = False) -> str:
    """As 0.43 [0.31, 0.55]; an open end is "?"."""
    if not figure or figure.get("mean") is None:
        return "-"
    low, high = (
        "?" if figure[end] is None else number(figure[end], digits, sign) for end in ("low", "high")
    )
    return f"{number(figure['mean'], digits, sign)} [{low}, {high}]"


def render(summary: dict[str, Any]) -> str:
    """All that a reader needs at first; summary.json has the rest."""
    asked = "turns" if summary["protocol"] == RECOMMENDATION else "questions"
    parts = [
        f"protocol {summary['protocol']}: {summary['contexts']} contexts, "
        f"{summary['questions']} {asked}; [95 % interval, drawn by context]",
        _scores(summary),
    ]
    trained = {name: one for name, one in summary["methods"].items() if "costs" in one}
    if any("retention" in one for one in trained.values()):
        parts.append(_retention(trained))
    if trained:
        parts.append(_costs(trained))
    lines = []
    for method, figures in trained.items():
        if kept := figures.get("kept"):
            lines.append(
                f"{method}: efficacy at the end against just after a context's own job: "
                f"first context {number(kept.get('first'))}, all {interval(kept.get('all'))}"
            )
        if behind := figures.get("self_param_over_this"):
            lines.append(
                f"self-param over {method}, paired: "
                + ", ".join(
                    f"{name} {interval(behind[name], sign=True)}"
                    for name in _COMPARED
                    if name in behind
                )
            )
    if lines:
        parts.append("\n".join(lines))
    parts += _remarks(summary)
    return "\n\n".join(parts)


def _scores(summary: dict[str, Any]) -> str:
    if summary["protocol"] == RECOMMENDATION:
        columns = [(f"recall@{at}", f"recall_at_{at}") for at in RECALL_AT]
        fraction = "recall_at_10"
    else:
        columns = [
            ("recall", "recall"),
            ("F1", "f1"),
            ("recall, short", "recall_short"),
            ("F1, chat", "f1_chat"),
        ]
        fraction = "recall"
    rows = []
    for method, figures in summary["methods"].items():
        of_bound = figures.get("fraction_of_bound", {}).get(fraction)
        row = [method, *(interval(figures.get(key)) for _, key in columns)]
        rows.append([*row, interval(of_bound), interval(figures.get("efficacy"))])
    header = ["method", *(title for title, _ in columns), "of the bound", "efficacy"]
    return _table(header, rows)


def _retention(trained: dict[str, dict[str, Any]]) -> str:
    rows = []
    for method, figures in trained.items():
        details = figures.get("retention_details", {})
        rows.append(
            [
                method,
                interval(details.get("kl"), 4),
                interval(details.get("perplexity_ratio"), 3),
                *(_change(figures.get("retention", {}), details, kind) for kind in _KINDS),
            ]
        )
    return _table(["retention", "KL, nats/token", "perplexity x", *_KINDS], rows)


_KINDS = ("piqa", "facts")


def _change(plain: dict[str, float], details: dict[str, Any], kind: str) -> str:
    if f"{kind}_before" not in plain:
        return "-"
    before, after = number(plain[f"{kind}_before"], 3), number(plain[f"{kind}_after"], 3)
    return f"{before} -> {after}, {interval(details[f'{kind}_difference'], 3, sign=True)}"


def _costs(trained: dict[str, dict[str, Any]]) -> str:
    rows = []
    for method, figures in trained.items():
        costs = figures["costs"]
        tokens = costs["context_tokens"]
        split = [
            number(1000 * costs["seconds"][phase] / tokens, 1)
            for phase in ("generation", "training", "gate", "publish")
        ]
        row = [method, number(costs["seconds_per_1k_context_tokens"], 1), *split]
        row += [f"{costs['target_tokens_per_1k_context_tokens']:.0f}", f"{costs['steps']}"]
        rows.append([*row, number(costs["steps_per_job"], 0)])
    header = ["per 1k context tokens", "seconds", "generation", "training", "gate", "publish"]
    return _table([*header, "target tokens", "steps", "a job"], rows)


def _remarks(summary: dict[str, Any]) -> list[str]:
    """What a table of means would hide."""
    remarks = []
    for method, figures in summary["methods"].items():
        if not_learned := figures.get("not_learned"):
            remarks.append(
                f"{method}: {len(not_learned)} contexts are not in the weights and count as not "
                f"learned; the first because: {not_learned[0]['reason'] or 'unknown'}"
            )
        if rejections := figures.get("rejections"):
            remarks.append(
                f"{method}: {len(rejections)} jobs did not end in a version; "
                f"the first: {rejections[0]}"
            )
        if unmeasurable := figures.get("unmeasurable"):
            remarks.append(f"{method}: efficacy is unmeasurable for {unmeasurable} contexts")
    for method, reason in summary.get("left_out", {}).items():
        remarks.append(f"{method} is left out: {reason}")
    return remarks
