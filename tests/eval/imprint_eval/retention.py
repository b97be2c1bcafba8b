# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What a version has lost beside what it learned: unrelated text, everyday sense, facts.

Nothing of this is ever trained on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from imprint_eval.client import BASE, LATEST, Client
from imprint_eval.data import Choice, Question
from imprint_eval.prompts import CHAT
from imprint_eval.scores import recall
from imprint_eval.stubs import imprint_service_pb2, message_pb2

# KL over the base model's most likely tokens and the rest as one bucket: a lower bound of
# that over the vocabulary, within a percent of it at this many.
TOP_K = 100
MIN_REST_MASS = 1e-6


def bucketed_kl(base: Sequence[float], version: Sequence[float]) -> float:
    """KL(base||version) in nats of one token, from log-probabilities of the same ids."""

    def rest(log_probabilities: Sequence[float]) -> float:
        return max(1 - sum(math.exp(one) for one in log_probabilities), MIN_REST_MASS)

    named = sum(math.exp(p) * (p - q) for p, q in zip(base, version, strict=True))
    base_rest = rest(base)
    return named + base_rest * math.log(base_rest / rest(version))


class Retention:
    """The files of retention on one server, compared with its base model."""

    def __init__(
        self,
        client: Client,
        windows: Sequence[str],
        choices: Sequence[Choice] = (),
        facts: Sequence[Question] = (),
    ) -> None:
        self._client = client
        self._windows = windows
        self._choices = choices
        self._facts = facts
        self._base_scores: list[imprint_service_pb2.ScoreResponse] | None = None

    def before(self) -> dict[str, Any]:
        """The base model's own: whether each choice was right, each fact's recall."""
        return self._knowledge(BASE)

    def after(self, knowledge: bool) -> dict[str, Any]:
        """Of the current version: for each window [tokens, KL, -log p of the base, -log p of
        the version], in nats over its tokens; with `knowledge` also choices and facts."""
        found: dict[str, Any] = {"windows": self._drift()}
        if knowledge:
            found.update(self._knowledge(LATEST))
        return found

    def _drift(self) -> list[list[float]]:
        if self._base_scores is None:
            self._base_scores = self._client.map(
                lambda text: self._client.score(text=text, top_k=TOP_K, version=BASE),
                self._windows,
            )
        return self._client.map(self._window, zip(self._windows, self._base_scores, strict=True))

    def _window(self, pair: tuple[str, imprint_service_pb2.ScoreResponse]) -> list[float]:
        text, base = pair
        wanted = [imprint_service_pb2.TokenIds(ids=token.top_ids) for token in base.tokens]
        version = self._client.score(text=text, requested_ids=wanted, version=LATEST)
        divergence = nats_base = nats_version = 0.0
        for ours, theirs in zip(base.tokens, version.tokens, strict=True):
            divergence += bucketed_kl(
                ours.top_log_probabilities, theirs.requested_log_probabilities
            )
            nats_base -= ours.log_probability
            nats_version -= theirs.log_probability
        return [len(base.tokens), divergence, nats_base, nats_version]

    def _knowledge(self, version: message_pb2.VersionSelector) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._choices:
            texts = [
                f"Question: {choice.goal.strip()}\nAnswer: {solution.strip()}"
                for choice in self._choices
                for solution in choice.solutions
            ]
            # The goal is the same in both, so the sums differ by the solutions only.
            sums = self._client.map(
                lambda text: sum(
                    token.log_probability
                    for token in self._client.score(text=text, version=version).tokens
                ),
                texts,
            )
            found["piqa"] = [
                float((sums[2 * i + 1] > sums[2 * i]) == bool(choice.label))
                for i, choice in enumerate(self._choices)
            ]
        if self._facts:
            answers = self._client.map(
                lambda fact: self._client.answer(CHAT, fact.question, version=version),
                self._facts,
            )
            found["facts"] = [
                recall(answer, fact.answer)
                for answer, fact in zip(answers, self._facts, strict=True)
            ]
        return found
