# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What an update does to those who are served, and they to the update; the pause at a swap."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

from imprint_bench import load
from imprint_bench.figures import percentile, ratio, spread
from imprint_bench.report import Report
from imprint_bench.server import Server
from imprint_bench.settings import Settings
from imprint_bench.text import Text, invented_text
from imprint_bench.threads import choose
from imprint_eval.client import JobState

STREAMS = (1, 4)
_PROMPT_TOKENS = 128
_TRIAL_TOKENS = 32
_LIMIT_SECONDS = 4 * 3600
# How exactly the moment is known when the new version became current.
_SWAP_SECONDS = 0.05
# So long the streams go on behind it.
_AFTER_SECONDS = 2.0
_PERCENTILES = (50, 95, 99)


def gaps_within(answers: list[load.Answer], begin: float, end: float) -> list[float]:
    """Seconds between a stream's tokens, of those that arrived in the time."""
    return [seconds for answer in answers for when, seconds in answer.gaps() if begin < when <= end]


def gaps_across(answers: list[load.Answer], begin: float, end: float) -> list[float]:
    """Seconds between a stream's tokens, of those that have a part of the time between them."""
    return [
        seconds
        for answer in answers
        for when, seconds in answer.gaps()
        if when - seconds <= end and when >= begin
    ]


def monotonic_of(timestamp: Any) -> float:
    """A protobuf Timestamp of this machine's clock on the clock that a load counts with."""
    return timestamp.ToNanoseconds() / 1e9 - time.time() + time.monotonic()


def tokens_within(answers: list[load.Answer], begin: float, end: float) -> int:
    return sum(
        count
        for answer in answers
        for when, count in zip(answer.times, answer.tokens, strict=True)
        if begin < when <= end
    )


class Load:
    """Streams that ask without a pause until they are stopped."""

    def __init__(self, server: Server, text: Text, streams: int, output: int) -> None:
        self._stop = threading.Event()
        self.answers: list[load.Answer] = []
        self._error: BaseException | None = None
        prompts = [text.prompt(_PROMPT_TOKENS, seed) for seed in range(streams)]
        asks = [[lambda prompt=prompt: server.ask(prompt, output)] for prompt in prompts]

        def follow() -> None:
            try:
                self.answers = load.run_streams(asks, _LIMIT_SECONDS, self._stop)
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=follow)
        self._thread.start()

    def end(self) -> list[load.Answer]:
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self.answers


class Told:
    """A context told to a server once; each run is on a copy of its data folder."""

    def __init__(self, settings: Settings, folder: Path, threads: int, tokens: int) -> None:
        self._settings, self._folder, self._threads = settings, folder, threads
        self.text = Text(settings.model)
        self._copies = 0
        with Server(settings, folder / "told", threads) as server:
            server.learn(invented_text(self.text.length, tokens, seed=tokens))

    def server(self) -> Server:
        self._copies += 1
        folder = self._folder / f"run-{self._copies}"
        shutil.copytree(self._folder / "told/data", folder / "data")
        flags = {"update__max_steps": self._settings.max_steps}
        return Server(self._settings, folder, self._threads, **flags)


def _one_rate(settings: Settings, folder: Path, text: Text, threads: int) -> float:
    with Server(settings, folder / f"trial-{threads}", threads) as server:
        prompts = [text.prompt(_PROMPT_TOKENS, seed) for seed in range(max(STREAMS))]
        asks = [[lambda prompt=prompt: server.ask(prompt, _TRIAL_TOKENS)] for prompt in prompts]
        return load.throughput(load.run_streams(asks, _LIMIT_SECONDS)) or 0.0


def _alone(told: Told) -> float:
    """Seconds of training where nobody asks."""
    with told.server() as server:
        return server.update().report.phase_seconds["train"]


