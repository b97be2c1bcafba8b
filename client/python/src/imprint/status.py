# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""How the server stands."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from imprint._convert import seconds_of, time_of
from imprint.experience import State
from imprint.v1 import admin_service_pb2


@dataclass(frozen=True)
class Status:
    """How the server stands.

    `version` is the current one's number; `live_versions` are those that can be asked.
    `updates_stopped_reason`: why updates stand still without a pause; empty when they do not.
    `running_job`: the name of the job that runs; empty when none does. `job_awaiting_approval`:
    of the one that waits for updates.approve or .drop, before which no other starts.
    `experiences` counts them by state. `oldest_waiting_seconds`: the age of the oldest that is
    not in the weights and on its way; None where there is none. `forgotten_in_weights`,
    `forgotten_in_files`: what forgetting has not finished with. The tokens are those of queries
    since the start.
    """

    version: int
    live_versions: tuple[int, ...]
    updates_paused: bool
    updates_stopped_reason: str
    running_job: str
    job_awaiting_approval: str
    experiences: Mapping[State, int]
    last_sequence: int
    oldest_waiting_seconds: float | None
    running_queries: int
    waiting_queries: int
    forgotten_in_weights: int
    forgotten_in_files: bool
    prompt_tokens: int
    output_tokens: int
    model: str
    device: str
    dtype: str
    server_version: str
    start_time: datetime.datetime | None


def to_status(proto: admin_service_pb2.GetStatusResponse) -> Status:
    counts: dict[State, int] = {
        state: getattr(proto, state.value) for state in State if state is not State.UNSPECIFIED
    }
    return Status(
        version=proto.version,
        live_versions=tuple(proto.live_versions),
        updates_paused=proto.updates_paused,
        updates_stopped_reason=proto.updates_stopped_reason,
        running_job=proto.running_job,
        job_awaiting_approval=proto.job_awaiting_approval,
        experiences=counts,
        last_sequence=proto.last_sequence,
        oldest_waiting_seconds=seconds_of(proto, "oldest_waiting_age"),
        running_queries=proto.running_queries,
        waiting_queries=proto.waiting_queries,
        forgotten_in_weights=proto.forgotten_in_weights,
        forgotten_in_files=proto.forgotten_in_files,
        prompt_tokens=proto.prompt_tokens,
        output_tokens=proto.output_tokens,
        model=proto.model,
        device=proto.device,
        dtype=proto.dtype,
        server_version=proto.server_version,
        start_time=time_of(proto, "start_time"),
    )
