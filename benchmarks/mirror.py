r"""Whether mirrored copies fit the annotation of a collection, and how models lean.

Reads: a folder of patches with a margin, as extract_landmark_training_data.py makes it,
    and .tflite models.

The model finds the points of each patch and of its mirror image. Their mean, mirrored
back, leans to neither side of the picture, whatever the model was trained on. Where the
annotation lies to one side of it throughout, mirrored copies (--augment_flip)
contradict the others, and the model learns the middle of the two. Prints by how much it
does, for each collection (the name of a patch up to the first -) and size of face:
towards larger x, in pixels of the patch with the standard error, and in % of the
distance of the eye corners.

A model that has learnt such annotation leans as it does. On the patches in --val_list,
prints by how much its points lie to larger x than that mean, in % of the distance of
the eye corners, with the standard error and the deviation from face to face.

    python -m benchmarks.mirror --data_path=wide \
        pretrained/landmark_{56,112}/landmark.float.tflite
"""

import itertools
from pathlib import Path

import numpy as np
from absl import flags

from benchmarks.patches import list_sides
from landmark.face import geometry, metrics
from landmark.files import disk
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.progress import progress_bar

_DATA_PATH = flags.DEFINE_string(
    "data_path", None, "Folder with the patches.", required=True
)
_SIZES = (0, 160, 230, 280, np.inf)  # Of the crop, in pixels.


def _lean(model, patch):
    """Returns by how many pixels x is larger than by a model that leans to no side.

    Returns:
        that of the annotation, and of the model: means over the points.
    """

    def predict(crop):
        return model.predict(geometry.resize_patch(crop, model.input_size)[None])[0]

    crop = patch.crop
    found = predict(crop)
    middle = (found + geometry.flip_points(predict(geometry.flip_patch(crop)))) / 2
    truth = geometry.to_crop(patch.points, patch.square)
    leans = [(points - middle)[:, 0].mean() for points in (truth, found)]
    return np.array(leans) * patch.square.side


def _print_annotation(rows):
    """Prints a line for (collection, size) -> [(pixels, %)]."""
    print("  faces  crop px     dx px    +-     dx %  collection")
    for (collection, size), values in sorted(rows.items()):
        (pixels, percent), deviation = np.mean(values, 0), np.std(values, 0)[0]
        error = deviation / len(values) ** 0.5
        sizes = f"{_SIZES[size - 1]}-{_SIZES[size]}"
        print(
            f"{len(values):7d}  {sizes:>7}  {pixels:8.2f}  {error:4.2f}  {percent:7.2f}"
            f"  {collection}"
        )


def _measure(model, data_path):
    """Returns the leans of the annotation, as `_print_annotation` takes them, and of
    the model, (n,) %, on the patches that validate."""
    training, validation = list_sides(data_path)
    sides = itertools.chain(
        ((patch, False) for patch in training), ((patch, True) for patch in validation)
    )
    rows, own = {}, []
    total = len(disk.list_files(data_path, (".png",)))
    for patch, validates in progress_bar(
        sides, desc="mirroring", unit="patch", total=total
    ):
        size = np.searchsorted(_SIZES, patch.square.side, side="right")
        annotated, of_model = _lean(model, patch)
        to_percent = 100 / metrics.normaliser(patch.points)
        key = patch.name.partition("-")[0], size
        rows.setdefault(key, []).append((annotated, annotated * to_percent))
        if validates:
            own.append(of_model * to_percent)
    return rows, np.array(own)


def main(argv):
    lines = []
    for path in argv[1:]:
        rows, own = _measure(TfliteModel(path), Path(_DATA_PATH.value))
        _print_annotation(rows)
        error = own.std() / len(own) ** 0.5
        lines.append(
            f"{len(own):7d}  {own.mean():6.2f}  {error:4.2f}  {own.std():9.2f}  {path}"
        )
    print("  faces    dx %    +-  deviation  model")
    print("\n".join(lines))


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite ...")
