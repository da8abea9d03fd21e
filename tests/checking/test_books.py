"""What a check writes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from landmark.checking import books, looks
from landmark.checking.judge import Verdict
from landmark.dataset import split
from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.files.photos import read_image, write_image
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_face


@pytest.fixture
def verdicts(tmp_path):
    image, points = draw_face(np.random.default_rng(0))
    write_image(tmp_path / "a.png", image)
    square = geometry.square_from_box(geometry.face_box_from_points(points))
    seen = looks.Seen(points, geometry.to_crop(points, square), {}, None, square)
    bad = looks.Look(
        looks.Face(Path("a.pts"), "x-a", tmp_path), photo=tmp_path / "a.png"
    )
    bad = bad._replace(points_image=points, square=square, seen=seen)
    unread = looks.Look(
        looks.Face(Path("c.pts"), "x-c", tmp_path), looks.NOT_READ, "why"
    )
    return [
        Verdict(bad, 2.5, "swapped", "how", "same photo: x-b"),
        Verdict(bad._replace(face=looks.Face(Path("b.pts"), "x-b", tmp_path)), 0.5),
        Verdict(unread, np.nan, looks.NOT_READ, "why"),
    ]


def test_all_is_written(tmp_path, verdicts):
    books.write(tmp_path, verdicts, IBUG68)
    with (tmp_path / books.TABLE).open() as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["file", "name", "kind", "score", "found", "twins"],
        ["a.pts", "x-a", "swapped", "2.500", "how", "same photo: x-b"],
        ["b.pts", "x-b", "", "0.500", "", ""],
        ["c.pts", "x-c", "not read", "", "why", ""],
    ]
    assert split.read_names(tmp_path / books.DROP) == ["x-a"]
    assert read_image(tmp_path / books.MOSAIC).shape == (270, 480, 3)


def test_kinds_are_counted(verdicts):
    lines = [line.split() for line in books.count_kinds(verdicts).splitlines()]
    assert lines[1:] == [
        ["1", "swapped"],
        ["1", "not", "read"],
        ["1", "nothing", "found"],
        ["1", "with", "a", "twin", "among", "the", "photos"],
    ]


def test_a_list_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a file, found none"):
        split.read_names(tmp_path / "drop.txt")
