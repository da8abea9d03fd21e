"""Photos for the face detector to learn from, and where their faces are."""

from typing import NamedTuple

import numpy as np

from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.files.photos import read_image
from landmark.files.pts import PtsFormat, read_pts
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar

_SURE = 0.5  # A teacher's box of at least this score is a face, of less it may be one.
# Longest side of the photo in which the teacher looks for faces, and that is kept.
_LABELLED, _LONGEST = 1024, 640
_SAME_FACE = 0.3  # IoU of an annotation's box and a teacher's that mean the same face.
_LARGEST_FACE = 4  # Photos; with more the points are another photo's.


class Photo(NamedTuple):
    """A photo with its faces.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        boxes: (n, 4) float64, image pixels, as a face detector frames them.
        is_sure: (n,) bool: whether it surely is a face.
        mistakes: (m, 4) float64, what an earlier detector missed, or wrongly found.
    """

    image: np.ndarray
    boxes: np.ndarray
    is_sure: np.ndarray
    mistakes: np.ndarray = np.zeros((0, 4))


def _label(image, annotated, teacher):
    """Returns (boxes, is_sure): the teacher's, and annotated faces that it misses."""
    if teacher is None:
        return annotated, np.ones(len(annotated), bool)
    boxes, scores = teacher.detect(image)
    sure = scores >= _SURE
    for box in annotated:
        overlaps = geometry.box_iou(boxes, box)
        if overlaps.max(initial=0) >= _SAME_FACE:
            sure[overlaps.argmax()] = True
        else:
            boxes, sure = np.vstack([boxes, box]), np.append(sure, True)
    return boxes, sure


def _find_mistakes(image, boxes, is_sure, learner):
    """Returns (m, 4): sure faces that a detector misses, and what it takes for some."""
    found, _ = learner.detect(image)
    same = geometry.box_iou(found[:, None], boxes) >= _SAME_FACE
    missed, wrong = is_sure & ~same.any(axis=0), ~same.any(axis=1)
    return np.concatenate([boxes[missed], found[wrong]])


def _shrink(image, boxes, longest):
    """Returns the photo at no more than `longest` pixels, and its boxes there."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image, boxes
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    return geometry.resize_image(image, shape), (boxes + 0.5) * scale - 0.5


def read_photos(paths, teacher=None, dropped=None, scheme=IBUG68, learner=None):
    """Reads photos and finds out where their faces are.

    Args:
        paths: of the photos. The points of a .pts beside one say where a face is.
        teacher: FaceDetector that finds the others, with a min_conf of 0.25 or so;
            without it only annotated faces are known.
        dropped: list, which gets what is wrong with photos that cannot be read.
        scheme: Scheme of the points.
        learner: FaceDetector whose mistakes are noted.

    Returns:
        list of Photo, shrunk.

    Raises:
        InputError: a photo or .pts that cannot be read, where no list is given.
    """
    photos = []
    for path in progress_bar(paths, desc="reading", unit="photo"):
        try:
            image, annotated = _read_photo(path, scheme)
        except (InputError, OSError) as error:
            if dropped is None:
                raise
            dropped.append(error)
            continue
        image, annotated = _shrink(image, annotated, _LABELLED)
        boxes, is_sure = _label(image, annotated, teacher)
        image, boxes = _shrink(image, boxes, _LONGEST)
        mistakes = np.zeros((0, 4))
        if learner is not None:
            mistakes = _find_mistakes(image, boxes, is_sure, learner)
        photos.append(Photo(image, boxes, is_sure, mistakes))
    return photos


def _read_photo(path, scheme):
    """Returns (image, boxes of its annotated faces, (n, 4))."""
    image, pts_path = read_image(path), path.with_suffix(".pts")
    if not pts_path.exists():
        return image, np.zeros((0, 4))
    points_image = read_pts(pts_path, PtsFormat(scheme))
    if np.isnan(points_image).all():
        raise InputError(f"{pts_path}: expected points of a face, found all missing")
    box = geometry.face_box_from_points(points_image, scheme)
    size, largest = max(box[2:] - box[:2]), _LARGEST_FACE * max(image.shape[:2])
    if not 0 < size <= largest:
        raise InputError(
            f"{pts_path}: expected the points of a face of up to {largest:g} pixels, "
            f"found {size:g}"
        )
    return image, box[None]


def require_faces(photos):
    """Makes sure that there is something to learn.

    Raises:
        InputError: no photo has a face.
    """
    if not any(photo.is_sure.any() for photo in photos):
        raise InputError(
            f"expected faces in the photos, found none in {len(photos)}; "
            "--teacher_path or .pts files say where they are"
        )
