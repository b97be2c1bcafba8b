# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The bearer token of a client, and where it may be sent."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Token:
    """From a text, or from a file that is read before each call, so that it may be replaced."""

    text: str | None = field(default=None, repr=False)
    file: str | None = None

    def metadata(self) -> tuple[str, str]:
        """OSError: the file cannot be read. ValueError: it holds no token."""
        token = self.text
        if token is None and self.file is not None:
            with open(self.file, encoding="ascii", errors="replace") as file:
                token = file.read()
        token = (token or "").strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("the token must be one word of printable characters")
        return ("authorization", f"Bearer {token}")


def find_token(token: str | None, token_file: str | os.PathLike[str] | None) -> Token | None:
    """What is None comes from IMPRINT_TOKEN_FILE, then IMPRINT_TOKEN; None: there is none."""
    if token is not None:
        return Token(text=token)
    if token_file is not None:
        return Token(file=os.fspath(token_file))
    if os.environ.get("IMPRINT_TOKEN_FILE"):
        return Token(file=os.environ["IMPRINT_TOKEN_FILE"])
    if os.environ.get("IMPRINT_TOKEN"):
        return Token(text=os.environ["IMPRINT_TOKEN"])
    return None


def is_this_machine(address: str) -> bool:
    """Whether what is sent there without TLS can be read by this machine alone."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
