"""What is wrong with a collection as a whole."""

import numpy as np
import pytest

from landmark.checking import fits, looks, whole
from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.files import exif
from landmark.files.pts import PtsFormat

SQUARE = geometry.Square(0, 0, 200)


def see(points, predicted):
    annotation, _ = fits.find_comparison(IBUG68, IBUG68)
    errors = fits.explain(points, predicted, annotation, IBUG68)
    return looks.Seen(points, predicted, errors, (points - predicted).mean(0), SQUARE)


@pytest.fixture
def predicted():
    return np.random.default_rng(0).random((30, 68, 2))


def describe(points, predicted, first_pixel=1):
    rng = np.random.default_rng(1)
    points = points + rng.normal(0, 0.002, points.shape)
    seen = [see(*face) for face in zip(points, predicted, strict=True)]
    return whole.describe(seen, PtsFormat(first_pixel=first_pixel), "here")


def test_all_is_well(predicted):
    assert describe(predicted, predicted) == []
    assert describe(predicted[:9, IBUG68.mirror], predicted[:9]) == []  # Too few.


def test_left_and_right(predicted):
    (sentence,) = describe(predicted[:, IBUG68.mirror], predicted)
    assert "here: 30 of 30 faces have left and right exchanged" in sentence


def test_one_other_order(predicted):
    rows = np.random.default_rng(2).permutation(68)
    (sentence,) = describe(predicted[:, rows], predicted)
    told = [int(n) for n in sentence.rpartition(" are ")[2].split()]
    np.testing.assert_array_equal(rows[told], np.arange(68))


def test_many_orders_are_not_one(predicted):
    rng = np.random.default_rng(3)
    permuted = np.array([face[rng.permutation(68)] for face in predicted])
    assert describe(permuted, predicted) == []


@pytest.mark.parametrize(("first_pixel", "shift"), [(0, 1), (1, -1)])
def test_first_pixel(predicted, first_pixel, shift):
    (sentence,) = describe(predicted + shift / 200, predicted, first_pixel)
    assert sentence.endswith(f"give --first_pixel={1 - first_pixel}")
    # Not where only one axis is off, nor by more, nor where no flag mends it.
    assert describe(predicted + (shift / 200, 0), predicted, first_pixel) == []
    assert describe(predicted + 2 * shift / 200, predicted, first_pixel) == []
    assert describe(predicted - shift / 200, predicted, first_pixel) == []


@pytest.mark.parametrize("frame", [exif.SHOWN, exif.STORED])
def test_frame(predicted, frame):
    errors = {fits.PLAIN: 0.3, fits.FRAMES[frame]: 0.01}
    seen = see(predicted[0], predicted[0])._replace(errors=errors)
    look = looks.Look(None, seen=seen, orientation=6)
    upright = look._replace(orientation=exif.UPRIGHT)
    (sentence,) = whole.describe_frame([look, upright], "here")
    assert "1 of 1 photos" in sentence
    assert sentence.endswith(f"give --exif={frame}")
    assert whole.describe_frame([upright], "here") == []


def test_lean(predicted):
    seen = [see(face + (0.01, 0), face) for face in predicted]
    assert "+1.00 % to the right and +0.00 % below" in whole.describe_lean(seen, "x")
