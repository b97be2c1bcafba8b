# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The files of an evaluation, read and sampled by a seed."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

# Words of a window of retention text: about 64 to 128 tokens.
WINDOW_WORDS = 70
MIN_WINDOW_WORDS = 40


class DataError(Exception):
    """A file is not what it should be; the message says where and what is expected."""


@dataclass(frozen=True)
class Question:
    question: str
    answer: str


@dataclass(frozen=True)
class Context:
    title: str
    text: str
    questions: tuple[Question, ...]

    @property
    def id(self) -> str:
        """The same for the same text in any file and order."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Choice:
    """A question of PIQA: which of two solutions is likelier after the goal."""

    goal: str
    solutions: tuple[str, str]
    label: int


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error


def _questions(path: Path, place: str, rows: object) -> tuple[Question, ...]:
    try:
        return tuple(Question(str(row["question"]), str(row["answer"])) for row in rows)
    except (TypeError, KeyError) as error:
        raise DataError(f'{path}: {place}: expected [{{"question", "answer"}}]') from error


def load_contexts(path: Path) -> list[Context]:
    """All contexts of a file in the shape of SQuAD by passage; a text is there once."""
    rows = _read_json(path)
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a list of {{title, context, questions}}")
    contexts: dict[str, Context] = {}
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("context"), str):
            raise DataError(f"{path}: entry {i}: expected {{title, context, questions}}")
        questions = _questions(path, f"entry {i}", row.get("questions", []))
        context = Context(str(row.get("title", "")), row["context"].strip(), questions)
        if context.text and context.id not in contexts:
            contexts[context.id] = context
    return list(contexts.values())


def choose_contexts(
    contexts: list[Context], count: int, questions_per_context: int, seed: int
) -> list[Context]:
    """`count` contexts that have questions, of each at most so many (0: all)."""
    asked = [context for context in contexts if context.questions]
    if len(asked) < count:
        raise DataError(f"--contexts={count}: the file has {len(asked)} contexts with questions")
    chosen = random.Random(seed).sample(asked, count)
    limit = questions_per_context or None
    return [Context(one.title, one.text, one.questions[:limit]) for one in chosen]


def load_windows(path: Path, count: int, seed: int) -> list[str]:
    """Windows of unrelated text; paragraphs are parted by an empty line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
    windows = []
    for paragraph in text.split("\n\n"):
        words = paragraph.split()
        for begin in range(0, len(words), WINDOW_WORDS):
            piece = words[begin : begin + WINDOW_WORDS]
            if len(piece) >= MIN_WINDOW_WORDS:
                windows.append(" ".join(piece))
    if not windows:
        raise DataError(f"{path}: no paragraph of at least {MIN_WINDOW_WORDS} words")
    return random.Random(seed).sample(windows, min(count, len(windows)))


def load_piqa(path: Path, count: int, seed: int) -> list[Choice]:
    choices = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                row = json.loads(line)
                solutions = (str(row["sol1"]), str(row["sol2"]))
                choices.append(Choice(str(row["goal"]), solutions, int(row["label"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected {{goal, sol1, sol2, label}} a line: {error}") from error
    if not choices:
        raise DataError(f"{path}: is empty")
    return random.Random(seed).sample(choices, min(count, len(choices)))


def load_facts(path: Path) -> list[Question]:
    facts = _questions(path, "the file", _read_json(path))
    if not facts:
        raise DataError(f"{path}: is empty")
    return list(facts)
