"""Losses against tables that were worked out by hand."""

import math
import types

import numpy as np
import pytest
import tensorflow as tf

from landmark.face.scheme import IBUG68
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
