"""Record files: samples written, read in batches, and checked."""

import concurrent.futures
import itertools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from landmark.dataset import example, shards, tfrecord
from landmark.dataset.example import encode_example
from landmark.face.scheme import IBUG68, scheme_of_reference
from landmark.files import disk
from landmark.files.notes import read_share
from landmark.files.patches import check_points
from landmark.script.errors import InputError

_BATCH = 64
_IMAGE, _NAME, _POINTS = example.IMAGE_KEY, example.NAME_KEY, example.POINTS_KEY
_SCHEMA = {
    _IMAGE: tf.io.FixedLenFeature([], tf.string),
    _NAME: tf.io.FixedLenFeature([], tf.string),
    _POINTS: tf.io.FixedLenFeature([], tf.string),
}
# What old records do not have has a default.
_WHOLE_SCHEMA = {
    **_SCHEMA,
    example.VERSION_KEY: tf.io.FixedLenFeature([], tf.int64, 0),
    example.SCHEME_KEY: tf.io.FixedLenFeature([], tf.string, IBUG68.name),
    example.COLORS_KEY: tf.io.FixedLenFeature([], tf.string, example.COLORS),
    example.SIZE_KEY: tf.io.FixedLenFeature([], tf.int64),
    example.MARGIN_KEY: tf.io.FixedLenFeature([], tf.int64),
    example.EXTENSION_KEY: tf.io.RaggedFeature(tf.float32),
    example.PHOTO_KEY: tf.io.FixedLenFeature([], tf.string, ""),
}
_OF_HEADER = (
    *(example.VERSION_KEY, example.SCHEME_KEY, example.COLORS_KEY),
    *(example.SIZE_KEY, example.MARGIN_KEY, example.EXTENSION_KEY),
)


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


class Batch(NamedTuple):
    """Samples of a record file, which are right.

    Attributes:
        path: Path of the file, a shard maybe.
        start: index of the first one in it.
        header: Header of the first sample of all files.
        points: (B, P, 2) float32, crop-normalised; both nan where a point is missing.
        features: key of `example` -> list of B values.
    """

    path: Any
    start: int
    header: Header
    points: np.ndarray
    features: dict[str, Any]

    @property
    def images(self):
        """(B, width, width, 3) uint8 RGB, with their margin."""
        width = self.header.size + 2 * self.header.margin
        content = b"".join(self.features[_IMAGE])
        return np.frombuffer(content, np.uint8).reshape(-1, width, width, 3)

    @property
    def crops(self):
        """(B, size, size, 3) uint8 RGB."""
        inside = slice(self.header.margin, self.header.margin + self.header.size)
        return self.images[:, inside, inside]

    def texts(self, key):
        """Returns a feature that is a name, as a list of B str."""
        return [text.decode(errors="surrogateescape") for text in self.features[key]]


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


def write_records(path, samples):
    """Writes samples to a record file, all of them or nothing.

    Args:
        path: the file.
        samples: tuples of what `encode_example` takes.

    Returns:
        How many were written.

    Raises:
        InputError: there was none.
    """
    count = 0
    with disk.replace_when_done(path) as temporary:
        with temporary.open("wb") as file:
            for sample in samples:
                file.write(tfrecord.frame(encode_example(*sample)))
                count += 1
        if not count:
            raise InputError(f"{path}: expected samples to write, found none")
    return count


def check_records(path, size=None, scheme=None):
    """Reads record files through, so that later stages can trust them.

    Args:
        path: of a record file, or what `shards.list_shards` takes.
        size: side of its crops; None takes what the first one says.
        scheme: Scheme of its points; None takes what the first one says.

    Returns:
        RecordInfo.

    Raises:
        InputError: missing, empty, truncated, not made by `write_records`, or with
            records that differ.
    """
    count, num_missing, header = 0, 0, None
    for batch in read_batches(path, size, scheme):
        header = batch.header
        count += len(batch.points)
        num_missing += int(np.isnan(batch.points[..., 0]).sum())
    return RecordInfo(count, header, num_missing)


def read_batches(path, size=None, scheme=None):
    """Yields the samples of record files, each a Batch, as soon as they are checked.

    Args:
        path, size, scheme: as for `check_records`.

    Raises:
        InputError: as `check_records` does.
    """
    header = None
    for shard in shards.list_shards(path):
        start = None
        for start, features in _parse_all(shard):
            header = _check_headers(shard, start, features, header, size, scheme)
            points = _read_points(shard, start, features, header)
            yield Batch(shard, start, header, points, features)
        if start is None:
            raise _no_records(shard)


