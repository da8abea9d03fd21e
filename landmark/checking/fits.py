"""What is wrong with points, by where a model finds them: explanations that fit."""

import cv2
import numpy as np

from landmark.face import metrics
from landmark.face.scheme import IBUG68
from landmark.files import exif
from landmark.script.errors import InputError

# What a model sees in points that it agrees with, and the explanations of others.
PLAIN, SWAPPED, ORDER, MOVED = "plain", "swapped", "order", "moved"
# Orientations, as of EXIF, of a photo that was turned or mirrored after annotation.
TURNS = {"turned 90": 6, "turned 180": 3, "turned 270": 8, "mirrored": 2}
FRAMES = {frame: f"{frame} frame" for frame in (exif.SHOWN, exif.STORED)}
# All of them, those first that ask for more.
EXPLANATIONS = (SWAPPED, *FRAMES.values(), *TURNS, MOVED, ORDER)
OTHER = "other photo"  # Which no explanation fits.


def find_comparison(scheme, model_scheme):
    """Returns how points of a scheme are compared with a model's.

    Returns:
        two functions, of annotated points and of the model's, to the same scheme; None
        where the schemes have no points in common.
    """
    for target in (scheme, model_scheme):
        try:
            for source in (scheme, model_scheme):
                source.convert(np.zeros((source.num_points, 2)), target)
        except InputError:
            continue
        return (
            lambda points, target=target: scheme.convert(points, target),
            lambda points, target=target: model_scheme.convert(points, target),
        )
    return None


def error(points, predicted):
    """Returns the mean distance of points, (P, 2) twice; nan where none is known."""
    return float(metrics.mean(metrics.point_errors(predicted, points)))


def assign(points, predicted):
    """Returns which row of points fits each predicted one best, one for one.

    Args:
        points, predicted: (P, 2) float, same frame; finite.

    Returns:
        (P,) int64, indices of rows of points, and the mean distance.
    """
    cost = np.linalg.norm(predicted[:, None] - points[None], axis=-1).astype(np.float32)
    weights = np.ones((len(points), 1), np.float32)
    distance, _, flow = cv2.EMD(weights, weights, cv2.DIST_USER, cost=cost)
    return flow.argmax(axis=1), float(distance)


def explain(points, predicted, annotation, scheme=IBUG68):
    """Returns how well each explanation of a face's points fits: name -> error.

    Args:
        points: (P, 2) float, crop-normalised, as annotated; nan where missing.
        predicted: (Q, 2) float, where a model finds those that it can compare.
        annotation: function of annotated points to those that are compared.
        scheme: Scheme of the points.

    Returns:
        the mean distance, crop units, of the points as they are, with left and right
        exchanged, in any order, and moved together.
    """
    compared = annotation(points)
    known = np.isfinite(compared).all(axis=1)
    offset = metrics.mean(compared - predicted, axis=0)
    return {
        PLAIN: error(compared, predicted),
        SWAPPED: error(annotation(points[scheme.mirror]), predicted),
        ORDER: assign(compared[known], predicted[known])[1],
        MOVED: error(compared - offset, predicted),
    }
