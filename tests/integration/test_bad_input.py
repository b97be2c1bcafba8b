# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Each kind of bad input has its own clear error, with details that a program can read."""

import grpc
import pytest

from harness import admin_service_pb2, experience_pb2, imprint_service_pb2, message_pb2, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def message(role="user", content="When?"):
    return message_pb2.ChatMessage(role=role, content=content)


def expect_field(error, field, says):
    assert error.code == INVALID, error.message
    assert error.reason == "INVALID_FIELD"
    assert error.fields == [field]
    assert says in error.message
    assert "RetryInfo" not in error.details


@pytest.mark.parametrize(
    ("request_fields", "field", "says"),
    [
        ({}, "content", "is empty"),
        ({"content": experience_pb2.ExperienceContent(text="  ")}, "content.text", "is empty"),
        (
            {"content": experience_pb2.ExperienceContent(text="x" * 1_048_577)},
            "content.text",
            "experience is 1,048,577 bytes; the limit is 1,048,576 (--inject.max_bytes)",
        ),
        (
            {"content": experience_pb2.ExperienceContent(text="a"), "request_id": "i" * 129},
            "request_id",
            "the limit is 128",
        ),
        (
            {"content": experience_pb2.ExperienceContent(text="a"), "labels": {"a b": "c"}},
            "labels",
            "a b",
        ),
        (
            {
                "content": experience_pb2.ExperienceContent(
                    conversation=experience_pb2.Conversation(messages=[message(role="robot")])
                )
            },
            "content.conversation.messages[0].role",
            "robot",
        ),
    ],
)
def test_inject(shared, request_fields, field, says):
    expect_field(refused(lambda: shared.inject(**request_fields)), field, says)


def test_inject_not_utf8(shared):
    raw = shared.channel.unary_unary("/imprint.v1.ImprintService/InjectContext")
    error = refused(lambda: raw(b"\x0a\x04\x0a\x02\xff\xfe", timeout=60))
    assert error.code == INVALID
    assert error.reason == "INVALID_UTF8"
    assert error.fields == ["imprint.v1.ExperienceContent.text"]
    assert "not valid UTF-8" in error.message


def test_query_not_utf8(shared):
    raw = shared.channel.unary_stream("/imprint.v1.ImprintService/Query")
    error = refused(lambda: raw(b"\x0a\x04\x12\x02\xff\xfe", timeout=60))
    assert (error.code, error.reason) == (INVALID, "INVALID_UTF8")
    assert error.fields == ["imprint.v1.ChatMessage.content"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [message(role="tool")]}, "messages[0].role"),
        ({"messages": [message(content="")]}, "messages[0].content"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"stop": ["x"] * 9}, "stop"),
        ({"version": message_pb2.VersionSelector(number=-1)}, "version.number"),
        (
            {"pending_context": imprint_service_pb2.PendingContext(max_tokens=-1)},
            "pending_context.max_tokens",
        ),
    ],
)
def test_query(shared, fields, field):
    request = imprint_service_pb2.QueryRequest(**{"messages": [message()], **fields})
    error = refused(lambda: shared.imprint.Query(request, timeout=60))
    assert error.code == INVALID
    assert error.fields == [field]


def test_prompt_beyond_the_window(shared):
    error = refused(lambda: shared.query("word " * 3000))
    assert error.code == INVALID
    assert "window" in error.message


def test_unknown_version(shared):
    error = refused(lambda: shared.query("When?", version=message_pb2.VersionSelector(number=99)))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "VERSION_NOT_FOUND")
    assert error.details["ErrorInfo"].metadata["version"] == "99"


@pytest.mark.parametrize(
    "name", ["experiences/12345", "experiences/1x", "jobs/1", "", "experiences/-1"]
)
def test_unknown_experience(shared, name):
    error = refused(lambda: shared.get(name))
    if name == "experiences/12345":
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "EXPERIENCE_NOT_FOUND")
        assert name in error.message
    else:
        expect_field(error, "name", "experiences/<number>")


