"""WFLW's lists."""

import numpy as np
import pytest

from landmark.face.scheme import find_scheme
from landmark.formats.annotated import Layout
from landmark.formats.wflw import read_faces
from landmark.script.errors import InputError

WFLW = find_scheme("wflw98")
POINTS = np.random.default_rng(2).uniform(0, 900, (98, 2)).round(6)
NUMBERS = " ".join(f"{n:.6f}" for n in POINTS.ravel())
NAME = "37--Soccer/37_Soccer_soccer_ball_37_45.jpg"
TRAIN = f"{NUMBERS} 1 2 300 400 0 0 1 0 0 1 {NAME}"
TEST = f"{NUMBERS} {NAME}"


def read(tmp_path, text):
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode("latin-1"))
    dropped = []
    return read_faces(path, Layout(WFLW), dropped), dropped


@pytest.mark.parametrize(
    ("line", "photo", "box"),
    [
        (TRAIN, NAME, (1, 2, 300, 400)),
        (TEST, NAME, None),
        (f"{NUMBERS} 1 2 300 400 a  b/c.jpg", "a  b/c.jpg", (1, 2, 300, 400)),
    ],
)
def test_public_layouts(tmp_path, line, photo, box):
    (face,), dropped = read(tmp_path, f"{line}\n\n")
    assert not dropped
    assert face.photo == photo
    np.testing.assert_array_equal(face.points_image, POINTS)
    assert face.box == box


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (TEST.partition(" ")[2], "expected 196, 200, 206 numbers .* found 195 numbers"),
        ("1 " + TEST, "found 197 numbers"),
        (NUMBERS, "found 195 numbers"),
        ("a.jpg", "found 0 numbers"),
        (TRAIN.replace(" 1 2 300 400 ", " 1 2 1 400 "), "expected a box of x0 < x1"),
        ("nan" + TEST[TEST.index(" ") :], "within 1e\\+09 pixels, found nan"),
    ],
)
def test_broken_line_is_dropped(tmp_path, line, message):
    faces, dropped = read(tmp_path, f"{TRAIN}\n{line}\n")
    assert len(faces) == 1
    with pytest.raises(InputError, match=f"list.txt:2: .*{message}"):
        raise InputError(dropped[0])


def test_file_that_is_no_text(tmp_path):
    with pytest.raises(InputError, match="list.txt: expected a text file, found"):
        read(tmp_path, "\xff\xfe")
