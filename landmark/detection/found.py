"""What a detector may find."""

import numpy as np

from landmark.script.errors import InputError

_FARTHEST = 1000  # Photos; boxes of unsure anchors may be far out.
_ROUNDING = 0.01


def check_found(boxes, scores, path):
    """Refuses what is no list of boxes and scores: the detector is broken then.

    Args:
        boxes: should be (n, 4), finite, 0..1 over the photo or near it.
        scores: should be (n,), 0..1.
        path: of the detector, for the error.

    Raises:
        InputError: they are not.
    """
    shapes = boxes.shape, scores.shape
    if scores.ndim != 1 or boxes.shape != (len(scores), 4):
        raise InputError(
            f"{path}: expected boxes (n, 4) and scores (n,) of a face detector, found "
            f"{shapes[0]} and {shapes[1]}"
        )
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise InputError(
            f"{path}: expected finite boxes and scores of a face detector, found nan "
            "or infinity"
        )
    farthest = np.abs(boxes).max(initial=0)
    if farthest > _FARTHEST or ((scores < -_ROUNDING) | (scores > 1 + _ROUNDING)).any():
        raise InputError(
            f"{path}: expected boxes within {_FARTHEST} photos and scores from 0 to 1 "
            f"of a face detector, found up to {farthest:.3g} and {scores.min():.3g} to "
            f"{scores.max():.3g}"
        )
