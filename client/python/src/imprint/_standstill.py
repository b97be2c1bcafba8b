# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""When to wait no longer for updates that do not come."""

from __future__ import annotations

from imprint.status import Status

PATIENCE_SECONDS = 60.0


class Standstill:
    """Looks at the server while something is waited for.

    A pause is somebody's wish and ends a wait at once, as does a job that awaits approval. A
    standstill is trouble that the server gets over by itself as a rule (a full disk, a busy
    engine): it ends a wait when it lasted, with nothing moving in between.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._last: float | None = None  # the last look, if updates stood still then
        self._stood = 0.0

    def observe(
        self, now: float, status: Status, *, moved: bool = False, refused: str = ""
    ) -> str | None:
        """To be told of each look; gives why to wait no longer, None: go on.

        `moved`: something waited for changed since the last look. `refused`: the server's
        refusal to start an update, whatever else it is doing.
        """
        reason = refused or status.updates_stopped_reason
        running = bool(status.running_job) and not refused
        standing = bool(reason) and not running
        if moved or running:
            self._stood = 0.0
        elif standing and self._last is not None:
            self._stood += now - self._last
        self._last = now if standing else None
        if running:
            return None
        if status.updates_paused:
            return "updates are paused; updates.resume() lets them go on"
        if status.job_awaiting_approval:
            job = status.job_awaiting_approval
            return f"{job} awaits approval; updates.approve({job!r}) publishes it"
        if not standing or self._stood < self._patience:
            return None
        if status.updates_stopped_reason:
            return f"updates stand still: {status.updates_stopped_reason}"
        return refused
