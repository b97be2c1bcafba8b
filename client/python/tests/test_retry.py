# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What is tried again, how often, and after how long."""

import time

import grpc
import pytest

from fake_server import FakeServer, Refusal, Silence
from imprint import (
    AbortedError,
    DeadlineExceededError,
    ResourceExhaustedError,
    RetryPolicy,
    UnavailableError,
)
from imprint.v1 import imprint_service_pb2

BUSY = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_delay=0.02)
DRAINED = Refusal(grpc.StatusCode.ABORTED, retry_delay=0.02)
QUICK = RetryPolicy(initial_backoff=0.01)


@pytest.fixture
def fake():
    fake = FakeServer()
    yield fake
    fake.stop()


@pytest.fixture
def retrying(make, fake):
    return make(fake.address, retry=QUICK)


def piece(text):
    return imprint_service_pb2.QueryResponse(text=text, version=3)


def test_an_injection_is_sent_again_with_the_same_id(fake, retrying):
    fake.script = [BUSY, BUSY]
    retrying.inject("A text.")
    ids = [request.request_id for _, request in fake.calls]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert ids[0]


def test_metadata_goes_with_every_attempt(make, fake):
    ids = iter("abcd")
    client = make(
        fake.address, retry=QUICK, metadata=lambda: [("x-request-id", next(ids)), ("b", "c")]
    )
    fake.script = [BUSY, BUSY]
    client.inject("A text.")
    client.query("A question?")
    assert [sent["x-request-id"] for sent in fake.metadata] == ["a", "b", "c", "d"]
    assert {sent["b"] for sent in fake.metadata} == {"c"}


def test_attempts_are_bounded(fake, retrying):
    fake.script = [BUSY] * 9
    with pytest.raises(ResourceExhaustedError) as caught:
        retrying.status()
    assert len(fake.calls) == QUICK.max_attempts
    assert caught.value.retry_delay == pytest.approx(0.02)
    assert caught.value.reason == "TOLD_SO"


def test_the_servers_delay_is_kept(fake, retrying):
    fake.script = [Refusal(grpc.StatusCode.UNAVAILABLE, retry_delay=0.3)]
    begin = time.monotonic()
    retrying.status()
    assert time.monotonic() - begin >= 0.3


def test_no_wait_goes_beyond_the_deadline(fake, retrying):
    fake.script = [Refusal(grpc.StatusCode.UNAVAILABLE, retry_delay=3600)]
    begin = time.monotonic()
    with pytest.raises(UnavailableError):
        retrying.status(timeout=20)
    assert time.monotonic() - begin < 20
    assert len(fake.calls) == 1


def test_what_was_not_said_to_help_is_not_tried_again(fake, retrying):
    fake.script = [Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED)]
    with pytest.raises(ResourceExhaustedError):
        retrying.status()
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.versions.rollback(1),
        lambda client: client.updates.rebuild(),
        lambda client: client.probes.create("Who?"),
        lambda client: client.probes.delete(1),
        lambda client: client.experiences.release(1),
        lambda client: client.jobs.cancel(1),
    ],
)
def test_what_must_not_be_done_twice_is_sent_once(fake, retrying, call):
    fake.script = [BUSY]
    with pytest.raises(ResourceExhaustedError):
        call(retrying)
    assert len(fake.calls) == 1


def test_each_page_is_tried_again(fake, retrying):
    page = imprint_service_pb2.ListExperiencesResponse
    first, second = page(next_page_token="more"), page()
    first.experiences.add(name="experiences/1")
    second.experiences.add(name="experiences/2")
    fake.script = [BUSY, first, BUSY, second]
    listed = retrying.experiences.list(labels={"a": "b"}, page_size=1)
    assert [e.name for e in listed] == ["experiences/1", "experiences/2"]
    tokens = [request.page_token for _, request in fake.calls]
    assert tokens == ["", "", "more", "more"]
    assert {request.labels["a"] for _, request in fake.calls} == {"b"}


def test_a_whole_answer_is_asked_for_again(fake, retrying):
    fake.script = [[piece("half"), DRAINED], [piece("all"), piece(" of it")]]
    answer = retrying.query("Who?")
    assert answer == "all of it"
    assert answer.version == 3
    assert len(fake.calls) == 2


def test_a_stream_is_tried_again_before_its_first_piece(fake, retrying):
    fake.script = [[BUSY], [piece("all")]]
    assert list(retrying.stream("Who?")) == ["all"]
    assert len(fake.calls) == 2


def test_a_stream_that_breaks_off_says_so(fake, retrying):
    fake.script = [[piece("half"), DRAINED]]
    stream = retrying.stream("Who?")
    assert next(stream) == "half"
    with pytest.raises(AbortedError) as caught:
        next(stream)
    assert caught.value.retry_delay == pytest.approx(0.02)
    assert stream.answer == "half"
    assert len(fake.calls) == 1
    assert list(stream) == []


def test_delays_grow_with_jitter_up_to_a_bound():
    policy = RetryPolicy(initial_backoff=1, max_backoff=4, jitter=0.5)
    for attempt, least in ((1, 1), (2, 2), (3, 4), (4, 4), (50, 4)):
        delays = {policy.delay(attempt, None) for _ in range(50)}
        assert all(least <= delay <= least * 1.5 for delay in delays)
        assert len(delays) > 1
    assert 9 <= policy.delay(1, 9.0) <= 9 * 1.5, "the server's is the least"


def test_a_server_that_says_nothing_is_named(fake, make):
    fake.script = [Silence()]
    client = make(fake.address, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(DeadlineExceededError) as caught:
        client.status(timeout=0.2)
    assert fake.address in str(caught.value)


def test_the_servers_words_are_kept_where_grpc_lost_its_own_copy(fake, make):
    # As when a stream is removed at its deadline: "Stream removed (Deadline Exceeded)".
    fake.script = [Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, grpc_message="Stream removed")]
    client = make(fake.address, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(DeadlineExceededError) as caught:
        client.status()
    assert caught.value.message == "told so"
