"""What evaluation writes of a model: figures, errors, curve, mosaics."""

import json
from pathlib import Path

import numpy as np

from landmark.face import metrics
from landmark.face.scheme import IBUG68
from landmark.files import disk
from landmark.files.journal import Journal
from landmark.files.photos import write_image
from landmark.pictures import curves, mosaic
from landmark.script.errors import InputError

METRICS_NAME = "metrics.json"
_TILES = 100  # in a mosaic
_COLUMNS = 10
_JOURNAL = ".evaluation.jsonl"


def write_evaluation(
    folder,
    title,
    names,
    patches,
    predicted,
    truth,
    is_color=True,
    scheme=IBUG68,
    normaliser=None,
):
    """Writes err.csv, ced.png and the mosaics of one model.

    Args:
        folder: Path, made if need be.
        title: of the model, in the curve.
        names: of the B patches, str.
        patches: (B, N, N, 3) uint8 RGB.
        predicted, truth: (B, P, 2) float, crop-normalised; truth is nan where a point
            is missing.
        is_color: what the model sees; a grey model's mosaics are grey.
        scheme: Scheme of the points.
        normaliser: of the errors; the scheme's if not given.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    errors, nme = metrics.face_errors(predicted, truth, scheme, normaliser)
    _write_err_csv(folder / "err.csv", names, predicted - truth, errors, nme)
    known, normaliser = nme[~np.isnan(nme)], normaliser or scheme.normaliser
    curves.write_ced(folder / "ced.png", {title: known}, normaliser)
    for old in folder.glob("mosaic_*.jpg"):
        old.unlink()

    def write_mosaic(name, indices):
        tiles = [
            mosaic.draw_prediction(
                patches[i], predicted[i], truth[i], names[i], errors[i], is_color
            )
            for i in indices
        ]
        image = mosaic.tile_images(tiles, _COLUMNS)
        write_image(folder / f"mosaic_{name}.jpg", image)

    for page, start in enumerate(range(0, len(patches), _TILES), start=1):
        stop = min(start + _TILES, len(patches))
        write_mosaic(f"all_{page:03d}", range(start, stop))
    order = np.argsort(errors)[: np.isfinite(errors).sum()]  # What is nan comes last.
    write_mosaic("best", order[:_TILES])
    write_mosaic("worst", order[::-1][:_TILES])


def write_metrics(folder, summary):
    """Writes metrics.json into a folder; summary: what JSON can hold."""
    disk.write_text(Path(folder, METRICS_NAME), json.dumps(summary, indent=2) + "\n")


def open_journal(folder, work, figures):
    """Returns the Journal of an evaluation of several models.

    Its items are [name, metrics, NMEs as a list] of models that are done.

    Args:
        folder: Path, into which is written what is of all models.
        work: what JSON can hold: all that decides the metrics.
        figures: names of those that are told of all, which are numbers or None.

    Raises:
        InputError: another file stands in its place.
    """
    path = folder / _JOURNAL
    journal = Journal(path, work)
    if not all(_is_item(item, figures) for item in journal.done):
        raise InputError(
            f"{path}: expected a journal of evaluation, found another line; remove it "
            "to start over"
        )
    return journal


def _is_figure(value):
    return isinstance(value, int | float) and abs(value) < 1e9


def _is_item(item, figures):
    match item:
        case [
            str(),
            {
                "checkpoint": str(),
                "samples": int(),
                "samples_without_nme": int(),
                "points_missing": int(),
                **summary,
            },
            list(nmes),
        ]:
            told = [summary.get(figure, "") for figure in figures]
            subsets = summary.get("subsets", {})
            if not isinstance(subsets, dict):
                return False
            for subset in subsets.values():
                if not isinstance(subset, dict):
                    return False
                told += [subset.get(figure, "") for figure in ("samples", *figures)]
            are_told = all(value is None or _is_figure(value) for value in told)
            return are_told and all(isinstance(nme, float) for nme in nmes)
    return False


def _write_err_csv(path, names, differences, errors, nme):
    """Writes |error| of each coordinate in crop units, a row for each patch.

    What is not known, since a point is missing, stays empty.

    Args:
        differences: (B, P, 2) float, predicted - truth.
        errors, nme: (B,) float, the last two columns: each patch's mean error in crop
            units, and over the normaliser.
    """
    num_points = differences.shape[1]
    coordinates = [f"{axis}{i}" for i in range(num_points) for axis in "xy"]
    absolute = np.abs(differences).reshape(len(names), -1)
    table = np.column_stack([absolute, errors, nme])
    rows = (
        [name, *("" if np.isnan(error) else f"{error:.6f}" for error in row)]
        for name, row in zip(names, table, strict=True)
    )
    disk.write_csv(path, ["name", *coordinates, "error", "nme"], rows)
