# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Versions: immutable, numbered sets of weights."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal, Union

from imprint._convert import optional_of, time_of
from imprint.v1 import admin_service_pb2


@dataclass(frozen=True)
class Version:
    """One version.

    `live`: its weights are in memory, so that it can be asked. `stored`: its files are on
    disk, so that it can be rolled back to. `added_experiences` are the names of those that it
    added to `parent`. `efficacy` is the mean over them; None where none could be measured.
    `retention_kl`: drift from the base model on unrelated text, nats per token.
    """

    name: str
    number: int
    parent: int
    job: str
    create_time: datetime.datetime | None
    current: bool
    live: bool
    stored: bool
    added_experiences: tuple[str, ...]
    experience_count: int
    efficacy: float | None
    retention_kl: float
    retention_perplexity_ratio: float
    size_bytes: int


@dataclass(frozen=True)
class Rollback:
    """The version that answers now, and how many experiences became HELD."""

    version: Version
    held: int


# A version, its name, or its number; 0 is the base model.
VersionLike = Union[Version, str, int]
# Which weights answer a question.
VersionChoice = Union[Literal["latest", "base"], int, Version]


def to_version(proto: admin_service_pb2.Version) -> Version:
    return Version(
        name=proto.name,
        number=proto.number,
        parent=proto.parent,
        job=proto.job,
        create_time=time_of(proto, "create_time"),
        current=proto.current,
        live=proto.live,
        stored=proto.stored,
        added_experiences=tuple(proto.added_experiences),
        experience_count=proto.experience_count,
        efficacy=optional_of(proto, "efficacy"),
        retention_kl=proto.retention_kl,
        retention_perplexity_ratio=proto.retention_perplexity_ratio,
        size_bytes=proto.size_bytes,
    )


def to_rollback(proto: admin_service_pb2.RollbackVersionResponse) -> Rollback:
    return Rollback(to_version(proto.version), proto.held)
