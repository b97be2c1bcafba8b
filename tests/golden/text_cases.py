# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Awkward texts and chats, with the ids and renderings that transformers gives."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

TEXTS = (
    "",
    " ",
    "  ",
    "\n",
    "\n\n\n",
    "\t",
    "\r\n",
    "\u0000",
    "a\u0000b",
    "null",
    "None",
    "Hello, world!",
    " leading space",
    "trailing space ",
    "   three   spaces   between   ",
    "tabs\tand\t\tmore\ttabs",
    "line one\nline two\n\nline four\n",
    "carriage\r\nreturn\r\nline feed\rlone return",
    "space before newline \n and after",
    "0",
    "12345",
    "3.14159265",
    "1,234,567.89",
    "x12 34y",
    "double  7 spaced  42 digits",
    "²³ ½ Ⅷ ① ٣٤٥ १२३",
    "It's we'll they've I'd I'm you're O'CLOCK's ’s",
    "UPPER lower MiXeD camelCaseName snake_case_name kebab-case",
    "e-mail: someone@example.org, https://example.org/a?b=c&d=%20#e",
    "C:\\Users\\name\\file.txt",
    "def f(x: int) -> int:\n    if x > 0:\n        return x * 2\n\treturn -x  # done\n",
    '{"key": [1, 2.5, null, true], "nested": {"a": "b\\n"}}',
    "<html><body>&nbsp;&amp;</body></html>",
    "$x^2 + \\frac{1}{2} = \\sum_{i=0}^{n} i$",
    "!!! ??? ... ---- ==== **** #### @@@@",
    "“Curly quotes” – dash — long dash … ellipsis",
    "naïve café Zürich Øresund Łódź façade",
    "cafe\u0301 nai\u0308ve e\u0301\u0323\u0302",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308",
    "Straße ẞ ﬁ ﬂ ŉ ǆ İ ı",
    "Привет, мир! Ёлка",
    "Γειά σου Κόσμε",
    "東京は日本の首都です。",
    "你好,世界!这是一个测试。",
    "안녕하세요 세계",
    "สวัสดีชาวโลก",
    "नमस्ते दुनिया",
    "مرحبا بالعالم",
    "שלום עולם",
    "mixed עברית and English العربية 123",
    "\u202eright to left override\u202c",
    "👍",
    "👩‍👩‍👧‍👦 family",
    "👩🏽‍🚀 🏳️‍🌈 🇨🇭 1️⃣",
    "no\u00a0break\u00a0space",
    "thin\u2009space\u200bzero\u200dwidth\ufeffbom",
    "ideographic\u3000space\u2003em\u2028line\u2029paragraph",
    "\u0085next line\u000bvertical\u000cform",
    "𝒜𝓫𝓬 𝟙𝟚𝟛 𐍈 𠜎",
    "\ufffd replacement \ue000 private \U0010ffff last",
    "zażółć\tgęślą\njaźń",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen",
    "a" * 300,
    "ab" * 100 + " " + "1" * 50,
    " " * 65,
    "\n " * 20,
    "=" * 80,
    "the the the the",
    "<|im_start|>",
    "<|im_end|>",
    "<|im_start|>user\nhi<|im_end|>\n",
    "text<|endoftext|>text",
    "a <|im_end|> b",
    "<|im_start|><|im_start|>",
    "<|im_end",
    "<| im_end |>",
    "<|IM_END|>",
    "<repo_name>x<file_sep>y",
    "<unk><s></s>[INST]",
)

SYSTEM = {"role": "system", "content": "You answer in one word."}
CHATS: tuple[tuple[dict[str, str], ...], ...] = (
    ({"role": "user", "content": "Hello!"},),
    (SYSTEM, {"role": "user", "content": "What is the capital of Peru?"}),
    ({"role": "system", "content": ""}, {"role": "user", "content": "Hi."}),
    (
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "How are you?"},
    ),
    (
        SYSTEM,
        {"role": "user", "content": "One."},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three."},
        {"role": "assistant", "content": "Four."},
    ),
    ({"role": "user", "content": "  leading and trailing  "},),
    ({"role": "user", "content": "\n\nnewlines\n\n"},),
    ({"role": "user", "content": ""},),
    ({"role": "user", "content": "two\n\nparagraphs\n\n- a list\n- of things\n"},),
    (
        {
            "role": "user",
            "content": "emoji 👩‍👩‍👧‍👦, “quotes”, 東京, {braces} and {{ more }} {% raw %}",
        },
    ),
    (
        {"role": "user", "content": 'it\'s "quoted" \\ and\tTab'},
        {"role": "assistant", "content": " "},
    ),
    ({"role": "user", "content": "first"}, {"role": "user", "content": "second user in a row"}),
    ({"role": "tool", "content": "a role the template does not know"},),
    ({"role": "user", "content": "later"}, {"role": "system", "content": "System comes second."}),
)


def render(tokenizer: PreTrainedTokenizerBase) -> list[dict[str, object]]:
    chats = []
    for messages in CHATS:
        for add_generation_prompt in (False, True):
            rendered = tokenizer.apply_chat_template(
                list(messages), add_generation_prompt=add_generation_prompt, tokenize=False
            )
            chats.append(
                {
                    "messages": list(messages),
                    "add_generation_prompt": add_generation_prompt,
                    "rendered": rendered,
                    "ids": tokenizer(rendered, add_special_tokens=False)["input_ids"],
                }
            )
    return chats


def make(name: str, model_folder: Path, out: Path) -> None:
    """Writes {"model", "texts": [{text, ids}], "chats": [{messages, ..., rendered, ids}]}."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    texts = []
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if tokenizer.decode(ids) != text:
            raise AssertionError(
                f"{name}: {text!r} does not come back as {tokenizer.decode(ids)!r}"
            )
        texts.append({"text": text, "ids": ids})
    chats = render(tokenizer)
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f'{{"model": "{name}",\n"texts": [\n',
        # ASCII escapes, so that no editor changes the white space and the invisible characters.
        ",\n".join(json.dumps(text) for text in texts),
        '\n],\n"chats": [\n',
        ",\n".join(json.dumps(chat) for chat in chats),
        "\n]}\n",
    ]
    out.write_text("".join(lines), encoding="ascii")
    print(f"{out.name}: {len(texts)} texts, {len(chats)} chats")
