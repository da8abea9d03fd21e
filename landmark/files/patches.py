"""A folder of patches: faces cut out of photos, with their points.

A patch is NAME.png with NAME.npts and NAME.cpts, both 136 raw little-endian float64, x0
y0 x1 y1 ...: .npts is crop-normalised (0..1 over the patch), .cpts is centred (-1..1
over the patch). crop.json notes the margin that all of them have.
"""

import json
from pathlib import Path

import numpy as np

from landmark.face import points as ibug
from landmark.files.disk import replace_when_done, require_file, write_text
from landmark.files.photos import write_image
from landmark.script.errors import InputError

ROTATED = "@rotated"  # Ends the name of a patch's rotated copy.
FACE = "@"  # Stands before the number of one of several faces of a photo.
_MARGIN_NAME = "crop.json"
_POINTS_DTYPE = np.dtype("<f8")


def patch_name(path, images_dir):
    """Returns the name that the patch of a photo gets: FOLDER-...-NAME.

    Args:
        path: of the photo or its .pts, below images_dir.
        images_dir: the folder that was given.
    """
    folders = path.parent.relative_to(images_dir).parts
    return "-".join([Path(images_dir).resolve().name, *folders, path.stem])


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
        points: (68, 2) float, crop-normalised.
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


def write_margin(folder, margin):
    """Notes how much margin the patches of a folder have around the crop.

    Args:
        folder: of the patches.
        margin: on each side, as a fraction of the crop.

    Raises:
        InputError: the folder has patches of another margin.
    """
    path = Path(folder, _MARGIN_NAME)
    has_patches = path.exists() or any(Path(folder).glob("*.npts"))
    if has_patches and read_margin(folder) != margin:
        raise InputError(
            f"{path}: expected a margin of {margin}, found patches of "
            f"{read_margin(folder)}; write into another folder"
        )
    write_text(path, json.dumps({"margin": margin}) + "\n")


def read_margin(folder):
    """Returns the margin that `write_margin` noted; 0 for a folder without a note.

    Raises:
        InputError: the note cannot be read.
    """
    path = Path(folder, _MARGIN_NAME)
    if not path.exists():
        return 0.0
    try:
        margin = float(json.loads(path.read_text(encoding="utf-8"))["margin"])
    except (ValueError, KeyError, TypeError):
        margin = -1.0
    if not 0 <= margin < np.inf:
        raise InputError(f'{path}: expected {{"margin": number}}, found another note')
    return margin


def read_npts(path):
    """Reads an .npts file.

    Returns:
        (68, 2) float64, crop-normalised.

    Raises:
        InputError: another size, or a value that is not finite.
    """
    content = require_file(path).read_bytes()
    expected = ibug.NUM_COORDINATES * _POINTS_DTYPE.itemsize
    if len(content) != expected:
        raise InputError(f"{path}: expected {expected} bytes, found {len(content)}")
    points = np.frombuffer(content, _POINTS_DTYPE).reshape(ibug.NUM_POINTS, 2)
    if not np.isfinite(points).all():
        found = points[~np.isfinite(points)][0]
        raise InputError(f"{path}: expected finite numbers, found {found}")
    return points
