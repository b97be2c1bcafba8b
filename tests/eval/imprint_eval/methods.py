# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The methods that are compared, and how a server is told to train by each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

BASE = "base"
IN_CONTEXT = "in-context"
BM25 = "bm25"
SELF_PARAM = "self-param"

# Asked of the base model; they differ in what stands before the question.
READING = (BASE, IN_CONTEXT, BM25)

_MAX_STEPS = "update.max_steps"


@dataclass(frozen=True)
class Training:
    """A method that changes weights, by a server of its own."""

    name: str
    # Flags of imprintd that make the method; none: as the server is.
    flags: dict[str, str] = field(default_factory=dict)

    def server_flags(
        self, user: dict[str, str], steps: int | None, help_text: str
    ) -> dict[str, str]:
        """`steps`: what self-param took for one job; a baseline gets as many.

        Passes until there are so many steps, no sentence left out as learned; a server that
        cannot end within a pass (no --update.max_steps) goes on to the end of it.
        """
        flags = {**user, **self.flags}
        if self.flags and steps:
            flags.update(
                {
                    "update.epochs": "1",
                    "update.min_steps": str(steps),
                    "update.learned_kl": "0",
                }
            )
            if f"--{_MAX_STEPS}" in help_text:
                flags[_MAX_STEPS] = str(steps)
        return flags

    def unknown_flags(self, help_text: str) -> list[str]:
        return [name for name in self.flags if f"--{name}" not in help_text]


# In the order of work: the baselines take their number of steps from self-param.
TRAINING = {
    method.name: method
    for method in (
        Training(SELF_PARAM),
        Training("ft-targets", {"update.objective": "next_token"}),
        Training("ft-context", {"update.objective": "next_token", "generator.kinds": "passage"}),
    )
}
ALL = (*READING, *TRAINING)


def in_order(names: Sequence[str]) -> list[str]:
    return [name for name in ALL if name in names]
