# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""An imprintd of the benchmark's own, and its answers as a load sees them."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc

from imprint_bench.settings import Settings
from imprint_eval.client import CALL_SECONDS, Client, JobState, State
from imprint_eval.server import StartedServer, share_retention_text
from imprint_eval.stubs import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    experience_pb2,
    imprint_service_pb2,
    imprint_service_pb2_grpc,
    message_pb2,
)

JOB_SECONDS = 4 * 3600
_ENDED = (JobState.JOB_STATE_COMMITTED, JobState.JOB_STATE_REJECTED)
_ENDED += (JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED)


class BenchError(Exception):
    """Something did not come out as a benchmark needs it; the message says what."""


def retention_key(settings: Settings, flags: dict[str, str]) -> str:
    """Of all that decides what text is sampled; a program that was built anew samples anew."""
    parts = [settings.dtype, *sorted(f"{k}={v}" for k, v in flags.items() if "retention." in k)]
    for path in (settings.model / "model.safetensors", settings.imprintd):
        status = path.stat()
        parts.append(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def retention_text(settings: Settings, flags: dict[str, str]) -> Path:
    """A folder with the text that a server of these flags would sample at its first start; made
    once, by a server of its own, which takes minutes."""
    kept = settings.cache / "retention" / retention_key(settings, flags)
    if (kept / "data/retention.cache").exists():
        return kept
    with tempfile.TemporaryDirectory(prefix="imprint-bench-retention-") as folder:
        made = Path(folder) / "data/retention.cache"
        with StartedServer(settings.imprintd, settings.model, Path(folder), flags):
            await_value("the retention text", lambda: made.exists() or None)
        share_retention_text(Path(folder), kept)
    return kept


class Server:
    """A started imprintd. A context manager: it ends with the block. It has its retention text
    from the start: no sampling goes on beside what is measured."""

    def __init__(self, settings: Settings, folder: Path, threads: int, **flags: Any) -> None:
        values = {"threads": str(threads), "dtype": settings.dtype}
        values |= {name.replace("__", "."): str(value) for name, value in flags.items()}
        values |= settings.server_flags
        share_retention_text(retention_text(settings, values), folder)
        self._started = StartedServer(settings.imprintd, settings.model, folder, values)
        self.client: Client = self._started.client
        self.pid = self._started.pid
        self._channel = grpc.insecure_channel(self._started.address)
        self._imprint = imprint_service_pb2_grpc.ImprintServiceStub(self._channel)
        self._admin = admin_service_pb2_grpc.AdminServiceStub(self._channel)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: Any) -> None:
        self._channel.close()
        self._started.__exit__(*error)

    # --- asking ---

    def ask(self, content: str, tokens: int) -> Iterator[int]:
        """Tokens of each piece of a greedy answer. The last piece has those that the server
        counted and that came without a text of their own."""
        message = message_pb2.ChatMessage(role="user", content=content)
        request = imprint_service_pb2.QueryRequest(messages=[message], max_tokens=tokens)
        seen = 0
        for piece in self._imprint.Query(request, timeout=CALL_SECONDS):
            if piece.text:
                seen += 1
                yield 1
            if piece.HasField("usage") and piece.usage.output_tokens > seen:
                yield piece.usage.output_tokens - seen

    # --- learning ---

    def learn(self, text: str) -> experience_pb2.Experience:
        """Injects a text and waits until its target sentences are stored."""
        content = experience_pb2.ExperienceContent(text=text)
        name = self.client.inject(content=content).name
        return self.await_ready(name)

    def await_ready(self, name: str) -> experience_pb2.Experience:
        def written() -> experience_pb2.Experience | None:
            experience = self.client.experience(name)
            if experience.state == State.EXPERIENCE_STATE_QUARANTINED:
                raise BenchError(f"{name} is quarantined: {experience.state_reason}")
            return experience if experience.state != State.EXPERIENCE_STATE_QUEUED else None

        await_value(f"the target sentences of {name}", written)
        return self.client.experience(name, full=True)

    def await_job(self, known: int, state: int | None = None) -> admin_service_pb2.Job:
        """The job that began after the first `known` ones, when it has ended, or is in `state`."""

        def reached() -> admin_service_pb2.Job | None:
            jobs = self.client.jobs()
            if len(jobs) <= known:
                return None
            job = jobs[0]
            return job if job.state in (*_ENDED, state) else None

        job = await_value("the update job", reached)
        if job.state in _ENDED and job.state != JobState.JOB_STATE_COMMITTED:
            raise BenchError(f"{job.name} ended {JobState.Name(job.state)}: {job.state_reason}")
        return job

    def update(self) -> admin_service_pb2.Job:
        """Trains what is ready; gives the finished job."""
        known = len(self.client.jobs())
        self.client.run_update()
        return self.await_job(known)

    def export_adapter(self, version: int, folder: Path) -> Path:
        """The change of a version, as PEFT reads it."""
        request = admin_service_pb2.ExportVersionRequest(
            name=f"versions/{version}", format=admin_service_pb2.EXPORT_FORMAT_PEFT
        )
        folder.mkdir()
        for piece in self._admin.ExportVersion(request, timeout=CALL_SECONDS):
            with (folder / Path(piece.file).name).open("ab") as file:
                file.write(piece.data)
        return folder


def await_value(what: str, get: Callable[[], Any], seconds: float = JOB_SECONDS) -> Any:
    end = time.monotonic() + seconds
    while True:
        value = get()
        if value is not None:
            return value
        if time.monotonic() > end:
            raise BenchError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)
