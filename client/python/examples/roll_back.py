# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Shows the versions, makes an earlier one answer again, and can release what it lacks.

usage: roll_back.py [--server ADDR] [--to NUMBER] [--release]

Without --to: to the parent of the current version. What the older version does not contain
becomes HELD: it is not trained again, until it is released.
"""

import argparse
import sys

from imprint import Client, FailedPreconditionError, NotFoundError


def number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", help="host:port; without: IMPRINT_SERVER, or 127.0.0.1:50051")
    parser.add_argument("--to", type=int, metavar="NUMBER", help="0 is the base model")
    parser.add_argument("--release", action="store_true", help="let what is held be trained again")
    arguments = parser.parse_args()

    with Client(arguments.server) as client:
        print("version  parent  experiences  efficacy  retention KL")
        for version in client.versions.list():
            print(
                f"{version.number:7}{'*' if version.current else ' '} {version.parent:6}"
                f"  {version.experience_count:11}  {number(version.efficacy, 2):>8}"
                f"  {number(version.retention_kl, 4):>12}"
            )

        current = client.versions.get(client.status().version)
        target = current.parent if arguments.to is None else arguments.to
        try:
            rollback = client.versions.rollback(target)
        except (NotFoundError, FailedPreconditionError) as error:  # unknown, or not kept on disk
            print(f"cannot go to version {target}: {error}", file=sys.stderr)
            return 1
        print(f"version {rollback.version.number} answers now; {rollback.held} experiences held")

        if arguments.release:
            # In a list: what is released leaves the list that is being read.
            for experience in list(client.experiences.list(state="held")):
                released = client.experiences.release(experience)
                print(f"{released.name} is {released.state.value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
