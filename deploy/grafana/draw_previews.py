# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Draws each dashboard from a Prometheus' answers to one PNG.

draw_previews.py --prometheus=http://127.0.0.1:9090 --minutes=60

This is matplotlib (tests/eval/install has it) with Grafana's layout, colours and names: it
shows what each panel's queries say, not how Grafana looks.
"""

import argparse
import datetime
import io
import itertools
import math
import pathlib
import textwrap
import time

import matplotlib

matplotlib.use("Agg")

from matplotlib import dates, pyplot, ticker  # noqa: E402
from PIL import Image  # noqa: E402

import boards  # noqa: E402

PREVIEW = pathlib.Path(__file__).resolve().parent / "preview"

INK, FAINT, GRID, PAPER, CARD = "#24292e", "#6e7681", "#e4e6e8", "#f4f5f5", "#ffffff"
COLORS = {
    "green": "#56a64b",
    "red": "#e02f44",
    "dark-red": "#ad0317",
    "orange": "#ff780a",
    "blue": "#3274d9",
    "purple": "#a352cc",
    "text": "#8e8e8e",
}
PALETTE = "#56a64b #f2a900 #3274d9 #ff780a #a352cc #37872d #e02f44 #5794f2 #8f3bb8 #b877d9".split()

WIDTH = 1400  # pixels
UNIT = 38  # pixels of one unit of gridPos.h
HEADER = 1.6  # units above the first row

BYTES = [(2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B")]
SECONDS = [(86400, " d"), (3600, " h"), (60, " min"), (1, " s"), (1e-3, " ms"), (1e-6, " µs")]


def scaled(value, steps):
    """`value` in the largest of [(size, name), ...] that it reaches."""
    size, name = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    return f"{value / size:.3g}{name}"


def as_text(value, unit, decimals=None):
    """A value as Grafana writes it in that unit, about."""
    if math.isnan(value):
        return "NaN"

    def plain(number):
        if decimals is not None:
            return f"{number:,.{decimals}f}"
        return f"{number:.0f}" if number == int(number) and abs(number) < 1e6 else f"{number:.3g}"

    if unit in ("bytes", "s"):
        return scaled(value, BYTES if unit == "bytes" else SECONDS) if value else "0"
    if unit == "percentunit":
        return plain(value * 100) + " %"
    if unit == "reqps":
        return plain(value) + " req/s"
    return plain(value) + unit.removeprefix("suffix:") * unit.startswith("suffix:")


def threshold_color(value, defaults):
    """The color of the last threshold that the value reaches."""
    steps = defaults["thresholds"]["steps"]
    reached = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
    return COLORS[reached[-1]]


def overrides_of(panel, name):
    """The properties that the panel sets for one series."""
    found = {}
    for override in panel["fieldConfig"]["overrides"]:
        wanted = override["matcher"]["options"]
        if override["matcher"]["id"] == "byRegexp":
            hit = name.startswith(wanted.strip("/^"))
        else:
            hit = name == wanted
        if hit:
            found |= {entry["id"]: entry["value"] for entry in override["properties"]}
    return found


def ticks(limits, defaults):
    """Where a value axis has lines: at round numbers of the unit that is written."""
    steps = {"bytes": BYTES, "s": SECONDS}.get(defaults["unit"], [])
    size = next((size for size, _ in steps if limits[1] >= size), 1)
    whole = ticker.MaxNLocator(4, integer=defaults.get("decimals") == 0)
    places = whole.tick_values(limits[0] / size, limits[1] / size)
    return ticker.FixedLocator([place * size for place in places])


def day(seconds):
    """Unix seconds as matplotlib's axes count."""
    return seconds / 86400


def with_gaps(times, *rows):
    """Puts a hole where points are missing, as Grafana does."""
    least = min((b - a for a, b in itertools.pairwise(times)), default=0)
    wide = [i for i in range(1, len(times)) if times[i] - times[i - 1] > 1.5 * least]
    for row in (times, *rows):
        for i in reversed(wide):
            row.insert(i, math.nan if row is not times else times[i - 1] + least)
    return times, *rows


def lonely(values):
    """The places of points between two holes: no line goes through them."""
    hole = [True, *(value != value for value in values), True]
    return [i for i in range(len(values)) if hole[i] and hole[i + 2] and not hole[i + 1]]


