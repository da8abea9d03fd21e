"""Points averaged over crops, by models whose answers are known in the image."""

import numpy as np
import pytest

from landmark.face import geometry
from landmark.live import crops

SQUARES = [geometry.Square(13, 29, 55), geometry.Square(-17, -14, 50)]
SIZE = 48


def draw_spot(x, y):
    """A photo, (120, 160, 3), with a smooth bright spot about a place."""
    rows, columns = np.mgrid[:120, :160]
    spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4**2))
    return np.repeat(np.rint(spot)[..., None], 3, axis=2).astype(np.uint8)


class Spot:
    """Finds the spot in a crop, wherever the crop lies."""

    input_size = SIZE

    def predict_with_spread(self, patches):
        weights = patches[..., 0].astype(float)
        centres = (np.arange(SIZE) + 0.5) / SIZE
        total = weights.sum(axis=(1, 2))
        x = (weights * centres).sum(axis=(1, 2)) / total
        y = (weights * centres[:, None]).sum(axis=(1, 2)) / total
        points = np.stack([x, y], axis=-1)[:, None].repeat(5, axis=1)
        return points, np.full(points.shape[:2], 0.02)


class Listed:
    """Gives the n-th crop the n-th place and spread of a list."""

    input_size = SIZE

    def __init__(self, places, spread):
        self.places, self.spread = np.array(places, float), np.array(spread, float)

    def predict_with_spread(self, patches):
        assert patches.shape == (len(self.places), SIZE, SIZE, 3)
        assert patches.dtype == np.uint8
        return self.places[:, None].repeat(5, axis=1), self.spread[:, None].repeat(5, 1)


@pytest.mark.parametrize("num_crops", crops.NUMBERS)
def test_crops_agree_on_what_lies_in_the_photo(num_crops):
    place = 36.3, 61.8
    found, spread = crops.find_points(Spot(), draw_spot(*place), SQUARES[:1], num_crops)
    assert found.shape == (1, 5, 2)
    # Of a pixel of the photo: what bytes and bilinear warps leave.
    np.testing.assert_allclose(found, np.broadcast_to(place, (1, 5, 2)), atol=0.02)
    np.testing.assert_allclose(spread, 0.02, rtol=0.02)


def test_views_of_nine_crops_are_all_different():
    photo = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)

    class Kept(Spot):
        def predict_with_spread(self, patches):
            self.patches = patches
            return super().predict_with_spread(patches)

    model = Kept()
    crops.find_points(model, photo, SQUARES, 9)
    assert model.patches.shape == (18, SIZE, SIZE, 3)
    assert len({patch.tobytes() for patch in model.patches}) == 18
    # The plain one comes first, as one crop has it.
    for index, square in zip((0, 9), SQUARES, strict=True):
        plain = geometry.resize_patch(geometry.crop_image(photo, square), SIZE)
        np.testing.assert_array_equal(model.patches[index], plain)


def test_points_are_the_plain_mean():
    # The middle of the crop stays there when it is turned.
    model = Listed([(0.5, 0.5)] * 3, [0.01, 0.02, 0.02])
    found, spread = crops.find_points(model, draw_spot(0, 0), SQUARES[:1], 3)
    middle = 13 - 0.5 + 55 / 2, 29 - 0.5 + 55 / 2
    np.testing.assert_allclose(found, np.broadcast_to(middle, (1, 5, 2)))
    # As they agree, the spread is the root of the mean square: 1, 4 and 4.
    np.testing.assert_allclose(spread, 0.01 * np.sqrt(3))


def test_crops_that_disagree_are_unsure():
    # Turned crops lie apart by d either way in the photo, the plain one between them.
    d = 0.1
    cos, sin = d * np.cos(np.deg2rad(8)), d * np.sin(np.deg2rad(8))
    places = [(0.5, 0.5), (0.5 + cos, 0.5 + sin), (0.5 - cos, 0.5 + sin)]
    found, spread = crops.find_points(
        Listed(places, [0.03] * 3), draw_spot(0, 0), SQUARES[:1], 3
    )
    middle = 13 - 0.5 + 55 / 2, 29 - 0.5 + 55 / 2
    np.testing.assert_allclose(found, np.broadcast_to(middle, (1, 5, 2)))
    np.testing.assert_allclose(spread, np.sqrt(0.03**2 + 2 / 3 * d**2))


def test_one_crop_says_what_the_model_says():
    points, spread = np.float32([(0.3, 0.7), (1.1, 0.1)]), np.float32([0.01, 0.03])
    found, told = crops.find_points(Listed(points, spread), draw_spot(0, 0), SQUARES)
    for index, square in enumerate(SQUARES):
        expected = geometry.from_crop(points[index].astype(float), square)
        np.testing.assert_array_equal(found[index], [expected] * 5)
    np.testing.assert_array_equal(told, spread[:, None].repeat(5, axis=1))


@pytest.mark.parametrize("num_crops", crops.NUMBERS)
def test_models_that_do_not_tell_are_as_silent(num_crops):
    model = Listed([(0.5, 0.5)] * num_crops, [np.nan] * num_crops)
    found, spread = crops.find_points(model, draw_spot(0, 0), SQUARES[:1], num_crops)
    assert np.isfinite(found).all()
    assert np.isnan(spread).all()


@pytest.mark.parametrize("num_crops", crops.NUMBERS)
def test_no_faces(num_crops):
    class Nothing(Spot):
        def predict_with_spread(self, patches):
            assert len(patches) == 0
            return np.zeros((0, 5, 2)), np.zeros((0, 5))

    found = crops.find_points(Nothing(), draw_spot(0, 0), [], num_crops)
    assert [part.shape for part in found] == [(0, 5, 2), (0, 5)]
