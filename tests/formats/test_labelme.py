"""LabelMe's JSON."""

import json

import numpy as np
import pytest

from landmark.face.scheme import find_scheme
from landmark.formats.annotated import Layout
from landmark.formats.labelme import read_faces
from landmark.script.errors import InputError

FIVE = find_scheme("five")
POINTS = [[10.5, 20], [30, 20], [20, 30], [12, 40], [28, 40]]


def make_shape(label, points, kind="point", group=None):
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "shape_type": kind,
        "flags": {},
    }


def make_file(shapes):
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": "..\\imgs\\0001.jpg",
        "imageData": None,
        "imageHeight": 48,
        "imageWidth": 64,
    }


def make_shapes(labels="01234", group=None):
    pairs = zip(labels, POINTS, strict=True)
    return [make_shape(label, [point], group=group) for label, point in pairs]


def read(tmp_path, told):
    path = tmp_path / "0001.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    dropped = []
    return read_faces(path, Layout(FIVE, 0.5), dropped), dropped


@pytest.mark.parametrize(
    "labels", ["01234", "12345", ["p_0", "p_1", "p_2", "p_3", "p_4"], ["landmark"] * 5]
)
def test_points_go_by_number_or_order(tmp_path, labels):
    (face,), dropped = read(tmp_path, make_file(make_shapes(labels)))
    assert not dropped
    assert face.photo == "..\\imgs\\0001.jpg"
    # The first pixel's centre lies half a pixel from the corner.
    np.testing.assert_array_equal(face.points_image, np.array(POINTS) - 0.5)
    assert face.box is None


def test_numbered_points_in_any_order(tmp_path):
    shapes = make_shapes()
    (face,), _ = read(tmp_path, make_file([shapes[i] for i in (3, 0, 4, 1)]))
    assert np.isnan(face.points_image[2]).all()
    np.testing.assert_array_equal(face.points_image[3], [11.5, 39.5])


def test_groups_are_faces_with_boxes(tmp_path):
    shapes = make_shapes(group=1) + make_shapes(group=2)
    shapes += [make_shape("face", [[40, 50], [5, 6]], "rectangle", 2)]
    shapes += [make_shape("hair", [[0, 0], [1, 1], [2, 0]], "polygon", 2)]
    faces, dropped = read(tmp_path, make_file(shapes))
    assert not dropped
    assert [face.box for face in faces] == [None, (4.5, 5.5, 39.5, 49.5)]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], "expected shapes that are points, found none"),
        ([7], "shape 1: expected a label, points and a group, found 7"),
        ([make_shape("0", [[1, 2, 3]])], "shape 1: expected a label, points"),
        ([make_shape("0", [[1, "x"]])], "shape 1: expected a number, found 'x'"),
        (
            [make_shape("0", [[1, 2]], group=[1])],
            "expected a label, points and a group",
        ),
        ([make_shape("0", [])], "expected a label, points"),
    ],
)
def test_broken_file(tmp_path, shapes, message):
    with pytest.raises(InputError, match=f"0001.json.*{message}"):
        read(tmp_path, make_file(shapes))


@pytest.mark.parametrize("told", ["", "[" * 10**5, "[]", '{"imagePath": "a.jpg"}'])
def test_other_file(tmp_path, told):
    with pytest.raises(InputError, match="0001.json: expected LabelMe's JSON"):
        read(tmp_path, told)


def test_broken_face_is_dropped(tmp_path):
    shapes = make_shapes(group=1) + make_shapes(["a", "b", "c", "d", "e"], 2)[:4]
    shapes += [make_shape("face", [[4, 5], [50, 60]], "rectangle", 1)] * 2
    faces, dropped = read(tmp_path, make_file(shapes))
    assert not faces
    assert "group 1: expected one rectangle of a face, found 2" in dropped[0]
    assert "expected the 5 points of scheme five, found 4" in dropped[1]
    faces, (sentence,) = read(tmp_path, make_file(make_shapes("01231")))
    assert not faces
    assert "0001.json: expected one point '1', found 2" in sentence
