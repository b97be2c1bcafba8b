# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens and certificates for tests, and stubs that use them."""

import contextlib
import json
import os

import grpc

import cli
import harness


def run(*words, **environment):
    """The `imprint` program with this environment beside the test's own."""
    return cli.Cli("127.0.0.1:1", **environment)(*words)


def new_token(name, scopes, *more):
    """A token, and its line for the server, as `imprint tokens new` makes them."""
    ran = run("tokens", "new", name, f"--scopes={scopes}", "--json", *more)
    assert ran.code == cli.DONE, ran.err
    made = json.loads(ran.out)
    return made["token"], made["line"]


def write_tokens(path, *lines):
    """At once, as an operator should."""
    new = path.with_suffix(".new")
    new.write_text("".join(line + "\n" for line in lines))
    new.chmod(0o600)
    os.replace(new, path)


@contextlib.contextmanager
def stubs(port, token=None, credentials=None, host="localhost"):
    """Both services on a port, with a token, over TLS where there are credentials."""
    target = f"{host}:{port}"
    plain = credentials is None
    channel = grpc.insecure_channel(target) if plain else grpc.secure_channel(target, credentials)
    with channel:
        called = channel
        if token is not None:
            called = grpc.intercept_channel(channel, _Bearer(token))
        yield (
            harness.imprint_service_pb2_grpc.ImprintServiceStub(called),
            harness.admin_service_pb2_grpc.AdminServiceStub(called),
        )


class _Details(grpc.ClientCallDetails):
    def __init__(self, details, metadata):
        for name in ("method", "timeout", "credentials", "wait_for_ready", "compression"):
            setattr(self, name, getattr(details, name, None))
        self.metadata = metadata


class _Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, token):
        self._metadata = [("authorization", f"Bearer {token}")]

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(_Details(details, self._metadata), request)

    intercept_unary_stream = intercept_unary_unary


class Authority:
    """Signs certificates."""

    def __init__(self, folder, name):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name = folder, name
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}-key.pem"
        _openssl(
            f"req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN={name}",
            ["-keyout", self._key, "-out", self.certificate],
        )

    def sign(self, name):
        """A certificate of `name`, valid for localhost, and its key."""
        certificate, key = (self._folder / f"{name}{end}.pem" for end in ("", "-key"))
        request, extensions = self._folder / "request.pem", self._folder / "extensions"
        extensions.write_text("subjectAltName=DNS:localhost\n")
        _openssl(f"req -newkey rsa:2048 -nodes -subj /CN={name}", ["-keyout", key, "-out", request])
        _openssl(
            "x509 -req -days 1 -CAcreateserial",
            ["-in", request, "-CA", self.certificate, "-CAkey", self._key]
            + ["-extfile", extensions, "-out", certificate],
        )
        return certificate, key


def _openssl(words, files):
    code, output = harness.run_to_end(["openssl", *words.split(), *map(str, files)])
    assert code == 0, output
