"""What a detector may find."""

import numpy as np

from landmark.script.errors import InputError


def check_found(boxes, scores, path):
    """Refuses what is no list of boxes and scores: the detector is broken then.

    Args:
        boxes: should be (n, 4), finite.
        scores: should be (n,), finite.
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
