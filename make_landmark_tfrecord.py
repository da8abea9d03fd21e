r"""Packs face patches and their points into training and validation records.

Reads: the folder that extract_landmark_training_data.py wrote (NAME.png + NAME.npts).
Writes: two TFRecord files, split by photo (Multi-PIE: by subject), patches resized.
With --verify: reads records, and writes a mosaic of the faces to look at.

    python make_landmark_tfrecord.py --data_path=patches --size=56
    python make_landmark_tfrecord.py --verify=a.train.tfrecord,a.val.tfrecord
"""

import contextlib
import os
import warnings
from pathlib import Path

import numpy as np
from absl import flags

from landmark.dataset import packing, shards, split, stage_flags, told, verify, writing
from landmark.dataset.report import read_report
from landmark.files import disk
from landmark.files.photos import write_image
from landmark.pictures import mosaic
from landmark.script import cli, split_flags, worker_flags
from landmark.script.errors import InputError, UsageError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr
from landmark.script.words import count

with cli.flag_group("What it reads and writes"):
    _DATA_PATH = flags.DEFINE_string(
        "data_path", None, "Folder with the patches and points."
    )
    _TRAIN_TFR_PATH = flags.DEFINE_string(
        "train_tfr_path",
        None,
        "Output; <data_path>.<size>.train.tfrecord if not given.",
    )
    _VAL_TFR_PATH = flags.DEFINE_string(
        "val_tfr_path", None, "Output; <data_path>.<size>.val.tfrecord if not given."
    )
    _NUM_SHARDS = stage_flags.define_num_shards()

with cli.flag_group("Checking instead"):
    _VERIFY = flags.DEFINE_list(
        "verify",
        [],
        "Record files to check instead of writing any: paths, globs, or NAME@16 for a "
        "set of 16 shards.",
    )
    _MOSAIC = flags.DEFINE_string(
        "mosaic",
        None,
        "Output of --verify: the faces whose points are farthest from a face's shape; "
        "beside the first of its files if not given.",
    )

with cli.flag_group("Patches"):
    _SIZE = stage_flags.define_size()
    _USE_GRAY = flags.DEFINE_boolean(
        "use_gray",
        False,
        "Deprecated and without effect: see train_slim.py --is_color=false.",
    )

with cli.flag_group("Split"):
    stage_flags.define_train_ratio()
    _SEED = flags.DEFINE_integer(
        "seed",
        0,
        lower_bound=0,
        help="Of the shuffles of the records. Which patches validate does not depend "
        "on it.",
    )


_LIGHT = 2  # A patch costs half of what a photo does.
_WORST, _COLUMNS = 50, 10  # Faces in the mosaic of --verify.


