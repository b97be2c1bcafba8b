# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every stage: what was acknowledged is kept, what was committed is committed once."""

import random
import threading
import time

import grpc
import pytest

import harness
from harness import Job, Server, State


def fact(number):
    return f"The bridge number {number} of Olm is closed on the day {number + 3} of each month."


def check_consistent(server):
    """What holds in every store, whenever it was left."""
    experiences = server.list(page_size=1000)
    assert [e.sequence for e in experiences] == list(range(1, len(experiences) + 1))
    versions = [v for v in server.versions() if v.number > 0]
    added = [name for v in versions for name in v.added_experiences]
    committed = [j for j in server.jobs() if j.state == Job.JOB_STATE_COMMITTED]
    # One version for each committed job, and each experience in one of them only.
    assert sorted(j.version for j in committed) == sorted(v.number for v in versions)
    assert sorted(name for j in committed for name in j.experiences) == sorted(added)
    assert len(added) == len(set(added))
    current = [v.number for v in server.versions() if v.current]
    assert current == [server.status().version]
    integrated = {e.name for e in experiences if e.state == State.EXPERIENCE_STATE_INTEGRATED}
    contained = {name for v in versions if v.number <= current[0] for name in v.added_experiences}
    assert integrated == contained
    directories = {p.name for p in (server.data_dir / "versions/default").glob("*")}
    assert directories == {f"{v.number:08d}" for v in versions if v.stored}
    assert server.query("What?", max_tokens=2)[1].version == current[0]
    return experiences


def finish(folder, names, **changes):
    """Starts again, lets all be learned, and checks; gives the jobs."""
    with Server(folder, **changes) as server:
        known = {e.name for e in check_consistent(server)}
        assert set(names) <= known
        for name in names:
            server.wait_state(name, State.EXPERIENCE_STATE_READY, State.EXPERIENCE_STATE_INTEGRATED)
        if any(server.get(name).state == State.EXPERIENCE_STATE_READY for name in names):
            server.run_update()
        for name in names:
            server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)
        check_consistent(server)
        return server.jobs()


@pytest.mark.parametrize("acknowledged", [1, 37])
def test_killed_during_appends(folder, acknowledged):
    """Eight callers inject as fast as they can; the kill comes in between."""
    kept = {}
    enough = threading.Event()
    lock = threading.Lock()

    def storm(server, caller):
        for i in range(10_000):
            text = f"caller {caller} says {i}"
            try:
                experience = server.inject(text, request_id=f"{caller}-{i}")
            except grpc.RpcError:
                return
            with lock:
                kept[experience.sequence] = (text, experience.request_id)
                if len(kept) >= acknowledged:
                    enough.set()

    with Server(folder) as server:
        callers = [threading.Thread(target=storm, args=(server, i)) for i in range(8)]
        for caller in callers:
            caller.start()
        assert enough.wait(60)
        server.process.kill()
        for caller in callers:
            caller.join(60)
            assert not caller.is_alive()

    with Server(folder) as server:
        stored = {e.sequence: (e.content.text, e.request_id) for e in check_consistent(server)}
        for sequence, what in kept.items():
            assert stored[sequence] == what
        # Those of a lost answer are there once: asking again gives the same place.
        for sequence, (text, request_id) in list(stored.items())[-3:]:
            assert server.inject(text, request_id=request_id).sequence == sequence


def test_killed_during_generation(folder):
    with Server(folder) as server:
        names = [server.inject(fact(i)).name for i in range(4)]
        server.wait_state(names[0], State.EXPERIENCE_STATE_READY)
        server.kill()
    with Server(folder) as server:
        # Finished work was not lost.
        assert server.get(names[0]).state == State.EXPERIENCE_STATE_READY
        server.kill()
    finish(folder, names)


def kill_in(server, wanted):
    """Kills the server as soon as a job is seen in the state."""
    killed = threading.Event()

    def on_event(event):
        if event.WhichOneof("kind") == "job" and event.job.state == wanted:
            server.process.kill()
            killed.set()

    watch = server.events()
    watch.call(on_event)
    server.run_update()
    assert killed.wait(60), f"no job came to {Job.Name(wanted)}"
    watch.join()
    server.kill()


