r"""Packs face patches and their points into training and validation records.

Reads: the folder that extract_landmark_training_data.py wrote (NAME.png + NAME.npts).
Writes: two TFRecord files, split by photo (Multi-PIE: by subject), patches resized.

    python make_landmark_tfrecord.py --data_path=patches --size=56
"""

import contextlib
import os
import warnings
from pathlib import Path

from absl import flags

from landmark.dataset import extraction, packing, split
from landmark.files import disk
from landmark.script import cli, split_flags, worker_flags
from landmark.script.errors import InputError, UsageError
from landmark.script.quiet import quiet_stderr
from landmark.script.words import count

with cli.flag_group("What it reads and writes"):
    _DATA_PATH = flags.DEFINE_string(
        "data_path", None, "Folder with the patches and points.", required=True
    )
    _TRAIN_TFR_PATH = flags.DEFINE_string(
        "train_tfr_path",
        None,
        "Output; <data_path>.<size>.train.tfrecord if not given.",
    )
    _VAL_TFR_PATH = flags.DEFINE_string(
        "val_tfr_path", None, "Output; <data_path>.<size>.val.tfrecord if not given."
    )

with cli.flag_group("Patches"):
    _SIZE = flags.DEFINE_integer(
        "size", 56, lower_bound=16, help="Input size of the network, in pixels."
    )
    _USE_GRAY = flags.DEFINE_boolean(
        "use_gray",
        False,
        "Deprecated and without effect: see train_slim.py --is_color=false.",
    )

with cli.flag_group("Split"):
    _TRAIN_RATIO = flags.DEFINE_float(
        "train_ratio",
        0.9,
        lower_bound=0.0,
        upper_bound=1.0,
        help="Share of the photos (Multi-PIE: of the subjects) for training; the rest "
        "is validation. With 0 or 1 only one file is written.",
    )


_LIGHT = 10  # A patch costs a tenth of what a photo does.
_TITLES = ("training", "validation")


def _split(names):
    """Returns (training names, validation names)."""
    val_list = split_flags.VAL_LIST.value
    if val_list is not None and _TRAIN_RATIO.present:
        raise UsageError("expected --val_list or --train_ratio, found both")
    return split.divide_names(names, _TRAIN_RATIO.value, val_list)


def _output_paths(data_path):
    """Returns the paths of the training and of the validation file."""
    default = f"{os.path.normpath(data_path)}.{_SIZE.value}"
    train = Path(_TRAIN_TFR_PATH.value or f"{default}.train.tfrecord")
    validation = Path(_VAL_TFR_PATH.value or f"{default}.val.tfrecord")
    if train.resolve() == validation.resolve():
        raise InputError(f"{train}: expected two outputs, found one")
    return train, validation


def _write_side(path, temporary, title, names, how, dropped):
    """Writes one of the files to its temporary place.

    Args:
        path: where it will stand.
        temporary: where it is written; None where there are no names.
        title: training or validation.
        names: of its patches.
        how: packing.Packing.
        dropped: list, which gets (name, what is wrong with it).

    Returns:
        the sentence that says so.
    """
    if temporary is None:
        there = "; the one that is there is of an earlier run" if path.exists() else ""
        return f"No {title} patches: {path} is not written{there}"
    with quiet_stderr():
        from landmark.dataset import records

    num_workers = worker_flags.count_workers(len(names) // _LIGHT)
    samples = packing.read_samples(how, names, title, num_workers, dropped)
    written = records.write_records(temporary, samples, place=path)
    lost = {name for name, _ in dropped}
    photos = {split.photo_group(name) for name in names if name not in lost}
    return (
        f"Wrote {count(written, f'{title} patch', f'{title} patches')} of "
        f"{count(len(photos), 'photo')} to {path}"
    )


def _write_sides(paths, sides, how):
    """Writes both files or none; returns their sentences, and what was dropped."""
    sentences, dropped = [], []
    try:
        with contextlib.ExitStack() as stack:
            for path, title, names in zip(paths, _TITLES, sides, strict=True):
                temporary = None
                if names:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    temporary = stack.enter_context(disk.replace_when_done(path))
                sentences.append(
                    _write_side(path, temporary, title, names, how, dropped)
                )
    finally:
        for _, error in dropped:
            print(f"dropped {error}")
    return sentences, dropped


def main(argv):
    data_path = disk.require_folder(_DATA_PATH.value)
    unlisted = []
    names = [
        str(path.relative_to(data_path).with_suffix(""))
        for path in disk.list_files(data_path, (".png",), unlisted)
    ]
    if not names:
        raise InputError(f"{data_path}: expected patches (.png), found none")
    if _USE_GRAY.value:
        warnings.warn(
            "--use_gray is deprecated: records stay in colour, and "
            "train_slim.py --is_color=false makes them grey when it reads them",
            stacklevel=1,
        )
    crop = packing.read_common_crop(data_path, names)
    report = extraction.read_report(data_path / "report.csv")
    photos = {row.patch: row.photo for row in report}
    how = packing.Packing(data_path, _SIZE.value, crop, photos)
    sentences, dropped = _write_sides(_output_paths(data_path), _split(names), how)
    if dropped:
        print(f"{len(dropped)} of {count(len(names), 'patch', 'patches')} dropped")
    if unlisted:
        print(f"{count(len(unlisted), 'folder')} passed over")
    print("\n".join(sentences))
    return cli.PASSED_OVER if dropped or unlisted else 0


if __name__ == "__main__":
    cli.run(main)
