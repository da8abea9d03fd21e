"""Fake quantisation: a float network that computes what its 8-bit .tflite will.

Weights are rounded to 255 levels, symmetric, by output channel; every activation to 256
levels within a range that follows it by moving averages. Within `scope` a network
is quantised without knowing of it, but for its activations: it passes each of them,
that some layer shall read as bytes, through `fake_quant`.

References:
    Jacob et al., Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, CVPR 2018. Krishnamoorthi, Quantizing Deep
    Convolutional Networks for Efficient Inference, 2018.
"""

import contextlib
import enum

import numpy as np
import tensorflow as tf
import tf_slim as slim

v1 = tf.compat.v1

# Bounds follow the batches within hundreds of steps, as batch norm's averages do.
_DECAY = 0.99
_OBSERVED = "quantize_observed"
# Of the upper bound: an activation that is always zero has a range, too.
_NARROWEST = 1e-3


class Mode(enum.Enum):
    """What becomes of a network's weights and activations."""

    FLOAT = "as they are"
    OBSERVE = "as they are; the batch's ranges are collected, for `average_ranges`"
    TRAIN = "quantised; the ranges follow the batches"
    INFER = "quantised"


def _quantize_weights(getter, name, *args, **kwargs):
    """A custom getter of variables: quantises what is called `weights`."""
    variable = getter(name, *args, **kwargs)
    if not name.endswith("/weights"):
        return variable
    channel_axes = list(range(variable.shape.rank - 1))
    bound = tf.reduce_max(tf.abs(variable), axis=channel_axes)
    bound = tf.maximum(tf.stop_gradient(bound), 1e-6)  # A channel may be all zeros.
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        variable, -bound, bound, narrow_range=True
    )


@contextlib.contextmanager
def scope(mode):
    """Within it networks are built in a Mode."""
    quantised = mode in (Mode.TRAIN, Mode.INFER)
    with (
        slim.arg_scope([fake_quant, float_softmax], mode=mode),
        v1.variable_scope(
            v1.get_variable_scope(),
            custom_getter=_quantize_weights if quantised else None,
        ),
    ):
        yield


@slim.add_arg_scope
def fake_quant(inputs, mode=Mode.FLOAT):
    """Quantises an activation, by a range in the variable scope that it is called in.

    Args:
        inputs: float32 tensor.
        mode: Mode; from `scope`.

    Returns:
        a tensor like `inputs`. In mode TRAIN the update of the range is in UPDATE_OPS.
    """
    if mode is Mode.FLOAT:
        return inputs
    with v1.variable_scope("quantized"):
        low, high = (
            slim.model_variable(
                name,
                [],
                initializer=v1.constant_initializer(value),
                trainable=False,
            )
            for name, value in (("min", -1.0), ("max", 1.0))
        )
    if mode is not Mode.INFER:
        # Zero is always a level: a range without it would be moved, and cut values.
        lowest = tf.minimum(tf.reduce_min(inputs), 0.0)
        highest = tf.maximum(tf.reduce_max(inputs), _NARROWEST)
        observed = [(low, lowest), (high, highest)]
    if mode is Mode.OBSERVE:
        v1.get_default_graph().get_collection_ref(_OBSERVED).extend(observed)
        return inputs
    if mode is Mode.TRAIN:
        for end, value in observed:
            step = (1 - _DECAY) * (end - value)
            v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.assign_sub(end, step))
    return tf.quantization.fake_quant_with_min_max_vars(inputs, low, high)


@slim.add_arg_scope
def float_softmax(logits, mode=Mode.FLOAT):
    """Softmax over the last axis, in float also where its logits are bytes.

    The converter makes an integer softmax of any that reads bytes: one of 256
    probabilities, which adds 4 % to the error of a network that takes expectations over
    168 bins, and is slower. It does not where something without a range stands between;
    softmax is blind to a constant.
    """
    if mode in (Mode.TRAIN, Mode.INFER):
        logits = logits + 1.0
    return tf.nn.softmax(logits)


def image(images, mode):
    """Quantises a network's input to its 256 grey levels, -1 ... 127/128."""
    if mode in (Mode.FLOAT, Mode.OBSERVE):
        return images
    return tf.quantization.fake_quant_with_min_max_args(images, -1.0, 127 / 128)


def is_range(name):
    """Whether a name is that of an end of an activation's range."""
    return "/quantized/" in name


def average_ranges(session, feeds):
    """Returns name -> end of a range, averaged over batches.

    Args:
        session: of the network's graph, in mode OBSERVE.
        feeds: iterable of a feed_dict for each batch.
    """
    variables, values = zip(*session.graph.get_collection(_OBSERVED), strict=True)
    means = np.mean([session.run(values, feed) for feed in feeds], axis=0)
    return {v.op.name: mean for v, mean in zip(variables, means, strict=True)}
