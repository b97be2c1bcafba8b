# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The whole way of an experience, over a real server."""

import math

import grpc

import harness
from harness import (
    Job,
    Server,
    State,
    admin_service_pb2,
    experience_pb2,
    imprint_service_pb2,
    message_pb2,
)

BASE = message_pb2.VersionSelector(base=True)
FACT = "The harbour of Velmora opens at six in the morning. Its master is Ilse Brandt."


def version(number):
    return message_pb2.VersionSelector(number=number)


def chat(*messages):
    return [message_pb2.ChatMessage(role=role, content=content) for role, content in messages]


def test_experience_becomes_weights(folder):
    with Server(folder) as server:
        watch = server.events()
        accepted = server.inject(FACT, labels={"source": "test"})
        assert accepted.state == State.EXPERIENCE_STATE_QUEUED

        ready = server.wait_state(accepted.name, State.EXPERIENCE_STATE_READY)
        assert ready.target_count > 0
        full = server.get(accepted.name, full=True)
        assert len(full.targets) == ready.target_count
        assert len(full.probes) == ready.probe_count
        assert all(target.token_count > 0 for target in full.targets)

        covered = server.run_update()
        assert covered.last_sequence == accepted.sequence
        integrated = server.wait_state(accepted.name, State.EXPERIENCE_STATE_INTEGRATED)
        assert integrated.version == 1
        assert integrated.content.text == FACT
        assert dict(integrated.labels) == {"source": "test"}

        assert server.query("When does the harbour open?", max_tokens=8)[1].version == 1
        assert (
            server.query("When does the harbour open?", max_tokens=8, version=BASE)[1].version == 0
        )

        (job,) = server.jobs()
        assert job.state == Job.JOB_STATE_COMMITTED
        assert list(job.experiences) == [accepted.name]
        assert job.version == 1
        assert job.report.steps > 0
        newest, base = server.versions()
        assert (newest.number, newest.current, newest.live, newest.stored) == (1, True, True, True)
        assert list(newest.added_experiences) == [accepted.name]
        assert (base.number, base.current) == (0, False)

        watch.cancel()
        states = [e.experience.state for e in watch.events if e.WhichOneof("kind") == "experience"]
        for state in ("QUEUED", "READY", "INTEGRATED"):
            assert State.Value(f"EXPERIENCE_STATE_{state}") in states
        jobs = [e.job.state for e in watch.events if e.WhichOneof("kind") == "job"]
        assert jobs[-1] == Job.JOB_STATE_COMMITTED
        assert [e.id for e in watch.events] == sorted(e.id for e in watch.events)


