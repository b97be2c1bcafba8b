# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The update that Imprint does, with `transformers`, `peft` and `torch.optim`: `update.py JOB`.

Written as their documentation would have it, and no slower than it must be: bf16 weights, f32
adapters under autocast, batches of sentences of about the same length, only target positions
through the output head, the teacher's likeliest tokens computed once. JOB is a JSON file
(imprint_bench/update.py makes it); what was measured is printed as JSON.
"""

import json
import math
import random
import sys
import time
from pathlib import Path

import peft
import torch
from batches import by_length, common_prefix, deal, drawn, length_of, padded_length
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache

# Sentences that the teacher reads at once.
TEACHER_BATCH = 16
# A bucket of all tokens that are not named has at least this mass.
LEAST_REST = 1e-6
MAPS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def peak_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise ValueError("no VmHWM")


def padded(rows):
    """On the right: causal attention needs no mask there."""
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def target_states(model, sentences, prompt_of, prefix=(), cache=None):
    """Hidden states [tokens, hidden] that predict the target tokens, sentence by sentence."""
    rows = [(prompt_of(one) + one["target"][:-1])[len(prefix) :] for one in sentences]
    ids = padded(rows)
    extra = {}
    if cache is not None:
        places = torch.arange(len(prefix), len(prefix) + ids.shape[1])
        extra = {"past_key_values": cache, "cache_position": places}
    hidden = model.model(input_ids=ids, use_cache=cache is not None, **extra).last_hidden_state
    picked = []
    for row, one in enumerate(sentences):
        first = len(prompt_of(one)) - len(prefix) - 1
        picked.append(hidden[row, first : first + len(one["target"])])
    return torch.cat(picked)


@torch.no_grad()
def cached_prefix(model, prefix):
    cache = DynamicCache(config=model.config)
    model.model(input_ids=torch.tensor([prefix]), past_key_values=cache, use_cache=True)
    return [(layer.keys, layer.values) for layer in cache.layers]


def repeated(model, layers, count):
    cache = DynamicCache(config=model.config)
    for place, (keys, values) in enumerate(layers):
        cache.update(keys.expand(count, -1, -1, -1), values.expand(count, -1, -1, -1), place)
    return cache


@torch.no_grad()
def log_probs_of(model, sentences, prompt_of):
    """Per sentence [tokens, vocab] in f32, by batches whose common beginning is read once."""
    prefix = common_prefix([prompt_of(one) for one in sentences])
    layers = cached_prefix(model, prefix) if prefix else None
    order = sorted(range(len(sentences)), key=lambda i: len(prompt_of(sentences[i])))
    for begin in range(0, len(order), TEACHER_BATCH):
        chosen = order[begin : begin + TEACHER_BATCH]
        some = [sentences[i] for i in chosen]
        cache = repeated(model, layers, len(some)) if prefix else None
        states = target_states(model, some, prompt_of, prefix, cache)
        place = 0
        for i, one in zip(chosen, some, strict=True):
            mine = states[place : place + len(one["target"])]
            place += len(one["target"])
            yield i, torch.log_softmax(model.lm_head(mine).float(), dim=-1)


def add_teacher(model, sentences, prompt_of, top_k):
    for i, log_probs in log_probs_of(model, sentences, prompt_of):
        values, ids = log_probs.topk(top_k)
        sentences[i]["teacher_ids"], sentences[i]["teacher"] = ids, values


def top_k_kl(logits, ids, teacher):
    """KL(teacher||student) of each token over the named tokens and the rest as one bucket."""
    student = torch.log_softmax(logits.float(), dim=-1).gather(-1, ids)
    rest = (1 - teacher.exp().sum(-1)).clamp_min(LEAST_REST)
    student_rest = (1 - student.exp().sum(-1)).clamp_min(LEAST_REST)
    named = (teacher.exp() * (teacher - student)).sum(-1)
    return named + rest * (rest.log() - student_rest.log())


def loss_of(model, sentences):
    """Mean over the target tokens."""
    logits = model.lm_head(target_states(model, sentences, lambda one: one["prompt"]))
    ids = torch.cat([one["teacher_ids"] for one in sentences])
    teacher = torch.cat([one["teacher"] for one in sentences])
    return top_k_kl(logits, ids, teacher).mean()


def backward(model, targets, retention, weight):
    """1 / (1 + weight) of the gradient from the target tokens, the rest from the retention
    tokens; each a batch of its own, since their lengths are not alike. Gives the loss."""
    total = 0.0
    shares = ((targets, 1 / (1 + weight)), (retention, weight / (1 + weight)))
    for sentences, share in shares if retention else ((targets, 1.0),):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = share * loss_of(model, sentences)
        loss.backward()
        total += loss.item()
    return total


def learning_rate(job, step):
    cosine = 0.5 * (1 + math.cos(math.pi * step / job["steps"]))
    return job["learning_rate"] * min((step + 1) / 6, 1.0) * (0.1 + 0.9 * cosine)


def train(model, job):
    """Gives seconds and the tokens that were gone over, padding included and not."""
    parameters = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    chance, deck = random.Random(1), []
    targets, retention = job["targets"], job["retention"]
    wanted = sum(len(one["target"]) for one in targets) * job["retention_share"]
    counted = {"steps": 0, "tokens": 0, "padded_tokens": 0, "target_tokens": 0}
    inner = model.get_base_model()
    begin = time.perf_counter()
    while counted["steps"] < job["steps"]:
        new = by_length(targets, job["steps_per_pass"], chance)
        kept = deal(drawn(deck, retention, wanted, chance), job["steps_per_pass"])
        for some, old in zip(new, kept, strict=True):
            if not some or counted["steps"] == job["steps"]:
                continue
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(job, counted["steps"])
            loss = backward(inner, some, old, job["retention_weight"])
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            counted["steps"] += 1
            counted["tokens"] += sum(map(length_of, some + old))
            counted["padded_tokens"] += padded_length(some) + padded_length(old)
            counted["target_tokens"] += sum(len(one["target"]) for one in some)
    return {"seconds": time.perf_counter() - begin, "loss": loss, **counted}


def efficacy(model, probes, base):
    """1 - KL(teacher||model) / KL(teacher||base) over all answers, over the whole vocabulary.
    `base`: what it was before, with the teacher's distributions; None: makes that."""
    if base is None:
        teacher = dict(log_probs_of(model, probes, lambda one: one["teacher_prompt"]))
        base = {"teacher": teacher, "kl": None}
    kl = 0.0
    for i, student in log_probs_of(model, probes, lambda one: one["prompt"]):
        teacher = base["teacher"][i]
        kl += (teacher.exp() * (teacher - student)).sum().item()
    if base["kl"] is None:
        base["kl"] = kl
        return base
    return 1 - kl / base["kl"]


