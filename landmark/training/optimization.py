"""How a training step moves the weights: rate, optimiser, decay, averages."""

import tensorflow as tf
import tf_slim as slim
from tensorflow.core.protobuf import rewriter_config_pb2

from landmark.training.replicas import ALONE

v1 = tf.compat.v1


def build_learning_rate(train_settings, global_step):
    """Returns the learning rate at a step: a scalar tensor.

    It rises evenly over the first warmup_steps; where it falls from there, the decay
    counts all steps.
    """
    s = train_settings
    if s.learning_rate_decay_type == "exponential":
        rate = v1.train.exponential_decay(
            s.learning_rate,
            global_step,
            s.learning_rate_decay_step,
            s.learning_rate_decay_factor,
            staircase=s.learning_rate_decay_staircase,
        )
    elif s.learning_rate_decay_type == "polynomial":
        rate = v1.train.polynomial_decay(
            s.learning_rate,
            global_step,
            s.learning_rate_decay_step,
            s.end_learning_rate,
        )
    elif s.learning_rate_decay_type == "cosine":
        rate = s.end_learning_rate + v1.train.cosine_decay(
            s.learning_rate - s.end_learning_rate,
            global_step,
            s.learning_rate_decay_step,
        )
    else:
        rate = tf.constant(s.learning_rate)
    if not s.warmup_steps:
        return rate
    step = tf.cast(global_step + 1, tf.float32)
    return rate * tf.minimum(1.0, step / s.warmup_steps)


def choose_rewrite(train_settings):
    """Returns how TensorFlow may change the graph of a training, a RewriterConfig.

    With mixed precision, convolutions are made in float16 on a GPU; weights stay
    float32. Machines without one change nothing.
    """
    rewrite = rewriter_config_pb2.RewriterConfig()
    if train_settings.mixed_precision:
        rewrite.auto_mixed_precision = rewrite.ON
    return rewrite


def build_optimizer(train_settings, learning_rate):
    """Returns the optimiser that the settings name.

    With mixed precision, it scales the loss so that small gradients do not vanish in
    float16, and leaves a step out where large ones overflow.
    """
    optimizer = _build_optimizer(train_settings, learning_rate)
    if not train_settings.mixed_precision:
        return optimizer
    return v1.mixed_precision.MixedPrecisionLossScaleOptimizer(optimizer, "dynamic")


def _build_optimizer(train_settings, learning_rate):
    s = train_settings
    return {
        "adadelta": lambda: v1.train.AdadeltaOptimizer(learning_rate),
        "adagrad": lambda: v1.train.AdagradOptimizer(learning_rate),
        "adam": lambda: v1.train.AdamOptimizer(
            learning_rate, s.adam_beta1, s.adam_beta2
        ),
        "ftrl": lambda: v1.train.FtrlOptimizer(learning_rate),
        "momentum": lambda: v1.train.MomentumOptimizer(learning_rate, s.momentum),
        "sgd": lambda: v1.train.GradientDescentOptimizer(learning_rate),
        "rmsprop": lambda: v1.train.RMSPropOptimizer(
            learning_rate, s.rmsprop_decay, s.rmsprop_momentum
        ),
    }[s.optimizer]()


def build_train_op(train_settings, loss, global_step, learning_rate, replicas=ALONE):
    """Returns the op that makes one step: weights, batch norm, moving averages.

    With several replicas, gradients and statistics are averaged over them.
    """
    optimizer = build_optimizer(train_settings, learning_rate)
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(updates):
        step = _minimize(optimizer, loss, global_step, replicas)
    if train_settings.weight_decay:
        with tf.control_dependencies([step]):
            step = _decay_weights(learning_rate * train_settings.weight_decay)
    if train_settings.moving_average_decay is None:
        return step
    with tf.control_dependencies([step]):
        # Counting steps keeps young averages from remembering the initial weights.
        averages = tf.train.ExponentialMovingAverage(
            train_settings.moving_average_decay, global_step
        )
        return averages.apply(slim.get_model_variables())


def _minimize(optimizer, loss, global_step, replicas):
    """Returns the op that moves the weights, and with replicas the statistics."""
    if replicas.count == 1:
        return optimizer.minimize(loss, global_step)
    pairs = [p for p in optimizer.compute_gradients(loss) if p[0] is not None]
    gradients, variables = map(list, zip(*pairs, strict=True))
    trained = {v.ref() for v in v1.trainable_variables()}
    moving = [v for v in slim.get_model_variables() if v.ref() not in trained]
    means = replicas.mean(gradients + [v.read_value() for v in moving])
    pairs = zip(means, variables, strict=False)
    step = optimizer.apply_gradients(pairs, global_step)
    rest = zip(moving, means[len(gradients) :], strict=True)
    return tf.group(step, *(v1.assign(v, value) for v, value in rest))


def _decay_weights(share):
    """Returns the op that takes a share off all weights, but not biases and norms.

    References:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
    """
    weights = [v for v in v1.trainable_variables() if v.op.name.endswith("/weights")]
    return tf.group(*(v1.assign_sub(v, share * v) for v in weights))
