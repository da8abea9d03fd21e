"""Boxes, crops, and points into crops and back."""

import cv2
import numpy as np
import pytest

from landmark.face import geometry
from landmark.face.geometry import Square
from landmark.face.scheme import IBUG68, NAMES, find_scheme
from landmark.synthetic.faces import draw_face

ANGLES = [0, 7.3, -30, 45, 90, -135, 180]


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def photo(rng):
    return rng.integers(1, 256, (60, 80, 3), np.uint8)  # No black pixel.


def draw_blob(shape, x, y, sigma=2.5):
    """A bright, soft dot with its centre at (x, y), image pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    blob = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.round(blob).astype(np.uint8)[..., None], 3, axis=2)


def find_blob(image):
    """The centroid (x, y) of an image's brightness."""
    weights = image.mean(axis=2)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


def test_box_from_points():
    points = np.array([[3.0, 8.0], [1.0, 9.0], [2.0, 4.0]])
    assert geometry.box_from_points(points).tolist() == [1, 4, 3, 9]
    batch = np.stack([points, points + 10])
    assert geometry.box_from_points(batch).tolist() == [[1, 4, 3, 9], [11, 14, 13, 19]]


def test_face_box_adds_a_forehead_of_a_third_of_the_height():
    points_image = np.array([[10.0, 100.0], [110.0, 200.0]])
    np.testing.assert_allclose(
        geometry.face_box_from_points(points_image), [10, 67, 110, 200]
    )


@pytest.mark.parametrize(
    ("box", "area"),
    [
        ([0, 0, 2, 3], 6),
        ([-1, -1, 1, 1], 4),
        ([5, 5, 5, 9], 0),
        ([3, 0, 1, 2], 0),
        ([3, 3, 1, 1], 0),  # Inside out both ways: not 4.
    ],
)
def test_box_area(box, area):
    assert geometry.box_area(np.array(box, float)) == area


@pytest.mark.parametrize(
    ("box", "iou"),
    [
        ([0, 0, 2, 2], 1),
        ([1, 0, 3, 2], 2 / 6),
        ([1, 1, 3, 3], 1 / 7),
        ([0.5, 0.5, 1.5, 1.5], 1 / 4),
        ([2, 0, 4, 2], 0),  # They touch.
        ([5, 5, 6, 6], 0),
        ([1, 1, 1, 1], 0),
    ],
)
def test_box_iou(box, iou):
    boxes = np.array([box, [0, 0, 2, 2]], float)
    found = geometry.box_iou(boxes, np.array([0.0, 0, 2, 2]))
    np.testing.assert_allclose(found, [iou, 1])


@pytest.mark.parametrize(
    ("box", "shared"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2]),
        ([1, -1, 3, 1], [1, 0, 2, 1]),
        ([0.5, 0.5, 1.5, 9], [0.5, 0.5, 1.5, 2]),
        ([2, 0, 4, 2], [2, 0, 2, 2]),  # They touch.
        ([5, 6, 7, 8], [5, 6, 2, 2]),  # Nothing: inside out.
    ],
)
def test_intersect(box, shared):
    one, other = np.array(box, float), np.array([0.0, 0, 2, 2])
    assert geometry.intersect(one, other).tolist() == shared
    assert geometry.intersect(other, one).tolist() == shared


def test_boxes_are_compared_each_with_each():
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], float)
    others = np.array([[1, 1, 3, 3], [0, 0, 2, 2]], float)
    expected = [[1 / 7, 1], [1 / 3, 1 / 3], [0, 0]]
    found = geometry.box_iou(boxes[:, None], others)
    np.testing.assert_allclose(found, expected)
    shared = geometry.intersect(boxes[:, None], others)
    assert shared.shape == (3, 2, 4)
    assert shared[1].tolist() == [[1, 1, 3, 2], [1, 0, 2, 2]]
    assert geometry.box_iou(boxes[:, None], np.zeros((0, 4))).shape == (3, 0)


def test_box_iou_of_boxes_without_area_is_zero():
    boxes = np.zeros((1, 4))
    assert geometry.box_iou(boxes, np.zeros(4)).tolist() == [0]


def test_no_jitter_keeps_the_box(rng):
    box = np.array([10.0, 20.0, 50.0, 100.0])
    np.testing.assert_allclose(geometry.jitter_box(box, 0.0, rng), box)


