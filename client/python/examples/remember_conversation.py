# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Remembers a conversation, and asks about it in a new one.

usage: remember_conversation.py [--server ADDR] [--user NAME]

The server must run: deploy/quickstart.sh starts one. A small model learns what was said
before it learns every name in it.
"""

import argparse

from imprint import Chat, Client


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", help="host:port; without: IMPRINT_SERVER, or 127.0.0.1:50051")
    parser.add_argument("--user", default="ada", help="whose conversation it is")
    arguments = parser.parse_args()

    with Client(arguments.server) as client:
        chat = Chat(system="You help with travel plans. Answer briefly.")
        for said in (
            "I am Ada. I take the ferry at Hollin Quay every Friday.",
            "My sister Runa lives on the other side, in a yellow house.",
        ):
            chat.user(said)
            print(f"{arguments.user}: {said}")
            print("model: ", end="")
            with client.stream(chat, max_tokens=60) as stream:
                for piece in stream:
                    print(piece, end="", flush=True)
            print()
            chat.assistant(stream.answer.strip() or "I see.")

        # The label says whose it is: experiences.forget(labels=...) drops all of it one day.
        print("\nremembering ...")
        experience = client.inject(chat, labels={"user": arguments.user}, wait="integrated")
        print(f"{experience.name} is in version {experience.version}")

        # A new conversation: nothing of the first one is in the prompt.
        question = "Who lives in the yellow house?"
        answer = client.query(question, max_tokens=60)
        before = client.query(question, max_tokens=60, version="base")
        print(
            f"\n{question}\nversion {answer.version}: {answer}\nwithout what it learned: {before}"
        )


if __name__ == "__main__":
    main()
