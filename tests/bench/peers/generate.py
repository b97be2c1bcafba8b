# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""`transformers` generating, as a program of its own: `generate.py MODEL THREADS`.

Each line of its input is a batch, {"prompts": [[ids]], "tokens": [N], "top_k": K, "shared": S}:
as many tokens as `tokens` says are written after each prompt, greedily and without an end, in
one call of generate. With top_k the K likeliest log-probabilities of each token are made too;
the first `shared` tokens, common to all prompts, are computed once. Each line of the output
gives the seconds until the first token and of all.
"""

import copy
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache
from transformers.generation.streamers import BaseStreamer


class FirstToken(BaseStreamer):
    """Notes when the first token after the prompt comes; generate puts the prompt first."""

    def __init__(self):
        self.puts = 0
        self.time = None

    def put(self, value):
        self.puts += 1
        if self.puts == 2:
            self.time = time.perf_counter()

    def end(self):
        pass


def padded(prompts):
    """On the left, and which of it is prompt."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    return ids, mask


def cache_of(model, prefix, count):
    """Keys and values of the shared tokens, once for each prompt."""
    cache = DynamicCache(config=model.config)
    model(torch.tensor([prefix]), past_key_values=cache, logits_to_keep=1)
    cache = copy.deepcopy(cache)
    cache.batch_repeat_interleave(count)
    return cache


def run(model, batch):
    prompts, tokens = batch["prompts"], batch["tokens"]
    top_k, shared = batch.get("top_k", 0), batch.get("shared", 0)
    begin = time.perf_counter()
    ids, mask = padded([prompt[shared:] for prompt in prompts])
    options = {}
    if shared:
        # generate wants the ids of what is cached as well; padding comes between.
        prefix = torch.tensor(prompts[0][:shared]).expand(len(prompts), -1)
        options["past_key_values"] = cache_of(model, prompts[0][:shared], len(prompts))
        ids = torch.cat([prefix, ids], dim=1)
        mask = torch.cat([torch.ones_like(prefix), mask], dim=1)
    first = FirstToken()
    written = model.generate(
        ids,
        attention_mask=mask,
        max_new_tokens=max(tokens),
        min_new_tokens=max(tokens),
        do_sample=False,
        pad_token_id=0,
        streamer=first,
        output_logits=top_k > 0,
        return_dict_in_generate=True,
        **options,
    )
    if top_k:
        for logits in written.logits:
            torch.log_softmax(logits.float(), dim=-1).topk(top_k)
    end = time.perf_counter()
    return {"first_seconds": first.time - begin, "seconds": end - begin, "tokens": sum(tokens)}


def main():
    model_dir, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.bfloat16).eval()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        with torch.inference_mode():
            print(json.dumps(run(model, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
