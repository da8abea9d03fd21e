"""Networks by name: patches in, points out.

A network is a function of (images, is_training, settings) that returns the points,
(B, P, 2) crop-normalised, P of settings.scheme, and its end_points, name -> activation.
"""

import contextlib
import functools
import math
import warnings

import numpy as np
import tensorflow as tf
import tf_slim as slim

from landmark.model import quantize

# The scopes whose variables belong to the points, one by one; all else is the trunk.
HEADS = ("lannet/points/", "resnet_simcc/points_map/")

# Runs are thousands of steps long, not millions: averages follow within hundreds.
_BATCH_NORM_DECAY = 0.99
_BATCH_NORM_EPSILON = 1e-3


def batch_norm(inputs, is_training, scope="BatchNorm", reuse=None):
    """Batch normalisation, as a slim `normalizer_fn`; slim's own needs an older
    TensorFlow.

    In training it normalises by the batch, and puts the update of the moving averages
    into UPDATE_OPS; in inference it normalises by the averages and changes nothing.

    Args:
        inputs: (B, C) or (B, H, W, C) float32.
        is_training: bool.
        scope, reuse: of its variables beta, gamma, moving_mean, moving_variance.

    Returns:
        a tensor like `inputs`.

    References:
        Ioffe and Szegedy, Batch Normalization, ICML 2015.
    """

    def variable(name, value, trainable):
        initializer = tf.compat.v1.constant_initializer(value)
        shape = [inputs.shape[-1]]
        return slim.model_variable(
            name, shape, initializer=initializer, trainable=trainable
        )

    with tf.compat.v1.variable_scope(scope, reuse=reuse):
        beta, gamma = variable("beta", 0.0, True), variable("gamma", 1.0, True)
        mean = variable("moving_mean", 0.0, False)
        variance = variable("moving_variance", 1.0, False)
        images = inputs if inputs.shape.rank == 4 else inputs[:, None, None, :]
        statistics = {} if is_training else {"mean": mean, "variance": variance}
        outputs, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
            images,
            gamma,
            beta,
            epsilon=_BATCH_NORM_EPSILON,
            is_training=is_training,
            **statistics,
        )
        if is_training:
            for average, value in ((mean, batch_mean), (variance, batch_variance)):
                step = (1 - _BATCH_NORM_DECAY) * (average - value)
                update = tf.compat.v1.assign_sub(average, step)
                tf.compat.v1.add_to_collection(
                    tf.compat.v1.GraphKeys.UPDATE_OPS, update
                )
        # A reshape of what is an image already would keep converters from folding this
        # into the convolution, where the shape is unknown.
        return outputs if inputs.shape.rank == 4 else outputs[:, 0, 0]


def _relu(inputs):
    return quantize.fake_quant(tf.nn.relu(inputs))


@contextlib.contextmanager
def arg_scope(is_training, use_batch_norm, regularizer=None):
    """The slim arg_scope of all networks here: He initialisation, ReLU, batch norm.

    Args:
        is_training: bool, for batch norm.
        use_batch_norm: whether there is one.
        regularizer: of the weights; None for none.
    """
    with (
        warnings.catch_warnings(),
        slim.arg_scope(
            [slim.conv2d],
            activation_fn=_relu,
            weights_initializer=tf.compat.v1.variance_scaling_initializer(2.0),
            weights_regularizer=regularizer,
            normalizer_fn=batch_norm if use_batch_norm else None,
            normalizer_params={"is_training": is_training},
        ),
    ):
        # slim calls TensorFlow's layers in a way that they would rather see changed.
        warnings.filterwarnings("ignore", message=".*layer.apply.* is deprecated")
        yield


def _arg_scope(is_training, settings):
    regularizer = {
        "none": None,
        "l1": slim.l1_regularizer(settings.regularizer_lambda),
        "l2": slim.l2_regularizer(settings.regularizer_lambda),
        "l1_l2": slim.l1_l2_regularizer(
            settings.regularizer_lambda, settings.regularizer_lambda_2
        ),
    }[settings.regularizer]
    return arg_scope(is_training, settings.use_batch_norm, regularizer)


