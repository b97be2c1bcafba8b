# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The summary as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no display is needed

import numpy as np  # noqa: E402
from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from imprint_eval.summary import RECOMMENDATION  # noqa: E402

# By method, distinguishable for colour-blind readers (Okabe and Ito).
_COLOURS = {
    "base": "#999999",
    "in-context": "#0072b2",
    "bm25": "#56b4e9",
    "self-param": "#d55e00",
    "ft-targets": "#e69f00",
    "ft-context": "#f0c93a",
}
_PHASES = ("generation", "training", "gate", "publish")
_PHASE_COLOURS = ("#56b4e9", "#d55e00", "#009e73", "#999999")
# Curves of single contexts beyond so many are no longer told apart.
_MAX_CURVES = 8


def draw(summary: dict[str, Any], folder: Path) -> list[Path]:
    """Writes those pictures that the summary has figures for; gives their paths."""
    with pyplot.rc_context(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "font.size": 10,
            "figure.constrained_layout.use": True,
        }
    ):
        pictures = {
            "scores.png": _scores(summary),
            "retention.png": _retention(summary),
            "costs.png": _costs(summary),
            "forgetting.png": _forgetting(summary),
            "heat_map.png": _heat_map(summary),
        }
        paths = []
        for name, picture in pictures.items():
            if picture is None:
                (folder / name).unlink(missing_ok=True)
                continue
            picture.savefig(folder / name, dpi=110)
            pyplot.close(picture)
            paths.append(folder / name)
    return paths


def _title(summary: dict[str, Any]) -> str:
    asked = "turns" if summary["protocol"] == RECOMMENDATION else "questions"
    return f"{summary['protocol']}, {summary['contexts']} contexts, {summary['questions']} {asked}"


def _bars(
    axes: Axes,
    figures: dict[str, dict[str, Any] | None],
    digits: int = 2,
    origin: float = 0,
) -> None:
    """One bar a method, from `origin`, with its interval; an open end has no whisker."""
    names = [name for name, figure in figures.items() if figure and figure["mean"] is not None]
    for place, name in enumerate(names):
        figure = figures[name]
        mean = figure["mean"]
        low = mean if figure["low"] is None else figure["low"]
        high = mean if figure["high"] is None else figure["high"]
        colour = _COLOURS.get(name, "#999999")
        axes.bar(place, mean - origin, bottom=origin, color=colour, width=0.7)
        whiskers = [[max(mean - low, 0)], [max(high - mean, 0)]]
        axes.errorbar(place, mean, yerr=whiskers, color="black", capsize=4, linewidth=1.2)
        # Away from the origin, where the title is when all is below it.
        below = high <= origin and mean < origin
        axes.annotate(
            f"{mean:.{digits}f}",
            (place, min(low, mean) if below else max(high, origin)),
            xytext=(0, -3 if below else 3),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=9,
        )
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.margins(y=0.12)
    low, high = axes.get_ylim()
    if origin == 0 and all(figures[name]["low"] in (0, None) for name in names) and low < 0:
        axes.set_ylim(0, max(high, 0.1))  # nothing but zeros


def _scores(summary: dict[str, Any]) -> Figure | None:
    if summary["protocol"] == RECOMMENDATION:
        panels = {f"recall_at_{at}": f"Recall@{at}" for at in (1, 5, 10)}
    else:
        panels = {
            "recall": "answer recall, chat",
            "f1": "QA-F1, short answer",
            "efficacy": "efficacy",
        }
    methods = summary["methods"]
    shown = {key: title for key, title in panels.items() if any(key in m for m in methods.values())}
    if not shown:
        return None
    widths = [max(sum(key in m for m in methods.values()), 2) for key in shown]
    picture, axes = pyplot.subplots(
        1,
        len(shown),
        figsize=(1.6 + 0.8 * sum(widths), 4),
        squeeze=False,
        gridspec_kw={"width_ratios": widths},
    )
    for panel, (key, title) in zip(axes[0], shown.items(), strict=True):
        _bars(panel, {name: figures.get(key) for name, figures in methods.items()})
        panel.set_title(title)
    picture.suptitle(_title(summary) + "; 95 % intervals", fontsize=11)
    return picture


def _retention(summary: dict[str, Any]) -> Figure | None:
    details = {
        name: figures["retention_details"]
        for name, figures in summary["methods"].items()
        if figures.get("retention_details")
    }
    panels = {
        "kl": "KL from the base, nats/token",
        "perplexity_ratio": "perplexity, version / base",
        "piqa_difference": "PIQA, after - before",
        "facts_difference": "world facts, after - before",
    }
    shown = {key: title for key, title in panels.items() if any(key in d for d in details.values())}
    if not shown:
        return None
    picture, axes = pyplot.subplots(
        1,
        len(shown),
        figsize=(max(1.2 + len(shown) * (1.6 + 0.6 * len(details)), 5), 4),
        squeeze=False,
    )
    for panel, (key, title) in zip(axes[0], shown.items(), strict=True):
        figures = {name: one.get(key) for name, one in details.items()}
        origin = 1 if key == "perplexity_ratio" else 0
        _bars(panel, figures, digits=3, origin=origin)
        panel.set_title(title, fontsize=10)
        panel.axhline(origin, color="black", linewidth=0.8)
    picture.suptitle(_title(summary), fontsize=11)
    return picture