def test_jitter_stays_within_its_bounds_and_uses_them(rng):
    box = np.array([10.0, 20.0, 50.0, 100.0])
    boxes = np.array([geometry.jitter_box(box, 0.2, rng) for _ in range(500)])
    sizes = (boxes[:, 2:] - boxes[:, :2]) / (40, 80)
    shifts = ((boxes[:, 2:] + boxes[:, :2]) / 2 - (30, 60)) / (40, 80)
    np.testing.assert_allclose(sizes[:, 0], sizes[:, 1])  # The shape is kept.
    for values, middle in ((sizes, 1), (shifts, 0)):
        assert (abs(values - middle) <= 0.2 + 1e-9).all()
        assert values.min() < middle - 0.18
        assert values.max() > middle + 0.18


@pytest.mark.parametrize(
    ("box", "extend_ratio", "square"),
    [
        ((-0.5, -0.5, 9.5, 9.5), 0, Square(0, 0, 10)),  # A photo of 10 x 10.
        ((-0.5, -0.5, 9.5, 19.5), 0, Square(-5, 0, 20)),  # The longer side counts,
        ((-0.5, -0.5, 19.5, 9.5), 0, Square(0, -5, 20)),  # whichever it is.
        ((-0.5, -0.5, 99.5, 99.5), 0.1, Square(-5, -5, 110)),
        ((19.5, 39.5, 39.5, 49.5), 0.5, Square(15, 30, 30)),
        ((7.1, 8.1, 7.1, 8.1), 0.1, Square(7, 8, 1)),
        ((9.0, 9.0, 5.0, 5.0), 0.1, Square(7, 7, 1)),  # Inside out.
    ],
)
def test_square_from_box(box, extend_ratio, square):
    assert geometry.square_from_box(np.array(box), extend_ratio) == square


def test_square_is_of_whole_pixels_and_about_the_boxs_centre(rng):
    for _ in range(200):
        x0, y0, width, height = rng.uniform((-50, -50, 1, 1), (400, 400, 200, 200))
        square = geometry.square_from_box((x0, y0, x0 + width, y0 + height), 0.1)
        assert all(isinstance(value, int) for value in square)
        assert abs(square.side - 1.1 * max(width, height)) <= 0.5
        assert abs(square.left + (square.side - 1) / 2 - (x0 + width / 2)) <= 0.5
        assert abs(square.top + (square.side - 1) / 2 - (y0 + height / 2)) <= 0.5


@pytest.mark.parametrize(
    ("point_image", "point"),
    [
        ((10, 20), (0.125, 0.125)),  # Pixel i of N lies at (i + 0.5) / N.
        ((13, 23), (0.875, 0.875)),
        ((9.5, 19.5), (0, 0)),
        ((13.5, 23.5), (1, 1)),
        ((7.5, 25.5), (-0.5, 1.5)),  # Points may leave the crop.
    ],
)
def test_to_crop_and_from_crop(point_image, point):
    square = Square(left=10, top=20, side=4)
    np.testing.assert_allclose(geometry.to_crop(point_image, square), point)
    np.testing.assert_allclose(geometry.from_crop(point, square), point_image)


def test_into_the_crop_and_back(rng):
    points_image = rng.uniform(-100, 4000, (5, 68, 2))
    for square in (Square(10, 20, 56), Square(-37, 1500, 333), Square(0, 0, 1)):
        points = geometry.to_crop(points_image, square)
        back = geometry.from_crop(points, square)
        np.testing.assert_allclose(back, points_image, rtol=0, atol=1e-9)


def test_crop_inside_the_photo_is_a_slice(photo):
    patch = geometry.crop_image(photo, Square(left=30, top=10, side=25))
    np.testing.assert_array_equal(patch, photo[10:35, 30:55])


# Trap: a crop clipped at the photo's border and then resized squashes the face.
@pytest.mark.parametrize(
    "square",
    [Square(-20, 15, 40), Square(60, 15, 40), Square(20, -9, 40), Square(20, 45, 40)]
    + [Square(-10, -15, 120), Square(70, 50, 30), Square(-5, -5, 10)],
)
def test_crop_over_the_border_is_padded_with_black(photo, square):
    patch = geometry.crop_image(photo, square)
    assert patch.shape == (square.side, square.side, 3)
    canvas = np.zeros((400, 400, 3), np.uint8)  # The photo with much black around.
    canvas[100:160, 100:180] = photo
    rows = slice(square.top + 100, square.top + 100 + square.side)
    columns = slice(square.left + 100, square.left + 100 + square.side)
    np.testing.assert_array_equal(patch, canvas[rows, columns])
    assert patch.any()


