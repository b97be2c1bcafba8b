# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Answers: text that knows which weights made it."""

from __future__ import annotations

from enum import Enum

from imprint._convert import word_of
from imprint.v1 import imprint_service_pb2


class FinishReason(str, Enum):
    """Why an answer ends."""

    UNSPECIFIED = "unspecified"
    STOP = "stop"  # the model ended it, or a stop string was met
    LENGTH = "length"  # max_tokens, or the end of the model's window


class Answer(str):
    """The text of an answer, and beside it:

    `version`: the number of the weights that made it; 0 is the base model.
    `finish_reason`, `prompt_tokens`, `output_tokens`.
    `pending_experiences`: the names of those that were put into the prompt, because they
    are not in the weights yet.
    """

    version: int
    finish_reason: FinishReason
    prompt_tokens: int
    output_tokens: int
    pending_experiences: tuple[str, ...]


class AnswerBuilder:
    """Puts an answer together from the messages of its stream."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._last: imprint_service_pb2.QueryResponse | None = None

    def add(self, response: imprint_service_pb2.QueryResponse) -> str:
        """Takes the next message; gives its piece of text, which may be empty."""
        self._pieces.append(response.text)
        self._last = response
        return response.text

    @property
    def version(self) -> int | None:
        """None before the first message."""
        return None if self._last is None else self._last.version

    def build(self) -> Answer:
        """All that was added so far."""
        last = self._last or imprint_service_pb2.QueryResponse()
        answer = Answer("".join(self._pieces))
        answer.version = last.version
        answer.finish_reason = word_of(
            FinishReason, imprint_service_pb2.FinishReason, last.finish_reason
        )
        answer.prompt_tokens = last.usage.prompt_tokens
        answer.output_tokens = last.usage.output_tokens
        answer.pending_experiences = tuple(last.usage.pending_experiences)
        return answer
