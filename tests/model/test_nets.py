"""Networks: parameter counts, linear outputs, batch norm."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim

from landmark.model import nets, settings
from landmark.training import losses

v1 = tf.compat.v1


def build(net_settings, is_training=False):
    """Builds the network into the default graph; returns (images, points, layers)."""
    v1.set_random_seed(0)
    shape = [None, net_settings.input_size, net_settings.input_size]
    images = v1.placeholder(tf.float32, [*shape, net_settings.channels])
    return images, *nets.build_network(images, is_training, net_settings)


def parameters(variables):
    return sum(variable.shape.num_elements() for variable in variables)


def count_by_table(widths, channels, side, batch_norm):
    """Works out (trainable, all) parameters of five convolutions and two layers."""
    *convolutions, dense = widths
    for _ in range(4):
        side = (side + 1) // 2
    fans = [9 * fan for fan in (channels, *convolutions[:-1])]
    fans.append(side * side * convolutions[-1])
    weights = sum(fan * width for fan, width in zip(fans, widths, strict=True))
    points = dense * 136 + 136
    # A bias of each channel, or beta and gamma, and two averages that are not trained.
    trainable = weights + points + sum(widths) * (2 if batch_norm else 1)
    return trainable, trainable + (2 * sum(widths) if batch_norm else 0)


DOUBLE = (16, 32, 64, 128, 256, 512)


@pytest.mark.parametrize(
    ("changes", "widths", "pinned"),
    [
        ({}, DOUBLE, (2_560_040, 2_560_040)),
        ({"use_batch_norm": True}, DOUBLE, (2_561_048, 2_563_064)),
        ({"is_color": False}, DOUBLE, (2_559_752, 2_559_752)),
        ({"input_size": 40}, DOUBLE, (1_642_536, 1_642_536)),
        ({"input_size": 64}, DOUBLE, (2_560_040, 2_560_040)),
        (
            {"depth_gamma": 0.9, "use_batch_norm": True},
            (12, 22, 42, 78, 147, 274),
            (826_692, 827_842),
        ),
        ({"depth_multiplier": 0.3}, (2, 4, 9, 19, 38, 76), (65_315, 65_315)),
    ],
)
def test_parameters_of_lannet(make_settings, changes, widths, pinned):
    defaults = {"depth_multiplier": 2.0, "use_batch_norm": False}
    net_settings = make_settings(**(defaults | changes))
    with tf.Graph().as_default():
        _, points, layers = build(net_settings)
        counts = (
            parameters(v1.trainable_variables()),
            parameters(slim.get_model_variables()),
        )
        names = [f"conv{index}" for index in range(1, 6)] + ["fc6"]
        assert [layers[name].shape[-1] for name in names] == list(widths)
        assert points.shape.as_list() == [None, 68, 2]
    by_table = count_by_table(
        widths,
        net_settings.channels,
        net_settings.input_size,
        net_settings.use_batch_norm,
    )
    assert counts == by_table == pinned


def count_simcc_by_table(stages, stems, channels, size, batch_norm):
    """Works out (trainable, all) parameters of the residual network and its head.

    `stages` are (width, blocks); an earlier stem is half as wide as the next.
    """
    side = size
    for _ in range(stems + 2):
        side = (side + 1) // 2
    ends = [channels] + [stages[0][0] // 2**k for k in reversed(range(stems))]
    convolutions = list(itertools.pairwise(ends))
    # Two convolutions a block, and one before the blocks from the second stage on.
    for (before, _), (width, blocks) in zip((stages[0], *stages), stages, strict=False):
        convolutions += [(width, width)] * (2 * blocks)
        convolutions += [(before, width)] * (before != width)
    normalised = sum(width for _, width in convolutions)
    weights = sum(9 * fan * width for fan, width in convolutions)
    head = 9 * stages[-1][0] * 68 + 68
    head += side * side * 128 + 128 + 128 * 2 * 168 + 2 * 168
    trainable = weights + normalised * (2 if batch_norm else 1) + head
    return trainable, trainable + (2 * normalised if batch_norm else 0)


SIMCC = {"net": "resnet_simcc", "depth_multiplier": 2.0}


NARROW = ((16, 1), (32, 1), (48, 1))
USUAL = ((32, 1), (64, 1), (96, 1))
LARGE = ((32, 2), (64, 3), (96, 2))


def run_simcc(net_settings, is_training):
    """Builds the untrained network into the default graph and runs it on 3 patches.

    Returns the shape of each stage's images, from side to channels.
    """
    images, points, layers = build(net_settings, is_training)
    assert points.shape.as_list() == [None, 68, 2]
    size, channels = net_settings.input_size, net_settings.channels
    patches = np.random.default_rng(0).uniform(-1, 1, (3, size, size, channels))
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        found, values = session.run([points, layers], {images: patches})
    assert found.shape == (3, 68, 2)
    # All bins are about as likely.
    assert found.mean() == pytest.approx(0.5, abs=0.1)
    assert found.std() < 0.15
    assert values["logits"].shape == (3, 68, 2, 168)
    np.testing.assert_array_equal(values["points"], found)
    return [values[f"stage{index}"].shape[1:] for index in (1, 2, 3)]


def stage_shapes(stages, side):
    return [(side >> k, side >> k, width) for k, (width, _) in enumerate(stages)]


@pytest.mark.parametrize(
    ("changes", "stages", "stems", "side", "pinned"),
    [
        ({}, USUAL, 1, 28, (442_356, 443_508)),
        ({"use_batch_norm": False}, USUAL, 1, 28, (441_780, 441_780)),
        ({"is_color": False}, USUAL, 1, 28, (441_780, 442_932)),
        ({"input_size": 40}, USUAL, 1, 20, (439_284, 440_436)),
        ({"input_size": 112}, USUAL, 2, 28, (446_564, 447_748)),
        ({"depth_multiplier": 1.0}, NARROW, 1, 28, (163_140, 163_716)),
        ({"depth_gamma": 0.9}, ((22, 1), (42, 1), (60, 1)), 1, 28, (224_130, 224_874)),
        ({"net": "resnet_simcc_large"}, LARGE, 1, 28, (775_156, 777_332)),
        (
            {"net": "resnet_simcc_large", "input_size": 112},
            LARGE,
            2,
            28,
            (779_364, 781_572),
        ),
    ],
)
def test_resnet_simcc(make_settings, changes, stages, stems, side, pinned):
    net_settings = make_settings(**(SIMCC | changes))
    with tf.Graph().as_default():
        assert run_simcc(net_settings, False) == stage_shapes(stages, side)
        counts = (
            parameters(v1.trainable_variables()),
            parameters(slim.get_model_variables()),
        )
    by_table = count_simcc_by_table(
        stages,
        stems,
        net_settings.channels,
        net_settings.input_size,
        net_settings.use_batch_norm,
    )
    assert counts == by_table == pinned


@pytest.mark.parametrize(
    ("changes", "stages", "side"),
    [
        ({}, USUAL, 28),
        ({"input_size": 40}, USUAL, 20),
        ({"is_color": False}, USUAL, 28),
        ({"use_batch_norm": False}, USUAL, 28),
        ({"net": "resnet_simcc_large", "input_size": 112}, LARGE, 28),
    ],
)
def test_resnet_simcc_in_training(make_settings, changes, stages, side):
    with tf.Graph().as_default():
        found = run_simcc(make_settings(**(SIMCC | changes)), True)
    assert found == stage_shapes(stages, side)


def test_bins_reach_a_quarter_beyond_both_edges():
    centres = nets.bin_centres()
    assert centres.dtype == np.float32
    assert centres.shape == (168,)
    width = 1.5 / 168
    np.testing.assert_allclose(np.diff(centres), width, rtol=1e-3)
    np.testing.assert_allclose(
        [centres[0] - width / 2, centres[-1] + width / 2], [-0.25, 1.25], atol=1e-6
    )


@pytest.fixture(scope="module")
def run_likely(make_settings):
    """Runs the network when some bins are likely, alike, and the others are not.

    (columns, rows) -> points, name -> layer; of two patches.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        images, points, layers = build(make_settings(net="resnet_simcc"))
        weights, biases = slim.get_model_variables("resnet_simcc/bins")
        chosen = v1.placeholder(tf.float32, biases.shape)
        assign = v1.assign(biases, chosen)
        session.run(v1.global_variables_initializer())
        session.run(v1.assign(weights, weights * 0))

        def run(columns, rows):
            likely = np.zeros(2 * 168, np.float32)
            likely[[*columns, *(168 + row for row in rows)]] = 50
            session.run(assign, {chosen: likely})
            return session.run([points, layers], {images: np.ones((2, 56, 56, 3))})

        yield run