def _costs(summary: dict[str, Any]) -> Figure | None:
    costs = {
        name: figures["costs"] for name, figures in summary["methods"].items() if "costs" in figures
    }
    if not costs:
        return None
    picture, axes = pyplot.subplots(figsize=(7.5, 1.9 + 0.45 * len(costs)))
    names = list(costs)
    left = np.zeros(len(names))
    for phase, colour in zip(_PHASES, _PHASE_COLOURS, strict=True):
        seconds = np.array(
            [1000 * costs[n]["seconds"][phase] / costs[n]["context_tokens"] for n in names]
        )
        axes.barh(names, seconds, left=left, color=colour, label=phase)
        left += seconds
    for place, total in enumerate(left):
        axes.annotate(
            f" {total:.0f} s", (total, place), va="center", fontsize=9, annotation_clip=False
        )
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("seconds per 1,000 tokens of context")
    picture.legend(loc="outside lower center", ncols=len(_PHASES), frameon=False)
    axes.set_title(_title(summary))
    return picture


def _forgetting(summary: dict[str, Any]) -> Figure | None:
    """Efficacy and recall of the first contexts over the jobs, and of all asked at once."""
    curve = summary.get("curve")
    if not curve:
        return None
    drifts = {
        name: figures["retention_details"]["by_job"]
        for name, figures in summary["methods"].items()
        if figures.get("retention_details", {}).get("by_job")
    }
    panels = 3 if drifts else 2
    picture, axes = pyplot.subplots(1, panels, figsize=(2 + 4.2 * panels, 4), sharex=True)
    colours = pyplot.get_cmap("viridis")
    contexts = sorted({point["context"] for point in curve})[:_MAX_CURVES]
    for panel, key in zip(axes, ("efficacy", "recall"), strict=False):
        for context in reversed(contexts):
            points = [p for p in curve if p["context"] == context and p[key] is not None]
            panel.plot(
                [p["job"] for p in points],
                [p[key] for p in points],
                marker="o",
                markersize=3,
                linewidth=2.4 if context == 1 else 0.8,
                color="#d55e00" if context == 1 else colours(context / (len(contexts) + 1)),
                label="first context" if context == 1 else f"context {context}",
            )
        for name, figures in summary["methods"].items():
            means = _means_of_all(figures.get("curve", []), key)
            if not means:
                continue
            own = figures["curve"] == curve
            colour = "black" if own else _COLOURS.get(name, "#999999")
            panel.plot(*zip(*means, strict=True), "--", color=colour, label=f"mean, {name}")
        panel.set_ylim(min(0.0, *panel.get_ylim()), 1.02)
        panel.set_title(f"{key} after each job")
    for name, points in drifts.items():
        line = [(point["job"], point["kl"]) for point in points]
        colour = _COLOURS.get(name, "#999999")
        axes[2].plot(*zip(*line, strict=True), "s-", markersize=4, color=colour, label=name)
    if drifts:
        axes[2].set_ylim(0, None)
        axes[2].set_title("KL from the base, nats/token")
        axes[2].legend(frameon=False, fontsize=9)
    for panel in axes:
        panel.set_xlabel("jobs")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.25)
    handles, labels = axes[0].get_legend_handles_labels()
    picture.legend(handles[::-1], labels[::-1], loc="outside right center", frameon=False)
    picture.suptitle(_title(summary), fontsize=11)
    return picture


def _means_of_all(curve: list[dict[str, Any]], key: str) -> list[tuple[int, float]]:
    """By job; only where all contexts so far were asked, or a mean would say nothing."""
    means = []
    for job in sorted({point["job"] for point in curve}):
        points = [point for point in curve if point["job"] == job]
        values = [point[key] for point in points if point[key] is not None]
        if len(points) == job and values:
            means.append((job, sum(values) / len(values)))
    return means


def _heat_map(summary: dict[str, Any]) -> Figure | None:
    """Efficacy of each context (row) after each job (column); white: not asked."""
    curve = summary.get("curve")
    if not curve:
        return None
    jobs = sorted({point["job"] for point in curve})
    contexts = max(point["context"] for point in curve)
    grid = np.full((contexts, len(jobs)), np.nan)
    for point in curve:
        if point["efficacy"] is not None:
            grid[point["context"] - 1, jobs.index(point["job"])] = point["efficacy"]
    picture, axes = pyplot.subplots(
        figsize=(max(2.5 + 0.32 * len(jobs), 5), 1.6 + min(0.32 * contexts, 12))
    )
    shown = axes.imshow(grid, vmin=0, vmax=1, cmap="viridis", aspect="auto", origin="upper")
    if contexts * len(jobs) <= 400:
        for (row, column), value in np.ndenumerate(grid):
            if np.isfinite(value):
                axes.text(
                    column,
                    row,
                    f"{value:.2f}".removeprefix("0"),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if value < 0.6 else "black",
                )
    axes.set_xticks(range(len(jobs)), jobs, fontsize=8)
    axes.set_yticks(range(contexts), range(1, contexts + 1), fontsize=8)
    axes.set_xlabel("after job")
    axes.set_ylabel("context")
    axes.set_title("efficacy; " + _title(summary), fontsize=10)
    axes.spines[:].set_visible(False)
    picture.colorbar(shown, ax=axes, extend="min")
    return picture
