# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""One line a request, which its caller can find again; nothing of what was said."""

import json
import re

import pytest

import harness
from cli import Cli
from harness import Server, State, imprint_service_pb2, message_pb2

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SECRET = "Marta Vessling lives in the yellow house."


def ask(server, text=SECRET, **metadata):
    """A query with metadata; gives the request id that came back."""
    message = message_pb2.ChatMessage(role="user", content=text)
    call = server.imprint.Query(
        imprint_service_pb2.QueryRequest(messages=[message], max_tokens=2),
        metadata=[(key.replace("_", "-"), value) for key, value in metadata.items()],
        timeout=harness.PATIENCE_SECONDS,
    )
    (given,) = (value for key, value in call.initial_metadata() if key == "x-request-id")
    for _ in call:
        pass
    return given


def requests(server):
    """The lines about requests, decoded."""
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"] == "request"]


def line_of(server, request_id):
    def found():
        lines = [line for line in requests(server) if line["request_id"] == request_id]
        return lines[0] if lines else None

    return harness.wait_until(f"the line of {request_id}", found)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    with Server(folder, log_level="debug", log_format="json") as server:
        yield server


def test_names_the_caller(server):
    assert ask(server, x_request_id="order-7", traceparent=TRACEPARENT) == "order-7"
    line = line_of(server, "order-7")
    assert (line["level"], line["method"], line["code"]) == ("debug", "Query", "OK")
    assert line["trace_id"] == TRACE
    assert line["seconds"] > 0


def test_makes_up_what_is_missing_or_unfit(server):
    made_up = ask(server, x_request_id="two words", traceparent="00-nonsense")
    assert re.fullmatch("[0-9a-f]{16}", made_up)
    assert "trace_id" not in line_of(server, made_up)
    assert ask(server) != ask(server)


def test_refused_requests_have_their_line(server):
    call = server.imprint.Query(
        imprint_service_pb2.QueryRequest(), metadata=[("x-request-id", "empty-1")], timeout=60
    )
    assert harness.refused(lambda: list(call)).reason == "INVALID_FIELD"
    assert line_of(server, "empty-1")["code"] == "INVALID_ARGUMENT"


def test_says_nothing_of_what_was_said(server):
    name = server.inject(SECRET, labels={"who": "marta-vessling-label"}).name
    server.wait_state(name, State.EXPERIENCE_STATE_READY)
    line_of(server, ask(server))
    assert "Vessling" not in server.log()
    assert "marta-vessling-label" not in server.log()


def test_the_command_line_hands_its_trace_on(server, monkeypatch):
    monkeypatch.setenv("TRACEPARENT", TRACEPARENT)
    imprint = Cli(server.address)
    assert imprint("experiences", "list").code == 0
    harness.wait_until(
        "its line",
        lambda: [
            line
            for line in requests(server)
            if line["method"] == "ListExperiences" and line.get("trace_id") == TRACE
        ],
    )


def test_text_has_the_same_fields(folder):
    with Server(folder, log_level="debug", log_format="text") as server:
        ask(server, x_request_id="order-8", traceparent=TRACEPARENT)
        line = r"request method=Query code=OK seconds=\d+\.\d+ request_id=order-8 trace_id=" + TRACE
        harness.wait_until("its line", lambda: re.search(line, server.log()))


def test_is_silent_at_info(folder):
    with Server(folder) as server:
        ask(server, x_request_id="order-9")
        assert server.stop() == 0
        assert "order-9" not in server.log()
