"""Drawings, as pixels."""

import itertools
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from landmark.face.scheme import IBUG68
from landmark.pictures import mosaic
from landmark.script.errors import InputError

RED = (255, 0, 0)
FAR = (-99.0, -99.0)  # Out of every picture.


@pytest.fixture
def image():
    return np.zeros((40, 60, 3), np.uint8)


def place(**xy):
    """68 points far away but for those named p<index>."""
    points = np.tile(FAR, (IBUG68.num_points, 1))
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
    mosaic.draw_points(image, place(**x_and_y, **rest), RED, radius=0, thickness=1)
    for x, y in ((10, 20), (30, 30), (50, 20), (30, 10)):  # Its four sides.
        np.testing.assert_allclose(image[y, x], RED, atol=60)
    image[:] = 0
    jaw = {f"p{index}": (50, 10) for index in range(3, 17)}
    jaw |= dict(p0=(10, 10), p1=(10, 30), p2=(50, 30))
    mosaic.draw_points(image, place(**jaw), RED, radius=0, thickness=1)
    assert image[30, 30].any()
    assert not image[10, 30].any()


def test_draw_face_draws_box_score_and_points(image):
    large = cv2.resize(image, (200, 200))
    mosaic.draw_face(large, np.array([50.2, 59.8, 150, 160]), 0.87, place(p30=(99, 99)))
    for x, y in ((50, 110), (150, 110), (100, 60), (100, 160)):
        np.testing.assert_allclose(large[y, x], (255, 200, 0), atol=60)
    assert large[99, 99, 1] > 150
    # The score stands above the box.
    assert large[45:58, 52:90].min(axis=2).max() > 240


@pytest.mark.parametrize(
    "box",
    [
        (-30, -20, 90, 70),
        (-30, 10, 20, 90),
        (40, -50, 70, 20),
        (-500, -500, -400, -400),
        (30, 20, 30, 20),
        (35, 25, 25, 15),
    ],
)
def test_draw_face_takes_a_box_that_leaves_the_photo(image, box):
    points_image = place(p30=(30, 20), p8=(1000, 2000))
    before = image.copy()
    mosaic.draw_face(image, np.array(box, float), 1.0, points_image)
    assert (image != before).any()


