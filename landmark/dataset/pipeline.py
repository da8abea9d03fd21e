"""tf.data: records in, batches of patches and points out."""

import tensorflow as tf

from landmark.dataset import augment, records
from landmark.model import pixels

_SHUFFLE_BUFFER = 20_000


def _read_batches(path, settings, is_training):
    """Returns a dataset of serialised samples, and the function to map on batches."""
    header = records.read_header(path)
    seed = tf.compat.v1.get_default_graph().seed

    def prepare(serialized):
        if seed is not None:  # Else it would draw the numbers that the graph does.
            tf.compat.v1.set_random_seed(seed + 1)
        patches, points, _ = records.parse_batch(serialized, header)
        if is_training and settings.augment:
            images, points = augment.augment(patches, points, header.size, settings)
        else:
            images = tf.cast(crop_middle(patches, header.margin), tf.float32)
        return pixels.to_network_input(images, settings.is_color), points

    return tf.data.TFRecordDataset(str(path)).cache(), prepare


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


def training_batches(path, settings):
    """Returns an endless, shuffled dataset of batches for training.

    Args:
        path: record file.
        settings: input_size, is_color, batch_size, and the augmentation.

    Returns:
        tf.data.Dataset of images, (B, N, N, 3 or 1) float32 network input, and points,
        (B, P, 2) float32 crop-normalised. All batches are full.

    Raises:
        InputError: the file is missing or empty.
    """
    samples, prepare = _read_batches(path, settings, is_training=True)
    return _untuned(
        samples.shuffle(_SHUFFLE_BUFFER)
        .repeat()
        .batch(settings.batch_size, drop_remainder=True)
        .map(prepare, num_parallel_calls=1)
        .prefetch(2)
    )


def validation_batches(path, settings):
    """Returns a dataset like `training_batches`, of each crop once, in order."""
    samples, prepare = _read_batches(path, settings, is_training=False)
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
    batch = next(iter(tf.data.TFRecordDataset(str(path)).batch(count)))
    patches, points, names = records.parse_batch(batch, header)
    return (
        crop_middle(patches, header.margin).numpy(),
        points.numpy(),
        [name.decode(errors="surrogateescape") for name in names.numpy()],
    )