def main():
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.bfloat16).eval()
    begin = time.perf_counter()
    chats = [one for one in job["targets"] if one["chat"]]
    plain = [one for one in job["targets"] if not one["chat"]]
    for some in (chats, plain):
        if some:
            add_teacher(base, some, lambda one: one["teacher_prompt"], job["top_k"])
    if job["retention"]:
        add_teacher(base, job["retention"], lambda one: one["prompt"], job["retention_top_k"])
    teacher_seconds = time.perf_counter() - begin

    config = peft.LoraConfig(
        r=job["rank"],
        lora_alpha=job["alpha"],
        target_modules=MAPS,
        layers_to_transform=list(range(job["first_layer"], base.config.num_hidden_layers)),
        layers_pattern="layers",
    )
    model = peft.get_peft_model(base, config)
    trained = train(model, job)
    found = {"teacher_seconds": teacher_seconds, "peak_bytes": peak_bytes(), **trained}
    if job["probes"]:
        inner = model.get_base_model()
        with torch.no_grad():
            with model.disable_adapter():
                known = efficacy(inner, job["probes"], None)
            found["efficacy"] = efficacy(inner, job["probes"], known)
            if job["imprint_adapter"]:
                model.load_adapter(job["imprint_adapter"], "imprint")
                model.set_adapter("imprint")
                found["imprint_efficacy"] = efficacy(inner, job["probes"], known)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
