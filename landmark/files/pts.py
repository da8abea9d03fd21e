"""Annotation: .pts files of the 68 points.

A collection is a tree of folders with NAME.jpg (or .png) beside NAME.pts.
"""

import numpy as np

from landmark.face import points as ibug
from landmark.files.disk import require_file, write_text
from landmark.script.errors import InputError


class PointCountError(InputError):
    """A .pts file holds another number of points.

    Attributes:
        found: the number of points in the file.
    """

    def __init__(self, path, found):
        super().__init__(f"{path}: expected {ibug.NUM_POINTS} points, found {found}")
        self.found = found


def read_pts(path, first_pixel=1):
    """Reads a .pts file of the 68 points.

    The format comes from the University of Manchester's face tools; iBUG distributes
    its annotations in it. Its header (`version:`, `n_points:`, braces) is optional, and
    a Multi-PIE variant has just the count on its first line.

    Args:
        path: the file.
        first_pixel: the file's coordinate of the top-left pixel's centre; iBUG counts
            from 1.

    Returns:
        (68, 2) float64, image pixels.

    Raises:
        PointCountError: another number of points.
        InputError: unreadable, a count that is not kept, or a coordinate that is not a
            finite number.
    """
    text = require_file(path).read_text(encoding="utf-8-sig", errors="replace")
    rows, count = [], None
    for line in text.replace("{", "\n").replace("}", "\n").splitlines():
        words = line.split()
        if not words or words[0].startswith("version"):
            continue
        if words[0].startswith("n_points"):
            words = line.partition(":")[2].split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            numbers = []
        if len(numbers) == 1 and not rows and count is None:
            count = int(numbers[0]) if np.isfinite(numbers[0]) else -1
        elif len(numbers) == 2 and np.isfinite(numbers).all():
            rows.append(numbers)
        else:
            raise InputError(
                f"{path}: expected two finite numbers in a line, found {line.strip()!r}"
            )
    if count is not None and count != len(rows):
        raise InputError(
            f"{path}: its header promises {count} points, found {len(rows)}"
        )
    if len(rows) != ibug.NUM_POINTS:
        raise PointCountError(path, len(rows))
    return np.array(rows) - first_pixel


def write_pts(path, points_image, first_pixel=1):
    """Writes (68, 2) points, image pixels, as iBUG does; `read_pts` reads them."""
    rows = "".join(f"{x:.6f} {y:.6f}\n" for x, y in points_image + first_pixel)
    header = f"version: 1\nn_points: {len(points_image)}\n"
    write_text(path, f"{header}{{\n{rows}}}\n")
