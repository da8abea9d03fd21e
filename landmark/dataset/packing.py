"""From a folder of patches to the samples of a record file."""

import contextlib
from pathlib import Path
from typing import NamedTuple

from landmark.face import geometry
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


def read_samples(packing, names, title, num_workers, dropped):
    """Yields what `records.encode_example` takes of each patch that can be read.

    Args:
        packing: Packing.
        names: of the patches.
        title: of the progress bar.
        num_workers: number of processes.
        dropped: list, which gets (name, what is wrong with it) of the others.
    """
    results = workers.map_in_order(_read, names, num_workers, Packing, packing)
    with contextlib.closing(results):
        for name in progress_bar(names, desc=title, unit="patch"):
            sample, error = next(results)
            if error is None:
                yield sample
            else:
                dropped.append((name, error))


def _read(packing, name):
    """Returns (sample, None) of a patch, or (None, what is wrong with it)."""
    try:
        return _read_sample(packing, name), None
    except (InputError, OSError) as error:
        return None, str(error)


def _read_sample(packing, name):
    data_path, crop = packing.data_path, packing.crop
    patch = read_image(data_path / f"{name}.png")
    height, width = patch.shape[:2]
    if height != width:
        raise InputError(
            f"{data_path / name}.png: expected a square patch, found {width} x {height}"
        )
    points = read_npts(data_path / f"{name}.npts", crop.scheme)
    margin = round(packing.size * crop.margin)
    width = packing.size + 2 * margin
    points = (points * width - margin) / packing.size
    patch = geometry.resize_patch(patch, width)
    photo = packing.photos.get(name.removesuffix(ROTATED), "")
    return patch, points, name, margin, crop.scheme, crop.extension, photo
