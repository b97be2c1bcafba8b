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

    def show(self, *words: str) -> None:
        """Runs `imprint WORDS` with its output and progress bar on this terminal."""
        if subprocess.run([*self._command, *words]).returncode != 0:
            sys.exit(f"imprint {' '.join(words[:2])} failed")

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
    """Columns of equal width with wrapped cells."""
    column = max(16, (width - 3 * (len(header) - 1)) // len(header))
    lines = []
    for row in [header, ["-" * column] * len(header), *rows]:
        cells = [textwrap.wrap(cell, column) or [""] for cell in row]
        for i in range(max(len(cell) for cell in cells)):
            parts = [(cell[i] if i < len(cell) else "").ljust(column) for cell in cells]
            lines.append(" | ".join(parts).rstrip())
        if row is not header and row[0][0] != "-":
            lines.append("")
    return "\n".join(lines)


def first_sentence(text: str) -> str:
    """Enough of an answer for a table."""
    match = re.match(r".*?[.!?](?=\s|$)", text, re.DOTALL)
    return textwrap.shorten(match.group() if match else text, 160)


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

    print(f"asking {len(questions)} questions that the model cannot know ...", flush=True)
    before = server.answers(questions, "base")
    print(f"telling it {len(items)} passages; their questions are never trained on ...", flush=True)
    told = time.monotonic()
    server.show("inject", str(flags.experiences), "--wait=integrated")
    known = time.monotonic()
    print("asking again, without the passages ...", flush=True)
    after = server.answers(questions, "latest")
    # The teacher's own answers, from when the probes were made.
    teacher = {p["question"]: p["teacher_answer"] for p in server.json("probes", "list")}
    in_context = [teacher.get(question, "").strip() for question in questions]

    ids = {item["request_id"] for item in items}
    experiences = [e for e in server.json("experiences", "list") if e["request_id"] in ids]
    efficacy = {e["request_id"]: e["efficacy"] for e in experiences if "efficacy" in e}
    current = next(v for v in server.json("versions", "list") if v["current"])

    rows = []
    for (item, probe), *answers in zip(asked, before, after, in_context, strict=True):
        learned = efficacy.get(item["request_id"])
        rows.append(
            [
                probe["question"],
                *[first_sentence(answer) for answer in answers],
                f"{learned:.2f}" if learned is not None else "-",
            ]
        )
    width = max(shutil.get_terminal_size((150, 24)).columns, 110)
    header = ["question", "before", "after", "with the passage in the prompt", "efficacy"]
    print("\n" + table(header, rows, width))

    expected = [probe["expected_answer"] for _, probe in asked]

    def mean_recall(answers: list[str]) -> float:
        pairs = zip(answers, expected, strict=True)
        return sum(recall(answer, want) for answer, want in pairs) / len(expected)

    mean = sum(efficacy.values()) / len(efficacy) if efficacy else float("nan")
    print(
        f"answer recall   before {mean_recall(before):.2f}, after {mean_recall(after):.2f}, "
        f"with the passage {mean_recall(in_context):.2f}   ({len(questions)} held-out questions)\n"
        f"efficacy        {mean:.2f}   (0: as before, 1: as with the passage; "
        f"{len(efficacy)} of {len(items)} passages measurable)\n"
        f"retention KL    {current['retention_kl']:.4f} nats per token, perplexity x "
        f"{current['retention_perplexity_ratio']:.3f}   (version {current['number']} on "
        "unrelated text)\n"
        f"seconds         {known - told:.0f} from told to known, "
        f"{time.monotonic() - begin:.0f} in all"
    )


if __name__ == "__main__":
    main()
