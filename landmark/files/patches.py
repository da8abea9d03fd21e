"""A folder of patches: faces cut out of photos, with their points.

A patch is NAME.png with NAME.npts and NAME.cpts, both raw little-endian float64, x0 y0
x1 y1 ...: .npts is crop-normalised (0..1 over the patch), .cpts is centred (-1..1 over
the patch). Both coordinates of a missing point are nan. crop.json notes what all of
them have in common:

    version    1
    scheme     of the points: a name of the toolkit's, or a whole definition
    margin     around the crop on each side, as a fraction of it
    extension  by which share the crop is larger than the detector's box
    settings   by which they were extracted, name -> value
    hash       of the settings

Notes of before version 1 hold the margin alone; their points are ibug68.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landmark.face.scheme import IBUG68, Scheme, scheme_of_reference
from landmark.files.disk import read_text, replace_when_done, require_file, write_text
from landmark.files.notes import read_share, shorten
from landmark.files.photos import write_image
from landmark.script.errors import InputError

ROTATED = "@rotated"  # Ends the name of a patch's rotated copy.
FACE = "@"  # Stands before the number of one of several faces of a photo.
CROP_NAME = "crop.json"
_VERSION = 1
_POINTS_DTYPE = np.dtype("<f8")
_FARTHEST = 10  # Crops from its middle; what is farther is no point of the face.


class Crop(NamedTuple):
    """What the patches of a folder have in common.

    Attributes:
        scheme: Scheme of their points.
        margin: around the crop on each side, as a fraction of it.
        extension: by which share the crop is larger than the detector's box; None
            where it was not noted.
        settings: of the extraction, name -> value; None where they were not noted.
    """

    scheme: Scheme = IBUG68
    margin: float = 0.0
    extension: float | None = None
    settings: dict[str, Any] | None = None


def patch_name(path, images_dir, photo=None):
    """Returns the name that the patch of a photo gets: FOLDER-...-NAME.

    Args:
        path: of the photo or its .pts, below images_dir.
        images_dir: the folder that was given.
        photo: Path of the .pts's photo, if there is one. Where its stem is another, as
            NAME of NAME_2.pts, the .pts is of one of its faces, and the name says so,
            NAME@2, so that all of them stay on one side of the split.
    """
    folders = path.parent.relative_to(images_dir).parts
    stem = path.stem
    if photo is not None and photo.stem != stem:
        stem = f"{photo.stem}{FACE}{stem[len(photo.stem) + 1 :]}"
    return "-".join([Path(images_dir).resolve().name, *folders, stem])


def book_name(base, photo, photos_by_name):
    """Returns a name that no other photo has, `base` or with a number before it.

    Args:
        base: the name that is wanted.
        photo: the photo's path, resolved, as a str.
        photos_by_name: name -> photo; the name is entered.
    """
    name, number = base, 1
    while photos_by_name.setdefault(name, photo) != photo:
        number += 1
        name = f"{number}-{base}"
    return name


def write_patch(stem, patch, points):
    """Writes STEM.png, STEM.npts and STEM.cpts.

    Args:
        stem: path without suffix.
        patch: (N, N, 3) uint8 RGB.
        points: (P, 2) float, crop-normalised; nan where a point is missing.
    """
    for suffix, values in ((".npts", points), (".cpts", 2 * points - 1)):
        with replace_when_done(f"{stem}{suffix}") as temporary:
            temporary.write_bytes(np.asarray(values, _POINTS_DTYPE).tobytes())
    # The picture comes last: a patch that is there is there with its points.
    write_image(f"{stem}.png", patch)


def remove_patch(stem):
    """Removes what `write_patch` wrote, so that no patch of an earlier run stays."""
    for suffix in (".png", ".npts", ".cpts"):
        Path(f"{stem}{suffix}").unlink(missing_ok=True)


def write_crop(folder, crop):
    """Notes what the patches of a folder have in common.

    Args:
        folder: of the patches.
        crop: Crop.

    Raises:
        InputError: the folder has patches of another scheme, margin, or extraction.
    """
    path = Path(folder, CROP_NAME)
    if path.exists() or any(Path(folder).glob("*.npts")):
        try:
            require_same_crop(path, read_crop(folder), crop)
        except InputError as error:
            raise InputError(f"{error}; write into another folder") from error
    note = {"version": _VERSION, **crop._asdict(), "scheme": crop.scheme.reference}
    note["hash"] = _hash(crop.settings)
    write_text(path, json.dumps(note, indent=1) + "\n")


def _hash(settings):
    """Returns a short hash of settings, None for None."""
    if settings is None:
        return None
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def require_same_crop(place, there, wanted):
    """Refuses patches that do not belong together.

    Args:
        place: where the first are noted, for the error.
        there, wanted: Crop of both. What is not known is not compared.

    Raises:
        InputError: they differ; with what does.
    """
    wanted.scheme.require(there.scheme, place)
    before, now = (
        {"margin": c.margin, "extension": c.extension, **(c.settings or {})}
        for c in (there, wanted)
    )
    for name, value in before.items():
        if name in now and None not in (value, now[name]) and value != now[name]:
            raise InputError(
                f"{place}: expected a {name} of {now[name]}, found patches of {value}"
            )


def read_crop(folder):
    """Returns the Crop that `write_crop` noted, the default for a folder without it.

    Raises:
        InputError: the note cannot be read.
    """
    path = Path(folder, CROP_NAME)
    if not path.exists():
        return Crop()
    try:
        note = json.loads(read_text(path))
        margin, extension = map(read_share, (note["margin"], note.get("extension")))
        settings, version = note.get("settings"), note.get("version", 0)
        reference = note.get("scheme", IBUG68.name)
        is_right = margin is not None and isinstance(reference, str)
        is_right &= isinstance(settings, dict | None)
        is_right &= note.get("hash", _hash(settings)) == _hash(settings)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_right = False
    if not is_right:
        raise InputError(
            f'{path}: expected the note of an extraction, {{"margin": number, ...}}, '
            "found another"
        )
    if version not in (0, _VERSION):
        raise InputError(
            f"{path}: expected a note of version {_VERSION}, found version "
            f"{shorten(version)}"
        )
    return Crop(scheme_of_reference(reference, path), margin, extension, settings)


def check_points(points, place):
    """Refuses points that no annotation can mean.

    Args:
        points: (P, 2) float, crop-normalised; both nan where a point is missing.
        place: of them, for the error.

    Raises:
        InputError: a coordinate is infinite or nan alone, or a point lies farther than
            ten crops away.
    """
    is_missing = np.isnan(points).all(axis=1)
    known = points[~is_missing]
    with np.errstate(invalid="ignore"):  # Of a nan alone, which is refused.
        wrong = known[~(np.abs(known - 0.5) <= _FARTHEST).all(axis=1)]
    if len(wrong):
        x, y = wrong[0]
        raise InputError(
            f"{place}: expected points within {_FARTHEST} crops of it, or nan nan, "
            f"found {x:g} {y:g}"
        )


def read_npts(path, scheme=IBUG68):
    """Reads an .npts file.

    Args:
        path: the file.
        scheme: Scheme of its points.

    Returns:
        (P, 2) float64, crop-normalised; nan where a point is missing.

    Raises:
        InputError: another size, or points that `check_points` refuses.
    """
    content = require_file(path).read_bytes()
    expected = scheme.num_coordinates * _POINTS_DTYPE.itemsize
    if len(content) != expected:
        raise InputError(
            f"{path}: expected {expected} bytes, of scheme {scheme.name}, found "
            f"{len(content)}"
        )
    points = np.frombuffer(content, _POINTS_DTYPE).reshape(-1, 2)
    check_points(points, path)
    return np.where(np.isnan(points), np.nan, points)  # No nan that signals.
