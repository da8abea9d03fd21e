"""What a network costs by TensorFlow: multiplications, weights, steps of training."""

import tensorflow as tf

from landmark.model import nets
from landmark.model.quantize import Mode
from landmark.training import loop

v1 = tf.compat.v1


def count_costs(train_settings):
    """Returns (multiplications for a face, trainable weights)."""
    size, channels = train_settings.input_size, train_settings.channels
    with tf.Graph().as_default() as graph:
        images = v1.placeholder(tf.float32, [1, size, size, channels])
        nets.build_network(images, False, train_settings)
        options = v1.profiler.ProfileOptionBuilder.float_operation()
        profile = v1.profiler.profile(
            graph,
            cmd="op",
            options={**options, "output": "none"},
        )
        weights = sum(v.shape.num_elements() for v in v1.trainable_variables())
        return profile.total_float_ops / 2, weights


class Steps:
    """Training steps of one model; is_fed takes reading and augmentation out."""

    def __init__(self, train_settings, is_fed=False, is_quantized=False):
        mode = Mode.TRAIN if is_quantized else Mode.FLOAT
        with tf.Graph().as_default() as graph:
            self._train_op = loop.build_training(train_settings, mode, seed=0)[0]
            self._session = v1.Session(graph=graph)
            self._session.run(v1.global_variables_initializer())
            self._feed = {}
            if is_fed:
                batches = graph.get_operation_by_name("IteratorGetNext").outputs
                values = self._session.run(batches)
                self._feed = dict(zip(batches, values, strict=True))

    def run(self):
        """Makes a step."""
        self._session.run(self._train_op, self._feed)
