"""The frame of photos as stored, and as shown."""

import numpy as np
import pytest
from PIL import Image

from landmark.face.scheme import IBUG68
from landmark.files import exif
from landmark.files.photos import read_image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_go_where_their_pixel_is_shown(tmp_path, orientation):
    stored = np.zeros((5, 7, 3), np.uint8)
    x, y = 5, 1
    stored[y, x] = 255
    tags = Image.Exif()
    tags[0x0112] = orientation
    path = tmp_path / "photo.png"
    Image.fromarray(stored).save(path, exif=tags)
    assert exif.read_orientation(path) == orientation
    shown = read_image(path)
    size = shown.shape[1::-1]
    found = exif.to_shown([[x, y]], orientation, size)
    (row,), (column,) = np.nonzero(shown[..., 0])
    np.testing.assert_array_equal(found, [[column, row]])
    back = exif.to_stored(found, orientation, size)
    np.testing.assert_array_equal(back, [[x, y]])
    box = exif.boxes_to_shown(np.array([[x, y, x, y]]), orientation, size)
    np.testing.assert_array_equal(box, [[column, row, column, row]])


def test_boxes_stay_the_right_way_round():
    box = exif.boxes_to_shown(np.array([[1.0, 2, 3, 5]]), 6, (10, 20))
    np.testing.assert_array_equal(box, [[4, 1, 7, 3]])
    assert exif.boxes_to_shown(np.zeros((0, 4)), 6, (10, 20)).shape == (0, 4)


def test_points_of_a_mirrored_photo_get_their_new_names():
    points = np.random.default_rng(0).random((68, 2))
    shown = exif.to_shown(points, 2, (11, 9), IBUG68)
    np.testing.assert_allclose(shown[16], (10 - points[0, 0], points[0, 1]))
    np.testing.assert_allclose(exif.to_stored(shown, 2, (11, 9), IBUG68), points)


def test_what_has_no_orientation_is_upright(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"no picture")
    assert exif.read_orientation(path) == exif.UPRIGHT
    assert exif.read_orientation(tmp_path / "none.jpg") == exif.UPRIGHT
    tags = Image.Exif()
    tags[0x0112] = 77
    Image.new("RGB", (4, 4)).save(path, exif=tags)
    assert exif.read_orientation(path) == exif.UPRIGHT
