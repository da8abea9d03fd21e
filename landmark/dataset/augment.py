"""Random changes to a batch of training patches: where, in what light, how clear.

All work on whole batches as TensorFlow ops; images are float32 RGB 0..255 throughout.
What they draw by, `draws`, has `uniform` and `normal`: tf.random, which goes on from
draw to draw, or `Draws`, which can begin anywhere.
"""

import functools
import math

import cv2
import numpy as np
import tensorflow as tf

from landmark.dataset import covers


class Draws:
    """Draws random numbers that depend on nothing but a seed, a step, and their turn.

    So a training that goes on draws what it would have drawn.

    Args:
        seed: int, 0 or more.
        step: int64 scalar tensor.
    """

    def __init__(self, seed, step):
        self._seed, self._step, self._turn = seed, step, 0

    def uniform(self, shape, minval=0, maxval=1, dtype=tf.float32):
        """As tf.random.uniform."""
        return tf.random.stateless_uniform(
            shape, self._next_seed(), minval, maxval, dtype
        )

    def normal(self, shape, mean=0.0, stddev=1.0):
        """As tf.random.normal."""
        return tf.random.stateless_normal(shape, self._next_seed(), mean, stddev)

    def _next_seed(self):
        self._turn += 1
        mixed = np.random.SeedSequence([self._seed, self._turn]).generate_state(1)[0]
        return tf.stack([tf.constant(mixed, tf.int64), self._step])


def _chance(batch_size, probability, draws):
    """Returns (B, 1, 1, 1) bool, true with the probability."""
    return draws.uniform([batch_size, 1, 1, 1]) < probability


def _random_angles(batch_size, degrees, draws):
    """Returns (B,) radians: mostly normal; a seventh uniform to three deviations."""
    normal = draws.normal([batch_size], stddev=degrees)
    wide = draws.uniform([batch_size], -3 * degrees, 3 * degrees)
    mixed = tf.where(draws.uniform([batch_size]) < 0.15, wide, normal)
    return mixed * (np.pi / 180)


def _change_some(images, chosen, change):
    """Applies `change`, images -> images, where chosen, (B, 1, 1, 1) bool, says so.

    The others are not computed at all.
    """
    where = tf.where(chosen[:, 0, 0, 0])
    picked = tf.gather_nd(images, where)
    # Where none is chosen, a change may forget the shape.
    changed = tf.reshape(change(picked), tf.shape(picked))
    return tf.tensor_scatter_nd_update(images, where, changed)


