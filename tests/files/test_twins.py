"""Photos that are there twice."""

import cv2
import numpy as np
import pytest

from landmark.files import twins


@pytest.fixture
def thumbnails():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 6, 6)).astype(np.uint8)
    return np.array([cv2.resize(c, (32, 32)) for c in coarse])


def test_twins_and_mirror_twins_are_found(thumbnails):
    _, coded = cv2.imencode(".jpg", thumbnails[1], [cv2.IMWRITE_JPEG_QUALITY, 60])
    again = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    pictures = [*thumbnails, again, thumbnails[4][:, ::-1]]
    found = twins.find_twins(list(range(8)), pictures)
    assert found == [(1, 6, twins.SAME), (4, 7, twins.MIRRORED)]


def test_faces_of_one_photo_are_none(thumbnails):
    pictures = [thumbnails[0], thumbnails[0], thumbnails[0]]
    assert twins.find_twins(["a", "a", "b"], pictures) == [(0, 2, twins.SAME)]


def test_what_shows_nothing_has_no_twin():
    assert twins.find_twins(["a", "b"], np.full((2, 32, 32), 9, np.uint8)) == []
    assert twins.find_twins([], []) == []
