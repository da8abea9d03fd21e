"""Training the face detector: scenes in, checkpoints out."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_slim as slim

from landmark.detection import anchors, batches, export, labelled, ssd
from landmark.face import metrics
from landmark.files import disk
from landmark.model import checkpoint, locate, pixels
from landmark.model import settings as landmark_settings
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.training import optimization, start

v1 = tf.compat.v1

# Not train_setting.txt, which marks the folder of a landmark model.
_SETTINGS_NAME = "detector_setting.txt"
_CHECKPOINT_NAME = "model.ckpt"
_SUMMARY_INTERVAL = 100
_KEPT = 3  # Checkpoints.
_MIN_CONF = 0.3  # At which recall and false boxes are counted.


@dataclasses.dataclass(frozen=True)
class SsdSettings:
    """How the detector is trained; the names are those of `optimization`."""

    max_number_of_steps: int
    learning_rate: float
    batch_size: int
    kind: str = "camera"
    seed: int | None = None
    init_detector_path: str | None = None
    warmup_steps: int = 500
    learning_rate_decay_type: str = "cosine"
    end_learning_rate: float = 0.0
    optimizer: str = "adam"
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    weight_decay: float = 0.01
    moving_average_decay: float = 0.999

    @property
    def mixed_precision(self):
        """All is float32."""
        return False

    @property
    def learning_rate_decay_step(self):
        """The rate falls until the end."""
        return self.max_number_of_steps


def check_train_dir(train_dir, settings):
    """Refuses a folder that notes how it was trained, if not with these SsdSettings.

    Raises:
        InputError: with the settings that differ.
    """
    path = Path(train_dir, _SETTINGS_NAME)
    if locate.newest_checkpoint(train_dir) and path.exists():
        now = landmark_settings.format_settings(settings)
        landmark_settings.refuse_changes(path, disk.read_text(path), now)


class _Validator:
    """Finds faces in whole photos with the moving averages of a training session."""

    def __init__(self, photos, settings):
        self._photos, self._kind = photos, anchors.KINDS[settings.kind]
        self._sides = anchors.list_sides(self._kind.side)
        with tf.Graph().as_default() as graph:
            self._images = v1.placeholder(tf.float32, [1, None, None, 3])
            self._outputs = ssd.build_scores(self._images, self._kind)
            self._variables = checkpoint.variables_in_checkpoint(
                slim.get_model_variables(), settings.moving_average_decay
            )
            self._session = v1.Session(graph=graph)

    def _predict(self, seen):
        """Returns boxes, (A, 4) in units of `anchors.SIZE` pixels, and scores."""
        feed = {self._images: seen[None].astype(np.float32)}
        offsets, scores = self._session.run(self._outputs, feed)
        centres = anchors.make_anchors(*seen.shape[:2])
        return anchors.from_offsets(offsets[0], centres), scores[0]

    def validate(self, training_session):
        """Returns (recall, false boxes a photo) at a confidence of 0.3."""
        checkpoint.copy_weights(training_session, self._session, self._variables)
        hits = false = 0
        for photo in self._photos:
            height, width = photo.image.shape[:2]
            boxes = (photo.boxes + 0.5) / (width, height, width, height)
            found, _ = anchors.find(
                photo.image, self._kind, self._sides, self._predict, _MIN_CONF
            )
            hit, wrong = metrics.count_faces(found, boxes, photo.is_sure)
            hits, false = hits + hit, false + wrong
        sure = sum(photo.is_sure.sum() for photo in self._photos)
        return hits / max(1, sure), false / max(1, len(self._photos))


def _build_training(photos, settings, seed, step):
    """Builds one training step into the default graph: (train_op, loss, summary)."""
    v1.set_random_seed(seed)
    data = batches.scene_batches(photos, settings, seed, step)
    images, labels, offsets = v1.data.make_one_shot_iterator(data).get_next()
    seen, kind = pixels.to_network_input(images, True), anchors.KINDS[settings.kind]
    logits, predicted = ssd.build_network(seen, True, kind)
    loss = ssd.build_loss(logits, predicted, labels, offsets)
    global_step = v1.train.get_or_create_global_step()
    rate = optimization.build_learning_rate(settings, global_step)
    train_op = optimization.build_train_op(settings, loss, global_step, rate)
    scalars = [
        v1.summary.scalar("loss", loss),
        v1.summary.scalar("learning_rate", rate),
    ]
    return train_op, loss, v1.summary.merge(scalars)


class _Run:
    """A training session in a train_dir; it lives in the default graph.

    Attributes:
        recall, false: of the newest validation, see `_Validator`.
    """

    def __init__(self, train_dir, photos, validation_photos, settings, session):
        self._train_dir, self._session = Path(train_dir), session
        self._last = settings.max_number_of_steps
        newest = locate.newest_checkpoint(train_dir)
        self._step = int(newest.rpartition("-")[2]) if newest else 0
        seed = start.choose_seed(settings.seed)
        self._ops = _build_training(photos, settings, seed, self._step)
        self._saver = v1.train.Saver(max_to_keep=_KEPT)
        # Those of before count, too.
        self._saver.recover_last_checkpoints(locate.list_checkpoints(train_dir))
        session.run(v1.global_variables_initializer())
        self._validator = _Validator(validation_photos, settings)
        self.recall = self.false = math.nan
        if newest:
            print(f"Resuming from {newest}")
            checkpoint.restore(self._saver, session, newest)
        elif settings.init_detector_path:
            kind = anchors.KINDS[settings.kind]
            weights = export.read_weights(settings.init_detector_path, kind)
            checkpoint.assign(session, weights)

    def train(self, validation_interval):
        """Makes the steps that are left; Ctrl-C leaves a checkpoint, too."""
        writer, told = v1.summary.FileWriter(str(self._train_dir)), {}
        try:
            with progress_bar(
                total=self._last, initial=self._step, desc="training", unit="step"
            ) as bar:
                while self._step < self._last:
                    loss = self._make_step(writer)
                    if self._step % _SUMMARY_INTERVAL == 0:
                        told["loss"] = f"{loss:.4f}"
                    is_due = self._step % validation_interval == 0
                    if is_due or self._step == self._last:
                        self._validate()
                        told["recall"] = f"{self.recall:.4f}"
                        told["false_boxes"] = f"{self.false:.3f}"
                        self._save()
                    bar.set_postfix(told, refresh=False)
                    bar.update()
            if math.isnan(self.recall):  # No step was left to make.
                self._validate()
        except KeyboardInterrupt:
            # The last step may have ended uncounted.
            self._step = int(self._session.run(v1.train.get_global_step()))
            self._save()
            print(f"Stopped at step {self._step}; the same command goes on from here.")
            raise
        finally:
            writer.close()

    def _make_step(self, writer):
        """Makes a step; returns its loss, which must be finite."""
        _, loss, scalars = self._session.run(self._ops)
        self._step += 1
        if not math.isfinite(loss):
            raise InputError(
                f"{self._train_dir}: expected a finite loss, found {loss} at step "
                f"{self._step}; try a smaller --learning_rate"
            )
        if self._step % _SUMMARY_INTERVAL == 0:
            writer.add_summary(scalars, self._step)
        return loss

    def _validate(self):
        self.recall, self.false = self._validator.validate(self._session)

    def _save(self):
        path = str(self._train_dir / _CHECKPOINT_NAME)
        self._saver.save(self._session, path, self._step)


def train(train_dir, photos, validation_photos, settings, validation_interval):
    """Trains the detector, or goes on from the newest checkpoint in train_dir.

    Args:
        train_dir: folder for checkpoints, summaries and detector_setting.txt.
        photos, validation_photos: lists of labelled.Photo.
        settings: SsdSettings.
        validation_interval: steps between validations; each one writes a checkpoint.

    Returns:
        (path of the newest checkpoint, its recall, its false boxes a photo).

    Raises:
        InputError: no face in the photos, a train_dir of other settings, or a loss that
            is not finite.
    """
    labelled.require_faces(photos)
    check_train_dir(train_dir, settings)
    Path(train_dir).mkdir(parents=True, exist_ok=True)
    text = landmark_settings.format_settings(settings)
    disk.write_text(Path(train_dir, _SETTINGS_NAME), text)
    with (
        disk.lock(train_dir, "training"),
        tf.Graph().as_default(),
        v1.Session() as session,
    ):
        start.mend_train_dir(train_dir)
        run = _Run(train_dir, photos, validation_photos, settings, session)
        run.train(validation_interval)
    return locate.newest_checkpoint(train_dir), run.recall, run.false
