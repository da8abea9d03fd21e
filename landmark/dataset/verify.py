"""What is suspicious in records: what is there twice, points that fit no face."""

import collections
import hashlib
from typing import Any, NamedTuple

import numpy as np

from landmark.dataset import split
from landmark.dataset.example import NAME_KEY
from landmark.files.notes import shorten
from landmark.script.words import format_table

_ROUNDS = 5  # Of aligning and averaging.
# What is farther than so many usual deviations above the median misfit is odd: true
# faces in the wild stay below 3.7, points in a wrong order come to 13.
_ODD = 5.0
_LEAST_MISFIT = 0.15  # Of a face's size; less is no error, however alike the others.
_FLAT_LEVELS, _BLACK_SHARE = 8, 0.5
_OF_FILES = (
    *("patches", "photos", "size", "margin", "scheme", "missing", "odd", "flat"),
    "file",
)
_OF_COLLECTIONS = "patches", "photos", "most", "collection", "file"
_LISTED = 20  # Names in a list; of the others, only the number is told.


class Survey(NamedTuple):
    """What there is to say of a record file, or of a set of shards.

    Attributes:
        path: as it was given.
        header: records.Header.
        names: list of N str.
        digests: list of N bytes; those of identical patches are the same.
        points: (N, P, 2) float32, crop-normalised; both nan where a point is missing.
        is_flat: (N,) bool, of patches of one level, or of which half is black.
        misfits: (N,) float, from `measure_misfits`.
    """

    path: Any
    header: Any
    names: list[str]
    digests: list[bytes]
    points: np.ndarray
    is_flat: np.ndarray
    misfits: np.ndarray

    @property
    def num_missing(self):
        """Number of points that are missing."""
        return int(np.isnan(self.points[..., 0]).sum())

    @property
    def is_odd(self):
        """(N,) bool, of faces whose points are too far from a face's shape."""
        middle = np.median(self.misfits)
        deviation = 1.4826 * np.median(np.abs(self.misfits - middle))
        far = self.misfits > middle + _ODD * deviation
        return far & (self.misfits > _LEAST_MISFIT)


def survey(path, batches):
    """Returns the Survey of the samples of a file.

    Args:
        path: as it was given.
        batches: iterable of `records.Batch`.
    """
    names, digests, points, is_flat = [], [], [], []
    for batch in batches:
        names += batch.texts(NAME_KEY)
        points.append(batch.points)
        digests += map(_digest, batch.images)
        is_flat += map(_is_flat, batch.crops)
    points = np.concatenate(points)
    misfits, _ = measure_misfits(points)
    header = batch.header
    return Survey(path, header, names, digests, points, np.array(is_flat), misfits)


def _digest(image):
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def _is_flat(crop):
    """Whether there is no face in a crop, (N, N, 3) uint8."""
    low, high = np.percentile(crop, (5, 95))
    is_black = (crop.max(axis=2) == 0).mean() > _BLACK_SHARE
    return bool(high - low < _FLAT_LEVELS or is_black)


def describe(surveys):
    """Returns two tables, of the files and of their collections, as lines of text."""
    files = [
        [
            *map(str, (len(found.names), len(set(_photos(found))))),
            *map(str, (found.header.size, found.header.margin, found.header.scheme)),
            *map(str, (found.num_missing, found.is_odd.sum(), found.is_flat.sum())),
            str(found.path),
        ]
        for found in surveys
    ]
    rows = [row for found in surveys for row in _count_collections(found)]
    return "\n\n".join(
        [format_table(_OF_FILES, files), format_table(_OF_COLLECTIONS, rows)]
    )


def _photos(found):
    """Returns of each sample what it shares with the other faces of its photo."""
    return list(map(split.photo_group, found.names))


def _count_collections(found):
    """Returns rows of each collection: patches, photos, most patches of one photo.

    A collection is what stands before a name's first `-`: the folder of extraction.
    """
    photos = collections.defaultdict(collections.Counter)
    for name, photo in zip(found.names, _photos(found), strict=True):
        collection, dash, _ = name.partition("-")
        photos[collection if dash else "(none)"][photo] += 1
    for name, counts in sorted(photos.items()):
        numbers = counts.total(), len(counts), max(counts.values())
        yield [*map(str, numbers), name, str(found.path)]


