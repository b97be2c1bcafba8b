# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Log-probabilities of given text."""

from __future__ import annotations

from dataclasses import dataclass

from imprint.v1 import imprint_service_pb2


@dataclass(frozen=True)
class TokenScore:
    """One scored token; log-probabilities are natural, at temperature 1, untruncated.

    `text` is empty where the token is a part of a character. `top`: the most likely tokens
    as (id, log-probability), likeliest first; `rest_mass` is the probability beyond them.
    """

    id: int
    text: str
    log_probability: float
    top: tuple[tuple[int, float], ...]
    rest_mass: float


@dataclass(frozen=True)
class Score:
    """The scored tokens, and the number of the version that scored them."""

    version: int
    tokens: tuple[TokenScore, ...]

    @property
    def log_probability(self) -> float:
        """Of the whole text: the sum over its tokens, in nats."""
        return sum(token.log_probability for token in self.tokens)


def to_score(proto: imprint_service_pb2.ScoreResponse) -> Score:
    return Score(proto.version, tuple(_to_token(token) for token in proto.tokens))


def _to_token(token: imprint_service_pb2.TokenScore) -> TokenScore:
    return TokenScore(
        id=token.id,
        text=token.text,
        log_probability=token.log_probability,
        top=tuple(zip(token.top_ids, token.top_log_probabilities)),
        rest_mass=token.rest_mass,
    )
