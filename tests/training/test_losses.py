"""Losses against tables that were worked out by hand."""

import math
import types

import numpy as np
import pytest
import tensorflow as tf

from landmark.face.scheme import IBUG68, find_scheme
from landmark.model import settings
from landmark.training import losses

DEFAULT = types.SimpleNamespace(wing_w=0.5, wing_eps=2.0, scheme=IBUG68)
# 10 and 2 pixels of a 64-pixel crop, as in the paper.
PAPER = types.SimpleNamespace(wing_w=10 / 64, wing_eps=2 / 64)


def errors_of(value):
    """Returns two faces of which every coordinate is off by value, or (dx, dy)."""
    return np.broadcast_to(np.float32(value), (2, 68, 2)).copy()


def evaluate(name, error, loss_settings=DEFAULT):
    truth = np.zeros_like(error)
    return float(losses.LOSSES[name](tf.constant(error), truth, loss_settings))


def gradient(name, error, loss_settings=DEFAULT):
    predicted = tf.Variable(error)
    with tf.GradientTape() as tape:
        loss = losses.LOSSES[name](predicted, np.zeros_like(error), loss_settings)
    return tape.gradient(loss, predicted).numpy()


def test_settings_offer_the_losses_there_are():
    assert tuple(losses.LOSSES) == settings.LOSSES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", 0.35),  # (0.3 + 0.4) / 2
        ("l2", 0.125),  # (0.09 + 0.16) / 2
        ("sqrt", (math.sqrt(0.3) + math.sqrt(0.4)) / 2),
        ("pointwise_l2", 0.5),  # 3-4-5
        ("wing", 0.5 * (math.log(1.15) + math.log(1.2)) / 2),
        # At the knee: C = w - w ln(1 + w / eps), so d - C = w ln(1.25).
        ("euc_wing", 0.5 * math.log(1.25)),
        ("chain", 0.35),  # All steps are right.
    ],
)
def test_errors_of_3_and_minus_4_tenths(name, expected):
    assert evaluate(name, errors_of((0.3, -0.4))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (0.1, 0.5 * math.log(1.05)),
        (-0.1, 0.5 * math.log(1.05)),
        (0.5, 0.5 * math.log(1.25)),
        # Above the knee a line of slope 1.
        (0.7, 0.5 * math.log(1.25) + 0.2),
        (-2.5, 0.5 * math.log(1.25) + 2),
    ],
)
def test_wing(error, expected):
    assert evaluate("wing", errors_of(error)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ((0.03, 0.04), 0.15625 * math.log(1 + 1.6)),
        ((0.15, 0.2), 0.25 - (0.15625 - 0.15625 * math.log(6))),
    ],
)
def test_euc_wing_takes_the_distance_of_points(error, expected):
    found = evaluate("euc_wing", errors_of(error), PAPER)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["wing", "euc_wing"])
@pytest.mark.parametrize("loss_settings", [DEFAULT, PAPER], ids=["default", "paper"])
def test_wing_is_continuous_at_its_knee(name, loss_settings):
    knee = loss_settings.wing_w
    below, above = (
        evaluate(name, errors_of((knee + offset, 0)), loss_settings)
        for offset in (-1e-5, 1e-5)
    )
    assert 0 < above - below < 2e-5


def test_default_wing_is_about_a_quarter_of_l1():
    error = np.random.default_rng(0).normal(0, 0.02, (2, 68, 2)).astype(np.float32)
    assert evaluate("wing", error) == pytest.approx(
        0.25 * evaluate("l1", error), rel=0.02
    )


def test_losses_are_means_over_the_batch():
    error = errors_of(0.0)
    error[1] = (0.6, 0.8)
    assert evaluate("pointwise_l2", error) == pytest.approx(0.5)
    assert evaluate("l1", error) == pytest.approx(0.35)
    assert evaluate("l2", error) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("point", "wrong_steps", "steps"),
    [
        (8, 2, 16),  # Amid the jaw.
        (0, 1, 16),  # Its first point.
        (16, 1, 16),  # Its last: no step leads from the jaw to the brow.
        (17, 1, 4),
        (30, 1, 3),
        (31, 1, 4),
        (41, 1, 5),  # No step closes the eye.
        (42, 1, 5),
        (54, 2, 11),
        (60, 1, 7),
    ],
)
def test_chain_of_one_moved_point(point, wrong_steps, steps):
    error = errors_of(0.0)[:1]
    error[0, point] = (0.3, -0.1)
    l1 = 0.4 / 136
    chain = wrong_steps * 0.4 / (2 * steps)  # Mean over the steps' coordinates.
    assert evaluate("chain", error) == pytest.approx(l1 + chain / 9, rel=1e-5)


