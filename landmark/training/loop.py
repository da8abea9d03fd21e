"""The training loop: loss, validation, checkpoints."""

import collections
import math
from pathlib import Path

import tensorflow as tf

from landmark.dataset import pipeline
from landmark.files import disk
from landmark.model import locate, nets, settings
from landmark.model.quantize import Mode
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.training import losses, optimization, start
from landmark.training.replicas import ALONE
from landmark.training.validation import Validator

v1 = tf.compat.v1

_SUMMARY_INTERVAL = 100
_CHECKPOINT_NAME = "model.ckpt"
_KEPT = 5  # Checkpoints.


def _build_loss(train_settings, predicted, end_points, points):
    """Returns what the points cost, with the bins' part where the network has bins."""
    loss = losses.LOSSES[train_settings.loss](predicted, points, train_settings)
    if "logits" not in end_points:
        return loss
    bins = losses.bin_cross_entropy(end_points["logits"], points, nets.bin_centres())
    return loss + train_settings.bins_weight * bins


def _batches(train_settings, seed, step, rows=None):
    return pipeline.training_batches(
        train_settings.train_tfr, train_settings, seed, step, rows
    )


def build_training(train_settings, mode, seed, step=0, replicas=ALONE):
    """Builds the graph of one training step into the default graph.

    Args:
        train_settings: TrainSettings.
        mode: quantize.Mode, FLOAT or TRAIN.
        seed: int, of all that is drawn.
        step: at which it begins.
        replicas: Replicas that share each batch.

    Returns:
        train_op: runs one step.
        loss: scalar, with regularisation; of the weights before the step, and of the
            whole batch.
        summary: serialised scalars for TensorBoard.
    """
    v1.set_random_seed(seed)
    global_step = v1.train.get_or_create_global_step()
    rows = replicas.share(train_settings.batch_size) if replicas.count > 1 else None
    batches = _batches(train_settings, seed, step, rows)
    images, points = v1.data.make_one_shot_iterator(batches).get_next()
    predicted, end_points = nets.build_network(images, True, train_settings, mode)
    points_loss = _build_loss(train_settings, predicted, end_points, points)
    loss = points_loss + v1.losses.get_regularization_loss()
    learning_rate = optimization.build_learning_rate(train_settings, global_step)
    train_op = optimization.build_train_op(
        train_settings, loss, global_step, learning_rate, replicas
    )
    error = losses.pointwise_l2(predicted, points)
    loss, points_loss, error = replicas.mean([loss, points_loss, error])
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


def _scalar_summary(**values):
    return v1.Summary(
        value=[
            v1.Summary.Value(tag=f"error/{k}", simple_value=v)
            for k, v in values.items()
        ]
    )


def _steps_made(train_dir):
    newest = locate.newest_checkpoint(train_dir)
    return int(newest.rpartition("-")[2]) if newest else 0


class _Steps:
    """The steps of a training session, and all that replicas but the chief do.

    It lives in the default graph: savers and summary writers of TensorFlow 1 refuse to
    work outside of one.

    Attributes:
        last: step at which it ends.
        step: how many steps are made.
        error: of the newest validation; nan before it, and where none is made.
    """

    def __init__(self, train_dir, train_settings, mode, last, begin, replicas):
        self._train_dir, self._settings = Path(train_dir), train_settings
        self.last, self.error, self._writer = last, math.nan, None
        self._seed, self.step = begin  # As all replicas have agreed.
        self._ops = build_training(
            train_settings, mode, self._seed, self.step, replicas
        )
        self._recent = collections.deque(maxlen=_SUMMARY_INTERVAL)
        rewrite = optimization.choose_rewrite(train_settings)
        self._session = replicas.open_session(rewrite)
        self._session.run(v1.global_variables_initializer())

    def make_step(self):
        """Makes one step; stops the run where its loss is not finite."""
        train_op, loss, summary = self._ops
        if self._writer and (self.step + 1) % _SUMMARY_INTERVAL == 0:
            _, value, scalars = self._session.run([train_op, loss, summary])
            self._writer.add_summary(scalars, self.step + 1)
        else:
            _, value = self._session.run([train_op, loss])
        self.step += 1
        self._recent.append(value)
        self._require_finite("loss", value)

    def adopt_variables(self, replicas):
        """Begins with what the chief begins with."""
        replicas.adopt(self._session, v1.global_variables())

    def count_steps(self):
        """Takes the number of steps from the session."""
        self.step = int(self._session.run(v1.train.get_global_step()))

    def validate(self):
        """Measures the validation error, which is the chief's to do."""

    def validate_and_save(self):
        """Writes a checkpoint, which is the chief's to do."""

    def describe(self):
        """Returns what the progress bar tells: mean recent loss, validation error."""
        told = {"loss": f"{sum(self._recent) / max(1, len(self._recent)):.5f}"}
        if not math.isnan(self.error):
            told["val_error"] = f"{self.error:.5f}"
        return told

    def close(self):
        """Gives memory and files back."""
        self._session.close()

    def _require_finite(self, name, value):
        if not math.isfinite(value):
            newest = locate.newest_checkpoint(self._train_dir) or "none"
            raise InputError(
                f"{self._train_dir}: expected a finite {name}, found {value} at step "
                f"{self.step}; try a smaller learning rate (last good checkpoint: "
                f"{newest})"
            )


