"""Scenes for the face detector: what they show, and where they say that faces are."""

import cv2
import numpy as np
import pytest

from landmark.detection import anchors, scenes
from landmark.detection.labelled import Photo
from landmark.face import geometry

FACE_SIZES = (0.2, 1.0)


def make_photo(seed, boxes, is_sure=None, shape=(150, 200)):
    """A dark photo whose faces are magenta on the left and cyan on the right."""
    image = np.random.default_rng(seed).integers(0, 60, (*shape, 3), np.uint8)
    for x0, y0, x1, y1 in boxes:
        image[y0:y1, x0 : (x0 + x1) // 2] = (255, 0, 255)
        image[y0:y1, (x0 + x1) // 2 : x1] = (0, 255, 255)
    edges = np.array(boxes, float).reshape(-1, 4) - 0.5  # Of the pixels.
    sure = np.ones(len(boxes), bool) if is_sure is None else np.array(is_sure)
    return Photo(image, edges, sure)


@pytest.fixture(scope="module")
def photos():
    return [
        make_photo(0, [(60, 40, 100, 90)]),
        make_photo(1, [(10, 20, 60, 80), (120, 60, 180, 130)]),
        make_photo(2, [(0, 0, 40, 60)]),  # In a corner.
        make_photo(3, []),
    ]


def shows_face(image):
    """(H, W) bool: where the colours of the faces are."""
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    return (blue > 150) & (abs(red - green) > 150)


def share_of_face(image, box):
    """How much of a box over the scene is of the faces' colour."""
    x0, y0, x1, y1 = np.round(np.clip(box, 0, 1) * len(image)).astype(int)
    return shows_face(image[y0:y1, x0:x1]).mean()


def test_boxes_of_a_view_are_on_its_faces(photos, monkeypatch):
    monkeypatch.setattr(scenes, "_TILTED", 0)  # The faces here are rectangles.
    rng, shares, elsewhere = np.random.default_rng(0), [], []
    for _ in range(150):
        image, boxes, is_sure = scenes.view(rng, photos, 96, FACE_SIZES)
        assert image.shape == (96, 96, 3)
        assert image.dtype == np.uint8
        shares += [share_of_face(image, box) for box in boxes[is_sure]]
        no_box = shows_face(image)
        for box in boxes:
            x0, y0, x1, y1 = np.clip(box * 96, 1, 95).astype(int)
            no_box[y0 - 1 : y1 + 2, x0 - 1 : x1 + 2] = False
        elsewhere.append(no_box.mean())
    assert len(shares) > 80
    assert min(shares) > 0.75
    assert np.mean(shares) > 0.95
    # But for scraps of faces that are hardly there, and a backdrop of that colour.
    assert np.median(elsewhere) == 0
    assert np.mean(elsewhere) < 0.02


def test_boxes_of_a_scene_are_on_its_faces(photos, monkeypatch):
    monkeypatch.setattr(scenes, "_TILTED", 0)
    rng, shares, counts = np.random.default_rng(1), [], []
    for _ in range(150):
        image, boxes, is_sure = scenes.compose(rng, photos)
        assert image.shape == (anchors.SIZE, anchors.SIZE, 3)
        assert image.dtype == np.uint8
        assert boxes.shape == (len(is_sure), 4)
        shares += [share_of_face(image, box) for box in boxes[is_sure]]
        counts.append(is_sure.sum())
    # A face may be cut by the edge of its tile, and lie beside another one's.
    assert min(shares) > 0.4
    assert np.mean(shares) > 0.9
    assert min(counts) == 0
    assert max(counts) > 8  # A mosaic.


def test_faces_of_a_scene_are_of_many_sizes(photos):
    rng, sizes = np.random.default_rng(2), []
    for _ in range(150):
        _, boxes, is_sure = scenes.compose(rng, photos)
        sizes += (boxes[is_sure, 3] - boxes[is_sure, 1]).tolist()
    assert min(sizes) < 0.12
    assert max(sizes) > 0.8


def mean_column(mask):
    return np.nonzero(mask)[1].mean()


def test_half_of_the_views_are_flipped(photos):
    rng, flipped = np.random.default_rng(3), []
    for _ in range(200):
        image, _, is_sure = scenes.view(rng, photos[:1], 64, (0.5, 0.8))
        if is_sure.any():
            green_over_red = image[..., 1].astype(int) - image[..., 0]
            magenta, cyan = green_over_red < -150, green_over_red > 150
            flipped.append(mean_column(magenta) > mean_column(cyan))
    assert len(flipped) > 150
    assert 0.35 < np.mean(flipped) < 0.65


@pytest.mark.parametrize("angle", [-30, 17])
def test_box_of_a_tilted_view_is_around_the_ellipse(angle):
    image = np.zeros((200, 200, 3), np.uint8)
    cv2.ellipse(image, (80, 120), (30, 50), 0, 0, 360, (255, 255, 255), -1)
    boxes = (np.array([[50, 70, 110, 170]]) + 0.5) / 200
    image, boxes = scenes.tilt(image, boxes, angle)
    rows, columns = np.nonzero(image[..., 0] > 127)
    seen = [columns.min(), rows.min(), columns.max(), rows.max()]
    np.testing.assert_allclose(boxes[0] * 200 - 0.5, seen, atol=1.5)


def test_scenes_follow_from_the_seed(photos):
    first, again, other = (
        [scenes.compose(rng, photos) for _ in range(5)]
        for rng in map(np.random.default_rng, (4, 4, 5))
    )
    for scene, same in zip(first, again, strict=True):
        for part, other_part in zip(scene, same, strict=True):
            np.testing.assert_array_equal(part, other_part)
    assert any((a[0] != b[0]).any() for a, b in zip(first, other, strict=True))


def test_composing_leaves_the_photos_alone(photos):
    before = [tuple(map(np.copy, photo)) for photo in photos]
    rng = np.random.default_rng(6)
    for _ in range(20):
        scenes.compose(rng, photos)
    for photo, copy in zip(photos, before, strict=True):
        for part, part_before in zip(photo, copy, strict=True):
            np.testing.assert_array_equal(part, part_before)


def test_hardly_visible_face_is_not_sure():
    # Views of one face cut the other at random.
    photo = make_photo(7, [(60, 40, 100, 90), (110, 40, 150, 90), (70, 95, 110, 145)])
    rng, visible, sure = np.random.default_rng(7), [], []
    for _ in range(150):
        _, boxes, is_sure = scenes.view(rng, [photo], 48, (0.3, 0.9))
        inside = geometry.intersect(boxes, np.array([0, 0, 1, 1]))
        visible += (geometry.box_area(inside) / geometry.box_area(boxes)).tolist()
        sure += is_sure.tolist()
    visible, sure = np.array(visible), np.array(sure)
    assert visible.min() > 0.25 - 1e-9  # Of others nothing is said.
    assert not sure[visible < 0.45 - 1e-9].any()
    assert sure[visible > 0.45 + 1e-9].all()
    assert (~sure).sum() > 20
    assert (sure & (visible < 0.99)).sum() > 20


def test_face_of_few_pixels_is_not_sure():
    # In tiles of a quarter of the scene or less, it is smaller than seven pixels.
    photo = make_photo(8, [(40, 60, 60, 80), (100, 75, 104, 79)])
    rng, sizes, sure = np.random.default_rng(8), [], []
    for _ in range(100):
        _, boxes, is_sure = scenes.compose(rng, [photo])
        sizes += ((boxes[:, 2:] - boxes[:, :2]).max(axis=1) * 128).tolist()
        sure += is_sure.tolist()
    sizes, sure = np.array(sizes), np.array(sure)
    assert (sizes < 6.99).sum() > 20
    assert not sure[sizes < 6.99].any()
    assert sure[sizes > 7.01].any()


def test_unsure_face_stays_unsure():
    photo = make_photo(9, [(60, 40, 100, 90)], is_sure=[False])
    rng, count = np.random.default_rng(9), 0
    for _ in range(60):
        _, boxes, is_sure = scenes.compose(rng, [photo])
        count += len(boxes)
        assert not is_sure.any()
    assert count > 10


def test_some_scenes_are_of_photos_that_are_not_square(photos):
    rng, wide, tall = np.random.default_rng(10), 0, 0
    for _ in range(100):
        image, boxes, is_sure = scenes.compose(rng, photos)
        height, width = (
            np.flatnonzero(image.any(axis=(2, 1 - axis))).max(initial=0) + 1
            for axis in (0, 1)
        )
        wide, tall = wide + (height < 128), tall + (width < 128)
        # Where it is black, there is no face.
        end = np.array([0, 0, width, height]) / 128
        inside = geometry.box_area(geometry.intersect(boxes, end))
        assert (inside > 0.4 * geometry.box_area(boxes))[is_sure].all()
    assert wide > 10
    assert tall > 10


def test_photos_with_mistakes_are_seen_more_often_and_there(monkeypatch):
    for name, share in (("_MISTAKES", 1.0), ("_ANYWHERE", 0.0), ("_CUT", 0.0)):
        monkeypatch.setattr(scenes, name, share)
    flawless, wrong = make_photo(7, [(10, 10, 30, 30)]), (120.0, 110.0, 140.0, 130.0)
    flawed = flawless._replace(mistakes=np.array([wrong] * 4))
    counts = [len(scenes.repeat_rich([flawless] * 2 + [p])) for p in (flawless, flawed)]
    assert counts == [3, 7]
    rng = np.random.default_rng(0)
    for _ in range(20):
        square = scenes._choose_square(rng, flawed, (0.5, 0.9))
        assert square.left < 130
        assert square.left + square.side > 130
