"""The training loop: loss, validation, checkpoints."""

import collections
import math
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_slim as slim

from landmark import data, losses, metrics, nets, optimization, records, settings
from landmark.errors import InputError
from landmark.model import newest_checkpoint, restore, variables_in_checkpoint
from landmark.progress import progress_bar

v1 = tf.compat.v1

_SUMMARY_INTERVAL = 100
_CHECKPOINT_NAME = "model.ckpt"


def _build_loss(train_settings, predicted, end_points, points):
    """Returns what the points cost, with the bins' part where the network has bins."""
    loss = losses.LOSSES[train_settings.loss](predicted, points, train_settings)
    if "logits" not in end_points:
        return loss
    bins = losses.bin_cross_entropy(end_points["logits"], points, nets.bin_centres())
    return loss + train_settings.bins_weight * bins


def build_training(train_settings):
    """Builds the graph of one training step into the default graph.

    Returns:
        train_op: runs one step.
        loss: scalar, with regularisation; of the weights before the step.
        summary: serialised scalars for TensorBoard.
    """
    global_step = v1.train.get_or_create_global_step()
    batches = data.training_batches(train_settings.train_tfr, train_settings)
    images, points = v1.data.make_one_shot_iterator(batches).get_next()
    predicted, end_points = nets.build_network(images, True, train_settings)
    points_loss = _build_loss(train_settings, predicted, end_points, points)
    loss = points_loss + v1.losses.get_regularization_loss()
    learning_rate = optimization.build_learning_rate(train_settings, global_step)
    train_op = optimization.build_train_op(
        train_settings, loss, global_step, learning_rate
    )
    error = losses.pointwise_l2(predicted, points)
    scalars = (
        ("loss/points", points_loss),
        ("loss/total", loss),
        ("error/training", error),
        ("learning_rate", learning_rate),
    )
    summary = v1.summary.merge(
        [v1.summary.scalar(name, value) for name, value in scalars]
    )
    return train_op, loss, summary


class _Validator:
    """Evaluates the weights of a training session in a graph of its own.

    The graph is in inference mode, and nothing it does can reach the training graph.
    With moving averages on, it sees the averages.
    """

    def __init__(self, train_settings):
        with tf.Graph().as_default() as graph:
            batches = data.validation_batches(train_settings.val_tfr, train_settings)
            iterator = v1.data.make_initializable_iterator(batches)
            self._rewind = iterator.initializer
            images, self._truth = iterator.get_next()
            self._predicted, _ = nets.build_network(images, False, train_settings)
            self._variables = variables_in_checkpoint(
                slim.get_model_variables(), train_settings.moving_average_decay
            )
            self._values = {
                name: v1.placeholder(variable.dtype.base_dtype, variable.shape)
                for name, variable in self._variables.items()
            }
            self._load = [
                v1.assign(variable, self._values[name])
                for name, variable in self._variables.items()
            ]
            self._session = v1.Session(graph=graph)

    def validate(self, training_session):
        """Returns (crop error, inter-ocular NME) of the whole validation set."""
        with training_session.graph.as_default():
            trained = {variable.op.name: variable for variable in v1.global_variables()}
        values = training_session.run({name: trained[name] for name in self._variables})
        feeds = {self._values[name]: value for name, value in values.items()}
        self._session.run(self._load, feeds)
        self._session.run(self._rewind)
        errors, relative, count = 0.0, 0.0, 0
        while True:
            try:
                predicted, truth = self._session.run([self._predicted, self._truth])
            except tf.errors.OutOfRangeError:
                return errors / count, relative / count
            with np.errstate(over="ignore"):  # The caller looks for what is not finite.
                face_errors, face_nme = metrics.face_errors(predicted, truth)
            errors += face_errors.sum()
            relative += face_nme.sum()
            count += len(truth)


def _scalar_summary(**values):
    return v1.Summary(
        value=[
            v1.Summary.Value(tag=f"error/{k}", simple_value=v)
            for k, v in values.items()
        ]
    )


