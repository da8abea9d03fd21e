r"""Labels a folder of patches by a model, so that photos without annotation can teach.

Reads and changes: DATA_PATH, patches with a margin, as
extract_landmark_training_data.py makes them. Their points are replaced by the model's,
averaged over four crops, moved and scaled. Patches on which the crops disagree, or that
lie far from the points that were there, are removed; those that cannot be read are
dropped, which means left as they are.

    python -m scripts.label_patches extra \
        pretrained/landmark_112/landmark.float.tflite
    python make_landmark_tfrecord.py --data_path=extra --train_ratio=1
    cat wide.56.train.tfrecord extra.56.train.tfrecord >both.56.train.tfrecord
"""

from pathlib import Path

import numpy as np

from landmark.face import geometry, metrics
from landmark.files import disk
from landmark.files.patches import read_crop, read_npts, remove_patch, write_patch
from landmark.files.photos import read_image
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.words import count

# Shifts to the right and down, as fractions of the crop, and scales.
_MOVES = ((0, 0, 1), (0.04, 0, 1.04), (-0.04, 0.03, 0.96), (0, -0.04, 1))
# Of the distance of the eye corners: mean distance of a crop's points from the average,
# and of the average from the points that were there.
_MAX_SPREAD = 0.04
_MAX_CHANGE = 0.12


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


def _read(path, scheme, dropped):
    """Returns [(image, points)] of a patch; of one that cannot be read [], and why."""
    try:
        points = read_npts(path.with_suffix(".npts"), scheme)
        return [(read_image(path), points)]
    except (InputError, OSError) as error:
        dropped.append(error)
        return []


def _label(model, path, image, before, margin):
    """Gives a patch the model's points, or removes it; returns whether it was kept."""
    stem = path.with_suffix("")
    votes = _vote(model, image, geometry.without_margin(len(image), margin))
    points = geometry.to_crop(votes.mean(axis=0), geometry.Square(0, 0, len(image)))
    scheme = model.scheme
    _, (change,) = metrics.face_errors(points[None], before[None], scheme)
    spread = metrics.face_errors(
        votes, np.broadcast_to(votes.mean(axis=0), votes.shape), scheme
    )[1].mean()
    # What a missing point leaves unknown is nan, and is no reason.
    if spread > _MAX_SPREAD or change > _MAX_CHANGE:
        remove_patch(stem)
        return False
    write_patch(stem, image, points)
    return True


def main(argv):
    data_path, model = Path(argv[1]), TfliteModel(argv[2])
    crop = read_crop(data_path)
    margin = crop.margin
    model.scheme.require(crop.scheme, data_path)
    if not margin:
        raise InputError(f"{data_path}: expected patches with a margin, found none")
    paths = disk.list_files(data_path, (".png",))
    if not paths:
        raise InputError(f"{data_path}: expected patches (.png), found none")
    kept, dropped = 0, []
    for path in progress_bar(paths, desc="labelling", unit="patch"):
        for image, before in _read(path, crop.scheme, dropped):
            kept += _label(model, path, image, before, margin)
    for error in dropped:
        print(f"dropped {error}")
    if len(dropped) == len(paths):
        raise InputError(f"{data_path}: expected patches, found that all were dropped")
    total = count(len(paths), "patch", "patches")
    also = f"{len(dropped)} dropped, " if dropped else ""
    print(f"{kept} of {total} labelled, {also}the others removed")
    return cli.PASSED_OVER if dropped else 0


if __name__ == "__main__":
    cli.run(main, arguments="DATA_PATH MODEL.tflite")
