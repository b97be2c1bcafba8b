# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The checker finds what is wrong: each test doctors one thing of a store that is right."""

import pytest

import checker
from checker import Experience, Job, Observation, Version
from record import Record


def job(number, version, **fields):
    values = {"state": "COMMITTED", "kind": "UPDATE", "trigger": "", "parent": 0}
    values |= {"update_time": 10.0 * version} | fields
    return Job(name=f"jobs/{number}", version=version, **values)


def version(number, parent, job, added, **fields):
    values = {"stored": True, "create_time": 10.0 * number} | fields
    return Version(number=number, parent=parent, job=f"jobs/{job}", added=added, **values)


@pytest.fixture
def record():
    """Three experiences, one of them forgotten; a fourth without an answer."""
    record = Record()
    for number in (1, 2, 3):
        record.add("inject", id=f"id-{number}", text=f"text {number}")
        record.add("injected", id=f"id-{number}", sequence=number)
    record.add("inject", id="id-4", text="text 4")
    record.add("forget", id="id-3")
    record.add("forgotten", id="id-3")
    return record


@pytest.fixture
def seen():
    return Observation(
        experiences=[
            Experience(1, "id-1", "text 1", "INTEGRATED"),
            Experience(2, "id-2", "text 2", "INTEGRATED"),
            Experience(3, "id-3", "", "FORGOTTEN"),
        ],
        jobs=[job(1, 1), job(2, 2)],
        versions=[version(1, 0, 1, [1]), version(2, 1, 2, [2])],
        last_sequence=3,
        current=2,
        paused=False,
        begin=100,
        end=101,
        directories={1: {"manifest.json": "a"}, 2: {"manifest.json": "b"}},
        answered_by=2,
        scores=[-1.0, -2.0],
        quiet=True,
    )


def kinds(record, seen):
    return [finding.kind for finding in checker.check(record, seen)]


def messages(record, seen):
    return "\n".join(str(finding) for finding in checker.check(record, seen))


def remember(record, seen):
    """As the tester does after a check that found nothing."""
    record.add(
        "seen",
        current=seen.current,
        begin=seen.begin,
        end=seen.end,
        paused=seen.paused,
        versions=[v.number for v in seen.versions],
        commits={j.name: j.version for j in seen.jobs},
        digests=seen.directories,
        scores={seen.current: seen.scores},
        found={},
        found_forgotten=[],
    )


def test_nothing_is_wrong(record, seen):
    assert checker.check(record, seen) == []


def test_what_had_no_answer_may_be_there_or_not(record, seen):
    seen.experiences.append(Experience(4, "id-4", "text 4", "QUEUED"))
    seen.last_sequence = 4
    assert checker.check(record, seen) == []


def test_a_lost_experience(record, seen):
    del seen.experiences[1]
    assert "lost" in kinds(record, seen)
    assert "missing are [2]" in messages(record, seen)


def test_an_experience_lost_from_the_end(record, seen):
    """No hole shows it."""
    record.add("injected", id="id-4", sequence=4)
    assert kinds(record, seen) == ["lost"]


def test_an_experience_at_another_place(record, seen):
    record.told["id-2"].sequence = 9
    assert kinds(record, seen) == ["lost"]


def test_an_experience_that_says_something_else(record, seen):
    seen.experiences[0].text = "text 0"
    assert kinds(record, seen) == ["lost"]


def test_an_experience_twice_under_one_id(record, seen):
    seen.experiences.append(Experience(4, "id-2", "text 2", "QUEUED"))
    seen.last_sequence = 4
    assert set(kinds(record, seen)) == {"doubled"}


def test_an_experience_twice_under_two_ids(record, seen):
    seen.experiences.append(Experience(4, "id-4", "text 2", "QUEUED"))
    seen.last_sequence = 4
    assert "doubled" in kinds(record, seen)


def test_an_experience_trained_twice(record, seen):
    seen.versions[1].added = [1, 2]
    assert kinds(record, seen) == ["doubled"]


def test_an_experience_that_nobody_sent(record, seen):
    seen.experiences.append(Experience(4, "id-5", "text 5", "QUEUED"))
    seen.last_sequence = 4
    assert "never sent" in messages(record, seen)


def test_a_forgotten_one_that_is_back(record, seen):
    seen.experiences[2] = Experience(3, "id-3", "text 3", "READY")
    assert "that it is forgotten was acknowledged" in messages(record, seen)


def test_forgotten_without_being_asked(record, seen):
    seen.experiences[0] = Experience(1, "id-1", "", "FORGOTTEN")
    assert "lost" in kinds(record, seen)


def test_forgotten_and_still_in_the_weights(record, seen):
    seen.versions[1].added = [2, 3]
    assert "contains what was forgotten: [3]" in messages(record, seen)
    # As long as updates are paused it may be.
    seen.paused, record.paused = True, {True}
    assert checker.check(record, seen) == []


def test_forgotten_and_still_in_a_file(record, seen):
    seen.remains = ["text 3"]
    assert "is in a file" in messages(record, seen)


def test_a_job_that_committed_twice(record, seen):
    seen.versions[1].job = "jobs/1"
    assert "double_commit" in kinds(record, seen)


def test_a_job_that_committed_something_else_before(record, seen):
    record.commits["jobs/2"] = 1
    assert "double_commit" in kinds(record, seen)


def test_a_commit_without_its_job(record, seen):
    seen.jobs[1].state = "PLANNED"
    assert "not COMMITTED" in messages(record, seen)


