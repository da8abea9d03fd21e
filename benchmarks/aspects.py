r"""How far models draw eyes and mouths open, by how far they are open.

Reads: a folder of patches with a margin, as extract_landmark_training_data.py makes it,
    and .tflite models. Those in --val_list, or with --with_training all of them.

Prints, for bands of the true aspect (height over width, `metrics.aspects`): the number
of faces, the mean of the true aspect and of the predicted one, and the mean error,
|predicted - true|.

    python -m benchmarks.aspects --data_path=wide pretrained/*/landmark.float.tflite
"""

import itertools
from pathlib import Path

import numpy as np
from absl import flags

from benchmarks.patches import list_sides
from landmark.face import geometry, metrics
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.progress import progress_bar

_DATA_PATH = flags.DEFINE_string(
    "data_path", None, "Folder with the patches.", required=True
)
_WITH_TRAINING = flags.DEFINE_boolean(
    "with_training",
    False,
    "Measure on the patches that train, too: few faces have their eyes closed.",
)
_BANDS = {
    "eye": (0, 0.05, 0.15, 0.25, 0.35, np.inf),
    "mouth": (0, 0.05, 0.15, 0.3, 0.6, np.inf),
}


def _predict(models, patches):
    """Returns the truth (B, 68, 2) and path -> points of the patches, crop-normalised.

    The patches are read one by one: all of them may be more than memory holds.
    """
    truth, predicted = [], {path: [] for path in models}
    for patch in progress_bar(patches, desc="predicting", unit="patch"):
        truth.append(geometry.to_crop(patch.points, patch.square))
        for path, model in models.items():
            crop = geometry.resize_patch(patch.crop, model.input_size)
            predicted[path].append(model.predict(crop[None])[0])
    return np.array(truth), {path: np.array(p) for path, p in predicted.items()}


def _print_bands(opening, true, found):
    """Prints a line for each band of an opening's aspects, (B,) twice, and of all."""
    edges = _BANDS[opening]
    band = np.digitize(true, edges[1:-1])
    masks = {
        f"{low}-{'' if high == np.inf else high}": band == index
        for index, (low, high) in enumerate(itertools.pairwise(edges))
    }
    for name, mask in (masks | {"all": np.isfinite(true)}).items():
        if mask.any():
            error = np.abs(found - true)[mask].mean()
            print(
                f"{opening:>7}  {name:>9}  {mask.sum():5d}  {true[mask].mean():6.3f}  "
                f"{found[mask].mean():9.3f}  {error:6.3f}"
            )


def main(argv):
    models = {path: TfliteModel(path) for path in argv[1:]}
    training, validation = list_sides(Path(_DATA_PATH.value))
    patches = itertools.chain(validation, training if _WITH_TRAINING.value else ())
    truth, predicted = _predict(models, patches)
    true = metrics.aspects(truth)
    for path, points in predicted.items():
        print(f"opening       true  faces    mean  predicted   error  {path}")
        for opening, found in metrics.aspects(points).items():
            _print_bands(opening, true[opening], found)


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite ...")