def _split(data_path, names):
    """Returns (training names, validation names)."""
    val_list = split_flags.VAL_LIST.value
    train_ratio = stage_flags.read_train_ratio(val_list)
    twins = []
    if not split.is_one_sided(train_ratio, val_list):
        num_workers = worker_flags.count_workers(len(names) // _LIGHT)
        twins = packing.find_twins(data_path, names, num_workers)
    sides = split.divide_names(
        *(names, train_ratio, val_list, _SEED.value), split.join_twins(twins)
    )
    if twins:
        print(told.describe_twins(twins))
    return sides


def _output_paths(data_path):
    """Returns the paths of the training and of the validation file."""
    default = f"{os.path.normpath(data_path)}.{_SIZE.value}"
    train = Path(_TRAIN_TFR_PATH.value or f"{default}.train.tfrecord")
    validation = Path(_VAL_TFR_PATH.value or f"{default}.val.tfrecord")
    if train.resolve() == validation.resolve():
        raise InputError(f"{train}: expected two outputs, found one")
    return train, validation


def _open_output(path, names, how):
    """Returns the writing.Output of one side, with what a run before has done."""
    output = writing.Output(
        path, _NUM_SHARDS.value, names, packing.describe(how, names)
    )
    num_done = len(names) - len(output.left)
    if num_done:
        print(f"{path}: going on after {count(num_done, 'patch', 'patches')}")
    return output


def _write_output(output, title, how):
    """Writes what is left of one side."""
    left, whole = output.left, len(output.left) + output.num_done
    num_workers = worker_flags.count_workers(len(left) // _LIGHT)
    results = packing.pack(how, left, num_workers)
    with (
        contextlib.closing(results),
        progress_bar(
            total=whole, initial=output.num_done, desc=title, unit="patch"
        ) as bar,
    ):
        output.write(_counted(results, bar))


def _counted(results, bar):
    for result in results:
        yield result
        bar.update()


def _describe_output(path, title, names, output):
    """Returns the sentence that says what became of a side; output may be None."""
    if output is None:
        return told.describe_no_side(path, title, path.exists())
    lost = {name for name, _ in output.dropped}
    written = [name for name in names if name not in lost]
    return told.describe_side(path, title, written, _NUM_SHARDS.value)


def _write_sides(paths, sides, how):
    """Writes both sides or none; returns their sentences, and what was dropped."""
    outputs, dropped = {}, []
    try:
        with contextlib.ExitStack() as stack:
            for path, title, names in zip(paths, told.SIDES, sides, strict=True):
                if names:
                    outputs[title] = _open_output(path, names, how)
                    stack.callback(outputs[title].close)
            for title, output in outputs.items():
                _write_output(output, title, how)
            writing.finish(outputs.values())
    finally:
        for output in outputs.values():
            dropped += output.dropped
        for _, error in dropped:
            print(f"dropped {error}")
    sentences = [
        _describe_output(path, title, names, outputs.get(title))
        for path, title, names in zip(paths, told.SIDES, sides, strict=True)
    ]
    return sentences, dropped


def _pack():
    """Writes records; returns the exit status."""
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
    report = read_report(data_path / "report.csv")
    photos = {row.patch: row.photo for row in report}
    how = packing.Packing(data_path, _SIZE.value, crop, photos)
    sentences, dropped = _write_sides(
        _output_paths(data_path), _split(data_path, names), how
    )
    if dropped:
        print(f"{len(dropped)} of {count(len(names), 'patch', 'patches')} dropped")
    if unlisted:
        print(f"{count(len(unlisted), 'folder')} passed over")
    print("\n".join(sentences))
    return cli.PASSED_OVER if dropped or unlisted else 0


def _verify():
    """Checks records; returns the exit status."""
    for path in _VERIFY.value:  # What is not there needs no TensorFlow to be refused.
        shards.list_shards(path)
    with quiet_stderr():
        from landmark.dataset import records

    surveys = [
        verify.survey(path, records.read_batches(path)) for path in _VERIFY.value
    ]
    print(verify.describe(surveys))
    suspicious = verify.list_suspicious(surveys)
    if suspicious:
        print("\n" + "\n".join(suspicious))
    path = Path(_MOSAIC.value or f"{_VERIFY.value[0]}.worst.jpg")
    tiles = _draw_worst(surveys, records.read_batches)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, mosaic.tile_images(tiles, _COLUMNS))
    print(f"Wrote {count(len(tiles), 'face')} to {path}, the worst first")
    return cli.PASSED_OVER if suspicious else 0


def _draw_worst(surveys, read_batches):
    """Returns tiles of the faces whose points fit worst, with a face's shape in red.

    Args:
        surveys: list of verify.Survey.
        read_batches: of records, which needs TensorFlow.
    """
    misfits = np.concatenate([found.misfits for found in surveys])
    worst, tiles, start = np.argsort(-misfits, kind="stable")[:_WORST], {}, 0
    for found in surveys:
        _, fitted = verify.measure_misfits(found.points)
        wanted = set((worst - start).tolist())
        end = 0
        for batch in read_batches(found.path):
            first, end = end, end + len(batch.points)
            for i in wanted.intersection(range(first, end)):
                tiles[start + i] = mosaic.draw_prediction(
                    batch.crops[i - first],
                    fitted[i],
                    found.points[i],
                    found.names[i],
                    found.misfits[i],
                )
        start += end
    return [tiles[i] for i in worst.tolist()]


def main(argv):
    if bool(_VERIFY.value) == (_DATA_PATH.value is not None):
        found = "both" if _VERIFY.value else "none"
        raise UsageError(f"expected --data_path or --verify, found {found}")
    return _verify() if _VERIFY.value else _pack()


if __name__ == "__main__":
    cli.run(main)
