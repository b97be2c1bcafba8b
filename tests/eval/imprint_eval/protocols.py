# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The protocols of the paper: each context alone, all in one job, one job each in a row.

A protocol knows which units of work it has (`planned`) and does those that are missing.
What the units hold are answers and measurements; scores are made of them in summary.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from imprint_eval.asking import ask
from imprint_eval.client import BASE, Client
from imprint_eval.data import Choice, Context, Question
from imprint_eval.drift import JOB_TAG
from imprint_eval.learning import Learner, count_tokens, probed_efficacies
from imprint_eval.methods import BM25, IN_CONTEXT
from imprint_eval.progress import Progress
from imprint_eval.prompts import CHAT
from imprint_eval.retention import Retention
from imprint_eval.retrieval import PassageIndex
from imprint_eval.units import Units

Key = tuple[str | int, ...]


@dataclass
class Material:
    """What is learned and asked."""

    contexts: list[Context]
    # What bm25 searches: all passages of the file, those of `contexts` among them.
    passages: list[str]
    windows: list[str] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    facts: list[Question] = field(default_factory=list)


class Protocol:
    """What the three have in common."""

    name = ""

    def __init__(self, material: Material, units: Units, progress: Progress) -> None:
        self._material = material
        self._contexts = material.contexts
        self._units = units
        self._progress = progress
        self._index: PassageIndex | None = None

    # --- what there is to do ---

    def planned(self, method: str, trains: bool) -> list[Key]:
        keys: list[Key] = [("answers", method, context.id) for context in self._contexts]
        if trains:
            keys += [("retention", method, tag) for tag in self.retention_tags()]
        return keys

    def retention_tags(self) -> list[str]:
        """Names of the points at which retention is measured."""
        raise NotImplementedError

    def planned_of_base(self) -> list[Key]:
        """What is measured once, of the base model."""
        keys: list[Key] = [("tokens", context.id) for context in self._contexts]
        if self._material.choices or self._material.facts:
            keys.append(("before",))
        return keys

    # --- doing it ---

    def measure_base(self, client: Client) -> None:
        for context in self._contexts:
            self._do(
                ("tokens", context.id),
                "counting tokens",
                lambda context=context: {"tokens": count_tokens(client, context.text)},
            )
        if ("before",) in self.planned_of_base():
            self._do(("before",), "what the base model knows", self._retention(client).before)

    def read(self, method: str, client: Client) -> None:
        """A method that changes no weights."""
        for number, context in enumerate(self._contexts, start=1):
            self._do(
                ("answers", method, context.id),
                f"{method}: context {number} of {len(self._contexts)}",
                lambda context=context: {
                    "questions": ask(client, context, BASE, self._before(method, context))
                },
            )

    def train(self, method: str, client: Client) -> None:
        raise NotImplementedError

    # --- for the protocols ---

    def _do(self, key: Key, what: str, work: Callable[[], dict[str, Any]]) -> None:
        """Does a unit unless it is done."""
        if self._units.get(*key) is None:
            self._progress.say(what)
            self._units.put(key, work())
            self._progress.step(what)

    def _before(self, method: str, context: Context) -> Callable[[str], str]:
        """What stands before a question."""
        if method == IN_CONTEXT:
            return lambda question: context.text
        if method == BM25:
            if self._index is None:
                self._index = PassageIndex(self._material.passages)
            return self._index.best
        return lambda question: ""

    def _retention(self, client: Client) -> Retention:
        material = self._material
        return Retention(client, material.windows, material.choices, material.facts)

    def _learner(self, method: str, client: Client) -> Learner:
        return Learner(method, client, self._units, self._progress.say)

    def _measure_retention(
        self, method: str, tag: str, retention: Retention, knowledge: bool
    ) -> None:
        self._do(
            ("retention", method, tag),
            f"{method}: retention",
            lambda: retention.after(knowledge),
        )

    def _has_retention(self) -> bool:
        material = self._material
        return bool(material.windows or material.choices or material.facts)


