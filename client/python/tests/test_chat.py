# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Chats and messages, without a server."""

import pytest

from imprint import Chat, Message
from imprint.chat import to_messages


def test_a_chat_grows_by_turns():
    chat = Chat(system="Be brief.").user("Hello?").assistant("Yes?").user("Who are you?")
    assert [m.role for m in chat] == ["system", "user", "assistant", "user"]
    assert chat[-1] == Message("user", "Who are you?")
    assert len(chat[1:3]) == 2


def test_a_chat_begins_with_messages_of_other_apis():
    chat = Chat([{"role": "user", "content": "Hello?"}, Message("assistant", "Yes?")])
    assert list(chat) == [Message("user", "Hello?"), Message("assistant", "Yes?")]


def test_a_prompt_may_be_a_question_a_message_or_a_chat():
    for prompt in ("Who?", Message("user", "Who?"), {"role": "user", "content": "Who?"}):
        (message,) = to_messages(prompt)
        assert (message.role, message.content) == ("user", "Who?")
    assert len(to_messages(Chat().user("Who?").assistant("I."))) == 2


@pytest.mark.parametrize("message", [{"role": "user"}, {"text": "Who?"}, "Who?", 7])
def test_what_is_no_message_is_refused(message):
    with pytest.raises(ValueError, match="role"):
        Chat([message])
