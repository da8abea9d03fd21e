"""What must be right before the first step of a training."""

import dataclasses
import re
import secrets
import warnings
from pathlib import Path

import tensorflow as tf
import tf_slim as slim

from landmark.dataset import pipeline, records
from landmark.files import disk
from landmark.model import checkpoint, locate, nets, quantize, settings
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar

v1 = tf.compat.v1

_CALIBRATION_BATCHES = 50
_SEED_BITS = 31  # Of a seed, where none is given.
# What TensorFlow calls files of a checkpoint before they are whole.
_HALF_WRITTEN = re.compile(
    r"(checkpoint|model\.ckpt-\d+\..+)\.(tmp[0-9a-f]{32}|tempstate\d+)"
)


def choose_seed(seed):
    """Returns the seed that is given, or else any, int."""
    return secrets.randbits(_SEED_BITS) if seed is None else seed


def read_init_weights(train_settings):
    """Returns name -> array of what the network takes of the init_checkpoint."""
    return checkpoint.read_weights(
        train_settings.init_checkpoint,
        slim.get_model_variables(),
        train_settings.scheme,
    )


def _check_init_checkpoint(train_settings):
    """Makes sure that the init_checkpoint fits, and says what of it is not taken."""
    with tf.Graph().as_default():
        shape = [1, *[train_settings.input_size] * 2, train_settings.channels]
        nets.build_network(tf.zeros(shape), False, train_settings)
        weights = read_init_weights(train_settings)
        names = [v.op.name for v in slim.get_model_variables()]
    afresh = [name for name in names if name not in weights]
    if afresh:
        print(
            f"{train_settings.init_checkpoint} has points of another scheme than "
            f"{train_settings.scheme}; these variables start afresh: "
            f"{', '.join(afresh)}"
        )


def fill_variables(session, train_dir, train_settings, seed, step):
    """Fills a session's variables, of the default graph: from the newest checkpoint, or
    another model, where there is one.

    Ranges of activations that are not there yet are measured.

    Args:
        session: whose variables have their initial values.
        train_dir: folder of the checkpoints.
        train_settings: TrainSettings.
        seed, step: of the training, see `pipeline.training_batches`.
    """
    newest, weights = locate.newest_checkpoint(train_dir), {}
    network = slim.get_model_variables()
    ranges = [v.op.name for v in network if quantize.is_range(v.op.name)]
    known = not ranges
    if newest:
        print(f"Resuming from {newest}")
        variables = v1.global_variables()
        known = known or checkpoint.is_quantized(newest)
        if not known:
            variables = [v for v in variables if not quantize.is_range(v.op.name)]
        checkpoint.restore(v1.train.Saver(variables), session, newest)
    elif train_settings.init_checkpoint:
        weights = read_init_weights(train_settings)
        checkpoint.assign(session, weights)
        known = set(ranges) <= set(weights)
    if not known:
        values = session.run({v.op.name: v for v in network})
        checkpoint.assign(session, _calibrate(train_settings, values, seed, step))


def _calibrate(train_settings, values, seed, step):
    """Returns name -> end of each activation's range, as training batches show them.

    Args:
        train_settings: TrainSettings.
        values: name -> array, of the network.
        seed: int, of the samples.
        step: at which quantised training begins.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        batches = pipeline.training_batches(
            train_settings.train_tfr, train_settings, seed, step
        )
        images, _ = v1.data.make_one_shot_iterator(batches).get_next()
        # Batch norm as in training: averages of untrained weights say nothing.
        nets.build_network(images, True, train_settings, quantize.Mode.OBSERVE)
        session.run(v1.global_variables_initializer())
        checkpoint.assign(session, values)
        steps = range(_CALIBRATION_BATCHES)
        bar = progress_bar(steps, desc="calibrating", unit="batch")
        return quantize.average_ranges(session, ({} for _ in bar))


def check_records(train_settings):
    """Reads the records through; returns the settings with their scheme, their data.

    Returns:
        (TrainSettings, TrainingData).
    """
    scheme, infos = train_settings.scheme, []
    for path in (train_settings.train_tfr, train_settings.val_tfr):
        info = records.check_records(path, train_settings.input_size, scheme)
        scheme = info.header.scheme
        infos.append(info)
        if info.num_missing:
            total = info.count * scheme.num_points
            print(f"{path}: {info.num_missing} of {total} points are missing")
    header, other = (info.header for info in infos)
    extensions = header.extension, other.extension
    if None not in extensions and extensions[0] != extensions[1]:
        raise InputError(
            f"{train_settings.val_tfr}: expected crops with an extension of "
            f"{extensions[0]}, as {train_settings.train_tfr} has, found {extensions[1]}"
        )
    data = settings.TrainingData(
        scheme, round(header.margin / header.size, 6), header.extension
    )
    return dataclasses.replace(train_settings, scheme=scheme), data


def check_train_dir(train_dir, train_settings, data):
    """Makes sure that a folder, which need not be there, is of this training.

    Raises:
        InputError: it is of another, or what the training starts from does not fit.
    """
    # Settings without a checkpoint are of a run that never got anywhere.
    if locate.newest_checkpoint(train_dir):
        settings.check_same_settings(train_dir, train_settings)
        trained = settings.read_data(train_dir)
        trained.scheme.require(data.scheme, train_settings.train_tfr)
    elif train_settings.init_checkpoint:
        _check_init_checkpoint(train_settings)


def mend_train_dir(train_dir):
    """Removes what runs that were killed left half-written, and puts checkpoints aside
    that a crash has damaged, from the newest on.

    Nobody else may write into the folder.

    Raises:
        InputError: all are damaged; they stay as they are.
    """
    disk.remove_leftovers(train_dir)
    for path in Path(train_dir).iterdir():
        if _HALF_WRITTEN.fullmatch(path.name):
            path.unlink()
    damaged = {}
    for path in reversed(locate.list_checkpoints(train_dir)):
        reason = checkpoint.find_damage(path)
        if reason is None:
            break
        damaged[path] = reason
    else:
        for path, reason in damaged.items():
            raise InputError(f"{path}: expected a whole checkpoint, found: {reason}")
    for path, reason in damaged.items():
        for file in Path(train_dir).glob(f"{Path(path).name}.*"):
            file.rename(file.with_name(f"damaged-{file.name}"))
        warnings.warn(
            f"{path}: expected a whole checkpoint, found: {reason}; it is put aside as "
            "damaged-..., and the one before is taken",
            stacklevel=2,
        )
