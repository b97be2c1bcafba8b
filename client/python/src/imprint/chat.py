# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of a chat, and a chat that grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Union, overload

from imprint.v1 import message_pb2


@dataclass(frozen=True)
class Message:
    """One message. `role` is "system", "user" or "assistant"; the server checks it."""

    role: str
    content: str


# A message, or a mapping with "role" and "content" as other chat APIs have them.
MessageLike = Union[Message, Mapping[str, str]]
# What can be asked: one question, one message, or a chat that ends with the user's turn.
Prompt = Union[str, MessageLike, Iterable[MessageLike]]


class Chat(Sequence[Message]):
    """A chat's history: grows by turns, is asked with `query`, remembered with `inject`.

    >>> chat = Chat(system="Answer briefly.").user("Who founded the ferry?")
    >>> chat.assistant("Marta Vessling.")[-1].role
    'assistant'
    """

    def __init__(self, messages: Iterable[MessageLike] = (), *, system: str | None = None) -> None:
        self._messages = [] if system is None else [Message("system", system)]
        self._messages.extend(to_message(message) for message in messages)

    def user(self, content: str) -> Chat:
        """Adds the user's turn; gives the chat itself."""
        self._messages.append(Message("user", content))
        return self

    def assistant(self, content: str) -> Chat:
        """Adds the model's turn; gives the chat itself."""
        self._messages.append(Message("assistant", str(content)))
        return self

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        return self._messages[index]

    def __len__(self) -> int:
        return len(self._messages)

    def __repr__(self) -> str:
        return f"Chat({self._messages!r})"


def to_message(message: MessageLike) -> Message:
    """ValueError: a mapping with other keys than "role" and "content"."""
    if isinstance(message, Message):
        return message
    if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
        raise ValueError(f'a message has "role" and "content", not {message!r}')
    return Message(message["role"], message["content"])


def to_messages(prompt: Prompt) -> list[message_pb2.ChatMessage]:
    """A bare string is the user's turn."""
    if isinstance(prompt, str):
        messages = [Message("user", prompt)]
    elif isinstance(prompt, (Message, Mapping)):
        messages = [to_message(prompt)]
    else:
        messages = [to_message(message) for message in prompt]
    return [message_pb2.ChatMessage(role=m.role, content=m.content) for m in messages]


def from_messages(messages: Iterable[message_pb2.ChatMessage]) -> tuple[Message, ...]:
    return tuple(Message(message.role, message.content) for message in messages)
