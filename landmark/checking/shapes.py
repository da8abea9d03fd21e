"""Shapes that no other face of a collection has: a robust model of its faces.

Faces are moved, turned and scaled onto their median; what is left lies in few
directions, which are learnt from the faces that fit them best. So a good part of the
faces may be wrong.

References:
    Cootes et al., Active Shape Models, Computer Vision and Image Understanding 1995,
    with the components of the faces that fit best (trimmed), round after round.
"""

from typing import NamedTuple

import numpy as np

_ROUNDS = 5
_TRUSTED = 0.75  # Share of the faces from which the next round learns.
_EXPLAINED, _MOST_DIRECTIONS = 0.97, 24
_FARTHEST = 3.5  # Deviations along a direction; what is farther is no face's.
_SAMPLE = 4000  # Faces are enough to learn the directions from.
_FEWEST = 12  # Faces for each direction.


class Shapes(NamedTuple):
    """The faces of a collection on each other.

    Attributes:
        aligned: (N, P) complex128, x + i y, about their middle, of size 1 (root mean
            square distance from it), turned onto the mean; missing points are its.
        angles: (N,) float, degrees by which the faces are turned clockwise from it.
        mean: (P,) complex128.
        misfits: (N,) float, root mean square distance of the points from the nearest
            shape that a face may have, over the face's size.
        spread: function of (n, P) complex aligned shapes to their misfits.
    """

    aligned: np.ndarray
    angles: np.ndarray
    mean: np.ndarray
    misfits: np.ndarray
    measure: object


def learn(points):
    """Returns the Shapes of faces, (N, P, 2) float; nan where a point is missing."""
    faces = points[..., 0] + 1j * points[..., 1]
    unit, known = _normalise(faces)
    mean = _median(unit, known)
    for _ in range(_ROUNDS):
        turns = _turns_onto(mean, unit, known)
        mean = _normalise(_median(unit * turns[:, None], known)[None])[0][0]
    aligned, angles = align(points, mean)
    measure = _learn_directions(aligned, mean)
    return Shapes(aligned, angles, mean, measure(aligned), measure)


def align(points, mean):
    """Returns `Shapes.aligned` and `Shapes.angles` of faces, (N, P, 2) float."""
    unit, known = _normalise(points[..., 0] + 1j * points[..., 1])
    turns = _turns_onto(mean, unit, known)
    aligned = np.where(known, unit * turns[:, None], mean)
    return aligned, -np.degrees(np.angle(turns))


def _normalise(faces):
    """Returns (faces about their middle and of size 1, what is known of them)."""
    known = ~np.isnan(faces)
    faces = np.where(known, faces, 0)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    faces = np.where(known, faces - faces.sum(axis=1, keepdims=True) / count, 0)
    size = np.sqrt((np.abs(faces) ** 2).sum(axis=1, keepdims=True) / count)
    return faces / np.where(size > 0, size, 1), known


def _median(faces, known):
    """Returns the (P,) median of the known points; 0 where none is."""
    faces = np.where(known, faces, np.nan)
    is_seen = known.any(axis=0)
    median = np.zeros(faces.shape[1], complex)
    seen = faces[:, is_seen]
    median[is_seen] = np.nanmedian(seen.real, 0) + 1j * np.nanmedian(seen.imag, 0)
    return median


def _turns_onto(mean, unit, known):
    """Returns the (N,) complex turns, of length 1, of faces onto the mean."""
    product = (np.conj(unit) * np.where(known, mean, 0)).sum(axis=1)
    length = np.abs(product)
    return np.where(length > 0, product / np.where(length > 0, length, 1), 1)


def _learn_directions(aligned, mean):
    """Returns `Shapes.measure`, learnt from shapes."""
    rows = _to_rows(aligned - mean)
    if len(rows) > _SAMPLE:
        rows = rows[np.random.default_rng(0).permutation(len(rows))[:_SAMPLE]]
    misfits = np.linalg.norm(rows, axis=1)
    for _ in range(_ROUNDS):
        trusted = rows[misfits <= np.quantile(misfits, _TRUSTED)]
        middle, directions, deviations = _find_directions(trusted)
        misfits = _measure(rows, middle, directions, deviations)
    return lambda shapes: _measure(
        _to_rows(np.asarray(shapes) - mean), middle, directions, deviations
    )


def _to_rows(shapes):
    """(n, P) complex -> (n, 2 P) float."""
    return np.concatenate([shapes.real, shapes.imag], axis=1)


def _find_directions(rows):
    """Returns the middle of rows, their main directions and deviations along these."""
    middle = rows.mean(axis=0)
    _, singular, directions = np.linalg.svd(rows - middle, full_matrices=False)
    share = np.cumsum(singular**2) / max((singular**2).sum(), 1e-12)
    most = min(_MOST_DIRECTIONS, len(rows) // _FEWEST, rows.shape[1] // 3)
    number = min(int(np.searchsorted(share, _EXPLAINED)) + 1, most)
    return middle, directions[:number], singular[:number] / np.sqrt(len(rows))


def _measure(rows, middle, directions, deviations):
    """Returns the misfits of rows, see `Shapes`."""
    along = (rows - middle) @ directions.T
    along = np.clip(along, -_FARTHEST * deviations, _FARTHEST * deviations)
    left = rows - middle - along @ directions
    return np.sqrt((left**2).sum(axis=1) / (rows.shape[1] / 2))
