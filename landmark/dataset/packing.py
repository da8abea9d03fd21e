"""From a folder of patches to the records of a file."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from landmark.dataset import tfrecord
from landmark.dataset.example import VERSION, encode_example
from landmark.dataset.split import photo_group
from landmark.face import geometry
from landmark.files import twins
from landmark.files.patches import (
    CROP_NAME,
    ROTATED,
    Crop,
    read_crop,
    read_npts,
    require_same_crop,
)
from landmark.files.photos import read_image
from landmark.script import workers
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar

_SUFFIXES = ".png", ".npts"
TINY = 24  # Side of patches that are looked at for twins.


class Packing(NamedTuple):
    """How patches become samples.

    Attributes:
        data_path: Path of the folder.
        size: side of the crop in the record, in pixels.
        crop: Crop of all patches.
        photos: name of a patch -> annotation that it comes from.
    """

    data_path: Path
    size: int
    crop: Crop
    photos: dict[str, str]

    def photo_of(self, name):
        """Returns the annotation that a patch comes from; "" if it is not known."""
        return self.photos.get(name.removesuffix(ROTATED), "")


def read_common_crop(data_path, names):
    """Returns the Crop that all folders of patches agree on.

    Args:
        data_path: Path of the folder.
        names: of the patches, below it.

    Raises:
        InputError: they do not.
    """
    first = None
    for folder in sorted({(data_path / name).parent for name in names}):
        crop = read_crop(folder)
        first = first or crop
        require_same_crop(folder / CROP_NAME, first, crop)
    return first


def describe(packing, names):
    """Returns what decides the records of patches, as JSON can hold it."""
    digest = hashlib.sha256()
    for name in names:
        stamps = [_stamp(packing.data_path / f"{name}{end}") for end in _SUFFIXES]
        facts = [name, packing.photo_of(name), *stamps]
        digest.update(json.dumps(facts).encode())
    scheme, margin, extension, _ = packing.crop
    return {
        "version": VERSION,
        "size": packing.size,
        "crop": [scheme.reference, margin, extension],
        "patches": digest.hexdigest(),
    }


def _stamp(path):
    """Returns what changes when a file does."""
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return [status.st_size, status.st_mtime_ns]


def pack(packing, names, num_workers):
    """Yields (record with its frame, None) of each patch, or (None, what is wrong).

    Args:
        packing: Packing.
        names: of the patches.
        num_workers: number of processes.
    """
    results = workers.map_in_order(pack_one, names, num_workers, Packing, packing)
    with contextlib.closing(results):
        yield from results


def pack_one(packing, name):
    """Returns what `pack` yields of a patch."""
    try:
        patch, points = _read_patch(packing, name)
    except (InputError, OSError) as error:
        return None, str(error)
    return to_record(packing, name, patch, points), None


def _read_patch(packing, name):
    """Returns (patch, points) of a name."""
    data_path = packing.data_path
    patch = read_image(data_path / f"{name}.png")
    height, width = patch.shape[:2]
    if height != width:
        raise InputError(
            f"{data_path / name}.png: expected a square patch, found {width} x {height}"
        )
    return patch, read_npts(data_path / f"{name}.npts", packing.crop.scheme)


def to_record(packing, name, patch, points):
    """Returns the record of a patch, with its frame.

    Args:
        packing: Packing.
        name: of the patch.
        patch: (N, N, 3) uint8 RGB.
        points: (P, 2) float, crop-normalised; nan where a point is missing.
    """
    crop = packing.crop
    margin = round(packing.size * crop.margin)
    width = packing.size + 2 * margin
    points = (points * width - margin) / packing.size
    patch = geometry.resize_patch(patch, width)
    photo = packing.photo_of(name)
    return tfrecord.frame(
        encode_example(patch, points, name, margin, crop.scheme, crop.extension, photo)
    )


def find_twins(data_path, names, num_workers):
    """Finds patches that show the same, or the same as in a mirror.

    Args:
        data_path: Path of the folder.
        names: of the patches, below it; those that cannot be read have no twin, and
            turned copies are not asked.
        num_workers: number of processes.

    Returns:
        list of pairs of names, see `pair_twins`.
    """
    asked = [name for name in names if not name.endswith(ROTATED)]
    results = workers.map_in_order(
        _shrink_patch, asked, num_workers, Path, (data_path,)
    )
    with contextlib.closing(results):
        found = progress_bar(
            results, total=len(asked), desc="looking for twins", unit="patch"
        )
        small = {name: tiny for name, tiny in found if tiny is not None}
    return pair_twins(small)


def pair_twins(small):
    """Returns the pairs of names of patches that show the same, but not the same photo,
    of which faces stay on one side of the split anyway.

    Args:
        small: name -> the patch as `shrink_picture` has it.
    """
    there = list(small)
    found = twins.find_twins(there, list(small.values()))
    pairs = [(there[i], there[j]) for i, j, _ in found]
    return [pair for pair in pairs if len(set(map(photo_group, pair))) > 1]


def _shrink_patch(data_path, name):
    """Returns (name, the patch in grey, (n, n) uint8, or None)."""
    return name, shrink_picture(np.fromfile(data_path / f"{name}.png", np.uint8))


def shrink_picture(content):
    """Returns a patch in grey, (TINY, TINY) uint8; None of what is no picture.

    Args:
        content: (n,) uint8, of a .png file.
    """
    try:
        grey = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        grey = None
    if grey is None:
        return None
    return cv2.resize(grey, (TINY, TINY), interpolation=cv2.INTER_AREA)