@pytest.mark.parametrize(
    "state",
    [
        "JOB_STATE_PLANNED",
        "JOB_STATE_TRAINING",
        "JOB_STATE_GATING",
        "JOB_STATE_PUBLISHING",
        "JOB_STATE_COMMITTED",
    ],
)
def test_killed_in_a_job(folder, state):
    with Server(folder) as server:
        first = server.learn(fact(0))
        names = [server.inject(fact(i)).name for i in (1, 2)]
        for name in names:
            server.wait_state(name, State.EXPERIENCE_STATE_READY)
        kill_in(server, Job.Value(state))
    jobs = finish(folder, first + names)
    # The job that was killed went on under its own number, and ended once.
    assert [j.state for j in jobs] == [Job.JOB_STATE_COMMITTED] * 2
    assert sorted(j.version for j in jobs) == [1, 2]


def test_killed_in_the_middle_of_training(folder):
    with Server(folder, update__epochs="5000", update__learned_kl="0") as server:
        name = server.inject(fact(1)).name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        harness.wait_until("steps", lambda: any(j.progress.step > 3 for j in server.jobs()))
        server.kill()
    (job,) = finish(folder, [name])
    assert (job.state, job.attempt) == (Job.JOB_STATE_COMMITTED, 2)


def test_killed_again_and_again(folder):
    """The same job survives several crashes and commits once."""
    with Server(folder) as server:
        name = server.inject(fact(1)).name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        kill_in(server, Job.JOB_STATE_TRAINING)
    for _ in range(2):
        with Server(folder, update__epochs="5000", update__learned_kl="0") as server:
            harness.wait_until("the job to run", lambda: server.status().running_job)
            server.kill()
    (job,) = finish(folder, [name])
    assert job.state == Job.JOB_STATE_COMMITTED
    assert job.attempt == 4


def test_rollback_survives_a_crash(folder):
    with Server(folder) as server:
        server.learn(fact(0))
        (second,) = server.learn(fact(1))
        server.rollback(1)
        server.kill()
    with Server(folder) as server:
        assert server.status().version == 1
        assert server.get(second).state == State.EXPERIENCE_STATE_HELD
        check_consistent(server)


class Alternation:
    """Rolls back to one version and the other, over and over, until the server is gone."""

    def __init__(self, server):
        self.begun = self.acknowledged = server.status().version
        self.under_way = threading.Event()  # one is through
        self._server = server
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            self.begun = 3 - self.acknowledged
            try:
                self._server.rollback(self.begun)
            except grpc.RpcError as error:
                # The server was killed under it.
                assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
                return
            self.acknowledged = self.begun
            self.under_way.set()

    def join(self):
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_killed_during_rollback(folder):
    """What was acknowledged holds, or the one that was under way; a mixture does not."""
    dice = random.Random(1)
    with Server(folder) as server:
        server.learn(fact(0))
        (second,) = server.learn(fact(1))
    for _ in range(8):
        with Server(folder) as server:
            rollbacks = Alternation(server)
            assert rollbacks.under_way.wait(60)
            time.sleep(dice.uniform(0, 0.1))  # anywhere within the next ones
            server.process.kill()
            rollbacks.join()
        with Server(folder) as server:
            version = server.status().version
            assert version in (rollbacks.acknowledged, rollbacks.begun)
            expected = (
                State.EXPERIENCE_STATE_HELD if version == 1 else State.EXPERIENCE_STATE_INTEGRATED
            )
            assert server.get(second).state == expected
            check_consistent(server)


def test_broken_version_is_refused_and_rolled_back_on_request(folder):
    with Server(folder) as server:
        server.learn(fact(0))
        server.learn(fact(1))
        server.stop()
        (delta,) = (server.data_dir / "versions/default/00000002").glob("*.safetensors")
        data_dir = server.data_dir
    content = bytearray(delta.read_bytes())
    content[-5] ^= 0x40
    delta.write_bytes(bytes(content))

    code, output = harness.run_to_end(harness.flags(data_dir))
    assert code == 1
    assert delta.name in output
    assert "--version.rollback_when_broken" in output
    with Server(folder, version__rollback_when_broken="true") as server:
        assert server.status().version == 1
        assert server.query("What?", max_tokens=2)[1].version == 1
