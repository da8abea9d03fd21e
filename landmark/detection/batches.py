"""What the face detector learns from: batches of scenes, each in another light."""

import math

import numpy as np
import tensorflow as tf

from landmark.dataset import augment
from landmark.detection import anchors, scenes

# Composing takes as long as a step of training: each scene is seen this often, in
# another light each time, and far apart.
_REPEATS = 3
_BLOCK = 2048  # Scenes of which the order is drawn at once.
# Some photos are taken in this much of the light, of which bytes keep few levels; and
# what they are brightened to.
_DARK_SHARE, _DARK_LIGHT, _DARK_MEANS = 0.15, (1 / 30, 1 / 4), (35, 90)


def walk(compose, seed, block, start=0):
    """Yields scenes without end, each `_REPEATS` times.

    Args:
        compose: number of a scene -> scene.
        seed: int, of the order.
        block: number of scenes of which the order is drawn at once.
        start: how many scenes to leave out; the others come as they would anyway.
    """
    number, start = divmod(start, _REPEATS * block)
    scenes_now = [compose(number * block + index) for index in range(block)]
    while True:
        orders = [
            np.random.default_rng([seed, number, turn]).permutation(block)
            for turn in range(_REPEATS)
        ]
        scenes_next = []
        for place, index in enumerate(np.concatenate(orders)):
            # Little by little, so that no step waits for a whole block.
            if place % _REPEATS == 0:
                scenes_next.append(compose((number + 1) * block + len(scenes_next)))
            if place >= start:
                yield scenes_now[index]
        scenes_now, number, start = scenes_next, number + 1, 0


def darken(images, draws):
    """Gives some images the few levels of a photo in the dark that was brightened.

    Args:
        images: (B, N, N, 3) float32, 0..255.
        draws: `augment.Draws`.

    Returns:
        like `images`.
    """
    shape = [tf.shape(images)[0], 1, 1, 1]
    low, high = map(math.log, _DARK_LIGHT)
    dark = tf.floor(images * tf.exp(draws.uniform(shape, low, high)))
    means = tf.reduce_mean(dark, axis=[1, 2, 3], keepdims=True)
    bright = dark * draws.uniform(shape, *_DARK_MEANS) / tf.maximum(means, 0.1)
    chosen = draws.uniform(shape) < _DARK_SHARE
    return tf.where(chosen, tf.minimum(bright, 255.0), images)


def _change_light(images, draws):
    images = tf.cast(images, tf.float32)
    images = augment.make_gray(images, 0.1, draws)
    images = augment.change_light(images, 0.2, draws)
    images = augment.blur(images, 0.1, draws)
    images = augment.add_noise(images, 10.0, draws)
    images = darken(tf.clip_by_value(images, 0.0, 255.0), draws)
    return augment.compress(images, 0.1, draws)


def scene_batches(photos, settings, seed, step=0):
    """Returns an endless dataset of (images float32 0..255, labels, offsets).

    The seed alone decides what a step sees, wherever a training begins.

    Args:
        photos: list of labelled.Photo.
        settings: SsdSettings.
        seed: int, 0 or more.
        step: that comes first.
    """
    all_anchors, often = anchors.make_anchors(), scenes.repeat_rich(photos)
    # Not more than is trained on: composing a block takes seconds.
    wanted = settings.max_number_of_steps * settings.batch_size
    block = min(_BLOCK, wanted)

    def compose(number):
        rng = np.random.default_rng([seed, number])
        image, boxes, is_sure = scenes.compose(rng, often)
        return image, *anchors.match(boxes, is_sure, all_anchors)

    def generate():
        yield from walk(compose, seed, block, step * settings.batch_size)

    def change_light(step, batch):
        images, labels, offsets = batch
        return _change_light(images, augment.Draws(seed, step)), labels, offsets

    size, count = anchors.SIZE, len(all_anchors)
    signature = (
        tf.TensorSpec([size, size, 3], tf.uint8),
        tf.TensorSpec([count], tf.float32),
        tf.TensorSpec([count, 4], tf.float32),
    )
    return (
        tf.data.Dataset.from_generator(generate, output_signature=signature)
        .batch(settings.batch_size)
        .enumerate(step)
        .map(change_light, num_parallel_calls=1)
        .prefetch(2)
    )
