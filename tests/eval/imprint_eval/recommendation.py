# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Conversational recommendation on INSPIRED.

Conversations of some people are experiences; asked are turns of conversations that were
not injected, where the recommender named a film: does its title stand among the likeliest
of a list of titles? The methods differ in where the other conversations are: nowhere, in
the prompt, in the weights.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from imprint_eval.client import BASE, LATEST, Client
from imprint_eval.data import Context, DataError
from imprint_eval.methods import BM25, IN_CONTEXT
from imprint_eval.progress import Progress
from imprint_eval.protocols import Key, Material, Protocol
from imprint_eval.retrieval import PassageIndex
from imprint_eval.stubs import experience_pb2, message_pb2
from imprint_eval.units import Units

_ASK = "Which one film do you recommend to me now? Answer with its title only."
# Of the injected conversations, those that are most like the one that is asked, up to this
# much, stand in the prompt of in-context: all of them would not fit into a window.
IN_CONTEXT_CHARACTERS = 4000


@dataclass(frozen=True)
class Dialogue:
    id: str
    # (role, content), alternating, the recommender being the assistant.
    turns: tuple[tuple[str, str], ...]

    @property
    def transcript(self) -> str:
        """As the server writes it for a teacher."""
        return "\n".join(f"{role.capitalize()}: {content}" for role, content in self.turns)

    def as_context(self) -> Context:
        return Context(self.id, self.transcript, ())

    def as_content(self) -> experience_pb2.ExperienceContent:
        messages = [
            message_pb2.ChatMessage(role=role, content=content) for role, content in self.turns
        ]
        return experience_pb2.ExperienceContent(
            conversation=experience_pb2.Conversation(messages=messages)
        )


@dataclass(frozen=True)
class Turn:
    """A place where something was recommended: what was said before it, and the items."""

    id: str
    dialogue: Dialogue
    items: tuple[int, ...]

    def messages(self) -> list[message_pb2.ChatMessage]:
        turns = list(self.dialogue.turns)
        if turns and turns[-1][0] == "user":
            turns[-1] = ("user", f"{turns[-1][1]}\n\n{_ASK}")
        else:
            turns.append(("user", _ASK))
        return [message_pb2.ChatMessage(role=role, content=content) for role, content in turns]


@dataclass(frozen=True)
class Inspired:
    """What is injected, what is asked, and the titles to choose from."""

    injected: list[Dialogue]
    turns: list[Turn]
    titles: dict[int, str]

    def candidates(self, turn: Turn, count: int, seed: int) -> list[int]:
        """The right ones and, drawn by the seed, so many others in all (0: every item)."""
        right = {self.titles[item] for item in turn.items}
        others = [item for item, title in self.titles.items() if title not in right]
        if count > 0:
            wanted = max(count - len(turn.items), 0)
            chance = random.Random(f"{seed} {turn.id}")
            others = chance.sample(others, min(wanted, len(others)))
        return [*turn.items, *others]


def title_of(resource: str) -> str:
    """The title in the name of a DBpedia resource: <.../Hoffa_(film)> is "Hoffa"."""
    name = unquote(resource.strip("<>").rsplit("/resource/", 1)[-1]).replace("_", " ")
    return re.sub(r"\s*\([^()]*\)$", "", name).strip()


def _dialogue(identity: str, lines: list[str]) -> Dialogue:
    # The first entry stands for the opening; from then on recommender and seeker alternate.
    turns = [
        ("assistant" if i % 2 else "user", line.strip())
        for i, line in enumerate(lines)
        if line.strip()
    ]
    return Dialogue(identity, tuple(turns))


def _spread(
    by_dialogue: dict[str, list[dict[str, Any]]], identities: list[str]
) -> list[tuple[dict[str, Any], str]]:
    """One row of each dialogue, then a second of each, and so on: few turns are of many
    dialogues."""
    longest = max(len(by_dialogue[identity]) for identity in identities)
    return [
        (by_dialogue[identity][place], identity)
        for place in range(longest)
        for identity in identities
        if place < len(by_dialogue[identity])
    ]


