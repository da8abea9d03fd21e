"""What the detector is shown: in which order, and in what light."""

import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf

from landmark.dataset.augment import Draws
from landmark.detection import batches


def walk(count, seed=1, block=5, start=0):
    """Numbers of the first scenes."""
    return list(itertools.islice(batches.walk(int, seed, block, start), count))


def test_every_scene_of_a_block_is_seen_three_times():
    numbers = walk(30)
    for first, seen in ((0, numbers[:15]), (5, numbers[15:])):
        assert collections.Counter(seen) == dict.fromkeys(range(first, first + 5), 3)
        for turn in range(0, 15, 5):
            assert len(set(seen[turn : turn + 5])) == 5
    assert numbers[:5] != numbers[5:10]
    assert numbers != walk(30, seed=2)


@pytest.mark.parametrize("start", [1, 7, 14, 15, 16, 44])
def test_walk_goes_on_anywhere(start):
    assert walk(20, start=start) == walk(start + 20)[start:]


def darken(images):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        seed = Draws(0, tf.constant(0, tf.int64))
        return session.run(batches.darken(tf.constant(images), seed))


def test_some_images_have_few_levels():
    images = np.random.default_rng(0).uniform(0, 255, (300, 16, 16, 3))
    images = images.astype(np.float32)
    dark = darken(images)
    changed = (dark != images).any(axis=(1, 2, 3))
    assert 0.08 < changed.mean() < 0.25
    levels = [len(np.unique(image)) for image in dark[changed]]
    assert min(levels) < 15
    assert max(levels) < 70
    means = dark[changed].mean(axis=(1, 2, 3))
    assert 30 < means.min() < means.max() < 95
    assert dark.max() <= 255


def test_black_stays_black():
    images = np.zeros((50, 8, 8, 3), np.float32)
    np.testing.assert_array_equal(darken(images), images)
