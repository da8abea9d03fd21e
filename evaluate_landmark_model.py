r"""Evaluates every model below a folder on a record file.

Reads: folders with train_setting.txt and checkpoints, of which the newest is taken, and
    .tflite models; a record file.
Writes, of each model, into its folder (of a .tflite: into a folder of its name):
    metrics.json             all figures
    err.csv                  absolute error of each coordinate of each patch, their mean
                             in crop units (error), and normalised (nme)
    ced.png                  its error curve
    mosaic_all_001.jpg...    every patch; mosaic_best.jpg, mosaic_worst.jpg: 100 each
and of all, into models_dir:
    eval.txt                 folder, checkpoint or .tflite, mean error: a line each
    eval.md, eval.tex        the table that is printed, in Markdown and LaTeX
    ced.png                  the error curves of the best
In the mosaics truth is green, prediction red; the error is in crop units. The same
command goes on after a run that was cut short, with the models that are left.

    python evaluate_landmark_model.py --tfrecord=patches.56.val.tfrecord \
        --models_dir=runs
"""

import contextlib
import errno
import math
import os
from pathlib import Path

import numpy as np
from absl import flags

from landmark.dataset.shards import list_shards
from landmark.dataset.subsets import choose_subsets, parse_subsets
from landmark.face import metrics
from landmark.face.scheme import IBUG68, find_scheme
from landmark.files import disk
from landmark.model import locate
from landmark.model.identity import hash_model
from landmark.pictures import curves, evaluation, tables
from landmark.pretrained import find_pretrained
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr
from landmark.script.words import count

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
    _AS_SCHEME = flags.DEFINE_string(
        "as_scheme",
        None,
        "Scheme that models and records are both measured in, by the conversions of "
        "theirs; that of the records if not given, which the models must have then.",
    )

with cli.flag_group("What is measured"):
    _NORMALISER = flags.DEFINE_string(
        "normaliser",
        None,
        "What errors are divided by, instead of the scheme's first: inter_pupil (or "
        "what it has), box (root of the area of the points' box, as for AFLW2000), "
        "diagonal (that box's, as for Menpo), or a pair of points, 36-45, from 0.",
    )
    _SUBSETS = flags.DEFINE_list(
        "subsets",
        [],
        "Subsets that get a column with their NME, by the collections with which the "
        "names of their patches begin: common:helen+lfpw,challenging:ibug. "
        "ibug alone is a subset, too; so is a list of names, hard:names.txt.",
    )


def _find_models(models_dir):
    """Returns name -> path: folders with checkpoints, and .tflite files."""
    from landmark.detection.choose import TFLITE_NAME

    found = locate.find_models(models_dir, with_tflite=True)
    found = [path for path in found if path.name != TFLITE_NAME]
    if not found:
        raise InputError(
            f"{models_dir}: expected landmark models, found only face detectors"
        )
    return {_name_below(models_dir, path): path for path in found}


def _sort_out(models):
    """Returns (models that may be some, what is no model in a sentence each)."""
    some, failed = {}, []
    for name, path in models.items():
        try:
            if path.suffix.lower() == ".tflite":
                locate.check_tflite(path)
            some[name] = path
        except (InputError, OSError) as error:
            failed.append(str(error))
    return some, failed


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


def _convert(points, scheme, target, place):
    """Returns points of a scheme as those of the target, or refuses to."""
    if _AS_SCHEME.value is None and scheme != target:
        raise InputError(
            f"{place}: expected points of scheme {target}, as the records have, found "
            f"{scheme}; --as_scheme measures both in a scheme that they convert to"
        )
    try:
        return scheme.convert(points, target)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _evaluate(name, path, folder, samples, scheme, subsets):
    """Evaluates one model and writes its files.

    Args:
        name, path: of the model.
        folder: for its files.
        samples: (patches, truth, names); truth is of `scheme`.
        scheme: that is measured.
        subsets: name -> (B,) bool.

    Returns:
        (metrics, NMEs, list of float, of the faces that have one); JSON can hold them.
    """
    (patches, truth, names), normaliser = samples, _NORMALISER.value
    model, checkpoint, is_color = _open_model(path)
    try:
        if model.input_size != patches.shape[1]:
            raise InputError(
                f"{path}: expected records of {model.input_size} pixels, found "
                f"{patches.shape[1]} pixels in {_TFRECORD.value}"
            )
        predicted = _convert(model.predict(patches), model.scheme, scheme, path)
    finally:
        model.close()
    summary = {
        "checkpoint": checkpoint,
        "tfrecord": _TFRECORD.value,
        **metrics.summarize(predicted, truth, scheme, normaliser),
    }
    if subsets:
        summary["subsets"] = tables.summarize_subsets(
            predicted, truth, subsets, scheme, normaliser
        )
    evaluation.write_evaluation(
        folder, name, names, patches, predicted, truth, is_color, scheme, normaliser
    )
    if not _is_pretrained(folder):
        evaluation.write_metrics(folder, summary)
    nme = metrics.face_errors(predicted, truth, scheme, normaliser)[1]
    return summary, nme[~np.isnan(nme)].tolist()


def _print_what_was_measured(summary, scheme):
    """Says on what the figures are, and what is left out of them."""
    patches = count(summary["samples"], "patch", "patches")
    of_scheme = "" if scheme == IBUG68 else f" as {scheme}"
    main = _NORMALISER.value or scheme.normaliser
    unit = "NME" if main == IBUG68.normaliser else f"NME of {main}"
    print(
        f"{patches} of {_TFRECORD.value}{of_scheme}; error in crop units, {unit} in %"
    )
    sizes = [
        f"{name} {summary['subsets'][name]['samples']}"
        for name in parse_subsets(_SUBSETS.value)
    ]
    if sizes:
        print(f"NME of subsets, patches: {', '.join(sizes)}")
    if summary["points_missing"]:
        total = summary["samples"] * scheme.num_points
        print(
            f"{summary['points_missing']} of {total} points are missing and count "
            f"nowhere; {count(summary['samples_without_nme'], 'patch', 'patches')} "
            "without a point that normalises have no NME"
        )


