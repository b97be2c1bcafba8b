# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What the crash tester found, each by name, with the failpoint that shows it."""

import contextlib

import grpc

import harness
import tester
from harness import Job, State


def test_a_version_that_was_not_committed_leaves_the_disk(tmp_path):
    """Its weights hold what was forgotten between its writing and its commit."""
    server = tester.Server(tmp_path, "commit.before=delay:1500@1")
    with server:
        assert server.listens()
        name = server.inject("The lantern of Olm is lit by Oda Brenn.").name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        versions = server.data_dir / "versions/default"
        harness.wait_until("the version to be stored", lambda: (versions / "00000001").exists())

        server.forget(name=name)

        server.wait_forgotten()
        harness.wait_until("the job to end", lambda: not server.status().running_job)
        server.wait_forgotten()
        assert server.jobs()[0].state == Job.JOB_STATE_CANCELLED
        assert list(versions.iterdir()) == []


def test_the_file_that_tries_the_disk_out_does_not_outlive_a_crash(tmp_path):
    server = tester.Server(tmp_path, "store.write.before=error@5;store.probe.written=crash")
    with server:
        assert server.listens()
        with contextlib.suppress(grpc.RpcError):
            for number in range(20):
                server.inject(f"The bridge of Olm has {number} arches.")
        server.process.wait(harness.PATIENCE_SECONDS)
    left = server.data_dir / "db/write_probe.tmp"
    assert left.exists()

    with tester.Server(tmp_path) as server:
        assert server.listens()
        assert not left.exists()


def test_what_was_just_learned_does_not_wait(tmp_path):
    """The commit shows before what waits is counted anew."""
    server = tester.Server(tmp_path, "commit.after=delay:1500@1")
    with server:
        assert server.listens()
        name = server.inject("The ferry of Olm is steered by Ada Brenn.").name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)

        assert server.run_update().waiting == 0


def test_memory_that_is_short_in_training_takes_nothing_down(tmp_path):
    """Serving goes on, nothing is set aside, and the job comes to its end once there is some."""
    server = tester.Server(tmp_path, "train.step.before=error:RESOURCE_EXHAUSTED@2")
    with server:
        assert server.listens()
        names = [server.inject(f"The bell of Olm has {number} names.").name for number in (2, 3)]
        for name in names:
            server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        assert server.query("Who is there?", max_tokens=2)
        for name in names:
            server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)
        (job,) = server.jobs()
        assert (job.state, job.attempt) == (Job.JOB_STATE_COMMITTED, 2)
        assert server.stop() == 0
