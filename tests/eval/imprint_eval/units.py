# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What is done, one JSON line a unit of work, so that a long run goes on where it stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class ResumeError(Exception):
    """The folder holds another run; the message says what to do."""


class Units:
    """An append-only file of finished units, each under a key of strings and numbers.

    A unit is durable when `put` returns. A line that a crash left half written is cut off
    when the file is opened again.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], resume: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._units: dict[tuple, dict[str, Any]] = {}
        self._path = folder / "units.jsonl"
        self._keep_settings(folder / "settings.json", settings, resume)
        self._load()
        self._file = self._path.open("ab")

    def _keep_settings(self, path: Path, settings: dict[str, Any], resume: bool) -> None:
        settings = json.loads(json.dumps(settings))
        if not path.exists():
            path.write_text(json.dumps(settings, indent=2) + "\n")
            return
        if not resume:
            raise ResumeError(
                f"{path.parent} holds a run already: --resume goes on with it, "
                "another --out begins a new one"
            )
        before = json.loads(path.read_text())
        changed = [
            f"{name} was {before.get(name)!r} and is {settings.get(name)!r}"
            for name in sorted({*before, *settings})
            if before.get(name) != settings.get(name)
        ]
        if changed:
            raise ResumeError(f"{path.parent} holds another run: {'; '.join(changed)}")

    def _load(self) -> None:
        if not self._path.exists():
            return
        whole = 0
        with self._path.open("rb") as file:
            for line in file:
                try:
                    record = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    record = None
                if record is None:
                    break
                whole += len(line)
                self._units[tuple(record["key"])] = record["value"]
        os.truncate(self._path, whole)

    def get(self, *key: str | int) -> dict[str, Any] | None:
        return self._units.get(key)

    def put(self, key: tuple[str | int, ...], value: dict[str, Any]) -> dict[str, Any]:
        line = json.dumps({"key": list(key), "value": value}, ensure_ascii=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._units[key] = value
        return value

    def all(self, kind: str) -> dict[tuple, dict[str, Any]]:
        """Units whose key begins with `kind`, without it."""
        return {key[1:]: value for key, value in self._units.items() if key[0] == kind}

    def close(self) -> None:
        self._file.close()
