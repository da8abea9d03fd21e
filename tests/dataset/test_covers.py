"""What lies before faces: how much it hides, and what is seen on it."""

import cv2
import numpy as np
import pytest

from landmark.dataset import covers

SIZE = 64
KIND_NAMES = "card", "piece", "hand"


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def draw_numbers(rng, count, kind=None):
    """Draws the numbers of some covers, all of one kind if it is given."""
    numbers = rng.uniform(size=(count, covers.NUMBERS)).astype(np.float32)
    if kind:
        numbers[:, 0] = (KIND_NAMES.index(kind) + 0.5) / len(KIND_NAMES)
    return numbers


def draw_each(images, numbers):
    """Returns masks, (B, N, N), and textures, (B, N, N, 3), of covers of a kind."""
    draw = covers.KINDS[int(numbers[0, 0] * len(covers.KINDS))]
    drawn = [draw(images, i, iter(own[1:].tolist())) for i, own in enumerate(numbers)]
    textures = [np.broadcast_to(texture, images.shape[1:]) for _, texture in drawn]
    return np.stack([mask for mask, _ in drawn]), np.stack(textures)


def whole(masks):
    """Which masks lie wholly within the crop: (B,) bool."""
    edges = np.stack([masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]])
    return (edges == 0).all(axis=(0, 2))


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_chosen_images_alone_are_covered_in_part(rng, kind):
    images = rng.uniform(0, 255, (200, SIZE, SIZE, 3)).astype(np.float32)
    before = images.copy()
    chosen, numbers = rng.uniform(size=200) < 0.5, draw_numbers(rng, 200, kind)
    found = covers.cover_some(images, chosen[:, None, None, None], numbers)
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(found[~chosen], images[~chosen])
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 255
    shares = (found != images).any(axis=-1).mean(axis=(1, 2))[chosen]
    assert shares.min() > 0.005
    assert shares.max() < 0.36
    assert 0.05 < shares.mean() < 0.15
    again = covers.cover_some(images, chosen, numbers)
    np.testing.assert_array_equal(again, found)


def test_a_third_is_of_each_kind(rng, monkeypatch):
    nothing = np.zeros((1, 1), np.float32)

    def draw(value):
        return lambda images, index, numbers: (nothing + 1, np.float32(value))

    monkeypatch.setattr(covers, "KINDS", tuple(map(draw, (1, 2, 3))))
    images = np.zeros((900, 1, 1, 3), np.float32)
    found = covers.cover_some(images, np.full(900, True), draw_numbers(rng, 900))
    counts = np.bincount(found[:, 0, 0, 0].astype(int), minlength=4)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:], 300, atol=50)


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("number", [0.0, np.nextafter(np.float32(1), np.float32(0))])
@pytest.mark.parametrize("count", [1, 2, 64])
def test_extreme_numbers(rng, kind, number, count):
    numbers = draw_numbers(rng, count, kind)
    numbers[:, 1:] = number
    images = np.zeros((count, SIZE, SIZE, 3), np.float32)
    found = covers.cover_some(images, np.full(count, True), numbers)
    assert np.isfinite(found).all()


def test_edges_are_soft(rng):
    images = np.zeros((100, SIZE, SIZE, 3), np.float32)
    for kind in KIND_NAMES:
        masks, _ = draw_each(images, draw_numbers(rng, 100, kind))
        assert np.abs(np.diff(masks, axis=1)).max() < 1
        assert ((masks > 0.01) & (masks < 0.99)).mean() > 0.01


def test_card_is_a_turned_rectangle_of_one_colour(rng):
    images = np.zeros((300, SIZE, SIZE, 3), np.float32)
    masks, textures = draw_each(images, draw_numbers(rng, 300, "card"))
    np.testing.assert_array_equal(np.ptp(textures, axis=(1, 2)), 0)
    colours = textures[:, 0, 0]
    np.testing.assert_allclose(colours.mean(axis=0), 127.5, atol=15)
    assert np.abs(np.corrcoef(colours.T) - np.eye(3)).max() < 0.2
    sides, angles = [], []
    for mask in masks[whole(masks)]:
        corners = np.argwhere(mask > 0.5).astype(np.float32)
        _, lengths, angle = cv2.minAreaRect(corners)
        assert mask.sum() == pytest.approx(
            np.prod(np.add(lengths, 0.5)), abs=sum(lengths)
        )
        sides += lengths
        angles.append(angle % 90)
    assert max(sides) < SIZE / 2 + 2
    assert max(sides) > SIZE / 4
    assert min(sides) < SIZE / 6
    assert np.histogram(angles, 3, (0, 90))[0].min() > 10