class _Run:
    """One training session in a train_dir: steps, and good checkpoints.

    It lives in the default graph: savers and summary writers of TensorFlow 1 refuse to
    work outside of one.
    """

    def __init__(self, train_dir, train_settings):
        self._train_dir = Path(train_dir)
        self.settings = train_settings
        self._ops = build_training(train_settings)
        self._saver = v1.train.Saver()
        self.session = v1.Session()
        self.writer = v1.summary.FileWriter(str(self._train_dir))
        newest = newest_checkpoint(self._train_dir)
        if newest:
            restore(self._saver, self.session, newest)
            print(f"Resuming from {newest}")
        else:
            self.session.run(v1.global_variables_initializer())
        self.step = int(self.session.run(v1.train.get_global_step()))
        self._validator = _Validator(train_settings)
        self._recent = collections.deque(maxlen=_SUMMARY_INTERVAL)
        self.error = math.nan

    def make_step(self):
        """Makes one step; stops the run where its loss is not finite."""
        train_op, loss, summary = self._ops
        if (self.step + 1) % _SUMMARY_INTERVAL == 0:
            _, value, scalars = self.session.run([train_op, loss, summary])
            self.writer.add_summary(scalars, self.step + 1)
        else:
            _, value = self.session.run([train_op, loss])
        self.step += 1
        self._recent.append(value)
        self._require_finite("loss", value)

    def validate(self):
        """Measures the validation error; stops the run where it is not finite."""
        self.error, nme = self._validator.validate(self.session)
        self._require_finite("validation error", self.error)
        summary = _scalar_summary(
            validation=self.error, validation_nme_inter_ocular=nme
        )
        self.writer.add_summary(summary, self.step)
        self.writer.flush()

    def validate_and_save(self):
        """Writes a checkpoint, but only of weights that still give finite points."""
        self.validate()
        path = self._train_dir / _CHECKPOINT_NAME
        self._saver.save(self.session, str(path), self.step)

    def describe(self):
        """Returns what the progress bar tells: mean recent loss, validation error."""
        told = {"loss": f"{sum(self._recent) / max(1, len(self._recent)):.5f}"}
        if not math.isnan(self.error):  # It is nan until the first validation.
            told["val_error"] = f"{self.error:.5f}"
        return told

    def _require_finite(self, name, value):
        if not math.isfinite(value):
            newest = newest_checkpoint(self._train_dir) or "none"
            raise InputError(
                f"{self._train_dir}: expected a finite {name}, found {value} at step "
                f"{self.step}; try a smaller learning rate (last good checkpoint: "
                f"{newest})"
            )


def _train(run, validation_interval):
    """Makes all steps that are left; returns the validation error after them."""
    last = run.settings.max_number_of_steps
    try:
        with progress_bar(
            total=last, initial=run.step, desc="training", unit="step"
        ) as bar:
            while run.step < last:
                run.make_step()
                if run.step % validation_interval == 0 or run.step == last:
                    run.validate_and_save()
                bar.set_postfix(run.describe(), refresh=False)
                bar.update()
        if math.isnan(run.error):  # No step was left to make.
            run.validate()
    except KeyboardInterrupt:
        run.validate_and_save()
        print(f"Stopped at step {run.step}; the same command goes on from here.")
        raise
    finally:
        run.writer.close()
    return run.error


def _prepare_train_dir(train_dir, train_settings):
    """Makes the folder and its settings file, or checks that both are of this model."""
    train_dir = Path(train_dir)
    # Settings without a checkpoint are of a run that never got anywhere.
    if newest_checkpoint(train_dir):
        settings.check_same_settings(train_dir, train_settings)
    train_dir.mkdir(parents=True, exist_ok=True)
    settings.write_settings(train_dir, train_settings)


def train(train_dir, train_settings, validation_interval):
    """Trains a model, or goes on from the newest checkpoint in train_dir.

    Args:
        train_dir: folder for checkpoints, summaries and train_setting.txt.
        train_settings: TrainSettings.
        validation_interval: steps between validations; each one writes a checkpoint.

    Returns:
        (validation error in crop units, path of the newest checkpoint).

    Raises:
        InputError: unusable records, a train_dir of other settings, or a loss that is
            not finite.
    """
    for path in (train_settings.train_tfr, train_settings.val_tfr):
        records.check_records(path, train_settings.input_size)
    _prepare_train_dir(train_dir, train_settings)
    with tf.Graph().as_default():
        error = _train(_Run(train_dir, train_settings), validation_interval)
    return error, newest_checkpoint(train_dir)