@pytest.mark.parametrize(("column", "row"), [(0, 167), (30, 84), (150, 5)])
def test_point_of_a_sure_bin_is_its_centre(run_likely, column, row):
    found, layers = run_likely([column], [row])
    # x comes before y, in the points as in the logits.
    expected = nets.bin_centres()[[column, row]]
    np.testing.assert_allclose(found, np.broadcast_to(expected, (2, 68, 2)), atol=1e-6)
    assert (layers["logits"].argmax(axis=-1) == (column, row)).all()


# Bins that are alike likely, of x and of y -> their deviation, in bins.
@pytest.mark.parametrize(
    ("columns", "rows", "deviation"),
    [
        ([30], [84], 0),
        ([30, 34], [84], 2),
        ([30], [5, 11], 3),
        ([0, 6], [159, 167], 5),  # The root of 3^2 + 4^2.
        ([10, 11, 12], [84], (2 / 3) ** 0.5),
        (range(168), [84], ((168**2 - 1) / 12) ** 0.5),
    ],
)
def test_spread_is_the_deviation_of_the_bins(run_likely, columns, rows, deviation):
    found, layers = run_likely(columns, rows)
    assert layers["spread"].shape == (2, 68)
    # A difference of squares in float32 is good to some 1e-7, its root to 1e-3.
    expected = deviation * 1.5 / 168
    np.testing.assert_allclose(layers["spread"], np.full((2, 68), expected), atol=1e-3)
    centres = nets.bin_centres()
    expected = centres[list(columns)].mean(), centres[list(rows)].mean()
    np.testing.assert_allclose(found, np.broadcast_to(expected, (2, 68, 2)), atol=1e-6)