@pytest.mark.parametrize(("size", "width"), [(20, 1), (300, 1), (1000, 4), (3000, 12)])
def test_box_and_lines_thicken_with_the_face(size, width):
    image = np.zeros((size + 200, size + 200, 3), np.uint8)
    middle = 100 + size // 2
    points = place(p36=(middle, 110), p37=(middle, 90 + size))
    points[38:42] = points[37]
    mosaic.draw_face(image, np.array([100, 100, 100 + size, 100 + size]), 1, points)
    row = image[100 + size // 4]
    box, line = row[:, 0].astype(int), row[:, 1].astype(int)
    assert (box > 128).sum() == pytest.approx(2 * width, abs=2)
    line[box > 0] = 0
    assert (line > 128).sum() == pytest.approx(width if size >= 120 else 0, abs=1)


def test_points_grow_with_the_face():
    areas = []
    for size in (20, 110, 300, 1000, 3000):
        image = np.zeros((size, size, 3), np.uint8)
        points = np.full((68, 2), size // 2)  # All in one place.
        mosaic.draw_face(image, np.array([-1, -1, size, size]), 1, points)
        inside = image[size // 4 : -size // 4, size // 4 : -size // 4]
        areas.append((inside[..., 1] > 128).sum())
    assert 1 <= areas[0] <= 9
    assert areas == sorted(areas)
    assert areas[-1] == pytest.approx(np.pi * (3000 / 200) ** 2, rel=0.2)


def test_small_faces_show_between_their_points():
    image = np.full((90, 100, 3), 90, np.uint8)
    points = place(p36=(30, 40), p37=(35, 36), p38=(40, 36), p39=(45, 40))
    points[40:42] = (40, 43), (35, 43)
    mosaic.draw_face(image, np.array([15, 10, 85, 80]), 1, points)
    assert (image[39:41, 33:43] == 90).all()  # The eye.
    for x, y in points[36:42].astype(int):
        assert image[y, x, 1] > 120


def score_rows_columns(image_size, box):
    """Where the score is written: bool (H,), bool (W,) of rows, columns."""
    width, height = image_size
    image = np.full((height, width, 3), 128, np.uint8)
    mosaic.draw_face(image, np.array(box, float), 0.87, place())
    written = image.max(axis=2) < 64  # Its rim; the box is bright.
    return written.any(axis=1).nonzero()[0], written.any(axis=0).nonzero()[0]


@pytest.mark.parametrize("scale", [1, 3, 10])
@pytest.mark.parametrize(
    ("image_size", "box", "side"),
    [
        ((200, 200), (50, 60, 150, 190), "above"),
        ((200, 200), (150, 60, 250, 190), "above"),
        ((200, 200), (-60, 60, 80, 190), "above"),
        ((200, 200), (50, 5, 150, 150), "below"),
        ((200, 200), (50, -50, 150, 150), "below"),
        ((200, 140), (10, 2, 140, 138), "right"),
        ((200, 140), (60, -20, 190, 170), "left"),
        ((140, 140), (5, 5, 135, 135), None),
        ((140, 140), (-50, -50, 190, 190), None),
    ],
)
def test_score_stands_beside_the_face(scale, image_size, box, side):
    image_size, box = np.multiply(image_size, scale), np.multiply(box, scale)
    rows, columns = score_rows_columns(image_size, box)
    if side is None:
        assert not rows.size
        return
    (width, height), (x0, y0, x1, y1) = image_size, box
    assert {
        "above": rows[-1] < y0,
        "below": rows[0] > y1,
        "right": columns[0] > x1,
        "left": columns[-1] < x0,
    }[side]
    # It is whole.
    assert 0 < rows[0] < rows[-1] < height - 1
    assert 0 < columns[0] < columns[-1] < width - 1
    assert np.ptp(columns) > 2 * np.ptp(rows) > 20


def test_score_grows_with_the_face():
    heights = []
    for size in (90, 500, 3000):
        box = (size, size, 2 * size, 2 * size)
        rows, _ = score_rows_columns((2 * size, size), box)
        heights.append(np.ptp(rows))
    assert 8 < heights[0] < 16
    assert heights[0] < heights[1] < heights[2]
    assert heights[2] == pytest.approx(6 * heights[1], rel=0.1)


def test_score_is_left_out_where_it_is_wider_than_the_face():
    rows, _ = score_rows_columns((200, 200), (90, 90, 112, 112))
    assert not rows.size


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
    tile = mosaic.draw_prediction(patch, predicted, truth, "a", 0.0123, size=168)
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
    bare = mosaic.draw_prediction(patch, place(), place(), "a", 0.1)
    tile = mosaic.draw_prediction(patch, points, points, "a", 0.1)
    np.testing.assert_array_equal(tile[168:], bare[168:])


def draw_caption(name, error=0.1):
    """Returns the two lines under a tile: (h, 168, 3) uint8 of name, of error."""
    patch = np.zeros((56, 56, 3), np.uint8)
    tile = mosaic.draw_prediction(patch, place(), place(), name, error)
    return np.array_split(tile[168:], 2)


def test_caption_tells_name_and_error():
    name, error = draw_caption("lfpw-image_0001", 0.01234)
    other_name, same_error = draw_caption("lfpw-image_0002", 0.012335)
    assert (name != other_name).any()
    np.testing.assert_array_equal(error, same_error)  # Four decimals: 0.0123.
    same_name, other_error = draw_caption("lfpw-image_0001", 0.01236)
    np.testing.assert_array_equal(name, same_name)
    assert (error != other_error).any()


def test_long_names_keep_their_ends_and_stay_in_the_tile():
    long = "helen-some_long_folder-" + "2" * 50
    captions = [
        draw_caption(long + end)[0] for end in ("5_1", "5_2", "5_1@rotated", "5_1@2")
    ]
    for caption in captions:
        used = caption.any(axis=(0, 2)).nonzero()[0]
        assert 0 < used[0] < used[-1] < 167
        assert used[-1] > 150  # As much of the name as fits.
    for one, other in itertools.combinations(captions, 2):
        assert (one != other).any()


def test_letters_that_cannot_be_drawn_become_question_marks():
    np.testing.assert_array_equal(draw_caption("Zoë-\udcff_1"), draw_caption("Zo?-?_1"))


@pytest.mark.parametrize("size", [56, 300])
def test_tiles_come_in_any_size(size):
    patch = np.zeros((56, 56, 3), np.uint8)
    tile = mosaic.draw_prediction(patch, place(), place(), "a" * 99, 0.1, size=size)
    assert tile.shape[1] == size
    assert not tile[:, -1].any()


def test_grey_patch_keeps_coloured_points():
    patch = np.full((56, 56, 3), (200, 100, 50), np.uint8)
    truth, predicted = place(p30=(0.25, 0.5)), place(p30=(0.75, 0.5))
    tile = mosaic.draw_prediction(patch, predicted, truth, "a", 0.1, is_color=False)
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert (tile[:60] == luma).all()
    np.testing.assert_allclose(tile[84, 42], mosaic.TRUTH, atol=60)
    np.testing.assert_allclose(tile[84, 126], mosaic.PREDICTION, atol=60)
    coloured = mosaic.draw_prediction(patch, predicted, truth, "a", 0.1)
    assert (coloured[:60] == (200, 100, 50)).all()


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
