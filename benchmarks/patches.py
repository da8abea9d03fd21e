"""Faces with the margin around their crop, as the benchmarks see them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import flags

from landmark.dataset import split
from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.files import disk
from landmark.files.patches import read_crop, read_npts
from landmark.files.photos import read_image
from landmark.script.errors import InputError

VAL_LIST = flags.DEFINE_string(
    "val_list",
    str(Path(__file__).with_name("300w_validation.txt")),
    "Text file with the names of the patches that validate; those of 300-W on which no "
    "pretrained model was trained, unless given.",
)


class Patch(NamedTuple):
    """A face with a margin around its crop.

    Attributes:
        name: that of its files, COLLECTION-PHOTO.
        image: (W, W, 3) uint8 RGB.
        square: the crop within the image, a geometry.Square.
        points: (68, 2) float64, the truth, in pixels of the image from 0.
    """

    name: str
    image: np.ndarray
    square: geometry.Square
    points: np.ndarray

    @property
    def crop(self):
        """The image without the margin, (side, side, 3)."""
        return geometry.crop_image(self.image, self.square)

    def mirrored(self):
        """Returns the patch as a mirror shows it."""
        width = len(self.image)
        points = (self.points * (-1, 1) + (width - 1, 0))[IBUG68.mirror]
        image = np.ascontiguousarray(self.image[:, ::-1])
        return Patch(self.name, image, self.square, points)


def _read_patch(data_path, name, margin):
    image = read_image(data_path / f"{name}.png")
    points = read_npts(data_path / f"{name}.npts") * len(image) - 0.5
    return Patch(name, image, geometry.without_margin(len(image), margin), points)


def list_sides(data_path):
    """Splits a folder of patches as --val_list says.

    Args:
        data_path: Path of what extract_landmark_training_data.py wrote.

    Returns:
        two iterators of Patch: of training, of validation.

    Raises:
        InputError: the patches have no margin, or none of them is in the list.
    """
    margin = read_crop(data_path).margin
    if not margin:
        raise InputError(
            f"{data_path}: expected patches with a margin, found none; extract with "
            "--margin=0.3"
        )
    names = [path.stem for path in disk.list_files(data_path, (".png",))]
    sides = split.split_by_list(names, VAL_LIST.value)
    return tuple(
        (_read_patch(data_path, name, margin) for name in side) for side in sides
    )
