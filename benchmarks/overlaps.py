r"""Pairs of faces cheek to cheek: whether both are kept, and how good their points are.

Reads: folders of photos with .pts, of which those in --val_list count; a face detector
    and a landmark model.

Each pair is one face in its photo, and half behind it another one, about as large. NME
is in %, beside that of the same faces in their own photos.

    python -m benchmarks.overlaps --images_dirs=300w/afw,300w/helen,300w/lfpw \
        --write_image_dir=drawn
"""

import itertools
from pathlib import Path

import cv2
import numpy as np
from absl import flags

from landmark.dataset import split
from landmark.face import geometry, metrics
from landmark.files import disk
from landmark.files.patches import patch_name
from landmark.files.photos import find_photo, read_image, write_image
from landmark.files.pts import read_pts
from landmark.library import open_landmarker
from landmark.live.results import draw
from landmark.script import cli, common_flags
from landmark.script.progress import progress_bar

_IMAGES_DIRS = flags.DEFINE_list(
    "images_dirs", None, "Folders of photos.", required=True
)
_VAL_LIST = flags.DEFINE_string(
    "val_list",
    str(Path(__file__).with_name("300w_validation.txt")),
    "Names of the photos that no landmark model was trained on.",
)
_MODEL = flags.DEFINE_string(
    "model", common_flags.LANDMARK_MODEL, "Landmark model (.tflite)."
)
_DETECTOR = flags.DEFINE_string(
    "detector", common_flags.DETECTOR_DIR, "Face detector, or its folder."
)
_PAIRS = flags.DEFINE_integer("pairs", 200, "How many.")
_SEED = flags.DEFINE_integer("seed", 1, "Of the pairs.")
_WRITE_IMAGE_DIR = flags.DEFINE_string(
    "write_image_dir", None, "Folder for the pairs, drawn."
)
_FACE = 160  # Pixels: the larger side of a face's points.
_CANVAS = 3 * _FACE
_ASIDE, _ABOVE = (0.6, 1.0), 0.25  # Of the face's width and height: how far apart.
_SCALES = (0.8, 1.2)  # Of the face behind.
_RIGHT = 0.12  # NME below which a face is found.


def _place(image, points, scale, centre):
    """Returns the photo on the canvas with its face at a place, its points, its mask.

    The mask is where the head is: the hull of the points and of the forehead, which is
    as high above the brows as the mouth is below them.
    """
    box = geometry.box_from_points(points)
    zoom = scale * _FACE / max(box[2:] - box[:2])
    matrix = np.hstack([np.eye(2) * zoom, np.zeros((2, 1))])
    matrix[:, 2] = centre - zoom * (box[:2] + box[2:]) / 2
    if zoom < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / zoom)
    canvas = cv2.warpAffine(
        image, matrix, (_CANVAS, _CANVAS), borderMode=cv2.BORDER_REPLICATE
    )
    points = points @ matrix[:, :2].T + matrix[:, 2]
    brows = points[17:27]
    forehead = brows - 0.9 * (points[51] - brows.mean(axis=0))
    hull = cv2.convexHull(np.vstack([points, forehead]).astype(np.float32))
    mask = cv2.fillConvexPoly(
        np.zeros((_CANVAS, _CANVAS), np.uint8), hull.astype(np.int32), 255
    )
    return canvas, points, cv2.GaussianBlur(mask, (0, 0), 1.5)[..., None] / 255


def _compose(rng, front, back):
    """Returns a picture of two faces, and the points of each: (2, P, 2)."""
    side, aside = rng.choice([-1, 1]), rng.uniform(*_ASIDE)
    middle = np.array([_CANVAS / 2] * 2)
    apart = np.array([side * aside * _FACE, rng.uniform(-_ABOVE, _ABOVE) * _FACE])
    behind, back_points, _ = _place(*back, rng.uniform(*_SCALES), middle + apart / 2)
    before, front_points, mask = _place(*front, 1, middle - apart / 2)
    # The photo behind begins between the faces, so that its face is not cut by more
    # than the head before it.
    columns = np.arange(_CANVAS)[None, :, None]
    edge = middle[0] - side * 0.1 * _FACE
    is_behind = (columns - edge) * side > 0
    picture = np.where(is_behind, behind, before)
    picture = before * mask + picture * (1 - mask)
    return np.rint(picture).astype(np.uint8), np.stack([front_points, back_points])


def _errors(faces, truths):
    """Returns the NME of the best face for each of the truths; inf where none is."""
    errors = np.full((len(truths), len(faces)), np.inf)
    for (row, truth), (column, face) in itertools.product(
        enumerate(truths), enumerate(faces)
    ):
        errors[row, column] = metrics.face_errors(face.points_image[None], truth[None])[
            1
        ].item()
    return errors.min(axis=1, initial=np.inf)


def main(argv):
    photos = {
        patch_name(path, folder): path
        for folder in _IMAGES_DIRS.value
        for path in disk.list_files(folder, (".pts",))
    }
    _, names = split.split_by_list(list(photos), _VAL_LIST.value)
    read = [(read_image(find_photo(photos[n])), read_pts(photos[n])) for n in names]
    landmarker = open_landmarker(_MODEL.value, _DETECTOR.value)
    rng = np.random.default_rng(_SEED.value)
    alone, paired = [], []
    for index in progress_bar(range(_PAIRS.value), desc="pairs", unit="pair"):
        front, back = (read[i] for i in rng.choice(len(read), 2, replace=False))
        picture, truths = _compose(rng, front, back)
        faces = landmarker.find_faces(picture)
        paired.append(_errors(faces, truths))
        middle = np.array([_CANVAS / 2] * 2)
        single = [_place(*face, 1, middle) for face in (front, back)]
        alone.append(
            [
                _errors(landmarker.find_faces(image), points[None])[0]
                for image, points, _ in single
            ]
        )
        if _WRITE_IMAGE_DIR.value:
            folder = Path(_WRITE_IMAGE_DIR.value)
            folder.mkdir(parents=True, exist_ok=True)
            write_image(folder / f"pair_{index:03d}.jpg", draw(picture, faces))
    alone, paired = np.array(alone), np.array(paired)
    both = (paired < _RIGHT).all(axis=1)
    counts = (alone < _RIGHT) & (paired < _RIGHT)
    print(f"both kept: {both.mean():.1%} of {len(both)} pairs")
    for column, name in enumerate(("front", "behind")):
        chosen = counts[:, column]
        nme, own = (
            100 * paired[chosen, column].mean(),
            100 * alone[chosen, column].mean(),
        )
        print(
            f"{name:>7}: found {(paired[:, column] < _RIGHT).mean():.1%} "
            f"(alone {(alone[:, column] < _RIGHT).mean():.1%}); NME {nme:.2f}, alone "
            f"{own:.2f} ({nme / own:.3f}x)"
        )


if __name__ == "__main__":
    cli.run(main)