@pytest.mark.parametrize(
    "square",
    [Square(-50, 10, 20), Square(500, 10, 20), Square(10, -900, 20), Square(9, 70, 20)],
)
def test_crop_beyond_the_photo_is_black(photo, square):
    patch = geometry.crop_image(photo, square)
    assert patch.shape == (20, 20, 3)
    assert not patch.any()


# The same trap, as seen: a circle that hangs over the border stays round.
@pytest.mark.parametrize("size", [56, 80, 120])
def test_circle_at_the_border_stays_round(size):
    image = np.zeros((100, 100, 3), np.uint8)
    cv2.circle(image, (4, 50), 20, (255, 255, 255), -1)
    patch = geometry.crop_image(image, Square(-36, 10, 80))
    patch = geometry.resize_patch(patch, size)
    rows, columns, _ = np.nonzero(patch > 127)
    # 41 pixels high, and 25 of its 41 columns lie in the photo.
    assert np.ptp(rows) + 1 == pytest.approx(41 * size / 80, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(25 * size / 80, abs=1)


@pytest.mark.parametrize("size", [40, 56, 100, 101, 250])
def test_resizing_keeps_crop_normalised_coordinates(size):
    patch = geometry.resize_patch(draw_blob((100, 100), 37.2, 61.8, sigma=6), size)
    assert patch.shape == (size, size, 3)
    expected = (np.array([37.2, 61.8]) + 0.5) / 100
    np.testing.assert_allclose(
        (find_blob(patch) + 0.5) / size, expected, atol=0.1 / size
    )


def test_resizing_down_averages():
    patch = np.zeros((4, 4, 3), np.uint8)
    patch[::2, ::2] = 200  # One pixel in four.
    assert (geometry.resize_patch(patch, 2) == 50).all()


@pytest.mark.parametrize(
    ("size", "row"),
    [
        ((2, 4), [50, 150]),  # Area average,
        ((4, 2), [0, 100, 200, 100]),
        ((2, 8), [50, 150]),  # also where it shrinks one way only.
        ((8, 4), [0, 25, 75, 125, 175, 175, 125, 100]),  # Bilinear.
    ],
)
def test_resize_image(size, row):
    image = np.zeros((4, 4, 3), np.uint8)
    image[:] = np.array([0, 100, 200, 100])[:, None]
    found = geometry.resize_image(image, size)
    assert found.shape == (size[1], size[0], 3)
    np.testing.assert_array_equal(found, np.broadcast_to(np.c_[row], found.shape))


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (0, (0.5, 0)),
        (90, (1, 0.5)),  # Clockwise, what was on top comes to the right.
        (-90, (0, 0.5)),
        (180, (0.5, 1)),
        (45, (0.5 + 0.5**1.5, 0.5 - 0.5**1.5)),
    ],
)
def test_rotate_points(degrees, expected):
    found = geometry.rotate_points([[0.5, 0.0], [0.5, 0.5]], degrees)
    np.testing.assert_allclose(found, [expected, (0.5, 0.5)], atol=1e-12)


@pytest.mark.parametrize("degrees", ANGLES)
def test_rotate_there_and_back(rng, degrees):
    points = rng.uniform(-0.2, 1.2, (68, 2))
    turned = geometry.rotate_points(points, degrees)
    back = geometry.rotate_points(turned, -degrees)
    np.testing.assert_allclose(back, points, rtol=0, atol=1e-9)


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("square", [Square(30, 20, 61), Square(31, 22, 60)])
def test_rotated_patch_agrees_with_its_rotated_points(degrees, square):
    point_image = np.array([55.3, 38.6])
    image = draw_blob((120, 140), *point_image)
    patch = geometry.crop_rotated(image, square, degrees)
    point = geometry.rotate_points(geometry.to_crop(point_image, square), degrees)
    np.testing.assert_allclose(
        find_blob(patch), point * square.side - 0.5, rtol=0, atol=0.3
    )


