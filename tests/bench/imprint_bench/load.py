# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""A bounded load: some streams at once, each one request after another until its count or the
time is over, and what was seen of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from imprint_bench.figures import median

# Gives the number of tokens in each piece as it arrives.
Ask = Callable[[], Iterator[int]]


@dataclass
class Answer:
    """One request: when it was sent, and when how many tokens arrived (monotonic seconds)."""

    sent: float
    times: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def gaps(self) -> list[tuple[float, float]]:
        """When each piece but the first arrived, and the seconds since the one before it."""
        return [
            (now, now - before) for before, now in zip(self.times, self.times[1:], strict=False)
        ]


class LoadError(Exception):
    """A request failed, or the load did not end in its time."""


def run_streams(
    streams: Sequence[Sequence[Ask]], limit_seconds: float, stop: threading.Event | None = None
) -> list[Answer]:
    """Each stream is a thread that sends its requests one after another. With `stop` they begin
    anew until it is set."""
    answers: list[Answer] = []
    errors: list[BaseException] = []
    start = threading.Barrier(len(streams))
    deadline = time.monotonic() + limit_seconds

    def follow(requests: Sequence[Ask]) -> None:
        start.wait()
        while True:
            for ask in requests:
                answer = Answer(time.monotonic())
                for count in ask():
                    answer.times.append(time.monotonic())
                    answer.tokens.append(count)
                    if answer.times[-1] > deadline:
                        raise LoadError(f"not over after {limit_seconds:.0f} s")
                answers.append(answer)
                if stop is not None and stop.is_set():
                    return
            if stop is None:
                return

    def guarded(requests: Sequence[Ask]) -> None:
        try:
            follow(requests)
        except BaseException as error:  # raised again by the caller's thread
            errors.append(error)
            if stop is not None:
                stop.set()

    threads = [threading.Thread(target=guarded, args=(one,), daemon=True) for one in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise LoadError(f"{type(errors[0]).__name__}: {errors[0]}") from errors[0]
    return answers


# --- what is made of the answers of one request a stream ---


def seconds_to_first(answers: Sequence[Answer]) -> float | None:
    """Median over the answers."""
    return median(answer.times[0] - answer.sent for answer in answers if answer.times)


def throughput(answers: Sequence[Answer]) -> float | None:
    """All tokens over the time from the first request to the last token."""
    ends = [answer.times[-1] for answer in answers if answer.times]
    if not ends:
        return None
    tokens = sum(sum(answer.tokens) for answer in answers)
    return tokens / (max(ends) - min(answer.sent for answer in answers))


def decode_rate(answers: Sequence[Answer]) -> float | None:
    """Tokens a second of all streams together while all of them decode: from when the last has
    its first token until the first has its last. None where that never was."""
    if not answers or not all(answer.times for answer in answers):
        return None
    begin = max(answer.times[0] for answer in answers)
    end = min(answer.times[-1] for answer in answers)
    if end <= begin:
        return None
    tokens = sum(
        count
        for answer in answers
        for when, count in zip(answer.times, answer.tokens, strict=True)
        if begin < when <= end
    )
    return tokens / (end - begin)
