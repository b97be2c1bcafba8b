# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""An answer while it is made."""

from __future__ import annotations

from typing import Any

import grpc

from imprint import _rpc
from imprint._caller import Caller
from imprint._transport import Transport
from imprint.answer import Answer, AnswerBuilder
from imprint.errors import CallError
from imprint.v1 import imprint_service_pb2


class Stream:
    """The pieces of an answer: `for piece in client.stream(...)`.

    The question is sent when the first piece is asked for, and up to that piece it is tried
    again as other calls are. An error after it is raised where it meets the reader: the
    answer is lost from there on. Read by one thread; `cancel` may be called by any. As a
    context manager it cancels what is left at the end of the block.
    """

    def __init__(
        self,
        transport: Transport,
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

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> str:
        """The next piece, never empty; whole characters."""
        while not self._finished:
            response = self._read()
            if response is None:
                self._finished = True
            else:
                piece = self._builder.add(response)
                if piece:
                    return piece
        raise StopIteration

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

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def _set_call(self, call: Any) -> None:
        self._call = call
        if self._cancelled:
            call.cancel()

    def _read(self) -> imprint_service_pb2.QueryResponse | None:
        """None at the end."""
        if self._cancelled:
            return None
        try:
            if not self._opened:
                self._opened = True
                return self._transport.run(self._open)
            response: imprint_service_pb2.QueryResponse | None = next(self._call, None)
            return response
        except (grpc.RpcError, CallError) as error:
            if self._cancelled:
                return None
            self._finished = True
            if isinstance(error, CallError):
                raise
            raise self._transport.error(error, _rpc.QUERY) from error
