"""Detection's lines of JSON, as faces."""

import json

import numpy as np
import pytest

from landmark.face.scheme import find_scheme
from landmark.formats.lines import name_from, read_faces
from landmark.script.errors import InputError

FIVE = find_scheme("five")
LINE = {
    "name": "a.jpg",
    "output": "b/a",
    "frame": None,
    "box": [1, 2.5, 30, 40],
    "score": 0.9,
    "scheme": "five",
    "points": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]],
}


def read(tmp_path, *lines, **told):
    path = tmp_path / "faces.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    dropped = []
    return read_faces(path, FIVE, dropped, **told), dropped


def test_lines_are_faces(tmp_path):
    (face,), dropped = read(tmp_path, LINE)
    assert not dropped
    assert (face.photo, face.box) == ("b/a.jpg", (1, 2.5, 30, 40))
    np.testing.assert_array_equal(face.points_image, LINE["points"])
    path = tmp_path / "faces.jsonl"
    path.write_text(f"\n{json.dumps(LINE)}\n\n")
    assert len(read_faces(path, FIVE, dropped)) == 1
    (face,), _ = read(tmp_path, LINE, photo_of=lambda output, name: f"x/{output}")
    assert face.photo == "x/b/a"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame": 3}, "expected a photo, found a video's frame"),
        ({"scheme": "ibug68"}, "expected points of scheme five, found 'ibug68'"),
        ({"points": [[1, 2]]}, "expected the 5 points"),
        ({"points": [[1, 2, 3]]}, "expected points x, y, found"),
        ({"box": [1, 2, "x", 4]}, "expected a number"),
    ],
)
def test_other_faces_are_dropped(tmp_path, change, message):
    faces, dropped = read(tmp_path, LINE, LINE | change)
    assert len(faces) == 1
    assert message in dropped[0]


@pytest.mark.parametrize("line", [[], {}, LINE | {"box": [1]}, LINE | {"name": 3}])
def test_other_lines_are_refused(tmp_path, line):
    with pytest.raises(InputError, match="faces.jsonl:2: expected a line of detection"):
        read(tmp_path, LINE, line)


def test_names_are_as_seen_from_the_file(tmp_path):
    assert name_from(tmp_path, tmp_path / "a" / "b.jpg") == "a/b.jpg"
    assert name_from(tmp_path / "a", tmp_path / "b.jpg") == "../b.jpg"
