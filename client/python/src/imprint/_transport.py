# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Carries plans out over gRPC, in the calling thread."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import grpc

from imprint._caller import Caller, Listing
from imprint._error_details import to_call_error
from imprint._plan import Attempt, Plan, Sleep, Take
from imprint._rpc import Rpc
from imprint._settings import Settings
from imprint.errors import CallError, ImprintError

T = TypeVar("T")


class Transport:
    """The channels to one server. Thread-safe. Connects with the first call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channel = self._make_channel(settings.address)
        self._admin_channel = (
            self._channel
            if settings.admin_address == settings.address
            else self._make_channel(settings.admin_address)
        )

    def run(self, plan: Plan[T]) -> T:
        """Does what the plan says, until it gives a result or raises."""
        try:
            step = next(plan)
            while True:
                try:
                    outcome = self._do(step)
                except ImprintError as error:
                    step = plan.throw(error)
                else:
                    step = plan.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            plan.close()

    def iterate(self, caller: Caller, listing: Listing[T]) -> Iterator[T]:
        """The items of all pages; asks for a page when it comes to it."""
        page_token = ""
        while True:
            page, page_token = self.run(caller.page(listing, page_token))
            yield from page
            if not page_token:
                return

    def error(self, error: grpc.RpcError, rpc: Rpc[Any, Any]) -> CallError:
        """What to raise for what a call raised."""
        settings = self._settings
        address = settings.admin_address if rpc.is_admin else settings.address
        return to_call_error(error, rpc.name, address)

    def close(self) -> None:
        """Ends what is under way; no call is possible after it."""
        self._channel.close()
        self._admin_channel.close()

    def _do(self, step: Any) -> Any:
        if isinstance(step, Sleep):
            time.sleep(step.seconds)
            return None
        attempt: Attempt = step
        try:
            return self._attempt(attempt)
        except grpc.RpcError as error:
            raise self.error(error, attempt.rpc) from error

    def _attempt(self, attempt: Attempt) -> Any:
        rpc = attempt.rpc
        channel = self._admin_channel if rpc.is_admin else self._channel
        timeout: float | None = None if math.isinf(attempt.timeout) else attempt.timeout
        make = channel.unary_stream if rpc.streams else channel.unary_unary
        method: Any = make(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.response.FromString,
        )
        call = method(attempt.request, timeout=timeout, metadata=self._settings.call_metadata())
        if attempt.take is Take.RESPONSE:
            return call
        if attempt.take is Take.ALL:
            return list(call)
        if attempt.on_call is not None:
            attempt.on_call(call)
        return next(call, None)

    def _make_channel(self, address: str) -> grpc.Channel:
        settings = self._settings
        if settings.tls is None:
            return grpc.insecure_channel(address, settings.options(address))
        return grpc.secure_channel(address, settings.tls.credentials(), settings.options(address))
