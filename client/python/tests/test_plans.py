# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Waits with a clock that the test turns, and answers that it gives."""

import grpc
import pytest

from imprint import (
    FailedPreconditionError,
    JobFailedError,
    PermissionDeniedError,
    RetryPolicy,
    UpdatesStoppedError,
)
from imprint._caller import Caller
from imprint._plan import Sleep
from imprint._settings import make_settings
from imprint._standstill import Standstill
from imprint._waiting import Wait, Waiter
from imprint.status import to_status
from imprint.v1 import admin_service_pb2 as admin
from imprint.v1 import imprint_service_pb2 as service

DISK_FULL = {"updates_stopped_reason": "the disk is full"}


class Script:
    """Carries a plan out: `answers[method]` is called for each response, `now` for the time."""

    def __init__(self, **answers):
        self.now = 1000.0
        self.answers = answers
        self.slept = []
        self.calls = []
        settings = make_settings(None, None, None, 30, 600, RetryPolicy(), ())
        self.caller = Caller(settings, lambda: self.now)
        self.waiter = Waiter(self.caller)

    def run(self, plan):
        try:
            step = next(plan)
            while True:
                if isinstance(step, Sleep):
                    self.slept.append(step.seconds)
                    self.now += step.seconds
                    assert sum(self.slept) < 3600, "it never ends"
                    step = plan.send(None)
                    continue
                self.calls.append(step.rpc.name)
                outcome = self.answers[step.rpc.name]()
                is_error = isinstance(outcome, Exception)
                step = plan.throw(outcome) if is_error else plan.send(outcome)
        except StopIteration as stop:
            return stop.value


def status(**fields):
    return admin.GetStatusResponse(**fields)


def experience(name):
    response = service.GetExperienceResponse()
    response.experience.name = "experiences/1"
    response.experience.state = name
    return response


def refused(kind, message="no"):
    return kind(message, code=grpc.StatusCode.UNKNOWN)


def test_a_pause_ends_a_wait_at_once():
    standstill = Standstill(patience=60)
    paused = to_status(status(updates_paused=True))
    assert "paused" in standstill.observe(0, paused)


def test_a_job_that_awaits_approval_ends_a_wait_at_once():
    standstill = Standstill(patience=60)
    awaiting = to_status(status(job_awaiting_approval="jobs/3"))
    assert "updates.approve('jobs/3')" in standstill.observe(0, awaiting)


def test_a_standstill_ends_a_wait_when_it_lasted():
    standstill = Standstill(patience=60)
    stopped = to_status(status(**DISK_FULL))
    assert standstill.observe(0, stopped) is None
    assert standstill.observe(59, stopped) is None
    assert "the disk is full" in standstill.observe(60, stopped)


def test_what_moves_is_no_standstill():
    standstill = Standstill(patience=60)
    stopped = to_status(status(**DISK_FULL))
    standstill.observe(0, stopped)
    assert standstill.observe(59, stopped, moved=True) is None
    assert standstill.observe(118, stopped) is None
    # Nor is a job that runs, also where it stopped before.
    running = to_status(status(running_job="jobs/1", **DISK_FULL))
    assert standstill.observe(119, running) is None
    assert standstill.observe(120, stopped) is None
    assert standstill.observe(179, stopped) is None
    assert standstill.observe(180, stopped) is not None


def test_an_attempt_of_the_server_neither_stands_nor_moves():
    standstill = Standstill(patience=60)
    stopped = to_status(status(**DISK_FULL))
    standstill.observe(0, stopped)
    standstill.observe(40, stopped)
    assert standstill.observe(41, to_status(status())) is None
    assert standstill.observe(42, stopped) is None
    assert standstill.observe(61, stopped) is None
    assert standstill.observe(62, stopped) is not None