def load_inspired(folder: Path, contexts: int, turns: int, seed: int) -> Inspired:
    """`contexts` whole dialogues to inject; `turns` turns to ask, of other dialogues."""
    try:
        rows = [
            json.loads(line)
            for line in (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()
            if line.strip()
        ]
        names = {
            number: name
            for name, number in json.loads((folder / "entity2id.json").read_text("utf-8")).items()
        }
        items = json.loads((folder / "item_ids.json").read_text("utf-8"))
        titles = {item: title_of(names[item]) for item in items}
        by_dialogue: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_dialogue.setdefault(row["dialog_id"], []).append(row)
        if not 0 < contexts < len(by_dialogue):
            raise DataError(
                f"--contexts={contexts}: {folder} has {len(by_dialogue)} dialogues, "
                "of which at least one must be left to ask"
            )
        order = sorted(by_dialogue)
        random.Random(seed).shuffle(order)
        injected = []
        for identity in order[:contexts]:
            longest = max(by_dialogue[identity], key=lambda row: len(row["context"]))
            injected.append(_dialogue(identity, [*longest["context"], longest["resp"]]))
        asked = [
            Turn(f"{row['turn_id']}@{identity}", _dialogue(identity, row["context"]), right)
            for row, identity in _spread(by_dialogue, order[contexts:])
            if (right := tuple(item for item in row["rec"] if item in titles))
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: expected the files of INSPIRED: {error!r}") from error
    return Inspired(injected, asked[:turns] if turns else asked, titles)


def rank(scores: list[tuple[int, float]], item: int, right: list[int]) -> int:
    """Place of `item` (1: first) among all but the other right ones; ties count against it."""
    own = dict(scores)[item]
    return 1 + sum(score >= own for other, score in scores if other != item and other not in right)


class Recommendation(Protocol):
    """All conversations in one job; then the turns are asked."""

    name = "conversational-recommendation"

    def __init__(
        self,
        material: Material,
        units: Units,
        progress: Progress,
        inspired: Inspired,
        candidates: int,
        seed: int,
    ) -> None:
        super().__init__(material, units, progress)
        self._inspired = inspired
        self._candidates = candidates
        self._seed = seed
        self._by_text = {dialogue.transcript: dialogue for dialogue in inspired.injected}

    def planned(self, method: str, trains: bool) -> list[Key]:
        keys: list[Key] = [("ranks", method, turn.id) for turn in self._inspired.turns]
        if trains:
            keys += [("learned", method, context.id) for context in self._contexts]
            keys += [("retention", method, tag) for tag in self.retention_tags()]
        return keys

    def retention_tags(self) -> list[str]:
        return ["final"] if self._has_retention() else []

    def read(self, method: str, client: Client) -> None:
        self._rank_all(method, client, BASE, self._context_of(method))

    def train(self, method: str, client: Client) -> None:
        learner = self._learner(method, client)
        client.pause()
        names = [
            learner.inject(context, self._by_text[context.text].as_content())
            for context in self._contexts
        ]
        learner.await_written(names)
        client.resume()
        learner.train(names)
        for context, name in zip(self._contexts, names, strict=True):
            self._do(
                ("learned", method, context.id),
                f"{method}: learned",
                lambda name=name: learner.outcome(name),
            )
        for tag in self.retention_tags():
            self._measure_retention(method, tag, self._retention(client), knowledge=True)
        self._rank_all(method, client, LATEST, lambda turn: "")

    def _context_of(self, method: str) -> Callable[[Turn], str]:
        if method not in (IN_CONTEXT, BM25):
            return lambda turn: ""
        index = PassageIndex(list(self._by_text))
        budget = IN_CONTEXT_CHARACTERS if method == IN_CONTEXT else 0

        def context(turn: Turn) -> str:
            chosen: list[str] = []
            for text in index.ranked(turn.dialogue.transcript):
                if chosen and sum(map(len, chosen)) + len(text) > budget:
                    break
                chosen.append(text)
            return "\n\n".join(reversed(chosen))  # the most alike nearest to the question

        return context

    def _rank_all(
        self,
        method: str,
        client: Client,
        version: message_pb2.VersionSelector,
        context_of: Callable[[Turn], str],
    ) -> None:
        turns = self._inspired.turns
        for number, turn in enumerate(turns, start=1):
            self._do(
                ("ranks", method, turn.id),
                f"{method}: turn {number} of {len(turns)}",
                lambda turn=turn: self._rank(client, turn, version, context_of(turn)),
            )

    def _rank(
        self, client: Client, turn: Turn, version: message_pb2.VersionSelector, context: str
    ) -> dict[str, Any]:
        """The place of each right item, by mean log-probability of the title's tokens."""
        messages = turn.messages()
        candidates = self._inspired.candidates(turn, self._candidates, self._seed)

        def likelihood(item: int) -> float:
            tokens = client.score(
                messages=messages,
                answer=self._inspired.titles[item],
                version=version,
                context=context,
            ).tokens
            return sum(token.log_probability for token in tokens) / len(tokens)

        scores = list(zip(candidates, client.map(likelihood, candidates), strict=True))
        right = list(turn.items)
        return {
            "dialogue": turn.dialogue.id,
            "candidates": len(candidates),
            "ranks": [rank(scores, item, right) for item in right],
        }


def as_material(inspired: Inspired, material: Material) -> Material:
    """The injected dialogues as contexts."""
    material.contexts = [dialogue.as_context() for dialogue in inspired.injected]
    material.passages = [context.text for context in material.contexts]
    return material
