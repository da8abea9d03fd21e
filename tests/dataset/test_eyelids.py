"""Closed eyes: where the points go, and what of the picture changes."""

import numpy as np
import pytest

from landmark.dataset.eyelids import close_eyes
from landmark.face import metrics
from landmark.face.scheme import IBUG68
from landmark.synthetic.faces import draw_patches

WIDTH = 200
LIDS = {"right_eye": 40, "left_eye": 120}  # x of the first corner.
NAN = np.nan


def make_face():
    """A patch of skin with two dark eyes, and its points: crop pixels in whole numbers.

    Eyes are 40 pixels wide, their lids 8 above and 8 below the line of their corners.
    """
    pixels = np.full((68, 2), 150.0)
    around = (0, 0), (12, -8), (28, -8), (40, 0), (28, 8), (12, 8)
    for eye, x in LIDS.items():
        pixels[IBUG68.chains[eye]] = np.add(around, (x, 80))
        brow = np.column_stack([np.linspace(-5, 45, 5), np.full(5, -30)])
        pixels[IBUG68.chains[eye.replace("eye", "brow")]] = brow + (x, 80)
    patch = np.full((WIDTH, WIDTH, 3), (200, 150, 120), np.uint8)
    rows, columns = np.mgrid[:WIDTH, :WIDTH]
    for x in LIDS.values():
        inside = np.abs(rows - 80) < 9.5 * (1 - ((columns - x - 20) / 20) ** 2)
        patch[inside] = (20, 40, 60)
    return patch, (pixels + 0.5) / WIDTH


def test_points_of_closed_lids_lie_on_each_other():
    patch, points = make_face()
    _, closed = close_eyes(patch, points, (1, 1))
    pixels = closed * WIDTH - 0.5
    for eye, x in LIDS.items():
        # The upper lid comes down 0.8 of the 16 pixels, the lower rises the rest.
        y = 80 - 8 + 0.8 * 16
        expected = (x, 80), (x + 12, y), (x + 28, y), (x + 40, 80)
        lids = pixels[IBUG68.chains[eye]]
        np.testing.assert_allclose(lids, [*expected, expected[2], expected[1]])
    assert metrics.aspects(closed)["eye"] == pytest.approx(0, abs=1e-9)


def test_half_closed_lids_go_half_the_way():
    patch, points = make_face()
    _, half = close_eyes(patch, points, (0.5, 0.5))
    lids = half[IBUG68.chains["right_eye"]] * WIDTH - 0.5
    np.testing.assert_allclose(lids[[1, 2], 1], 80 - 8 + 6.4)
    np.testing.assert_allclose(lids[[4, 5], 1], 80 + 8 - 1.6)
    aspect = metrics.aspects(points)["eye"]
    assert metrics.aspects(half)["eye"] == pytest.approx(aspect / 2)


def test_points_slide_to_where_the_lids_meet():
    patch, points = make_face()
    points[37, 0] += 4 / WIDTH  # No longer straight above its partner.
    _, closed = close_eyes(patch, points, (1, 0))
    np.testing.assert_allclose(closed[37], closed[41])
    assert closed[37, 0] * WIDTH - 0.5 == pytest.approx(40 + 14)


def test_all_else_stays():
    patch, points = make_face()
    before = patch.copy(), points.copy()
    closed, moved = close_eyes(patch, points, (1, 1))
    np.testing.assert_array_equal(patch, before[0])
    np.testing.assert_array_equal(points, before[1])
    lids = [37, 38, 40, 41, 43, 44, 46, 47]
    rest = np.delete(np.arange(68), lids)
    np.testing.assert_allclose(moved[rest], points[rest], rtol=0, atol=1e-12)
    assert (moved[lids] != points[lids]).any(axis=1).all()
    changed = (closed != patch).any(axis=2)
    rows, columns = np.nonzero(changed)
    # Above, 0.6 of the way to the brow and no more; below, 0.3 of the eye's width.
    assert rows.min() >= 80 - 8 - 0.6 * 22 - 3
    assert rows.max() <= 80 + 11 + 0.3 * 40
    beside = [(columns > x) & (columns < x + 40) for x in LIDS.values()]
    assert np.logical_or(*beside).all()


def test_closed_eyes_show_skin():
    patch, points = make_face()
    closed, _ = close_eyes(patch, points, (1, 0))
    left, right = closed[:, 120:161], closed[:, 40:81]
    np.testing.assert_array_equal(left, patch[:, 120:161])
    # The eye was dark where its lid is now, above the shadow of where they meet.
    assert patch[76:80, 60].max() <= 60
    assert (np.abs(right[76:80, 20].astype(int) - (200, 150, 120)) < 25).all()
    # Where it meets the other one the lashes are, and not as dark as the eye was.
    assert 60 <= right[85:87, 20, 0].min() < 100


def test_half_closed_eyes_show_what_was_behind():
    patch, points = make_face()
    half, _ = close_eyes(patch, points, (0.5, 0.5))
    # But for the shadow of the lashes above.
    np.testing.assert_allclose(half[86, 60], patch[86, 60], atol=7)
    assert (np.abs(half[74:76, 60].astype(int) - (200, 150, 120)) < 40).all()


def test_no_share_changes_nothing():
    drawn = draw_patches(np.random.default_rng(0), 3, 90)
    for patch, points in zip(*drawn, strict=True):
        same, at = close_eyes(patch, points, (0, 0))
        np.testing.assert_array_equal(same, patch)
        np.testing.assert_array_equal(at, points)
        # The least that is asked for changes next to nothing.
        same, at = close_eyes(patch, points, (1e-6, 1e-6))
        assert np.abs(same.astype(int) - patch).max() <= 1
        np.testing.assert_allclose(at, points, atol=1e-5)


def test_closed_eyes_stay_as_they_are():
    patch, points = make_face()
    closed, at = close_eyes(patch, points, (1, 1))
    again, still = close_eyes(closed, at, (1, 1))
    np.testing.assert_array_equal(again, closed)
    np.testing.assert_allclose(still, at, atol=1e-9)


@pytest.mark.parametrize(
    ("index", "place"),
    [
        (36, (NAN, NAN)),
        (38, (NAN, NAN)),
        (39, (41, 80)),
        (37, (75, 72)),
        (41, (52, 60)),
    ],
    ids=["no corner", "no lid", "no width", "out of order", "inside out"],
)
def test_eyes_that_cannot_be_closed_stay(index, place):
    patch, points = make_face()
    points[index] = (np.array(place) + 0.5) / WIDTH
    closed, at = close_eyes(patch, points, (1, 1))
    np.testing.assert_array_equal(closed[:, :100], patch[:, :100])
    np.testing.assert_array_equal(at[36:42], points[36:42])
    assert (closed[:, 100:] != patch[:, 100:]).any()


def test_eyes_without_a_brow_and_over_the_border_close():
    patch, points = make_face()
    points[17:27] = NAN
    closed, at = close_eyes(patch, points, (1, 1))
    assert metrics.aspects(at)["eye"] == pytest.approx(0, abs=1e-9)
    assert (closed != patch).any()
    points[:, 0] -= 0.3  # 60 pixels: half of the right eye is gone.
    closed, at = close_eyes(patch, points, (1, 1))
    assert closed.shape == patch.shape
    for shift in ((5, 0), (-5, 0), (0, 5), (0, -5)):
        closed, at = close_eyes(patch, points + shift, (1, 1))
        np.testing.assert_array_equal(closed, patch)
