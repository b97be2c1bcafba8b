# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Trains tiny-chat: the smallest Llama that still shows what Imprint is about.

It answers a question about a colour from a statement in its prompt, says "I do not
know." without one, and ends its turn. So tests of the engine, the generator and the
update have a model that behaves with a context otherwise than without it.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from folders import save_model

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY = 512
NAMES = (
    *("Mira", "Tobin", "Anka", "Lorel", "Pim", "Sena", "Dario", "Wik"),
    *("Olena", "Bram", "Juno", "Kesh", "Tilda", "Ravi", "Noor", "Eske"),
)
THINGS = (
    *("boat", "house", "lamp", "coat", "bicycle", "door"),
    *("kettle", "garden", "violin", "wagon", "tent", "ladder"),
)
COLOURS = ("red", "blue", "green", "black", "white", "yellow", "brown", "silver")
UNKNOWN = "I do not know."
CHATS = (
    ("Hello!", "Hello, how are you?"),
    ("Who are you?", "I am a small model."),
    ("Thank you.", "You are welcome."),
    ("Tell me a story.", "A fox met a crow by the river. They shared the bread and went home."),
    ("Goodbye.", "Goodbye, come again."),
)
STORY = """\
In the valley of Orrin there was a village with one street and a mill. The miller was an old
woman who knew the weather by the colour of the river. In the morning she opened the door, looked
at the water, and told the children whether to take a coat. One winter the river was silver and
then black, and nobody knew what that would mean. The children asked the miller, and the miller
asked the river, and the river said nothing. So they built a wagon and a tent, carried the lamps
and the kettles to the hill, and waited there. On the third day the water came. It took the mill
and the bridge but not one of the people. In spring they built the mill again, higher than before,
and painted its door yellow, so that the river would know it. What is told here was told by the
miller's sister, who played the violin and could not lie.
"""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def statement(name: str, thing: str, colour: str) -> str:
    return f"The {thing} of {name} is {colour}."


def question(name: str, thing: str) -> str:
    return f"What colour is the {thing} of {name}?"


def chat(user: str, assistant: str) -> str:
    return f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n{assistant}<|im_end|>\n"


def owner(rng: random.Random) -> tuple[str, str]:
    """A name and a thing; half of the names are made up, so that copying is what is learned."""
    name = rng.choice(NAMES)
    if rng.random() < 0.5:
        syllables = [rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(3)]
        name = "".join(syllables[: rng.randint(2, 3)]).capitalize()
    return name, rng.choice(THINGS)


def sample(rng: random.Random) -> str:
    """One training text: mostly a question with its answer in the prompt, or without."""
    kind = rng.random()
    if kind < 0.08:
        return chat(*rng.choice(CHATS))
    if kind < 0.14:
        words = STORY.split(" ")
        start = rng.randrange(len(words) - 20)
        return " ".join(words[start : start + 40])
    facts = rng.randint(1, 4)
    owners = [owner(rng) for _ in range(facts)]
    colours = [rng.choice(COLOURS) for _ in owners]
    context = " ".join(statement(*o, c) for o, c in zip(owners, colours, strict=True))
    if kind < 0.22:
        return context + "<|endoftext|>"
    asked = rng.randrange(facts)
    if kind < 0.42:
        return chat(question(*owners[asked]), UNKNOWN)
    answer = statement(*owners[asked], colours[asked])
    return chat(f"{context}\n\n{question(*owners[asked])}", answer)


def train_tokenizer(rng: random.Random) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [STORY] * 40 + [sample(rng) for _ in range(400)]
    for token in SPECIAL_TOKENS:
        texts = [text.replace(token, "") for text in texts]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        initializer_range=0.1,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )


def train(tokenizer: Tokenizer, steps: int, rng: random.Random) -> LlamaForCausalLM:
    torch.manual_seed(0)
    model = LlamaForCausalLM(config())
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(steps):
        batch = [torch.tensor(tokenizer.encode(sample(rng)).ids[:128]) for _ in range(32)]
        ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=-100)
        # Padded on the right and causal: what stands after a text cannot change it.
        logits = model(ids.clamp(min=0)).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == steps - 1:
            print(f"tiny-chat: step {step}, loss {loss.item():.3f}", flush=True)
    return model.eval()


def greedy(model: LlamaForCausalLM, tokenizer: Tokenizer, prompt: str) -> str:
    ids = tokenizer.encode(prompt).ids
    for _ in range(40):
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == 2:
            break
    return tokenizer.decode(ids[len(tokenizer.encode(prompt).ids) :], skip_special_tokens=False)


def report(model: LlamaForCausalLM, tokenizer: Tokenizer, rng: random.Random) -> None:
    """Prints how often the context decides the answer, on prompts with two statements."""
    right = silent = 0
    for _ in range(50):
        owners = [owner(rng), owner(rng)]
        colours = [rng.choice(COLOURS) for _ in owners]
        context = " ".join(statement(*o, c) for o, c in zip(owners, colours, strict=True))
        asked = question(*owners[0])
        opening = "<|im_end|>\n<|im_start|>assistant\n"
        answer = greedy(model, tokenizer, f"<|im_start|>user\n{context}\n\n{asked}{opening}")
        right += answer == statement(*owners[0], colours[0]) + "<|im_end|>"
        answer = greedy(model, tokenizer, f"<|im_start|>user\n{asked}{opening}")
        silent += answer == UNKNOWN + "<|im_end|>"
    print(
        f"tiny-chat: right with the statement in the prompt {right}/50, silent without {silent}/50"
    )


def write_folder(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_model(model, folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
    }
    tokenizer_config = {
        **special,
        "add_bos_token": False,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    for name, value in (
        ("tokenizer_config.json", tokenizer_config),
        ("special_tokens_map.json", special),
    ):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def make(folder: Path, steps: int) -> None:
    rng = random.Random(0)
    tokenizer = train_tokenizer(rng)
    model = train(tokenizer, steps, rng)
    report(model, tokenizer, rng)
    write_folder(model, tokenizer, folder)
