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
    that of the address.
    """

    ca_file: str | os.PathLike[str] | None = None
    server_name: str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """OSError: `ca_file` cannot be read."""
        roots = None
        if self.ca_file is not None:
            with open(self.ca_file, "rb") as file:
                roots = file.read()
        return grpc.ssl_channel_credentials(roots)

    def options(self) -> list[tuple[str, str]]:
        """Channel options that go with the credentials."""
        if self.server_name is None:
            return []
        return [("grpc.ssl_target_name_override", self.server_name)]
