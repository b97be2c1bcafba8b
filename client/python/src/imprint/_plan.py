# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What a client does, without doing it.

A plan is a generator that says what to do next (a call, a pause) and is told what came of
it. Retries and waits are plans, so that they are written once: `_transport` carries them out
with threads, `_async_transport` with asyncio, a test with a clock of its own.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Callable, TypeVar, Union

from google.protobuf.message import Message

from imprint._rpc import Rpc

T = TypeVar("T")


class Take(Enum):
    """What an attempt gives."""

    RESPONSE = 1  # the response
    ALL = 2  # a list of all responses of a stream
    FIRST = 3  # the open stream's call, and its first response or None


@dataclass(frozen=True)
class Attempt:
    """One call of the network; `timeout` in seconds, may be infinite.

    `on_call` is told of a stream's call before anything is awaited.
    """

    rpc: Rpc[Any, Any]
    request: Message
    timeout: float
    take: Take
    on_call: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Sleep:
    """A pause."""

    seconds: float


Step = Union[Attempt, Sleep]
# What comes back for a step depends on the step.
Plan = Generator[Step, Any, T]