class _Run(_Steps):
    """A training session in a train_dir: steps, and good checkpoints."""

    def __init__(self, train_dir, train_settings, mode, last, begin, replicas):
        super().__init__(train_dir, train_settings, mode, last, begin, replicas)
        self._saver = v1.train.Saver(max_to_keep=_KEPT)
        # Those of before count, too.
        self._saver.recover_last_checkpoints(locate.list_checkpoints(train_dir))
        self._writer = v1.summary.FileWriter(str(self._train_dir))
        # TensorBoard forgets what a killed run made after its last checkpoint.
        begin = v1.SessionLog(status=v1.SessionLog.START)
        self._writer.add_session_log(begin, self.step + 1)
        start.fill_variables(
            self._session, train_dir, train_settings, self._seed, self.step
        )
        self._validator = Validator(train_settings, mode)

    def validate(self):
        """Measures the validation error; stops the run where it is not finite."""
        self.error, nme = self._validator.validate(self._session)
        self._require_finite("validation error", self.error)
        name = f"validation_nme_{self._settings.scheme.normaliser}"
        summary = _scalar_summary(**{"validation": self.error, name: nme})
        self._writer.add_summary(summary, self.step)
        self._writer.flush()

    def validate_and_save(self):
        """Writes a checkpoint, but only of weights that still give finite points."""
        self.validate()
        path = self._train_dir / _CHECKPOINT_NAME
        self._saver.save(self._session, str(path), self.step)

    def close(self):
        """Gives memory and files back."""
        self._writer.close()
        super().close()
        self._validator.close()


def _train(run, validation_interval):
    """Makes all steps that are left; returns the validation error after them."""
    try:
        with progress_bar(
            total=run.last, initial=run.step, desc="training", unit="step"
        ) as bar:
            while run.step < run.last:
                run.make_step()
                if run.step % validation_interval == 0 or run.step == run.last:
                    run.validate_and_save()
                bar.set_postfix(run.describe(), refresh=False)
                bar.update()
        if math.isnan(run.error):  # No step was left to make.
            run.validate()
    except KeyboardInterrupt:
        run.count_steps()  # The last one may have ended uncounted.
        run.validate_and_save()
        print(f"Stopped at step {run.step}; the same command goes on from here.")
        raise
    finally:
        run.close()
    return run.error


def _stages(train_settings):
    """Returns (mode, last step) of the stages: float until the delay, then quantised.

    Each has a graph of its own, so that the first costs no more than float training.
    """
    delay, last = train_settings.quantize_delay, train_settings.max_number_of_steps
    if delay >= last:
        print(f"Not quantised: quantize_delay={delay}, and training ends at {last}")
    if delay < 0 or delay >= last:
        return [(Mode.FLOAT, last)]
    return [(Mode.FLOAT, delay)] * (delay > 0) + [(Mode.TRAIN, last)]


def train(train_dir, train_settings, validation_interval, replicas=ALONE):
    """Trains a model, or goes on from the newest checkpoint in train_dir.

    With a seed, the same call gives the same weights bit for bit, on the CPU of one
    machine, whether it was stopped in between or not.

    Args:
        train_dir: folder for checkpoints, summaries and train_setting.txt.
        train_settings: TrainSettings.
        validation_interval: steps between validations; each one writes a checkpoint.
        replicas: Replicas that share the work; those but the chief leave train_dir
            alone, and return (nan, None).

    Returns:
        (validation error in crop units, path of the newest checkpoint).

    Raises:
        InputError: unusable records, a train_dir of other settings, an init_checkpoint
            that is missing or does not fit, or a loss that is not finite.
        ReplicaLost: another process has gone.
    """
    train_settings, data = start.check_records(train_settings)
    if not replicas.is_chief:
        return _train_stages(train_dir, train_settings, validation_interval, replicas)
    start.check_train_dir(train_dir, train_settings, data)
    Path(train_dir).mkdir(parents=True, exist_ok=True)
    with disk.lock(train_dir, "training"):
        start.mend_train_dir(train_dir)
        settings.write_settings(train_dir, train_settings)
        settings.write_data(train_dir, data)
        return _train_stages(train_dir, train_settings, validation_interval, replicas)


def _train_stages(train_dir, train_settings, validation_interval, replicas):
    """Makes the stages of a training; returns as `train` does."""
    stages = _stages(train_settings)
    with replicas.watched():
        for mode, last in stages:
            seed = start.choose_seed(train_settings.seed)
            made = _steps_made(train_dir) if replicas.is_chief else 0
            begin = replicas.agree([seed, made])
            if begin[1] >= last and mode is not stages[-1][0]:
                continue
            with tf.Graph().as_default():
                kind = _Run if replicas.is_chief else _Steps
                run = kind(train_dir, train_settings, mode, last, begin, replicas)
                run.adopt_variables(replicas)
                error = _train(run, validation_interval)
        replicas.leave()
    newest = locate.newest_checkpoint(train_dir) if replicas.is_chief else None
    return error, newest
