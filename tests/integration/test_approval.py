# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""--publish.approval=manual: what passed the gate is served when an administrator says so."""

import threading

import grpc
import pytest

import harness
from cli import DONE, ENDED_BADLY, REFUSED, Cli
from harness import Job, Server, State, admin_service_pb2

MANUAL = {"publish__approval": "manual"}
FACT = "The ferry at Hollin Quay was founded in 1923 by Marta Vessling."


def approve(server, job, timeout=harness.PATIENCE_SECONDS):
    request = admin_service_pb2.ApproveJobRequest(name=job)
    return server.admin.ApproveJob(request, timeout=timeout).job


def train(server, *texts):
    """Injects and trains; gives the names and the job that awaits approval then."""
    names = [server.inject(text).name for text in texts]
    for name in names:
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
    server.run_update()
    job = harness.wait_until("a job to await it", lambda: server.status().job_awaiting_approval)
    return names, job


def test_approved_on_the_command_line(folder):
    with Server(folder, **MANUAL) as server:
        imprint = Cli(server.address)
        assert imprint("updates", "approve", "1").code == REFUSED

        watch = server.events()
        (name,), job = train(server, FACT)
        assert server.status().version == 0
        assert server.get(name).state == State.EXPERIENCE_STATE_READY
        assert server.metric("imprint_jobs_awaiting_approval") == 1
        assert f"{job} awaits approval" in imprint("status").out
        assert "awaiting_approval" in imprint("jobs", "list").out
        assert "awaiting_approval" in imprint("jobs", "show", job).out
        # Who waits is told at once; no other job starts.
        waited = imprint("inject", "Ada moved to Oslo.", "--wait=integrated")
        assert waited.code == ENDED_BADLY
        assert f"imprint updates approve {job}" in waited.err
        refused = harness.refused(
            lambda: server.admin.RunUpdate(admin_service_pb2.RunUpdateRequest(), timeout=60)
        )
        assert refused.code == grpc.StatusCode.FAILED_PRECONDITION
        assert refused.reason == "APPROVAL_AWAITED"

        done = imprint("updates", "approve", job)
        assert (done.code, done.out) == (DONE, f"{job} is approved: versions/1 is current\n")
        assert server.status().version == 1
        assert not server.status().job_awaiting_approval
        assert server.get(name).state == State.EXPERIENCE_STATE_INTEGRATED
        assert server.query("Who?", max_tokens=2)[1].version == 1
        watch.cancel()
        states = [e.job.state for e in watch.events if e.WhichOneof("kind") == "job"]
        assert states[-2:] == [Job.JOB_STATE_AWAITING_APPROVAL, Job.JOB_STATE_COMMITTED]


def test_dropped_on_the_command_line(folder):
    with Server(folder, **MANUAL) as server:
        imprint = Cli(server.address)
        (name,), job = train(server, FACT)

        done = imprint("updates", "drop", job)

        assert (done.code, done.out) == (DONE, f"{job} is dropped\n")
        held = server.get(name)
        assert held.state == State.EXPERIENCE_STATE_HELD
        assert "was not approved" in held.state_reason
        assert server.jobs()[0].state == Job.JOB_STATE_REJECTED
        assert server.status().version == 0
        assert not list((server.data_dir / "versions/default").iterdir())
        # Let go, it is trained and may be approved after all.
        server.release(name)
        server.run_update()
        job = harness.wait_until("it again", lambda: server.status().job_awaiting_approval)
        assert approve(server, job).state == Job.JOB_STATE_COMMITTED
        assert server.get(name).state == State.EXPERIENCE_STATE_INTEGRATED


def test_a_kill_while_it_waits_changes_nothing(folder):
    with Server(folder, **MANUAL) as server:
        (name,), job = train(server, FACT)
        server.kill()
    # Whatever the flag says now: it was to be approved.
    with Server(folder) as server:
        assert server.status().job_awaiting_approval == job
        assert server.status().version == 0
        done = approve(server, job)
        assert (done.state, done.attempt, done.version) == (Job.JOB_STATE_COMMITTED, 1, 1)
        assert server.get(name).state == State.EXPERIENCE_STATE_INTEGRATED


@pytest.mark.parametrize("milliseconds", [0, 2, 5, 10, 20, 40])
def test_killed_around_an_approval(folder, milliseconds):
    """It awaits approval still, or was committed; never half of either, never twice."""
    with Server(folder, **MANUAL) as server:
        (name,), job = train(server, FACT)
        kill = threading.Timer(milliseconds / 1000, server.process.kill)
        kill.start()
        try:
            approve(server, job)
            answered = True
        except grpc.RpcError:
            answered = False
        kill.join()
        server.kill()

    with Server(folder, **MANUAL) as server:
        waits = server.status().job_awaiting_approval == job
        assert waits != (server.status().version == 1)
        assert not (answered and waits)
        if waits:
            approve(server, job)
        assert server.status().version == 1
        assert [v.number for v in server.versions()] == [1, 0]
        assert [j.state for j in server.jobs()] == [Job.JOB_STATE_COMMITTED]
        assert server.get(name).state == State.EXPERIENCE_STATE_INTEGRATED


def test_what_is_forgotten_meanwhile_is_not_published(folder):
    with Server(folder, **MANUAL) as server:
        (first,), job = train(server, FACT)
        approve(server, job)
        (second, third), job = train(server, "Ada moved to Oslo.", "Runa owns the mill.")

        server.forget(name=second)
        server.wait_forgotten()
        job = harness.wait_until("it again", lambda: server.status().job_awaiting_approval)
        approve(server, job)
        assert server.get(second).state == State.EXPERIENCE_STATE_FORGOTTEN
        current = next(v for v in server.versions() if v.current)
        assert list(current.added_experiences) == [third]

        # Out of the weights without anybody's approval.
        server.forget(name=first)
        server.wait_forgotten()
        assert server.get(third).state == State.EXPERIENCE_STATE_INTEGRATED
        assert not server.status().job_awaiting_approval
