"""The training record: a patch with its points, as a tf.train.Example.

    image/raw     bytes   (width, width, 3) uint8 RGB, row by row;
                          width = size + 2 * margin
    image/size    int64   side of the crop, which is the middle of the image, in pixels
    image/margin  int64   pixels around the crop, for augmentation to move into
    image/name    bytes   the patch's file name without suffix
    points        bytes   (68, 2) little-endian float32, crop-normalised

Raw bytes are read several times faster than pictures or float lists, and patches are
small.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from landmark.face import points as ibug
from landmark.files import disk
from landmark.script.errors import InputError

_IMAGE, _SIZE, _MARGIN = "image/raw", "image/size", "image/margin"
_NAME, _POINTS = "image/name", "points"
_SCHEMA = {
    _IMAGE: tf.io.FixedLenFeature([], tf.string),
    _NAME: tf.io.FixedLenFeature([], tf.string),
    _POINTS: tf.io.FixedLenFeature([], tf.string),
}


class RecordInfo(NamedTuple):
    """What `check_records` finds.

    Attributes:
        count: number of samples.
        size: side of their crops, in pixels.
        margin: pixels around each crop.
    """

    count: int
    size: int
    margin: int


def _int_feature(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _bytes_feature(value):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def encode_example(patch, points, name, margin=0):
    """Serialises one sample; `parse_batch` is the inverse.

    Args:
        patch: (W, W, 3) uint8 RGB: the crop, with its margin around it.
        points: (68, 2) float, crop-normalised.
        name: str.
        margin: pixels on each side that are not of the crop.

    Returns:
        bytes.
    """
    feature = {
        _IMAGE: _bytes_feature(patch.tobytes()),
        _SIZE: _int_feature(patch.shape[0] - 2 * margin),
        _MARGIN: _int_feature(margin),
        _NAME: _bytes_feature(name.encode()),
        _POINTS: _bytes_feature(np.asarray(points, "<f4").tobytes()),
    }
    return tf.train.Example(
        features=tf.train.Features(feature=feature)
    ).SerializeToString()


def parse_batch(serialized, width):
    """Parses a batch of samples, all patches of one size.

    Args:
        serialized: (B,) string tensor.
        width: side of the patches with their margin, in pixels.

    Returns:
        patches: (B, width, width, 3) uint8 tensor, RGB.
        points: (B, 68, 2) float32 tensor, crop-normalised.
        names: (B,) string tensor.
    """
    features = tf.io.parse_example(serialized, _SCHEMA)
    patches = tf.io.decode_raw(features[_IMAGE], tf.uint8, fixed_length=3 * width**2)
    points = tf.io.decode_raw(features[_POINTS], tf.float32)
    return (
        tf.reshape(patches, [-1, width, width, 3]),
        tf.reshape(points, [-1, ibug.NUM_POINTS, 2]),
        features[_NAME],
    )


def write_records(path, samples):
    """Writes samples to a record file, all of them or nothing.

    Args:
        path: the file.
        samples: (patch, points, name[, margin]) tuples, as `encode_example` takes them.

    Returns:
        How many were written.

    Raises:
        InputError: there was none.
    """
    count = 0
    with disk.replace_when_done(path) as temporary:
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
        size: side of its crops; None takes what the first one says.

    Returns:
        RecordInfo.

    Raises:
        InputError: missing, empty, truncated, not made by `write_records`, or with
            crops of another size.
    """
    count, margin = 0, None
    try:
        for serialized in _read_serialized(path):
            found_size, found_margin = _parse_sizes(path, count, serialized)
            size = size or found_size
            margin = found_margin if margin is None else margin
            if found_size != size:
                raise InputError(
                    f"{path}: expected patches of {size} x {size} pixels, "
                    f"found {found_size} x {found_size} in record {count}"
                )
            if found_margin != margin:
                raise InputError(
                    f"{path}: expected a margin of {margin} pixels around each patch, "
                    f"found {found_margin} in record {count}"
                )
            count += 1
    except tf.errors.DataLossError as error:
        raise InputError(
            f"{path}: expected a whole record file, found it broken after "
            f"{count} records"
        ) from error
    if not count:
        raise InputError(f"{path}: expected records, found an empty file")
    return RecordInfo(count, size, margin)


def read_sizes(path):
    """Returns (size of the crop, margin), in pixels, of a file's first record.

    Raises:
        InputError: there is none.
    """
    for serialized in _read_serialized(path):
        return _parse_sizes(path, 0, serialized)
    raise InputError(f"{path}: expected records, found an empty file")


def _read_serialized(path):
    # Unlike tf.data, this reader works while a graph is being built, too.
    return tf.compat.v1.io.tf_record_iterator(str(disk.require_file(path)))


def _parse_sizes(path, index, serialized):
    example = tf.train.Example()
    try:
        example.ParseFromString(serialized)
        features = example.features.feature
        image = features[_IMAGE].bytes_list.value[0]
        points = features[_POINTS].bytes_list.value[0]
        size, margin = (features[key].int64_list.value[0] for key in (_SIZE, _MARGIN))
    except Exception as error:  # Protobuf's parsers differ in what they raise.
        raise _wrong_record(path, index) from error
    expected = 3 * (size + 2 * margin) ** 2, 4 * ibug.NUM_COORDINATES
    if (len(image), len(points)) != expected:
        raise _wrong_record(path, index)
    return size, margin


def _wrong_record(path, index):
    return InputError(
        f"{path}: expected records of make_landmark_tfrecord.py, found another in "
        f"record {index}"
    )
