# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The calls of the public API that an evaluation needs, patient with a busy server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc

from imprint_eval.prompts import Form
from imprint_eval.stubs import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    experience_pb2,
    imprint_service_pb2,
    imprint_service_pb2_grpc,
    message_pb2,
)

State = experience_pb2.ExperienceState
JobState = admin_service_pb2.JobState
Item = TypeVar("Item")
Result = TypeVar("Result")

BASE = message_pb2.VersionSelector(base=True)
LATEST = message_pb2.VersionSelector(latest=True)

# Calls at once: the server makes one batch of them.
STREAMS = 32
# Longest wait for one call; a model may be large and the machine small.
CALL_SECONDS = 1800
# How long a server may be full or out of reach before that is an error.
RETRY_SECONDS = 300
_RETRIED = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
# RunProbes takes at most 1000 probes, and InjectContext at most 100 for one experience.
_EXPERIENCES_PER_PROBING = 8


class Client:
    """One server. Thread-safe. `is_alive` says whether it is worth trying again."""

    def __init__(self, address: str, is_alive: Callable[[], bool] = lambda: True) -> None:
        self._is_alive = is_alive
        # Scores of long texts with many ids are larger than gRPC's default of 4 MiB.
        self._channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", 256 << 20)]
        )
        self._imprint = imprint_service_pb2_grpc.ImprintServiceStub(self._channel)
        self._admin = admin_service_pb2_grpc.AdminServiceStub(self._channel)
        self._pool = ThreadPoolExecutor(STREAMS)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._channel.close()

    def map(self, call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """call(item) of each, several at once, in the items' order."""
        return list(self._pool.map(call, items))

    # --- asking ---

    def answer(
        self,
        form: Form,
        question: str,
        context: str = "",
        version: message_pb2.VersionSelector = LATEST,
    ) -> str:
        """The greedy answer."""
        request = imprint_service_pb2.QueryRequest(
            messages=form.messages(question, context), max_tokens=form.max_tokens, version=version
        )

        def ask() -> str:
            pieces = self._imprint.Query(request, timeout=CALL_SECONDS)
            return "".join(piece.text for piece in pieces)

        return self._patiently(ask).strip()

    def score(self, **fields: Any) -> imprint_service_pb2.ScoreResponse:
        request = imprint_service_pb2.ScoreRequest(**fields)
        return self._patiently(lambda: self._imprint.Score(request, timeout=CALL_SECONDS))

    # --- experiences ---

    def inject(self, **fields: Any) -> experience_pb2.Experience:
        request = imprint_service_pb2.InjectContextRequest(**fields)
        return self._patiently(
            lambda: self._imprint.InjectContext(request, timeout=CALL_SECONDS)
        ).experience

    def experience(self, name: str, full: bool = False) -> experience_pb2.Experience:
        view = (
            imprint_service_pb2.EXPERIENCE_VIEW_FULL
            if full
            else imprint_service_pb2.EXPERIENCE_VIEW_BASIC
        )
        request = imprint_service_pb2.GetExperienceRequest(name=name, view=view)
        return self._patiently(
            lambda: self._imprint.GetExperience(request, timeout=CALL_SECONDS)
        ).experience

    def release(self, name: str) -> None:
        request = admin_service_pb2.ReleaseExperienceRequest(name=name)
        self._patiently(lambda: self._admin.ReleaseExperience(request, timeout=CALL_SECONDS))

    def probe(self, names: Sequence[str]) -> list[experience_pb2.ProbeResult]:
        """Asks the current version the probes of these experiences."""
        results: list[experience_pb2.ProbeResult] = []
        for begin in range(0, len(names), _EXPERIENCES_PER_PROBING):
            some = list(names[begin : begin + _EXPERIENCES_PER_PROBING])
            request = admin_service_pb2.RunProbesRequest(experiences=some)
            answer = self._patiently(
                lambda request=request: self._admin.RunProbes(request, timeout=CALL_SECONDS)
            )
            results += answer.results
        return results

    # --- updates ---

    def status(self) -> admin_service_pb2.GetStatusResponse:
        request = admin_service_pb2.GetStatusRequest()
        return self._patiently(lambda: self._admin.GetStatus(request, timeout=CALL_SECONDS))

    def pause(self) -> None:
        request = admin_service_pb2.PauseUpdatesRequest()
        self._patiently(lambda: self._admin.PauseUpdates(request, timeout=CALL_SECONDS))

    def resume(self) -> None:
        request = admin_service_pb2.ResumeUpdatesRequest()
        self._patiently(lambda: self._admin.ResumeUpdates(request, timeout=CALL_SECONDS))

    def run_update(self) -> None:
        """Also while the server says that it cannot just now (FAILED_PRECONDITION)."""
        request = admin_service_pb2.RunUpdateRequest()
        self._patiently(
            lambda: self._admin.RunUpdate(request, timeout=CALL_SECONDS),
            (*_RETRIED, grpc.StatusCode.FAILED_PRECONDITION),
        )

    def rollback(self, version: int) -> None:
        request = admin_service_pb2.RollbackVersionRequest(name=f"versions/{version}")
        self._patiently(lambda: self._admin.RollbackVersion(request, timeout=CALL_SECONDS))

    def job(self, name: str) -> admin_service_pb2.Job:
        request = admin_service_pb2.GetJobRequest(name=name)
        return self._patiently(lambda: self._admin.GetJob(request, timeout=CALL_SECONDS)).job

    def jobs(self) -> list[admin_service_pb2.Job]:
        """All jobs, newest first."""
        jobs: list[admin_service_pb2.Job] = []
        token = ""
        while True:
            request = admin_service_pb2.ListJobsRequest(page_size=1000, page_token=token)
            page = self._patiently(
                lambda request=request: self._admin.ListJobs(request, timeout=CALL_SECONDS)
            )
            # A list names the first experiences of a job; a batch here may have more.
            jobs += [
                job if len(job.experiences) == job.experience_count else self.job(job.name)
                for job in page.jobs
            ]
            token = page.next_page_token
            if not token:
                return jobs

    def _patiently(
        self, call: Callable[[], Result], retried: Sequence[grpc.StatusCode] = _RETRIED
    ) -> Result:
        """Tries again while the server is full; other errors pass through."""
        end = time.monotonic() + RETRY_SECONDS
        pause = 0.1
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                given_up = time.monotonic() + pause > end or not self._is_alive()
                if error.code() not in retried or given_up:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 5.0)
