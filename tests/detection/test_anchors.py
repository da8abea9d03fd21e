"""Faces into targets for the anchors, and predictions back into faces."""

import numpy as np
import pytest

from landmark.detection import anchors

ANCHORS = anchors.make_anchors()
# Centre x, centre y, width, height.
WIDE = np.float32([0.5, 0.5, 0.2, 0.4])


def test_number_of_anchors():
    # 16 x 16 cells of 2, 8 x 8 of 3, 4 x 4 of 2.
    assert ANCHORS.shape == (512 + 192 + 32, 4)
    assert ANCHORS.dtype == np.float32


@pytest.mark.parametrize(
    ("index", "x", "y", "size"),
    [
        (0, 4, 4, 10),  # The sizes of a cell follow one another,
        (1, 4, 4, 15),
        (2, 12, 4, 10),  # then the cells of a row,
        (32, 4, 12, 10),  # then the rows,
        (511, 124, 124, 15),
        (512, 8, 8, 23),  # then the levels.
        (514, 8, 8, 53),
        (515, 24, 8, 23),
        (704, 16, 16, 80),
        (735, 112, 112, 120),
    ],
)
def test_layout_of_anchors(index, x, y, size):
    found = ANCHORS[index] * 128
    np.testing.assert_allclose(found[:2], (x, y), rtol=1e-6)
    assert found[2] * found[3] == pytest.approx(size**2, rel=1e-5)
    assert found[3] / found[2] == pytest.approx(1.35, rel=1e-5)


@pytest.mark.parametrize(
    ("box", "offsets"),
    [
        ((0.4, 0.3, 0.6, 0.7), (0, 0, 0, 0)),  # The anchor itself.
        # A tenth of its width to the right, a fifth of its height up.
        ((0.42, 0.22, 0.62, 0.62), (1, -2, 0, 0)),
        # As much wider as lower: e ** 0.2.
        (
            (
                0.5 - 0.1 * np.exp(0.2),
                0.5 - 0.2 * np.exp(-0.2),
                0.5 + 0.1 * np.exp(0.2),
                0.5 + 0.2 * np.exp(-0.2),
            ),
            (0, 0, 1, -1),
        ),
    ],
)
def test_offsets_by_hand(box, offsets):
    found = anchors.to_offsets(np.array(box), WIDE)
    np.testing.assert_allclose(found, offsets, atol=1e-5)
    found = anchors.from_offsets(np.array(offsets, float), WIDE)
    np.testing.assert_allclose(found, box, atol=1e-6)


def test_offsets_there_and_back():
    rng = np.random.default_rng(0)
    corners = rng.uniform(-0.2, 0.9, (len(ANCHORS), 2))
    boxes = np.hstack([corners, corners + rng.uniform(0.02, 1.0, corners.shape)])
    offsets = anchors.to_offsets(boxes, ANCHORS)
    found = anchors.from_offsets(offsets, ANCHORS)
    np.testing.assert_allclose(found, boxes, atol=1e-5)


# Squares of 0.2, each further to the right of a face that is the first of them. Their
# IoU with it is 1, 3/5, 3/7, 1/3, 0.
ROW = np.float32([(0.3 + shift, 0.3, 0.2, 0.2) for shift in (0, 0.05, 0.08, 0.1, 0.5)])
FACE = np.array([0.2, 0.2, 0.4, 0.4])


@pytest.mark.parametrize(
    ("is_sure", "expected"),
    [(True, [1, 1, -1, 0, 0]), (False, [-1, -1, -1, 0, 0])],
)
def test_match_of_one_face(is_sure, expected):
    labels, offsets = anchors.match(FACE[None], np.array([is_sure]), ROW)
    assert labels.tolist() == expected
    assert labels.dtype == offsets.dtype == np.float32
    wanted = np.equal(expected, 1)
    assert not offsets[~wanted].any()
    found = anchors.from_offsets(offsets[wanted], ROW[wanted])
    np.testing.assert_allclose(found, np.tile(FACE, (wanted.sum(), 1)), atol=1e-6)


def test_small_face_gets_the_anchor_that_suits_it_best():
    small = np.array([[0.79, 0.29, 0.81, 0.31]])  # IoU 0.01 with the last.
    labels, offsets = anchors.match(small, np.array([True]), ROW)
    assert labels.tolist() == [0, 0, 0, 0, 1]
    found = anchors.from_offsets(offsets, ROW)[-1]
    np.testing.assert_allclose(found, small[0], atol=1e-6)
    labels, _ = anchors.match(small, np.array([False]), ROW)
    assert not labels.any()


