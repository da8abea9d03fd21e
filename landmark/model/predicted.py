"""What a landmark model may predict."""

import numpy as np

from landmark.script.errors import InputError

_FARTHEST = 1000  # Crops; models in training may be off by some.


def check_predicted(points, spread, path):
    """Refuses what is no prediction: the model is broken then.

    Args:
        points: (B, P, 2) float, crop-normalised; should be finite and near the crop.
        spread: (B, P) float, likewise; None of a model that does not tell.
        path: of the model, for the error.

    Raises:
        InputError: they are not.
    """
    told = (points,) if spread is None else (points, spread)
    if not all(np.isfinite(values).all() for values in told):
        raise InputError(
            f"{path}: expected finite points of a landmark model, found nan or infinity"
        )
    farthest = max(np.abs(values).max(initial=0) for values in told)
    if farthest > _FARTHEST:
        raise InputError(
            f"{path}: expected points of a landmark model within {_FARTHEST} crops, "
            f"found one {farthest:.3g} away"
        )


class PointsModel:
    """A landmark model, whatever runs it; it has `predict_with_spread`."""

    def predict(self, patches):
        """Predicts the points of patches.

        Args:
            patches: (B, N, N, 3) uint8 RGB, N = input_size.

        Returns:
            (B, P, 2) float32, crop-normalised.
        """
        return self.predict_with_spread(patches)[0]
