# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The client for programs without asyncio."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imprint._admin_operations import AdminOperations
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
from imprint._transport import Transport
from imprint._waiting import WaitFor
from imprint.answer import Answer
from imprint.chat import Prompt
from imprint.experience import Experience, ExperienceLike
from imprint.resources import Experiences, Jobs, Probes, Updates, Versions
from imprint.retry import RetryPolicy
from imprint.score import Score
from imprint.status import Status
from imprint.stream import Stream
from imprint.tls import Tls
from imprint.version import VersionChoice


class Client:
    """A connection to one server; connects with the first call. Thread-safe.

    `address` is "host:port"; without, IMPRINT_SERVER of the environment, or
    "127.0.0.1:50051". `admin_address` (IMPRINT_ADMIN_SERVER) where AdminService listens
    elsewhere. `tls`: True for certificates signed by a public authority, or Tls(ca_file)
    (IMPRINT_TLS_CA); None or False: no TLS.

    Every call takes a `timeout` in seconds for itself with all its retries; without, it is
    the client's `timeout`, or `compute_timeout` where the model works for it (query, stream,
    score, probes). `float("inf")`: none. See RetryPolicy for what is tried again.

    `token`, or `token_file` (IMPRINT_TOKEN_FILE), which is read before each call; without, what
    IMPRINT_TOKEN holds: sent with each call to a server with tokens. Without TLS it goes to this
    machine alone (ValueError), unless `allow_insecure_token`.

    `metadata` is asked before each attempt of a call what to send with it: pairs such as
    ("x-request-id", "7") and ("traceparent", "00-..."), which the server's log names.

    Every call raises CallError, in one of its subclasses, when it fails, and ValueError for
    arguments that could not be sent. What is wrong with a request otherwise, the server says:
    InvalidArgumentError. A wait raises WaitError; its `wait_timeout` is in seconds, None: none.
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
        self._transport = Transport(settings)
        self._caller = Caller(settings)
        self._operations = Operations(self._caller)
        self._admin = AdminOperations(self._caller)
        self.experiences = Experiences(self._transport, self._caller, self._operations, self._admin)
        self.updates = Updates(self._transport, self._admin)
        self.jobs = Jobs(self._transport, self._caller, self._admin)
        self.versions = Versions(self._transport, self._caller, self._admin)
        self.probes = Probes(self._transport, self._caller, self._admin)

    def inject(
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
        """Tells the model something: a text, or a conversation (a Chat, or messages).

        `request_id`: the same id and content are stored once, however often they are sent; one
        is made for each call, so that its own retries are safe. Give one to make it safe to
        run a program again. At most 128 bytes, nothing personal: forgetting keeps it.
        `targets`: sentences of your own to train on beside the generated ones; texts, or
        (question, answer). `probes`: questions that measure it and are never trained on;
        questions, or (question, expected answer). `ttl`: seconds after which it is forgotten.
        `supersedes`: the older experience, its name or its request_id, that is forgotten when
        this one is learned.

        `wait`: return when it is durable ("accepted"), when its target sentences are written
        ("ready"), or when it is in the weights ("integrated"; asks for an update). What it
        raises then leaves the experience accepted: SetAsideError, UpdatesStoppedError,
        WaitTimeoutError. AlreadyExistsError: the request_id with another content.
        """
        request = inject_request(content, request_id, labels, targets, probes, ttl, supersedes)
        return self._transport.run(self._operations.inject(request, wait, wait_timeout, timeout))

    def query(
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
        """Asks the model: a question, or a chat that ends with the user's turn.

        `max_tokens` 0: the server's default. `temperature` 0: always the likeliest token; at
        most 2. `top_p`, `top_k` 0: off. `stop`: at most 8 texts that end the answer. `seed`:
        the same one gives the same sample. `version`: "latest", "base", or the number of one
        that is live (FailedPreconditionError names those that are).

        `pending_context` puts experiences that are not in the weights yet into the prompt:
        at most `pending_max_tokens` of them (0: the server's default), and only those that
        carry all of `pending_labels`.
        """
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
        return self._transport.run(self._operations.query(request, timeout))

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
    ) -> Stream:
        """As `query`, with the answer in pieces while it is made."""
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
        return Stream(self._transport, self._caller, request, timeout)

    def score(
        self,
        prompt: Prompt,
        answer: str | Sequence[int],
        *,
        context: str = "",
        version: VersionChoice = "latest",
        top_k: int = 0,
        timeout: float | None = None,
    ) -> Score:
        """How likely one version finds `answer` (text or token ids) to `prompt`.

        `context` is put before the prompt as in a teacher's. `top_k`: how many of the
        likeliest tokens to give at each place; at most 256.
        """
        request = score_request(prompt, answer, context, version, top_k)
        return self._transport.run(self._operations.score(request, timeout))

    def score_text(
        self,
        text: str,
        *,
        version: VersionChoice = "latest",
        top_k: int = 0,
        timeout: float | None = None,
    ) -> Score:
        """How likely one version finds a plain text, from its second token on."""
        request = score_text_request(text, version, top_k)
        return self._transport.run(self._operations.score(request, timeout))

    def wait_for(
        self,
        experience: ExperienceLike,
        state: WaitFor = "integrated",
        *,
        timeout: float | None = None,
        run_update: bool = False,
    ) -> Experience:
        """Waits until an experience is "ready" or "integrated"; gives it as it is then.

        `timeout` in seconds; None: none. The server updates by count, tokens and age of what
        is ready; `run_update` asks it to do so now. Raises as `inject` does.
        """
        return self.wait_for_all([experience], state, timeout=timeout, run_update=run_update)[0]

    def wait_for_all(
        self,
        experiences: Iterable[ExperienceLike],
        state: WaitFor = "integrated",
        *,
        timeout: float | None = None,
        run_update: bool = False,
    ) -> list[Experience]:
        """As `wait_for`, in the order given. SetAsideError comes when all others are there."""
        return self._transport.run(
            self._operations.wait_for(experiences, state, timeout, run_update)
        )

    def status(self, *, timeout: float | None = None) -> Status:
        """How the server stands: version, queue, running job."""
        return self._transport.run(self._admin.status(timeout))

    def close(self) -> None:
        """Ends what is under way; no call is possible after it."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
