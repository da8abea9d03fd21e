r"""Compares models with dlib's regression trees and MediaPipe's face mesh.

Reads: a folder of patches with a margin, as extract_landmark_training_data.py makes it,
    and .tflite models. --val_list says which patches are not for training.
Writes, into write_dir: ert.dat, the trees (kept for the next run), comparison.csv, the
    same in Markdown and LaTeX (.md, .tex), and ced.png.

All see the same validation faces, in turn, in one process. Times are of one thread,
from the crop as the photo has it to the points; the mesh's are from the patch with its
margin and with its own detector. Trust their ratios more than their values.

    benchmarks/run.sh wide runs/benchmark pretrained/landmark_56/landmark.float.tflite
"""

import time
from pathlib import Path

import cv2
import numpy as np
from absl import flags

from benchmarks import baselines
from benchmarks.patches import list_sides
from landmark.dataset.subsets import choose_subsets, parse_subsets
from landmark.face import geometry, metrics
from landmark.face.scheme import IBUG68
from landmark.files import disk
from landmark.model.tflite import TfliteModel
from landmark.pictures import curves
from landmark.script import cli, words
from landmark.script.progress import progress_bar

_DATA_PATH = flags.DEFINE_string(
    "data_path", None, "Folder with the patches.", required=True
)
_WRITE_DIR = flags.DEFINE_string(
    "write_dir", None, "Folder for the trees, the table and the curve.", required=True
)
_NORMALISER = flags.DEFINE_string(
    "normaliser", None, "What errors are divided by, as in evaluate_landmark_model.py."
)
_SUBSETS = flags.DEFINE_list(
    "subsets", [], "Subsets that get a column with their NME, likewise."
)
_HEADER = ("NME%", "median%", "FR@.08%", "FR@.10%", "AUC@.08", "ms", "MB", "missed")


class _Tflite:
    """A landmark model on one thread."""

    def __init__(self, path):
        self._model = TfliteModel(path, num_threads=1)

    def predict(self, patch):
        crop = geometry.resize_patch(patch.crop, self._model.input_size)
        (points,) = self._model.predict(crop[None])
        return geometry.from_crop(points, patch.square)


def _measure(models, patches):
    """Runs every model on every patch, in turn.

    Returns:
        name -> (points of each patch or None, seconds of each patch).
    """
    results = {name: ([], []) for name in models}
    for patch in progress_bar(patches, desc="comparing", unit="patch"):
        for name, model in models.items():
            model.predict(patch)  # Warms the caches that the others have emptied.
            start = time.perf_counter()
            points = model.predict(patch)
            results[name][1].append(time.perf_counter() - start)
            results[name][0].append(points)
    return results


def _describe(points, seconds, patches, megabytes, subsets):
    """Returns (NME of each face that was found, a row of the table).

    Args:
        points, seconds: of the patches, from `_measure`.
        subsets: name -> (B,) bool, which of the patches.
    """
    found = np.array([point is not None for point in points])
    predicted = np.array([point for point in points if point is not None])
    truth = np.array([patch.points for patch in patches])[found]
    _, nme = metrics.face_errors(predicted, truth, name=_NORMALISER.value)
    low, high = metrics.THRESHOLDS
    return nme, [
        f"{100 * nme.mean():.2f}",
        f"{100 * np.median(nme):.2f}",
        f"{100 * metrics.failure_rate(nme, low):.2f}",
        f"{100 * metrics.failure_rate(nme, high):.2f}",
        f"{metrics.auc(nme, low):.4f}",
        f"{1000 * np.median(seconds):.2f}",
        f"{megabytes:.2f}",
        f"{(~found).sum()}",
        *(f"{100 * nme[mask[found]].mean():.2f}" for mask in subsets.values()),
    ]


def main(argv):
    for name in ("dlib", "mediapipe"):
        baselines.load(name)
    paths = [Path(path) for path in argv[1:]]
    data_path, write_dir = Path(_DATA_PATH.value), Path(_WRITE_DIR.value)
    if _NORMALISER.value:
        metrics.check_normaliser(_NORMALISER.value, IBUG68)
    train, validation = map(list, list_sides(data_path))
    asked = parse_subsets(_SUBSETS.value)
    subsets = choose_subsets([patch.name for patch in validation], asked)
    subsets = {name: subsets[name] for name in asked}
    cv2.setNumThreads(1)
    models = {f"{path.parent.name}/{path.stem}": _Tflite(path) for path in paths}
    trees = write_dir / "ert.dat"
    if not trees.exists():
        write_dir.mkdir(parents=True, exist_ok=True)
        baselines.RegressionTrees.train(train, trees)
    models["dlib ERT"] = baselines.RegressionTrees(trees)
    mesh = models["MediaPipe mesh"] = baselines.FaceMeshMap()
    print(f"The mesh saw no face in {mesh.fit(train)} of {2 * len(train)} patches")

    sizes = [path.stat().st_size / 1e6 for path in [*paths, trees]] + [mesh.megabytes]
    curves_by_name, rows = {}, []
    for (name, (points, seconds)), size in zip(
        _measure(models, validation).items(), sizes, strict=True
    ):
        curves_by_name[name], row = _describe(
            points, seconds, validation, size, subsets
        )
        rows.append([name, *row])
    header = ["model", *_HEADER, *subsets]
    disk.write_csv(write_dir / "comparison.csv", header, rows)
    disk.write_text(write_dir / "comparison.md", words.format_markdown(header, rows))
    disk.write_text(write_dir / "comparison.tex", words.format_latex(header, rows))
    normaliser = _NORMALISER.value or IBUG68.normaliser
    curves.write_ced(write_dir / "ced.png", curves_by_name, normaliser)
    print(words.format_table([*header[1:], "model"], [[*row, n] for n, *row in rows]))
    print(
        f"{len(validation)} patches of {data_path}, {len(train)} for training; "
        f"wrote {write_dir}/comparison.csv, .md, .tex and ced.png"
    )


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite ...")
