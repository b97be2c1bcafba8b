# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Calls as plans: deadlines, retries, pages."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Generic, TypeVar

from google.protobuf.message import Message

from imprint._plan import Attempt, Plan, Sleep, Take
from imprint._rpc import Req, Resp, Rpc
from imprint._settings import Settings
from imprint.errors import CallError

T = TypeVar("T")
Clock = Callable[[], float]


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A paged list: its call, and the field of a response that holds the items."""

    rpc: Rpc[Any, Any]
    request: Message
    items: str
    convert: Callable[[Any], T]
    timeout: float | None


class Caller:
    """Makes plans of calls. A `timeout` of None is the client's own; infinity is none."""

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self._settings = settings

    def call(self, rpc: Rpc[Req, Resp], request: Req, timeout: float | None) -> Plan[Resp]:
        response: Resp = yield from self._attempts(rpc, request, timeout, Take.RESPONSE)
        return response

    def collect(self, rpc: Rpc[Req, Resp], request: Req, timeout: float | None) -> Plan[list[Resp]]:
        """All responses of a stream. Tried again also where it broke off in the middle."""
        responses: list[Resp] = yield from self._attempts(rpc, request, timeout, Take.ALL)
        return responses

    def open(
        self,
        rpc: Rpc[Req, Resp],
        request: Req,
        timeout: float | None,
        on_call: Callable[[Any], None],
    ) -> Plan[Resp | None]:
        """The first response of a stream, None where it ends without one.

        Tried again up to there alone: the caller has seen what came after.
        """
        first: Resp | None = yield from self._attempts(rpc, request, timeout, Take.FIRST, on_call)
        return first

    def page(self, listing: Listing[T], page_token: str) -> Plan[tuple[Sequence[T], str]]:
        """One page, and the token of the next one; empty: this was the last."""
        request: Any = type(listing.request)()
        request.CopyFrom(listing.request)
        request.page_token = page_token
        response: Any = yield from self.call(listing.rpc, request, listing.timeout)
        items = [listing.convert(item) for item in getattr(response, listing.items)]
        return items, response.next_page_token

    def each(self, listing: Listing[T]) -> Plan[list[T]]:
        """All pages."""
        items: list[T] = []
        page_token = ""
        while True:
            page, page_token = yield from self.page(listing, page_token)
            items.extend(page)
            if not page_token:
                return items

    def _attempts(
        self,
        rpc: Rpc[Any, Any],
        request: Message,
        timeout: float | None,
        take: Take,
        on_call: Callable[[Any], None] | None = None,
    ) -> Plan[Any]:
        settings = self._settings
        if timeout is None:
            timeout = settings.compute_timeout if rpc.computes else settings.timeout
        deadline = math.inf if math.isinf(timeout) else self.clock() + timeout
        attempt = 1
        while True:
            left = deadline - self.clock()
            try:
                return (yield Attempt(rpc, request, left, take, on_call))
            except CallError as error:
                if not rpc.repeatable or attempt >= settings.retry.max_attempts:
                    raise
                if not settings.retry.allows(error):
                    raise
                delay = settings.retry.delay(attempt, error.retry_delay)
                if self.clock() + delay >= deadline:
                    raise
            yield Sleep(delay)
            attempt += 1
