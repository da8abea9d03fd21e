"""An annotated face, the one form between all formats, and its numbers checked."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from landmark.face.scheme import IBUG68, Scheme
from landmark.files.disk import require_file
from landmark.files.notes import is_text, shorten
from landmark.script.errors import InputError

_FARTHEST = 1e9  # Pixels; what is farther is no point of any photo.
_LONGEST_PATH = 4096  # Characters, as systems have it.
_LARGEST = 2**30  # Bytes; a file of more is no annotation that memory can hold.


class AnnotatedFace(NamedTuple):
    """A face as a file has it.

    Attributes:
        photo: the photo's name as the file writes it: a path, or what is left of one.
        points_image: (P, 2) float64, image pixels; nan where a point is missing.
        box: (x0, y0, x1, y1) in image pixels, or None.
        source: Path of the file.
        place: where in the file it stands, for sentences.
        firsts: numbers that the first point may have, as the points' numbers allow: 0,
            1 or both; empty where they have none.
    """

    photo: str
    points_image: np.ndarray
    box: tuple[float, float, float, float] | None
    source: Path
    place: str
    firsts: tuple[int, ...] = ()


class Layout(NamedTuple):
    """What a reader cannot see in a file.

    Attributes:
        scheme: Scheme of the points.
        first_pixel: the file's coordinate of the top-left pixel's centre.
        missing: (x, y) as the file writes them for a point that is missing.
    """

    scheme: Scheme = IBUG68
    first_pixel: float = 0.0
    missing: tuple[tuple[float, float], ...] = ()


def make_face(photo, rows, box, layout, source, place, firsts=()):
    """Returns the AnnotatedFace of numbers as a file has them.

    Args:
        photo: its name.
        rows: list of (x, y); both nan, or None for one of them, where missing.
        box: (x0, y0, x1, y1) in the file's frame, or None.
        layout: Layout.
        source: Path of the file.
        place: where in the file it stands.
        firsts: from `order_by_number`.

    Raises:
        InputError: a name that is none, another number of points, or numbers that no
            photo has.
    """
    check_name(photo, place)
    place = f"{place}: {shorten(photo)[1:-1]}"
    scheme = layout.scheme
    if len(rows) != scheme.num_points:
        raise InputError(
            f"{place}: expected the {scheme.num_points} points of scheme "
            f"{scheme.name}, found {len(rows)}"
        )
    points = np.array([(math.nan, math.nan) if None in row else row for row in rows])
    for x, y in layout.missing:
        points[(points == (x, y)).all(axis=1)] = np.nan
    _check_points(points, place)
    if box is not None:
        box = tuple(float(edge) - layout.first_pixel for edge in box)
        _check_box(box, place)
    points -= layout.first_pixel
    return AnnotatedFace(photo, points, box, Path(source), place, firsts)


def check_name(photo, place):
    """Refuses what cannot be the name of a photo.

    Raises:
        InputError: it is no text, or longer than any path.
    """
    is_name = isinstance(photo, str) and photo.strip() and "\0" not in photo
    if not is_name or len(photo) > _LONGEST_PATH:
        raise InputError(
            f"{place}: expected the name of a photo, found {shorten(photo)}"
        )
    if not is_text(photo):
        raise InputError(f"{place}: expected the name of a photo, found no text")


def _check_points(points, place):
    is_missing = np.isnan(points).all(axis=1)
    known = points[~is_missing]
    if not len(known):
        raise InputError(f"{place}: expected points, found that all are missing")
    with np.errstate(invalid="ignore"):
        wrong = known[~(np.abs(known) <= _FARTHEST).all(axis=1)]
    if len(wrong):
        x, y = wrong[0]
        raise InputError(
            f"{place}: expected coordinates within {_FARTHEST:g} pixels, found "
            f"{x:g} {y:g}"
        )


def _check_box(box, place):
    x0, y0, x1, y1 = box
    if not (x0 < x1 and y0 < y1 and all(abs(edge) <= _FARTHEST for edge in box)):
        edges = " ".join(f"{edge:g}" for edge in box)
        raise InputError(f"{place}: expected a box of x0 < x1, y0 < y1, found {edges}")


def to_number(value, place):
    """Returns a number of a file, str or as JSON has it, as a float.

    Raises:
        InputError: it is none. nan is one.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        return float(value)
    except (ValueError, OverflowError):  # An int may be too large for a float.
        raise InputError(
            f"{place}: expected a number, found {shorten(value)}"
        ) from None


def order_by_number(numbers, rows, num_points):
    """Returns points in the order of their numbers.

    Args:
        numbers: list of int, of each point; they count from 0 or 1.
        rows: list of (x, y).
        num_points: of the scheme.

    Returns:
        (list of (x, y) of num_points, (None, None) where there is none; which first
        numbers are possible, of which the smallest is taken). `rows` as they are, and
        (), where the numbers are not those of the scheme's points.
    """
    wanted = {first: range(first, first + num_points) for first in (0, 1)}
    firsts = tuple(f for f in wanted if set(numbers) <= set(wanted[f]))
    by_number = dict(zip(numbers, rows, strict=True))
    if not (numbers and firsts) or len(by_number) < len(rows):
        return rows, ()
    return [by_number.get(n, (None, None)) for n in wanted[firsts[0]]], firsts


def settle_firsts(faces):
    """Returns the faces, with all points numbered from 1 if only that fits them all.

    Of a face that has neither the point 0 nor the last one from 1, the others tell.
    """
    told = {face.firsts for face in faces}
    if (1,) not in told or (0,) in told:
        return faces
    return [
        face._replace(points_image=np.roll(face.points_image, -1, axis=0))
        if len(face.firsts) > 1
        else face
        for face in faces
    ]


def read_bytes(path):
    """Returns what a file of annotation holds.

    Raises:
        InputError: there is no such file, or it is too large for one.
    """
    size = require_file(path).stat().st_size
    if size > _LARGEST:
        raise InputError(
            f"{path}: expected a file of at most {_LARGEST} bytes, found {size}"
        )
    return Path(path).read_bytes()


def format_number(value):
    """Returns a coordinate as files have it: at most six digits, no needless zero."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def read_json(path, whose):
    """Returns what a file of JSON holds; whose it should be, is for the error.

    Raises:
        InputError: as of `read_bytes`, or it is no JSON.
    """
    try:
        return json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected {whose} JSON, found: {error}") from error