def lannet(images, is_training, settings):
    """Five 3x3 convolutions, four 2x2 max-pools, two dense layers (as 1x1 convolutions,
    which quantise by channel).

    A layer of base width b has int((b * depth_multiplier) ** depth_gamma) channels; the
    base widths are 8 16 32 64 128 and 256.

    Args:
        images: (B, N, N, 3 or 1) float32, from `pixels.to_network_input`.
        is_training: bool, for batch norm.
        settings: scheme, depth_multiplier, depth_gamma, use_batch_norm, regularizer...

    Returns:
        points: (B, P, 2) float32, crop-normalised. They are linear: points may lie
            outside the crop.
        end_points: name -> tensor.
    """

    def width(base):
        return int((base * settings.depth_multiplier) ** settings.depth_gamma)

    end_points = {}
    with tf.compat.v1.variable_scope("lannet"), _arg_scope(is_training, settings):
        net = images
        for index, base in enumerate((8, 16, 32, 64, 128), start=1):
            net = slim.conv2d(net, width(base), 3, scope=f"conv{index}")
            end_points[f"conv{index}"] = net
            if index < 5:
                net = slim.max_pool2d(net, 2, padding="SAME", scope=f"pool{index}")
        net = tf.reshape(net, [-1, 1, 1, net.shape[1] * net.shape[2] * net.shape[3]])
        net = slim.conv2d(net, width(256), 1, scope="fc6")
        end_points["fc6"] = net
        net = slim.conv2d(
            net,
            settings.scheme.num_coordinates,
            1,
            activation_fn=quantize.fake_quant,
            normalizer_fn=None,
            # Small weights and this bias start all points at the crop's centre.
            weights_initializer=tf.compat.v1.truncated_normal_initializer(stddev=0.01),
            biases_initializer=tf.compat.v1.constant_initializer(0.5),
            scope="points",
        )
        end_points["points"] = points = tf.reshape(
            net, [-1, settings.scheme.num_points, 2]
        )
    return points, end_points


# Coordinate classification: bins of half a pixel of a 56-pixel crop, from a quarter of
# the crop before its edge to a quarter beyond, so that points may lie outside.
_NUM_BINS = 168
_BIN_MARGIN = 0.25


def bin_centres():
    """Returns the crop-normalised centres of the bins of one axis: (168,) float32."""
    reach = 1 + 2 * _BIN_MARGIN
    centres = (np.arange(_NUM_BINS) + 0.5) / _NUM_BINS * reach - _BIN_MARGIN
    return centres.astype(np.float32)


def residual_block(net, scope):
    """Adds two 3x3 convolutions to what comes in, within an `arg_scope`.

    Args:
        net: (B, H, W, C) float32.
        scope: of its variables.

    Returns:
        a tensor like `net`.

    References:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    """
    with tf.compat.v1.variable_scope(scope):
        width = net.shape[-1]
        residual = slim.conv2d(net, width, 3, scope="conv1")
        residual = slim.conv2d(
            residual, width, 3, activation_fn=quantize.fake_quant, scope="conv2"
        )
        return _relu(net + residual)


