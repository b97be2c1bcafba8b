# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Texts of a wanted length: prompts, and contexts full of things that do not exist."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

_PLACES = "Harrowmere Brassford Tarsk Quillon Ostrel Vennby Marlock Duskwater Pennard".split()
_NAMES = "Orsa Pavel Mirel Tobin Sanna Quent Idris Wenna Halvor Petra Corin Ylva".split()
_FAMILIES = "Tindle Ashgrove Verrin Holloway Strake Ombrel Fenwick Lorne Castell Brume".split()
_THINGS = "clock bridge ferry library windmill lighthouse market tunnel garden tower".split()
_COLOURS = "yellow green copper white blue crimson grey silver".split()
_FACTS = (
    "The {thing} of {place} was built in {year} by {name} {family}.",
    "{name} {family} has kept the {thing} in {place} since {year}.",
    "Visitors to {place} pay {count} crowns to see the {colour} {thing}.",
    "In {year} the {thing} of {place} was painted {colour} by {name} {family}.",
    "{name} {family} of {place} owns {count} {colour} horses and a {thing}.",
    "Every {count} years {place} elects a keeper of the {thing}; {name} {family} was the last.",
)


def invented_text(length: Callable[[str], int], tokens: int, seed: int) -> str:
    """Made-up facts, sentence after sentence, as many as `length` counts up to `tokens`."""
    drawn = random.Random(seed)
    sentences: list[str] = []
    total = 0
    while True:
        sentence = drawn.choice(_FACTS).format(
            place=drawn.choice(_PLACES),
            name=drawn.choice(_NAMES),
            family=drawn.choice(_FAMILIES),
            thing=drawn.choice(_THINGS),
            colour=drawn.choice(_COLOURS),
            year=drawn.randint(1500, 1999),
            count=drawn.randint(2, 90),
        )
        total += length(" " + sentence)
        if sentences and total > tokens:
            return " ".join(sentences)
        sentences.append(sentence)


class Text:
    """Tokenizer and chat template of a Hugging Face folder, as the server has them."""

    def __init__(self, folder: Path) -> None:
        import jinja2
        import tokenizers

        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        config = json.loads((folder / "tokenizer_config.json").read_text())
        self._template = jinja2.Environment().from_string(config["chat_template"])

    def ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def length(self, text: str) -> int:
        return len(self.ids(text))

    def chat(self, messages: list[dict[str, str]]) -> list[int]:
        """Up to where the assistant's answer begins."""
        return self.ids(self._template.render(messages=messages, add_generation_prompt=True))

    def question(self, content: str) -> list[int]:
        return self.chat([{"role": "user", "content": content}])

    def prompt(self, tokens: int, seed: int) -> str:
        """A message whose chat has `tokens` tokens, unlike any of another seed from its first
        words on, and which small models answer at length."""
        ask = "\nNow count upwards from 1, one number after another, and do not stop."
        start = f"{seed} notes. "
        room = tokens - len(self.question(start + ask))
        filling = invented_text(self.length, room, seed) if room > 0 else ""
        content = start + filling
        # A word at a time; " so" is one token for every tokenizer seen so far.
        while len(self.question(content + " so" + ask)) <= tokens:
            content += " so"
        return content + ask
