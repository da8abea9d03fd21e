"""Faces at any angle."""

import numpy as np
import pytest

from landmark.face import geometry, metrics
from landmark.face.pose import mean_face
from landmark.face.scheme import IBUG68
from landmark.library import open_landmarker
from landmark.live import turned
from landmark.live.landmarker import FaceLandmarker, Landmarks
from landmark.live.tracking import FaceTracker
from landmark.synthetic.faces import draw_face


def test_quarter_turns_take_points_back():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (5, 9, 3)).astype(np.uint8)
    pixels = [(0, 0), (8, 4), (3, 1)]
    for quarters in range(4):
        view, back = turned.turn_quarters(image, quarters)
        np.testing.assert_array_equal(view, np.rot90(image, quarters))
        columns, rows = np.meshgrid(*map(np.arange, view.shape[1::-1]))
        x, y = back(np.stack([columns, rows], axis=-1)).transpose(2, 0, 1)
        np.testing.assert_array_equal(image[y, x], view)
    for x, y in pixels:
        _, back = turned.turn_quarters(image, 1)
        # Turned counterclockwise, the right edge comes to the top.
        np.testing.assert_array_equal(back(np.array([y, 8 - x])), (x, y))


def test_boxes_stay_boxes():
    image = np.zeros((40, 60, 3), np.uint8)
    for quarters in range(4):
        _, back = turned.turn_quarters(image, quarters)
        x0, y0, x1, y1 = turned.turn_box(np.array([3.0, 5, 13, 25]), back)
        assert sorted([x1 - x0, y1 - y0]) == [10, 20]


class Counting:
    """Finds the same points, and counts how often."""

    def __init__(self, points):
        self.points, self.looks = points, 0

    def find(self, image, boxes):
        self.looks += 1
        return [Landmarks(self.points, 0.9, IBUG68)] * len(boxes)


def test_upright_face_is_looked_at_once():
    points = mean_face()[:, :2] * 40 + 100
    model = Counting(points)
    face = Landmarks(points, 0.9, IBUG68)
    image = np.zeros((200, 200, 3), np.uint8)
    box = geometry.face_box_from_points(points)
    assert turned.set_upright(image, box, face, model.find) is face
    assert model.looks == 0


@pytest.fixture(scope="module")
def landmarker():
    plain = open_landmarker()
    return FaceLandmarker(plain._detector, plain._models, None, 0.3, any_rotation=True)


def turn(image, points, degrees):
    """Turns a photo clockwise about its middle, on a larger canvas."""
    side = int(1.5 * max(image.shape))
    pad = (side - np.array(image.shape[:2])) // 2
    canvas = np.full((side, side, 3), 127, np.uint8)
    canvas[pad[0] : pad[0] + image.shape[0], pad[1] : pad[1] + image.shape[1]] = image
    square = geometry.Square(0, 0, side)
    patch = geometry.crop_rotated(canvas, square, degrees)
    inside = geometry.to_crop(points + pad[::-1], square)
    return patch, geometry.from_crop(geometry.rotate_points(inside, degrees), square)


def error_of(points_image, truth):
    return metrics.face_errors(points_image[None], truth[None])[1].item()


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_turned_faces_are_found(landmarker, degrees):
    for seed in range(4):
        image, points = turn(*draw_face(np.random.default_rng(seed), 240), degrees)
        (face,) = landmarker.find_faces(image)
        assert error_of(face.points_image, points) < 0.1


@pytest.mark.parametrize("degrees", [-45, -30, 30, 45])
def test_tilted_faces_are_set_upright(landmarker, degrees):
    for seed in range(6):
        image, points = turn(*draw_face(np.random.default_rng(seed), 240), degrees)
        box = geometry.box_from_points(points)
        (before,) = landmarker.find_landmarks(image, [box])
        after = turned.set_upright(image, box, before, landmarker.find_landmarks)
        assert error_of(after.points_image, points) < 0.1


def test_without_asking_turned_faces_are_not_sought():
    image, points = turn(*draw_face(np.random.default_rng(1), 240), 180)
    for face in open_landmarker().find_faces(image):
        assert error_of(face.points_image, points) > 0.1


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_turned_video_is_followed(landmarker, degrees):
    tracker = FaceTracker(landmarker)
    image, points = turn(*draw_face(np.random.default_rng(2), 240), degrees)
    for frame in range(4):
        (face,) = tracker.follow(np.roll(image, frame, axis=1), frame / 25)
        assert error_of(face.points_image, points + (frame, 0)) < 0.1
        x0, y0, x1, y1 = face.box
        middle = points.mean(axis=0)
        assert x0 < middle[0] < x1
        assert y0 < middle[1] < y1
        assert face.track == 1
