# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from imprint_eval import data


def write(path, value):
    path.write_text(json.dumps(value))
    return path


def entry(text, questions=1, title="t"):
    pairs = [{"question": f"{text}? {i}", "answer": f"a{i}"} for i in range(questions)]
    return {"title": title, "context": text, "questions": pairs}


def test_a_text_is_there_once(tmp_path):
    path = write(tmp_path / "d.json", [entry("one", 2), entry("two"), entry("one", 3)])
    contexts = data.load_contexts(path)
    assert [context.text for context in contexts] == ["one", "two"]
    assert contexts[0].questions[1] == data.Question("one? 1", "a1")


def test_choice_follows_the_seed_and_needs_questions(tmp_path):
    rows = [entry(f"text {i}", i % 3) for i in range(30)]
    contexts = data.load_contexts(write(tmp_path / "d.json", rows))
    chosen = data.choose_contexts(contexts, 10, 1, seed=7)
    assert chosen == data.choose_contexts(contexts, 10, 1, seed=7)
    assert chosen != data.choose_contexts(contexts, 10, 1, seed=8)
    assert all(len(context.questions) == 1 for context in chosen)
    with pytest.raises(data.DataError, match="has 20 contexts with questions"):
        data.choose_contexts(contexts, 21, 1, seed=7)


@pytest.mark.parametrize(
    "content", ["{", "{}", '[{"title": "t"}]', '[{"context": "c", "questions": [1]}]']
)
def test_a_file_of_another_shape_is_named(tmp_path, content):
    path = tmp_path / "d.json"
    path.write_text(content)
    with pytest.raises(data.DataError, match="d.json"):
        data.load_contexts(path)


def test_windows_are_cut_of_paragraphs(tmp_path):
    path = tmp_path / "r.txt"
    path.write_text("\n\n".join([" ".join(["word"] * 150), "a heading", " ".join(["other"] * 50)]))
    windows = data.load_windows(path, 10, seed=1)
    # 150 words are 70 + 70 and a rest that is too short.
    assert sorted(len(window.split()) for window in windows) == [50, 70, 70]
    assert len(data.load_windows(path, 2, seed=1)) == 2


def test_piqa_and_facts(tmp_path):
    row = {"goal": "g", "sol1": "a", "sol2": "b", "label": 1}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n\n")
    assert data.load_piqa(tmp_path / "p.jsonl", 5, seed=1) == [data.Choice("g", ("a", "b"), 1)]
    path = write(tmp_path / "f.json", [{"question": "q", "answer": "a"}])
    assert data.load_facts(path) == [data.Question("q", "a")]
    with pytest.raises(data.DataError, match="is empty"):
        data.load_facts(write(tmp_path / "e.json", []))
