# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""One run: which server for which method, what is left to do, what comes out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imprint_eval import data, recommendation
from imprint_eval.client import Client
from imprint_eval.flags import Settings
from imprint_eval.methods import READING, SELF_PARAM, TRAINING
from imprint_eval.progress import Progress
from imprint_eval.protocols import Batch, Key, Material, Protocol, Sequential, Single
from imprint_eval.server import ServerError, StartedServer, known_flags, share_retention_text
from imprint_eval.summary import summarise
from imprint_eval.units import Units

# A server that only answers need not sample much text to train on.
_READER_FLAGS = {"retention.train_texts": "1", "retention.heldout_texts": "1"}


def _fingerprint(path: Path | None) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else ""


class Evaluation:
    """From settings to a summary. Close it when done."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._left_out: dict[str, str] = {}
        self._help_text = ""
        self._material, inspired = self._load()
        same = settings.of_the_run()
        for name in ("data", "retention", "piqa", "facts"):
            same[f"{name}_sha256"] = _fingerprint(getattr(settings, name))
        self._units = Units(settings.out, same, settings.resume)
        self._methods = self._possible_methods()
        self._turns = [turn.id for turn in inspired.turns] if inspired else []
        self._progress = Progress()
        self._protocol = self._make_protocol(inspired)

    def close(self) -> None:
        self._units.close()

    def _load(self) -> tuple[Material, recommendation.Inspired | None]:
        settings = self._settings
        material = Material(contexts=[], passages=[])
        if settings.retention:
            material.windows = data.load_windows(
                settings.retention, settings.retention_windows, settings.seed
            )
        if settings.piqa:
            material.choices = data.load_piqa(settings.piqa, settings.piqa_questions, settings.seed)
        if settings.facts:
            material.facts = data.load_facts(settings.facts)
        if settings.protocol == recommendation.Recommendation.name:
            inspired = recommendation.load_inspired(
                settings.inspired, settings.contexts, settings.turns, settings.seed
            )
            return recommendation.as_material(inspired, material), inspired
        contexts = data.load_contexts(settings.data)
        material.passages = [context.text for context in contexts]
        material.contexts = data.choose_contexts(
            contexts, settings.contexts, settings.questions_per_context, settings.seed
        )
        return material, None

    def _possible_methods(self) -> list[str]:
        settings = self._settings
        possible = []
        if not settings.server:
            self._help_text = known_flags(settings.imprintd)
        for name in settings.methods:
            training = TRAINING.get(name)
            if training is not None and training.flags:
                if settings.server:
                    self._left_out[name] = "it needs a server of its own, started without --server"
                    continue
                if unknown := training.unknown_flags(self._help_text):
                    flags = ", ".join(f"--{flag}" for flag in unknown)
                    self._left_out[name] = f"this imprintd does not know {flags}"
                    continue
            possible.append(name)
        return possible

    def _make_protocol(self, inspired: recommendation.Inspired | None) -> Protocol:
        settings, common = self._settings, (self._material, self._units, self._progress)
        if inspired is not None:
            return recommendation.Recommendation(
                *common, inspired, settings.candidates, settings.seed
            )
        if settings.protocol == Single.name:
            return Single(*common)
        if settings.protocol == Batch.name:
            return Batch(*common)
        return Sequential(*common, settings.probe_every)

    # --- the work ---

    def run(self) -> dict[str, Any]:
        """Does what is not done yet; gives the summary and writes summary.json."""
        planned = self._protocol.planned_of_base()
        for name in self._methods:
            planned += self._protocol.planned(name, name in TRAINING)
        self._progress.start(len(planned), done=len(planned) - len(self._missing(planned)))
        for stage in self._stages():
            self._run_stage(stage)
        self._progress.end()
        return self._write_summary()

    def _stages(self) -> list[list[str]]:
        """Methods that share a server: what only reads goes along with the first that trains."""
        reading = [name for name in self._methods if name in READING]
        training = [name for name in self._methods if name in TRAINING]
        return [[*reading, *training[:1]], *([name] for name in training[1:])]

    def _missing(self, keys: list[Key]) -> list[Key]:
        return [key for key in keys if self._units.get(*key) is None]

    def _run_stage(self, stage: list[str]) -> None:
        planned = self._protocol.planned_of_base()
        for name in stage:
            planned += self._protocol.planned(name, name in TRAINING)
        if not self._missing(planned):
            return
        trained = next((name for name in stage if name in TRAINING), "")
        with self._server(trained) as client:
            self._protocol.measure_base(client)
            for name in stage:
                if not self._missing(self._protocol.planned(name, name in TRAINING)):
                    continue
                if name in TRAINING:
                    self._protocol.train(name, client)
                else:
                    self._protocol.read(name, client)

    @contextlib.contextmanager
    def _server(self, method: str) -> Iterator[Client]:
        settings = self._settings
        if settings.server:
            client = Client(settings.server)
            try:
                self._refuse_a_used_server(client, method)
                yield client
            finally:
                client.close()
            return
        folder = settings.out / "servers" / (method or "reader")
        flags = {**_READER_FLAGS, **settings.server_flags}
        if method:
            flags = TRAINING[method].server_flags(
                settings.server_flags, self._steps_of_self_param(), self._help_text
            )
            share_retention_text(settings.out / "servers" / SELF_PARAM, folder)
        self._progress.say(f"starting the server of {method or 'the base model'}")
        with StartedServer(settings.imprintd, settings.model, folder, flags) as server:
            self._refuse_a_lost_folder(server.client, method)
            yield server.client

    def _refuse_a_used_server(self, client: Client, method: str) -> None:
        """Versions are rolled back here, and what others injected would be trained along."""
        ours = any(key[0] == method for key in self._units.all("written"))
        if method and not ours and client.status().last_sequence > 0:
            raise ServerError(
                f"the server at {self._settings.server} holds experiences already; an evaluation "
                "needs one with an empty --data_dir"
            )

    def _refuse_a_lost_folder(self, client: Client, method: str) -> None:
        written = [key for key in self._units.all("written") if key[0] == method]
        if written and client.status().last_sequence < len(written):
            raise ServerError(
                f"{self._settings.out}/servers/{method} does not hold what the run had learned; "
                "begin again with another --out"
            )

    def _steps_of_self_param(self) -> int | None:
        """Of a typical job, for the baselines."""
        steps = [
            job["steps"]
            for key, job in self._units.all("job").items()
            if key[0] == SELF_PARAM and job["state"] == "COMMITTED"
        ]
        return round(statistics.median(steps)) if steps else None

    def _write_summary(self) -> dict[str, Any]:
        settings = self._settings
        summary = summarise(
            self._units,
            settings.protocol,
            self._material.contexts,
            self._methods,
            settings.seed,
            self._turns,
        )
        summary["left_out"] = self._left_out
        summary["command"] = settings.command()
        path = settings.out / "summary.json"
        path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
        return summary