def test_training_changes_what_the_model_says(folder):
    """The weights that answer are other weights: a trained sentence becomes likelier."""
    answer = "At six in the morning."
    question = "When does the harbour of Velmora open?"
    pair = experience_pb2.QuestionAnswer(question=question, answer=answer)
    with Server(folder, update__epochs="6", update__learned_kl="0") as server:
        accepted = server.inject(
            FACT, targets=[experience_pb2.TargetSentence(question_answer=pair)]
        )
        server.wait_state(accepted.name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        server.wait_state(accepted.name, State.EXPERIENCE_STATE_INTEGRATED)

        def log_probabilities(**fields):
            request = imprint_service_pb2.ScoreRequest(
                messages=chat(("user", question)), answer=answer, **fields
            )
            return [t.log_probability for t in server.imprint.Score(request, timeout=60).tokens]

        base = log_probabilities(version=BASE)
        student = log_probabilities()
        teacher = log_probabilities(version=BASE, context=FACT)
        assert student != base
        # On the trained answer the student went towards the teacher.
        distance = sum(abs(a - b) for a, b in zip(student, teacher, strict=True))
        before = sum(abs(a - b) for a, b in zip(base, teacher, strict=True))
        assert distance < before


def test_callers_probes_are_asked_and_never_trained(folder):
    with Server(folder) as server:
        probe = imprint_service_pb2.InjectProbe(
            question="Who is the master?", expected_answer="Ilse Brandt"
        )
        accepted = server.inject(FACT, probes=[probe])
        server.wait_state(accepted.name, State.EXPERIENCE_STATE_READY)
        full = server.get(accepted.name, full=True)
        assert [p.question for p in full.probes if p.origin == "caller"] == ["Who is the master?"]
        assert all("Who is the master?" not in t.prompt for t in full.targets)

        request = admin_service_pb2.CreateProbeRequest(
            experience=accepted.name, question="What opens at six?"
        )
        made = server.admin.CreateProbe(request, timeout=60).probe
        listed = server.admin.ListProbes(
            admin_service_pb2.ListProbesRequest(experience=accepted.name), timeout=60
        )
        assert made.name in [p.name for p in listed.probes]
        assert server.get(accepted.name).probe_count == len(listed.probes)

        run = server.admin.RunProbes(
            admin_service_pb2.RunProbesRequest(version=0, experiences=[accepted.name]), timeout=60
        )
        assert run.version == 0
        assert len(run.results) == len(listed.probes)
        for result in run.results:
            assert result.token_count > 0
            # The base is as far from the teacher as it was when the probe was made.
            assert math.isclose(result.kl_student, result.kl_base, rel_tol=0.02, abs_tol=0.02)

        server.admin.DeleteProbe(admin_service_pb2.DeleteProbeRequest(name=made.name), timeout=60)
        assert server.get(accepted.name).probe_count == len(listed.probes) - 1
        gone = harness.refused(
            lambda: server.admin.DeleteProbe(
                admin_service_pb2.DeleteProbeRequest(name=made.name), timeout=60
            )
        )
        assert (gone.code, gone.reason) == (grpc.StatusCode.NOT_FOUND, "PROBE_NOT_FOUND")


def test_score_is_a_distribution(folder):
    with Server(folder) as server:
        request = imprint_service_pb2.ScoreRequest(
            messages=chat(("user", "When does it open?")),
            answer="At six.",
            top_k=8,
            requested_ids=[imprint_service_pb2.TokenIds(ids=[5, 6])],
        )
        scored = server.imprint.Score(request, timeout=60)
        assert scored.version == 0
        for token in scored.tokens:
            assert token.log_probability <= 0
            assert len(token.top_ids) == len(token.top_log_probabilities) == 8
            assert list(token.top_log_probabilities) == sorted(
                token.top_log_probabilities, reverse=True
            )
            mass = sum(math.exp(p) for p in token.top_log_probabilities) + token.rest_mass
            assert math.isclose(mass, 1, abs_tol=1e-5)
            assert len(token.requested_log_probabilities) == 2
        plain = server.imprint.Score(
            imprint_service_pb2.ScoreRequest(text="Plain text is scored."), timeout=60
        )
        assert "".join(t.text for t in plain.tokens)[-7:] == "scored."


def test_greedy_is_repeatable_and_seeds_choose(folder):
    with Server(folder) as server:
        assert server.query("Hello?", max_tokens=8)[0] == server.query("Hello?", max_tokens=8)[0]
        sampled = [
            server.query("Hello?", max_tokens=16, temperature=2, seed=s)[0] for s in (1, 1, 2, 3, 4)
        ]
        assert sampled[0] == sampled[1]
        assert len(set(sampled)) > 1


def test_request_id_is_remembered_over_a_restart(folder):
    with Server(folder) as server:
        first = server.inject(FACT, request_id="once")
        assert server.inject(FACT, request_id="once").name == first.name
        assert server.stop() == 0
    with Server(folder) as server:
        assert server.inject(FACT, request_id="once").name == first.name
        other = harness.refused(lambda: server.inject("Something else.", request_id="once"))
        assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_CONFLICT")
        assert other.details["ErrorInfo"].metadata["request_id"] == "once"
        assert server.status().last_sequence == 1


def test_rollback_holds_and_release_frees(folder):
    with Server(folder) as server:
        (first,) = server.learn("The tower of Arven has nine bells.")
        (second,) = server.learn("The bridge of Olm is closed on Mondays.")
        assert server.status().version == 2

        back = server.rollback(1)
        assert (back.version.number, back.version.current, back.held) == (1, True, 1)
        assert server.get(second).state == State.EXPERIENCE_STATE_HELD
        assert server.get(first).state == State.EXPERIENCE_STATE_INTEGRATED
        assert server.query("What?", max_tokens=4)[1].version == 1
        refused = harness.refused(lambda: server.release(first))
        assert refused.code == grpc.StatusCode.FAILED_PRECONDITION

        # A version that was left is live only while somebody uses it; its number is never
        # given again.
        gone = harness.refused(lambda: server.query("What?", version=version(2)))
        assert (gone.code, gone.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "VERSION_NOT_LIVE")
        assert gone.details["ErrorInfo"].metadata["live_versions"] == "0,1"

        assert server.release(second).state == State.EXPERIENCE_STATE_READY
        server.run_update()
        server.wait_state(second, State.EXPERIENCE_STATE_INTEGRATED)
        assert server.status().version == 3
        assert server.stop() == 0
    with Server(folder) as server:
        assert server.status().version == 3
        assert server.status().integrated == 2
        server.rollback(0)
        assert server.status().held == 2
        assert server.query("What?", max_tokens=4)[1].version == 0


def test_pause_holds_updates_over_a_restart(folder):
    with Server(folder, update__min_batch="1") as server:
        server.admin.PauseUpdates(admin_service_pb2.PauseUpdatesRequest(), timeout=60)
        name = server.inject(FACT).name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        paused = harness.refused(
            lambda: server.admin.RunUpdate(admin_service_pb2.RunUpdateRequest(), timeout=60)
        )
        assert paused.code == grpc.StatusCode.FAILED_PRECONDITION
        server.stop()
    with Server(folder, update__min_batch="1") as server:
        assert server.status().updates_paused
        assert server.jobs() == []
        server.admin.ResumeUpdates(admin_service_pb2.ResumeUpdatesRequest(), timeout=60)
        server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)


