# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The client for asyncio."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imprint._admin_operations import AdminOperations
from imprint._async_transport import AsyncTransport
from imprint._caller import Caller
from imprint._operations import Operations
from imprint._requests import (
    Sentence,
    inject_request,
    query_request,
    score_request,
    score_text_request,
)
from imprint._settings import MetadataSource, make_settings
from imprint._waiting import WaitFor
from imprint.answer import Answer
from imprint.async_resources import (
    AsyncExperiences,
    AsyncJobs,
    AsyncProbes,
    AsyncUpdates,
    AsyncVersions,
)
from imprint.async_stream import AsyncStream
from imprint.chat import Prompt
from imprint.experience import Experience, ExperienceLike
from imprint.retry import RetryPolicy
from imprint.score import Score
from imprint.status import Status
from imprint.tls import Tls
from imprint.version import VersionChoice


class AsyncClient:
    """As Client, for one event loop: the one in which the first call is made.

    The arguments are those of Client, the calls are the same, with `await`; lists are
    iterated with `async for`, and so is a stream, which itself is not awaited. A task that is
    cancelled cancels its call.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        admin_address: str | None = None,
        tls: Tls | bool | None = None,
        timeout: float = 30.0,
        compute_timeout: float = 600.0,
        retry: RetryPolicy | None = None,
        channel_options: Sequence[tuple[str, Any]] = (),
        metadata: MetadataSource | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        allow_insecure_token: bool = False,
    ) -> None:
        settings = make_settings(
            address,
            admin_address,
            tls,
            timeout,
            compute_timeout,
            retry,
            channel_options,
            metadata,
            token,
            token_file,
            allow_insecure_token,
        )
        self._transport = AsyncTransport(settings)
        self._caller = Caller(settings)
        self._operations = Operations(self._caller)
        self._admin = AdminOperations(self._caller)
        self.experiences = AsyncExperiences(
            self._transport, self._caller, self._operations, self._admin
        )
        self.updates = AsyncUpdates(self._transport, self._admin)
        self.jobs = AsyncJobs(self._transport, self._caller, self._admin)
        self.versions = AsyncVersions(self._transport, self._caller, self._admin)
        self.probes = AsyncProbes(self._transport, self._caller, self._admin)

    async def inject(
        self,
        content: Prompt,
        *,
        request_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        targets: Iterable[Sentence] = (),
        probes: Iterable[Sentence] = (),
        ttl: float | datetime.timedelta | None = None,
        supersedes: Experience | str | None = None,
        wait: WaitFor = "accepted",
        wait_timeout: float | None = None,
        timeout: float | None = None,
    ) -> Experience:
        """See Client.inject."""
        request = inject_request(content, request_id, labels, targets, probes, ttl, supersedes)
        return await self._transport.run(
            self._operations.inject(request, wait, wait_timeout, timeout)
        )

    async def query(
        self,
        prompt: Prompt,
        *,
        max_tokens: int = 0,
        temperature: float = 0.0,
        top_p: float = 0.0,
        top_k: int = 0,
        stop: Sequence[str] = (),
        seed: int | None = None,
        version: VersionChoice = "latest",
        pending_context: bool = False,
        pending_max_tokens: int = 0,
        pending_labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """See Client.query."""
        request = query_request(
            prompt,
            max_tokens,
            temperature,
            top_p,
            top_k,
            stop,
            seed,
            version,
            pending_context,
            pending_max_tokens,
            pending_labels,
        )
        return await self._transport.run(self._operations.query(request, timeout))

    def stream(
        self,
        prompt: Prompt,
        *,
        max_tokens: int = 0,
        temperature: float = 0.0,
        top_p: float = 0.0,
        top_k: int = 0,
        stop: Sequence[str] = (),
        seed: int | None = None,
        version: VersionChoice = "latest",
        pending_context: bool = False,
        pending_max_tokens: int = 0,
        pending_labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> AsyncStream:
        """See Client.stream."""
        request = query_request(
            prompt,
            max_tokens,
            temperature,
            top_p,
            top_k,
            stop,
            seed,
            version,
            pending_context,
            pending_max_tokens,
            pending_labels,
        )
        return AsyncStream(self._transport, self._caller, request, timeout)

    async def score(
        self,
        prompt: Prompt,
        answer: str | Sequence[int],
        *,
        context: str = "",
        version: VersionChoice = "latest",
        top_k: int = 0,
        timeout: float | None = None,
    ) -> Score:
        """See Client.score."""
        request = score_request(prompt, answer, context, version, top_k)
        return await self._transport.run(self._operations.score(request, timeout))

    async def score_text(
        self,
        text: str,
        *,
        version: VersionChoice = "latest",
        top_k: int = 0,
        timeout: float | None = None,
    ) -> Score:
        """See Client.score_text."""
        request = score_text_request(text, version, top_k)
        return await self._transport.run(self._operations.score(request, timeout))

    async def wait_for(
        self,
        experience: ExperienceLike,
        state: WaitFor = "integrated",
        *,
        timeout: float | None = None,
        run_update: bool = False,
    ) -> Experience:
        """See Client.wait_for."""
        experiences = await self.wait_for_all(
            [experience], state, timeout=timeout, run_update=run_update
        )
        return experiences[0]

    async def wait_for_all(
        self,
        experiences: Iterable[ExperienceLike],
        state: WaitFor = "integrated",
        *,
        timeout: float | None = None,
        run_update: bool = False,
    ) -> list[Experience]:
        """See Client.wait_for_all."""
        return await self._transport.run(
            self._operations.wait_for(experiences, state, timeout, run_update)
        )

    async def status(self, *, timeout: float | None = None) -> Status:
        """See Client.status."""
        return await self._transport.run(self._admin.status(timeout))

    async def close(self) -> None:
        """Ends what is under way; no call is possible after it."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
