"""The training record: a patch with its points, as a tf.train.Example.

    version          int64   of this header
    scheme           bytes   of the points: a name of the toolkit's, or a definition
    image/raw        bytes   (width, width, 3) uint8, row by row;
                             width = size + 2 * margin
    image/colors     bytes   what the 3 are: RGB
    image/size       int64   side of the crop, the middle of the image, in pixels
    image/margin     int64   pixels around the crop, for augmentation to move into
    image/extension  float   by which share the crop is larger than the detector's box;
                             no value where it is not known
    image/name       bytes   the patch's file name without suffix
    image/photo      bytes   the annotation that it comes from; empty if not known
    points           bytes   (P, 2) little-endian float32, crop-normalised; both nan
                             where a point is missing

Raw bytes are read several times faster than pictures or float lists, and patches are
small. Records of before version 1 have raw, size, margin, name and points only, which
are ibug68.
"""

import itertools
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from landmark.face.scheme import IBUG68, scheme_of_reference
from landmark.files import disk
from landmark.files.notes import read_share
from landmark.files.patches import check_points
from landmark.script.errors import InputError

VERSION = 1
_COLORS = b"RGB"
# Of a record: its length in 8 bytes, the length's checksum, the record, its checksum.
_LENGTH, _FRAME = 8, 16
_IMAGE, _SIZE, _MARGIN = "image/raw", "image/size", "image/margin"
_NAME, _POINTS = "image/name", "points"
_SCHEMA = {
    _IMAGE: tf.io.FixedLenFeature([], tf.string),
    _NAME: tf.io.FixedLenFeature([], tf.string),
    _POINTS: tf.io.FixedLenFeature([], tf.string),
}


class Header(NamedTuple):
    """What all records of a file have in common.

    Attributes:
        size: side of their crops, in pixels.
        margin: pixels around each crop.
        scheme: Scheme of their points.
        extension: by which share the crop is larger than the detector's box; None where
            it is not known.
    """

    size: int
    margin: int = 0
    scheme: Any = IBUG68
    extension: float | None = None


class RecordInfo(NamedTuple):
    """What `check_records` finds.

    Attributes:
        count: number of samples.
        header: Header of all of them.
        num_missing: number of points that are missing.
    """

    count: int
    header: Header
    num_missing: int


