"""Whether a collection fits as a whole, by a sample of its patches: for extraction."""

from pathlib import Path

import numpy as np

from landmark import pretrained
from landmark.checking import fits, looks, whole
from landmark.dataset.report import KEPT
from landmark.face import geometry
from landmark.files.patches import read_npts
from landmark.files.photos import read_image

_PATCHES = 200  # A second's work.
_MODEL = "landmark_56/landmark.int8.tflite"


def open_quick_model(scheme):
    """Returns the shipped TfliteModel that tells quickest; None if it cannot tell.

    Args:
        scheme: Scheme of the points that it is compared with.
    """
    path = pretrained.find_pretrained(_MODEL)
    if not path.is_file():
        return None
    model = looks.open_model(path)
    return model if fits.find_comparison(scheme, model.scheme) else None


def judge_patches(folder, names, crop, pts_format, place):
    """Judges a collection by patches of it that were extracted.

    Args:
        folder: Path of the patches.
        names: of patches that are not turned.
        crop: patches.Crop, what they have in common.
        pts_format: PtsFormat by which the points were read.
        place: what the collection is called.

    Returns:
        list of str, sentences of what is wrong with all of it; none if all is well, or
        if no shipped model can tell.
    """
    chosen = np.linspace(0, len(names) - 1, min(len(names), _PATCHES)).astype(int)
    names = [names[index] for index in chosen]
    model = open_quick_model(crop.scheme) if names else None
    if model is None:
        return []
    ask, seen = looks.Question(model, crop.scheme), []
    for name in names:
        image = read_image(folder / f"{name}.png")
        points = read_npts(folder / f"{name}.npts", crop.scheme) * len(image) - 0.5
        square = geometry.without_margin(len(image), crop.margin)
        seen.append(ask(image, points, square))
    return whole.describe(seen, pts_format, place)


def judge_folders(images_dirs, rows, write_path, crop, pts_format):
    """Judges what was extracted of each folder, as `judge_patches` does.

    Args:
        images_dirs: the folders, as they were given.
        rows: list of report.ReportRow.
        write_path: Path of the patches.
        crop, pts_format: as of `judge_patches`.

    Yields:
        sentences.
    """
    for given in images_dirs:
        folder = Path(given).resolve()
        names = [
            row.patch
            for row in rows
            if row.outcome == KEPT and Path(row.photo).is_relative_to(folder)
        ]
        yield from judge_patches(write_path, names, crop, pts_format, given)
