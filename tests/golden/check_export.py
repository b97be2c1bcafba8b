#!/usr/bin/env python3
# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Whether `transformers` answers from an exported version as the server does.

    imprint export latest exported/ && imprint export latest adapter/ --peft
    tests/golden/check_export.py --server=127.0.0.1:50051 --exported=exported \\
        --base=build/models/smollm2-135m-instruct --adapter=adapter "A question?" "Another one?"

Needs torch, transformers and peft, which the tests do not. Weights are read as they are stored and
computed in f32, as the server does on a processor without bf16. Greedy answers are compared: those
of the folder must be equal; the adapter is not rounded into the weights, so that it may differ by
a word, and only the share that is equal is told.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKENS = 32


def of_server(program, server, question):
    """The current version's greedy answer."""
    out = subprocess.run(
        [program, f"--server={server}", "query", question, f"--max_tokens={TOKENS}", "--json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return "".join(json.loads(line)["text"] for line in out.splitlines())


def of_transformers(model, tokenizer, question):
    """The same by `generate`."""
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt"
    )
    if not isinstance(ids, torch.Tensor):
        ids = ids["input_ids"]
    with torch.no_grad():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=TOKENS,
            do_sample=False,
            eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
            pad_token_id=0,
        )
    return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def compare(name, model, tokenizer, told):
    """Prints where they differ; gives how many are equal."""
    equal = 0
    for question, answer in told.items():
        other = of_transformers(model, tokenizer, question)
        equal += other == answer
        if other != answer:
            print(f"{name}: {question}\n  server        {answer!r}\n  transformers  {other!r}")
    print(f"{name}: {equal} of {len(told)} greedy answers of {TOKENS} tokens are equal")
    return equal


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--server", default="127.0.0.1:50051")
    parser.add_argument("--program", default=ROOT / "build/release/bin/imprint")
    parser.add_argument("--exported", required=True)
    parser.add_argument("--base")
    parser.add_argument("--adapter")
    parser.add_argument("questions", nargs="+")
    arguments = parser.parse_args()

    told = {q: of_server(arguments.program, arguments.server, q) for q in arguments.questions}
    tokenizer = AutoTokenizer.from_pretrained(arguments.exported)
    equal = compare("folder", load(arguments.exported), tokenizer, told)
    if arguments.adapter:
        from peft import PeftModel

        adapted = PeftModel.from_pretrained(load(arguments.base), arguments.adapter).eval()
        compare("adapter", adapted, tokenizer, told)
    return 0 if equal == len(told) else 1


if __name__ == "__main__":
    sys.exit(main())
