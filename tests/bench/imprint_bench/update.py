# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The same update job here and with transformers + peft: seconds, tokens a second, share of the
machine's products, memory, efficacy; and what a context costs by its length."""

from __future__ import annotations

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

from imprint_bench import flops, machine, retention
from imprint_bench.figures import median, ratio, spread
from imprint_bench.report import Report
from imprint_bench.server import BenchError, Server
from imprint_bench.settings import Settings
from imprint_bench.text import Text
from imprint_bench.threads import choose, counts
from imprint_bench.transformers_peer import run_once

_CONTEXTS = [200, 1000, 4000]
_TRIAL_STEPS = 6
PEER_SECONDS = 4 * 3600
# What both sides do, and no more: no round of the student's own answers, nothing learned leaves.
_SAME = {
    "update__on_policy_share": 0,
    "update__learned_kl": 0,
    "update__min_steps": 0,
    "update__epochs": 4,
    "update__rank": 32,
    "update__alpha": 64,
    "update__upper_blocks": 0.67,
    "update__learning_rate": 0.001,
    "update__retention_share": 0.75,
    "update__min_retention_tokens": 0,
    "update__retention_weight": 4,
    "update__focus": 0,
    "update__top_k": 20,
    "update__batch_tokens": 512,
    "retention__top_k": 128,
}
# The steps that a server's learning rate is given for.
_LEAST_STEP_TOKENS = 256


class Context:
    """One context, told to a server once; each run is on a copy of its data folder."""

    def __init__(self, settings: Settings, folder: Path, tokens: int) -> None:
        self._settings, self._folder = settings, folder
        self.text = Text(settings.model)
        self.content = invented(self.text, tokens)
        self.tokens = self.text.length(self.content)
        self._copies = 0
        told = folder / "told"
        with Server(settings, told, max(counts()), **_SAME) as server:
            begin = time.monotonic()
            experience = server.learn(self.content)
            self.generation_seconds = time.monotonic() - begin
        self.name = experience.name
        self.targets = list(experience.targets)
        self.target_tokens = sum(target.token_count for target in self.targets)
        if len(self.targets) != experience.target_count:
            raise BenchError(f"{self.name}: only {len(self.targets)} targets came")

    def job(self, threads: int, max_steps: int, full: bool) -> dict[str, Any]:
        """One update job. `full`: with the probes' answers, the adapter's files and the
        retention text that it used."""
        self._copies += 1
        folder = self._folder / f"run-{self._copies}"
        shutil.copytree(self._folder / "told/data", folder / "data")
        flags = {**_SAME, "update__max_steps": max_steps}
        with Server(self._settings, folder, threads, **flags) as server:
            machine.reset_peak(server.pid)
            job = server.update()
            found = {
                "steps": job.report.steps,
                "tokens": job.report.trained_tokens,
                "seconds": job.report.phase_seconds["train"],
                "job_seconds": sum(job.report.phase_seconds.values()),
                "peak_bytes": machine.peak_bytes(server.pid),
                "efficacy": job.report.efficacy if job.report.HasField("efficacy") else None,
                "retention_kl": job.report.retention_kl,
            }
            if full:
                found["probes"] = [result.probe for result in server.client.probe([self.name])]
                found["adapter"] = server.export_adapter(job.version, folder / "adapter")
                found["retention"] = retention.read(folder / "data/retention.cache")
        return found


def invented(text: Text, tokens: int) -> str:
    from imprint_bench.text import invented_text

    return invented_text(text.length, tokens, seed=tokens)


# --- the peer's job ---


def peer_targets(text: Text, context: str, targets: Any, start: int, end: int) -> tuple[list, int]:
    """The stored sentences as ids, with the teacher's prompt; and how many of them have another
    number of tokens than the server counted, which should be none."""
    rows, differing = [], 0
    for target in targets:
        ids = text.ids(target.text)
        chat = bool(target.prompt)
        if chat and len(ids) < target.token_count:
            ids.append(end)  # an answer that ended by itself
        differing += len(ids) != target.token_count
        prompt = text.question(target.prompt) if chat else [start]
        teacher = (
            teacher_question(text, context, target.prompt) if chat else [start, *text.ids(context)]
        )
        rows.append({"chat": chat, "prompt": prompt, "target": ids, "teacher_prompt": teacher})
    return rows, differing


