# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""An AsyncClient that is called as a Client is, so that one test runs with both."""

import asyncio
import inspect
import threading

from imprint import AsyncClient, AsyncStream


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Blocking:
    """Stands for `target`: what it would have awaited is awaited in `loop`."""

    def __init__(self, target, loop):
        self._target = target
        self._loop = loop

    def __getattr__(self, name):
        value = getattr(self._target, name)
        if callable(value):
            return lambda *words, **fields: self._call(value, words, fields)
        if type(value).__module__ == "imprint.async_resources":
            return Blocking(value, self._loop)
        return value

    def __enter__(self):
        self._loop.run(self._target.__aenter__())
        return self

    def __exit__(self, *error):
        self._loop.run(self._target.__aexit__(*error))

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return self._loop.run(self._target.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def _call(self, function, words, fields):
        async def call():
            value = function(*words, **fields)
            return await value if inspect.isawaitable(value) else value

        value = self._loop.run(call())
        iterates = isinstance(value, AsyncStream) or inspect.isasyncgen(value)
        return Blocking(value, self._loop) if iterates else value


def make_client(address, loop, **options):
    return Blocking(AsyncClient(address, **options), loop)
