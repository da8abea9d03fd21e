"""The books of a detection in photos."""

import contextlib
import json
from pathlib import Path

import pytest

from landmark.live import books
from landmark.live.books import Books, Outcome
from landmark.script.errors import InputError

WORK = {"models": ["a"]}
OUTCOMES = [Outcome(1, 0, "", []), Outcome(0, 0, "b.png: no picture", [])]


@pytest.fixture
def photos(tmp_path):
    """Four (photo, output), the photos of which are on disk."""
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(b"a picture")
    return [(tmp_path / f"{name}.png", Path(name)) for name in "abcd"]


@pytest.fixture
def begun(photos, tmp_path):
    """Opens the books; two photos were done, of one there is a line of JSON."""

    def begin(work=WORK, listed=photos):
        json_path = str(tmp_path / "found.jsonl")
        return Books(json_path, [str(tmp_path / "drawn")], work, listed)

    with contextlib.ExitStack() as stack:
        opened = begin()
        lines = opened.begin(stack)
        lines.add('{"name": "a.png"}\n')
        opened.add(OUTCOMES[0])
        opened.add(OUTCOMES[1])
        lines.add('{"name": "c.png"}\n')  # Of which it is killed before it is noted.
    return begin


def test_books_are_taken_over(begun, photos, tmp_path):
    opened = begun()
    assert (opened.photos, opened.done) == (photos, OUTCOMES)
    with contextlib.ExitStack() as stack:
        lines = opened.begin(stack)
        for outcome in OUTCOMES:
            opened.add(outcome)
        lines.add('{"name": "d.png"}\n')
        assert not (tmp_path / "found.jsonl").exists()
        opened.finish()
    text = (tmp_path / "found.jsonl").read_text()
    assert text == '{"name": "a.png"}\n{"name": "d.png"}\n'
    assert (
        sorted(path.suffix for path in tmp_path.iterdir()) == [".jsonl"] + [".png"] * 4
    )


def test_what_was_drawn_meanwhile_is_no_photo(begun, photos, tmp_path):
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "a.jpg").write_bytes(b"drawn")
    drawn = (tmp_path / "drawn" / "a.jpg", Path("drawn/a"))
    opened = begun(listed=[*photos, drawn])
    assert (opened.photos, opened.done) == (photos, OUTCOMES)


def test_other_work_and_other_photos_start_over(begun, photos, tmp_path):
    assert begun(work={"models": ["b"]}).done == []
    assert begun(listed=photos[1:]).done == []
    (tmp_path / "e.png").write_bytes(b"a picture")
    listed = [*photos, (tmp_path / "e.png", Path("e"))]
    opened = begun(listed=listed)
    assert (opened.photos, opened.done) == (listed, [])
    photos[0][0].write_bytes(b"another picture")
    assert begun().done == []


def test_lines_that_are_gone_start_over(begun, tmp_path):
    (part,) = tmp_path.glob(".*.part")
    part.write_bytes(part.read_bytes()[:5])
    assert begun().done == []
    part.unlink()
    assert begun().done == []


def test_another_run_at_the_same_time_is_refused(begun):
    with contextlib.ExitStack() as stack:
        begun().begin(stack)
        with pytest.raises(InputError, match="expected one detection"):
            begun().begin(stack)


def test_run_that_did_nothing_leaves_nothing(photos, tmp_path):
    opened = Books(None, [str(tmp_path / "new")], WORK, photos)
    with contextlib.ExitStack() as stack:
        assert opened.begin(stack) is None
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (1, {}),
        (1, [["a.png", "../a", 1, 1]]),
        (1, [["a.png", "/a", 1, 1]]),
        (1, [["a\0.png", "a", 1, 1]]),
        (1, [["a.png", "\ud800", 1, 1]]),
        (2, []),
        (2, [1, 0, "", [], -1]),
        (2, [1, 0, "", [], True]),
        (2, [1.5, 0, "", [], 1]),
        (2, [1, 0, "", [1], 1]),
    ],
)
def test_other_lines_are_refused(begun, tmp_path, place, line):
    (journal,) = tmp_path.glob(".*.jsonl")
    lines = journal.read_text().splitlines()
    lines[place] = json.dumps(line)
    journal.write_text("\n".join([*lines, ""]))
    with pytest.raises(InputError, match="expected a journal of detection"):
        begun()


def test_what_can_be_noted(tmp_path):
    assert not books.can_note(None, [])
    assert books.can_note(None, ["drawn"])
    assert books.can_note(tmp_path / "new.jsonl", [])
    (tmp_path / "link").symlink_to("new.jsonl")
    assert not books.can_note(tmp_path / "link", ["drawn"])
    assert not books.can_note("/dev/null", [])
