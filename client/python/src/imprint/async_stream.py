# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""An answer while it is made, with asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio

from imprint import _rpc
from imprint._async_transport import AsyncTransport
from imprint._caller import Caller
from imprint.answer import Answer, AnswerBuilder
from imprint.errors import CallError
from imprint.v1 import imprint_service_pb2


class AsyncStream:
    """The pieces of an answer: `async for piece in client.stream(...)`.

    As Stream, with `async with` in place of `with`; a task that is cancelled while it reads
    cancels the answer too.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        caller: Caller,
        request: imprint_service_pb2.QueryRequest,
        timeout: float | None,
    ) -> None:
        self._transport = transport
        self._open = caller.open(_rpc.QUERY, request, timeout, self._set_call)
        self._call: Any = None
        self._opened = False
        self._cancelled = False
        self._finished = False
        self._builder = AnswerBuilder()

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> str:
        """The next piece, never empty; whole characters."""
        while not self._finished:
            response = await self._read()
            if response is None:
                self._finished = True
            else:
                piece = self._builder.add(response)
                if piece:
                    return piece
        raise StopAsyncIteration

    @property
    def version(self) -> int | None:
        """The version that makes this answer; None before the first piece."""
        return self._builder.version

    @property
    def answer(self) -> Answer:
        """What has come so far; all of it, with why it ended, after the last piece."""
        return self._builder.build()

    def cancel(self) -> None:
        """The server stops making the answer; reading it ends. Harmless after the end."""
        self._cancelled = True
        if self._call is not None:
            self._call.cancel()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancel()

    def _set_call(self, call: Any) -> None:
        self._call = call
        if self._cancelled:
            call.cancel()

    async def _read(self) -> imprint_service_pb2.QueryResponse | None:
        """None at the end."""
        if self._cancelled:
            return None
        try:
            if not self._opened:
                self._opened = True
                return await self._transport.run(self._open)
            response = await self._call.read()
            return None if response is grpc.aio.EOF else response
        except asyncio.CancelledError:
            # What `cancel` did to the call; the reader's own cancellation is another matter.
            if self._cancelled:
                return None
            raise
        except (grpc.RpcError, CallError) as error:
            if self._cancelled:
                return None
            self._finished = True
            if isinstance(error, CallError):
                raise
            raise self._transport.error(error, _rpc.QUERY) from error
