# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Tables as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def number(value: float) -> str:
    """Three figures are all that a benchmark knows."""
    if value != value:
        return "nan"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def cell(value: Any) -> str:
    """A spread as "median (min to max)", None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        middle = number(value["median"])
        if value["repeats"] == 1:
            return middle
        return f"{middle} ({number(value['min'])} to {number(value['max'])})"
    if isinstance(value, bool) or isinstance(value, str):
        return str(value)
    return number(value)


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns as wide as their widest cell; text to the left, figures to the right."""
    cells = [[cell(value) for value in row] for row in rows]
    columns = range(len(headers))
    widths = [max(len(line[i]) for line in [list(headers), *cells]) for i in columns]
    is_text = [all(isinstance(row[i], str) for row in rows) for i in columns]

    def line(texts: Sequence[str]) -> str:
        aligned = [
            texts[i].ljust(widths[i]) if is_text[i] else texts[i].rjust(widths[i]) for i in columns
        ]
        return "  ".join(aligned).rstrip()

    return "\n".join([line(headers), line(["-" * width for width in widths]), *map(line, cells)])
