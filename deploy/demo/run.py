# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The demo: ask, tell, wait until it is learned, ask again; prints what changed.

Talks to a running server through the `imprint` command line only, as a user would.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import re
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Questions asked at once; the server answers them in one batch.
STREAMS = 8
# Exit codes of `imprint`: some of it may not be learned (quarantined, updates paused).
DONE = 0
ENDED_BADLY = 1


class Imprint:
    """The command line of one server."""

    def __init__(self, program: str, server: str) -> None:
        self._command = [program, f"--server={server}"]

    def json(self, *words: str) -> list[dict]:
        """What `imprint WORDS --json` prints, line by line. Exits with its error."""
        done = subprocess.run([*self._command, *words, "--json"], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"imprint {' '.join(words[:2])} failed:\n{done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def show(self, *words: str) -> bool:
        """Runs `imprint WORDS` with its progress bar and errors on this terminal. Says whether
        the server did it well; exits when there was no server, or it refused."""
        done = subprocess.run([*self._command, *words], stdout=subprocess.DEVNULL)
        if done.returncode not in (DONE, ENDED_BADLY):
            sys.exit(f"imprint {' '.join(words[:2])} failed")
        return done.returncode == DONE

    def answer(self, question: str, version: str) -> str:
        lines = self.json("query", question, f"--version={version}", "--max_tokens=40")
        return "".join(line.get("text", "") for line in lines).strip()

    def answers(self, questions: list[str], version: str) -> list[str]:
        with concurrent.futures.ThreadPoolExecutor(STREAMS) as pool:
            return list(pool.map(lambda question: self.answer(question, version), questions))


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - {"the", "a", "an", "of", "in", "to", "and"}


def recall(answer: str, expected: str) -> float:
    """Share of the expected answer's words that the answer has."""
    wanted = words_of(expected)
    return len(wanted & words_of(answer)) / len(wanted) if wanted else 0.0


def table(header: list[str], rows: list[list[str]], width: int) -> str:
    """Columns with wrapped cells: the last as wide as its header, the others equal."""
    last = len(header[-1])
    column = max(14, (width - last - 3 * (len(header) - 1)) // (len(header) - 1))
    widths = [column] * (len(header) - 1) + [last]
    lines = []

    def add(row: list[str]) -> None:
        cells = [
            textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)
        ]
        for i in range(max(len(cell) for cell in cells)):
            parts = [cell[i] if i < len(cell) else "" for cell in cells]
            padded = [part.ljust(width) for part, width in zip(parts, widths, strict=True)]
            lines.append(" | ".join(padded).rstrip())

    add(header)
    lines.append("-+-".join("-" * width for width in widths))
    for row in rows:
        add(row)
        lines.append("")
    return "\n".join(lines)


def first_sentence(text: str) -> str:
    """Enough of an answer for a table."""
    match = re.match(r".*?[.!?](?=\s|$)", text, re.DOTALL)
    return textwrap.shorten(match.group() if match else text, 160)


def describe(experience: dict) -> str:
    """Where a passage is on its way into the weights, and why there."""
    text = experience["state"]
    if experience["version"]:
        text += f" in version {experience['version']}"
    if "efficacy" in experience:
        text += f", efficacy {experience['efficacy']:.2f}"
    if experience["state_reason"]:
        text += f": {experience['state_reason']}"
    return text


def subject(item: dict) -> str:
    return item.get("labels", {}).get("subject", item["request_id"])


def cell(answer: str) -> str:
    return first_sentence(answer) if answer.strip() else "-"


def teacher_answer(result: dict | None) -> str:
    return result["probe"]["teacher_answer"].strip() if result else ""


class Told:
    """What the server holds of the demo's passages, by request_id."""

    def __init__(self, server: Imprint, items: list[dict]) -> None:
        ids = {item["request_id"] for item in items}
        listed = server.json("experiences", "list")
        self.experiences = {e["request_id"]: e for e in listed if e["request_id"] in ids}
        self.efficacy = {i: e["efficacy"] for i, e in self.experiences.items() if "efficacy" in e}
        self.all_learned = len(self.experiences) == len(ids) and all(
            e["state"] == "integrated" for e in self.experiences.values()
        )


def print_passages(items: list[dict], told: Told) -> None:
    width = max(len(subject(item)) for item in items)
    print("passages")
    for item in items:
        experience = told.experiences.get(item["request_id"])
        state = describe(experience) if experience else "not accepted"
        print(f"  {subject(item).ljust(width)}  {state}")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--imprint", required=True, help="the imprint program")
    parser.add_argument("--server", default="127.0.0.1:50051")
    parser.add_argument("--experiences", type=Path, default=HERE / "experiences.jsonl")
    flags = parser.parse_args()
    server = Imprint(flags.imprint, flags.server)
    items = [json.loads(line) for line in flags.experiences.read_text().splitlines() if line]
    asked = [(item, probe) for item in items for probe in item["probes"]]
    questions = [probe["question"] for _, probe in asked]
    begin = time.monotonic()

    # The base stays as it is, so that a later run can ask it too.
    print(f"asking {len(questions)} questions that the model cannot know ...", flush=True)
    before = server.answers(questions, "base")
    known_already = Told(server, items).all_learned
    if known_already:
        print(f"it was told the {len(items)} passages in an earlier run ...", flush=True)
    else:
        print(
            f"telling it {len(items)} passages; their questions are never trained on ...",
            flush=True,
        )
    start = time.monotonic()
    if not server.show("inject", str(flags.experiences), "--wait=integrated"):
        print("not all of it was learned; asking all the same", flush=True)
    known = time.monotonic()
    print("asking again, without the passages ...", flush=True)
    after = server.answers(questions, "latest")
    # How near each answer came to the teacher's, which is from when the probes were made.
    results = {result["probe"]["question"]: result for result in server.json("probes", "run")}
    in_context = [teacher_answer(results.get(question)) for question in questions]

    told = Told(server, items)
    current = next(v for v in server.json("versions", "list") if v["current"])

    rows = []
    for question, *answers in zip(questions, before, after, in_context, strict=True):
        learned = results.get(question, {}).get("efficacy")
        rows.append(
            [
                question,
                *[cell(answer) for answer in answers],
                f"{learned:.2f}" if learned is not None else "-",
            ]
        )
    width = max(shutil.get_terminal_size((150, 24)).columns, 80)
    header = ["question", "before", "after", "with the passage in the prompt", "efficacy"]
    print("\n" + table(header, rows, width))
    print_passages(items, told)

    expected = [probe["expected_answer"] for _, probe in asked]

    def mean_recall(answers: list[str]) -> float:
        pairs = zip(answers, expected, strict=True)
        return sum(recall(answer, want) for answer, want in pairs) / len(expected)

    measured = list(told.efficacy.values())
    mean = f"{sum(measured) / len(measured):.2f}" if measured else "-"
    retention = (
        f"{current['retention_kl']:.4f} nats per token, perplexity x "
        f"{current['retention_perplexity_ratio']:.3f}   (version {current['number']} on "
        "unrelated text)"
        if current["number"] > 0
        else "-   (the base model answers)"
    )
    learning = "known from an earlier run" if known_already else f"{known - start:.0f} to learn"
    print(
        f"answer recall   before {mean_recall(before):.2f}, after {mean_recall(after):.2f}, "
        f"with the passage {mean_recall(in_context):.2f}   ({len(questions)} held-out questions)\n"
        f"efficacy        {mean}   (0: as before, 1: as with the passage; "
        f"{len(measured)} of {len(items)} passages measurable)\n"
        f"retention KL    {retention}\n"
        f"seconds         {time.monotonic() - begin:.0f} in all; {learning}"
    )


if __name__ == "__main__":
    main()
