"""What is seen of a single face."""

import numpy as np
import pytest

from landmark.checking import fits, looks
from landmark.checking.quick import open_quick_model
from landmark.face.scheme import IBUG68
from landmark.files import exif
from landmark.files.photos import write_image
from landmark.files.pts import PtsFormat, write_pts
from landmark.synthetic.faces import draw_face


@pytest.fixture(scope="module")
def tool():
    return looks.Tool(PtsFormat(), open_quick_model(IBUG68))


@pytest.fixture
def look(tmp_path, tool):
    """Looks at a drawn face with the points that a function makes of its own."""

    def look(change):
        image, points = draw_face(np.random.default_rng(4))
        write_image(tmp_path / "face.png", image)
        write_pts(tmp_path / "face.pts", change(points, image.shape[1::-1]))
        face = looks.Face(tmp_path / "face.pts", "face", tmp_path)
        return looks.look_at(tool, face)

    return look


def test_a_good_face(look):
    found = look(lambda points, size: points)
    assert found.kind == ""
    assert found.seen.errors[fits.PLAIN] < looks.GOOD_FIT
    assert set(found.seen.errors).isdisjoint(fits.TURNS)  # Nobody asked.
    assert (found.points > 0).all()
    assert (found.points < 1).all()


@pytest.mark.parametrize("kind", fits.TURNS)
def test_points_of_before_the_photo_was_turned(look, kind):
    turn = fits.TURNS[kind]
    found = look(lambda points, size: exif.to_stored(points, turn, size, IBUG68))
    if found.kind != looks.OUTSIDE:
        assert found.seen.errors[fits.PLAIN] > 0.1
    assert found.seen.errors[kind] < looks.GOOD_FIT


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p, s: np.full_like(p, -1.0), "68 x 0 0"),
        (lambda p, s: np.vstack([p[:66], p[:2] * 0 - 2]), "2 x -1 -1"),
        (lambda p, s: np.linspace((3, 9), (50, 20), 68), "on a line"),
        (lambda p, s: np.where(np.arange(68)[:, None] < 40, np.nan, p), "28 of 68"),
    ],
)
def test_placeholders(look, change, told):
    found = look(change)
    assert found.kind == looks.PLACEHOLDERS
    assert told in found.detail
    assert found.square is None


def test_points_outside(look):
    found = look(lambda points, size: points + size)
    assert found.kind == looks.OUTSIDE
    far = look(lambda points, size: points * 100)
    assert far.kind == looks.OUTSIDE
    assert far.square is None  # No crop of such a size is cut.


def test_what_cannot_be_read_is_told(tmp_path, tool):
    face = looks.Face(tmp_path / "face.pts", "face", tmp_path)
    assert "expected a file" in looks.look_at(tool, face).detail
    write_pts(face.path, np.zeros((68, 2)))
    found = looks.look_at(tool, face)
    assert found.kind == looks.NOT_READ
    assert "expected a photo beside it" in found.detail


def test_boxes_tell_where_the_face_is(tmp_path, look, tool):
    look(lambda points, size: points)
    boxes = {"face.png": (np.array([[10.0, 20, 30, 40]]), np.ones(1))}
    face = looks.Face(tmp_path / "face.pts", "face", tmp_path)
    found = looks.look_at(tool._replace(boxes=boxes), face)
    assert np.isfinite(found.box_offset).all()
    none = looks.look_at(tool._replace(boxes={"x": boxes["face.png"]}), face)
    assert np.isnan(none.box_offset).all()
