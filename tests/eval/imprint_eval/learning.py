# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""From a context to weights through the public API, and what that took."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from imprint_eval.client import BASE, Client, JobState, State
from imprint_eval.data import Context
from imprint_eval.stubs import experience_pb2, imprint_service_pb2
from imprint_eval.units import Units

POLL_SECONDS = 0.3
# A server that does nothing for so long is asked again for an update.
IDLE_SECONDS = 30
MAX_PROBES = 100
# Nats per token; the server's own limit (server/probe/prober.h).
MIN_MEASURABLE_KL = 0.05
_PIECE_CHARACTERS = 400

_ON_THE_WAY = (
    State.EXPERIENCE_STATE_QUEUED,
    State.EXPERIENCE_STATE_READY,
    State.EXPERIENCE_STATE_TRAINING,
)


class Learner:
    """One method on one server. What is done already is not done again: injecting is
    idempotent by the context's id, and an experience goes on from the state it is in."""

    def __init__(
        self, method: str, client: Client, units: Units, say: Callable[[str], None]
    ) -> None:
        self._method = method
        self._client = client
        self._units = units
        self._say = say
        self._contexts: dict[str, Context] = {}

    def inject(
        self, context: Context, content: experience_pb2.ExperienceContent | None = None
    ) -> str:
        """Gives the experience's name. The questions go along as the caller's probes: they
        reach neither generator nor training."""
        probes = [
            imprint_service_pb2.InjectProbe(question=one.question, expected_answer=one.answer)
            for one in context.questions[:MAX_PROBES]
        ]
        experience = self._client.inject(
            content=content or experience_pb2.ExperienceContent(text=context.text),
            request_id=f"eval-{context.id}",
            probes=probes,
        )
        if experience.state == State.EXPERIENCE_STATE_HELD:
            self._client.release(experience.name)
        self._contexts[experience.name] = context
        return experience.name

    def await_written(self, names: Sequence[str]) -> None:
        """Until the target sentences of all are stored; notes what they cost."""
        for done, name in enumerate(names):
            self._say(f"{self._method}: writing target sentences ({done} of {len(names)} done)")
            experience = self._client.experience(name)
            while experience.state == State.EXPERIENCE_STATE_QUEUED:
                time.sleep(POLL_SECONDS)
                experience = self._client.experience(name)
            if experience.state == State.EXPERIENCE_STATE_READY:
                self._note_written(name)

    def _note_written(self, name: str) -> None:
        context = self._contexts[name]
        key = ("written", self._method, context.id)
        if self._units.get(*key) is not None:
            return
        experience = self._client.experience(name, full=True)
        targets = sorted((target.prompt, target.text) for target in experience.targets)
        created, ready = experience.create_time, experience.update_time
        self._units.put(
            key,
            {
                "begin": created.seconds + created.nanos / 1e9,
                "end": ready.seconds + ready.nanos / 1e9,
                "targets": len(experience.targets),
                "target_tokens": sum(target.token_count for target in experience.targets),
                "kinds": dict(Counter(target.kind for target in experience.targets)),
                # So that it can be told whether two methods trained on the same sentences.
                "fingerprint": hashlib.sha256(repr(targets).encode()).hexdigest()[:16],
            },
        )

    def train(self, names: Sequence[str]) -> None:
        """One update of what is accepted by now, until each of `names` has come to an end."""
        unsettled = self._unsettled(names)
        if unsettled:
            self._client.run_update()
        asked = time.monotonic()
        while unsettled:
            time.sleep(POLL_SECONDS)
            status = self._client.status()
            if status.running_job:
                self._say_progress(status.running_job)
                asked = time.monotonic()
            elif time.monotonic() - asked > IDLE_SECONDS:
                reason = status.updates_stopped_reason or "no job runs"
                self._say(f"{self._method}: waiting for the server: {reason}")
                if not status.updates_paused and not status.queued:
                    self._client.run_update()
                asked = time.monotonic()
            unsettled = self._unsettled(unsettled)
        self._note_jobs(names)

    def _unsettled(self, names: Sequence[str]) -> list[str]:
        states = self._client.map(lambda name: self._client.experience(name).state, names)
        return [name for name, state in zip(names, states, strict=True) if state in _ON_THE_WAY]

    def _say_progress(self, job: str) -> None:
        progress = self._client.job(job).progress
        if progress.total_steps:
            self._say(f"{self._method}: step {progress.step} of {progress.total_steps}")
        else:
            self._say(f"{self._method}: {job} begins")

    def _note_jobs(self, names: Sequence[str]) -> None:
        """Every job that had one of `names`: also those that were rejected and split."""
        for job in reversed(self._client.jobs()):
            key = ("job", self._method, job.name)
            wanted = [self._contexts[name].id for name in job.experiences if name in names]
            if not wanted or self._units.get(*key) is not None:
                continue
            report = job.report
            self._units.put(
                key,
                {
                    "state": JobState.Name(job.state).removeprefix("JOB_STATE_"),
                    "reason": job.state_reason,
                    "version": job.version,
                    "contexts": wanted,
                    "steps": report.steps,
                    "trained_tokens": report.trained_tokens,
                    "phase_seconds": dict(report.phase_seconds),
                    "efficacy": report.efficacy if report.HasField("efficacy") else None,
                    "retention_kl": report.retention_kl,
                    "retention_perplexity_ratio": report.retention_perplexity_ratio,
                },
            )

    def outcome(self, name: str) -> dict[str, Any]:
        """Whether it is in the weights, and how well: the gate's efficacy. One that is not
        has learned nothing; None: unmeasurable."""
        experience = self._client.experience(name)
        integrated = experience.state == State.EXPERIENCE_STATE_INTEGRATED
        efficacy: float | None = 0.0
        if integrated:
            efficacy = experience.efficacy if experience.HasField("efficacy") else None
        return {
            "integrated": integrated,
            "reason": "" if integrated else experience.state_reason,
            "efficacy": efficacy,
        }


def count_tokens(client: Client, text: str) -> int:
    """In pieces, since a text may be longer than the model's window; a word is whole."""
    pieces = [""]
    for word in re.split(r"(?=\s)", text):
        if len(pieces[-1]) >= _PIECE_CHARACTERS:
            pieces.append("")
        pieces[-1] += word
    # Scoring begins with the second token, and a single token cannot be scored.
    return sum(
        len(client.score(text=piece, version=BASE).tokens) + 1 if len(piece) > 1 else 1
        for piece in pieces
        if piece.strip()
    )


def probed_efficacies(
    results: Sequence[experience_pb2.ProbeResult],
) -> dict[str, float | None]:
    """By experience: 1 - KL(teacher||student) / KL(teacher||base), summed over its probes;
    None where the context hardly changes the base model's answers."""
    sums: dict[str, list[float]] = {}
    for result in results:
        total = sums.setdefault(result.probe.experience, [0.0, 0.0, 0.0])
        total[0] += result.kl_student
        total[1] += result.kl_base
        total[2] += result.token_count
    return {
        name: 1 - student / base if tokens and base >= MIN_MEASURABLE_KL * tokens else None
        for name, (student, base, tokens) in sums.items()
    }
