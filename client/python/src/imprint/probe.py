# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Probes: stored questions, asked of every candidate version."""

from __future__ import annotations

from dataclasses import dataclass

from imprint._convert import optional_of
from imprint.v1 import experience_pb2


@dataclass(frozen=True)
class Probe:
    """A stored question; it is never trained on.

    `experience` is the name of the one it measures; empty for a retention probe, which
    guards what the base model knew. `teacher_answer` is what the base model says with the
    context in its prompt. `origin`: "caller", "generator" or "admin".
    """

    name: str
    experience: str
    question: str
    expected_answer: str
    teacher_answer: str
    origin: str


@dataclass(frozen=True)
class ProbeResult:
    """What one version said to one probe.

    `kl_student` and `kl_base` are KL(teacher||version) and KL(teacher||base) in nats, summed
    over the `token_count` tokens of the teacher's answer. `efficacy` is None where it cannot
    be measured: the context changes the base model's answer too little.
    """

    probe: Probe
    version: int
    answer: str
    kl_student: float
    kl_base: float
    token_count: int
    efficacy: float | None


def to_probe(probe: experience_pb2.Probe) -> Probe:
    return Probe(
        name=probe.name,
        experience=probe.experience,
        question=probe.question,
        expected_answer=probe.expected_answer,
        teacher_answer=probe.teacher_answer,
        origin=probe.origin,
    )


def to_result(result: experience_pb2.ProbeResult) -> ProbeResult:
    return ProbeResult(
        probe=to_probe(result.probe),
        version=result.version,
        answer=result.answer,
        kl_student=result.kl_student,
        kl_base=result.kl_base,
        token_count=result.token_count,
        efficacy=optional_of(result, "efficacy"),
    )