def _together(settings: Settings, told: Told, streams: int) -> dict[str, Any]:
    """The same streams first beside nothing, then beside the update, over its swap."""
    with told.server() as server:
        loaded = Load(server, told.text, streams, settings.output)
        time.sleep(settings.seconds / 4)  # the first prompts
        idle_begin = time.monotonic()
        time.sleep(settings.seconds)
        idle_end = time.monotonic()
        known = len(server.client.jobs())
        server.client.run_update()
        server.await_job(known, JobState.JOB_STATE_TRAINING)
        training_begin = time.monotonic()
        server.await_job(known, JobState.JOB_STATE_GATING)
        training_end = time.monotonic()
        job = server.await_job(known)
        swap = monotonic_of(job.update_time)  # the end of the gate's time
        time.sleep(_AFTER_SECONDS)
        answers = loaded.end()
    idle = gaps_within(answers, idle_begin, idle_end)
    training = gaps_within(answers, training_begin, training_end)
    gating = gaps_within(answers, training_end, swap)
    publishing = job.report.phase_seconds["publish"]
    swapping = gaps_across(answers, swap - publishing, swap + _SWAP_SECONDS)
    return {
        "idle": idle,
        "training": training,
        "gating": gating,
        "updating": training + gating,
        "idle_rate": tokens_within(answers, idle_begin, idle_end) / (idle_end - idle_begin),
        "training_rate": tokens_within(answers, training_begin, training_end)
        / (training_end - training_begin),
        "gating_rate": ratio(tokens_within(answers, training_end, swap), swap - training_end),
        "swap": max(swapping, default=None),
        "train_seconds": job.report.phase_seconds["train"],
    }


def run(settings: Settings, report: Report, folder: Path) -> dict[str, float | None]:
    text = Text(settings.model)
    threads, rates = choose(
        settings.threads, lambda threads: _one_rate(settings, folder, text, threads)
    )
    report.facts(threads=threads)
    if rates:
        report.facts(tokens_per_second_by_threads=rates)
    told = Told(settings, folder, threads, (settings.contexts or [1000])[0])
    alone = [_alone(told) for _ in range(settings.repeats)]
    found = {
        streams: [_together(settings, told, streams) for _ in range(settings.repeats)]
        for streams in STREAMS
    }

    rows: list[list[Any]] = []
    for streams, runs in found.items():
        for state in ("idle", "training", "gating"):
            rows.append(
                [
                    streams,
                    state,
                    *(
                        spread(_milliseconds(percentile(one[state], percent)) for one in runs)
                        for percent in _PERCENTILES
                    ),
                    spread(one[f"{state}_rate"] for one in runs),
                ]
            )
    report.rows(
        "between_tokens",
        ["streams", "beside", *(f"p{percent} ms" for percent in _PERCENTILES), "tokens/s"],
        rows,
    )
    report.rows(
        "update_beside_streams",
        ["streams", "seconds of training", "longest pause at the swap, ms"],
        [
            [0, spread(alone), None],
            *(
                [
                    streams,
                    spread(one["train_seconds"] for one in runs),
                    spread(_milliseconds(swap_pause(one)) for one in runs),
                ]
                for streams, runs in found.items()
            ),
        ],
    )
    return ratios(alone, found)


def ratios(alone: list[float], found: dict[int, list[dict[str, Any]]]) -> dict[str, float | None]:
    """The names of four streams bear no number: that is the ordinary load."""

    def middle(values: Any) -> float | None:
        known = spread(values)
        return None if known is None else float(known["median"])

    given: dict[str, float | None] = {}
    for streams, runs in found.items():
        ending = "" if streams == max(found) else f"_{streams}_stream"
        given[f"p95_updating_over_idle{ending}"] = ratio(
            middle(percentile(one["updating"], 95) for one in runs),
            middle(percentile(one["idle"], 95) for one in runs),
        )
        given[f"update_slowdown{ending}"] = ratio(
            middle(one["train_seconds"] for one in runs), middle(alone)
        )
        given[f"swap_pause_over_step{ending}"] = ratio(
            middle(swap_pause(one) for one in runs),
            middle(percentile(one["idle"], 50) for one in runs),
        )
    return given


def swap_pause(one: dict[str, Any]) -> float | None:
    """By how many seconds a stream's next token was later about the swap than beside nothing."""
    ordinary = percentile(one["idle"], 50)
    if one["swap"] is None or ordinary is None:
        return None
    return max(0.0, float(one["swap"]) - ordinary)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
