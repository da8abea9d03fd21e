"""Annotation: .pts files of the points of a face.

A collection is a tree of folders with NAME.jpg (or .png) beside NAME.pts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from landmark.face.scheme import IBUG68
from landmark.files.disk import require_file, write_text
from landmark.files.notes import shorten
from landmark.script.errors import InputError

VISIBILITY = "visibility"
_FARTHEST = 1e9  # Pixels; what is farther is no point of any photo.


class PointCountError(InputError):
    """A .pts file holds another number of points.

    Attributes:
        found: the number of points in the file.
    """

    def __init__(self, path, scheme, found):
        super().__init__(
            f"{path}: expected the {scheme.num_points} points of scheme {scheme.name}, "
            f"found {found}"
        )
        self.found = found


class PtsFormat(NamedTuple):
    """How a collection writes its .pts files.

    Attributes:
        scheme: Scheme of the points.
        first_pixel: the files' coordinate of the top-left pixel's centre; iBUG counts
            from 1.
        missing: (x, y) as files write them for a point that is missing; nan nan always
            does so.
        has_visibility: whether a third number follows, which is 0 for a missing point.
    """

    scheme: object = IBUG68
    first_pixel: int = 1
    missing: Sequence[tuple[float, float]] = ()
    has_visibility: bool = False


IBUG_FORMAT = PtsFormat()


def parse_missing(words):
    """Returns what of a PtsFormat says which points are missing.

    Args:
        words: list of str, `X,Y` or `visibility`.

    Returns:
        dict, missing and has_visibility.

    Raises:
        InputError: a word is neither.
    """
    missing = []
    for word in words:
        try:
            x, y = map(float, word.split(",")) if word != VISIBILITY else (0, 0)
        except ValueError as error:
            raise InputError(
                f"--missing: expected two numbers X,Y or {VISIBILITY}, found {word!r}"
            ) from error
        if word != VISIBILITY:
            missing.append((x, y))
    return {"missing": tuple(missing), "has_visibility": VISIBILITY in words}


def read_pts(path, pts_format=IBUG_FORMAT):
    """Reads a .pts file.

    The format comes from the University of Manchester's face tools; iBUG distributes
    its annotations in it. Its header (`version:`, `n_points:`, braces) is optional, and
    a Multi-PIE variant has just the count on its first line.

    Args:
        path: the file.
        pts_format: PtsFormat.

    Returns:
        (P, 2) float64, image pixels; nan where a point is missing.

    Raises:
        PointCountError: another number of points.
        InputError: unreadable, a count that is not kept, or a coordinate that is not a
            finite number, or larger than a photo.
    """
    rows = read_rows(path, 3 if pts_format.has_visibility else 2)
    scheme = pts_format.scheme
    if len(rows) != scheme.num_points:
        raise PointCountError(path, scheme, len(rows))
    points = np.array(rows)[:, :2]
    is_missing = np.zeros(len(points), bool)
    for x, y in pts_format.missing:
        is_missing |= (points == (x, y)).all(axis=1)
    if pts_format.has_visibility:
        is_missing |= np.array(rows)[:, 2] == 0
    points[is_missing] = np.nan
    far = points[(np.abs(points) > _FARTHEST).any(axis=1)]
    if len(far):
        x, y = far[0]
        raise InputError(
            f"{path}: expected coordinates within {_FARTHEST:g} pixels, found "
            f"{x:g} {y:g}"
        )
    return points - pts_format.first_pixel


def read_rows(path, columns=2):
    """Reads the numbers of a .pts file as they are.

    Returns:
        list of lists of `columns` floats.

    Raises:
        InputError: as `read_pts`.
    """
    text = require_file(path).read_text(encoding="utf-8-sig", errors="replace")
    rows, count = [], None
    for line in text.replace("{", "\n").replace("}", "\n").splitlines():
        words = line.split()
        if not words or words[0].lower().startswith("version"):
            continue
        if words[0].lower().startswith("n_points"):
            words = line.partition(":")[2].split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            numbers = []
        if len(numbers) == 1 and not rows and count is None:
            count = int(numbers[0]) if np.isfinite(numbers[0]) else -1
        elif len(numbers) == columns and _is_point(numbers):
            rows.append(numbers)
        else:
            kind = "two finite numbers" if columns == 2 else f"{columns} finite numbers"
            raise InputError(
                f"{path}: expected {kind} in a line, found {shorten(line.strip())}"
            )
    if count is not None and count != len(rows):
        raise InputError(
            f"{path}: its header promises {count} points, found {len(rows)}"
        )
    return rows


def _is_point(numbers):
    """Whether x and y, and what follows, are finite, or x and y are both nan."""
    is_missing = np.isnan(numbers[:2]).all()
    return bool(np.isfinite(numbers[2 * is_missing :]).all())


def find_repeated(points):
    """Returns what looks like a mark for missing points that nobody has said.

    Args:
        points: (P, 2) float, as a file writes them, nan where they are known to be
            missing.

    Returns:
        list of (x, y): 0 0 and -1 -1, and what three or more points share.
    """
    values, counts = np.unique(
        points[~np.isnan(points).any(axis=1)], axis=0, return_counts=True
    )
    is_mark = (values == 0).all(axis=1) | (values == -1).all(axis=1) | (counts > 2)
    return [tuple(value) for value in values[is_mark].tolist()]


def write_pts(path, points_image, first_pixel=1):
    """Writes (P, 2) points, image pixels, as iBUG does; `read_pts` reads them."""
    write_text(path, format_pts(points_image, first_pixel))


def format_pts(points_image, first_pixel=1):
    """Returns the text of a .pts; a missing point becomes `nan nan`."""
    rows = "".join(f"{x:.6f} {y:.6f}\n" for x, y in points_image + first_pixel)
    header = f"version: 1\nn_points: {len(points_image)}\n"
    return f"{header}{{\n{rows}}}\n"
