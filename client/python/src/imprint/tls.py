# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""TLS towards the server."""

from __future__ import annotations

import os
from dataclasses import dataclass

import grpc


@dataclass(frozen=True)
class Tls:
    """How the server proves who it is.

    `ca_file`: certificates (PEM) that the server's must be signed by; without, those that
    gRPC comes with. `server_name`: the name in the server's certificate, where it is not
    that of the address. `cert_file` and `key_file`: a certificate of your own and its key
    (PEM), where the server wants one; both or none.
    """

    ca_file: str | os.PathLike[str] | None = None
    server_name: str | None = None
    cert_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """OSError: a file cannot be read. ValueError: one of certificate and key is missing."""
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file: give both or none")
        return grpc.ssl_channel_credentials(
            _read(self.ca_file), _read(self.key_file), _read(self.cert_file)
        )

    def options(self) -> list[tuple[str, str]]:
        """Channel options that go with the credentials."""
        if self.server_name is None:
            return []
        return [("grpc.ssl_target_name_override", self.server_name)]


def _read(path: str | os.PathLike[str] | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()