@pytest.mark.parametrize("name", losses.LOSSES)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-20, 1e-12, 1e-6])
def test_gradient_is_finite_at_tiny_errors(name, size):
    assert np.isfinite(evaluate(name, errors_of(size)))
    assert np.isfinite(gradient(name, errors_of(size))).all()


@pytest.mark.parametrize("name", losses.LOSSES)
def test_gradient_is_finite_where_one_point_is_right(name):
    error = errors_of((0.3, -0.4))
    error[0, 5] = 0
    error[1, 6, 0] = 0
    found = gradient(name, error)
    assert np.isfinite(found).all()
    assert np.abs(found[0, 0]).min() > 0


@pytest.mark.parametrize("name", losses.LOSSES)
def test_zero_error_is_the_minimum(name):
    assert evaluate(name, errors_of(0.0)) == 0
    assert not gradient(name, errors_of(0.0)).any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", (1 / 272, -1 / 272)),
        ("l2", (0.6 / 272, -0.8 / 272)),
        ("sqrt", (0.5 / math.sqrt(0.3) / 272, -0.5 / math.sqrt(0.4) / 272)),
        ("pointwise_l2", (0.6 / 136, -0.8 / 136)),
        ("wing", (0.5 / 2.3 / 272, -0.5 / 2.4 / 272)),
        ("chain", (1 / 272, -1 / 272)),
    ],
)
def test_gradient_of_errors_of_3_and_minus_4_tenths(name, expected):
    found = gradient(name, errors_of((0.3, -0.4)))
    np.testing.assert_allclose(found, errors_of(expected), rtol=1e-5)


# Cross-entropy of coordinate bins.


def evaluate_bins(logits, truth, centres):
    """Evaluates it where all points have the same logits and true coordinate."""
    bins = len(centres)
    return float(
        losses.bin_cross_entropy(
            tf.constant(np.broadcast_to(np.float32(logits), (2, 68, 2, bins))),
            tf.constant(np.float32(np.broadcast_to(truth, (2, 68, 2)))),
            np.float32(centres),
        )
    )


def test_bin_cross_entropy_of_three_bins():
    # The Gaussian's deviation is one and a half bins.
    side = math.exp(-0.5 / 1.5**2)
    targets = np.array([side, 1, side]) / (1 + 2 * side)
    expected = targets @ np.log([4, 2, 4])
    found = evaluate_bins(np.log([1, 2, 1]), 0.5, [0, 0.5, 1])
    assert found == pytest.approx(expected, rel=1e-5)
    # A truth between two bins.
    targets = np.exp([-0.5 * (0.5 / 1.5) ** 2] * 2 + [-0.5 * (1.5 / 1.5) ** 2])
    expected = targets / targets.sum() @ np.log([4, 2, 4])
    found = evaluate_bins(np.log([1, 2, 1]), 0.25, [0, 0.5, 1])
    assert found == pytest.approx(expected, rel=1e-5)


def test_bin_cross_entropy_is_a_mean_over_points_and_axes():
    logits = np.zeros((2, 68, 2, 3), np.float32)
    # The middle bin is sure, and the truth is there: cost is the outer bins' share.
    logits[0, 5, 1] = 0, 20, 0
    truth = tf.fill([2, 68, 2], 0.5)
    found = float(losses.bin_cross_entropy(logits, truth, np.float32([0, 0.5, 1])))
    side = math.exp(-0.5 / 1.5**2)
    one = 20 * 2 * side / (1 + 2 * side)
    assert found == pytest.approx((271 * math.log(3) + one) / 272, rel=1e-5)


@pytest.mark.parametrize("truth", [-0.2, 0.4961, 1.1])
def test_bin_cross_entropy_is_least_at_the_target(truth):
    centres = np.linspace(-0.25, 1.25, 61)
    gaussian = -0.5 * ((centres - truth) / (1.5 * 0.025)) ** 2
    least = evaluate_bins(gaussian, truth, centres)
    target = np.exp(gaussian) / np.exp(gaussian).sum()
    entropy = -(target * np.log(target + 1e-300)).sum()
    assert least == pytest.approx(entropy, rel=1e-4)
    logits = tf.Variable(np.broadcast_to(np.float32(gaussian), (1, 68, 2, 61)))
    with tf.GradientTape() as tape:
        loss = losses.bin_cross_entropy(
            logits, tf.fill([1, 68, 2], np.float32(truth)), np.float32(centres)
        )
    np.testing.assert_allclose(tape.gradient(loss, logits) * 136, 0, atol=1e-4)
    for changed in (0 * gaussian, 0.5 * gaussian, 2 * gaussian, np.roll(gaussian, 1)):
        assert evaluate_bins(changed, truth, centres) > least + 0.01


