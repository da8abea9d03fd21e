"""From a photo to all its faces, with a detector and a model made for the test."""

import numpy as np
import pytest

from landmark import geometry
from landmark.landmarker import FaceLandmarker

BOXES = np.array([[20.2, 30.7, 60.1, 80.4], [-15.0, -9.0, 30.0, 30.0]])


class Detector:
    """Finds the given boxes."""

    def __init__(self, boxes):
        self.boxes = boxes

    def detect(self, image):
        return self.boxes, np.linspace(0.9, 0.5, len(self.boxes))


class Model:
    """Puts all points in one place, and remembers its patches."""

    input_size = 24

    def predict(self, patches):
        self.patches = patches
        places = [(0.25, 0.75), (1.1, 0.0)]
        return np.float32([[places[i % 2]] * 68 for i in range(len(patches))])


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


def test_faces_have_box_score_and_points(photo):
    faces = FaceLandmarker(Detector(BOXES), Model(), 0.1).find_faces(photo)
    assert [face.score for face in faces] == [0.9, 0.5]
    np.testing.assert_array_equal([face.box for face in faces], BOXES)
    # 49.7 and 45 pixels on the longer side, 10 % more.
    squares = [geometry.Square(13, 29, 55), geometry.Square(-17, -14, 50)]
    assert squares == [geometry.square_from_box(box, 0.1) for box in BOXES]
    expected = [(13 - 0.5 + 0.25 * 55, 29 - 0.5 + 0.75 * 55), (-17.5 + 55, -14.5)]
    for face, point in zip(faces, expected, strict=True):
        assert face.points_image.shape == (68, 2)
        np.testing.assert_allclose(face.points_image, [point] * 68, atol=1e-4)


# Trap: the crop at inference differs from the one of extraction.
@pytest.mark.parametrize("extend_ratio", [0.0, 0.1, 0.5])
def test_patches_are_those_of_extraction(photo, extend_ratio):
    model = Model()
    FaceLandmarker(Detector(BOXES), model, extend_ratio).find_faces(photo)
    for box, patch in zip(BOXES, model.patches, strict=True):
        square = geometry.square_from_box(box, extend_ratio)
        expected = geometry.resize_patch(geometry.crop_image(photo, square), 24)
        np.testing.assert_array_equal(patch, expected)


def test_many_faces(photo):
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 60, (10, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 40, (10, 2))], axis=1)
    faces = FaceLandmarker(Detector(boxes), Model(), 0.1).find_faces(photo)
    assert len(faces) == 10
    np.testing.assert_array_equal([face.box for face in faces], boxes)


def test_no_face(photo):
    landmarker = FaceLandmarker(Detector(np.zeros((0, 4))), Model(), 0.1)
    assert landmarker.find_faces(photo) == []


def test_time_is_added_up(photo):
    landmarker = FaceLandmarker(Detector(BOXES), Model(), 0.1)
    assert landmarker.seconds.tolist() == [0, 0]
    landmarker.find_faces(photo)
    once = landmarker.seconds.copy()
    landmarker.find_faces(photo)
    assert (once > 0).all()
    assert (landmarker.seconds > once).all()