def test_points_are_linear(make_settings):
    with tf.Graph().as_default():
        images, points, _ = build(make_settings(depth_multiplier=0.25))
        weights, biases = slim.get_model_variables("lannet/points")
        wanted = np.linspace(-3, 3, 136, dtype=np.float32)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            session.run(
                [v1.assign(weights, weights * 0), v1.assign(biases, wanted)],
            )
            found = session.run(points, {images: np.ones((2, 56, 56, 3))})
    np.testing.assert_allclose(found, np.stack([wanted.reshape(68, 2)] * 2))


def test_untrained_points_lie_at_the_centre(make_settings):
    with tf.Graph().as_default():
        images, points, _ = build(make_settings())
        patches = np.random.default_rng(0).uniform(-1, 1, (2, 56, 56, 3))
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            found = session.run(points, {images: patches})
    assert found.mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_hidden_layers_are_rectified(make_settings, batch_norm):
    with tf.Graph().as_default():
        images, _, layers = build(make_settings(use_batch_norm=batch_norm), True)
        patches = np.random.default_rng(0).uniform(-1, 1, (4, 56, 56, 3))
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            found = session.run(layers, {images: patches})
    for name in ("conv1", "conv5", "fc6"):
        assert found[name].min() == 0
        assert found[name].max() > 0


