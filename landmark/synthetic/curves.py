"""Where the points of any scheme lie on drawn faces: on the curves that are painted.

A scheme says it in its line `drawn`, of which each word stands for points in turn:

    30, 27-30, 38-36   points of ibug68
    37+38+40+41        their mean
    CURVE@FROM:TO:N    N points at equal steps along a curve; 0 is its first knot

Curves are the chains of ibug68, and those of CURVES. All are linear in the face's own
points, so the result is exact for each pose.
"""

import functools
import re

import numpy as np

from landmark.face.scheme import IBUG68
from landmark.script.errors import InputError
from landmark.synthetic import brush

# What stands for the pupils after the 68 points.
_RIGHT_PUPIL, _LEFT_PUPIL = range(IBUG68.num_points, IBUG68.num_points + 2)
_NUM_KNOTS = IBUG68.num_points + 2
# How far below the brow its lower edge is, on the way to the upper lid.
_UNDER = 0.25


def _knot(weights):
    """Returns a row of weights: (70,), of {index: weight}."""
    row = np.zeros(_NUM_KNOTS)
    for index, weight in weights.items():
        row[index] += weight
    return row


def _knots(*indices):
    return np.array([_knot({index: 1}) for index in indices])


def _under(brow, lid):
    """Returns the knots of a brow's lower edge; the lid has four knots, the brow five.

    Both from the same end.
    """
    at = np.linspace(0, 3, 5)
    lid = np.array([np.interp(at, range(4), column) for column in _knots(*lid).T]).T
    return (1 - _UNDER) * _knots(*brow) + _UNDER * lid


# Name -> (n, 70) weights of its knots over the 68 points and the pupils.
CURVES = {
    **{name: _knots(*indices) for name, indices in IBUG68.chains.items()},
    "right_upper_lid": _knots(36, 37, 38, 39),
    "right_lower_lid": _knots(39, 40, 41, 36),
    "left_upper_lid": _knots(42, 43, 44, 45),
    "left_lower_lid": _knots(45, 46, 47, 42),
    "right_under_brow": _under(range(17, 22), range(36, 40)),
    "left_under_brow": _under(range(22, 27), range(42, 46)),
    "pupils": _knots(_RIGHT_PUPIL, _LEFT_PUPIL),
    "chin": np.array([_knot({8: 1 - at, 57: at}) for at in (0, 1 / 3, 2 / 3, 1)]),
}
_WORD = re.compile(r"(\w+)@([\d.]+):([\d.]+):(\d+)|(\d+)(?:-(\d+))?|\d+(?:\+\d+)+")


def place_points(points, pupils, scheme):
    """Returns the points of a scheme on a drawn face.

    Args:
        points: (68, 2) float, any frame.
        pupils: (2, 2) float, same frame: the right and the left one.
        scheme: Scheme.

    Returns:
        (P, 2) float64, same frame.

    Raises:
        InputError: the scheme does not say where its points are, or not of all.
    """
    if scheme == IBUG68:
        return points
    return _weights(scheme) @ np.concatenate([points, pupils])


@functools.cache
def _weights(scheme):
    """Returns (P, 70) weights over the 68 points and the pupils."""
    if not scheme.drawn:
        raise InputError(
            f"scheme {scheme.name}: expected a line drawn, for faces to be drawn with "
            "its points, found none"
        )
    rows = np.concatenate([_read_word(word, scheme) for word in scheme.drawn.split()])
    if len(rows) != scheme.num_points:
        raise InputError(
            f"scheme {scheme.name}: expected {scheme.num_points} points in its line "
            f"drawn, found {len(rows)}"
        )
    return rows


def _read_word(word, scheme):
    """Returns the weights that a word of a line drawn stands for: (n, 70)."""
    found = _WORD.fullmatch(word)
    try:
        if found and found[1]:
            at = np.linspace(float(found[2]), float(found[3]), int(found[4]))
            return brush.interpolate(CURVES[found[1]], at)
        if found and found[5]:
            first, last = int(found[5]), int(found[6] or found[5])
            ahead = 1 if last >= first else -1
            return _knots(*range(first, last + ahead, ahead))
        indices = [int(index) for index in word.split("+")]
        return _knots(*indices).mean(axis=0, keepdims=True)
    except (ValueError, KeyError, IndexError) as error:
        raise InputError(
            f"scheme {scheme.name}: expected points or CURVE@FROM:TO:N in its line "
            f"drawn, of the curves {', '.join(CURVES)}, found {word!r}"
        ) from error