@pytest.mark.parametrize("degrees", [0, 25, -70])
def test_rotated_patch_agrees_with_its_points_over_the_border(degrees):
    square, point_image = Square(-30, -24, 71), np.array([11.4, 12.2])
    image = draw_blob((60, 60), *point_image)
    patch = geometry.crop_rotated(image, square, degrees)
    point = geometry.rotate_points(geometry.to_crop(point_image, square), degrees)
    np.testing.assert_allclose(
        find_blob(patch), point * square.side - 0.5, rtol=0, atol=0.3
    )


@pytest.mark.parametrize("square", [Square(30, 10, 25), Square(-12, 40, 50)])
def test_rotation_by_right_angles_is_exact(photo, square):
    upright = geometry.crop_image(photo, square)
    for quarters in range(4):
        turned = geometry.crop_rotated(photo, square, 90 * quarters)
        np.testing.assert_array_equal(turned, np.rot90(upright, -quarters))


def test_rotated_patch_is_black_where_the_photo_does_not_reach(photo):
    patch = geometry.crop_rotated(photo, Square(0, 0, 60), 45)
    assert patch.shape == (60, 60, 3)
    assert not patch[[0, 0, -1], [0, -1, 0]].any()
    assert patch[30, 30].all()


def test_flip_patch_and_points_agree():
    points = np.random.default_rng(0).uniform(0, 1, (68, 2))
    points[36] = (0.2, 0.3)
    patch = draw_blob((50, 50), 0.2 * 50 - 0.5, 0.3 * 50 - 0.5)
    flipped = geometry.flip_points(points)
    # The right outer eye corner becomes the left one, on the other side.
    np.testing.assert_allclose(flipped[45], (0.8, 0.3))
    np.testing.assert_allclose(
        find_blob(geometry.flip_patch(patch)), flipped[45] * 50 - 0.5, atol=0.05
    )


def test_flip_twice_is_nothing(rng, photo):
    points = rng.uniform(-0.2, 1.2, (3, 68, 2))
    twice = geometry.flip_points(geometry.flip_points(points))
    np.testing.assert_allclose(twice, points, rtol=0, atol=1e-12)
    twice = geometry.flip_patch(geometry.flip_patch(photo))
    np.testing.assert_array_equal(twice, photo)
    assert (geometry.flip_patch(photo) != photo).any()


@pytest.mark.parametrize(
    ("square", "margin", "expected"),
    [
        (Square(10, 20, 50), 0, Square(10, 20, 50)),
        (Square(10, 20, 50), 0.3, Square(-5, 5, 80)),
        (Square(-3, 0, 33), 0.3, Square(-13, -10, 53)),  # 9.9 pixels become 10.
        (Square(0, 0, 7), 1, Square(-7, -7, 21)),
        (Square(4, 5, 1), 0.4, Square(4, 5, 1)),
    ],
)
def test_add_margin(square, margin, expected):
    found = geometry.add_margin(square, margin)
    assert found == expected
    assert all(isinstance(number, int) for number in found)


def test_middle_of_a_crop_with_margin_is_the_crop(photo):
    square = Square(30, -10, 41)
    patch = geometry.crop_image(photo, geometry.add_margin(square, 0.3))
    assert patch.shape == (65, 65, 3)
    np.testing.assert_array_equal(
        patch[12:-12, 12:-12], geometry.crop_image(photo, square)
    )


@pytest.mark.parametrize("side", [1, 10, 57, 321])
def test_margin_comes_off_again(side):
    width = geometry.add_margin(geometry.Square(5, 7, side), 0.3).side
    left, top, inner = geometry.without_margin(width, 0.3)
    assert (left, inner) == (top, side)
    assert 2 * left + inner == width


def test_square_is_shifted_and_scaled_about_its_centre():
    square = geometry.Square(10, 20, 100)
    assert geometry.move_square(square, 0, 0, 1) == square
    assert geometry.move_square(square, 0.1, -0.2, 1) == (20, 0, 100)
    assert geometry.move_square(square, 0, 0, 1.1) == (5, 15, 110)
    assert geometry.move_square(square, 0.1, 0, 0.9) == (25, 25, 90)


