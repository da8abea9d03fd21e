"""tf.data: records in, batches of patches and points out."""

import numpy as np
import tensorflow as tf

from landmark.dataset import augment, records, shards
from landmark.model import pixels

_SHUFFLE_BUFFER = 20_000
_OPEN_SHARDS = 16  # At a time.
_MANY_EPOCHS = 2**31  # More than anyone makes.


def _prepare(serialized, header, settings, draws):
    """Returns the images and points of a batch; without draws, as they are."""
    patches, points, _ = records.parse_batch(serialized, header)
    if draws and settings.augment:
        images, points = augment.augment(patches, points, header.size, settings, draws)
    else:
        images = tf.cast(crop_middle(patches, header.margin), tf.float32)
    return pixels.to_network_input(images, settings.is_color), points


def _untuned(batches):
    """Switches tf.data's tuner off: nothing here asks for it, and whoever rewinds an
    iterator waits until it wakes, for up to a minute.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def crop_middle(patches, margin):
    """Takes the margin off: (B, W, W, 3) -> (B, W - 2 margin, W - 2 margin, 3)."""
    return patches[:, margin:-margin, margin:-margin] if margin else patches


def _list_files(path):
    """Returns the files that a path stands for, as TensorFlow takes them: str."""
    return list(map(str, shards.list_shards(path)))


def _count(paths):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        samples = tf.data.TFRecordDataset(paths)
        count = samples.reduce(np.int64(0), lambda count, _: count + 1)
        return int(session.run(count))


def training_batches(path, settings, seed, step=0, rows=None):
    """Returns an endless, shuffled dataset of batches for training.

    The seed alone decides the samples of a step and how they are changed, wherever a
    session begins.

    Args:
        path: record file, or a set of shards as `shards.list_shards` takes them.
        settings: input_size, is_color, batch_size, and the augmentation.
        seed: int, 0 or more.
        step: at which it begins.
        rows: slice of each batch that is wanted; None for all. What is drawn to change
            the samples depends on it.

    Returns:
        tf.data.Dataset of images, (B, N, N, 3 or 1) float32 network input, and points,
        (B, P, 2) float32 crop-normalised. All batches are full.

    Raises:
        InputError: the file is missing or empty.
    """
    header = records.read_header(path)
    paths = _list_files(path)

    def read_epoch(epoch):
        # Not `seed, epoch`: shuffle takes one number.
        mixed = seed * _MANY_EPOCHS + epoch
        files = tf.data.Dataset.from_tensor_slices(paths).shuffle(len(paths), mixed)
        samples = files.interleave(tf.data.TFRecordDataset, cycle_length=_OPEN_SHARDS)
        return samples.shuffle(_SHUFFLE_BUFFER, mixed)

    start = rows.start if rows else 0

    def prepare(step, serialized):
        draws = augment.Draws(seed + start, step)
        own = serialized[rows] if rows else serialized
        return _prepare(own, header, settings, draws)

    epoch, passed = (
        divmod(step * settings.batch_size, _count(paths)) if step else (0, 0)
    )
    return _untuned(
        tf.data.Dataset.range(epoch, _MANY_EPOCHS)
        .flat_map(read_epoch)
        .skip(passed)
        .batch(settings.batch_size, drop_remainder=True)
        .enumerate(start=step)
        .map(prepare, num_parallel_calls=1)
        .prefetch(2)
    )


def validation_batches(path, settings):
    """Returns a dataset like `training_batches`, of each crop once, in order."""
    header = records.read_header(path)
    samples = tf.data.TFRecordDataset(_list_files(path)).cache()

    def prepare(serialized):
        return _prepare(serialized, header, settings, None)

    return _untuned(samples.batch(settings.batch_size).map(prepare).prefetch(1))


def read_samples(path, size=None, scheme=None):
    """Reads a whole record file into memory.

    Args:
        path: record file.
        size: side of its crops, in pixels; None takes what it has.
        scheme: Scheme of its points; None takes what it has.

    Returns:
        patches: (B, size, size, 3) uint8 RGB.
        points: (B, P, 2) float32, crop-normalised.
        names: list of B str.

    Raises:
        InputError: as `records.check_records` does.
    """
    count, header, _ = records.check_records(path, size, scheme)
    paths = _list_files(path)
    batch = next(iter(tf.data.TFRecordDataset(paths).batch(count)))
    patches, points, names = records.parse_batch(batch, header)
    return (
        crop_middle(patches, header.margin).numpy(),
        points.numpy(),
        [name.decode(errors="surrogateescape") for name in names.numpy()],
    )
