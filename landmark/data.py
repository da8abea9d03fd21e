"""tf.data: records in, batches of patches and points out."""

import tensorflow as tf

from landmark import pixels, records

_SHUFFLE_BUFFER = 20_000


def _prepare(size, is_color):
    """Returns a function: (B,) serialised samples -> (images, points) of a network."""

    def prepare(serialized):
        patches, points, _ = records.parse_batch(serialized, size)
        return pixels.to_network_input(tf.cast(patches, tf.float32), is_color), points

    return prepare


def training_batches(path, settings):
    """Returns an endless, shuffled dataset of batches for training.

    Args:
        path: record file.
        settings: input_size, is_color and batch_size.

    Returns:
        tf.data.Dataset of images, (B, N, N, 3 or 1) float32 network input, and points,
        (B, 68, 2) float32 crop-normalised. All batches are full.
    """
    return (
        tf.data.TFRecordDataset(str(path))
        .cache()
        .shuffle(_SHUFFLE_BUFFER)
        .repeat()
        .batch(settings.batch_size, drop_remainder=True)
        .map(_prepare(settings.input_size, settings.is_color), tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def validation_batches(path, settings):
    """Returns a dataset like `training_batches`, of each sample once, in order."""
    return (
        tf.data.TFRecordDataset(str(path))
        .cache()
        .batch(settings.batch_size)
        .map(_prepare(settings.input_size, settings.is_color), tf.data.AUTOTUNE)
        .prefetch(1)
    )


def read_samples(path, size=None):
    """Reads a whole record file into memory.

    Args:
        path: record file.
        size: side of its patches, in pixels; None takes what it has.

    Returns:
        patches: (B, size, size, 3) uint8 RGB.
        points: (B, 68, 2) float32, crop-normalised.
        names: list of B str.

    Raises:
        InputError: as `records.check_records` does.
    """
    count, size = records.check_records(path, size)
    batch = next(iter(tf.data.TFRecordDataset(str(path)).batch(count)))
    patches, points, names = records.parse_batch(batch, size)
    return patches.numpy(), points.numpy(), [name.decode() for name in names.numpy()]
