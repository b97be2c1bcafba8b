# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Experiences: what the model was told."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Union

from imprint._convert import optional_of, time_of, word_of
from imprint.chat import Message, from_messages
from imprint.probe import Probe, to_probe
from imprint.v1 import experience_pb2


class State(str, Enum):
    """QUEUED -> READY -> TRAINING -> INTEGRATED, or set aside."""

    UNSPECIFIED = "unspecified"
    QUEUED = "queued"  # durable; its target sentences are not written yet
    READY = "ready"  # waits for an update job
    TRAINING = "training"  # in the job that runs now
    INTEGRATED = "integrated"  # in the current version's weights
    HELD = "held"  # only in versions that were rolled back
    QUARANTINED = "quarantined"  # failed alone in the gate, or nothing could be made of it
    FORGOTTEN = "forgotten"  # a tombstone keeps its place

    @property
    def set_aside(self) -> bool:
        """It goes no further by itself."""
        return self in (State.HELD, State.QUARANTINED, State.FORGOTTEN)


class QuestionAnswer(NamedTuple):
    """A caller's own target sentence, or its own probe (where the answer may be empty)."""

    question: str
    answer: str = ""


@dataclass(frozen=True)
class StoredTarget:
    """What the student is trained on: `text` after `prompt`, which is empty for plain text."""

    kind: str
    prompt: str
    text: str
    token_count: int


@dataclass(frozen=True)
class Experience:
    """One experience as it stands in the log.

    `text` or `messages` is what was said; both are empty in what `inject` and waits give,
    since the caller has it. `version` is the first one that contained it; None while there
    is none. `efficacy`: 0 = learned nothing, 1 = as good as with the text in the prompt;
    None while not measured, or where it cannot be. `targets` and `probes` are filled by
    `experiences.get(..., full=True)` alone, the caller's own first; the counts are of all, also
    where there are too many for one answer.
    """

    name: str
    sequence: int
    state: State
    state_reason: str
    text: str | None
    messages: tuple[Message, ...]
    labels: Mapping[str, str]
    request_id: str
    create_time: datetime.datetime | None
    update_time: datetime.datetime | None
    expire_time: datetime.datetime | None
    version: int | None
    efficacy: float | None
    target_count: int
    probe_count: int
    supersedes: str
    targets: tuple[StoredTarget, ...]
    probes: tuple[Probe, ...]


@dataclass(frozen=True)
class Forgotten:
    """What `forget` did: the names, in the order of the log, and those that were already.

    `rebuild_needed`: the current version contains some of it; the server makes it again.
    """

    experiences: tuple[str, ...]
    rebuild_needed: bool


# An experience, its name, or its number.
ExperienceLike = Union[Experience, str, int]


def to_experience(proto: experience_pb2.Experience) -> Experience:
    return Experience(
        name=proto.name,
        sequence=proto.sequence,
        state=word_of(State, experience_pb2.ExperienceState, proto.state),
        state_reason=proto.state_reason,
        text=proto.content.text if proto.content.HasField("text") else None,
        messages=from_messages(proto.content.conversation.messages),
        labels=dict(proto.labels),
        request_id=proto.request_id,
        create_time=time_of(proto, "create_time"),
        update_time=time_of(proto, "update_time"),
        expire_time=time_of(proto, "expire_time"),
        version=proto.version or None,
        efficacy=optional_of(proto, "efficacy"),
        target_count=proto.target_count,
        probe_count=proto.probe_count,
        supersedes=proto.supersedes,
        targets=tuple(_to_target(target) for target in proto.targets),
        probes=tuple(to_probe(probe) for probe in proto.probes),
    )


def _to_target(target: experience_pb2.StoredTarget) -> StoredTarget:
    return StoredTarget(target.kind, target.prompt, target.text, target.token_count)
