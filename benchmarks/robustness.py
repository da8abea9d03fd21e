r"""How models stand boxes that err and pictures that are not good: NME of each in %.

Reads: a folder of patches with a margin, as extract_landmark_training_data.py makes it
    (those in --val_list), and .tflite models.

    python -m benchmarks.robustness --data_path=wide pretrained/*/*.tflite
"""

import itertools
from pathlib import Path

import cv2
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


def _move(patch, right, down, scale):
    """Returns the crop of a moved and scaled box, and the points in it."""
    square = geometry.move_square(patch.square, right, down, scale)
    crop = geometry.crop_image(patch.image, square)
    return crop, geometry.to_crop(patch.points, square)


def _boxes(shift, scale):
    """Boxes shifted in x and in y, and scaled, to all sides."""

    def change(patch, rng):
        sides = itertools.product((-shift, shift), (-shift, shift), (-scale, scale))
        return [_move(patch, right, down, 1 + zoom) for right, down, zoom in set(sides)]

    return change


def _turn(patch, rng):
    """The face turned by 20 degrees, either way."""
    points = geometry.to_crop(patch.points, patch.square)
    return [
        (
            geometry.crop_rotated(patch.image, patch.square, degrees),
            geometry.rotate_points(points, degrees),
        )
        for degrees in (-20, 20)
    ]


def _picture(change_image):
    """The plain box, its picture changed: (112, 112, 3) float 0..255 -> the same."""

    def change(patch, rng):
        small = geometry.resize_patch(patch.crop, 112).astype(float)
        changed = np.clip(np.rint(change_image(small, rng)), 0, 255).astype(np.uint8)
        return [(changed, geometry.to_crop(patch.points, patch.square))]

    return change


def _cover(image, rng):
    """Hides a square of 0.35 of the crop's side."""
    side = len(image)
    width = round(0.35 * side)
    row, column = rng.integers(0, side - width, 2)
    covered = image.copy()
    covered[row : row + width, column : column + width] = rng.uniform(0, 255, 3)
    return covered


def _shrink(image, rng):
    """Shows what a face of 28 pixels looks like when it is enlarged."""
    small = cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[:2], interpolation=cv2.INTER_LINEAR)


def _compress(image, rng):
    quality = [cv2.IMWRITE_JPEG_QUALITY, 15]
    _, coded = cv2.imencode(".jpg", image[..., ::-1].astype(np.uint8), quality)
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]


_CHANGES = {
    "plain": _boxes(0, 0),
    "shift": _boxes(0.1, 0),
    "scale": _boxes(0, 0.1),
    "both": _boxes(0.1, 0.1),
    "turn": _turn,
    "dark": _picture(lambda image, rng: 0.25 * image),
    "pale": _picture(lambda image, rng: 128 + 0.3 * (image - image.mean())),
    "cast": _picture(lambda image, rng: image * (1.3, 1.0, 0.5)),
    "grey": _picture(lambda image, rng: image.mean(-1, keepdims=True) + 0 * image),
    "small": _picture(_shrink),
    "noise": _picture(lambda image, rng: image + rng.normal(0, 25, image.shape)),
    "jpeg": _picture(_compress),
    "cover": _picture(_cover),
}


def _error(model, faces):
    """Returns the mean NME in % of (crop, crop-normalised points)."""
    crops = [geometry.resize_patch(crop, model.input_size) for crop, _ in faces]
    predicted = model.predict(np.array(crops))
    _, nme = metrics.face_errors(predicted, np.array([points for _, points in faces]))
    return 100 * nme.mean()


def main(argv):
    paths = [Path(path) for path in argv[1:]]
    models = [TfliteModel(path) for path in paths]
    _, validation = list_sides(Path(_DATA_PATH.value))
    patches = list(validation)
    table = np.zeros((len(models), len(_CHANGES)))
    for column, change in enumerate(progress_bar(_CHANGES.values(), unit="change")):
        rng = np.random.default_rng(0)
        faces = [face for patch in patches for face in change(patch, rng)]
        table[:, column] = [_error(model, faces) for model in models]
    print(*(f"{name:>6}" for name in _CHANGES), " model")
    for path, row in zip(paths, table, strict=True):
        print(*(f"{value:6.2f}" for value in row), f" {path}")


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite ...")
