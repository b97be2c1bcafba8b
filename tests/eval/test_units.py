# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""A run is taken up where it stopped."""

import pytest

from imprint_eval.units import ResumeError, Units

SETTINGS = {"protocol": "single", "contexts": 2, "server_flags": {"update.rank": "4"}}


def test_units_are_there_after_a_restart(tmp_path):
    units = Units(tmp_path, SETTINGS, resume=False)
    units.put(("answers", "base", "c1"), {"questions": [{"chat": "Chopin – 1810"}]})
    units.put(("check", "self-param", 3, "c1"), {"efficacy": 0.5})
    units.close()

    again = Units(tmp_path, SETTINGS, resume=True)
    assert again.get("answers", "base", "c1") == {"questions": [{"chat": "Chopin – 1810"}]}
    assert again.get("answers", "base", "c2") is None
    assert again.all("check") == {("self-param", 3, "c1"): {"efficacy": 0.5}}


def test_a_half_written_line_is_cut_off(tmp_path):
    units = Units(tmp_path, SETTINGS, resume=False)
    for number in range(3):
        units.put(("answers", "base", f"c{number}"), {"number": number})
    units.close()
    whole = (tmp_path / "units.jsonl").read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(whole)):
        (tmp_path / "units.jsonl").write_bytes(whole[:end])
        again = Units(tmp_path, SETTINGS, resume=True)
        assert again.get("answers", "base", "c1") == {"number": 1}
        assert again.get("answers", "base", "c2") is None
        again.put(("answers", "base", "c2"), {"number": 2})
        again.close()
        assert (tmp_path / "units.jsonl").read_bytes() == whole


def test_a_run_is_not_mixed_with_another(tmp_path):
    Units(tmp_path, SETTINGS, resume=False).close()
    with pytest.raises(ResumeError, match="--resume goes on"):
        Units(tmp_path, SETTINGS, resume=False)
    with pytest.raises(ResumeError, match="contexts was 2 and is 3"):
        Units(tmp_path, {**SETTINGS, "contexts": 3}, resume=True)


def test_resume_of_nothing_begins(tmp_path):
    units = Units(tmp_path / "new", SETTINGS, resume=True)
    assert units.all("answers") == {}
