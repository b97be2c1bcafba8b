# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Telling the model something, and what is said back."""

import datetime

import pytest

from imprint import AlreadyExistsError, Chat, InvalidArgumentError, Message, QuestionAnswer, State


def test_a_text_with_everything_beside_it(client, label):
    experience = client.inject(
        "The ferry is yellow.",
        labels=label,
        targets=["The ferry at Hollin Quay is yellow.", QuestionAnswer("Which colour?", "Yellow.")],
        probes=["Is it green?", ("Is it yellow?", "Yes.")],
        ttl=datetime.timedelta(days=30),
    )
    assert experience.name == f"experiences/{experience.sequence}"
    assert experience.text is None, "the caller has it"
    stored = client.experiences.get(experience)
    assert stored.text == "The ferry is yellow."
    assert stored.labels == label
    life = stored.expire_time - stored.create_time
    assert abs(life - datetime.timedelta(days=30)) < datetime.timedelta(minutes=1)
    assert stored.create_time.tzinfo is datetime.timezone.utc
    ready = client.wait_for(experience, "ready", timeout=60)
    assert ready.target_count >= 2
    assert ready.probe_count >= 2
    full = client.experiences.get(experience.sequence, full=True)
    assert len(full.targets) == ready.target_count
    assert "The ferry at Hollin Quay is yellow." in [target.text for target in full.targets]
    asked = {probe.question: probe.expected_answer for probe in full.probes}
    assert asked["Is it green?"] == ""
    assert asked["Is it yellow?"] == "Yes."


def test_a_conversation(client, label):
    chat = Chat(system="Be brief.").user("I am Tavo.").assistant("Hello, Tavo.")
    stored = client.experiences.get(client.inject(chat, labels=label))
    assert stored.text is None
    assert stored.messages == tuple(chat)
    name = client.inject([{"role": "user", "content": "I am Runa."}], labels=label).name
    assert client.experiences.get(name).messages == (Message("user", "I am Runa."),)


def test_each_injection_gets_an_id_of_its_own(client, label):
    first, second = (client.inject("Twice the same.", labels=label) for _ in range(2))
    assert first.name != second.name
    assert first.request_id
    assert first.request_id != second.request_id


def test_the_same_id_is_stored_once(client, label):
    request_id = label["test"]
    first, second = (client.inject("Only once.", request_id=request_id) for _ in range(2))
    assert first.name == second.name
    with pytest.raises(AlreadyExistsError) as caught:
        client.inject("Another text.", request_id=request_id)
    assert caught.value.reason == "REQUEST_ID_CONFLICT"
    assert caught.value.metadata == {"request_id": request_id}
    assert caught.value.method == "InjectContext"


def test_an_experience_may_supersede_another(client, label):
    older = client.inject("Ada lives in Bergen.", labels=label)
    newer = client.inject("Ada lives in Oslo.", labels=label, supersedes=older)
    assert client.experiences.get(newer).supersedes == older.name


def test_all_that_is_wrong_is_told_at_once(client):
    with pytest.raises(InvalidArgumentError) as caught:
        client.inject(" ", request_id="x" * 200, labels={"a b": "c"})
    error = caught.value
    assert error.reason == "INVALID_FIELD"
    fields = [violation.field for violation in error.field_violations]
    assert fields == ["content.text", "request_id", "labels"]
    for violation in error.field_violations:
        assert f"{violation.field}: {violation.description}" in str(error)
    assert error.retry_delay is None


def test_a_wrong_wait_is_refused_before_anything_is_sent(client):
    before = client.status().last_sequence
    with pytest.raises(ValueError, match="learned"):
        client.inject("A text.", wait="learned")
    assert client.status().last_sequence == before


def test_ready_is_waited_for(client, label):
    experience = client.inject("Ilse mends bells.", labels=label, wait="ready", wait_timeout=60)
    assert experience.state is State.READY