def test_an_update_is_asked_for_again_while_updates_stand_still():
    looks = []

    def run_update():
        looks.append(0)
        if len(looks) < 4:
            return refused(FailedPreconditionError)
        return admin.RunUpdateResponse(last_sequence=7)

    script = Script(RunUpdate=run_update, GetStatus=lambda: status(**DISK_FULL))
    assert script.run(script.waiter.ask_for_update(Wait(script.caller, None))).last_sequence == 7
    assert len(looks) == 4
    assert script.slept == sorted(script.slept), "ever less often"


def test_an_update_that_cannot_be_asked_for_is_given_up():
    script = Script(
        RunUpdate=lambda: refused(FailedPreconditionError),
        # Whatever runs: it does not take what was refused.
        GetStatus=lambda: status(running_job="jobs/1", **DISK_FULL),
    )
    begin = script.now
    with pytest.raises(UpdatesStoppedError, match="the disk is full"):
        script.run(script.waiter.ask_for_update(Wait(script.caller, None)))
    assert 60 <= script.now - begin < 65
    assert max(script.slept) <= 1


def test_a_wait_gives_up_when_updates_stand_still():
    script = Script(
        GetExperience=lambda: experience("EXPERIENCE_STATE_READY"),
        GetStatus=lambda: status(**DISK_FULL),
    )
    with pytest.raises(UpdatesStoppedError, match="the disk is full") as caught:
        script.run(
            script.waiter.wait_for(["experiences/1"], "integrated", Wait(script.caller, None))
        )
    assert [e.name for e in caught.value.experiences] == ["experiences/1"]


def test_a_caller_without_the_right_to_ask_waits_for_the_scheduler():
    states = ["EXPERIENCE_STATE_READY"] * 3 + ["EXPERIENCE_STATE_INTEGRATED"]
    script = Script(
        GetExperience=lambda: experience(states.pop(0)),
        RunUpdate=lambda: refused(PermissionDeniedError),
        GetStatus=lambda: refused(PermissionDeniedError),
    )
    plan = script.waiter.update_and_wait_for(
        ["experiences/1"], "integrated", Wait(script.caller, None)
    )
    assert [e.state.value for e in script.run(plan)] == ["integrated"]


def test_what_arrives_at_the_last_look_has_arrived():
    states = [
        "EXPERIENCE_STATE_READY",
        "EXPERIENCE_STATE_INTEGRATED",
        "EXPERIENCE_STATE_INTEGRATED",
    ]
    script = Script(
        GetExperience=lambda: experience(states.pop(0)),
        GetStatus=lambda: status(),
    )
    plan = script.waiter.wait_for(["experiences/1"], "integrated", Wait(script.caller, 0))
    assert [e.state.value for e in script.run(plan)] == ["integrated"]


def test_a_job_that_ends_badly():
    job = admin.GetJobResponse()
    job.job.name = "jobs/4"
    job.job.state = "JOB_STATE_REJECTED"
    job.job.state_reason = "retention"
    script = Script(GetJob=lambda: job, GetStatus=lambda: status())
    with pytest.raises(JobFailedError, match="jobs/4 is rejected: retention") as caught:
        script.run(script.waiter.wait_for_job("jobs/4", Wait(script.caller, None)))
    assert caught.value.job.name == "jobs/4"


def test_forgetting_waits_for_no_approval():
    looks = [
        status(job_awaiting_approval="jobs/3", forgotten_in_weights=1),
        status(job_awaiting_approval="jobs/3"),
    ]
    script = Script(GetStatus=lambda: looks.pop(0))
    script.run(script.waiter.wait_forgotten(Wait(script.caller, None)))
    assert looks == []


def test_forgetting_waits_for_files_while_updates_are_paused():
    looks = [
        status(updates_paused=True, forgotten_in_files=True),
        status(updates_paused=True),
    ]
    script = Script(GetStatus=lambda: looks.pop(0))
    script.run(script.waiter.wait_forgotten(Wait(script.caller, None)))
    script = Script(GetStatus=lambda: status(updates_paused=True, forgotten_in_weights=2))
    with pytest.raises(UpdatesStoppedError, match="2 forgotten are in the weights"):
        script.run(script.waiter.wait_forgotten(Wait(script.caller, None)))
