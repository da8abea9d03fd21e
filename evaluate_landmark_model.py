r"""Evaluates every model below a folder on a record file.

Reads: folders with train_setting.txt and checkpoints, of which the newest is taken, and
    .tflite models; a record file.
Writes, of each model, into its folder (of a .tflite: into a folder of its name):
    metrics.json             all figures
    err.csv                  absolute error of each coordinate of each patch, their mean
                             in crop units (error), and over inter-ocular (nme)
    ced.png                  its error curve
    mosaic_all_001.jpg...    every patch; mosaic_best.jpg, mosaic_worst.jpg: 100 each
and of all, into models_dir:
    eval.txt                 folder, checkpoint or .tflite, mean error: a line each
    ced.png                  the error curves of the best
In the mosaics truth is green, prediction red; the error is in crop units.

    python evaluate_landmark_model.py --tfrecord=patches.56.val.tfrecord \
        --models_dir=runs
"""

from pathlib import Path

from absl import flags

from landmark.face import metrics
from landmark.files import disk
from landmark.model import locate
from landmark.pictures import curves, evaluation
from landmark.pretrained import find_pretrained
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr
from landmark.script.words import count, format_table

with cli.flag_group("What it reads and writes"):
    _TFRECORD = flags.DEFINE_string(
        "tfrecord", None, "Records to evaluate on.", required=True
    )
    _MODELS_DIR = flags.DEFINE_string(
        "models_dir", None, "Folder below which the models lie.", required=True
    )
    _WRITE_DIR = flags.DEFINE_string(
        "write_dir",
        None,
        "Folder for all that is written, with the folders of the models below it; "
        "beside the models if not given.",
    )
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


def _find_models(models_dir):
    """Returns name -> path: folders with checkpoints, and .tflite files."""
    from landmark.detection.choose import TFLITE_NAME

    found = locate.find_models(models_dir, with_tflite=True)
    found = [path for path in found if path.name != TFLITE_NAME]
    return {_name_below(models_dir, path): path for path in found}


def _name_below(models_dir, path):
    """Returns the path below models_dir, or the name of that folder for itself."""
    name = str(path.relative_to(models_dir))
    return models_dir.resolve().name if name == "." else name


def _open_model(path):
    """Returns (model, name of its checkpoint or .tflite, whether it sees colour)."""
    if path.suffix == ".tflite":
        from landmark.model.tflite import TfliteModel

        model = TfliteModel(path)
        return model, path.name, model.is_color
    from landmark.model.checkpoint import CheckpointModel

    model = CheckpointModel(path)
    return model, Path(model.checkpoint).name, model.settings.is_color


def _output_folder(models_dir, path):
    """Returns where the files of a model go."""
    folder = path
    if path.suffix == ".tflite":
        folder = path.with_suffix("")
        if locate.newest_checkpoint(folder):  # The results there are of that model.
            folder = path.with_name(f"{path.stem}-tflite")
    if _WRITE_DIR.value:
        return Path(_WRITE_DIR.value, folder.relative_to(models_dir))
    return folder


def _is_pretrained(folder):
    """Whether a folder is of the pretrained models, whose figures come with them."""
    return folder.resolve().is_relative_to(find_pretrained().resolve())


def _evaluate(name, path, folder, patches, truth, names):
    """Evaluates one model and writes its files; returns (metrics, NME of each face)."""
    model, checkpoint, is_color = _open_model(path)
    try:
        if model.input_size != patches.shape[1]:
            raise InputError(
                f"{path}: expected records of {model.input_size} pixels, found "
                f"{patches.shape[1]} pixels in {_TFRECORD.value}"
            )
        predicted = model.predict(patches)
    finally:
        model.close()
    summary = {
        "checkpoint": checkpoint,
        "tfrecord": _TFRECORD.value,
        **metrics.summarize(predicted, truth),
    }
    evaluation.write_evaluation(
        folder, name, names, patches, predicted, truth, is_color
    )
    if not _is_pretrained(folder):
        evaluation.write_metrics(folder, summary)
    return summary, metrics.face_errors(predicted, truth)[1]


def _print_table(summaries):
    """Prints the figures of the models, name -> metrics, which come sorted by error."""
    rows = [
        [
            *(
                f"{summary[figure] * factor:.{2 if factor > 1 else 6}f}"
                for figure, factor in _TABLE.values()
            ),
            name,
        ]
        for name, summary in summaries.items()
    ]
    print(format_table([*_TABLE, "model"], rows))


def _evaluate_all(models_dir, models):
    """Evaluates models, name -> path; returns summaries, NMEs and what failed."""
    with quiet_stderr():
        from landmark.dataset import pipeline

    patches, truth, names = pipeline.read_samples(_TFRECORD.value)
    summaries, nmes, failed = {}, {}, []
    for name, path in progress_bar(models.items(), desc="evaluating", unit="model"):
        folder = _output_folder(models_dir, path)
        try:
            summaries[name], nmes[name] = _evaluate(
                name, path, folder, patches, truth, names
            )
        except InputError as error:
            failed.append(str(error))
    ordered = sorted(summaries.items(), key=lambda item: item[1]["error_crop"])
    return dict(ordered), nmes, failed


def main(argv):
    disk.require_file(_TFRECORD.value)
    models_dir = disk.require_folder(_MODELS_DIR.value)
    models = _find_models(models_dir)
    summaries, nmes, failed = _evaluate_all(models_dir, models)
    for sentence in failed:
        print(f"failed {sentence}")
    if not summaries:
        raise InputError(
            f"{models_dir}: expected a model to evaluate, found that all failed"
        )
    lines = []
    for name, summary in summaries.items():
        path = models[name]
        folder = path.parent if path.suffix == ".tflite" else path
        folder = _name_below(models_dir, folder)
        lines.append(
            f"{folder}\t{summary['checkpoint']}\t{summary['error_crop']:.6f}\n"
        )
    write_dir = Path(_WRITE_DIR.value or models_dir)
    disk.write_text(write_dir / "eval.txt", "".join(lines))
    curves.write_ced(write_dir / "ced.png", nmes)
    _print_table(summaries)
    patches = count(len(next(iter(nmes.values()))), "patch", "patches")
    print(f"{patches} of {_TFRECORD.value}; error in crop units, NME in %")
    if _is_pretrained(write_dir):
        print("metrics.json of pretrained models stays; --write_dir=... has it written")
    print(f"Wrote {write_dir}/eval.txt, {write_dir}/ced.png, and mosaics of each model")
    return cli.PASSED_OVER if failed else 0


if __name__ == "__main__":
    cli.run(main)
