# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboards as data, and their queries as Grafana sends them to Prometheus.

For the tests and the previews; Grafana itself needs only the JSON files.
"""

import dataclasses
import json
import pathlib
import re
import urllib.parse
import urllib.request

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"
NAMES = ("learning", "serving", "machine")


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def panels(board):
    """All but the rows, also those inside collapsed rows."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", [])


def duration(seconds):
    """As Prometheus reads it."""
    return f"{round(seconds * 1000)}ms"


@dataclasses.dataclass
class TimeRange:
    """What is shown, in Unix seconds, at how many points at most."""

    start: float
    end: float
    points: int = 200
    scrape_interval: float = 15

    def step(self, least=0):
        return max((self.end - self.start) / self.points, self.scrape_interval, least)


def fill_in(query, time_range, step, variables):
    """The query with its variables replaced. A variable is its list of values; None: All."""
    values = {
        "__rate_interval": duration(
            max(step + time_range.scrape_interval, 4 * time_range.scrape_interval)
        ),
        "__interval": duration(step),
        "__range": duration(time_range.end - time_range.start),
    }
    for name, chosen in variables.items():
        # Grafana escapes for the regular expression, then for PromQL's quotes.
        escaped = [re.escape(value).replace("\\", "\\\\") for value in chosen or ()]
        values[name] = "(" + "|".join(escaped) + ")" if chosen else ".*"
    filled = re.sub(r"\$\{?(\w+)\}?", lambda match: values[match.group(1)], query)
    return filled


def least_step(panel):
    """The panel's own least step, in seconds; 0: none."""
    text = panel.get("interval", "0s")
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


class Prometheus:
    """Its HTTP API, as far as dashboards use it."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
            return json.load(answer)["data"]

    def range(self, query, time_range, step):
        """[(labels, [(time, value), ...]), ...]; values that are not numbers are left out."""
        # Grafana begins at a multiple of the step.
        start = time_range.start // step * step
        found = self.get("query_range", query=query, start=start, end=time_range.end, step=step)
        series = []
        for one in found["result"]:
            points = [(time, float(value)) for time, value in one["values"]]
            points = [(time, value) for time, value in points if value == value]
            if points:
                series.append((one["metric"], points))
        return series

    def now(self, query, time):
        """[(labels, value), ...]; NaN is a value here, as Grafana shows it."""
        found = self.get("query", query=query, time=time)
        return [(one["metric"], float(one["value"][1])) for one in found["result"]]


def legend(target, labels):
    """The name of a series, as the target's legendFormat writes it."""
    return re.sub(r"\{\{(\w+)\}\}", lambda m: labels.get(m.group(1), ""), target["legendFormat"])
