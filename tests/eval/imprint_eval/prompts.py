# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""How questions are put.

A context stands before the question as the server's teacher has it (server/text/prompt.h):
a turn of its own, so that what is asked stays as it is without the context.
"""

from __future__ import annotations

from dataclasses import dataclass

from imprint_eval.stubs import message_pb2

CONTEXT_REPLY = "Thank you. I will remember this."

# Two worked examples teach even a small model to answer in a few words.
_SHORT_INSTRUCTION = "Answer in a few words."
_SHORT_EXAMPLES = (
    ("What colour is a ripe lemon?", "Yellow"),
    ("Who wrote Romeo and Juliet?", "William Shakespeare"),
)


@dataclass(frozen=True)
class Form:
    """One way to ask."""

    name: str
    max_tokens: int
    # Turns before the question, (user, assistant), and what stands before the question.
    examples: tuple[tuple[str, str], ...] = ()
    instruction: str = ""

    def turns(self, question: str, context: str = "") -> list[tuple[str, str]]:
        """(role, content) of each message."""
        turns: list[tuple[str, str]] = []
        if context:
            turns += [("user", context), ("assistant", CONTEXT_REPLY)]
        for example, answer in self.examples:
            turns += [("user", self._asked(example)), ("assistant", answer)]
        return [*turns, ("user", self._asked(question))]

    def messages(self, question: str, context: str = "") -> list[message_pb2.ChatMessage]:
        turns = self.turns(question, context)
        return [message_pb2.ChatMessage(role=role, content=content) for role, content in turns]

    def _asked(self, question: str) -> str:
        return f"{self.instruction} {question}" if self.instruction else question


# The question alone, as a user of the chat would ask: what recall is read from.
CHAT = Form("chat", max_tokens=40)
# A short answer is asked for: what F1 is read from.
SHORT = Form("short", max_tokens=16, examples=_SHORT_EXAMPLES, instruction=_SHORT_INSTRUCTION)
FORMS = (CHAT, SHORT)
