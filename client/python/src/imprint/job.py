# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Update jobs: batches of experiences made into the next version."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Union

from imprint._convert import optional_of, seconds_of, time_of, word_of
from imprint.v1 import admin_service_pb2


class JobState(str, Enum):
    """PLANNED -> TRAINING -> GATING -> PUBLISHING -> COMMITTED, or over without a version.

    AWAITING_APPROVAL comes before COMMITTED where versions are approved by hand.
    """

    UNSPECIFIED = "unspecified"
    PLANNED = "planned"
    TRAINING = "training"
    GATING = "gating"
    PUBLISHING = "publishing"
    COMMITTED = "committed"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    AWAITING_APPROVAL = "awaiting_approval"

    @property
    def over(self) -> bool:
        return self in (JobState.COMMITTED, JobState.REJECTED, JobState.FAILED, JobState.CANCELLED)


class JobKind(str, Enum):
    """What a job makes."""

    UNSPECIFIED = "unspecified"
    UPDATE = "update"  # new experiences into a child of the current version
    REBUILD = "rebuild"  # the current version made again from an older one


class JobTrigger(str, Enum):
    """Why a rebuild was planned."""

    UNSPECIFIED = "unspecified"
    COMMAND = "command"
    FORGET = "forget"
    SUPERSEDE = "supersede"
    RETENTION = "retention"


@dataclass(frozen=True)
class JobProgress:
    """How far training is; losses are KL in nats per token, of the last steps."""

    step: int
    total_steps: int
    loss: float
    retention_loss: float
    tokens_per_second: int
    seconds_left: float | None


@dataclass(frozen=True)
class JobReport:
    """What a job measured; what could not be measured is None.

    Efficacies are means: over its experiences, over a sample of earlier ones, over what it
    forgets (near 0: it is gone). The KLs are drift from the base model, nats per token: on
    unrelated text, and of the retention probe that moved most. The mappings go from names of
    experiences to efficacies, and from phases ("plan", "train", ...) to seconds.
    """

    efficacy: float | None
    unmeasurable_experiences: int
    earlier_efficacy: float | None
    forgotten_efficacy: float | None
    retention_kl: float
    retention_perplexity_ratio: float
    retention_probe_kl: float | None
    steps: int
    trained_tokens: int
    phase_seconds: Mapping[str, float]
    efficacies: Mapping[str, float | None]
    earlier_efficacies: Mapping[str, float | None]


@dataclass(frozen=True)
class Job:
    """One job. `version` is what it made; None while there is none.

    A job of very many experiences names the first ones alone; a list names at most 100. The
    counts are of all.
    """

    name: str
    kind: JobKind
    trigger: JobTrigger
    state: JobState
    state_reason: str
    parent_version: int
    version: int | None
    experiences: tuple[str, ...]
    rebuilt_experiences: tuple[str, ...]
    experience_count: int
    rebuilt_experience_count: int
    create_time: datetime.datetime | None
    update_time: datetime.datetime | None
    attempt: int
    progress: JobProgress | None
    report: JobReport | None


@dataclass(frozen=True)
class RebuildCost:
    """What a rebuild costs; `steps`, `trained_tokens`, `seconds` are None before any job."""

    anchor: int
    experiences: int
    target_tokens: int
    steps: int | None
    trained_tokens: int | None
    seconds: float | None


@dataclass(frozen=True)
class Rebuild:
    """The cost, and the job that does it; None in a dry run."""

    cost: RebuildCost
    job: Job | None


# A job, its name, or its number.
JobLike = Union[Job, str, int]


def to_job(proto: admin_service_pb2.Job) -> Job:
    return Job(
        name=proto.name,
        kind=word_of(JobKind, admin_service_pb2.JobKind, proto.kind),
        trigger=word_of(JobTrigger, admin_service_pb2.JobTrigger, proto.trigger),
        state=word_of(JobState, admin_service_pb2.JobState, proto.state),
        state_reason=proto.state_reason,
        parent_version=proto.parent_version,
        version=proto.version or None,
        experiences=tuple(proto.experiences),
        rebuilt_experiences=tuple(proto.rebuilt_experiences),
        experience_count=proto.experience_count,
        rebuilt_experience_count=proto.rebuilt_experience_count,
        create_time=time_of(proto, "create_time"),
        update_time=time_of(proto, "update_time"),
        attempt=proto.attempt,
        progress=_to_progress(proto.progress) if proto.HasField("progress") else None,
        report=_to_report(proto.report) if proto.HasField("report") else None,
    )


def to_rebuild(proto: admin_service_pb2.RebuildVersionResponse) -> Rebuild:
    cost = RebuildCost(
        anchor=proto.cost.anchor,
        experiences=proto.cost.experiences,
        target_tokens=proto.cost.target_tokens,
        steps=optional_of(proto.cost, "steps"),
        trained_tokens=optional_of(proto.cost, "trained_tokens"),
        seconds=optional_of(proto.cost, "seconds"),
    )
    return Rebuild(cost, to_job(proto.job) if proto.HasField("job") else None)


def _to_progress(proto: admin_service_pb2.JobProgress) -> JobProgress:
    return JobProgress(
        step=proto.step,
        total_steps=proto.total_steps,
        loss=proto.loss,
        retention_loss=proto.retention_loss,
        tokens_per_second=proto.tokens_per_second,
        seconds_left=seconds_of(proto, "time_left"),
    )


def _to_report(proto: admin_service_pb2.JobReport) -> JobReport:
    return JobReport(
        efficacy=optional_of(proto, "efficacy"),
        unmeasurable_experiences=proto.unmeasurable_experiences,
        earlier_efficacy=optional_of(proto, "earlier_efficacy"),
        forgotten_efficacy=optional_of(proto, "forgotten_efficacy"),
        retention_kl=proto.retention_kl,
        retention_perplexity_ratio=proto.retention_perplexity_ratio,
        retention_probe_kl=optional_of(proto, "retention_probe_kl"),
        steps=proto.steps,
        trained_tokens=proto.trained_tokens,
        phase_seconds=dict(proto.phase_seconds),
        efficacies={e.experience: optional_of(e, "efficacy") for e in proto.experience_efficacies},
        earlier_efficacies={
            e.experience: optional_of(e, "efficacy") for e in proto.earlier_experience_efficacies
        },
    )