def teacher_question(text: Text, context: str, question: str) -> list[int]:
    """As the server puts a context before a question (server/text/prompt.cc)."""
    return text.chat(
        [
            {"role": "user", "content": context},
            {"role": "assistant", "content": "Thank you. I will remember this."},
            {"role": "user", "content": question},
        ]
    )


def _highest_rate(step_tokens: float) -> float:
    """As the server has it: it grows with the root of a step's tokens (distiller.h)."""
    tokens = min(max(step_tokens, _LEAST_STEP_TOKENS), _SAME["update__batch_tokens"])
    return _SAME["update__learning_rate"] * math.sqrt(tokens / _LEAST_STEP_TOKENS)


def peer_job(settings: Settings, context: Context, ours: dict[str, Any]) -> dict[str, Any]:
    config = json.loads((settings.model / "config.json").read_text())
    end = config["eos_token_id"]
    plain = [one for one in ours["retention"] if len(one["prompt"]) == 1]
    start = plain[0]["prompt"][0] if plain else config["bos_token_id"]
    targets, differing = peer_targets(context.text, context.content, context.targets, start, end)
    probes = [
        {
            "prompt": context.text.question(probe.question),
            "teacher_prompt": teacher_question(context.text, context.content, probe.question),
            "target": [*context.text.ids(probe.teacher_answer), end],
        }
        for probe in ours["probes"]
    ]
    passes = _SAME["update__epochs"]
    steps_per_pass = -(-ours["steps"] // passes)
    if settings.max_steps:  # cut short: by the size of a step
        steps_per_pass = max(round(context.target_tokens / (_SAME["update__batch_tokens"] / 2)), 1)
    return {
        "model": str(settings.model),
        "rank": _SAME["update__rank"],
        "alpha": _SAME["update__alpha"],
        "first_layer": flops.first_layer(
            config["num_hidden_layers"], _SAME["update__upper_blocks"]
        ),
        "learning_rate": _highest_rate(ours["tokens"] / max(ours["steps"], 1)),
        "steps": ours["steps"],
        "steps_per_pass": steps_per_pass,
        "retention_share": _SAME["update__retention_share"],
        "retention_weight": _SAME["update__retention_weight"],
        "top_k": _SAME["update__top_k"],
        "retention_top_k": _SAME["retention__top_k"],
        "targets": targets,
        "differing": differing,
        "retention": ours["retention"],
        "probes": probes,
        "imprint_adapter": str(ours["adapter"]),
    }


def run_peer(job: dict[str, Any], folder: Path, **changes: Any) -> dict[str, Any]:
    path = folder / "peer.json"
    path.write_text(json.dumps({**job, **changes}))
    return run_once("update.py", path, limit_seconds=PEER_SECONDS)


# --- the run ---


def run(settings: Settings, report: Report, folder: Path) -> dict[str, float | None]:
    config = json.loads((settings.model / "config.json").read_text())
    limits = report.fact("limit_by_threads")
    ours_threads = peer_threads = 0
    rows: list[list[Any]] = []
    given: dict[str, float | None] = {}
    per_token: dict[int, float] = {}
    for place, tokens in enumerate(settings.contexts or _CONTEXTS):
        context = Context(settings, folder / f"context-{tokens}", tokens)
        if not place:
            ours_threads, rates = choose(
                settings.threads,
                lambda threads, c=context: _rate(c.job(threads, _TRIAL_STEPS, False)),
            )
            if rates:
                report.facts(imprint_steps_per_second_by_threads=rates)
        first = context.job(ours_threads, settings.max_steps, full=True)
        ours = [first]
        theirs: list[dict[str, Any]] = []
        if "transformers" in settings.peers:
            job = peer_job(settings, context, first)
            if job["differing"]:
                report.note(f"{job['differing']} sentences have other tokens with the peer")
            if not place:
                peer_threads, rates = choose(
                    settings.threads,
                    lambda threads, job=job: _rate(
                        run_peer(job, folder, threads=threads, steps=_TRIAL_STEPS, probes=[])
                    ),
                )
                if rates:
                    report.facts(transformers_steps_per_second_by_threads=rates)
            theirs.append(run_peer(job, folder, threads=peer_threads))
        for _ in range(settings.repeats - 1):
            ours.append(context.job(ours_threads, settings.max_steps, full=False))
            if theirs:
                theirs.append(run_peer(job, folder, threads=peer_threads, probes=[]))
        if not place:
            report.facts(threads={"imprint": ours_threads, "transformers": peer_threads})
        target_tokens = _target_tokens(context, first, theirs)
        share = _share(config, first, target_tokens, limits, ours_threads)
        known = context.generation_seconds + first["job_seconds"]
        per_token[context.tokens] = known / context.tokens
        rows += [
            _row(context, "imprint", ours, target_tokens, share, first["efficacy"]),
            *(
                [_row(context, "transformers", theirs, target_tokens, None, theirs[0]["efficacy"])]
                if theirs
                else []
            ),
        ]
        if theirs:
            report.note(
                f"context of {context.tokens} tokens: by the peer's own ruler (whole vocabulary) "
                f"efficacy {theirs[0]['efficacy']:.2f} of its adapter, "
                f"{theirs[0]['imprint_efficacy']:.2f} of Imprint's; the teacher's distributions "
                f"took it {theirs[0]['teacher_seconds']:.1f} s, which its seconds do not have; "
                f"with padding it went over "
                f"{theirs[0]['padded_tokens'] / theirs[0]['tokens']:.2f} times its tokens"
            )
        report.note(
            f"context of {context.tokens} tokens: told to known {known:.1f} s, of which "
            f"{context.generation_seconds:.1f} s its {len(context.targets)} sentences; retention "
            f"KL {first['retention_kl']:.3f}"
        )
        # The ratios are those of the context nearest to 1,000 tokens.
        if not given or abs(tokens - 1000) < abs(given["context_tokens"] - 1000):
            given = {
                "speed_vs_transformers": ratio(
                    _middle(theirs, "seconds"), _middle(ours, "seconds")
                ),
                "memory_vs_transformers": ratio(
                    _middle(ours, "peak_bytes"), _middle(theirs, "peak_bytes")
                ),
                "matmul_share": share,
                "context_tokens": context.tokens,
                "told_to_known_seconds": round(known, 1),
            }
    report.rows(
        "update",
        ["context", "side", "steps", "seconds", "target tokens/s", "matmul share", "peak MiB",
         "efficacy"],
        rows,
    )  # fmt: skip
    lengths = sorted(per_token)
    given["cost_per_token_longest_over_shortest"] = (
        ratio(per_token[lengths[-1]], per_token[lengths[0]]) if len(lengths) > 1 else None
    )
    return given


def _rate(done: dict[str, Any]) -> float:
    return done["steps"] / done["seconds"]


def _middle(runs: list[dict[str, Any]], key: str) -> float | None:
    return median(one[key] for one in runs)


def _target_tokens(context: Context, first: dict[str, Any], theirs: list[dict[str, Any]]) -> int:
    """Trained on in all: counted by the peer, which does the same; else every pass is whole."""
    if theirs:
        return theirs[0]["target_tokens"]
    return context.target_tokens * _SAME["update__epochs"]


def _share(
    config: dict[str, Any], done: dict[str, Any], target_tokens: int, limits: Any, threads: int
) -> float | None:
    """Of the bf16 products that the machine gives with the same number of threads."""
    lowest = flops.first_layer(config["num_hidden_layers"], _SAME["update__upper_blocks"])
    # Retention tokens pass the head as well; the packed ones are known only together.
    kept = max(target_tokens * _SAME["update__retention_share"], 0)
    wanted = flops.training_flops(
        config,
        _SAME["update__rank"],
        lowest,
        done["tokens"],
        int(target_tokens + kept),
        _SAME["update__epochs"],
    )
    limit = limits.get(str(threads), limits["2"])["bf16_gflops"] if limits else None
    return ratio(wanted / done["seconds"] / 1e9, limit)


def _row(
    context: Context,
    side: str,
    runs: list[dict[str, Any]],
    target_tokens: int,
    share: float | None,
    efficacy: float | None,
) -> list[Any]:
    return [
        context.tokens,
        side,
        runs[0]["steps"],
        spread(one["seconds"] for one in runs),
        spread(target_tokens / one["seconds"] for one in runs),
        share,
        spread(one["peak_bytes"] / 2**20 for one in runs),
        efficacy,
    ]