def test_a_job_without_its_commit(record, seen):
    seen.jobs.append(job(3, 3))
    assert "jobs/3 is COMMITTED, but its version 3 is not" in messages(record, seen)


def test_a_version_whose_row_is_gone(record, seen):
    record.rows_seen.add(7)
    assert "the rows of versions [7] are gone" in messages(record, seen)


def test_states_that_do_not_agree_with_the_version(record, seen):
    seen.experiences[1].state = "READY"
    assert "the other way round: [2]" in messages(record, seen)


def test_another_version_is_current(record, seen):
    seen.current = seen.answered_by = 1
    seen.experiences[1].state = "HELD"
    assert "version 1 is current; it should be one of [2]" in messages(record, seen)


def roll_back(record, target, begin, end=None):
    record.add("rollback", key="k", target=target, time=begin)
    if end is not None:
        record.add("rolled_back", key="k", time=end)


def test_a_rollback_holds_once_it_is_acknowledged(record, seen):
    roll_back(record, 1, 50, 51)
    assert "version 2 is current; it should be one of [1]" in messages(record, seen)


def test_a_rollback_without_an_answer_holds_or_does_not(record, seen):
    roll_back(record, 1, 50)
    record.add("round", kills=1, time=52)
    assert checker.allowed_currents(record, seen) == {1, 2}
    # What was seen then is so from there on.
    remember(record, seen)
    assert checker.allowed_currents(record, seen) == {2}


def test_a_commit_after_a_rollback(record, seen):
    roll_back(record, 1, 12, 13)
    assert checker.allowed_currents(record, seen) == {2}


def test_a_commit_beside_a_rollback(record, seen):
    roll_back(record, 1, 19, 21)
    assert checker.allowed_currents(record, seen) == {1, 2}


def test_a_refused_rollback_changes_nothing(record, seen):
    roll_back(record, 1, 50)
    record.add("rollback_refused", key="k", time=51)
    assert checker.allowed_currents(record, seen) == {2}


def test_a_commit_that_was_under_way_when_the_last_check_was_made(record, seen):
    remember(record, seen)
    seen.versions.append(version(3, 2, 3, [], create_time=99.0))
    assert checker.allowed_currents(record, seen) == {3}


def test_a_pause_that_was_forgotten(record, seen):
    record.add("pause", value=True)
    assert checker.check(record, seen) == []
    record.add("pause_done", value=True)
    assert "updates_paused" in messages(record, seen)


def test_an_orphan(record, seen):
    seen.directories[3] = {}
    assert "folders of versions that are not stored: [3]" in messages(record, seen)
    # A job at work may be about to commit it.
    seen.quiet = False
    assert checker.check(record, seen) == []


def test_a_stray_file(record, seen):
    seen.strays = ["retention.cache.tmp"]
    assert "retention.cache.tmp belongs to nothing" in messages(record, seen)


def test_a_version_whose_files_are_gone(record, seen):
    del seen.directories[1]
    assert "version 1 is stored, but its folder is gone" in messages(record, seen)


def test_a_version_whose_files_have_changed(record, seen):
    remember(record, seen)
    seen.directories[1] = {"manifest.json": "c"}
    assert "the files of version 1 have changed" in messages(record, seen)


def test_a_version_that_gives_other_logits(record, seen):
    remember(record, seen)
    seen.scores = [-1.0, -2.1]
    assert "other logits" in messages(record, seen)


def test_another_version_answers(record, seen):
    seen.answered_by = 1
    assert "version 1 answered, not 2" in messages(record, seen)


def test_the_record_is_the_same_when_it_is_read_again(tmp_path, seen):
    record = Record(tmp_path / "record.jsonl")
    record.add("inject", id="id-1", text="text 1")
    record.add("injected", id="id-1", sequence=1)
    record.add("inject", id="id-2", text="text 2")
    record.add("forget", id="id-1")
    roll_back(record, 1, 50)
    record.add("round", kills=1, time=60)
    remember(record, seen)
    roll_back(record, 2, 110)
    record.close()

    again = Record(tmp_path / "record.jsonl")
    again.close()

    for name in ("told", "by_sequence", "switches", "paused", "rows_seen", "commits", "digests"):
        assert getattr(again, name) == getattr(record, name), name
    assert (again.kills, again.rounds, again.acknowledged) == (1, 1, 1)
    assert again.scores == record.scores


@pytest.fixture
def backed_up(record):
    record.add("backed_up", name="backups/1", ids=["id-1", "id-2", "id-3"])
    return record


def kinds_in_backup(record, seen):
    return [finding.kind for finding in checker.check_backup(record, "backups/1", seen)]


def test_nothing_is_wrong_with_a_backup(backed_up, seen):
    assert kinds_in_backup(backed_up, seen) == []


def test_a_backup_may_be_older_than_a_forgetting(backed_up, seen):
    seen.experiences[2] = Experience(3, "id-3", "text 3", "READY")
    assert kinds_in_backup(backed_up, seen) == []


def test_a_backup_that_lacks_an_experience(backed_up, seen):
    del seen.experiences[1]
    assert "lost" in kinds_in_backup(backed_up, seen)


def test_a_backup_with_other_words(backed_up, seen):
    seen.experiences[1] = Experience(2, "id-2", "text 9", "READY")
    assert kinds_in_backup(backed_up, seen) == ["lost"]


def test_a_backup_without_the_files_of_a_version(backed_up, seen):
    del seen.directories[1]
    assert kinds_in_backup(backed_up, seen) == ["other"]