# Of the first two the IoU is 3/5, of the second and third too; of the first and third
# it is 1/3. The fourth lies apart.
LINE = np.array([[0, 0, 2, 2], [0.5, 0, 2.5, 2], [1, 0, 3, 2], [7, 7, 9, 9]])


@pytest.mark.parametrize(
    ("scores", "max_iou", "kept"),
    [
        ((0.9, 0.8, 0.7, 0.6), 0.4, [0, 2, 3]),  # What is out keeps nobody out.
        ((0.8, 0.9, 0.7, 0.6), 0.4, [1, 3]),
        ((0.6, 0.7, 0.8, 0.9), 0.4, [3, 2, 0]),
        ((0.9, 0.8, 0.7, 0.6), 0.3, [0, 3]),
        ((0.9, 0.8, 0.7, 0.6), 0.6, [0, 1, 2, 3]),  # Up to max_iou both stay.
        ((0.5, 0.5, 0.5, 0.5), 0.4, [0, 2, 3]),
    ],
)
def test_suppress(scores, max_iou, kept):
    found = geometry.suppress(LINE, np.array(scores), max_iou)
    assert found.tolist() == kept
    assert found.dtype == np.int64


def test_suppress_nothing():
    assert geometry.suppress(np.zeros((0, 4)), np.zeros(0), 0.4).shape == (0,)


# Missing points, and other schemes.


@pytest.mark.filterwarnings("error")
def test_boxes_take_no_heed_of_missing_points(rng):
    points = rng.uniform(0, 100, (2, 68, 2))
    points[0, [3, 40]] = np.nan
    points[1, 5:] = np.nan
    expected = [
        [*kept.min(axis=0), *kept.max(axis=0)]
        for kept in (np.delete(points[0], [3, 40], axis=0), points[1, :5])
    ]
    found = geometry.box_from_points(points)
    np.testing.assert_array_equal(found, expected)
    grown = geometry.face_box_from_points(points)
    height = found[:, 3] - found[:, 1]
    np.testing.assert_allclose(grown[:, 1], found[:, 1] - 0.33 * height)
    np.testing.assert_array_equal(grown[:, [0, 2, 3]], found[:, [0, 2, 3]])


@pytest.mark.filterwarnings("error")
def test_box_of_no_points_is_nan():
    points = np.full((5, 2), np.nan)
    assert np.isnan(geometry.box_from_points(points)).all()


def test_face_box_grows_as_the_scheme_says():
    points_image = np.array([[10.0, 100.0], [110.0, 200.0]])
    five = find_scheme("five")
    found = geometry.face_box_from_points(points_image, five)
    np.testing.assert_allclose(found, [10 - 59, 100 - 98, 110 + 59, 200 + 61])
    found = geometry.points_box_to_overlap(points_image, five)
    np.testing.assert_allclose(found, [10 - 59, 100, 110 + 59, 200 + 61])
    assert points_image.tolist() == [[10, 100], [110, 200]]
    found = geometry.points_box_to_overlap(points_image)
    np.testing.assert_allclose(found, [10, 100, 110, 200])


@pytest.mark.parametrize("name", ["five", "ibug49", "ibug51", "wflw98"])
def test_schemes_frame_the_same_face_alike(name):
    scheme, ious = find_scheme(name), []
    for seed in range(12):
        boxes = [
            geometry.face_box_from_points(
                draw_face(np.random.default_rng([1, seed]), 64, one)[1], one
            )
            for one in (scheme, IBUG68)
        ]
        ious.append(geometry.box_iou(*boxes))
    # Without the jaw a mouth that opens and a head that turns tell less.
    assert np.median(ious) > 0.7
    assert min(ious) > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_flip_of_a_scheme(rng, name):
    scheme = find_scheme(name)
    points = rng.uniform(0, 1, (3, scheme.num_points, 2))
    points[1, 2] = np.nan
    flipped = geometry.flip_points(points, scheme)
    for index, partner in enumerate(scheme.mirror):
        x, y = points[:, partner].T
        np.testing.assert_allclose(flipped[:, index].T, [1 - x, y])
    assert np.isnan(flipped[1, scheme.mirror[2]]).all()
    assert np.isnan(flipped).sum() == 2
    back = geometry.flip_points(flipped, scheme)
    np.testing.assert_allclose(back, points, atol=1e-12)
