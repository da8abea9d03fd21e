"""The network of scripts/landmark_56.flags in Keras, for `benchmarks.frameworks`.

Makes as many steps of `fit` as each line on standard input asks for, on one batch of
random numbers, and prints the seconds that they took.
"""

import sys
import time

import numpy as np
import tensorflow as tf

BATCH, SIZE, POINTS, BINS = 32, 56, 68, 168
WING_W, WING_EPS, BINS_WEIGHT, DEVIATION = 0.18, 0.036, 0.02, 1.5
CENTRES = ((np.arange(BINS) + 0.5) / BINS * 1.5 - 0.25).astype(np.float32)
keras = tf.keras
layers = keras.layers


def conv(net, width, stride=1, is_rectified=True):
    """A 3x3 convolution with batch norm."""
    net = layers.Conv2D(width, 3, stride, "same", use_bias=False)(net)
    net = layers.BatchNormalization()(net)
    return layers.ReLU()(net) if is_rectified else net


def block(net):
    """Two convolutions, added to what comes in."""
    width = net.shape[-1]
    return layers.ReLU()(net + conv(conv(net, width), width, is_rectified=False))


def build_network():
    """nets.resnet_simcc at a depth multiplier of 2, as its recipe has it."""
    net = images = keras.Input((SIZE, SIZE, 3))
    for width in (32, 64, 96):
        net = block(conv(net, width, 2))
    net = layers.Conv2D(POINTS, 3, padding="same")(net)
    tokens = layers.Permute((2, 1))(layers.Reshape((49, POINTS))(net))
    tokens = layers.Dense(128, "relu")(tokens)
    logits = layers.Dense(2 * BINS)(tokens)
    return keras.Model(images, layers.Reshape((POINTS, 2, BINS))(logits))


def measure_loss(truth, logits):
    """The wing loss, and the cross-entropy of the bins."""
    points = tf.linalg.matvec(tf.nn.softmax(logits), CENTRES)
    error = tf.abs(points - truth)
    offset = WING_W - WING_W * np.log(1 + WING_W / WING_EPS)
    curve = WING_W * tf.math.log(1 + error / WING_EPS)
    wing = tf.reduce_mean(tf.where(error < WING_W, curve, error - offset))
    width = DEVIATION * (CENTRES[1] - CENTRES[0])
    target = tf.nn.softmax(-0.5 * ((CENTRES - truth[..., None]) / width) ** 2)
    bins = tf.nn.softmax_cross_entropy_with_logits(target, logits)
    return wing + BINS_WEIGHT * tf.reduce_mean(bins)


def main():
    network, rng = build_network(), np.random.default_rng(0)
    optimizer = keras.optimizers.AdamW(0.005, weight_decay=0.05)
    network.compile(optimizer, measure_loss)
    images = rng.random((BATCH, SIZE, SIZE, 3), np.float32)
    truth = rng.random((BATCH, POINTS, 2), np.float32)
    batches = tf.data.Dataset.from_tensors((images, truth)).repeat()
    print(network.count_params(), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        network.fit(batches, steps_per_epoch=int(line), verbose=0)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