class Single(Protocol):
    """Each context alone, from the base: learned, asked, rolled back."""

    name = "single"
    # Retention is measured after so many of the contexts, evenly spread: each is a version
    # of its own, and one looks like the next.
    retention_points = 4

    def retention_tags(self) -> list[str]:
        if not self._has_retention():
            return []
        count = len(self._contexts)
        points = min(self.retention_points, count)
        return [self._contexts[i * count // points].id for i in range(points)]

    def train(self, method: str, client: Client) -> None:
        learner = self._learner(method, client)
        retention = self._retention(client)
        tags = self.retention_tags()
        for number, context in enumerate(self._contexts, start=1):
            key = ("answers", method, context.id)
            if self._units.get(*key) is not None:
                continue
            what = f"{method}: context {number} of {len(self._contexts)}"
            name = learner.inject(context)
            if not learner.outcome(name)["integrated"] and client.status().version != 0:
                client.rollback(0)  # what a run that was stopped had left to do
            learner.await_written([name])
            learner.train([name])
            outcome = learner.outcome(name)
            if context.id in tags:
                self._measure_retention(method, context.id, retention, knowledge=True)
            # Last, so that a context whose answers are there is wholly done.
            self._do(
                key,
                what,
                lambda context=context, outcome=outcome: {
                    **outcome,
                    "questions": ask(client, context),
                },
            )
            client.rollback(0)


class Batch(Protocol):
    """All contexts in one job."""

    name = "batch"

    def retention_tags(self) -> list[str]:
        return ["final"] if self._has_retention() else []

    def train(self, method: str, client: Client) -> None:
        learner = self._learner(method, client)
        client.pause()  # so that no job starts before all are there
        names = [learner.inject(context) for context in self._contexts]
        learner.await_written(names)
        client.resume()
        learner.train(names)
        for tag in self.retention_tags():
            self._measure_retention(method, tag, self._retention(client), knowledge=True)
        for number, (context, name) in enumerate(zip(self._contexts, names, strict=True), start=1):
            self._do(
                ("answers", method, context.id),
                f"{method}: asking context {number} of {len(names)}",
                lambda context=context, name=name: {
                    **learner.outcome(name),
                    "questions": ask(client, context),
                },
            )


class Sequential(Protocol):
    """One job for each context, in a row; after every k-th all earlier ones are asked."""

    name = "sequential"

    def __init__(
        self, material: Material, units: Units, progress: Progress, probe_every: int
    ) -> None:
        super().__init__(material, units, progress)
        self._probe_every = probe_every

    def _checks(self, job: int) -> list[Context]:
        """Asked after this job (from 1): the first and the new one always."""
        if self._is_checkpoint(job):
            return self._contexts[:job]
        return [self._contexts[0], self._contexts[job - 1]]

    def _is_checkpoint(self, job: int) -> bool:
        return job == 1 or job % self._probe_every == 0 or job == len(self._contexts)

    def retention_tags(self) -> list[str]:
        if not self._has_retention():
            return []
        jobs = range(1, len(self._contexts) + 1)
        return [f"{JOB_TAG}{job}" for job in jobs if self._is_checkpoint(job)]

    def planned(self, method: str, trains: bool) -> list[Key]:
        keys = super().planned(method, trains)
        if trains:
            for job in range(1, len(self._contexts) + 1):
                keys += [("check", method, job, context.id) for context in self._checks(job)]
        return keys

    def train(self, method: str, client: Client) -> None:
        learner = self._learner(method, client)
        retention = self._retention(client)
        tags = self.retention_tags()
        names: dict[str, str] = {}
        for job, context in enumerate(self._contexts, start=1):
            name = names[context.id] = learner.inject(context)
            learner.await_written([name])
            learner.train([name])
            self._check(method, job, client, names)
            if (tag := f"{JOB_TAG}{job}") in tags:
                last = job == len(self._contexts)
                self._measure_retention(method, tag, retention, knowledge=last)
        efficacies = {
            context.id: self._units.get("check", method, len(self._contexts), context.id)
            for context in self._contexts
        }
        for number, context in enumerate(self._contexts, start=1):
            self._do(
                ("answers", method, context.id),
                f"{method}: asking context {number} of {len(names)}",
                lambda context=context: {
                    **learner.outcome(names[context.id]),
                    # The gate's is from when it was learned; this one from the end.
                    "efficacy": efficacies[context.id]["efficacy"],
                    "questions": ask(client, context),
                },
            )

    def _check(self, method: str, job: int, client: Client, names: dict[str, str]) -> None:
        missing: Sequence[Context] = [
            context
            for context in self._checks(job)
            if self._units.get("check", method, job, context.id) is None
        ]
        if not missing:
            return
        self._progress.say(f"{method}: asking after job {job} of {len(self._contexts)}")
        efficacies = probed_efficacies(client.probe([names[context.id] for context in missing]))
        for context in {context.id: context for context in missing}.values():
            self._do(
                ("check", method, job, context.id),
                f"{method}: asked after job {job} of {len(self._contexts)}",
                lambda context=context: {
                    "efficacy": efficacies.get(names[context.id]),
                    "questions": ask(client, context, forms=[CHAT]),
                },
            )
