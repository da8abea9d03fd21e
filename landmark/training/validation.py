"""Validation during training, in a graph that cannot touch the one that trains."""

import numpy as np
import tensorflow as tf
import tf_slim as slim

from landmark.dataset import pipeline
from landmark.face import metrics
from landmark.model import checkpoint, nets
from landmark.model.quantize import Mode

v1 = tf.compat.v1


class Validator:
    """Evaluates the weights of a training session in a graph of its own.

    The graph is in inference mode, and nothing it does can reach the training graph.
    With moving averages on, it sees the averages.
    """

    def __init__(self, train_settings, mode):
        self._scheme = train_settings.scheme
        with tf.Graph().as_default() as graph:
            batches = pipeline.validation_batches(
                train_settings.val_tfr, train_settings
            )
            iterator = v1.data.make_initializable_iterator(batches)
            self._rewind = iterator.initializer
            images, self._truth = iterator.get_next()
            mode = Mode.FLOAT if mode is Mode.FLOAT else Mode.INFER
            self._predicted, _ = nets.build_network(images, False, train_settings, mode)
            self._variables = checkpoint.variables_in_checkpoint(
                slim.get_model_variables(), train_settings.moving_average_decay
            )
            self._session = v1.Session(graph=graph)

    def validate(self, training_session):
        """Returns (crop error, NME) of the whole validation set.

        Both are nan where a prediction is not finite; NME is also where no face has all
        the points that normalise.
        """
        checkpoint.copy_weights(training_session, self._session, self._variables)
        self._session.run(self._rewind)
        errors, relative = [], []
        while True:
            try:
                predicted, truth = self._session.run([self._predicted, self._truth])
            except tf.errors.OutOfRangeError:
                break
            if not np.isfinite(predicted).all():
                return np.nan, np.nan
            with np.errstate(over="ignore"):  # The caller looks for what is not finite.
                of_batch = metrics.face_errors(predicted, truth, self._scheme)
            errors.append(of_batch[0])
            relative.append(of_batch[1])
        return tuple(metrics.mean(np.concatenate(e)) for e in (errors, relative))

    def close(self):
        """Gives the session's memory back."""
        self._session.close()
