# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What ImprintService offers, as plans that both clients carry out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from imprint import _rpc
from imprint._caller import Caller, Listing
from imprint._convert import resource_name
from imprint._plan import Plan
from imprint._requests import forget_request, get_experience_request, list_experiences_request
from imprint._waiting import Wait, Waiter, WaitFor, check_wait
from imprint.answer import Answer, AnswerBuilder
from imprint.experience import Experience, ExperienceLike, Forgotten, State, to_experience
from imprint.score import Score, to_score
from imprint.v1 import imprint_service_pb2 as service


class Operations:
    """Plans of calls and of what goes with them. ValueError comes before any call."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._waiter = Waiter(caller)

    def inject(
        self,
        request: service.InjectContextRequest,
        wait: WaitFor,
        wait_timeout: float | None,
        timeout: float | None,
    ) -> Plan[Experience]:
        check_wait(wait)
        return self._inject(request, wait, wait_timeout, timeout)

    def _inject(
        self,
        request: service.InjectContextRequest,
        wait: WaitFor,
        wait_timeout: float | None,
        timeout: float | None,
    ) -> Plan[Experience]:
        response = yield from self._caller.call(_rpc.INJECT, request, timeout)
        experience = to_experience(response.experience)
        if wait == "accepted":
            return experience
        awaited = yield from self.wait_for(
            [experience], wait, wait_timeout, run_update=wait == "integrated"
        )
        return awaited[0]

    def wait_for(
        self,
        experiences: Iterable[ExperienceLike],
        state: WaitFor,
        timeout: float | None,
        run_update: bool,
    ) -> Plan[list[Experience]]:
        check_wait(state)
        names = [resource_name("experiences", experience) for experience in experiences]
        wait = Wait(self._caller, timeout)
        if run_update:
            return self._waiter.update_and_wait_for(names, state, wait)
        return self._waiter.wait_for(names, state, wait)

    def query(self, request: service.QueryRequest, timeout: float | None) -> Plan[Answer]:
        responses = yield from self._caller.collect(_rpc.QUERY, request, timeout)
        builder = AnswerBuilder()
        for response in responses:
            builder.add(response)
        return builder.build()

    def score(self, request: service.ScoreRequest, timeout: float | None) -> Plan[Score]:
        response = yield from self._caller.call(_rpc.SCORE, request, timeout)
        return to_score(response)

    def get_experience(
        self, experience: ExperienceLike, full: bool, timeout: float | None
    ) -> Plan[Experience]:
        view = "EXPERIENCE_VIEW_FULL" if full else "EXPERIENCE_VIEW_BASIC"
        request = get_experience_request(experience, view)
        response = yield from self._caller.call(_rpc.GET_EXPERIENCE, request, timeout)
        return to_experience(response.experience)

    def list_experiences(
        self,
        state: State | str | None,
        labels: Mapping[str, str] | None,
        page_size: int,
        timeout: float | None,
    ) -> Listing[Experience]:
        request = list_experiences_request(state, labels, page_size)
        return Listing(_rpc.LIST_EXPERIENCES, request, "experiences", to_experience, timeout)

    def forget(
        self,
        experience: ExperienceLike | None,
        request_id: str | None,
        labels: Mapping[str, str] | None,
        wait: bool,
        wait_timeout: float | None,
        timeout: float | None,
    ) -> Plan[Forgotten]:
        request = forget_request(experience, request_id, labels)
        response = yield from self._caller.call(_rpc.FORGET, request, timeout)
        if wait:
            yield from self._waiter.wait_forgotten(Wait(self._caller, wait_timeout))
        return Forgotten(tuple(response.experiences), response.rebuild_needed)
