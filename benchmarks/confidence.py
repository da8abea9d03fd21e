r"""What the confidence of a model's points says about their error.

Reads: a folder of patches with a margin, as extract_landmark_training_data.py makes it
    (those in --val_list), and .tflite models.

Prints the rank correlation (Spearman) of confidence and error; the mean NME in % of the
faces within bands of confidence, and their share; and how many windows beside the face,
which show none, stay below 0.3. `hard` crops are shifted by a quarter, or half as large
again, as tracking may meet them.

Below stands what the expected error of a point, its spread times its factor, says of
its error, both in % of the eye distance: the mean of both by parts of the face and by
tenths of all points, from the surest; how far both are apart in a tenth, on average
(expected calibration error); and their rank correlation, over all points and within a
face, there of both over the point's mean. The factors are measured on every second
face and tested on the others, and the other way round.

    python -m benchmarks.confidence --data_path=wide pretrained/*/*.tflite
"""

from pathlib import Path

import numpy as np
from absl import flags

from benchmarks.patches import list_sides
from benchmarks.ranks import rank_correlation
from landmark.face import geometry, metrics
from landmark.face.scheme import IBUG68
from landmark.live import crops
from landmark.live.landmarker import points_confidence
from landmark.model.calibration import error_per_spread
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.errors import InputError

_DATA_PATH = flags.DEFINE_string(
    "data_path", None, "Folder with the patches.", required=True
)
_CROPS = flags.DEFINE_enum(
    "crops",
    "1",
    list(map(str, crops.NUMBERS)),
    "Of each face, over which the points of the second table are averaged; the factors "
    "are always those of one.",
)
_HARD = ((0.25, 0, 1.0), (-0.2, 0.2, 1.0), (0, 0, 1.5))  # As geometry.move_square.
_BANDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_FACELESS = 0.3
_TENTHS = 10


def _predict(model, patches, squares):
    """Returns (NME in %, confidence) of the crops of patches."""
    crops = [
        geometry.resize_patch(
            geometry.crop_image(patch.image, square), model.input_size
        )
        for patch, square in zip(patches, squares, strict=True)
    ]
    truth = [
        geometry.to_crop(patch.points, square)
        for patch, square in zip(patches, squares, strict=True)
    ]
    predicted, spread = model.predict_with_spread(np.array(crops))
    _, nme = metrics.face_errors(predicted, np.array(truth))
    return 100 * nme, points_confidence(spread)


def _see(model, patches, number):
    """Returns (points, spread, truth) of patches seen in a number of crops each.

    Points and truth, (B, 68, 2), are crop-normalised, spread, (B, 68), in crop units.
    """
    seen = []
    for patch in patches:
        square = patch.square
        points, spread = crops.find_points(model, patch.image, [square], number)
        truth = geometry.to_crop(patch.points, square)
        seen.append((geometry.to_crop(points[0], square), spread[0], truth))
    return tuple(map(np.array, zip(*seen, strict=True)))


def _expect(model, patches, number):
    """Returns the expected and the measured error of each point.

    Both (B, 68), in % of the eye distance; nan where the point is missing.
    """
    plain = _see(model, patches, 1)
    points, spread, truth = plain if number == 1 else _see(model, patches, number)
    errors = metrics.point_errors(points, truth)
    expected = np.where(np.isnan(errors), np.nan, spread)
    for half in (0, 1):
        others = (values[1 - half :: 2] for values in plain)
        expected[half::2] *= error_per_spread(*others)
    percent = 100 / metrics.normaliser(truth)[:, None]
    return expected * percent, errors * percent


def _within(expected, measured):
    """Returns the mean over the faces of the rank correlation within each.

    Each point is taken over its mean in the half that is tested: that of both halves
    knows what the factors of the other half are too large by.
    """
    found = []
    for half in (0, 1):
        both = expected[half::2], measured[half::2]
        for face in zip(*(v / metrics.mean(v, axis=0) for v in both), strict=True):
            known = ~np.isnan(face).any(axis=0)
            found.append(rank_correlation(*(values[known] for values in face)))
    return np.mean(found)


def _print_points(path, expected, measured):
    """Prints what the expected errors of points, (B, 68), say of the measured ones."""
    print(f"expected%  measured%  points  {path}")
    rows = {
        part: (expected[:, indices], measured[:, indices])
        for part, indices in IBUG68.parts.items()
    }
    known = ~np.isnan(measured)
    order = np.argsort(expected[known])
    tenths = [
        (expected[known][indices], measured[known][indices])
        for indices in np.array_split(order, _TENTHS)
    ]
    rows |= {f"{i + 1}. tenth": tenth for i, tenth in enumerate(tenths)}
    rows["all"] = expected, measured
    for name, row in rows.items():
        means = [metrics.mean(values) for values in row]
        print("{:9.2f}  {:9.2f}  {}".format(*means, name))
    shares = [len(e) * abs(e.mean() - m.mean()) for e, m in tenths]
    print(
        f"calibration error {sum(shares) / known.sum():.2f}%; rank correlation "
        f"{rank_correlation(expected[known], measured[known]):.2f} over all points, "
        f"{_within(expected, measured):.2f} within a face"
    )


def _corner(patch, rng):
    """Returns a window of a quarter of the patch in one of its corners."""
    width = len(patch.image)
    left, top = rng.integers(2, size=2) * (width - width // 4)
    return geometry.Square(left, top, width // 4)


def _open(path):
    """Returns a model; refuses one that does not tell how sure it is."""
    model = TfliteModel(path)
    patch = np.zeros((1, model.input_size, model.input_size, 3), np.uint8)
    if not np.isfinite(model.predict_with_spread(patch)[1]).all():
        raise InputError(
            f"{path}: expected a model that tells its confidence, found none of it; "
            "networks that classify coordinates do (resnet_simcc)"
        )
    return model


def main(argv):
    models = {path: _open(path) for path in argv[1:]}
    _, validation = list_sides(Path(_DATA_PATH.value))
    patches = list(validation)
    print("plain  hard  no face  NME% (share) by confidence: ", end="")
    print(*(f"{low}-{high}" for low, high in zip(_BANDS, _BANDS[1:], strict=False)))
    for path, model in models.items():
        rng = np.random.default_rng(0)
        nme, sure = _predict(model, patches, [patch.square for patch in patches])
        squares = [
            [geometry.move_square(patch.square, *move) for patch in patches]
            for move in _HARD
        ]
        hard = [_predict(model, patches, moved) for moved in squares]
        hard_nme, hard_sure = np.concatenate(hard, axis=1)
        _, beside = _predict(model, patches, [_corner(p, rng) for p in patches])
        bands = np.digitize(np.append(sure, hard_sure), _BANDS[1:-1])
        all_nme = np.append(nme, hard_nme)
        cells = [
            f"{all_nme[bands == i].mean():.1f} ({np.mean(bands == i):.0%})"
            if (bands == i).any()
            else "-"
            for i in range(len(_BANDS) - 1)
        ]
        print(
            f"{-rank_correlation(sure, nme):5.2f} "
            f"{-rank_correlation(hard_sure, hard_nme):5.2f} "
            f"{np.mean(beside < _FACELESS):8.1%}  {', '.join(cells)}  {path}"
        )
    for path, model in models.items():
        _print_points(path, *_expect(model, patches, int(_CROPS.value)))


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite ...")
