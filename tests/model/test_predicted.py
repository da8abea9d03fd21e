"""What a landmark model may predict."""

import numpy as np
import pytest

from landmark.model.predicted import check_predicted
from landmark.script.errors import InputError

POINTS, SPREAD = np.full((2, 5, 2), -1.5), np.full((2, 5), 0.1)


def test_points_near_the_crop_are_taken():
    check_predicted(POINTS, SPREAD, "x")
    check_predicted(POINTS, None, "x")
    check_predicted(POINTS[:0], SPREAD[:0], "x")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.nan, "finite points of a landmark model, found nan or infinity"),
        (-np.inf, "finite points of a landmark model, found nan or infinity"),
        (-2000, "points of a landmark model within 1000 crops, found one 2e[+]03 away"),
    ],
)
def test_broken_points_are_refused(value, found):
    points, spread = POINTS.copy(), SPREAD.copy()
    points[1, 2, 0] = spread[0, 1] = value
    for broken in ((points, SPREAD), (points, None), (POINTS, spread)):
        with pytest.raises(InputError, match=f"a.tflite: expected {found}"):
            check_predicted(*broken, "a.tflite")