@pytest.mark.parametrize(
    ("outside", "edge"), [(-0.5, 0), (-1e6, 0), (1.5, 1), (1e6, 1)]
)
def test_bin_cross_entropy_clips_points_outside(outside, edge):
    logits, centres = np.linspace(-2, 5, 21), np.linspace(0, 1, 21)
    found = evaluate_bins(logits, outside, centres)
    assert np.isfinite(found)
    assert found == evaluate_bins(logits, edge, centres)
    assert found != evaluate_bins(logits, 1 - edge, centres)


# Missing points.


def by_hand(name, predicted, truth, scheme=IBUG68, w=0.5, eps=2.0):
    """A loss in plain numpy float64, over the known points alone."""
    known = ~np.isnan(truth[..., 0])
    error = np.float64(predicted) - truth
    absolute, distance = abs(error[known]), np.linalg.norm(error[known], axis=-1)

    def wing(x):
        return np.where(x < w, w * np.log(1 + x / eps), x - w + w * np.log(1 + w / eps))

    def step(chain):
        steps = abs(np.diff(error[:, chain], axis=1))
        both = ~np.isnan(steps[..., 0])
        return steps[both].mean() if both.any() else 0

    return {
        "l1": lambda: absolute.mean(),
        "l2": lambda: (absolute**2).mean(),
        "sqrt": lambda: (absolute**0.5).mean(),
        "pointwise_l2": lambda: distance.mean(),
        "wing": lambda: wing(absolute).mean(),
        "euc_wing": lambda: wing(distance).mean(),
        "chain": lambda: (
            absolute.mean() + np.mean([step(c) for c in scheme.chains.values()])
        ),
    }[name]()


def make_points(missing, scheme=IBUG68):
    """Predicted and true points of three faces; a share of the true ones is missing."""
    rng = np.random.default_rng(11)
    shape = (3, scheme.num_points, 2)
    predicted, truth = rng.normal(0.5, 0.4, (2, *shape)).astype(np.float32)
    truth[rng.random(shape[:2]) < missing] = np.nan
    return predicted, truth


def with_gradient(name, predicted, truth, scheme=IBUG68):
    loss_settings = types.SimpleNamespace(wing_w=0.5, wing_eps=2.0, scheme=scheme)
    variable = tf.Variable(predicted)
    with tf.GradientTape() as tape:
        loss = losses.LOSSES[name](variable, tf.constant(truth), loss_settings)
    return loss.numpy(), tape.gradient(loss, variable).numpy()


@pytest.mark.parametrize("name", losses.LOSSES)
@pytest.mark.parametrize("scheme", ["five", "menpo39", "ibug49", "ibug68", "wflw98"])
@pytest.mark.parametrize("missing", [0, 0.1, 0.6])
def test_loss_is_that_of_the_known_points(name, scheme, missing):
    scheme = find_scheme(scheme)
    predicted, truth = make_points(missing, scheme)
    found, gradient = with_gradient(name, predicted, truth, scheme)
    expected = by_hand(name, predicted, truth, scheme)
    assert found == pytest.approx(expected, rel=1e-5)
    known = ~np.isnan(truth[..., 0])
    assert known.mean() == pytest.approx(1 - missing, abs=0.3)
    assert np.isfinite(gradient).all()
    assert not gradient[~known].any()  # Exactly 0.
    assert (gradient[known] != 0).mean() > 0.9


@pytest.mark.parametrize("name", losses.LOSSES)
def test_gradient_is_that_of_the_known_points(name):
    predicted, truth = make_points(0.3)
    _, gradient = with_gradient(name, predicted, truth)
    known = ~np.isnan(truth[..., 0])
    rng = np.random.default_rng(12)
    direction = rng.normal(size=predicted.shape) * known[..., None]
    ahead, behind = (
        by_hand(name, predicted + step * direction, truth) for step in (1e-6, -1e-6)
    )
    slope = (gradient * direction).sum()
    assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-3)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_what_is_predicted_for_a_missing_point_does_not_matter(name):
    predicted, truth = make_points(0.3)
    found = with_gradient(name, predicted, truth)
    missing = np.isnan(truth[..., 0])
    predicted[missing] = np.random.default_rng(13).normal(0, 100, (missing.sum(), 2))
    again = with_gradient(name, predicted, truth)
    assert found[0] == again[0]
    np.testing.assert_array_equal(found[1], again[1])


@pytest.mark.parametrize("name", losses.LOSSES)
def test_loss_of_nothing_known_is_zero(name):
    predicted, truth = make_points(1.1)
    found, gradient = with_gradient(name, predicted, truth)
    assert found == 0
    assert not gradient.any()


