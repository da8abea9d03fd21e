"""Fake quantisation: hand-made numbers, and networks that are built with it."""

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim

from landmark.model import nets, quantize
from landmark.model.quantize import Mode

v1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings("ignore:.*layer.apply.* is deprecated")


def run_layer(mode, inputs, weights, activation_fn=None):
    """Runs a 1x1 convolution, (B, C) -> (B, D), with these weights, in a mode."""
    with tf.Graph().as_default(), v1.Session() as session:
        with quantize.scope(mode):
            outputs = slim.conv2d(
                tf.constant(inputs, tf.float32)[:, None, None, :],
                weights.shape[1],
                1,
                activation_fn=activation_fn,
                scope="layer",
            )
        (variable,) = slim.get_variables("layer/weights")
        session.run(v1.global_variables_initializer())
        session.run(v1.assign(variable, weights[None, None]))
        return session.run(outputs)[:, 0, 0]


# By channel: steps of 0.01 and of 1.
WEIGHTS = np.array([[1.27, 127.0], [0.014, 1.6], [-0.256, -0.4]])
ROUNDED = np.array([[1.27, 127.0], [0.01, 2.0], [-0.26, 0.0]])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode.FLOAT, WEIGHTS),
        (Mode.OBSERVE, WEIGHTS),
        (Mode.TRAIN, ROUNDED),
        (Mode.INFER, ROUNDED),
    ],
)
def test_weights_have_255_levels_in_each_channel(mode, expected):
    found = run_layer(mode, np.eye(3), WEIGHTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_channel_of_zeros_stays_one():
    found = run_layer(Mode.INFER, np.eye(2), np.array([[0.0, 1.0], [0.0, -1.0]]))
    np.testing.assert_allclose(found, [[0, 1], [0, -1]], atol=1e-6)


def build_activation(mode, values):
    """Returns (output, minimum, maximum) of an activation within a scope `layer`."""
    with quantize.scope(mode), v1.variable_scope("layer"):
        outputs = quantize.fake_quant(values)
    return outputs, *slim.get_variables("layer/quantized")


def test_activations_have_256_levels():
    values = [-0.3, -0.004, 0.0, 0.004, 0.006, 1.234, 2.55, 9.0]
    with tf.Graph().as_default(), v1.Session() as session:
        outputs, low, high = build_activation(Mode.INFER, tf.constant(values))
        session.run([v1.assign(low, 0.0), v1.assign(high, 2.55)])
        found = session.run(outputs)
        assert not v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    np.testing.assert_allclose(found, [0, 0, 0, 0, 0.01, 1.23, 2.55, 2.55], atol=1e-6)


def test_zero_is_a_level():
    # 256 levels from -0.9 to 1.65, 0.01 apart, would be enough; -0.904 moves them.
    with tf.Graph().as_default(), v1.Session() as session:
        outputs, low, high = build_activation(Mode.INFER, tf.constant([0.0, 0.013]))
        session.run([v1.assign(low, -0.904), v1.assign(high, 1.646)])
        np.testing.assert_allclose(session.run(outputs), [0, 0.01], atol=1e-7)


def test_bounds_follow_the_batches_in_training():
    with tf.Graph().as_default(), v1.Session() as session:
        _, low, high = build_activation(Mode.TRAIN, tf.constant([-2.0, 7.0, 1.0]))
        updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        session.run([v1.assign(low, 0.0), v1.assign(high, 5.0)])
        session.run(updates)
        assert len(updates) == 2
        # One hundredth of the way.
        assert session.run([low, high]) == pytest.approx([-0.02, 5.02], abs=1e-6)


def test_range_takes_zero_in():
    # All between 0.3 and 0.7; a range of just these would be moved to 0 ... 0.4.
    values = np.linspace(0.3, 0.7, 5, dtype=np.float32)
    with tf.Graph().as_default(), v1.Session() as session:
        fed = v1.placeholder(tf.float32, [None])
        build_activation(Mode.OBSERVE, fed)
        ranges = quantize.average_ranges(session, [{fed: values}, {fed: -values}])
    assert ranges == {
        "layer/quantized/min": pytest.approx(-0.35),
        "layer/quantized/max": pytest.approx(0.3505),
    }
    with tf.Graph().as_default(), v1.Session() as session:
        outputs, low, high = build_activation(Mode.TRAIN, tf.constant(values))
        session.run([v1.assign(low, 0.0), v1.assign(high, 0.7)])
        np.testing.assert_allclose(session.run(outputs), values, atol=0.7 / 255 / 2)
        session.run(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
        assert session.run([low, high]) == pytest.approx([0, 0.7])


def test_activation_that_is_always_zero_has_a_range():
    with tf.Graph().as_default(), v1.Session() as session:
        fed = v1.placeholder(tf.float32, [None])
        build_activation(Mode.OBSERVE, fed)
        ranges = quantize.average_ranges(session, [{fed: [0.0, 0.0]}])
    assert ranges["layer/quantized/max"] > ranges["layer/quantized/min"] == 0


def test_gradients_pass_where_nothing_was_clipped():
    with tf.Graph().as_default(), v1.Session() as session:
        values = tf.constant([-1.0, 0.1, 0.9, 3.0])
        outputs, low, high = build_activation(Mode.TRAIN, values)
        session.run([v1.assign(low, 0.0), v1.assign(high, 1.0)])
        (gradient,) = v1.gradients(outputs, values)
        assert session.run(gradient).tolist() == [0, 1, 1, 0]


def test_float_activations_are_left_alone():
    with tf.Graph().as_default():
        values = tf.constant([1.0])
        assert quantize.fake_quant(values) is values
        with quantize.scope(Mode.FLOAT):
            assert quantize.fake_quant(values) is values
        assert not v1.global_variables()


def test_bounds_are_averages_over_batches():
    with tf.Graph().as_default(), v1.Session() as session:
        values = v1.placeholder(tf.float32, [None])
        outputs, *_ = build_activation(Mode.OBSERVE, values)
        assert outputs is values
        feeds = [{values: [-1.0, 2.0]}, {values: [-3.0, 0.0, 6.0]}]
        bounds = quantize.average_ranges(session, feeds)
    assert bounds == {"layer/quantized/min": -2.0, "layer/quantized/max": 4.0}
    assert all(map(quantize.is_range, bounds))
    assert not quantize.is_range("layer/weights")


@pytest.mark.parametrize("mode", Mode)
def test_grey_levels_of_the_input_are_exact(mode):
    levels = (np.arange(256, dtype=np.float32) - 128) / 128
    with tf.Graph().as_default(), v1.Session() as session:
        found = session.run(quantize.image(tf.constant(levels), mode))
        np.testing.assert_array_equal(found, levels)
        between = session.run(quantize.image(tf.constant([0.4 / 128]), mode))
    assert between == (0 if mode in (Mode.TRAIN, Mode.INFER) else np.float32(0.4 / 128))


def list_bounded(net_settings, mode):
    """Returns (scopes of bounds, other variables) of a network."""
    with tf.Graph().as_default():
        images = tf.zeros([2, net_settings.input_size, net_settings.input_size, 3])
        nets.build_network(images, mode is Mode.TRAIN, net_settings, mode)
        names = [variable.op.name for variable in slim.get_model_variables()]
    bounds = [name for name in names if quantize.is_range(name)]
    scopes = {name.rpartition("/quantized/")[0] for name in bounds}
    assert len(bounds) == 2 * len(scopes)
    return scopes, [name for name in names if name not in bounds]


@pytest.mark.parametrize("net", nets.NETWORKS)
def test_every_layer_of_every_network_has_ranges(make_settings, net):
    net_settings = make_settings(net=net)
    none, variables = list_bounded(net_settings, Mode.FLOAT)
    assert not none
    layers = {name.removesuffix("/weights") for name in variables if "weights" in name}
    for mode in (Mode.OBSERVE, Mode.TRAIN, Mode.INFER):
        scopes, others = list_bounded(net_settings, mode)
        assert others == variables
        assert layers <= scopes
        # What else is bounded are the sums of residual blocks.
        assert {scope.split("/")[-1][:5] for scope in scopes - layers} <= {"stage"}
