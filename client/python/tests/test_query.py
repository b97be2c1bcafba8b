# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Answers, whole and in pieces; scores."""

import threading

import harness
import pytest

from imprint import (
    Chat,
    DeadlineExceededError,
    FailedPreconditionError,
    FinishReason,
    InvalidArgumentError,
    NotFoundError,
)

# Asked for more than it could say; ended by what the test does.
LONG = {"max_tokens": 900, "temperature": 2}


def test_an_answer_is_its_text_and_knows_its_version(client):
    answer = client.query("Hello?", max_tokens=12, version="base")
    assert isinstance(answer, str)
    assert len(answer) > 4
    assert answer.version == 0
    assert 1 <= answer.output_tokens <= 12
    assert answer.prompt_tokens > 1
    short = client.query("Hello?", max_tokens=1, version="base")
    assert short.finish_reason is FinishReason.LENGTH
    assert answer.startswith(short)
    stopped = client.query("Hello?", max_tokens=12, version=0, stop=[answer[2:4]])
    assert stopped == answer[: answer.index(answer[2:4])]
    assert stopped.finish_reason is FinishReason.STOP


def test_a_chat_is_answered_in_its_whole_length(client):
    one = client.query(Chat().user("Hello?"), max_tokens=1, version="base")
    chat = Chat(system="Be brief.").user("Hello?").assistant("Yes?").user("Who are you?")
    assert client.query(chat, max_tokens=1, version="base").prompt_tokens > one.prompt_tokens
    with pytest.raises(InvalidArgumentError) as caught:
        client.query(Chat().user("Hello?").assistant("Yes?"))
    assert caught.value.field_violations[0].field == "messages[1].role"


def test_the_same_seed_gives_the_same_sample(client):
    sample = {"temperature": 2, "top_k": 50, "top_p": 0.9, "max_tokens": 16, "version": "base"}
    answers = [client.query("Hello?", seed=seed, **sample) for seed in (1, 1, 2, 3)]
    assert answers[0] == answers[1]
    assert len(set(answers)) > 1


def test_what_is_not_learned_yet_can_be_put_into_the_prompt(client, label):
    experience = client.inject("Pella waits at the quay.", labels=label)
    answer = client.query("Who waits?", max_tokens=4, pending_context=True, pending_labels=label)
    assert answer.pending_experiences == (experience.name,)
    assert client.query("Who waits?", max_tokens=4).pending_experiences == ()
    with pytest.raises(ValueError, match="pending_context"):
        client.query("Who waits?", pending_labels=label)


def test_versions_that_cannot_be_asked(client):
    with pytest.raises(NotFoundError) as caught:
        client.query("Hello?", version=1_000_000)
    assert caught.value.reason == "VERSION_NOT_FOUND"
    with pytest.raises(ValueError, match="newest"):
        client.query("Hello?", version="newest")


def test_a_version_that_is_not_live(client, server):
    server.learn("Oskar sells lamps.")
    gone = client.status().version
    client.versions.rollback(0)
    server.learn("Edda paints doors.", "Runa keeps owls.")
    harness.wait_until("the version to leave", lambda: gone not in client.status().live_versions)
    with pytest.raises(FailedPreconditionError) as caught:
        client.query("Hello?", version=gone)
    assert caught.value.reason == "VERSION_NOT_LIVE"
    live = [int(number) for number in caught.value.metadata["live_versions"].split(",")]
    assert 0 in live
    assert gone not in live


def test_pieces_make_the_answer(client):
    answer = client.query("Hello?", max_tokens=12, version="base")
    stream = client.stream("Hello?", max_tokens=12, version="base")
    assert stream.version is None, "nothing is sent yet"
    pieces = list(stream)
    assert len(pieces) > 1
    assert all(pieces)
    assert "".join(pieces) == answer == stream.answer
    assert stream.version == 0
    assert stream.answer.finish_reason is answer.finish_reason
    assert stream.answer.output_tokens == answer.output_tokens
    assert list(stream) == [], "it is over"


def test_a_cancelled_stream_ends_and_leaves_the_server(client, cancelled):
    for seed in cancelled.attempts():
        stream = client.stream("Go on.", seed=seed, **LONG)
        first = next(stream)
        stream.cancel()
        assert list(stream) == []
        assert stream.answer == first
        stream.cancel()


def test_leaving_the_block_cancels(client, cancelled):
    for seed in cancelled.attempts():
        with client.stream("Go on.", seed=seed, **LONG) as stream:
            next(stream)
        assert list(stream) == []


def test_a_stream_is_cancelled_from_another_thread(client, cancelled):
    for seed in cancelled.attempts():
        with client.stream("Go on.", seed=seed, **LONG) as stream:
            next(stream)
            canceller = threading.Thread(target=stream.cancel)
            canceller.start()
            list(stream)
            canceller.join()


def test_a_stream_that_is_cancelled_before_it_begins_asks_nothing(client, server):
    method = 'imprint_rpc_requests_total{code="OK",method="Query"}'
    before = server.metric(method)
    stream = client.stream("Hello?", max_tokens=4)
    stream.cancel()
    assert list(stream) == []
    assert server.metric(method) == before


def test_what_is_wrong_with_a_question_is_told_by_the_stream(client):
    stream = client.stream("")
    with pytest.raises(InvalidArgumentError):
        next(stream)
    assert list(stream) == []


def test_a_deadline_ends_an_answer(client, server):
    with pytest.raises(DeadlineExceededError) as caught:
        # Less and less time, until even a tiny model is too slow.
        for seed in range(1000):
            client.query("Go on.", seed=seed, timeout=0.05 / (1 + seed), **LONG)
    assert isinstance(caught.value, TimeoutError)
    # Whoever looked at the clock first: the client, or the server that was to answer.
    message = str(caught.value)
    assert server.address in message or "the request's deadline passed" in message


def test_scores_of_an_answer(client):
    score = client.score("Hello?", "I do not know.", top_k=3, version="base")
    assert score.version == 0
    assert score.log_probability == pytest.approx(sum(t.log_probability for t in score.tokens))
    assert score.log_probability < 0
    for token in score.tokens:
        ids = [id for id, _ in token.top]
        assert len(ids) == 3
        if token.id in ids:
            assert dict(token.top)[token.id] == pytest.approx(token.log_probability)
    ids = [token.id for token in score.tokens]
    again = client.score("Hello?", ids, version="base")
    assert again.log_probability == pytest.approx(score.log_probability, abs=1e-3)
    led = client.score("Hello?", ids, context="Say that you do not know.", version="base")
    assert led.log_probability != pytest.approx(score.log_probability, abs=1e-3)


def test_scores_of_a_text(client):
    score = client.score_text("The ferry at Hollin Quay is yellow.", version="base")
    assert len(score.tokens) > 3
    assert score.tokens[0].top == ()