class Drawing:
    """One dashboard on one figure."""

    def __init__(self, board, prometheus, time_range, variables):
        self.board, self.prometheus = board, prometheus
        self.time_range, self.variables = time_range, variables
        rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"])
        self.height = (rows + HEADER) * UNIT
        self.figure = pyplot.figure(figsize=(WIDTH / 100, self.height / 100), facecolor=PAPER)
        self.swaps = self._swap_times()

    def draw(self):
        begin, end = (
            datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%H:%M:%S")
            for seconds in (self.time_range.start, self.time_range.end)
        )
        y = 0.8 * UNIT
        self._text(14, y, self.board["title"], fontsize=15, weight="bold")
        self._text(WIDTH - 14, y, f"{begin} to {end} UTC", ha="right", color=FAINT)
        for panel in self.board["panels"]:
            grid = panel["gridPos"]
            left, top = grid["x"] * WIDTH / 24, (grid["y"] + HEADER) * UNIT
            width, height = grid["w"] * WIDTH / 24, grid["h"] * UNIT
            if panel["type"] == "row":
                self._text(14, top + height / 2, panel["title"], fontsize=11, weight="bold")
                continue
            card = self._axes(left + 4, top + 4, width - 8, height - 8)
            card.set(xticks=[], yticks=[])
            card.spines[:].set(color="#dcdee0", linewidth=0.8)
            self._text(left + 14, top + 18, panel["title"], weight="bold", fontsize=9.5)
            getattr(self, "_" + panel["type"])(panel, left, top, width, height)

    # Places are in pixels from the upper left corner.

    def _text(self, x, y, words, **style):
        style = {"va": "center", "color": INK, "fontsize": 9, **style}
        self.figure.text(x / WIDTH, 1 - y / self.height, words, **style)

    def _axes(self, left, top, width, height):
        bottom = self.height - top - height
        share = [left / WIDTH, bottom / self.height, width / WIDTH, height / self.height]
        return self.figure.add_axes(share, facecolor=CARD)

    def _query(self, expr, least=0):
        step = self.time_range.step(least)
        filled = boards.fill_in(expr, self.time_range, step, self.variables)
        return self.prometheus.range(filled, self.time_range, step)

    def _swap_times(self):
        (annotation,) = [a for a in self.board["annotations"]["list"] if "expr" in a]
        return {points[0][0] for _, points in self._query(annotation["expr"])}

    def _series(self, panel):
        """[(name, points, properties), ...] of all the panel's queries."""
        # A least step is for hours; a short run is drawn finer.
        shown = self.time_range.end - self.time_range.start
        least = min(boards.least_step(panel), shown / 20)
        found = []
        for target in panel["targets"]:
            for labels, points in self._query(target["expr"], least):
                name = boards.legend(target, labels)
                found.append((name, points, overrides_of(panel, name)))
        return found

    def _stat(self, panel, left, top, width, height):
        defaults, options = panel["fieldConfig"]["defaults"], panel["options"]
        middle = {"x": left + width / 2, "y": top + height * 0.52, "ha": "center"}
        (target,) = panel["targets"]
        step = self.time_range.step()
        query = boards.fill_in(target["expr"], self.time_range, step, self.variables)
        found = self.prometheus.now(query, self.time_range.end)
        if not found:
            self._text(words=defaults["noValue"], color=FAINT, **middle)
            return
        labels, value = found[0]
        name = boards.legend(target, labels)
        color = threshold_color(value, defaults)
        words = as_text(value, defaults["unit"], defaults.get("decimals"))
        for mapping in defaults["mappings"]:
            words = mapping["options"].get(f"{value:g}", {"text": words})["text"]
        if options["textMode"] == "name":
            words = textwrap.fill(name, 20)
        size = 12 if options["textMode"] == "name" else 18
        self._text(words=words, color=color, fontsize=size, weight="bold", **middle)

    def _timeseries(self, panel, left, top, width, height):
        defaults = panel["fieldConfig"]["defaults"]
        series = self._series(panel)
        lines = 1 + sum(len(name) + 8 for name, _, _ in series) // 85
        foot = 36 + 15 * lines
        axes = self._axes(left + 84, top + 36, width - 104, height - 36 - foot)
        if not series:
            axes.text(0.5, 0.5, "No data", ha="center", color=FAINT, transform=axes.transAxes)
        self._draw_series(axes, series, defaults["custom"])
        self._set_limits(axes, series, defaults)
        axes.set_xlim(day(self.time_range.start), day(self.time_range.end))
        axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=3, maxticks=6))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
        axes.yaxis.set_major_locator(ticks(axes.get_ylim(), defaults))
        axes.yaxis.set_major_formatter(lambda value, _: as_text(value, defaults["unit"]))
        axes.tick_params(labelsize=7.5, colors=FAINT, length=0)
        axes.grid(color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
        for seconds in self.swaps:
            style = {"color": COLORS["purple"], "linewidth": 0.7, "alpha": 0.5}
            axes.axvline(day(seconds), linestyle=(0, (4, 3)), **style)
        if series:
            axes.legend(
                loc="upper left",
                bbox_to_anchor=((left + 6) / WIDTH, 1 - (top + height - foot + 20) / self.height),
                bbox_transform=self.figure.transFigure,
                borderpad=0.2,
                ncols=-(-len(series) // lines),
                frameon=False,
                fontsize=7.5,
                handlelength=1,
                columnspacing=1,
                labelcolor=INK,
            )

    @staticmethod
    def _draw_series(axes, series, custom):
        stacked = custom["stacking"]["mode"] == "normal"
        stepped = custom["lineInterpolation"] == "stepAfter"
        floor = {}  # by time: what is stacked there already
        for index, (name, points, properties) in enumerate(series):
            fixed = properties.get("color", {}).get("fixedColor")
            color = COLORS[fixed] if fixed else PALETTE[index % len(PALETTE)]
            fill = properties.get("custom.fillOpacity", custom["fillOpacity"]) / 100
            times = [day(seconds) for seconds, _ in points]
            below = [floor.get(at, 0) if stacked else 0 for at in times]
            values = [under + value for under, (_, value) in zip(below, points, strict=True)]
            floor.update(zip(times, values, strict=True))
            if custom["drawStyle"] == "points":
                axes.plot(times, values, "o", color=color, markersize=4, label=name)
            elif custom["drawStyle"] == "bars":
                wide = 0.8 * (times[1] - times[0]) if len(times) > 1 else 1e-4
                heights = [value - under for under, value in zip(below, values, strict=True)]
                axes.bar(times, heights, wide, below, color=color, alpha=fill, label=name)
            else:
                times, below, values = with_gaps(times, below, values)
                axes.plot(
                    times,
                    values,
                    color=color,
                    linewidth=1.2,
                    linestyle="--" if "custom.lineStyle" in properties else "-",
                    drawstyle="steps-post" if stepped else "default",
                    label=name,
                )
                alone = lonely(values)
                at = [times[i] for i in alone], [values[i] for i in alone]
                axes.plot(*at, ".", color=color, markersize=4)
                if fill:
                    style = {"color": color, "alpha": fill, "lw": 0}
                    axes.fill_between(
                        times, below, values, step="post" if stepped else None, **style
                    )

    @staticmethod
    def _set_limits(axes, series, defaults):
        low, high = axes.get_ylim()
        low = defaults.get("min", low)
        high = max(high, defaults["custom"].get("axisSoftMax", high))
        if all(value == 0 for _, points, _ in series for _, value in points):
            high = 1
        axes.set_ylim(low, high)
        if defaults["custom"]["thresholdsStyle"]["mode"] == "line":
            for step in defaults["thresholds"]["steps"]:
                if step["value"] is not None and step["value"] < high:
                    axes.axhline(step["value"], color=COLORS[step["color"]], linewidth=1)


def draw(url, time_range, folder=PREVIEW, variables=None):
    """One PNG for each dashboard; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    prometheus = boards.Prometheus(url)
    variables = variables or {"job": None, "instance": None}
    paths = []
    for name in boards.NAMES:
        drawing = Drawing(boards.load(name), prometheus, time_range, variables)
        drawing.draw()
        paths.append(folder / f"{name}.png")
        picture = io.BytesIO()
        drawing.figure.savefig(picture, dpi=100, facecolor=PAPER)
        pyplot.close(drawing.figure)
        # A palette has a third of the bytes.
        Image.open(picture).convert("RGB").quantize(128).save(paths[-1], optimize=True)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--minutes", type=float, default=60, help="how far back")
    parser.add_argument("--scrape_interval", type=float, default=15, metavar="SECONDS")
    parser.add_argument("--out", type=pathlib.Path, default=PREVIEW, metavar="DIR")
    options = parser.parse_args()
    now = time.time()
    begin = now - options.minutes * 60
    time_range = boards.TimeRange(begin, now, scrape_interval=options.scrape_interval)
    for path in draw(options.prometheus, time_range, options.out):
        print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
