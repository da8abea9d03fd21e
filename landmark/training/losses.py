"""Losses by name: means over the batch of what each coordinate or point is off.

Every loss takes predicted and true points, (B, 68, 2) float32 crop-normalised, and the
settings, and returns a scalar. Below, e is the error of one coordinate and d the
Euclidean error of one point. All have finite gradients at zero error.
"""

import tensorflow as tf

from landmark.face import points as ibug

# Below this, in crop units and so far below a pixel, sqrt|e| goes straight to 0, so
# that its gradient ends at 1 / sqrt(_SMALL) = 1000 instead of infinity.
_SMALL = 1e-6


def _distance(predicted, truth):
    """Returns d, (B, 68); its gradient at d = 0 is 0, not NaN."""
    squared = tf.reduce_sum(tf.square(predicted - truth), axis=-1)
    zero = tf.equal(squared, 0)
    return tf.where(zero, 0.0, tf.sqrt(tf.where(zero, 1.0, squared)))


def _wing(magnitude, settings):
    """Returns w ln(1 + x / eps) for x < w, else x - C; continuous at w.

    References:
        Feng et al., Wing Loss for Robust Facial Landmark Localisation, CVPR 2018.
    """
    w, eps = settings.wing_w, settings.wing_eps
    offset = w - w * tf.math.log(1 + w / eps)
    curve = w * tf.math.log(1 + magnitude / eps)
    return tf.reduce_mean(tf.where(magnitude < w, curve, magnitude - offset))


def l1(predicted, truth, settings=None):
    """Mean |e|."""
    return tf.reduce_mean(tf.abs(predicted - truth))


def l2(predicted, truth, settings=None):
    """Mean e^2."""
    return tf.reduce_mean(tf.square(predicted - truth))


def sqrt(predicted, truth, settings=None):
    """Mean sqrt|e|."""
    magnitude = tf.abs(predicted - truth)
    small = magnitude < _SMALL
    root = tf.sqrt(tf.where(small, _SMALL, magnitude))
    return tf.reduce_mean(tf.where(small, magnitude / _SMALL**0.5, root))


def pointwise_l2(predicted, truth, settings=None):
    """Mean d."""
    return tf.reduce_mean(_distance(predicted, truth))


def wing(predicted, truth, settings):
    """Mean wing(e), with settings.wing_w and wing_eps in crop units."""
    return _wing(tf.abs(predicted - truth), settings)


def euc_wing(predicted, truth, settings):
    """Mean wing(d)."""
    return _wing(_distance(predicted, truth), settings)


def chain(predicted, truth, settings=None):
    """l1, plus how wrong the steps from point to point are along the nine parts."""
    error = predicted - truth
    steps = []
    for name in ibug.CHAINS:
        first, last = ibug.CHAINS[name]
        step_error = error[:, first + 1 : last + 1] - error[:, first:last]
        steps.append(tf.reduce_mean(tf.abs(step_error)))
    return l1(predicted, truth) + tf.add_n(steps) / len(steps)


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
        logits: (B, 68, 2, bins) float32.
        truth: (B, 68, 2) float32, crop-normalised.
        centres: (bins,) float32, crop-normalised, evenly spaced.

    Returns:
        scalar, the mean over points and axes.

    References:
        Li et al., SimCC, ECCV 2022.
    """
    deviation = _BIN_DEVIATION * (centres[1] - centres[0])
    inside = tf.clip_by_value(truth, centres[0], centres[-1])
    target = tf.nn.softmax(-0.5 * tf.square((centres - inside[..., None]) / deviation))
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))
