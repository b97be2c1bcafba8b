# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Which sentences go together. A sentence is {"prompt": [ids], "target": [ids], ...}."""


def common_prefix(rows):
    """Less one token: at least one is left of each row to be read."""
    least, most = min(rows), max(rows)
    shared = 0
    while shared < min(len(least), len(most)) - 1 and least[shared] == most[shared]:
        shared += 1
    return least[:shared]


def length_of(sentence):
    return len(sentence["prompt"]) + len(sentence["target"]) - 1


def padded_length(sentences):
    return max(map(length_of, sentences)) * len(sentences) if sentences else 0


def by_length(sentences, count, chance):
    """Into `count` batches of sentences of about the same length, in random order."""
    shuffled = chance.sample(sentences, len(sentences))
    batches = deal(sorted(shuffled, key=length_of), count)
    return chance.sample(batches, len(batches))


def deal(sentences, count):
    """In their order into `count` batches of about as many tokens."""
    tokens = sum(len(one["target"]) for one in sentences)
    batches, filled = [[] for _ in range(count)], 0
    for one in sentences:
        batches[min(filled * count // max(tokens, 1), count - 1)].append(one)
        filled += len(one["target"])
    return batches


def drawn(deck, retention, wanted, chance):
    """Texts of `wanted` tokens, in shuffled rounds."""
    chosen = []
    while wanted > 0 and retention:
        if not deck:
            deck.extend(chance.sample(range(len(retention)), len(retention)))
        chosen.append(retention[deck.pop()])
        wanted -= len(chosen[-1]["target"])
    return chosen
