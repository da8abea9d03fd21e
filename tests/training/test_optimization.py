"""Learning rates that warm up or follow a cosine, and weight decay."""

import math

import numpy as np
import pytest
import tensorflow as tf

from landmark.model import nets
from landmark.training import optimization

v1 = tf.compat.v1


def rates_at(train_settings, steps):
    with tf.Graph().as_default(), v1.Session() as session:
        step = v1.placeholder(tf.int64, [])
        rate = optimization.build_learning_rate(train_settings, step)
        return [session.run(rate, {step: s}) for s in steps]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        # 0.1 (1 + cos(pi step / 12)) / 2, and then it stays.
        (0.0, [0.1, 0.1 * (0.5 + math.sqrt(3) / 4), 0.05, 0, 0]),
        (0.02, [0.1, 0.02 + 0.08 * (0.5 + math.sqrt(3) / 4), 0.06, 0.02, 0.02]),
    ],
)
def test_cosine(make_settings, end, expected):
    found = rates_at(
        make_settings(
            learning_rate=0.1,
            learning_rate_decay_type="cosine",
            learning_rate_decay_step=12,
            end_learning_rate=end,
        ),
        (0, 2, 6, 12, 20),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_cosine_of_rate_zero_is_zero(make_settings):
    changes = dict(learning_rate=0.0, learning_rate_decay_type="cosine")
    assert rates_at(make_settings(end_learning_rate=0.0, **changes), (0, 9)) == [0, 0]


def test_warm_up_rises_evenly(make_settings):
    changes = dict(learning_rate=0.1, learning_rate_decay_type="fixed")
    found = rates_at(make_settings(warmup_steps=4, **changes), (0, 1, 2, 3, 4, 100))
    np.testing.assert_allclose(found, [0.025, 0.05, 0.075, 0.1, 0.1, 0.1], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Times 1/4, 3/4, 1 and 1, at steps 0, 2, 4 and 8.
        ("cosine", [0.025, 0.075 * (0.5 + math.sqrt(2) / 4), 0.05, 0]),
        ("polynomial", [0.025, 0.075 * 0.75, 0.05, 0]),
        ("exponential", [0.025, 0.075 * 0.5**0.25, 0.1 * 0.5**0.5, 0.05]),
    ],
)
def test_decay_counts_the_steps_of_the_warm_up(make_settings, kind, expected):
    found = rates_at(
        make_settings(
            learning_rate=0.1,
            learning_rate_decay_type=kind,
            learning_rate_decay_step=8,
            learning_rate_decay_factor=0.5,
            learning_rate_decay_staircase=False,
            end_learning_rate=0.0,
            warmup_steps=4,
        ),
        (0, 2, 4, 8),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def run_steps(train_settings, count):
    """Runs steps on a loss of gradient 1, with all variables at 2 before.

    Returns (variable name -> value, moving averages included; names of the trainable).
    """
    with tf.Graph().as_default(), v1.Session() as session:
        nets.build_network(tf.zeros([1, 56, 56, 3]), False, train_settings)
        variables = v1.trainable_variables()
        loss = tf.add_n([tf.reduce_sum(variable) for variable in variables])
        step = v1.train.get_or_create_global_step()
        rate = optimization.build_learning_rate(train_settings, step)
        train_op = optimization.build_train_op(train_settings, loss, step, rate)
        session.run(v1.global_variables_initializer())
        session.run([v1.assign(v, tf.fill(v.shape, 2.0)) for v in variables])
        for _ in range(count):
            session.run(train_op)
        values = session.run({v.op.name: v for v in v1.global_variables()})
    return values, [variable.op.name for variable in variables]


def by_kind(values, names):
    """Last part of the name -> its values in all layers, as one array."""
    kinds = {name.rpartition("/")[2] for name in names}
    return {
        kind: np.concatenate(
            [values[name].ravel() for name in names if name.endswith(f"/{kind}")]
        )
        for kind in kinds
    }


@pytest.fixture
def decaying(make_settings):
    """Settings of sgd at 0.1 with a weight decay of 0.5: keywords -> TrainSettings."""

    def make(**changes):
        values = dict(
            optimizer="sgd",
            learning_rate=0.1,
            learning_rate_decay_type="fixed",
            weight_decay=0.5,
        )
        return make_settings(**(values | changes))

    return make


@pytest.mark.parametrize("net", nets.NETWORKS)
def test_only_weights_decay_after_the_step(decaying, net):
    found = by_kind(*run_steps(decaying(net=net), 1))
    assert found.keys() == {"weights", "biases", "beta", "gamma"}
    # 2 - 0.1, and of that a share of 0.1 * 0.5 goes.
    np.testing.assert_allclose(found.pop("weights"), 1.9 * 0.95, rtol=1e-6)
    for values in found.values():
        np.testing.assert_allclose(values, 1.9, rtol=1e-6)


def test_no_decay_without_its_flag(decaying):
    values, names = run_steps(decaying(weight_decay=0.0), 1)
    for name in names:
        np.testing.assert_allclose(values[name], 1.9, rtol=1e-6)


def test_decay_follows_the_learning_rate_of_its_step(decaying):
    # The rates are 0.05 and 0.1.
    found = by_kind(*run_steps(decaying(warmup_steps=2), 2))
    expected = ((2 - 0.05) * 0.975 - 0.1) * 0.95
    np.testing.assert_allclose(found["weights"], expected, rtol=1e-6)
    np.testing.assert_allclose(found["biases"], 2 - 0.15, rtol=1e-6)


def test_moving_averages_see_decayed_weights(decaying):
    # With a decay of 0, they are the newest value.
    values, names = run_steps(decaying(moving_average_decay=0.0), 1)
    for name in names:
        average = values[f"{name}/ExponentialMovingAverage"]
        np.testing.assert_allclose(average, values[name], rtol=1e-6)
    np.testing.assert_allclose(by_kind(values, names)["weights"], 1.805, rtol=1e-6)