def test_piece_shows_another_image(rng):
    images = (
        np.zeros((4, SIZE, SIZE, 3), np.float32) + np.arange(4)[:, None, None, None]
    )
    seen = set()
    for _ in range(50):
        _, textures = draw_each(images, draw_numbers(rng, 4, "piece"))
        assert np.ptp(textures, axis=(1, 2, 3)).max() == 0
        seen |= set(enumerate(textures[:, 0, 0, 0].tolist()))
    assert seen == {(i, j) for i in range(4) for j in range(4) if i != j}


def test_piece_comes_from_elsewhere(rng):
    # Each pixel tells where it was.
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    images = np.broadcast_to(np.stack([x, y, x], -1), (300, SIZE, SIZE, 3)).copy()
    masks, textures = draw_each(images, draw_numbers(rng, 300, "piece"))
    masks, textures = masks[whole(masks)], textures[whole(masks)]
    assert len(masks) > 100
    ways, zooms, mirrored = [], [], []
    for mask, places in zip(masks, textures[..., :2], strict=True):
        here = np.array([np.average(x, weights=mask), np.average(y, weights=mask)])
        column, row = np.rint(here).astype(int)
        ways.append(places[row, column] - (column, row))
        axes = np.stack(np.gradient(places)[1::-1])[:, row, column]
        determinant = np.linalg.det(axes)
        zooms.append(abs(determinant) ** 0.5)
        mirrored.append(determinant < 0)
    lengths = np.hypot(*np.transpose(ways)) / SIZE
    assert np.quantile(lengths, 0.02) > 0.25
    assert np.abs(np.mean(ways, axis=0)).max() < 0.15 * SIZE
    assert 0.4 < np.mean(mirrored) < 0.6
    assert np.quantile(zooms, 0.1) < 0.7
    assert np.quantile(zooms, 0.9) > 1.5


def test_hand_comes_from_an_edge_in_the_colour_of_the_middle(rng):
    skin = np.float32([90, 70, 50])
    images = np.full((300, SIZE, SIZE, 3), 255, np.float32)
    images[:, 20:-20, 20:-20] = skin
    masks, textures = draw_each(images, draw_numbers(rng, 300, "hand"))
    assert not whole(masks).any()
    covered = masks > 0.5
    lights = textures / skin
    assert np.ptp(lights[covered], axis=-1).max() < 1e-5
    levels = [light[mask] for light, mask in zip(lights[..., 0], covered, strict=True)]
    assert min(map(np.min, levels)) > 0.2
    assert max(map(np.max, levels)) < 2
    assert np.mean([level.std() / level.mean() for level in levels]) > 0.05  # Round.
    # From each of the four edges.
    edges = np.stack(
        [covered[:, 0], covered[:, -1], covered[:, :, 0], covered[:, :, -1]]
    )
    assert (edges.any(axis=2).sum(axis=1) > 50).all()


def test_hand_has_two_to_five_fingers():
    numbers = np.full((1, covers.NUMBERS), 0.5, np.float32)
    numbers[0, 0] = 0.9  # A hand, from
    numbers[0, 1] = 0  # the left, across the middle, and its fingers apart.
    numbers[0, 7] = 0.999
    images = np.full((1, SIZE, SIZE, 3), 100, np.float32)
    counts = set()
    for count in np.linspace(0, 0.999, 20):
        numbers[0, 5] = count
        masks, _ = draw_each(images, numbers)
        column = masks[0, :, SIZE // 4]
        tops = (column[1:-1] > column[:-2]) & (column[1:-1] >= column[2:])
        counts.add(int(tops.sum()))
    assert counts == {2, 3, 4, 5}
