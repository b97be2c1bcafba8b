# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""How a server is reached, and when it cannot be."""

import threading
from concurrent import futures

import harness
import pytest

from imprint import (
    Client,
    QuestionAnswer,
    ResourceExhaustedError,
    RetryPolicy,
    SetAsideError,
    State,
    Tls,
    UnavailableError,
    UnimplementedError,
    WaitTimeoutError,
)
from imprint._settings import make_settings

ONCE = RetryPolicy(max_attempts=1)


@pytest.fixture
def strict_client(make, strict, certificate):
    return make(
        strict.address,
        admin_address=f"127.0.0.1:{strict.ports['admin_listen']}",
        tls=Tls(certificate[0], server_name="imprint.test"),
    )


def test_nobody_listens(make):
    client = make("127.0.0.1:1", retry=ONCE)
    with pytest.raises(UnavailableError, match="no server answers at 127.0.0.1:1") as caught:
        client.status()
    assert caught.value.reason == ""
    assert caught.value.retry_delay is None
    with pytest.raises(UnavailableError):
        next(client.stream("Hello?"))


def test_both_services_over_tls_at_their_own_addresses(strict_client):
    assert strict_client.status().version == 0
    assert strict_client.query("Hello?", max_tokens=2).version == 0


def test_a_name_that_is_not_in_the_certificate_is_refused(make, strict, certificate):
    client = make(strict.address, tls=Tls(certificate[0]), retry=ONCE)
    with pytest.raises(UnavailableError):
        client.query("Hello?")


def test_a_certificate_that_nobody_signed_is_refused(make, strict):
    client = make(strict.address, tls=True, retry=ONCE)
    with pytest.raises(UnavailableError):
        client.query("Hello?")


def test_a_certificate_that_cannot_be_read(make, tmp_path):
    with pytest.raises(OSError, match="missing.pem"):
        make("127.0.0.1:1", tls=Tls(tmp_path / "missing.pem"))


def test_the_admin_service_elsewhere(make, strict, certificate):
    """A caller who reaches the one service alone waits without the other."""
    client = make(strict.address, tls=Tls(certificate[0], server_name="imprint.test"))
    with pytest.raises(UnimplementedError):
        client.status()
    experience = client.inject("Runa keeps owls.", wait="ready")
    assert experience.state is State.READY
    with pytest.raises(WaitTimeoutError):
        client.wait_for(experience, "integrated", timeout=0.2, run_update=True)
    client.experiences.forget(experience)


def test_the_environment_says_where(monkeypatch, strict, certificate):
    monkeypatch.setenv("IMPRINT_SERVER", strict.address)
    monkeypatch.setenv("IMPRINT_ADMIN_SERVER", f"127.0.0.1:{strict.ports['admin_listen']}")
    monkeypatch.setenv("IMPRINT_TLS_CA", str(certificate[0]))
    options = [("grpc.ssl_target_name_override", "imprint.test")]
    with Client(channel_options=options) as client:
        assert client.status().version == 0
        assert client.query("Hello?", max_tokens=1).version == 0


def test_what_the_gate_lets_not_pass(strict_client):
    good = strict_client.inject("Oskar sells lamps.", targets=[QuestionAnswer("Who?", "Oskar.")])
    with pytest.raises(SetAsideError, match="quarantined") as caught:
        strict_client.wait_for(good, "integrated", timeout=120, run_update=True)
    (aside,) = caught.value.experiences
    assert aside.state is State.QUARANTINED
    assert "--gate.max_retention_kl" in aside.state_reason
    run = strict_client.updates.run(wait=True)
    assert aside.name in [e.name for e in run.set_aside_before]
    # Released, it is tried again, and covered by the update that then runs.
    assert strict_client.experiences.release(aside).state is State.READY
    run = strict_client.updates.run(wait=True)
    assert aside.name in [e.name for e in run.set_aside]
    assert aside.name not in [e.name for e in run.set_aside_before]