def _warp_each(images, lookup, size):
    """Looks pixels up by (B, 2, 3) affine maps from output to input pixels.

    OpenCV does so ten times as fast as TensorFlow's ImageProjectiveTransformV3.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.stack(
        [
            cv2.warpAffine(image, matrix, (size, size), flags=flags)
            for image, matrix in zip(images, lookup, strict=True)
        ]
    )


def _mix_each(images, mixes):
    """Maps the colours of images, (B, N, N, 3) float32, by (B, 3, 4) affine maps."""
    pairs = zip(images, mixes, strict=True)
    return np.stack([cv2.transform(image, mix) for image, mix in pairs])


def _blur_some(images, chosen, taps):
    """Blurs the chosen ones of images, (B, N, N, 3) float32, by a (K,) kernel."""
    blurred = images.copy()
    for index in np.flatnonzero(chosen):
        blurred[index] = cv2.sepFilter2D(
            images[index], -1, taps, taps, borderType=cv2.BORDER_REFLECT
        )
    return blurred


def warp(images, points, size, rotate, scale, shift, flip, mirror, draws=tf.random):
    """Turns, scales, shifts and mirrors patches with their points, and crops them.

    The crop is the middle of the patch; what lies around it is the margin that the
    random crop moves into.

    Args:
        images: (B, W, W, 3) float32 or uint8, W >= size.
        points: (B, P, 2) float32, crop-normalised over the middle `size` pixels.
        size: side of the crop, in pixels.
        rotate: standard deviation of the angle, in degrees.
        scale: standard deviation of the logarithm of the crop's size.
        shift: standard deviation of the crop's shift, as a fraction of its size.
        flip: whether half of the patches are mirrored.
        mirror: (P,) int, of the Scheme.
        draws: tf.random or Draws.

    Returns:
        (B, size, size, 3) float32 and (B, P, 2) float32, crop-normalised.
    """
    batch_size, width = tf.shape(images)[0], images.shape[2]
    angle = _random_angles(batch_size, rotate, draws)
    zoom = tf.exp(draws.normal([batch_size], stddev=scale))
    offset = draws.normal([batch_size, 2], stddev=shift)
    mirrored = draws.uniform([batch_size]) < (0.5 if flip else 0.0)
    sign = tf.where(mirrored, -1.0, 1.0)
    # Where the new crop's axes point in the old one, and so how pixels are looked up.
    cos, sin = tf.cos(angle) * zoom, tf.sin(angle) * zoom
    axes = tf.stack(
        [tf.stack([cos * sign, -sin], -1), tf.stack([sin * sign, cos], -1)], axis=-2
    )
    # Output pixel p, of centre m, shows input pixel axes (p - m) + M + offset.
    middle, centre = (size - 1) / 2, (width - 1) / 2
    start = centre + offset * size - tf.reduce_sum(axes, axis=-1) * middle
    lookup = tf.concat([axes, start[..., None]], axis=-1)
    warped = tf.numpy_function(
        functools.partial(_warp_each, size=size), [images, lookup], images.dtype
    )
    warped = tf.reshape(tf.cast(warped, tf.float32), [batch_size, size, size, 3])
    centred = points - 0.5 - offset[:, None, :]
    moved = tf.matmul(centred, tf.linalg.inv(axes), transpose_b=True) + 0.5
    renamed = tf.gather(moved, mirror, axis=1)
    return warped, tf.where(mirrored[:, None, None], renamed, moved)


def change_light(images, strength, draws=tf.random):
    """Changes brightness, contrast, saturation and colour cast at random.

    Args:
        images: (B, N, N, 3) float32, 0..255.
        strength: deviation of contrast and, over 100 grey levels, of brightness; half
            of it that of the cast. Saturation is from 1 - 3 to 1 + 2 times of it.

    Returns:
        like `images`; values may leave 0..255 until the end of `augment`.
    """
    batch_size = tf.shape(images)[0]
    saturation = 1 + strength * draws.uniform([batch_size, 1, 1], -3, 2)
    saturation = tf.maximum(saturation, 0.0)
    contrast = tf.exp(draws.normal([batch_size, 1, 1], stddev=strength))
    cast = tf.exp(draws.normal([batch_size, 1, 3], stddev=strength / 2))
    brightness = draws.normal([batch_size, 1, 1], stddev=strength * 100)
    mean = tf.reduce_mean(images, axis=[1, 2, 3])[:, None, None]
    # All of it is one affine map of a pixel's colours, which is far quicker:
    # the grey of the pixel + (pixel - grey) * saturation, and so on. OpenCV takes a
    # quarter of the time of TensorFlow's matmul.
    mix = saturation * np.eye(3, dtype=np.float32) + (1 - saturation) / 3
    added = (mean * (1 - contrast) + brightness) * cast
    maps = tf.concat([mix * contrast * cast, added], axis=1)
    maps = tf.transpose(maps, [0, 2, 1])
    mixed = tf.numpy_function(_mix_each, [images, maps], tf.float32)
    return tf.ensure_shape(mixed, images.shape)


def make_gray(images, probability, draws=tf.random):
    """Takes the colour out of some images."""

    def wash_out(picked):
        return tf.repeat(tf.reduce_mean(picked, axis=-1, keepdims=True), 3, axis=-1)

    return _change_some(
        images, _chance(tf.shape(images)[0], probability, draws), wash_out
    )


def blur(images, probability, draws=tf.random):
    """Blurs some images by a Gaussian, as small or soft faces are.

    Its deviation is uniform from a 224th to a 56th of the side, one for the whole
    batch: at most about what a face of 28 pixels looks like when it is enlarged.
    """
    largest = images.shape[1] / 56
    radius = math.ceil(2.5 * largest)
    deviation = draws.uniform([], largest / 4, largest)
    taps = tf.exp(-0.5 * (tf.range(-radius, radius + 1.0) / deviation) ** 2)
    chosen = _chance(tf.shape(images)[0], probability, draws)
    # OpenCV takes a tenth of the time of TensorFlow's depthwise convolutions.
    blurred = tf.numpy_function(
        _blur_some, [images, chosen, taps / tf.reduce_sum(taps)], tf.float32
    )
    return tf.ensure_shape(blurred, images.shape)


def add_noise(images, strength, draws=tf.random):
    """Adds sensor noise to half of the images; strength: its largest deviation."""

    def roughen(picked):
        deviation = draws.uniform([tf.shape(picked)[0], 1, 1, 1], 0, strength)
        # Uniform, which is three times as quick to draw as normal.
        reach = deviation * 3**0.5
        return picked + reach * draws.uniform(tf.shape(picked), -1, 1)

    return _change_some(images, _chance(tf.shape(images)[0], 0.5, draws), roughen)


def compress(images, probability, draws=tf.random):
    """Compresses some images as JPEG of quality 20 to 80, as frames of videos are."""

    def compress_one(sample):
        image, quality = sample
        coded = tf.image.adjust_jpeg_quality(tf.cast(image, tf.uint8), quality)
        return tf.reshape(tf.cast(coded, tf.float32), tf.shape(image))

    def compress_each(picked):
        # Drawn at once, since the loop's rounds come in any order.
        qualities = draws.uniform([tf.shape(picked)[0]], 20, 81, tf.int32)
        spec = tf.TensorSpec(images.shape[1:], tf.float32)
        return tf.map_fn(compress_one, (picked, qualities), fn_output_signature=spec)

    images = tf.round(tf.clip_by_value(images, 0.0, 255.0))
    chosen = _chance(tf.shape(images)[0], probability, draws)
    return _change_some(images, chosen, compress_each)


def occlude(images, probability, draws=tf.random):
    """Covers a part of some images, as `covers.cover_some` does."""
    batch_size = tf.shape(images)[0]
    chosen = _chance(batch_size, probability, draws)
    numbers = draws.uniform([batch_size, covers.NUMBERS])
    covered = tf.numpy_function(
        covers.cover_some, [images, chosen, numbers], tf.float32
    )
    return tf.ensure_shape(covered, images.shape)


def shade(images, probability, draws=tf.random):
    """Darkens one side of some images, as light from the other side does.

    To 0.1 to 0.6 of its light, beyond a bent line near the middle. From light to dark
    it is 0.05 to 0.5 of the crop, and for a fifth of the images a third of that.
    """
    cells = np.linspace(-0.5, 0.5, images.shape[1], dtype=np.float32)
    x, y = cells[:, None], cells[:, None, None]
    chosen = _chance(tf.shape(images)[0], probability, draws)

    def darken(picked):
        shape = [tf.shape(picked)[0], 1, 1, 1]
        angle = draws.uniform(shape, 0, 2 * np.pi)
        place = draws.uniform(shape, -0.2, 0.2)
        bend = draws.uniform(shape, -0.7, 0.7)
        width = 0.05 * 10 ** draws.uniform(shape)
        width *= tf.where(draws.uniform(shape) < 0.2, 1 / 3, 1.0)
        kept = draws.uniform(shape, 0.1, 0.6)
        cos, sin = tf.cos(angle), tf.sin(angle)
        beyond = cos * x + sin * y - place + bend * (cos * y - sin * x) ** 2
        # A sigmoid goes from a tenth to nine tenths over 4.4.
        return picked * (1 - (1 - kept) * tf.sigmoid(4.4 * beyond / width))

    return _change_some(images, chosen, darken)


def augment(patches, points, size, settings, draws=tf.random):
    """Applies all changes that the settings ask for.

    Args:
        patches: (B, W, W, 3) uint8 RGB with a margin around the crop of `size`.
        points: (B, P, 2) float32, crop-normalised.
        size: side of the crop, in pixels.
        settings: the augment_ settings, and the scheme.
        draws: tf.random or Draws.

    Returns:
        (B, size, size, 3) float32 RGB, whole numbers 0..255, and (B, P, 2) float32.
    """
    images, points = warp(
        patches,
        points,
        size,
        settings.augment_rotate,
        settings.augment_scale,
        settings.augment_shift,
        settings.augment_flip,
        settings.scheme.mirror,
        draws,
    )
    # First what the camera looks at, then what it makes of it.
    images = occlude(images, settings.augment_occlusion, draws)
    if settings.augment_shadow:
        images = shade(images, settings.augment_shadow, draws)
    images = make_gray(images, settings.augment_gray, draws)
    images = change_light(images, settings.augment_light, draws)
    images = blur(images, settings.augment_blur, draws)
    images = add_noise(images, settings.augment_noise, draws)
    return compress(images, settings.augment_jpeg, draws), points