def _read_samples():
    """Returns (patches, truth, names) of the records, and the scheme to measure in."""
    with quiet_stderr():
        from landmark.dataset import pipeline, records

    patches, truth, names = pipeline.read_samples(_TFRECORD.value)
    scheme = records.read_header(_TFRECORD.value).scheme
    target = find_scheme(_AS_SCHEME.value) if _AS_SCHEME.value else scheme
    truth = _convert(truth, scheme, target, _TFRECORD.value)
    return (patches, truth, names), target


def _open_journal(write_dir, models, scheme):
    """Returns the Journal of an evaluation of models, name -> path."""
    told = [os.stat(path) for path in list_shards(_TFRECORD.value)]
    work = {
        "tfrecord": [
            _TFRECORD.value,
            *((file.st_size, file.st_mtime_ns) for file in told),
        ],
        "as_scheme": _AS_SCHEME.value,
        "measured": [_NORMALISER.value, _SUBSETS.value],
        "models": {name: hash_model(path) for name, path in models.items()},
    }
    columns = tables.name_figures(scheme, _NORMALISER.value)
    figures = [figure for figure, _ in columns.values()]
    journal = evaluation.open_journal(write_dir, work, figures)
    if journal.done:
        print(f"Going on after {count(len(journal.done), 'model')}")
    return journal


def _evaluate_rest(models_dir, models, samples, scheme, subsets, journal):
    """Evaluates the models that are not in the journal, and adds them.

    Returns:
        name -> (metrics, NMEs) of all; what failed, in sentences.
    """
    done = {name: told for name, *told in journal.done}
    failed = []
    for name, path in progress_bar(models.items(), desc="evaluating", unit="model"):
        if name in done:
            continue
        folder = _output_folder(models_dir, path)
        disk.remove_leftovers(folder)
        try:
            done[name] = _evaluate(name, path, folder, samples, scheme, subsets)
        except (InputError, OSError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise  # No other model would do better; the next run goes on.
            failed.append(str(error))
        else:
            journal.add([name, *done[name]])
    return {name: done[name] for name in models if name in done}, failed


def _evaluate_all(models_dir, models, write_dir):
    """Evaluates models, name -> path.

    Returns:
        name -> metrics, sorted by error; name -> NMEs; what failed, in sentences; the
        scheme that was measured.
    """
    models, failed = _sort_out(models)
    if not models:
        return {}, {}, failed, None
    samples, scheme = _read_samples()
    if _NORMALISER.value:
        metrics.check_normaliser(_NORMALISER.value, scheme)
    subsets = choose_subsets(samples[2], parse_subsets(_SUBSETS.value))
    write_dir.mkdir(parents=True, exist_ok=True)
    with disk.lock(write_dir, "evaluation"):
        journal = _open_journal(write_dir, models, scheme)
        with contextlib.closing(journal):
            done, misfits = _evaluate_rest(
                models_dir, models, samples, scheme, subsets, journal
            )
        journal.finish()
    summaries = {name: summary for name, (summary, _) in done.items()}
    ordered = sorted(
        summaries.items(), key=lambda item: item[1]["error_crop"] or math.inf
    )
    nmes = {name: np.array(told) for name, (_, told) in done.items()}
    return dict(ordered), nmes, failed + misfits, scheme


def main(argv):
    list_shards(_TFRECORD.value)
    models_dir = disk.require_folder(_MODELS_DIR.value)
    locate.check_folder(_WRITE_DIR.value or models_dir)
    models = _find_models(models_dir)
    parse_subsets(_SUBSETS.value)
    if _AS_SCHEME.value:
        find_scheme(_AS_SCHEME.value)
    write_dir = Path(_WRITE_DIR.value or models_dir)
    summaries, nmes, failed, scheme = _evaluate_all(models_dir, models, write_dir)
    for sentence in failed:
        print(f"failed {sentence}")
    if failed:
        print(f"{len(failed)} of {count(len(models), 'model')} failed")
    if not summaries:
        raise InputError(
            f"{models_dir}: expected a model to evaluate, found that all failed"
        )
    lines = []
    for name, summary in summaries.items():
        path = models[name]
        folder = path.parent if path.suffix == ".tflite" else path
        folder = _name_below(models_dir, folder)
        error = math.nan if summary["error_crop"] is None else summary["error_crop"]
        lines.append(f"{folder}\t{summary['checkpoint']}\t{error:.6f}\n")
    disk.write_text(write_dir / "eval.txt", "".join(lines))
    normaliser = _NORMALISER.value or scheme.normaliser
    curves.write_ced(write_dir / "ced.png", nmes, normaliser)
    columns = tables.name_figures(scheme, normaliser)
    table = tables.tabulate(summaries, columns, parse_subsets(_SUBSETS.value))
    print(tables.write_tables(write_dir, *table))
    _print_what_was_measured(next(iter(summaries.values())), scheme)
    if _is_pretrained(write_dir):
        print("metrics.json of pretrained models stays; --write_dir=... has it written")
    print(f"Wrote {write_dir}/eval.txt, .md, .tex, ced.png, and mosaics of each model")
    return cli.PASSED_OVER if failed else 0


if __name__ == "__main__":
    cli.run(main)
