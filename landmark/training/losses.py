"""Losses by name: means over the batch of what each coordinate or point is off.

Every loss takes predicted and true points, (B, P, 2) float32 crop-normalised, and the
settings, and returns a scalar. Below, e is the error of one coordinate and d the
Euclidean error of one point. All have finite gradients at zero error. Points whose
truth is nan are missing: they count in no mean, and have no gradient.
"""

import numpy as np
import tensorflow as tf

# Below this, in crop units and so far below a pixel, sqrt|e| goes straight to 0, so
# that its gradient ends at 1 / sqrt(_SMALL) = 1000 instead of infinity.
_SMALL = 1e-6


def _is_known(truth):
    """Returns which points are not missing: (B, P, 2) -> (B, P) bool."""
    return tf.logical_not(tf.math.is_nan(truth[..., 0]))


def _error(predicted, truth):
    """Returns e, (B, P, 2); 0 without a gradient where the point is missing."""
    known = _is_known(truth)[..., None]
    return predicted - tf.where(known, truth, predicted)


def _mean(values, truth):
    """Returns the mean over the coordinates or points that are known.

    Args:
        values: (B, P, 2) or (B, P), 0 where the point is missing.
        truth: (B, P, 2).
    """
    return tf.reduce_mean(values) * _missing_factor(_is_known(truth))


def _missing_factor(known):
    """Returns how many there are for each that is known: exactly 1 if all are."""
    known = tf.cast(known, tf.float32)
    share = tf.reduce_sum(known) / tf.cast(tf.size(known), tf.float32)
    return tf.math.divide_no_nan(1.0, share)


def _distance(predicted, truth):
    """Returns d, (B, P); its gradient at d = 0 is 0, not NaN."""
    squared = tf.reduce_sum(tf.square(_error(predicted, truth)), axis=-1)
    zero = tf.equal(squared, 0)
    return tf.where(zero, 0.0, tf.sqrt(tf.where(zero, 1.0, squared)))


def _wing(magnitude, truth, settings):
    """Returns w ln(1 + x / eps) for x < w, else x - C; continuous at w.

    References:
        Feng et al., Wing Loss for Robust Facial Landmark Localisation, CVPR 2018.
    """
    w, eps = settings.wing_w, settings.wing_eps
    offset = w - w * tf.math.log(1 + w / eps)
    curve = w * tf.math.log(1 + magnitude / eps)
    return _mean(tf.where(magnitude < w, curve, magnitude - offset), truth)


def l1(predicted, truth, settings=None):
    """Mean |e|."""
    return _mean(tf.abs(_error(predicted, truth)), truth)


def l2(predicted, truth, settings=None):
    """Mean e^2."""
    return _mean(tf.square(_error(predicted, truth)), truth)


def sqrt(predicted, truth, settings=None):
    """Mean sqrt|e|."""
    magnitude = tf.abs(_error(predicted, truth))
    small = magnitude < _SMALL
    root = tf.sqrt(tf.where(small, _SMALL, magnitude))
    return _mean(tf.where(small, magnitude / _SMALL**0.5, root), truth)


def pointwise_l2(predicted, truth, settings=None):
    """Mean d."""
    return _mean(_distance(predicted, truth), truth)


def wing(predicted, truth, settings):
    """Mean wing(e), with settings.wing_w and wing_eps in crop units."""
    return _wing(tf.abs(_error(predicted, truth)), truth, settings)


def euc_wing(predicted, truth, settings):
    """Mean wing(d)."""
    return _wing(_distance(predicted, truth), truth, settings)


def chain(predicted, truth, settings):
    """l1, plus how wrong the steps from point to point are along the scheme's chains.

    A step counts where both of its ends are known.
    """
    error, known = _error(predicted, truth), _is_known(truth)
    chains = settings.scheme.chains.values()
    steps = [_step_error(error, known, indices) for indices in chains]
    points = _mean(tf.abs(error), truth)
    return points + tf.add_n(steps) / len(steps) if steps else points


def _step_error(error, known, indices):
    """Returns the mean error of a chain's steps; error (B, P, 2), known (B, P)."""
    first, last = indices[0], indices[-1] + 1
    if (np.diff(indices) == 1).all():  # A slice is quicker than a gather.
        error, known = error[:, first:last], known[:, first:last]
    else:
        error, known = (
            tf.gather(error, indices, axis=1),
            tf.gather(known, indices, axis=1),
        )
    both = known[:, 1:] & known[:, :-1]
    step_error = tf.abs(error[:, 1:] - error[:, :-1])
    step_error = tf.where(both[..., None], step_error, 0.0)
    return tf.reduce_mean(step_error) * _missing_factor(both)


LOSSES = {
    "l1": l1,
    "l2": l2,
    "wing": wing,
    "euc_wing": euc_wing,
    "pointwise_l2": pointwise_l2,
    "chain": chain,
    "sqrt": sqrt,
}


# Width of the target distribution over the bins, in bins.
_BIN_DEVIATION = 1.5


def bin_cross_entropy(logits, truth, centres):
    """Cross-entropy of coordinate bins against a Gaussian about the true coordinate.

    Args:
        logits: (B, P, 2, bins) float32.
        truth: (B, P, 2) float32, crop-normalised; nan where a point is missing.
        centres: (bins,) float32, crop-normalised, evenly spaced.

    Returns:
        scalar, the mean over points and axes.

    References:
        Li et al., SimCC, ECCV 2022.
    """
    deviation = _BIN_DEVIATION * (centres[1] - centres[0])
    known = _is_known(truth)
    truth_or_edge = tf.where(known[..., None], truth, centres[0])
    inside = tf.clip_by_value(truth_or_edge, centres[0], centres[-1])
    target = tf.nn.softmax(-0.5 * tf.square((centres - inside[..., None]) / deviation))
    costs = tf.nn.softmax_cross_entropy_with_logits(target, logits)
    return _mean(tf.where(known[..., None], costs, 0.0), truth)
