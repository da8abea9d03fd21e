"""What must be right before the first step of a training."""

import dataclasses
import re
import secrets
import warnings
from pathlib import Path

import tensorflow as tf
import tf_slim as slim

from landmark.dataset import records
from landmark.files import disk
from landmark.model import checkpoint, locate, nets, settings
from landmark.script.errors import InputError

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
