r"""Whether mirrored copies fit the annotation of a collection.

Reads: a folder of patches with a margin, as extract_landmark_training_data.py makes it,
    and a .tflite model.

The model finds the points of each patch and of its mirror image. Their mean, mirrored
back, leans to neither side of the picture, whatever the model was trained on. Where the
annotation lies to one side of it throughout, mirrored copies (--augment_flip)
contradict the others, and the model learns the middle of the two. Prints by how much it
does, for each collection (the name of a patch up to the first -) and size of face:
towards larger x, in pixels of the patch with the standard error, and in % of the
distance of the eye corners.

    python -m benchmarks.mirror --data_path=wide \
        pretrained/landmark_112/landmark.float.tflite
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
    """Returns by how many pixels x is larger in the annotation than by the model."""

    def predict(crop):
        return model.predict(geometry.resize_patch(crop, model.input_size)[None])[0]

    crop = patch.crop
    mirrored = geometry.flip_points(predict(geometry.flip_patch(crop)))
    found = (predict(crop) + mirrored) / 2
    truth = geometry.to_crop(patch.points, patch.square)
    return (truth - found)[:, 0].mean() * patch.square.side


def main(argv):
    model, data_path, rows = TfliteModel(argv[1]), Path(_DATA_PATH.value), {}
    patches = itertools.chain(*list_sides(data_path))
    total = len(disk.list_files(data_path, (".png",)))
    for patch in progress_bar(patches, desc="mirroring", unit="patch", total=total):
        size = np.searchsorted(_SIZES, patch.square.side, side="right")
        collection = patch.name.partition("-")[0]
        lean = _lean(model, patch)
        percent = 100 * lean / metrics.normaliser(patch.points)
        rows.setdefault((collection, size), []).append((lean, percent))
    print("  faces  crop px     dx px    +-     dx %  collection")
    for (collection, size), values in sorted(rows.items()):
        (pixels, percent), deviation = np.mean(values, 0), np.std(values, 0)[0]
        error = deviation / len(values) ** 0.5
        sizes = f"{_SIZES[size - 1]}-{_SIZES[size]}"
        print(
            f"{len(values):7d}  {sizes:>7}  {pixels:8.2f}  {error:4.2f}  {percent:7.2f}"
            f"  {collection}"
        )


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite")
