# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting until something is learned, and what comes in between."""

import time

import harness
import pytest

from imprint import (
    FailedPreconditionError,
    JobKind,
    JobState,
    SetAsideError,
    State,
    UpdatesStoppedError,
    WaitTimeoutError,
)


def test_integrated_is_waited_for_and_asked_for(client, label):
    experience = client.inject("Edda paints doors.", labels=label, wait="integrated")
    assert experience.state is State.INTEGRATED
    assert experience.version == client.status().version
    assert experience.name in client.versions.get(experience.version).added_experiences
    jobs = len(list(client.jobs.list()))
    # It is there: nothing is to be asked for.
    again = client.wait_for(experience, "integrated", run_update=True)
    assert again.version == experience.version
    assert len(list(client.jobs.list())) == jobs


def test_many_are_waited_for_in_their_order(client, label):
    texts = [f"House {i} is blue." for i in range(3)]
    experiences = [client.inject(text, labels=label) for text in texts]
    names = [e.name for e in reversed(experiences)]
    learned = client.wait_for_all(names, "integrated", timeout=120, run_update=True)
    assert [e.name for e in learned] == names
    assert {e.state for e in learned} == {State.INTEGRATED}


def test_a_wait_has_an_end(client, label):
    experience = client.inject("Nobody asks for an update.", labels=label, wait="ready")
    begin = time.monotonic()
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait_for(experience, "integrated", timeout=0.3)
    assert time.monotonic() - begin >= 0.3
    assert isinstance(caught.value, TimeoutError)
    (missing,) = caught.value.experiences
    assert (missing.name, missing.state) == (experience.name, State.READY)
    assert f"{experience.name} is ready, not integrated within 0.3 s" in str(caught.value)
    assert client.wait_for(experience, "ready", timeout=0).state is State.READY


def test_paused_updates_end_a_wait(client, label):
    client.updates.pause()
    try:
        assert client.status().updates_paused
        with pytest.raises(FailedPreconditionError):
            client.updates.run()
        with pytest.raises(UpdatesStoppedError, match="paused") as caught:
            client.inject("Accepted all the same.", labels=label, wait="integrated")
        (experience,) = caught.value.experiences
        assert client.experiences.get(experience).text == "Accepted all the same."
        with pytest.raises(UpdatesStoppedError, match="paused"):
            client.wait_for(experience, "integrated")
        with pytest.raises(UpdatesStoppedError, match="paused"):
            client.updates.run(wait=True)
    finally:
        client.updates.resume()
    assert not client.status().updates_paused


def test_an_update_says_what_it_covered(client, label):
    client.updates.run(wait=True)  # what other tests have left
    names = [client.inject(f"Boat {i} leaks.", labels=label, wait="ready").name for i in range(2)]
    run = client.updates.run(wait=True, wait_timeout=120)
    assert run.waiting == 2
    assert [e.name for e in run.integrated] == names
    assert run.set_aside == ()
    assert all(e.text is None for e in run.integrated)
    assert client.updates.run().waiting == 0


def test_rollback_holds_what_is_not_in_the_version(client, label):
    experience = client.inject("Tavo bakes at night.", labels=label, wait="integrated")
    newest = client.versions.get(experience.version)
    assert newest.current
    base = list(client.versions.list(page_size=2))[-1]
    assert base.number == 0
    rollback = client.versions.rollback(base)
    assert rollback.version.current
    assert rollback.held >= 1
    assert client.query("Who?", max_tokens=1).version == 0
    with pytest.raises(SetAsideError) as caught:
        client.wait_for(experience, "integrated")
    (held,) = caught.value.experiences
    assert held.state is State.HELD
    assert f"{experience.name} is held" in str(caught.value)
    # A later one again; the experience is back with it.
    assert client.versions.rollback(newest.name).version.number == newest.number
    assert client.wait_for(experience, "integrated").state is State.INTEGRATED
    client.versions.rollback(0)
    assert client.experiences.release(experience).state is State.READY


def test_a_version_is_made_again(client, label):
    client.inject("Ilse mends clocks.", labels=label, wait="integrated")
    costs = client.updates.rebuild(0, dry_run=True)
    assert costs.job is None
    assert costs.cost.anchor == 0
    assert costs.cost.experiences >= 1
    assert costs.cost.seconds > 0
    done = client.updates.rebuild(0, wait=True, wait_timeout=120)
    assert done.job.state is JobState.COMMITTED
    assert done.job.version == client.status().version
    assert done.job.report.steps >= 1
    assert done.job.report.phase_seconds["train"] > 0
    assert client.jobs.get(done.job).name == done.job.name
    assert next(iter(client.jobs.list(page_size=1))).name == done.job.name
    with pytest.raises(FailedPreconditionError, match="over"):
        client.jobs.cancel(done.job)


def test_forgetting_is_waited_for(client, label, server):
    experience = client.inject("Pella owes money.", labels=label, wait="integrated")
    forgotten = client.experiences.forget(labels=label, wait=True, wait_timeout=120)
    assert forgotten.experiences == (experience.name,)
    assert forgotten.rebuild_needed
    status = client.status()
    assert status.forgotten_in_weights == 0
    assert not status.forgotten_in_files
    assert status.experiences[State.FORGOTTEN] >= 1
    tombstone = client.experiences.get(experience)
    assert (tombstone.state, tombstone.text) == (State.FORGOTTEN, None)
    with pytest.raises(SetAsideError, match="forgotten"):
        client.wait_for(experience, "ready")
    # By the id that it was injected with, again, and harmlessly.
    again = client.experiences.forget(request_id=experience.request_id)
    assert again.experiences == (experience.name,)
    assert client.experiences.forget(labels=label).experiences == ()


def test_a_running_job_is_cancelled(make, endless):
    client = make(endless.address)
    experience = client.inject("Lamps are lit.", wait="ready")
    client.updates.run()
    harness.wait_until("the job", lambda: client.experiences.get(experience).state == "training")
    with pytest.raises(WaitTimeoutError, match="is training, not integrated"):
        client.wait_for(experience, "integrated", timeout=0.1)
    job = client.jobs.get(client.status().running_job)
    assert job.kind is JobKind.UPDATE
    assert job.experiences == (experience.name,)
    assert job.experience_count == 1
    client.jobs.cancel(job)
    with pytest.raises(SetAsideError, match="held"):
        client.wait_for(experience, "integrated", timeout=60)
    assert client.jobs.get(job).state is JobState.CANCELLED
