# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy output of the demo model in f32, with the gap between the two best logits per step."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

NEW_TOKENS = 64
CHATS = (
    "What is the capital of France?",
    "Write a haiku about a river.",
    "Explain in two sentences why the sky is blue.",
    "Give me three tips for learning to cook.",
    "Who wrote Romeo and Juliet, and when?",
    "What is 17 plus 25?",
    "Translate 'good morning' into Spanish.",
    "Write a Python function that returns the larger of two numbers.",
    "Summarise: The cat sat on the mat. The dog came in. The cat ran away.",
    "Tell me about the planet Saturn.",
    "How do I remove a coffee stain from a shirt?",
    "Nenne mir drei Städte in der Schweiz.",
)
TEXTS = (
    "Once upon a time, in a small village by the sea,",
    "The three most important inventions of the 19th century were",
    "def fibonacci(n):\n",
    "Dear Sir or Madam,\n\nI am writing to",
    "Ingredients: 2 eggs, 200 g flour,",
    "Photosynthesis is the process by which",
    "1, 2, 4, 8, 16,",
    "# Release notes\n\n## Version 1.2\n\n-",
)


@torch.no_grad()
def continuation(model: torch.nn.Module, ids: list[int]) -> tuple[list[int], list[float]]:
    """The greedy tokens and, for each, how far the best logit was above the second best."""
    tokens: list[int] = []
    gaps: list[float] = []
    cache = None
    new = torch.tensor([ids])
    for _ in range(NEW_TOKENS):
        output = model(new, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        best = output.logits[0, -1].topk(2)
        tokens.append(int(best.indices[0]))
        gaps.append(round(float(best.values[0] - best.values[1]), 5))
        new = best.indices[:1][None]
    return tokens, gaps


def make(model_folder: Path, out: Path) -> None:
    """Writes {"prompts": [{kind, prompt, ids, tokens, gaps}]}; generation runs past end of turn."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()
    prompts = []
    for kind, texts in (("chat", CHATS), ("text", TEXTS)):
        for text in texts:
            rendered = text
            if kind == "chat":
                messages = [{"role": "user", "content": text}]
                rendered = tokenizer.apply_chat_template(
                    messages, add_generation_prompt=True, tokenize=False
                )
            ids = tokenizer(rendered, add_special_tokens=False)["input_ids"]
            tokens, gaps = continuation(model, ids)
            prompts.append(
                {"kind": kind, "prompt": text, "ids": ids, "tokens": tokens, "gaps": gaps}
            )
    lines = ",\n".join(json.dumps(prompt, ensure_ascii=False) for prompt in prompts)
    out.write_text(
        f'{{"model": "smollm2-135m-instruct", "dtype": "float32", "new_tokens": {NEW_TOKENS},\n'
        f'"prompts": [\n{lines}\n]}}\n',
        encoding="utf-8",
    )
    print(
        f"{out.name}: {len(prompts)} prompts, smallest gap {min(min(p['gaps']) for p in prompts)}"
    )
