r"""What averaging the points over several crops of a face buys, and what it costs.

Reads: a folder of patches with a margin, as extract_landmark_training_data.py makes it
    (those in --val_list), and .tflite models.

Prints the NME in % with 1, 3 and 9 crops; the rank correlation (Spearman) of confidence
and error, and the median confidence; and the milliseconds of processor time of a face,
from the photo to the points.

    python -m benchmarks.crops --data_path=wide pretrained/*/landmark.int8.tflite
"""

import itertools
import time
from pathlib import Path

import numpy as np
from absl import flags

from benchmarks.patches import list_sides
from benchmarks.ranks import rank_correlation
from landmark.face import metrics
from landmark.live import crops
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.progress import progress_bar

_DATA_PATH = flags.DEFINE_string(
    "data_path", None, "Folder with the patches.", required=True
)


def _measure(model, patches):
    """Returns (NME in %, confidence, milliseconds) of each patch, by number of crops.

    The numbers take turns, so that a busy machine is as busy for each; what others do
    on it does not count.
    """
    rows = {number: [] for number in crops.NUMBERS}
    for patch, number in itertools.product(patches, crops.NUMBERS):
        start = time.process_time()
        points, spread = crops.find_points(model, patch.image, [patch.square], number)
        milliseconds = 1000 * (time.process_time() - start)
        nme = metrics.face_errors(points, patch.points[None])[1].item()
        sure = metrics.points_confidence(spread, model.sharpest_spread).item()
        rows[number].append((100 * nme, sure, milliseconds))
    return {number: np.transpose(row) for number, row in rows.items()}


def main(argv):
    models = {path: TfliteModel(path, num_threads=1) for path in argv[1:]}
    _, validation = list_sides(Path(_DATA_PATH.value))
    patches = list(validation)
    measured = {
        path: _measure(model, patches)
        for path, model in progress_bar(models.items(), desc="averaging", unit="model")
    }
    print("crops  NME%   ratio  rank  median confidence      ms  model")
    for path, rows in measured.items():
        alone = rows[1][0].mean()
        for number, (nme, sure, milliseconds) in rows.items():
            print(
                f"{number:5d} {nme.mean():5.2f}  {nme.mean() / alone:6.4f} "
                f"{-rank_correlation(sure, nme):5.2f} {np.median(sure):18.2f} "
                f"{np.median(milliseconds):7.2f}  {path}"
            )


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite ...")
