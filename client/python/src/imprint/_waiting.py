# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Waits, as plans: for experiences, for what was forgotten, for a job."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal, NoReturn

from imprint import _rpc
from imprint._caller import Caller
from imprint._plan import Plan, Sleep
from imprint._requests import get_experience_request
from imprint._standstill import Standstill
from imprint.errors import (
    FailedPreconditionError,
    JobFailedError,
    PermissionDeniedError,
    SetAsideError,
    UnimplementedError,
    UpdatesStoppedError,
    WaitTimeoutError,
)
from imprint.experience import Experience, State, to_experience
from imprint.job import Job, JobState, to_job
from imprint.status import Status, to_status
from imprint.v1 import admin_service_pb2 as admin

WaitFor = Literal["accepted", "ready", "integrated"]

_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 1.0

_ARRIVED = {
    "accepted": frozenset(State),
    "ready": frozenset({State.READY, State.TRAINING, State.INTEGRATED}),
    "integrated": frozenset({State.INTEGRATED}),
}


def check_wait(state: str) -> None:
    """ValueError: not one of the three."""
    if state not in _ARRIVED:
        raise ValueError(f'wait for "accepted", "ready" or "integrated", not {state!r}')


def has_arrived(experience: Experience, state: WaitFor) -> bool:
    return experience.state in _ARRIVED[state]


def is_over(experience: Experience, state: WaitFor) -> bool:
    """There, or will not get there by itself."""
    return has_arrived(experience, state) or experience.state.set_aside


class Wait:
    """The end of a wait, and pauses that grow up to it."""

    def __init__(self, caller: Caller, timeout: float | None) -> None:
        self._clock = caller.clock
        self._timeout = timeout
        self._end = math.inf if timeout is None else caller.clock() + timeout
        self._poll = _FIRST_POLL_SECONDS

    @property
    def is_over(self) -> bool:
        return self._clock() >= self._end

    def pause(self) -> Plan[None]:
        yield Sleep(max(0.0, min(self._poll, self._end - self._clock())))
        self._poll = min(self._poll * 1.5, _LONGEST_POLL_SECONDS)

    def missed(self, what: str, experiences: Sequence[Experience] = ()) -> NoReturn:
        raise WaitTimeoutError(f"{what} within {self._timeout:g} s", experiences)