def read_header(path):
    """Returns the Header of the first record of a file, or of a set of shards.

    Raises:
        InputError: there is none.
    """
    path = shards.list_shards(path)[0]
    try:
        for serialized in tfrecord.read_frames(path):
            return _read_header(path, 0, next(_rows(_parse_one(path, 0, serialized))))
    except tfrecord.BrokenError as error:
        raise InputError(
            f"{path}: expected a record file, found another file"
        ) from error
    raise _no_records(path)


def _no_records(path):
    is_empty = not path.stat().st_size
    found = "an empty file" if is_empty else "another file"
    return InputError(f"{path}: expected records, found {found}")


def _parse_all(path):
    """Yields (index of the first record, features) of the batches of a file."""
    frames, start, broken = tfrecord.read_frames(path), 0, None
    while not broken:
        batch = []
        try:
            batch.extend(itertools.islice(frames, _BATCH))
        except tfrecord.BrokenError as error:
            broken = error  # What stands before it is looked at first.
        if not batch:
            break
        try:
            yield start, _parse(batch)
        except (tf.errors.OpError, ValueError):
            for index, record in enumerate(batch, start=start):
                yield index, _parse_one(path, index, record)
        start += len(batch)
    if broken:
        raise InputError(
            f"{path}: expected a whole record file, found it broken after {start} "
            "records"
        ) from broken


def _parse(serialized):
    """Parses a list of records: key -> list of B values."""
    # In a thread: in this one, a graph may be under way.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(_parse_now, serialized).result()


def _parse_now(serialized):
    features = tf.io.parse_example(serialized, _WHOLE_SCHEMA)
    extensions = features.pop(example.EXTENSION_KEY).to_list()
    values = {key: tensor.numpy().tolist() for key, tensor in features.items()}
    return {**values, example.EXTENSION_KEY: extensions}


def _parse_one(path, index, serialized):
    try:
        return _parse([serialized])
    except (tf.errors.OpError, ValueError) as error:
        raise _wrong_record(path, index) from error


def _rows(features):
    """Yields of each record what its Header is made from."""
    lengths = (map(len, features[key]) for key in (_IMAGE, _POINTS))
    return zip(*(features[key] for key in _OF_HEADER), *lengths, strict=True)


def _check_headers(path, start, features, header, size, scheme):
    """Refuses records that differ; returns the Header, which the first one makes."""
    before = found = None
    for index, row in enumerate(_rows(features), start=start):
        if row == before:
            continue
        before, found = row, _read_header(path, index, row)
        if header is None:
            header = found._replace(
                size=size or found.size, scheme=scheme or found.scheme
            )
        if None in (found.extension, header.extension):
            found = found._replace(extension=header.extension)
        if found != header:
            _refuse_record(path, index, header, found)
    return header


def _read_header(path, index, row):
    """Returns the Header of a record, of its row in `_rows`."""
    version, reference, colors, size, margin, extensions, *lengths = row
    if version not in (0, example.VERSION) or colors != example.COLORS:
        raise InputError(
            f"{path}: expected records of version {example.VERSION} in RGB, found "
            f"version {version} in {colors.decode(errors='replace')} in record {index}"
        )
    try:
        (extension,) = extensions or [None]
        extension = read_share(extension)
        reference = reference.decode()
    except ValueError as error:
        raise _wrong_record(path, index) from error
    scheme = scheme_of_reference(reference, path)
    expected = [3 * (size + 2 * margin) ** 2, 4 * scheme.num_coordinates]
    if min(size - 1, margin) < 0 or lengths != expected:
        raise _wrong_record(path, index)
    if extension is not None:  # The float32 of 0.1 is not 0.1.
        extension = round(extension, 6)
    return Header(size, margin, scheme, extension)


def _read_points(path, start, features, header):
    """Returns the points of records; refuses those that are wrong."""
    content = b"".join(features[_POINTS])
    points = np.frombuffer(content, "<f4").reshape(-1, header.scheme.num_points, 2)
    for index, face in enumerate(points, start=start):
        check_points(face, f"{path}, record {index}")
    return points


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
