# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells the model something, uses it at once, and waits until it is in the weights.

usage: wait_for_integration.py [--server ADDR] [--wait_timeout SECONDS] [TEXT] [QUESTION]
"""

import argparse
import sys

from imprint import Client, SetAsideError, UpdatesStoppedError, WaitTimeoutError


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="?", default="The ferry at Hollin Quay is yellow.")
    parser.add_argument("question", nargs="?", default="Which colour is the ferry at Hollin Quay?")
    parser.add_argument("--server", help="host:port; without: IMPRINT_SERVER, or 127.0.0.1:50051")
    parser.add_argument("--wait_timeout", type=float, default=600.0, metavar="SECONDS")
    arguments = parser.parse_args()

    with Client(arguments.server) as client:
        # Returns as soon as it is durable. The question measures how well it was learned; it
        # is never trained on.
        experience = client.inject(arguments.text, probes=[arguments.question])
        print(f"{experience.name} is {experience.state.value}")

        # Until it is learned, it can be put into the prompt.
        answer = client.query(arguments.question, max_tokens=60, pending_context=True)
        print(f"from the prompt ({', '.join(answer.pending_experiences)}): {answer}")

        # Without run_update the server learns when enough has come together, or has waited
        # long enough (--update.min_batch, --update.max_age).
        try:
            learned = client.wait_for(
                experience, "integrated", timeout=arguments.wait_timeout, run_update=True
            )
        except SetAsideError as error:  # the gate let no version with it pass, or it was forgotten
            print(f"will not be learned: {error}", file=sys.stderr)
            return 1
        except UpdatesStoppedError as error:  # somebody paused updates, or the disk is full, ...
            print(f"is accepted, and learned when updates go on: {error}", file=sys.stderr)
            return 1
        except WaitTimeoutError as error:
            print(f"is accepted, and learned later: {error}", file=sys.stderr)
            return 1

        efficacy = "not measured" if learned.efficacy is None else f"{learned.efficacy:.2f}"
        print(f"{learned.name} is in version {learned.version}, efficacy {efficacy}")
        answer = client.query(arguments.question, max_tokens=60)
        print(f"from the weights of version {answer.version}: {answer}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
