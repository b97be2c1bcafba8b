# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""When a call is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

import grpc

from imprint.errors import CallError


@dataclass(frozen=True)
class RetryPolicy:
    """When a call that may be repeated is tried again, and after how long.

    Tried again is what the server says may be (RetryInfo), and what no server answered. Never
    calls that would do their work twice: creating and deleting probes, rollback, rebuild,
    release, cancel. A call's `timeout` covers all its attempts and the waits between them.
    The wait is the longest of RetryInfo's and a backoff that doubles, and up to `jitter` (a
    share) longer, so that many clients do not come back at once.
    """

    max_attempts: int = 5  # 1: never again
    initial_backoff: float = 0.5  # seconds
    max_backoff: float = 10.0  # seconds
    jitter: float = 0.3

    def allows(self, error: CallError) -> bool:
        """Trying again may help, for a call that may be repeated."""
        return error.retry_delay is not None or error.code is grpc.StatusCode.UNAVAILABLE

    def delay(self, attempt: int, retry_delay: float | None) -> float:
        """Seconds to wait after `attempt`, counted from 1."""
        backoff = min(self.max_backoff, self.initial_backoff * 2.0 ** (attempt - 1))
        return max(backoff, retry_delay or 0.0) * (1 + random.uniform(0, self.jitter))
