"""Drawings, as pixels."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from landmark.face import points as ibug
from landmark.pictures import mosaic
from landmark.script.errors import InputError

RED = (255, 0, 0)
FAR = (-99.0, -99.0)  # Out of every picture.


@pytest.fixture
def image():
    return np.zeros((40, 60, 3), np.uint8)


def place(**xy):
    """68 points far away but for those named p<index>."""
    points = np.tile(FAR, (ibug.NUM_POINTS, 1))
    for name, position in xy.items():
        points[int(name[1:])] = position
    return points


def test_points_are_drawn_with_their_centre_in_place(image):
    mosaic.draw_points(image, place(p30=(30.5, 20)), RED, radius=4)
    weights = image[..., 0].astype(float)
    rows, columns = np.mgrid[:40, :60]
    centre = np.array([(columns * weights).sum(), (rows * weights).sum()])
    np.testing.assert_allclose(centre / weights.sum(), (30.5, 20), atol=0.1)


def test_lines_close_eyes_but_not_the_jaw(image):
    x_and_y = dict(p36=(10, 10), p37=(10, 30), p38=(50, 30))
    rest = {f"p{index}": (50, 10) for index in (39, 40, 41)}
    mosaic.draw_points(image, place(**x_and_y, **rest), RED, radius=0, lines=True)
    for x, y in ((10, 20), (30, 30), (50, 20), (30, 10)):  # Its four sides.
        np.testing.assert_allclose(image[y, x], RED, atol=60)
    image[:] = 0
    jaw = {f"p{index}": (50, 10) for index in range(3, 17)}
    jaw |= dict(p0=(10, 10), p1=(10, 30), p2=(50, 30))
    mosaic.draw_points(image, place(**jaw), RED, radius=0, lines=True)
    assert image[30, 30].any()
    assert not image[10, 30].any()


def test_draw_face_draws_box_score_and_points(image):
    large = cv2.resize(image, (200, 200))
    mosaic.draw_face(large, np.array([50.2, 59.8, 150, 160]), 0.87, place(p30=(99, 99)))
    for x, y in ((50, 110), (150, 110), (100, 60), (100, 160)):
        np.testing.assert_allclose(large[y, x], (255, 200, 0), atol=60)
    assert large[99, 99].tolist() == [0, 255, 0]
    # The score stands above the box.
    assert large[45:58, 52:90].min(axis=2).max() > 240


def test_draw_face_takes_a_box_that_leaves_the_photo(image):
    points_image = place(p30=(30, 20), p8=(1000, 2000))
    mosaic.draw_face(image, np.array([-30.0, -20, 90, 70]), 1.0, points_image)
    assert image[20, 30].tolist() == [0, 255, 0]


def test_text_is_white_on_a_dark_rim(image):
    image[:] = 128
    mosaic.put_text(image, "17", (10, 30), scale=0.8)
    assert image.min() < 15
    assert image.max() > 240
    assert (image[:, 50:] == 128).all()  # Nothing beyond the text.


def test_tile_images_goes_row_by_row():
    images = [np.full((2, 3, 3), value, np.uint8) for value in (1, 2, 3, 4, 5)]
    grid = mosaic.tile_images(images, columns=3)
    assert grid.shape == (4, 9, 3)
    assert grid[::2, ::3, 0].tolist() == [[1, 2, 3], [4, 5, 0]]
    assert (grid[2:, 3:6] == 5).all()


@pytest.mark.parametrize(
    ("count", "columns", "shape"),
    [(1, 10, (2, 3, 3)), (4, 10, (2, 12, 3)), (4, 2, (4, 6, 3)), (3, 1, (6, 3, 3))],
)
def test_tile_images_takes_no_more_room_than_needed(count, columns, shape):
    images = [np.ones((2, 3, 3), np.uint8)] * count
    grid = mosaic.tile_images(images, columns)
    assert grid.shape == shape
    assert grid.all()


def test_prediction_shows_both_kinds_of_points_on_the_enlarged_patch():
    patch = np.full((56, 56, 3), 90, np.uint8)
    truth, predicted = place(p30=(0.25, 0.5)), place(p30=(0.75, 0.5))
    tile = mosaic.draw_prediction(patch, predicted, truth, "0.0123", size=168)
    assert tile.shape[1:] == (168, 3)
    assert tile.shape[0] > 168
    np.testing.assert_allclose(tile[84, 42], mosaic.TRUTH, atol=60)
    np.testing.assert_allclose(tile[84, 126], mosaic.PREDICTION, atol=60)
    assert (tile[84, 84] == 90).all()
    assert tile[168:].max() > 240  # The caption.
    assert (patch == 90).all()


def test_points_that_leave_the_patch_spare_the_caption():
    patch = np.full((56, 56, 3), 90, np.uint8)
    points = np.full((68, 2), (0.9, 1.04))
    bare = mosaic.draw_prediction(patch, place(), place(), "0.1")
    tile = mosaic.draw_prediction(patch, points, points, "0.1")
    np.testing.assert_array_equal(tile[168:], bare[168:])


@pytest.mark.parametrize(("code", "key"), [(ord("q"), "q"), (-1, "")])
def test_show_image_returns_the_key(monkeypatch, image, code, key):
    shown = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "imshow", lambda _, bgr: shown.append(bgr))
    monkeypatch.setattr(cv2, "waitKey", lambda _: code)
    image[:] = RED
    assert mosaic.show_image("face", image, 1) == key
    assert shown[0][0, 0].tolist() == [0, 0, 255]


def test_show_image_without_window_support(monkeypatch, image):
    def fail(*_):
        raise cv2.error("The function is not implemented.")

    monkeypatch.setattr(cv2, "imshow", fail)
    with pytest.raises(InputError, match="--disp: expected a display, found none"):
        mosaic.show_image("face", image, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is a display")
def test_show_image_without_a_display():
    # In a process of its own, which a window library may take with it.
    code = (
        "import numpy as np\n"
        "from landmark.pictures import mosaic\n"
        "from landmark.script import errors\n"
        "try:\n"
        "    mosaic.show_image('face', np.zeros((9, 9, 3), np.uint8), 1)\n"
        "except errors.InputError as error:\n"
        "    print(error)\n"
    )
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {
        name: text for name, text in os.environ.items() if name not in hidden
    }
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "--disp: expected a display, found none\n"