class Waiter:
    """Makes plans of waits. They end by themselves when they can come to no good end."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def status(self) -> Plan[Status]:
        response = yield from self._caller.call(_rpc.GET_STATUS, admin.GetStatusRequest(), None)
        return to_status(response)

    def look(self, name: str) -> Plan[Experience]:
        """An experience, without its content."""
        request = get_experience_request(name, "EXPERIENCE_VIEW_STATE")
        response = yield from self._caller.call(_rpc.GET_EXPERIENCE, request, None)
        return to_experience(response.experience)

    def wait_for(self, names: Sequence[str], state: WaitFor, wait: Wait) -> Plan[list[Experience]]:
        """All of them, arrived. Raises SetAsideError when all are over and some are not there."""
        experiences = yield from self.wait_until_over(names, state, wait)
        aside = [e for e in experiences if not has_arrived(e, state)]
        if aside:
            raise SetAsideError("; ".join(_describe(e) for e in aside), aside)
        return experiences

    def wait_until_over(
        self, names: Sequence[str], state: WaitFor, wait: Wait
    ) -> Plan[list[Experience]]:
        """All of them, arrived or set aside. Asks for one after the other: all must come."""
        standstill = Standstill()
        over: list[Experience] = []
        before: Experience | None = None
        while len(over) < len(names):
            experience = yield from self.look(names[len(over)])
            moved = before is None or before.state is not experience.state
            before = experience
            if is_over(experience, state):
                over.append(experience)
                before = None
                continue
            reason = None
            if state == "integrated":
                reason = yield from self._observe(standstill, moved)
            if reason is not None or wait.is_over:
                missing = yield from self._look_at_missing(names[len(over) :], state)
                if all(e.state.set_aside for e in missing):
                    continue  # none is on its way any more
                if reason is not None:
                    raise UpdatesStoppedError(f"{_not_there(missing, state)}: {reason}", missing)
                wait.missed(_not_there(missing, state), missing)
            yield from wait.pause()
        return over

    def ask_for_update(self, wait: Wait) -> Plan[admin.RunUpdateResponse]:
        """Again while the server is not ready for one.

        Raises UpdatesStoppedError when updates are paused, or stand still for long.
        """
        standstill = Standstill()
        while True:
            try:
                return (
                    yield from self._caller.call(_rpc.RUN_UPDATE, admin.RunUpdateRequest(), None)
                )
            except FailedPreconditionError as error:
                refused = error.message
            status = yield from self.status()
            reason = standstill.observe(self._caller.clock(), status, refused=refused)
            if reason is not None:
                raise UpdatesStoppedError(reason)
            if wait.is_over:
                wait.missed(f"no update could be asked for ({refused})")
            yield from wait.pause()

    def update_and_wait_for(
        self, names: Sequence[str], state: WaitFor, wait: Wait
    ) -> Plan[list[Experience]]:
        """Asks for an update first, unless all are over already.

        A caller who may not ask waits for the server's own scheduler.
        """
        missing = yield from self._look_at_missing(names, state)
        if not all(e.state.set_aside for e in missing):
            try:
                yield from self.ask_for_update(wait)
            except (PermissionDeniedError, UnimplementedError):
                pass
            except (UpdatesStoppedError, WaitTimeoutError) as error:
                error.experiences = tuple(missing)
                raise
        return (yield from self.wait_for(names, state, wait))

    def wait_forgotten(self, wait: Wait) -> Plan[None]:
        """Until nothing that was forgotten is in the current version or in the server's files."""
        standstill = Standstill()
        while True:
            status = yield from self.status()
            in_weights = status.forgotten_in_weights
            if in_weights == 0 and not status.forgotten_in_files:
                return
            if in_weights > 0:  # files are cleaned without an update
                # No approval is waited for to forget.
                status = dataclasses.replace(status, job_awaiting_approval="")
                reason = standstill.observe(self._caller.clock(), status)
                if reason is not None:
                    raise UpdatesStoppedError(
                        f"{in_weights} forgotten are in the weights still: {reason}"
                    )
            if wait.is_over:
                where = "weights" if in_weights else "files"
                wait.missed(f"what was forgotten was not out of the {where}")
            yield from wait.pause()

    def wait_for_job(self, name: str, wait: Wait) -> Plan[Job]:
        """Until it is COMMITTED; raises JobFailedError when it ends otherwise."""
        standstill = Standstill()
        while True:
            response = yield from self._caller.call(
                _rpc.GET_JOB, admin.GetJobRequest(name=name), None
            )
            job = to_job(response.job)
            if job.state is JobState.COMMITTED:
                return job
            if job.state.over:
                raise JobFailedError(f"{name} is {job.state.value}: {job.state_reason}", job)
            reason = yield from self._observe(standstill, moved=False)
            if reason is not None:
                raise UpdatesStoppedError(f"{name} waits: {reason}")
            if wait.is_over:
                wait.missed(f"{name} is {job.state.value}: not over")
            yield from wait.pause()

    def _observe(self, standstill: Standstill, moved: bool) -> Plan[str | None]:
        """A caller who may not see the server's state waits without it."""
        try:
            status = yield from self.status()
        except (PermissionDeniedError, UnimplementedError):
            return None
        return standstill.observe(self._caller.clock(), status, moved=moved)

    def _look_at_missing(self, names: Sequence[str], state: WaitFor) -> Plan[list[Experience]]:
        missing = []
        for name in names:
            experience = yield from self.look(name)
            if not has_arrived(experience, state):
                missing.append(experience)
        return missing


def _describe(experience: Experience) -> str:
    text = f"{experience.name} is {experience.state.value}"
    return f"{text}: {experience.state_reason}" if experience.state_reason else text


def _not_there(missing: Sequence[Experience], state: WaitFor) -> str:
    if len(missing) == 1:
        return f"{missing[0].name} is {missing[0].state.value}, not {state}"
    return f"{len(missing)} experiences are not {state}"