def test_every_weight_learns(make_settings):
    with tf.Graph().as_default():
        images, points, _ = build(make_settings(depth_multiplier=1.0), True)
        loss = losses.l1(points, tf.zeros_like(points))
        gradients = v1.gradients(loss, v1.trainable_variables())
        patches = np.random.default_rng(0).uniform(-1, 1, (4, 56, 56, 3))
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            values = session.run(gradients, {images: patches})
    assert all(np.abs(value).max() > 0 for value in values)


def test_settings_offer_the_networks_there_are():
    assert tuple(nets.NETWORKS) == settings.NETWORKS


# Two channels: 1 3 5 7 has mean 4 and variance 5, all 6 has variance 0.
ROWS = np.array([[1, 6], [3, 6], [5, 6], [7, 6]], np.float32)
INPUTS = pytest.mark.parametrize(
    "inputs", [ROWS, ROWS.reshape(2, 1, 2, 2)], ids=["2-D", "4-D"]
)


def run_batch_norm(inputs, is_training, **variables):
    """Runs it once, updates included.

    Returns (outputs, moving mean, moving variance, number of updates).
    """
    with tf.Graph().as_default():
        outputs = nets.batch_norm(tf.constant(inputs), is_training)
        names = ("beta", "gamma", "moving_mean", "moving_variance")
        found = dict(zip(names, slim.get_model_variables("BatchNorm"), strict=True))
        updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            for name, value in variables.items():
                session.run(v1.assign(found[name], value))
            values, _ = session.run([outputs, updates])
            averages = session.run([found["moving_mean"], found["moving_variance"]])
            return values, *averages, len(updates)


@INPUTS
def test_training_normalises_by_the_batch(inputs):
    outputs, *_ = run_batch_norm(inputs, True)
    assert outputs.shape == inputs.shape
    outputs = outputs.reshape(4, 2)
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-6)
    # The epsilon of 0.001 in sqrt(5 + 0.001) is all that keeps it from exactly 1.
    np.testing.assert_allclose(outputs.var(axis=0), [5 / 5.001, 0], rtol=1e-5)
    np.testing.assert_allclose(outputs[:, 0], [-1.3415, -0.4472, 0.4472, 1.3415], 1e-3)


@INPUTS
def test_training_moves_the_averages(inputs):
    # One hundredth of the way from 10 to 4 and 6, and from 2 to the unbiased
    # variances 20 / 3 and 0.
    _, mean, variance, updates = run_batch_norm(
        inputs, True, moving_mean=[10, 10], moving_variance=[2, 2]
    )
    np.testing.assert_allclose(mean, [9.94, 9.96], rtol=1e-6)
    np.testing.assert_allclose(variance, [2.0466667, 1.98], rtol=1e-6)
    assert updates == 2


@INPUTS
def test_inference_normalises_by_the_averages(inputs):
    outputs, mean, variance, updates = run_batch_norm(
        inputs,
        False,
        moving_mean=[1, 4],
        moving_variance=[3.999, 0.999],
        gamma=[1, 3],
        beta=[0, 0.5],
    )
    # (x - 1) / 2, and 3 (x - 4) / 1 + 0.5.
    expected = [[0, 6.5], [1, 6.5], [2, 6.5], [3, 6.5]]
    np.testing.assert_allclose(outputs.reshape(4, 2), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(mean, [1, 4])
    np.testing.assert_array_equal(variance, np.float32([3.999, 0.999]))
    assert updates == 0


def test_only_training_mode_updates_averages(make_settings):
    for is_training, expected in ((True, 12), (False, 0)):
        with tf.Graph().as_default():
            build(make_settings(), is_training)
            updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
            assert len(updates) == expected


def test_only_weights_are_regularised(make_settings):
    with tf.Graph().as_default():
        build(make_settings(regularizer="l2"), True)
        assert len(v1.losses.get_regularization_losses()) == 7
    with tf.Graph().as_default():
        build(make_settings(regularizer="none"), True)
        assert not v1.losses.get_regularization_losses()
