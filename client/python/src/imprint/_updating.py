# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Updates on command, as plans."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from imprint import _rpc
from imprint._caller import Caller, Listing
from imprint._plan import Plan
from imprint._requests import list_experiences_request
from imprint._waiting import Wait, Waiter
from imprint.experience import Experience, State, to_experience
from imprint.update import UpdateRun
from imprint.v1 import admin_service_pb2 as admin
from imprint.v1 import experience_pb2

_PAGE_SIZE = 1000
_SET_ASIDE = (State.HELD, State.QUARANTINED, State.FORGOTTEN)


def run_update(caller: Caller, timeout: float | None) -> Plan[UpdateRun]:
    response = yield from caller.call(_rpc.RUN_UPDATE, admin.RunUpdateRequest(), timeout)
    return UpdateRun(response.last_sequence, response.waiting)


def run_update_and_wait(
    caller: Caller, waiter: Waiter, wait: Wait, timeout: float | None
) -> Plan[UpdateRun]:
    """Until all that it covers is in the weights or set aside."""
    before: dict[str, Experience] = {}
    for state in _SET_ASIDE:
        for experience in (yield from _list(caller, state, timeout)):
            before[experience.name] = experience
    response = yield from waiter.ask_for_update(wait)
    # One listing of all: it meets each experience once, whatever state it moves to meanwhile.
    listed = yield from _list(caller, None, timeout)
    covered = [
        e
        for e in listed
        if e.sequence <= response.last_sequence and e.state is not State.INTEGRATED
    ]
    left = [e for e in covered if _is_untouched(e, before)]
    waited_for = [e.name for e in covered if not _is_untouched(e, before)]
    over = yield from waiter.wait_until_over(waited_for, "integrated", wait)
    return UpdateRun(
        last_sequence=response.last_sequence,
        waiting=response.waiting,
        integrated=tuple(e for e in over if e.state is State.INTEGRATED),
        set_aside=tuple(e for e in over if e.state is not State.INTEGRATED),
        set_aside_before=tuple(left),
    )


def _list(caller: Caller, state: State | None, timeout: float | None) -> Plan[list[Experience]]:
    request = list_experiences_request(state, None, _PAGE_SIZE)
    listing = Listing(_rpc.LIST_EXPERIENCES, request, "experiences", _without_content, timeout)
    return (yield from caller.each(listing))


def _without_content(proto: experience_pb2.Experience) -> Experience:
    return dataclasses.replace(to_experience(proto), text=None, messages=())


def _is_untouched(experience: Experience, before: Mapping[str, Experience]) -> bool:
    """It was set aside before, and nothing has happened to it since."""
    earlier = before.get(experience.name)
    return (
        earlier is not None
        and earlier.state is experience.state
        and earlier.update_time == experience.update_time
    )
