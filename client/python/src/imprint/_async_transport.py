# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Carries plans out over gRPC with asyncio."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import grpc
import grpc.aio

from imprint._caller import Caller, Listing
from imprint._error_details import to_call_error
from imprint._plan import Attempt, Plan, Sleep, Take
from imprint._rpc import Rpc
from imprint._settings import Settings
from imprint.errors import CallError, ImprintError

T = TypeVar("T")


class AsyncTransport:
    """The channels to one server, made by the first call: they belong to its event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Now, so that a file that cannot be read is told to who made the client.
        self._credentials = None if settings.tls is None else settings.tls.credentials()
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._closed = False

    async def run(self, plan: Plan[T]) -> T:
        """Does what the plan says, until it gives a result or raises."""
        try:
            step = next(plan)
            while True:
                try:
                    outcome = await self._do(step)
                except ImprintError as error:
                    step = plan.throw(error)
                else:
                    step = plan.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            plan.close()

    async def iterate(self, caller: Caller, listing: Listing[T]) -> AsyncIterator[T]:
        """The items of all pages; asks for a page when it comes to it."""
        page_token = ""
        while True:
            page, page_token = await self.run(caller.page(listing, page_token))
            for item in page:
                yield item
            if not page_token:
                return

    def error(self, error: grpc.RpcError, rpc: Rpc[Any, Any]) -> CallError:
        """What to raise for what a call raised."""
        return to_call_error(error, rpc.name, self._address(rpc))

    async def close(self) -> None:
        """Ends what is under way; no call is possible after it."""
        self._closed = True
        for channel in self._channels.values():
            await channel.close()

    async def _do(self, step: Any) -> Any:
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
            return None
        attempt: Attempt = step
        try:
            return await self._attempt(attempt)
        except grpc.RpcError as error:
            raise self.error(error, attempt.rpc) from error

    async def _attempt(self, attempt: Attempt) -> Any:
        rpc = attempt.rpc
        channel = self._channel(self._address(rpc))
        timeout: float | None = None if math.isinf(attempt.timeout) else attempt.timeout
        make = channel.unary_stream if rpc.streams else channel.unary_unary
        method: Any = make(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.response.FromString,
        )
        call = method(attempt.request, timeout=timeout, metadata=self._settings.call_metadata())
        if attempt.take is Take.RESPONSE:
            return await call
        if attempt.take is Take.ALL:
            return [response async for response in call]
        if attempt.on_call is not None:
            attempt.on_call(call)
        first = await call.read()
        return None if first is grpc.aio.EOF else first

    def _address(self, rpc: Rpc[Any, Any]) -> str:
        return self._settings.admin_address if rpc.is_admin else self._settings.address

    def _channel(self, address: str) -> grpc.aio.Channel:
        if self._closed:
            raise ValueError("the client is closed")
        if address not in self._channels:
            options = self._settings.options(address)
            self._channels[address] = (
                grpc.aio.insecure_channel(address, options)
                if self._credentials is None
                else grpc.aio.secure_channel(address, self._credentials, options)
            )
        return self._channels[address]