@pytest.mark.parametrize(
    ("call", "message_type", "name", "reason"),
    [
        ("GetJob", "GetJobRequest", "jobs/77", "JOB_NOT_FOUND"),
        ("CancelJob", "CancelJobRequest", "jobs/77", "JOB_NOT_FOUND"),
        ("GetVersion", "GetVersionRequest", "versions/77", "VERSION_NOT_FOUND"),
        ("RollbackVersion", "RollbackVersionRequest", "versions/77", "VERSION_NOT_FOUND"),
        ("DeleteProbe", "DeleteProbeRequest", "probes/77", "PROBE_NOT_FOUND"),
        ("ReleaseExperience", "ReleaseExperienceRequest", "experiences/77", "EXPERIENCE_NOT_FOUND"),
    ],
)
def test_unknown_resources(shared, call, message_type, name, reason):
    def ask(asked):
        request = getattr(admin_service_pb2, message_type)(name=asked)
        return getattr(shared.admin, call)(request, timeout=60)

    missing = refused(lambda: ask(name))
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, reason)
    assert name in missing.message
    expect_field(refused(lambda: ask("nonsense")), "name", "nonsense")


def test_probe_of_an_unknown_experience(shared):
    request = admin_service_pb2.CreateProbeRequest(experience="experiences/77", question="What?")
    error = refused(lambda: shared.admin.CreateProbe(request, timeout=60))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "EXPERIENCE_NOT_FOUND")


def test_page_tokens_and_sizes(shared):
    def jobs(**fields):
        return lambda: shared.admin.ListJobs(
            admin_service_pb2.ListJobsRequest(**fields), timeout=60
        )

    expect_field(refused(jobs(page_size=-1)), "page_size", "-1")
    expect_field(refused(jobs(page_token="made up")), "page_token", "next_page_token")


def test_score(shared):
    def score(**fields):
        return lambda: shared.imprint.Score(imprint_service_pb2.ScoreRequest(**fields), timeout=60)

    expect_field(refused(score(messages=[message()])), "target", "answer, text or token_ids")
    ids = imprint_service_pb2.TokenIds(ids=[512])
    expect_field(refused(score(messages=[message()], token_ids=ids)), "token_ids", "0 to 511")
    expect_field(refused(score(messages=[message()], answer="a", top_k=1000)), "top_k", "256")
    many = imprint_service_pb2.TokenIds(ids=[number % 512 for number in range(4096)])
    expect_field(
        refused(score(text="word " * 400, requested_ids=[many])), "requested_ids", "the limit is"
    )


def test_message_larger_than_the_server_receives(shared):
    with pytest.raises(grpc.RpcError) as caught:
        shared.inject("x" * (8 << 20))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert shared.inject("The server goes on.").sequence > 0


def test_nothing_bad_was_kept(shared):
    assert all(e.content.text == "The server goes on." for e in shared.list())


@pytest.mark.parametrize("method", ["ImprintService/InjectContext", "ImprintService/Query"])
def test_a_caller_that_says_nothing_and_closes_its_half(shared, method):
    call = shared.channel.stream_stream(f"/imprint.v1.{method}")(iter(()), timeout=60)
    with pytest.raises(grpc.RpcError) as ended:
        list(call)
    assert ended.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
    shared.status()  # others are served


def test_half_closing_early_costs_a_caller_nothing(shared):
    """The answer still comes to its end."""
    request = imprint_service_pb2.QueryRequest(messages=[message()], max_tokens=4)
    call = shared.channel.stream_stream(
        "/imprint.v1.ImprintService/Query",
        request_serializer=imprint_service_pb2.QueryRequest.SerializeToString,
        response_deserializer=imprint_service_pb2.QueryResponse.FromString,
    )(iter([request]), timeout=60)
    assert list(call)[-1].HasField("usage")
