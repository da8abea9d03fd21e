r"""Labels a folder of patches by a model, so that photos without annotation can teach.

Reads and changes: DATA_PATH, patches with a margin, as
extract_landmark_training_data.py makes them. Their points are replaced by the model's,
averaged over four crops, moved and scaled. Patches on which the crops disagree, or that
lie far from the points that were there, are removed; those that cannot be read are
dropped, which means left as they are. The same command goes on after a run that was cut
short; a finished one that is run again takes the labels for the points that were there.

    python -m scripts.label_patches extra \
        pretrained/landmark_112/landmark.float.tflite
    python make_landmark_tfrecord.py --data_path=extra --train_ratio=1
    cat wide.56.train.tfrecord extra.56.train.tfrecord >both.56.train.tfrecord
"""

import contextlib
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landmark.face import geometry, metrics
from landmark.files import disk
from landmark.files.journal import Journal
from landmark.files.notes import is_text
from landmark.files.patches import read_crop, read_npts, remove_patch, write_patch
from landmark.files.photos import read_image
from landmark.model.identity import hash_file
from landmark.model.tflite import TfliteModel
from landmark.script import cli, worker_flags, workers
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.words import count

# Shifts to the right and down, as fractions of the crop, and scales.
_MOVES = ((0, 0, 1), (0.04, 0, 1.04), (-0.04, 0.03, 0.96), (0, -0.04, 1))
# Of the distance of the eye corners: mean distance of a crop's points from the average,
# and of the average from the points that were there.
_MAX_SPREAD = 0.04
_MAX_CHANGE = 0.12
_JOURNAL = ".labelling.jsonl"
_KINDS = _KEPT, _REMOVED, _DROPPED = "kept", "removed", "dropped"


def _vote(model, image, square):
    """Returns the points by each of four crops: (4, P, 2), in pixels of the image.

    None is mirrored: annotation may lean to one side (benchmarks/mirror.py), and with
    it the model that learnt it.
    """
    squares = [geometry.move_square(square, *move) for move in _MOVES]
    crops = [
        geometry.resize_patch(geometry.crop_image(image, moved), model.input_size)
        for moved in squares
    ]
    return np.array(
        [
            geometry.from_crop(model.predict(crop[None])[0], moved)
            for crop, moved in zip(crops, squares, strict=True)
        ]
    )


class _Verdict(NamedTuple):
    """What becomes of a patch.

    Attributes:
        name: path below DATA_PATH, str.
        kind: _KEPT, _REMOVED or _DROPPED.
        reason: why it is dropped; "" if it is not.
        checksum: of its points, where it is kept; else 0.
        label: (image, points), to be written of one that is kept; else None.
    """

    name: str
    kind: str
    reason: str = ""
    checksum: int = 0
    label: Any = None


class _Tool(NamedTuple):
    """What a process labels with: the model, the folder, its Crop."""

    model: TfliteModel
    data_path: Path
    crop: Any


def _make_tool(model_path, data_path, crop):
    return _Tool(TfliteModel(model_path, num_threads=1), data_path, crop)


def _judge(tool, name):
    """Returns the _Verdict on a patch, of which nothing is changed."""
    path = tool.data_path / name
    try:
        before = read_npts(path.with_suffix(".npts"), tool.crop.scheme)
        image = read_image(path)
    except (InputError, OSError) as error:
        return _Verdict(name, _DROPPED, str(error))
    votes, label = _label(tool, image)
    scheme = tool.model.scheme
    _, (change,) = metrics.face_errors(label[1][None], before[None], scheme)
    spread = metrics.face_errors(
        votes, np.broadcast_to(votes.mean(axis=0), votes.shape), scheme
    )[1].mean()
    # What a missing point leaves unknown is nan, and is no reason.
    if spread > _MAX_SPREAD or change > _MAX_CHANGE:
        return _Verdict(name, _REMOVED)
    checksum = zlib.crc32(label[1].astype("<f8").tobytes())  # Of its .npts.
    return _Verdict(name, _KEPT, "", checksum, label)


def _label(tool, image):
    """Returns the votes on a patch, as `_vote` does, and what is to be written of it.

    Whatever points it has now, these are the same.
    """
    square = geometry.without_margin(len(image), tool.crop.margin)
    votes = _vote(tool.model, image, square)
    points = geometry.to_crop(votes.mean(axis=0), geometry.Square(0, 0, len(image)))
    return votes, (image, points)


def _carry_out(data_path, verdict):
    """Gives a patch its points, or removes it."""
    stem = (data_path / verdict.name).with_suffix("")
    if verdict.kind == _KEPT:
        write_patch(stem, *verdict.label)
    elif verdict.kind == _REMOVED:
        remove_patch(stem)


