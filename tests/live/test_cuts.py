"""How alike frames are: cuts, and what looks like one."""

import cv2
import numpy as np
import pytest

from landmark.live.cuts import FrameComparer

CUT = 0.58  # What FaceTracker takes for one.


def make_scene(seed, height=240, width=320):
    """Soft spots of all sizes, as in photos."""
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3))
    for size in (4, 8, 16, 32):
        spots = rng.normal(0, 1, (size * 3 // 4, size, 3))
        image += cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)
    return to_bytes(128 + 30 * image)


def to_bytes(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def compare(first, second):
    comparer = FrameComparer()
    assert comparer.compare(first) == 1
    return comparer.compare(second)


def test_other_scenes_are_not_alike():
    scenes = [make_scene(seed) for seed in range(30)]
    alike = [compare(*pair) for pair in zip(scenes, scenes[1:], strict=False)]
    assert max(alike) < CUT
    assert compare(scenes[0], scenes[0]) == pytest.approx(1)


def test_each_frame_is_compared_with_the_one_before():
    comparer = FrameComparer()
    frames = [make_scene(seed) for seed in (1, 1, 2, 2, 1)]
    assert [comparer.compare(f) > CUT for f in frames] == [
        True,
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda image, rng: image + rng.normal(0, 25, image.shape),
        lambda image, rng: image * 1.5 + 20.0,  # A flash.
        lambda image, rng: image * 0.2,
        lambda image, rng: np.roll(image, 16, axis=1),  # A twentieth of the width.
        lambda image, rng: np.roll(image, (8, -8), axis=(0, 1)),
        lambda image, rng: image[::-1, ::-1][::-1, ::-1],
    ],
    ids=["noise", "flash", "dark", "pan", "tilt", "same"],
)
def test_restless_scenes_are_alike(change):
    rng = np.random.default_rng(0)
    for seed in range(10):
        image = make_scene(seed)
        assert compare(image, to_bytes(change(image.astype(float), rng))) > CUT + 0.05


def test_pictures_of_nothing_are_alike():
    rng = np.random.default_rng(0)
    black = [to_bytes(rng.normal(3, 2, (240, 320, 3))) for _ in range(2)]
    assert compare(*black) > 0.9
    assert compare(black[0], make_scene(0)) < CUT


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (480, 640), (1080, 1920)])
def test_any_size(size):
    image = make_scene(0, *size)
    assert compare(image, image) == pytest.approx(1)
    assert compare(image, make_scene(0, 20, 20)) == -1  # A size of its own.
