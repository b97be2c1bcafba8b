# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What came of an update that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from imprint.experience import Experience


@dataclass(frozen=True)
class UpdateRun:
    """What `updates.run` covers: all experiences up to `last_sequence`.

    `waiting`: how many of them waited for generation or training. After a wait, `integrated`
    are those that got into the weights since, `set_aside` those that did not, and
    `set_aside_before` those that an update does not take, until they are released.
    """

    last_sequence: int
    waiting: int
    integrated: tuple[Experience, ...] = ()
    set_aside: tuple[Experience, ...] = ()
    set_aside_before: tuple[Experience, ...] = ()
