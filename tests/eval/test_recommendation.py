# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from imprint_eval.data import DataError
from imprint_eval.recommendation import load_inspired, rank, title_of


@pytest.mark.parametrize(
    ("resource", "title"),
    [
        ("<http://dbpedia.org/resource/Hoffa_(film)>", "Hoffa"),
        (
            "<http://dbpedia.org/resource/Mr._Popper's_Penguins_(2011_film)>",
            "Mr. Popper's Penguins",
        ),
        ("<http://dbpedia.org/resource/Am%C3%A9lie>", "Amélie"),
        ("<http://dbpedia.org/resource/Face/Off>", "Face/Off"),
    ],
)
def test_titles_are_read_from_resource_names(resource, title):
    assert title_of(resource) == title


def test_ties_count_against_an_item_and_other_right_ones_do_not():
    scores = [(1, -2.0), (2, -1.0), (3, -2.0), (4, -5.0)]
    assert rank(scores, 2, right=[2]) == 1
    assert rank(scores, 1, right=[1]) == 3
    assert rank(scores, 1, right=[1, 2]) == 2


@pytest.fixture
def folder(tmp_path):
    rows = []
    for number in range(4):
        said = ["", "Hello!", f"I like films of kind {number}.", "Funny ones?", "Yes."]
        for turn in (2, 4):
            rows.append(
                {
                    "context": said[: turn + 1],
                    "resp": f"Then see film {number}.",
                    "rec": [number, 99],
                    "dialog_id": f"d{number}",
                    "turn_id": f"t{turn}",
                }
            )
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    entities = {f"<http://dbpedia.org/resource/Film_{i}_(film)>": i for i in range(20)}
    (tmp_path / "entity2id.json").write_text(json.dumps({**entities, "<x>": 99}))
    (tmp_path / "item_ids.json").write_text(json.dumps(list(range(20))))
    return tmp_path


def test_asked_dialogues_are_not_injected(folder):
    inspired = load_inspired(folder, contexts=2, turns=0, seed=1)
    injected = {dialogue.id for dialogue in inspired.injected}
    asked = {turn.dialogue.id for turn in inspired.turns}
    assert len(injected) == 2
    assert len(asked) == 2
    assert not injected & asked
    # An injected one is whole: it ends with what the recommender said last.
    number = inspired.injected[0].id[1]
    assert inspired.injected[0].turns[0] == ("assistant", "Hello!")
    assert inspired.injected[0].turns[-1] == ("assistant", f"Then see film {number}.")
    assert inspired.injected[0].transcript.startswith("Assistant: Hello!\nUser: I like")
    with pytest.raises(DataError, match="has 4 dialogues"):
        load_inspired(folder, contexts=4, turns=0, seed=1)


def test_a_turn_asks_after_what_was_said_and_knows_items_only(folder):
    turn = load_inspired(folder, contexts=1, turns=1, seed=1).turns[0]
    messages = turn.messages()
    assert [message.role for message in messages] == ["assistant", "user"]
    assert messages[-1].content.endswith("Answer with its title only.")
    assert len(turn.items) == 1


def test_candidates_are_the_right_ones_and_drawn_ones(folder):
    inspired = load_inspired(folder, contexts=1, turns=1, seed=1)
    turn = inspired.turns[0]
    drawn = inspired.candidates(turn, 5, seed=1)
    assert drawn == inspired.candidates(turn, 5, seed=1)
    assert drawn[0] == turn.items[0]
    assert len(set(drawn)) == 5
    assert sorted(inspired.candidates(turn, 0, seed=1)) == list(range(20))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="files of INSPIRED"):
        load_inspired(tmp_path, contexts=1, turns=1, seed=1)