# What the losses were before points could be missing, to the last bit.
@pytest.mark.parametrize("name", losses.LOSSES)
def test_without_missing_points_losses_are_the_plain_means(name):
    predicted, truth = make_points(0)
    error = tf.constant(predicted) - truth
    absolute = tf.abs(error)
    distance = tf.sqrt(tf.reduce_sum(tf.square(error), axis=-1))

    def wing(x):
        curve = 0.5 * tf.math.log(1 + x / 2.0)
        offset = 0.5 - 0.5 * tf.math.log(1 + 0.5 / 2.0)
        return tf.reduce_mean(tf.where(x < 0.5, curve, x - offset))

    def chain():
        of_chains = [error[:, c[0] : c[-1] + 1] for c in IBUG68.chains.values()]
        steps = [tf.reduce_mean(tf.abs(e[:, 1:] - e[:, :-1])) for e in of_chains]
        return tf.reduce_mean(absolute) + tf.add_n(steps) / len(steps)

    plain = {
        "l1": lambda: tf.reduce_mean(absolute),
        "l2": lambda: tf.reduce_mean(tf.square(error)),
        "sqrt": lambda: tf.reduce_mean(tf.sqrt(absolute)),
        "pointwise_l2": lambda: tf.reduce_mean(distance),
        "wing": lambda: wing(absolute),
        "euc_wing": lambda: wing(distance),
        "chain": chain,
    }
    found, _ = with_gradient(name, predicted, truth)
    assert found == plain[name]().numpy()


# Points of a face that are missing, one that is off by 0.3 and -0.1 -> how many of the
# jaw's steps are wrong, and of how many.
@pytest.mark.parametrize(
    ("missing", "moved", "wrong", "steps"),
    [
        ([], 8, 2, 16),
        ([0], 8, 2, 15),
        ([7], 8, 1, 14),  # No step to the missing point, and none across it.
        ([7, 9], 8, 0, 12),
        ([7, 8], 9, 1, 13),
        ([0, 2, 4, 6, 8, 10, 12, 14, 16], 5, 0, 0),
        (range(1, 17), 0, 0, 0),
        (range(17), 20, 0, 0),
    ],
)
def test_a_step_of_a_chain_needs_both_ends(missing, moved, wrong, steps):
    truth = np.zeros((1, 68, 2), np.float32)
    truth[0, list(missing)] = np.nan
    predicted = np.zeros((1, 68, 2), np.float32)
    predicted[0, moved] = 0.3, -0.1
    found, _ = with_gradient("chain", predicted, truth)
    expected = 0.4 / (2 * (68 - len(missing)))
    expected += wrong * 0.4 / (2 * steps) / 9 if steps else 0
    if moved == 20:  # Amid a brow of four steps.
        expected += 2 * 0.4 / (2 * 4) / 9
    assert found == pytest.approx(expected, rel=1e-5)


def test_chain_of_a_scheme_without_chains_is_l1():
    scheme = types.SimpleNamespace(chains={}, num_points=5)
    predicted, truth = make_points(0.2, scheme)
    found, _ = with_gradient("chain", predicted, truth, scheme)
    assert found == with_gradient("l1", predicted, truth, scheme)[0]


def test_pointwise_l2_needs_no_settings():
    predicted, truth = make_points(0.3)
    found = float(losses.pointwise_l2(tf.constant(predicted), truth))
    assert found == pytest.approx(by_hand("pointwise_l2", predicted, truth), rel=1e-5)


@pytest.mark.parametrize("missing", [0, 0.4, 1.1])
def test_bin_cross_entropy_is_that_of_the_known_points(missing):
    _, truth = make_points(missing, find_scheme("five"))
    centres = np.linspace(-0.25, 1.25, 31, dtype=np.float32)
    logits = np.random.default_rng(14).normal(0, 3, (3, 5, 2, 31)).astype(np.float32)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = losses.bin_cross_entropy(variable, tf.constant(truth), centres)
    gradient = tape.gradient(loss, variable).numpy()
    known = ~np.isnan(truth[..., 0])
    inside = truth[known].clip(-0.25, 1.25)[..., None]
    target = np.exp(-0.5 * ((np.float64(centres) - inside) / (1.5 * 0.05)) ** 2)
    target /= target.sum(axis=-1, keepdims=True)
    chosen = np.float64(logits[known])
    log_sum = np.log(np.exp(chosen).sum(axis=-1, keepdims=True))
    costs = (target * (log_sum - chosen)).sum(axis=-1)
    expected = costs.mean() if known.any() else 0
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(gradient).all()
    assert not gradient[~known].any()
    share = (np.exp(chosen - log_sum) - target) / max(1, 2 * known.sum())
    np.testing.assert_allclose(gradient[known], share, atol=1e-6)
