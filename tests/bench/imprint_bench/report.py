# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What a benchmark prints: the machine, tables, and last one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from imprint_bench.table import table


class Report:
    """Gathers one run. `say`: tables as they come; without, only the line of JSON is printed."""

    def __init__(self, benchmark: str, command: str, say: bool) -> None:
        self._say = say
        self._line: dict[str, Any] = {"benchmark": benchmark, "command": command}

    def facts(self, **facts: Any) -> None:
        """Of the machine and the programs; several calls add up."""
        self._line.setdefault("facts", {}).update(facts)
        for name, value in facts.items():
            self._print(f"{name.replace('_', ' ')}: {_words(value)}")

    def fact(self, name: str) -> Any:
        """None where it was not told."""
        return self._line.get("facts", {}).get(name)

    def rows(self, name: str, headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table, which is printed, and kept row by row under its name."""
        self._print(f"\n{name.replace('_', ' ')}\n{table(headers, rows)}")
        self._line[name] = [dict(zip(headers, row, strict=True)) for row in rows]

    def note(self, text: str) -> None:
        """What a reader of the figures has to know."""
        self._line.setdefault("notes", []).append(text)
        self._print(f"note: {text}")

    def finish(self, ratios: dict[str, float | None]) -> None:
        self._line["ratios"] = ratios
        self._print("\n" + table(["ratio", "value"], list(ratios.items())) + "\n")
        print(json.dumps(self._line, ensure_ascii=False), flush=True)

    def _print(self, text: str) -> None:
        if self._say:
            print(text, flush=True)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
