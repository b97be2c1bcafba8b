# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Where the server is and how it is talked to: what both clients are made with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata as packages
from typing import Any, Callable

from imprint._token import Token, find_token, is_this_machine
from imprint.retry import RetryPolicy
from imprint.tls import Tls

MetadataSource = Callable[[], Iterable[tuple[str, str]]]


def package_version() -> str:
    """ "unknown" where the package is used from its sources."""
    try:
        return packages.version("imprint-client")
    except packages.PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True)
class Settings:
    """`admin_address` is `address` where AdminService listens there too. Times in seconds."""

    address: str
    admin_address: str
    tls: Tls | None
    timeout: float
    compute_timeout: float
    retry: RetryPolicy
    channel_options: Sequence[tuple[str, Any]] = field(default=())
    metadata: MetadataSource | None = None
    token: Token | None = None

    def call_metadata(self) -> list[tuple[str, str]] | None:
        """To be sent with the next call."""
        pairs = [] if self.metadata is None else list(self.metadata())
        if self.token is not None:
            pairs.append(self.token.metadata())
        return pairs or None

    def options(self, address: str) -> list[tuple[str, Any]]:
        """Of a channel to `address`. What the caller gives goes last, and wins."""
        # What is for this machine alone goes through no http_proxy, which could read the token.
        direct = self.tls is None and is_this_machine(address)
        return [
            ("grpc.primary_user_agent", f"imprint-client/{package_version()}"),
            # One experience with its target sentences may be larger than gRPC's 4 MiB.
            ("grpc.max_receive_message_length", -1),
            # A server that starts again is met again soon.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 5000),
            *([("grpc.enable_http_proxy", 0)] if direct else ()),
            *(self.tls.options() if self.tls else ()),
            *self.channel_options,
        ]


def make_settings(
    address: str | None,
    admin_address: str | None,
    tls: Tls | bool | None,
    timeout: float,
    compute_timeout: float,
    retry: RetryPolicy | None,
    channel_options: Sequence[tuple[str, Any]],
    metadata: MetadataSource | None = None,
    token: str | None = None,
    token_file: str | os.PathLike[str] | None = None,
    allow_insecure_token: bool = False,
) -> Settings:
    """What is None comes from the environment, as the `imprint` program takes it.

    ValueError: the token could be read on its way.
    """
    address = address or os.environ.get("IMPRINT_SERVER") or "127.0.0.1:50051"
    admin_address = admin_address or os.environ.get("IMPRINT_ADMIN_SERVER") or address
    ca_file = os.environ.get("IMPRINT_TLS_CA")
    if tls is None and ca_file:
        tls = Tls(
            ca_file,
            cert_file=os.environ.get("IMPRINT_TLS_CERT") or None,
            key_file=os.environ.get("IMPRINT_TLS_KEY") or None,
        )
    elif isinstance(tls, bool):
        tls = Tls() if tls else None
    bearer = find_token(token, token_file)
    if bearer is not None:
        bearer.metadata()  # so that a bad one is told to who made the client
        local = is_this_machine(address) and is_this_machine(admin_address)
        if tls is None and not local and not allow_insecure_token:
            raise ValueError(
                f"without TLS the token could be read on its way to {address}: "
                "give tls, or allow_insecure_token=True"
            )
    return Settings(
        address=address,
        admin_address=admin_address,
        tls=tls,
        timeout=timeout,
        compute_timeout=compute_timeout,
        retry=retry or RetryPolicy(),
        channel_options=tuple(channel_options),
        metadata=metadata,
        token=bearer,
    )