def test_a_full_queue_is_tried_again(make, strict, certificate):
    """The engine answers one at a time, and one may wait: six at once are too many."""

    def ask(client):
        try:
            return client.query("Go on.", max_tokens=100, temperature=2)
        except ResourceExhaustedError as error:
            return error

    def ask_six(retry):
        tls = Tls(certificate[0], server_name="imprint.test")
        client = make(strict.address, tls=tls, retry=retry)
        with futures.ThreadPoolExecutor(6) as threads:
            return list(threads.map(ask, [client] * 6))

    refused = [error for error in ask_six(ONCE) if isinstance(error, ResourceExhaustedError)]
    assert refused
    for error in refused:
        assert "--serve.max_waiting" in error.message
        assert error.retry_delay == 1.0
    answers = ask_six(RetryPolicy(max_attempts=50, max_backoff=0.5))
    assert not [error for error in answers if isinstance(error, ResourceExhaustedError)]


def test_an_injection_survives_a_crash_and_is_stored_once(make, tmp_path):
    address = f"unix:{tmp_path}/imprint.sock"
    folder = tmp_path / "server"
    server = harness.Server(folder, listen=address)
    try:
        client = make(address, retry=RetryPolicy(max_attempts=100, max_backoff=0.5))
        first = client.inject("Before.", request_id="before.")
        server.kill()
        after = []
        injecting = threading.Thread(
            target=lambda: after.extend(
                client.inject(text, request_id=text.lower(), timeout=120)
                for text in ("Before.", "After.")
            )
        )
        with pytest.raises(UnavailableError):
            make(address, retry=ONCE).status()
        injecting.start()
        server = harness.Server(folder, listen=address)
        injecting.join(120)
        assert [e.sequence for e in after] == [first.sequence, first.sequence + 1]
    finally:
        server.kill()


class TestToken:
    """Where a token comes from, and where it may go."""

    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch):
        for name in ("IMPRINT_TOKEN", "IMPRINT_TOKEN_FILE"):
            monkeypatch.delenv(name, raising=False)

    @staticmethod
    def sent(**settings):
        settings.setdefault("address", "127.0.0.1:1")
        given = {"admin_address": None, "tls": None, "timeout": 1.0, "compute_timeout": 1.0}
        given.update(retry=None, channel_options=(), **settings)
        return make_settings(**given).call_metadata()

    def test_it_is_sent_beside_other_metadata(self, monkeypatch):
        assert self.sent() is None
        assert self.sent(token="abc") == [("authorization", "Bearer abc")]
        pairs = self.sent(token="abc", metadata=lambda: [("x-request-id", "7")])
        assert pairs == [("x-request-id", "7"), ("authorization", "Bearer abc")]
        monkeypatch.setenv("IMPRINT_TOKEN", "def")
        assert self.sent() == [("authorization", "Bearer def")]

    def test_a_file_is_read_before_each_call(self, tmp_path):
        file = tmp_path / "token"
        file.write_text("old\n")
        settings = make_settings("[::1]:1", None, None, 1, 1, None, (), token_file=file)
        file.write_text("new\n")
        assert settings.call_metadata() == [("authorization", "Bearer new")]

    @pytest.mark.parametrize("address", ["10.0.0.1:1", "imprint:1", "127.0.0.1.example.org:1"])
    def test_it_does_not_leave_the_machine_in_plain_text(self, address):
        with pytest.raises(ValueError, match="read on its way"):
            self.sent(address=address, token="abc")
        with pytest.raises(ValueError, match="read on its way"):
            self.sent(admin_address=address, token="abc")
        assert self.sent(address=address, token="abc", tls=True)
        assert self.sent(address=address, token="abc", allow_insecure_token=True)

    def test_it_goes_through_no_proxy_to_this_machine(self):
        words = {"token": "abc", "allow_insecure_token": True}
        plain = make_settings("127.0.0.1:1", "10.0.0.1:1", None, 1, 1, None, (), **words)
        direct = ("grpc.enable_http_proxy", 0)
        assert direct in plain.options(plain.address)
        assert direct not in plain.options(plain.admin_address)
        tls = make_settings("127.0.0.1:1", None, True, 1, 1, None, (), **words)
        assert direct not in tls.options(tls.address)

    def test_what_is_no_token_is_refused(self, tmp_path):
        (tmp_path / "empty").write_text("\n")
        for bad in ({"token": "two words"}, {"token": ""}, {"token_file": tmp_path / "empty"}):
            with pytest.raises(ValueError, match="one word"):
                self.sent(**bad)
        with pytest.raises(OSError, match="missing"):
            self.sent(token_file=tmp_path / "missing")
