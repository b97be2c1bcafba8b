# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Lists, single things, and names that are wrong."""

import pytest

from imprint import InvalidArgumentError, NotFoundError, State


def test_lists_come_in_pages(client, server, label):
    names = [client.inject(f"Street {i} is long.", labels=label).name for i in range(5)]
    method = 'imprint_rpc_requests_total{code="OK",method="ListExperiences"}'
    client.wait_for_all(names, "ready", timeout=60)
    listed = client.experiences.list(labels=label, page_size=2)
    assert next(listed).name == names[0]
    before = server.metric(method)
    assert [e.name for e in listed] == names[1:]
    assert server.metric(method) == before + 2, "the other two pages, when it comes to them"
    assert [e.name for e in client.experiences.list(labels=label, state="ready")] == names
    assert list(client.experiences.list(labels=label, state=State.HELD)) == []


def test_a_state_that_is_none(client):
    with pytest.raises(ValueError, match="learned"):
        client.experiences.list(state="learned")


def test_names_that_are_none(client):
    for call, reason in (
        (lambda: client.experiences.get(10**9), "EXPERIENCE_NOT_FOUND"),
        (lambda: client.experiences.forget(request_id="never sent"), "EXPERIENCE_NOT_FOUND"),
        (lambda: client.versions.get(10**6), "VERSION_NOT_FOUND"),
        (lambda: client.jobs.get("jobs/1000000"), "JOB_NOT_FOUND"),
        (lambda: client.probes.delete("1000000"), "PROBE_NOT_FOUND"),
    ):
        with pytest.raises(NotFoundError) as caught:
            call()
        assert caught.value.reason == reason
    with pytest.raises(InvalidArgumentError):
        client.experiences.get("versions/1")
    with pytest.raises(InvalidArgumentError) as caught:
        client.experiences.forget()
    assert caught.value.field_violations[0].field == "name"


def test_probes(client, label):
    kept = client.probes.create("What is the capital of France?", expected_answer="Paris")
    assert kept.experience == ""
    assert kept.origin == "admin"
    experience = client.inject("Runa keeps four owls.", labels=label, wait="ready")
    asked = client.probes.create("What does Runa keep?", experience=experience)
    assert asked.experience == experience.name
    names = {probe.name for probe in client.probes.list(page_size=1)}
    assert {kept.name, asked.name} <= names
    own = list(client.probes.list(experience=experience))
    assert asked in own
    assert kept not in own
    results = client.probes.run(version=0, experiences=[experience])
    assert {result.probe.name for result in results} == {probe.name for probe in own}
    for result in results:
        assert result.version == 0
        assert result.kl_student == pytest.approx(result.kl_base, abs=1e-3)
    client.probes.delete(kept)
    assert kept not in list(client.probes.list())


def test_status(client, server):
    status = client.status()
    assert status.model == "tiny-chat"
    assert (status.device, status.dtype) == ("cpu", "f32")
    assert status.version in status.live_versions
    assert status.start_time is not None
    assert sum(status.experiences.values()) == status.last_sequence