def list_suspicious(surveys):
    """Returns what needs a look, a sentence each; none if all is well.

    Args:
        surveys: list of Survey.
    """
    found = []
    for what, keys in (
        ("name", lambda one: one.names),
        ("identical patch", lambda one: one.digests),
        ("photo or subject", _photos),
    ):
        within, between = _find_repeated(surveys, keys)
        if keys is not _photos:  # Several patches of a photo are as it should be.
            found.append((f"{what} that a file has more than once", within))
        found.append((f"{what} that several files have", between))
    for what, which in (
        ("face whose points are too far from a face's shape", lambda one: one.is_odd),
        ("patch of one level, or half black", lambda one: one.is_flat),
    ):
        names = [
            f"{one.path}: {one.names[i]}"
            for one in surveys
            for i in np.flatnonzero(which(one))
        ]
        found.append((what, names))
    return [_list_names(what, names) for what, names in found if names]


def _find_repeated(surveys, keys):
    """Returns (what is repeated in a file, what is in several), as `PATH: NAME ...`.

    Args:
        surveys: list of Survey.
        keys: function of a Survey: what to compare, of each of its samples.
    """
    places = collections.defaultdict(dict)
    for number, found in enumerate(surveys):
        for name, key in zip(found.names, keys(found), strict=True):
            places[key].setdefault(number, []).append(name)
    within, between = [], []
    for there in places.values():
        for number, names in there.items():
            if len(names) > 1:
                within.append(f"{surveys[number].path}: {' = '.join(names)}")
        if len(there) > 1:
            files = [f"{surveys[i].path}: {names[0]}" for i, names in there.items()]
            between.append(" = ".join(files))
    return within, between


def _list_names(what, names):
    """Returns lines: how many there are of what, and which."""
    listed = [f"    {shorten(name)[1:-1]}" for name in names[:_LISTED]]
    if len(names) > _LISTED:
        listed.append(f"    and {len(names) - _LISTED} more")
    return "\n".join([f"suspicious: {len(names)} x {what}", *listed])


def measure_misfits(points):
    """Measures how far faces are from the mean shape, moved, turned and scaled to them.

    Args:
        points: (N, P, 2) float; both nan where a point is missing.

    Returns:
        misfits: (N,) float, mean distance of the points over the face's size, which is
            their root mean square distance from their middle; 0 where fewer than three
            points are known.
        fitted: (N, P, 2) float, the mean shape on each face.
    """
    faces = points[..., 0].astype(np.float64) + 1j * points[..., 1]
    known = ~np.isnan(faces)
    faces = np.where(known, faces, 0)
    centred, _ = _centre(faces, known)
    sizes = np.sqrt(_mean(np.abs(centred) ** 2, known))
    unit = centred / np.where(sizes > 0, sizes, 1)
    mean = _median(unit, known)
    for _ in range(_ROUNDS):
        shape, _ = _centre(np.broadcast_to(mean, faces.shape), known)
        mean = _median(_fit(unit, shape) * unit, known)
    shape, middle_of_shape = _centre(np.broadcast_to(mean, faces.shape), known)
    factor = _fit(shape, centred)
    _, middle = _centre(faces, known)
    fitted = factor * (mean - middle_of_shape) + middle
    misfits = _mean(np.abs(fitted - faces), known) / np.where(sizes > 0, sizes, 1)
    misfits[sizes == 0] = 1.0  # All points are one.
    misfits[known.sum(axis=1, keepdims=True) < 3] = 0.0
    return misfits[:, 0], np.stack([fitted.real, fitted.imag], axis=-1)


def _mean(values, known):
    """(N, 1) mean of the known of (N, P) values."""
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.where(known, values, 0).sum(axis=1, keepdims=True) / count


def _centre(faces, known):
    """Returns ((N, P) complex faces about their middle, that middle)."""
    middle = _mean(faces, known)
    return np.where(known, faces - middle, 0), middle


def _fit(faces, others):
    """Returns the (N, 1) complex factors, turn and scale, that fit faces to others."""
    over = (np.abs(faces) ** 2).sum(axis=1, keepdims=True)
    product = (np.conj(faces) * others).sum(axis=1, keepdims=True)
    return product / np.where(over > 0, over, 1)


def _median(faces, known):
    """Returns the (P,) complex median of the known points, 0 where none is known."""
    parts = np.where(known, faces.real, np.nan), np.where(known, faces.imag, np.nan)
    is_seen = known.any(axis=0)
    shape = np.zeros(faces.shape[1], complex)
    x, y = (np.nanmedian(part[:, is_seen], axis=0) for part in parts)
    shape[is_seen] = x + 1j * y
    return shape
