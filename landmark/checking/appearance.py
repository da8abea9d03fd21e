"""What the collection itself teaches: where points are, from what a face looks like.

A ridge regression from histograms of oriented gradients to points, learnt from all the
faces but a fifth, which it is then asked about. Faces that fit it worst are left out of
the next round, so that a tenth of them may be wrong.

References:
    Dalal and Triggs, Histograms of Oriented Gradients for Human Detection, CVPR 2005.
"""

import zlib
from typing import Any, NamedTuple

import cv2
import numpy as np

from landmark.face import geometry

_SIDE = 64  # Of the picture that is described, pixels.
_MARGIN = 0.2  # Around the crop, on each side.
_COPIES = 2  # Moved ones, from which it learns what is off.
_SHIFT, _SCALE = 0.12, 0.1
_FOLDS, _ROUNDS = 5, 3
_TRUSTED = 0.8  # Share of faces that the next round learns from.
_RIDGE = 0.001  # Share of the features' total variance.
_HOG = cv2.HOGDescriptor((_SIDE, _SIDE), (16, 16), (8, 8), (8, 8), 9)
FEWEST = 50  # Faces, with fewer of which there is nothing to learn.


class Features(NamedTuple):
    """What is seen of a face, in its crop and in moved ones.

    Attributes:
        values: (1 + copies, D) float16.
        moves: (1 + copies, 3) float: right, down, scale, as of `move_square`.
    """

    values: Any
    moves: Any


def describe(image, square, name):
    """Returns the Features of a crop; the moves are the name's own."""
    rng = np.random.default_rng(zlib.crc32(name.encode(errors="surrogateescape")))
    moves = rng.uniform(-1, 1, (1 + _COPIES, 3)) * (_SHIFT, _SHIFT, _SCALE)
    moves[0] = 0
    moves[:, 2] += 1
    values = [_describe_one(image, _move(square, move)) for move in moves]
    return Features(np.array(values, np.float16), moves)


def _move(square, move):
    return geometry.move_square(square, *move)


def _describe_one(image, square):
    square = geometry.add_margin(square, _MARGIN)
    patch = geometry.crop_image(image, square)
    patch = cv2.cvtColor(geometry.resize_patch(patch, _SIDE), cv2.COLOR_RGB2GRAY)
    return _HOG.compute(patch).ravel()


def predict(features, points):
    """Returns where the points of each face should be, by all the others.

    Args:
        features: list of N Features.
        points: (N, P, 2) float, crop-normalised; finite.

    Returns:
        (N, P, 2) float, crop-normalised.
    """
    values = np.array([each.values for each in features], np.float32)
    moves = np.array([each.moves for each in features], np.float32)
    targets = _move_points(points, moves)
    fold = np.random.default_rng(0).permutation(len(points)) % _FOLDS
    trusted = np.ones(len(points), bool)
    for _ in range(_ROUNDS):
        predicted = np.zeros((len(points), targets.shape[2]), np.float32)
        for number in range(_FOLDS):
            is_asked = fold == number
            learnt = trusted & ~is_asked
            solve = _learn(values[learnt], targets[learnt])
            predicted[is_asked] = solve(values[is_asked, 0])
        found = predicted.reshape(points.shape)
        errors = np.linalg.norm(found - points, axis=-1).mean(axis=1)
        trusted = errors <= np.quantile(errors, _TRUSTED)
    return found


def _move_points(points, moves):
    """Returns (N, copies, 2 P): crop-normalised points in each of the moved crops."""
    middle = 0.5 + moves[:, :, None, :2]
    moved = (points[:, None] - middle) / moves[:, :, None, 2:] + 0.5
    return moved.reshape(*moves.shape[:2], -1).astype(np.float32)


def _learn(values, targets):
    """Returns a function of (n, D) features to (n, 2 P) points."""
    values = values.reshape(-1, values.shape[-1])
    targets = targets.reshape(-1, targets.shape[-1])
    middle, mean = values.mean(axis=0), targets.mean(axis=0)
    values = values - middle
    targets = targets - mean
    is_wide = values.shape[0] < values.shape[1]  # The same, by the smaller matrix.
    square = values @ values.T if is_wide else values.T @ values
    square[np.diag_indices_from(square)] += _RIDGE * np.trace(square)
    if is_wide:
        weights = values.T @ np.linalg.solve(square, targets)
    else:
        weights = np.linalg.solve(square, values.T @ targets)
    return lambda asked: (asked - middle) @ weights + mean
