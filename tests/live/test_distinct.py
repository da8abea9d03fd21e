"""Faces beside each other."""

import numpy as np
import pytest

from landmark.face import geometry
from landmark.face.scheme import IBUG68, find_scheme
from landmark.live import distinct
from landmark.live.landmarker import FaceLandmarker, Landmarks
from landmark.synthetic.faces import draw_face

FIVE = find_scheme("five")


@pytest.fixture(scope="module")
def pair():
    """A picture of two drawn faces beside each other, and their points."""
    faces = [draw_face(np.random.default_rng(seed), 160) for seed in (3, 4)]
    picture = np.hstack([image for image, _ in faces])
    return picture, faces[0][1], faces[1][1] + (160, 0)


def boxes_of(*faces):
    return np.array([geometry.face_box_from_points(points) for points in faces])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (0.4, 0.9, [1]),
        (0.4, 0.5, [1]),
        (0.4, 0.3, []),  # The other one is less sure.
        (0.8, 0.9, []),  # It is sure itself.
        (np.nan, 0.9, []),  # Its model does not tell.
    ],
)
def test_who_confuses(pair, first, second, expected):
    _, left, right = pair
    faces = [Landmarks(left, first, IBUG68), Landmarks(right, second, IBUG68)]
    found = distinct.list_confusing(faces, boxes_of(left + (150, 0), right), 0)
    assert [face is faces[1] for face in found] == [True] * len(expected)


def test_who_is_far_confuses_none(pair):
    _, left, right = pair
    faces = [Landmarks(left, 0.4, IBUG68), Landmarks(right + (90, 0), 0.9, IBUG68)]
    assert distinct.list_confusing(faces, boxes_of(left, right), 0) == []


def test_cover_hides_the_face_and_nothing_else(pair):
    picture, left, right = pair
    before = picture.copy()
    covered = distinct.cover(picture, [Landmarks(left, 0.9, IBUG68)])
    np.testing.assert_array_equal(picture, before)
    inside = np.rint(left[17:]).astype(int)  # What is not the outline itself.
    colours = covered[inside[:, 1], inside[:, 0]]
    assert len(np.unique(colours, axis=0)) == 1
    np.testing.assert_array_equal(covered[:, 160:], picture[:, 160:])
    x0, y0, x1, y1 = np.rint(boxes_of(left)[0]).astype(int)
    np.testing.assert_array_equal(covered[: y0 - 1], picture[: y0 - 1])
    np.testing.assert_array_equal(covered[:, : x0 - 1], picture[:, : x0 - 1])


@pytest.mark.parametrize("shift", [0, 400])
def test_cover_of_points_that_are_missing_or_outside(pair, shift):
    picture, left, _ = pair
    left = left + shift
    left[5] = np.nan
    covered = distinct.cover(picture, [Landmarks(left, 0.9, IBUG68)])
    assert (covered != picture).any() == (shift == 0)


class Confused:
    """Finds the left face wherever that is to be seen, and is then unsure on the right.

    What is to be seen are plain colours: 200 is the left face, 100 the right one.
    """

    input_size, scheme, sharpest_spread = 8, FIVE, 0.02

    def predict_with_spread(self, patches):
        points, spread = np.zeros((len(patches), 5, 2)), np.zeros((len(patches), 5))
        for index, patch in enumerate(patches[..., 0]):
            left, right = (patch == 200).mean(), (patch == 100).mean()
            across = (0.2, 0.5) if right > left > 0 else (0.4, 0.6)
            points[index] = np.linspace((across[0], 0.4), (across[1], 0.6), 5)
            spread[index] = 0.05 if min(left, right) > 0.1 else 0.02
        return points, spread


def test_unsure_face_is_sought_without_the_surer_one():
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 8:40], image[:, 44:76] = 200, 100

    class Painted(Confused):
        """Sees the left face gone, once it is covered."""

        seen = []

        def predict_with_spread(self, patches):
            self.seen.append(len(patches))
            points, spread = super().predict_with_spread(patches)
            if len(self.seen) == 2:
                points, spread = points * 0 + 0.5, spread * 0 + 0.02
            return points, spread

    model = Painted()
    boxes = np.array([[8.0, 4, 39, 35], [28, 4, 75, 35]])
    left, right = FaceLandmarker(None, model, 0.0).find_landmarks(image, boxes)
    assert model.seen == [2, 1]
    assert (left.confidence, right.confidence) == (1, 1)
    # The second look counts: all its points are in the middle of the box.
    np.testing.assert_allclose(right.points_image, [[51.5, 19.5]] * 5, atol=1)


def test_second_look_that_is_less_sure_does_not_count():
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 8:40], image[:, 44:76] = 200, 100

    class Worse(Confused):
        seen = []

        def predict_with_spread(self, patches):
            self.seen.append(len(patches))
            points, spread = super().predict_with_spread(patches)
            return points, spread * (1 if len(self.seen) == 1 else 9)

    model = Worse()
    boxes = np.array([[8.0, 4, 39, 35], [28, 4, 75, 35]])
    _, right = FaceLandmarker(None, model, 0.0).find_landmarks(image, boxes)
    assert model.seen == [2, 1]
    assert right.confidence == pytest.approx(0.4)