def _coordinate_head(net, num_points):
    """Classifies each point's column and row; returns (logits, points, spread).

    Points are the expectations of the bins, the spread is their standard deviation.

    A channel of the last feature map stands for a point; flattened it is that point's
    token, and two dense layers shared by all tokens turn it into a row of bins for x
    and one for y.

    References:
        Li et al., SimCC: a Simple Coordinate Classification Perspective for Human Pose
        Estimation, ECCV 2022. Jiang et al., RTMPose, 2023.
    """
    centres = bin_centres()
    linear = {"activation_fn": quantize.fake_quant, "normalizer_fn": None}
    net = slim.conv2d(net, num_points, 3, scope="points_map", **linear)
    cells = net.shape[1] * net.shape[2]
    tokens = tf.transpose(tf.reshape(net, [-1, cells, num_points]), [0, 2, 1])
    # A dense layer that all points share is a 1x1 convolution; its gradient takes 1.6
    # times as long over a column.
    tokens = tf.reshape(tokens, [-1, 1, num_points, cells])
    tokens = slim.conv2d(tokens, 128, 1, normalizer_fn=None, scope="token")
    logits = slim.conv2d(
        tokens,
        2 * _NUM_BINS,
        1,
        activation_fn=None,
        normalizer_fn=None,
        # All bins start alike, and all points at the crop's centre.
        weights_initializer=tf.compat.v1.truncated_normal_initializer(stddev=0.01),
        scope="bins",
    )
    logits = tf.reshape(logits, [-1, _NUM_BINS])
    # The loss sees the logits before they are quantised: those beyond the range would
    # have no gradient, and run away with it.
    with tf.compat.v1.variable_scope("bins"):
        rounded = quantize.fake_quant(logits)
    probabilities = quantize.float_softmax(rounded)
    moments = tf.matmul(probabilities, np.stack([centres, centres**2], axis=-1))
    # Not unstacked: a phone's CPU delegate would run the graph in two parts.
    points, squares = tf.split(moments, 2, axis=-1)
    variances = tf.reshape(squares - points**2, [-1, num_points, 2])
    return (
        tf.reshape(logits, [-1, num_points, 2, _NUM_BINS]),
        tf.reshape(points, [-1, num_points, 2]),
        tf.sqrt(tf.maximum(tf.reduce_sum(variances, axis=-1), 0.0)),
    )


def resnet_simcc(images, is_training, settings, stages=((16, 1), (32, 1), (48, 1))):
    """Residual stages and a coordinate-classification head.

    Stems halve the image until it has about 28 pixels; each stage but the first halves
    it once more.

    Args:
        images, is_training, settings: as `lannet` takes them.
        stages: (base width, residual blocks) of each.

    Returns:
        as `lannet`; among the end_points are `logits`, (B, P, 2, bins), and `spread`,
        (B, P), how unsure each point is: the deviation of its bins, in crop units.
    """

    def width(base):
        return max(1, int((base * settings.depth_multiplier) ** settings.depth_gamma))

    end_points = {}
    with (
        tf.compat.v1.variable_scope("resnet_simcc"),
        _arg_scope(is_training, settings),
    ):
        net = images
        stems = max(1, round(math.log2(settings.input_size / 28)))
        for index in range(1, stems + 1):
            channels = width(stages[0][0] / 2 ** (stems - index))
            net = slim.conv2d(net, channels, 3, stride=2, scope=f"stem{index}")
        for index, (base, blocks) in enumerate(stages, start=1):
            if index > 1:
                net = slim.conv2d(net, width(base), 3, stride=2, scope=f"down{index}")
            for block in range(1, blocks + 1):
                net = residual_block(net, f"stage{index}_{block}")
            end_points[f"stage{index}"] = net
        logits, points, spread = _coordinate_head(net, settings.scheme.num_points)
        end_points.update(logits=logits, points=points, spread=spread)
    return points, end_points


NETWORKS = {
    "lannet": lannet,
    "resnet_simcc": resnet_simcc,
    "resnet_simcc_large": functools.partial(
        resnet_simcc, stages=((16, 2), (32, 3), (48, 2))
    ),
}


def build_network(images, is_training, settings, mode=quantize.Mode.FLOAT):
    """Builds the network that the settings name, in a quantize.Mode.

    Returns:
        points, end_points: as `lannet` does.
    """
    with quantize.scope(mode):
        images = quantize.image(images, mode)
        return NETWORKS[settings.net](images, is_training, settings)