def test_anchor_belongs_to_the_face_that_it_overlaps_most():
    other = FACE + (0.08, 0, 0.08, 0)  # On the third anchor; 3/7 with the first.
    faces = np.stack([FACE, other])
    labels, offsets = anchors.match(faces, np.array([True, True]), ROW)
    # The second lies 0.05 beside the one and 0.03 beside the other; the fourth, 0.02.
    assert labels.tolist() == [1, 1, 1, 1, 0]
    found = anchors.from_offsets(offsets, ROW)[:4]
    np.testing.assert_allclose(found, [FACE, other, other, other], atol=1e-6)
    # Not sure of the other, nobody has to find it, and nobody finds the first for it.
    labels, offsets = anchors.match(faces, np.array([True, False]), ROW)
    assert labels.tolist() == [1, -1, -1, -1, 0]


def test_no_faces_are_refused_everywhere():
    labels, offsets = anchors.match(np.zeros((0, 4)), np.zeros(0, bool), ANCHORS)
    assert labels.shape == (736,)
    assert offsets.shape == (736, 4)
    assert not labels.any()
    assert not offsets.any()


@pytest.mark.parametrize("pixels", [5, 8, 12, 20, 40, 70, 100, 125])
def test_faces_of_any_size_have_an_anchor(pixels):
    rng = np.random.default_rng(pixels)
    for x, y in rng.uniform(0, 128 - pixels, (20, 2)):
        face = np.array([[x, y, x + pixels / 1.2, y + pixels]]) / 128
        labels, offsets = anchors.match(face, np.array([True]), ANCHORS)
        wanted = labels == 1
        assert wanted.any()
        found = anchors.from_offsets(offsets[wanted], ANCHORS[wanted])
        np.testing.assert_allclose(found, np.tile(face, (len(found), 1)), atol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [
        (100, 200, 64, 128),
        (200, 100, 128, 64),
        (128, 128, 128, 128),
        (3, 4, 96, 128),  # Enlarged.
        (1, 1, 128, 128),
        (1, 1000, 1, 128),  # Never nothing.
        (1000, 2, 128, 1),
    ],
)
def test_photo_is_fitted_at_the_top_left(height, width, rows, columns):
    photo = np.full((height, width, 3), (200, 100, 50), np.uint8)
    square, filled = anchors.fit_photo(photo)
    expected = np.zeros((128, 128, 3), np.uint8)  # Black beside the photo.
    expected[:rows, :columns] = (200, 100, 50)
    np.testing.assert_array_equal(square, expected)
    assert square.dtype == np.uint8
    assert (filled * 128).tolist() == [columns, rows, columns, rows]


@pytest.mark.parametrize("turned", [False, True])
def test_boxes_over_the_square_become_boxes_over_the_photo(turned):
    photo = np.zeros((128, 256, 3), np.uint8)
    photo[32:96, 64:128] = 255
    box, in_square = (0.25, 0.25, 0.5, 0.75), (32, 16, 64, 48)
    if turned:
        photo = photo.swapaxes(0, 1)
        box, in_square = (0.25, 0.25, 0.75, 0.5), (16, 32, 48, 64)
    square, filled = anchors.fit_photo(photo)
    y, x, _ = np.nonzero(square)
    assert (x.min(), y.min(), x.max() + 1, y.max() + 1) == in_square
    np.testing.assert_allclose(np.divide(in_square, 128) / filled, box)


# Of the first two the IoU is 3/5, of the second and third too; of the first and third
# it is 1/3. The fourth lies apart.
BOXES = np.array([[0, 0, 2, 2], [0.5, 0, 2.5, 2], [1, 0, 3, 2], [7, 7, 9, 9]])


@pytest.mark.parametrize(
    ("min_conf", "kept"),
    [(0.0, [3, 1]), (0.65, [3, 1]), (0.7, [3, 1]), (0.75, [3]), (0.95, [])],
)
def test_choose_takes_likely_boxes_best_first(min_conf, kept):
    scores = np.array([0.6, 0.7, 0.65, 0.9])
    boxes, found = anchors.choose(BOXES, scores, min_conf)
    assert boxes.shape == (len(kept), 4)
    np.testing.assert_array_equal(boxes, BOXES[kept])
    np.testing.assert_array_equal(found, scores[kept])