def _int_feature(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _bytes_feature(value):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _to_bytes(text):
    """Returns a file's name as it is on disk, whether it is text or not."""
    return text.encode(errors="surrogateescape")


def encode_example(
    patch, points, name, margin=0, scheme=IBUG68, extension=None, photo=""
):
    """Serialises one sample; `parse_batch` is the inverse.

    Args:
        patch: (W, W, 3) uint8 RGB: the crop, with its margin around it.
        points: (P, 2) float, crop-normalised; both nan where a point is missing.
        name: str.
        margin: pixels on each side that are not of the crop.
        scheme: Scheme of the points.
        extension: by which share the crop is larger than the detector's box, or None.
        photo: str, the annotation that it comes from.

    Returns:
        bytes.
    """
    known = [] if extension is None else [extension]
    feature = {
        "version": _int_feature(VERSION),
        "scheme": _bytes_feature(scheme.reference.encode()),
        _IMAGE: _bytes_feature(patch.tobytes()),
        "image/colors": _bytes_feature(_COLORS),
        _SIZE: _int_feature(patch.shape[0] - 2 * margin),
        _MARGIN: _int_feature(margin),
        "image/extension": tf.train.Feature(float_list=tf.train.FloatList(value=known)),
        _NAME: _bytes_feature(_to_bytes(name)),
        "image/photo": _bytes_feature(_to_bytes(photo)),
        _POINTS: _bytes_feature(np.asarray(points, "<f4").tobytes()),
    }
    return tf.train.Example(
        features=tf.train.Features(feature=feature)
    ).SerializeToString(deterministic=True)


def parse_batch(serialized, header):
    """Parses a batch of samples, all of one header.

    Args:
        serialized: (B,) string tensor.
        header: Header.

    Returns:
        patches: (B, width, width, 3) uint8 tensor, RGB; width = size + 2 * margin.
        points: (B, P, 2) float32 tensor, crop-normalised.
        names: (B,) string tensor.
    """
    width = header.size + 2 * header.margin
    features = tf.io.parse_example(serialized, _SCHEMA)
    patches = tf.io.decode_raw(features[_IMAGE], tf.uint8, fixed_length=3 * width**2)
    points = tf.io.decode_raw(features[_POINTS], tf.float32)
    return (
        tf.reshape(patches, [-1, width, width, 3]),
        tf.reshape(points, [-1, header.scheme.num_points, 2]),
        features[_NAME],
    )


def write_records(path, samples, place=None):
    """Writes samples to a record file, all of them or nothing.

    Args:
        path: the file.
        place: what the error calls it, if not by its path.
        samples: tuples of what `encode_example` takes.

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
            raise InputError(f"{place or path}: expected samples to write, found none")
    return count


def check_records(path, size=None, scheme=None):
    """Reads a record file through, so that later stages can trust it.

    Args:
        path: the record file.
        size: side of its crops; None takes what the first one says.
        scheme: Scheme of its points; None takes what the first one says.

    Returns:
        RecordInfo.

    Raises:
        InputError: missing, empty, truncated, not made by `write_records`, or with
            records that differ.
    """
    count, num_missing, header = 0, 0, None
    try:
        for serialized in _read_serialized(path):
            found, points = _parse_header(path, count, serialized)
            if header is None:
                header = found._replace(
                    size=size or found.size, scheme=scheme or found.scheme
                )
            if None in (found.extension, header.extension):
                found = found._replace(extension=header.extension)
            if found != header:
                _refuse_record(path, count, header, found)
            num_missing += _check_points(path, count, points)
            _require_parsable(path, count, serialized)
            count += 1
    except tf.errors.OpError as error:
        raise InputError(
            f"{path}: expected a whole record file, found it broken after "
            f"{count} records"
        ) from error
    if not count:
        raise _no_records(path)
    return RecordInfo(count, header, num_missing)


def read_header(path):
    """Returns the Header of a file's first record.

    Raises:
        InputError: there is none.
    """
    try:
        for serialized in _read_serialized(path):
            return _parse_header(path, 0, serialized)[0]
    except tf.errors.OpError as error:
        raise InputError(
            f"{path}: expected a record file, found another file"
        ) from error
    raise _no_records(path)


def _no_records(path):
    is_empty = not Path(path).stat().st_size
    found = "an empty file" if is_empty else "another file"
    return InputError(f"{path}: expected records, found {found}")


def _read_serialized(path):
    # Unlike tf.data, this reader works while a graph is being built, too. It takes the
    # memory that a length asks for, and crashes if there is not as much.
    records = tf.compat.v1.io.tf_record_iterator(str(disk.require_file(path)))
    left = Path(path).stat().st_size
    with open(path, "rb") as file:
        while left:
            length = int.from_bytes(file.read(_LENGTH), "little") + _FRAME
            if length > left:
                raise tf.errors.DataLossError(None, None, "cut off")
            yield from itertools.islice(records, 1)
            left -= length
            file.seek(length - _LENGTH, os.SEEK_CUR)


def _parse_header(path, index, serialized):
    """Returns (Header, points as bytes) of a record."""
    example = tf.train.Example()
    try:
        example.ParseFromString(serialized)
        features = example.features.feature
        (image,) = features[_IMAGE].bytes_list.value
        (points,) = features[_POINTS].bytes_list.value
        (size,), (margin,) = (features[k].int64_list.value for k in (_SIZE, _MARGIN))
        # What old records do not have is an empty list.
        (version,) = features["version"].int64_list.value or [0]
        (reference,) = features["scheme"].bytes_list.value or [IBUG68.name.encode()]
        (colors,) = features["image/colors"].bytes_list.value or [_COLORS]
        (extension,) = features["image/extension"].float_list.value or [None]
        extension = read_share(extension)
        (_,) = features[_NAME].bytes_list.value
        reference = reference.decode()
    except Exception as error:  # Protobuf's parsers differ in what they raise.
        raise _wrong_record(path, index) from error
    if version not in (0, VERSION) or colors != _COLORS:
        raise InputError(
            f"{path}: expected records of version {VERSION} in RGB, found version "
            f"{version} in {colors.decode(errors='replace')} in record {index}"
        )
    scheme = scheme_of_reference(reference, path)
    expected = 3 * (size + 2 * margin) ** 2, 4 * scheme.num_coordinates
    if min(size - 1, margin) < 0 or (len(image), len(points)) != expected:
        raise _wrong_record(path, index)
    if extension is not None:  # The float32 of 0.1 is not 0.1.
        extension = round(extension, 6)
    return Header(size, margin, scheme, extension), points


def _require_parsable(path, index, serialized):
    """Refuses what protobuf's parser takes, but not TensorFlow's, which is stricter."""
    try:
        with tf.init_scope():
            tf.io.parse_example([serialized], _SCHEMA)
    except (tf.errors.OpError, ValueError) as error:
        raise _wrong_record(path, index) from error


def _check_points(path, index, points):
    """Returns how many points of a record are missing; refuses those that are wrong."""
    points = np.frombuffer(points, "<f4").reshape(-1, 2)
    check_points(points, f"{path}, record {index}")
    return int(np.isnan(points[:, 0]).sum())


def _refuse_record(path, index, header, found):
    """Refuses a record that differs from the header of the file."""
    header.scheme.require(found.scheme, f"{path}, record {index}")
    wanted, found_size = header.size, found.size
    if wanted != found_size:
        raise InputError(
            f"{path}: expected patches of {wanted} x {wanted} pixels, "
            f"found {found_size} x {found_size} in record {index}"
        )
    if header.margin != found.margin:
        raise InputError(
            f"{path}: expected a margin of {header.margin} pixels around each patch, "
            f"found {found.margin} in record {index}"
        )
    raise InputError(
        f"{path}: expected an extension of {header.extension} of each crop, found "
        f"{found.extension} in record {index}"
    )


def _wrong_record(path, index):
    return InputError(
        f"{path}: expected records of make_landmark_tfrecord.py, found another in "
        f"record {index}"
    )
