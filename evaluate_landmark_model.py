r"""Evaluates every model below a folder on a record file.

Reads: folders with train_setting.txt and checkpoints; a record file.
Writes:
    models_dir/eval.txt          folder, checkpoint, mean error: a line for each model
    models_dir/ced.png           the error curves of all models
    MODEL/metrics.json           all figures
    MODEL/err.csv                absolute error of each coordinate of each patch
    MODEL/ced.png                its error curve
    MODEL/mosaic_all_001.jpg...  every patch; mosaic_best.jpg, mosaic_worst.jpg: 100
    each
In the mosaics truth is green, prediction red; the caption is the error in crop units.

    python evaluate_landmark_model.py --tfrecord=patches.56.val.tfrecord
    --models_dir=runs
"""

import json
from pathlib import Path

import numpy as np
from absl import flags

from landmark.face import metrics
from landmark.face import points as ibug
from landmark.files import disk
from landmark.files.photos import write_image
from landmark.pictures import curves, mosaic
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr

_TFRECORD = flags.DEFINE_string(
    "tfrecord", None, "Records to evaluate on.", required=True
)
_MODELS_DIR = flags.DEFINE_string(
    "models_dir", None, "Folder below which the models lie.", required=True
)
_TILES = 100  # in a mosaic
_COLUMNS = 10
# Of the table on the terminal: heading -> figure of metrics.json, factor.
_TABLE = {
    "error": ("error_crop", 1),
    "NME%": ("nme_inter_ocular", 100),
    "pupil%": ("nme_inter_pupil", 100),
    "FR@.08%": ("failure_rate_0.08", 100),
    "FR@.10%": ("failure_rate_0.10", 100),
    "AUC@.08": ("auc_0.08", 1),
    "AUC@.10": ("auc_0.10", 1),
}


def _write_mosaics(folder, patches, predicted, truth, errors):
    """Writes the mosaics of one model; errors: (B,) mean crop error of each patch."""
    for old in folder.glob("mosaic_*.jpg"):
        old.unlink()

    def write(name, indices):
        tiles = [
            mosaic.draw_prediction(
                patches[i], predicted[i], truth[i], caption=f"{errors[i]:.4f}"
            )
            for i in indices
        ]
        image = mosaic.tile_images(tiles, _COLUMNS)
        write_image(folder / f"mosaic_{name}.jpg", image)

    for page, start in enumerate(range(0, len(patches), _TILES), start=1):
        write(f"all_{page:03d}", range(start, min(start + _TILES, len(patches))))
    order = np.argsort(errors)
    write("best", order[:_TILES])
    write("worst", order[::-1][:_TILES])


def _write_err_csv(path, names, predicted, truth):
    """Writes |error| of each coordinate in crop units, a row for each patch."""
    coordinates = [f"{axis}{i}" for i in range(ibug.NUM_POINTS) for axis in "xy"]
    errors = np.abs(predicted - truth).reshape(len(names), -1)
    rows = (
        [name, *(f"{error:.6f}" for error in row)]
        for name, row in zip(names, errors, strict=True)
    )
    disk.write_csv(path, ["name", *coordinates], rows)


def _evaluate(folder, patches, truth, names):
    """Evaluates one model and writes its files; returns (metrics, NME of each face)."""
    from landmark.model.checkpoint import CheckpointModel

    model = CheckpointModel(folder)
    if model.input_size != patches.shape[1]:
        raise InputError(
            f"{folder}: expected records of {model.input_size} pixels, found "
            f"{patches.shape[1]} pixels in {_TFRECORD.value}"
        )
    predicted = model.predict(patches)
    model.close()
    errors, nme = metrics.face_errors(predicted, truth)
    summary = {
        "checkpoint": Path(model.checkpoint).name,
        "tfrecord": _TFRECORD.value,
        **metrics.summarize(predicted, truth),
    }
    disk.write_text(folder / "metrics.json", json.dumps(summary, indent=2) + "\n")
    _write_err_csv(folder / "err.csv", names, predicted, truth)
    curves.write_ced(folder / "ced.png", {folder.name: nme})
    _write_mosaics(folder, patches, predicted, truth, errors)
    return summary, nme


def _print_table(summaries):
    """Prints the figures of the models, name -> metrics, which come sorted by error."""
    print(*(f"{heading:>9}" for heading in _TABLE), "  model", sep="")
    for name, summary in summaries.items():
        for figure, factor in _TABLE.values():
            value = summary[figure] * factor
            print(f"{value:9.2f}" if factor > 1 else f"{value:9.6f}", end="")
        print(f"  {name}")


def main(argv):
    cli.refuse_arguments(argv)
    models_dir = Path(_MODELS_DIR.value)
    with quiet_stderr():
        from landmark.dataset import pipeline
        from landmark.model import locate
    folders = locate.find_models(models_dir)
    patches, truth, names = pipeline.read_samples(_TFRECORD.value)
    summaries, nmes, failed = {}, {}, []
    for folder in progress_bar(folders, desc="evaluating", unit="model"):
        name = str(folder.relative_to(models_dir))
        name = models_dir.resolve().name if name == "." else name
        try:
            summaries[name], nmes[name] = _evaluate(folder, patches, truth, names)
        except InputError as error:
            failed.append(str(error))
    for sentence in failed:
        print(f"failed {sentence}")
    if not summaries:
        raise InputError(
            f"{models_dir}: expected a model to evaluate, found that all failed"
        )

    summaries = dict(sorted(summaries.items(), key=lambda item: item[1]["error_crop"]))
    lines = (
        f"{n}\t{s['checkpoint']}\t{s['error_crop']:.6f}\n" for n, s in summaries.items()
    )
    disk.write_text(models_dir / "eval.txt", "".join(lines))
    curves.write_ced(models_dir / "ced.png", nmes)
    _print_table(summaries)
    print(f"{len(truth)} patches of {_TFRECORD.value}; error in crop units, NME in %")
    print(
        f"Wrote {models_dir}/eval.txt, {models_dir}/ced.png, and mosaics in each model"
    )


if __name__ == "__main__":
    cli.run(main)
