# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests run against: the built wheel, and real servers on the tiny model."""

import contextlib
import pathlib
import sys
import uuid

import pytest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import wheel  # noqa: E402

WHEEL = wheel.install()
# After the wheel, whose stubs it then finds.
sys.path.insert(0, str(wheel.ROOT / "tests/integration"))

import harness  # noqa: E402

import blocking  # noqa: E402
from imprint import Client  # noqa: E402

# Jobs of a few steps: that something is learned is not the point here.
QUICK = {"update__epochs": "1", "update__min_steps": "2"}
# A gate that nothing passes, and room for one query at a time.
STRICT = {
    "gate__max_retention_kl": "0",
    "rebuild__on_retention": "false",
    "serve__max_running": "1",
    "serve__max_waiting": "1",
}


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """For all tests; they must not depend on each other's traces."""
    with harness.Server(tmp_path_factory.mktemp("server"), **QUICK) as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of "imprint.test" that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    name = ("-subj", "/CN=imprint.test", "-addext", "subjectAltName=DNS:imprint.test")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    wheel.run("openssl", "req", "-x509", *key, *name, "-out", files[0], "-keyout", files[1])
    return files


@pytest.fixture(scope="session")
def strict(tmp_path_factory, certificate):
    """With TLS, AdminService at an address of its own, and hardly anything allowed."""
    tls = {"tls_cert": certificate[0], "tls_key": certificate[1]}
    folder = tmp_path_factory.mktemp("strict")
    flags = {**QUICK, **STRICT, **tls, "admin_listen": "127.0.0.1:0"}
    with harness.Server(folder, **flags) as server:
        yield server


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """Its jobs go on until they are cancelled."""
    flags = {"update__epochs": "5000", "update__learned_kl": "0"}
    with harness.Server(tmp_path_factory.mktemp("endless"), **flags) as server:
        yield server


@pytest.fixture(scope="session")
def loop():
    loop = blocking.Loop()
    yield loop
    loop.close()


@pytest.fixture(params=["threads", "asyncio"])
def make(request, loop):
    """Makes clients of either kind, with the options of Client; closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(address, **options):
            client = (
                Client(address, **options)
                if request.param == "threads"
                else blocking.make_client(address, loop, **options)
            )
            return stack.enter_context(client)

        yield make


@pytest.fixture
def client(make, server):
    return make(server.address)


@pytest.fixture
def label():
    """Labels that no other test's experiences carry."""
    return {"test": uuid.uuid4().hex}


class Cancelled:
    """Whether one more query was cancelled, as the server sees it."""

    METHOD = 'imprint_rpc_requests_total{code="CANCELLED",method="Query"}'

    def __init__(self, server):
        self._server = server
        self._before = self._count()

    def attempts(self):
        """Seeds to cancel an answer with, until the server has seen one of them cancelled: a
        busy machine may have had the whole answer of a tiny model before."""
        for seed in range(1, 40):
            yield seed
            with contextlib.suppress(AssertionError):
                harness.wait_until("a cancel", lambda: self._count() > self._before, seconds=1)
                return
        raise AssertionError("no query was cancelled")

    def _count(self):
        return self._server.metric(self.METHOD) if self.METHOD in self._server.metrics() else 0


@pytest.fixture
def cancelled(server):
    return Cancelled(server)
