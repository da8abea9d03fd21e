"""The EXIF orientation of photos: the frame as stored, and as it is shown.

Some tools annotate a photo as it is stored, others as a viewer shows it. The toolkit
reads photos as shown; `to_shown` takes points of the stored photo there.
"""

import numpy as np
from PIL import Image

from landmark.files.disk import require_file

SHOWN, STORED, AUTO = FRAMES = ("shown", "stored", "auto")
_TAG = 0x0112
UPRIGHT = 1
_SWAPPED = (5, 6, 7, 8)  # Orientations of which rows become columns.
_FLIPPED_X, _FLIPPED_Y = (2, 3, 6, 7), (3, 4, 7, 8)
_MIRRORED = (2, 4, 5, 7)  # Left becomes right.


def read_orientation(path):
    """Returns the EXIF orientation of a photo, 1 (upright) to 8; 1 if it has none.

    Of a photo that cannot be read it is 1: whoever reads it tells of that.
    """
    try:
        with Image.open(require_file(path)) as photo:
            orientation = photo.getexif().get(_TAG, UPRIGHT)
    # Pillow's parsers raise whatever they meet in a broken file.
    except Exception:
        return UPRIGHT
    is_known = isinstance(orientation, int) and UPRIGHT <= orientation <= 8
    return orientation if is_known else UPRIGHT


def to_shown(points_image, orientation, size, scheme=None):
    """Points of a photo as it is stored -> of the photo as it is shown.

    Args:
        points_image: (..., P, 2) float, image pixels of the stored photo.
        orientation: of its EXIF, 1 to 8.
        size: (width, height) of the photo as shown.
        scheme: Scheme of the points, which get their new names where the photo is
            mirrored; None keeps their order, as of the corners of boxes.

    Returns:
        (..., P, 2) float, image pixels of the shown photo.
    """
    points = np.array(points_image, float)
    if orientation in _SWAPPED:
        points = points[..., ::-1].copy()
    for axis, flipped in enumerate((_FLIPPED_X, _FLIPPED_Y)):
        if orientation in flipped:
            points[..., axis] = size[axis] - 1 - points[..., axis]
    if scheme is not None and orientation in _MIRRORED:
        points = points[..., scheme.mirror, :]
    return points


def to_stored(points_image, orientation, size, scheme=None):
    """The inverse of `to_shown`; size is still that of the photo as shown."""
    points = np.array(points_image, float)
    for axis, flipped in enumerate((_FLIPPED_X, _FLIPPED_Y)):
        if orientation in flipped:
            points[..., axis] = size[axis] - 1 - points[..., axis]
    if orientation in _SWAPPED:
        points = points[..., ::-1].copy()
    if scheme is not None and orientation in _MIRRORED:
        points = points[..., scheme.mirror, :]
    return points


def boxes_to_shown(boxes, orientation, size):
    """As `to_shown`, of boxes (n, 4)."""
    corners = to_shown(np.reshape(boxes, (-1, 2, 2)), orientation, size)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
