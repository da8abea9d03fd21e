"""Journals of work that is under way."""

import pytest

from landmark.files.journal import Journal, read_done
from landmark.script.errors import InputError

WORK = {"folder": "photos", "missing": ((0.0, 0.0),)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / ".work.jsonl"


def begin(path, *items, work=WORK):
    journal = Journal(path, work)
    for item in items:
        journal.add(item)
    journal.close()


def test_work_goes_on(path):
    begin(path, ["a", 1], ["b\udcff", 2])
    journal = Journal(path, WORK)
    assert journal.done == [["a", 1], ["b\udcff", 2]]
    journal.add(["c", 3])
    journal.close()
    assert read_done(path) == Journal(path, WORK).done == [*journal.done, ["c", 3]]


def test_other_work_starts_over(path):
    begin(path, "a")
    journal = Journal(path, {"folder": "others"})
    assert journal.done == []
    assert read_done(path) == ["a"]  # Until it has done something itself.
    journal.add("b")
    journal.close()
    assert read_done(path) == ["b"]


def test_finished_work_leaves_nothing(path):
    journal = Journal(path, WORK)
    journal.finish()
    assert not path.exists()
    journal = Journal(path, WORK)
    journal.add("a")
    journal.finish()
    assert not path.exists()
    assert read_done(path) == []


def test_line_that_was_cut_short_does_not_count(path):
    begin(path, "a", "b")
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        done = Journal(path, WORK).done
        assert done == ["a", "b"][: max(0, whole[:size].count(b"\n") - 1)]
    path.write_bytes(whole[:-2])
    begin(path, "c")
    assert read_done(path) == ["a", "c"]


@pytest.mark.parametrize("text", ["{}\n{\n", "\xff\n", "[" * 100_000 + "\n"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / ".work.jsonl"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"\.work\.jsonl: expected a journal"):
        Journal(path, WORK)
