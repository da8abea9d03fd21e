"""The training record: a patch with its points, as a tf.train.Example.

    image/raw   bytes   (size, size, 3) uint8 RGB, row by row
    image/size  int64   size
    image/name  bytes   the patch's file name without suffix
    points      bytes   (68, 2) little-endian float32, crop-normalised

Raw bytes are read several times faster than pictures or float lists, and patches are
small.
"""

import numpy as np
import tensorflow as tf

from landmark import files
from landmark import points as ibug
from landmark.errors import InputError

_IMAGE, _SIZE, _NAME, _POINTS = "image/raw", "image/size", "image/name", "points"
_SCHEMA = {
    _IMAGE: tf.io.FixedLenFeature([], tf.string),
    _SIZE: tf.io.FixedLenFeature([], tf.int64),
    _NAME: tf.io.FixedLenFeature([], tf.string),
    _POINTS: tf.io.FixedLenFeature([], tf.string),
}


def _bytes_feature(value):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def encode_example(patch, points, name):
    """Serialises one sample; `parse_batch` is the inverse.

    Args:
        patch: (N, N, 3) uint8 RGB.
        points: (68, 2) float, crop-normalised.
        name: str.

    Returns:
        bytes.
    """
    size = tf.train.Feature(int64_list=tf.train.Int64List(value=[patch.shape[0]]))
    feature = {
        _IMAGE: _bytes_feature(patch.tobytes()),
        _SIZE: size,
        _NAME: _bytes_feature(name.encode()),
        _POINTS: _bytes_feature(np.asarray(points, "<f4").tobytes()),
    }
    return tf.train.Example(
        features=tf.train.Features(feature=feature)
    ).SerializeToString()


def parse_batch(serialized, size):
    """Parses a batch of samples, all patches of one size.

    Args:
        serialized: (B,) string tensor.
        size: side of the patches, in pixels.

    Returns:
        patches: (B, size, size, 3) uint8 tensor, RGB.
        points: (B, 68, 2) float32 tensor, crop-normalised.
        names: (B,) string tensor.
    """
    features = tf.io.parse_example(serialized, _SCHEMA)
    patches = tf.io.decode_raw(features[_IMAGE], tf.uint8, fixed_length=3 * size**2)
    points = tf.io.decode_raw(features[_POINTS], tf.float32)
    return (
        tf.reshape(patches, [-1, size, size, 3]),
        tf.reshape(points, [-1, ibug.NUM_POINTS, 2]),
        features[_NAME],
    )


def write_records(path, samples):
    """Writes (patch, points, name) samples to a record file, all of them or nothing.

    Returns:
        How many were written.

    Raises:
        InputError: there was none.
    """
    count = 0
    with files.replace_when_done(path) as temporary:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for sample in samples:
                writer.write(encode_example(*sample))
                count += 1
        if not count:
            raise InputError(f"{path}: expected samples to write, found none")
    return count


def check_records(path, size=None):
    """Reads a record file through, so that later stages can trust it.

    Args:
        path: the record file.
        size: side of its patches; None takes what the first one says.

    Returns:
        (number of samples, side of the patches in pixels).

    Raises:
        InputError: missing, empty, truncated, not made by `write_records`, or with
            patches of another size.
    """
    count = 0
    try:
        for serialized in tf.data.TFRecordDataset(str(files.require_file(path))):
            found = _read_size(path, count, serialized.numpy())
            size = size or found
            if found != size:
                raise InputError(
                    f"{path}: expected patches of {size} x {size} pixels, "
                    f"found {found} x {found} in record {count}"
                )
            count += 1
    except tf.errors.DataLossError as error:
        raise InputError(
            f"{path}: expected a whole record file, found it broken after "
            f"{count} records"
        ) from error
    if not count:
        raise InputError(f"{path}: expected records, found an empty file")
    return count, size


def _read_size(path, index, serialized):
    example = tf.train.Example()
    try:
        example.ParseFromString(serialized)
        features = example.features.feature
        image, points = (features[key].bytes_list.value[0] for key in (_IMAGE, _POINTS))
        size = features[_SIZE].int64_list.value[0]
        whole = len(image) == 3 * size**2 and len(points) == 4 * ibug.NUM_COORDINATES
    except Exception as error:  # Protobuf's parsers differ in what they raise.
        raise _wrong_record(path, index) from error
    if not whole:
        raise _wrong_record(path, index)
    return size


def _wrong_record(path, index):
    return InputError(
        f"{path}: expected records of make_landmark_tfrecord.py, found another in "
        f"record {index}"
    )