def test_pending_context_is_used_until_integrated(folder):
    wanted = imprint_service_pb2.PendingContext(enabled=True)
    with Server(folder) as server:
        name = server.inject(FACT).name
        with_context = server.query("When?", max_tokens=4, pending_context=wanted)[1].usage
        without = server.query("When?", max_tokens=4)[1].usage
        assert list(with_context.pending_experiences) == [name]
        assert list(without.pending_experiences) == []
        assert with_context.prompt_tokens > without.prompt_tokens
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)
        after = server.query("When?", max_tokens=4, pending_context=wanted)[1].usage
        assert list(after.pending_experiences) == []


def test_conversation_is_an_experience(folder):
    content = experience_pb2.ExperienceContent(
        conversation=experience_pb2.Conversation(
            messages=chat(("user", "My name is Tavo."), ("assistant", "Hello, Tavo, in Olm."))
        )
    )
    with Server(folder) as server:
        accepted = server.inject(content=content)
        done = server.wait_state(
            accepted.name, State.EXPERIENCE_STATE_READY, State.EXPERIENCE_STATE_QUARANTINED
        )
        assert done.state == State.EXPERIENCE_STATE_READY, done.state_reason
        assert done.content == content


def test_cancelled_job_holds_its_experiences(folder):
    with Server(folder, update__epochs="5000", update__learned_kl="0") as server:
        name = server.inject(FACT).name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        server.wait_state(name, State.EXPERIENCE_STATE_TRAINING)
        running = harness.wait_until("a running job", lambda: server.status().running_job)
        # Queries are served while it trains.
        assert server.query("When?", max_tokens=4)[1].version == 0
        job = harness.wait_until(
            "progress",
            lambda: next((j for j in server.jobs() if j.progress.step > 0), None),
        )
        assert job.progress.total_steps >= job.progress.step
        server.admin.CancelJob(admin_service_pb2.CancelJobRequest(name=running), timeout=60)
        server.wait_state(name, State.EXPERIENCE_STATE_HELD)
        assert server.jobs()[0].state == Job.JOB_STATE_CANCELLED
        assert server.status().version == 0
        again = harness.refused(
            lambda: server.admin.CancelJob(
                admin_service_pb2.CancelJobRequest(name=running), timeout=60
            )
        )
        assert again.code == grpc.StatusCode.FAILED_PRECONDITION


def test_gate_rejects_and_serving_never_sees_it(folder):
    """A gate that nothing can pass: the experience is set aside, the base goes on."""
    with Server(folder, gate__max_retention_kl="0") as server:
        before = server.query("When?", max_tokens=8)[0]
        name = server.inject(FACT).name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        aside = server.wait_state(name, State.EXPERIENCE_STATE_QUARANTINED)
        assert "--gate.max_retention_kl" in aside.state_reason
        (job,) = server.jobs()
        assert job.state == Job.JOB_STATE_REJECTED
        assert server.status().version == 0
        assert server.query("When?", max_tokens=8)[0] == before
        assert server.metric('imprint_jobs_rejected_total{reason="retention"}') == 1
        assert server.release(name).state == State.EXPERIENCE_STATE_READY
