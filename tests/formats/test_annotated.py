"""The form between formats: its numbers are checked."""

import math

import numpy as np
import pytest

from landmark.face.scheme import find_scheme
from landmark.formats.annotated import (
    Layout,
    format_number,
    make_face,
    order_by_number,
    read_bytes,
    settle_firsts,
    to_number,
)
from landmark.script.errors import InputError

FIVE = find_scheme("five")
ROWS = [(10.0, 20.0), (30.0, 20.0), (20.0, 30.0), (12.0, 40.0), (28.0, 40.0)]


def make(photo="a.jpg", rows=ROWS, box=None, **layout):
    return make_face(photo, rows, box, Layout(FIVE, **layout), "f.xml", "f.xml:3")


def test_points_and_box_count_from_the_first_pixel():
    face = make(box=(5, 6, 50, 60), first_pixel=0.5)
    np.testing.assert_array_equal(face.points_image, np.array(ROWS) - 0.5)
    assert face.box == (4.5, 5.5, 49.5, 59.5)


def test_missing_points_are_marked_or_none():
    rows = [(None, None), (-1.0, -1.0), (None, 3.0), *ROWS[3:]]
    face = make(rows=rows, missing=((-1.0, -1.0),))
    assert np.isnan(face.points_image[:3]).all()
    np.testing.assert_array_equal(face.points_image[3:], ROWS[3:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": ROWS[:4]}, "a.jpg: expected the 5 points of scheme five, found 4"),
        ({"rows": [(math.nan, 1.0), *ROWS[1:]]}, "within 1e\\+09 pixels, found nan 1"),
        ({"rows": [(1e300, 1.0), *ROWS[1:]]}, "within 1e\\+09 pixels, found 1e\\+300"),
        ({"rows": [(math.inf, 1.0), *ROWS[1:]]}, "found inf 1"),
        ({"rows": [(None, None)] * 5}, "expected points, found that all are missing"),
        ({"box": (5, 6, 5, 60)}, "expected a box of x0 < x1, y0 < y1, found 5 6 5 60"),
        ({"box": (5, 6, math.nan, 60)}, "expected a box"),
        ({"photo": " "}, "expected the name of a photo"),
        ({"photo": None}, "expected the name of a photo, found None"),
        ({"photo": "a\0.jpg"}, "expected the name of a photo"),
        ({"photo": "a\ud800.jpg"}, "found no text"),
    ],
)
def test_what_no_photo_has_is_refused(change, message):
    with pytest.raises(InputError, match=f"^f.xml:3: .*{message}"):
        make(**change)


@pytest.mark.parametrize("value", ["x", "", None, True, [], 10**400, "1,5"])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="place: expected a number, found"):
        to_number(value, "place")


def test_points_go_by_their_numbers():
    rows = [(0, 0), (1, 1), (2, 2)]
    none = (None, None)
    for numbers, firsts in (([2, 0, 1], (0,)), ([3, 1, 2], (1,))):
        ordered = [(1, 1), (2, 2), (0, 0)]
        assert order_by_number(numbers, rows, 3) == (ordered, firsts)
    ordered = [(0, 0), (2, 2), none, none, (1, 1)]
    assert order_by_number([0, 4, 1], rows, 5) == (ordered, (0,))
    ordered = [none, (0, 0), (1, 1), (2, 2)]
    assert order_by_number([1, 2, 3], rows, 4) == (ordered, (0, 1))
    for numbers in ([7, 8, 9], [1, 1, 2], [0, 1, 3]):
        assert order_by_number(numbers, rows, 3) == (rows, ())


@pytest.mark.parametrize(
    ("others", "is_from_1"),
    [
        ([], False),
        ([(0,)], False),
        ([(1,)], True),
        ([(0,), (1,)], False),
        ([()], False),
    ],
)
def test_other_faces_tell_the_first_number(others, is_from_1):
    rows, firsts = order_by_number([1, 2, 3, 4], [(i, i) for i in range(1, 5)], 5)
    face = make(rows=rows)._replace(firsts=firsts)
    faces = settle_firsts([face, *(make()._replace(firsts=told) for told in others)])
    points = [1, 2, 3, 4, np.nan] if is_from_1 else [np.nan, 1, 2, 3, 4]
    np.testing.assert_array_equal(faces[0].points_image[:, 0], points)
    for other in faces[1:]:
        np.testing.assert_array_equal(other.points_image, make().points_image)


def test_numbers_are_written_with_six_digits_at_most():
    values = (1.0, -0.25, 1 / 3, -1e-9, 1234567.5)
    written = ["1", "-0.25", "0.333333", "0", "1234567.5"]
    assert [format_number(value) for value in values] == written


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="expected a file, found none"):
        read_bytes(tmp_path / "gone.xml")
