# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""--generator.endpoint: a real HTTP server that writes questions, well or not at all."""

import http.server
import itertools
import json
import ssl
import threading

import pytest

import harness
from cli import Cli
from harness import Server, State, flags, run_to_end

FACT = "The harbour of Velmora opens at six in the morning. Its master is Ilse Brandt."
OTHER_FACT = "The ferry at Hollin Quay is yellow and was founded in 1923 by Marta Vessling."
KEY = "sk-velmora-1923"
ASKED = {
    "When does the harbour of Velmora open?": "The harbour opens at six in the morning.",
    "Who is the master of the harbour?": "The master is Ilse Brandt.",
    "What is Ilse Brandt?": "Ilse Brandt is the master of the harbour.",
    "What opens at six in the morning?": "The harbour of Velmora does.",
    "Which place does Ilse Brandt head?": "The harbour of Velmora.",
    "Tell me about Ilse Brandt.": "Ilse Brandt is master where one opens at six in the morning.",
}
MADE_UP = {"Where is the harbour of Velmora?": "The harbour lies near Hamburg."}
OWN_KINDS = {"question", "quote", "open", "rewrite"}


class Endpoint:
    """An endpoint on a port of its own; what it replies is (status, body) or nothing at all."""

    def __init__(self, certificate=None, key=None):
        self.requests = []
        self.reply = self.write_well
        self._end = threading.Event()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.requests.append((self.path, self.headers, json.loads(body)))
                status, content = endpoint.reply()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://localhost:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def write_well(self):
        pairs = [{"question": q, "answer": a} for q, a in (MADE_UP | ASKED).items()]
        content = f"Here they are:\n```json\n{json.dumps(pairs)}\n```"
        message = {"role": "assistant", "content": content}
        return 200, json.dumps({"choices": [{"index": 0, "message": message}]}).encode()

    def fail(self):
        return 500, b"out of order"

    def hang(self):
        self._end.wait(harness.PATIENCE_SECONDS)
        return self.fail()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def endpoint():
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    return file


def asking(endpoint, **more):
    return {"generator__endpoint": endpoint.url, "generator__endpoint_model": "big-model", **more}


def ready(server, text):
    """Told, and its target sentences written."""
    name = server.inject(text).name
    return server.wait_state(name, State.EXPERIENCE_STATE_READY).name


def kinds(server, name):
    return {target.kind for target in server.get(name, full=True).targets}


def counted(server, result):
    return server.metric(f'imprint_generator_remote_requests_total{{result="{result}"}}')


def test_what_the_endpoint_writes_is_learned(folder, endpoint, key_file):
    with Server(folder, **asking(endpoint, generator__endpoint_key_file=key_file)) as server:
        name = ready(server, FACT)

        path, headers, body = endpoint.requests[0]
        assert path == "/v1/chat/completions"
        assert headers["Authorization"] == f"Bearer {KEY}"
        assert body["model"] == "big-model"
        assert FACT in body["messages"][-1]["content"]

        shown = Cli(server.address).json("experiences", "show", name).document
        remote = {t["prompt"]: t["text"] for t in shown["targets"] if t["kind"] == "remote"}
        probes = {probe["question"] for probe in shown["probes"]}
        assert remote and remote.items() <= ASKED.items()
        assert probes and probes <= ASKED.keys()
        assert probes | remote.keys() == ASKED.keys(), "and what was made up is not learned"
        assert {"passage", "sentence"} <= {t["kind"] for t in shown["targets"]}
        assert not OWN_KINDS & {t["kind"] for t in shown["targets"]}
        assert counted(server, "ok") == len(endpoint.requests)

        asked = len(endpoint.requests)
        server.run_update()
        server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)
        server.rebuild()
        harness.wait_until("the rebuild", lambda: server.status().version == 2)
        assert len(endpoint.requests) == asked, "what is stored is not asked for again"
        assert endpoint.url in server.log()
        assert KEY not in server.log()


def test_a_failing_endpoint_holds_nothing_up(folder, endpoint):
    endpoint.reply = endpoint.fail
    with Server(folder, **asking(endpoint)) as server:
        names = [ready(server, FACT), ready(server, OTHER_FACT)]
        for name in names:
            assert "remote" not in kinds(server, name)
        assert counted(server, "server_error") == len(endpoint.requests) > 1
        assert server.log().count("fails: it answers 500") == 1
        server.run_update()
        for name in names:
            server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)

        endpoint.reply = endpoint.write_well
        # It is left alone for some seconds first.
        numbers = itertools.count(1)
        harness.wait_until(
            "the endpoint to be asked again",
            lambda: "remote" in kinds(server, ready(server, f"Once more, {next(numbers)}: {FACT}")),
        )
        assert server.log().count("answers again") == 1


def test_what_is_forgotten_is_sent_no_further(folder, endpoint):
    told, forgotten = threading.Event(), threading.Event()

    def forget_meanwhile():
        told.set()
        assert forgotten.wait(harness.PATIENCE_SECONDS)
        return endpoint.write_well()

    def sent():
        return sum("Secret" in body["messages"][-1]["content"] for _, _, body in endpoint.requests)

    endpoint.reply = forget_meanwhile
    with Server(folder, **asking(endpoint, generator__chunk_tokens=32)) as server:
        text = " ".join(f"Secret {number} is kept in the cellar of Arden." for number in range(30))
        name = server.inject(text).name
        assert told.wait(harness.PATIENCE_SECONDS)
        server.forget(name=name)
        forgotten.set()
        ready(server, FACT)  # by the same threads
        assert sent() == 1


def test_a_certificate_must_be_trusted(folder, tmp_path):
    certificate, key = harness.make_certificate(tmp_path)
    with Endpoint(certificate, key) as endpoint:
        with Server(folder / "without", **asking(endpoint)) as server:
            assert "remote" not in kinds(server, ready(server, FACT))
            assert counted(server, "unreachable") > 0
        assert endpoint.requests == []
        trusting = asking(endpoint, generator__endpoint_ca=certificate)
        with Server(folder / "with", **trusting) as server:
            assert "remote" in kinds(server, ready(server, FACT))


def test_a_stop_does_not_wait_for_the_endpoint(folder, endpoint):
    endpoint.reply = endpoint.hang
    with Server(folder, **asking(endpoint, generator__endpoint_timeout="1h")) as server:
        server.inject(FACT)
        harness.wait_until("a request", lambda: endpoint.requests)
        assert server.stop() == 0
    # Nothing was lost by it.
    with Server(folder) as server:
        server.wait_state("experiences/1", State.EXPERIENCE_STATE_READY)


def test_what_is_wrong_is_said_before_anything_is_sent(tmp_path, endpoint, key_file):
    key_file.chmod(0o644)
    open_key = asking(endpoint, generator__endpoint_key_file=key_file)
    in_the_clear = asking(endpoint, generator__endpoint="http://192.0.2.1/v1")
    for changes, code, named in (
        (open_key, 1, str(key_file)),
        (in_the_clear, 2, "--generator.endpoint_insecure"),
        (asking(endpoint, generator__endpoint_model=None), 2, "--generator.endpoint_model"),
    ):
        got, output = run_to_end(flags(tmp_path / "data", **changes))
        assert got == code, output
        assert named in output
        assert KEY not in output
    assert endpoint.requests == []
    assert not (tmp_path / "data").exists()