def _open_journal(data_path, model_path):
    """Returns the Journal of a labelling; its `done` are the _Verdicts on patches.

    They are noted before they are carried out: of a patch that has been changed, what
    was there before is gone.

    Raises:
        InputError: another model has begun, whose labels would pass for annotation.
    """
    path = data_path / _JOURNAL
    journal = Journal(path, {"model": hash_file(model_path)})
    if journal.other is not None:
        raise InputError(
            f"{path}: expected the model that has begun to label these patches, found "
            "another; remove the file if they have been extracted anew since"
        )
    journal.done = [_read_verdict(item, path) for item in journal.done]
    return journal


def _read_verdict(item, path):
    match item:
        case [str(name), str(kind), str(reason), int(checksum)] if kind in _KINDS:
            place = Path(name)
            is_below = not place.is_absolute() and ".." not in place.parts
            if is_below and place.suffix and is_text(name) and "\0" not in name:
                return _Verdict(name, kind, reason, checksum)
    raise InputError(f"{path}: expected a journal of labelling, found another line")


def _is_carried_out(data_path, verdict):
    """Whether a patch is what a verdict, noted by an earlier run, says.

    One that is not has the points that it had, and so has one that was extracted anew.
    """
    path = data_path / verdict.name
    points = path.with_suffix(".npts")
    if verdict.kind != _KEPT:
        return path.exists() == (verdict.kind == _DROPPED)
    return points.is_file() and zlib.crc32(points.read_bytes()) == verdict.checksum


def _carry_out_again(tool, verdict):
    """Carries out what a run that was killed may have carried out by half."""
    if verdict.kind == _KEPT:
        image = read_image(tool.data_path / verdict.name)
        verdict = verdict._replace(label=_label(tool, image)[1])
    _carry_out(tool.data_path, verdict)


def _judge_all(tool, model_path, names, journal):
    """Returns name -> _Verdict, all carried out, with a progress bar."""
    done = [v for v in journal.done if _is_carried_out(tool.data_path, v)]
    if done:
        print(f"Going on after {count(len(done), 'patch', 'patches')}")
    if done and done[-1] is journal.done[-1]:
        _carry_out_again(tool, done[-1])
    verdicts = {verdict.name: verdict for verdict in done}
    waiting = [name for name in names if name not in verdicts]
    num_workers = worker_flags.count_workers(len(waiting))
    make, arguments = _make_tool, (model_path, tool.data_path, tool.crop)
    if num_workers == 1:
        make, arguments = _Tool, tool
    judged = workers.map_in_order(_judge, waiting, num_workers, make, arguments)
    bar = progress_bar(
        judged,
        desc="labelling",
        unit="patch",
        initial=len(verdicts),
        total=len(verdicts) + len(waiting),
    )
    with contextlib.closing(judged):
        for verdict in bar:
            journal.add(verdict[:4])
            _carry_out(tool.data_path, verdict)
            verdicts[verdict.name] = verdict._replace(label=None)
    return verdicts


def _label_all(tool, model_path):
    """Labels the patches of the folder; returns the _Verdicts, sorted by name."""
    data_path = tool.data_path
    with disk.lock(data_path, "labelling"):
        journal = _open_journal(data_path, model_path)
        paths = disk.list_files(data_path, (".png",))
        if not paths and not journal.done:
            raise InputError(f"{data_path}: expected patches (.png), found none")
        for folder in {data_path, *(path.parent for path in paths)}:
            disk.remove_leftovers(folder)
        names = [str(path.relative_to(data_path)) for path in paths]
        try:
            verdicts = _judge_all(tool, model_path, names, journal)
        finally:
            journal.close()
        journal.finish()
    return [verdicts[name] for name in sorted(verdicts, key=Path)]


def main(argv):
    data_path, model = disk.require_folder(argv[1]), TfliteModel(argv[2])
    crop = read_crop(data_path)
    model.scheme.require(crop.scheme, data_path)
    if not crop.margin:
        raise InputError(f"{data_path}: expected patches with a margin, found none")
    verdicts = _label_all(_Tool(model, data_path, crop), argv[2])
    kinds = [verdict.kind for verdict in verdicts]
    for verdict in verdicts:
        if verdict.kind == _DROPPED:
            print(f"dropped {verdict.reason}")
    dropped = kinds.count(_DROPPED)
    if dropped == len(kinds):
        raise InputError(f"{data_path}: expected patches, found that all were dropped")
    total = count(len(kinds), "patch", "patches")
    also = f"{dropped} dropped, " if dropped else ""
    print(f"{kinds.count(_KEPT)} of {total} labelled, {also}the others removed")
    return cli.PASSED_OVER if dropped else 0


if __name__ == "__main__":
    cli.run(main, arguments="DATA_PATH MODEL.tflite")
