"""How large an error of each point a model's spread stands for.

A network's spread tells which face is unsure, but not by how much its points are off:
of points that are annotated along an edge, as the jaw's, the error is a larger part of
it than of the corner of an eye. What each point's spread is to be multiplied by is
measured on faces that were not trained on, and stands in landmark.json.
"""

import numpy as np

from landmark.face import metrics
from landmark.model import metadata
from landmark.script.errors import InputError

_DIGITS = 4


def error_per_spread(predicted, spread, truth):
    """Returns what the spread of each point is to be multiplied by for its error.

    Args:
        predicted: (B, P, 2) float, crop-normalised.
        spread: (B, P) float, crop units; nan of models that do not tell.
        truth: (B, P, 2) float, crop-normalised; nan where a point is missing.

    Returns:
        (P,) float64: its mean error over its mean spread, where it is not missing; of a
        point that always is, the mean of the others'. None if nothing is known.
    """
    errors = metrics.point_errors(predicted, truth).astype(np.float64)
    spread = np.where(np.isnan(errors), np.nan, spread)
    errors, spread = (metrics.mean(values, axis=0) for values in (errors, spread))
    factors = errors / np.where(spread > 0, spread, np.nan)
    if np.isnan(factors).all():
        return None
    factors = np.where(np.isnan(factors), metrics.mean(factors), factors)
    return np.minimum(factors, metadata.LARGEST_FACTOR)


def write_factors(content, factors, place):
    """Returns the bytes of a .tflite whose landmark.json has factors.

    Args:
        content: bytes of the file.
        factors: (P,) float, see `error_per_spread`; None takes those off that it has.
        place: of the file, for errors.

    Raises:
        InputError: it has no note, a broken one, or one without a confidence.
    """
    note = metadata.read_note(content, place)
    if note is None or metadata.parse(note, place).sharpest_spread is None:
        raise InputError(
            f"{place}: expected a .tflite whose {metadata.NAME} has a confidence, "
            "found none"
        )
    note["confidence"].pop(metadata.FACTORS, None)
    if factors is not None:
        note["confidence"][metadata.FACTORS] = np.round(factors, _DIGITS).tolist()
    return metadata.write_note(content, note)
