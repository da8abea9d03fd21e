"""The anchors of the face detector: faces into targets, predictions into faces.

Boxes are (x0, y0, x1, y1) in units of SIZE pixels of what the network sees: a square
with the photo, shrunk until its longer side fits, at the top left, and black beside it.
Over a square of SIZE pixels they are 0..1.

References:
    Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016.
"""

from typing import NamedTuple

import cv2
import numpy as np

from landmark.face import geometry

SIZE = 128  # Side of the square that the network is trained on, in pixels.
# Stride of a feature map, and the sizes (roots of areas) of its anchors, in pixels.
LEVELS = ((8, (10, 15)), (16, (23, 35, 53)), (32, (80, 120)))
_ASPECT = 1.35  # Height over width: the median of FaceBoxes' boxes on 300-W.
_VARIANCES = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
# Least IoU of an anchor that has to find a face, and largest of one that must not.
_POSITIVE, _NEGATIVE = 0.45, 0.35
NMS_IOU = 0.4  # Of two boxes that may both stand for faces.
COARSEST = LEVELS[-1][0]  # What the sides of the network's input are multiples of.
_STEP = 4  # From one side to the next; the anchors of each reach over more than that.
# Pixels of a box that counts at a side before the last: parts of faces that are larger
# look like faces, and they themselves are found at the next side.
LARGEST = 100
_SAMPLED = 4  # Every such pixel says how bright a photo is.
DIM = 50  # Mean of the pixels below which a photo is brightened.


class Kind(NamedTuple):
    """What a detector is for, and so how the network is used.

    Attributes:
        side: longer side of the photo where small faces are looked for, in pixels.
        score_shift: taken off the logits of a trained network.
        brightens: whether dark photos are brightened first.
        blocks: how many residual blocks the network has at strides 4, 8, 16 and 32.
            The last ones cost little, and see most of what surrounds a face.
    """

    side: int
    score_shift: float
    brightens: bool
    blocks: tuple


# Focal loss scores what is rare too high; the shift halves the false boxes at the usual
# 0.3, and loses no annotated face of 300-W. Whole photos have more to be wrong about.
KINDS = {
    "camera": Kind(SIZE, 0.44, False, (1, 1, 1, 0)),
    "photos": Kind(448, 1.35, True, (1, 1, 2, 2)),
}


def list_sides(side):
    """Returns the longer sides at which a photo is looked at, one after the other.

    Faces too large for the anchors at one are found at the next; at SIZE, all are.
    """
    sides = []
    while side > SIZE:
        sides.append(side)
        side //= _STEP
    return [*sides, SIZE]


def make_anchors(height=SIZE, width=SIZE):
    """Returns the anchors of an input, level by level and row by row.

    Args:
        height, width: of the input, in pixels; multiples of COARSEST.

    Returns:
        (A, 4) float32: centre x, centre y, width, height.
    """
    anchors = []
    for stride, sizes in LEVELS:
        rows, columns = (
            (np.arange(length // stride) + 0.5) * stride for length in (height, width)
        )
        y, x, size = np.meshgrid(rows, columns, sizes, indexing="ij")
        shape = size / _ASPECT**0.5, size * _ASPECT**0.5
        anchors.append(np.stack([x, y, *shape], axis=-1).reshape(-1, 4))
    return (np.concatenate(anchors) / SIZE).astype(np.float32)


def to_offsets(boxes, anchors):
    """Boxes -> what the network predicts for anchors; the inverse of `from_offsets`.

    Args:
        boxes: (..., 4) float.
        anchors: (..., 4) float, from `make_anchors`.

    Returns:
        (..., 4) float: centre and logarithm of size, relative to the anchor.
    """
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    sizes = boxes[..., 2:] - boxes[..., :2]
    moved = (centres - anchors[..., :2]) / anchors[..., 2:]
    return np.concatenate([moved, np.log(sizes / anchors[..., 2:])], -1) / _VARIANCES


def from_offsets(offsets, anchors, concat=np.concatenate, exp=np.exp):
    """What the network predicts -> boxes; the inverse of `to_offsets`.

    Args:
        offsets: (..., 4) float, array or tensor.
        anchors: (..., 4) float.
        concat, exp: functions of that kind; TensorFlow's for tensors.

    Returns:
        (..., 4) float of the same kind.
    """
    offsets = offsets * _VARIANCES
    centres = anchors[..., :2] + offsets[..., :2] * anchors[..., 2:]
    half = exp(offsets[..., 2:]) * (anchors[..., 2:] / 2)
    return concat([centres - half, centres + half], -1)


def match(boxes, is_sure, anchors):
    """Says what each anchor should find.

    An anchor belongs to the face that it overlaps most, if by enough; and every face
    has at least the anchor that suits it best.

    Args:
        boxes: (n, 4) float, the faces.
        is_sure: (n,) bool; what is not surely a face is neither wanted nor refused.
        anchors: (A, 4) float32.

    Returns:
        labels: (A,) float32, 1 = a face, 0 = none, -1 = does not matter.
        offsets: (A, 4) float32, of the face where there is one, else 0.
    """
    labels = np.zeros(len(anchors), np.float32)
    offsets = np.zeros_like(anchors)
    if not len(boxes):
        return labels, offsets
    edges = from_offsets(np.zeros_like(anchors), anchors)
    overlaps = geometry.box_iou(edges[:, None], boxes)
    faces = overlaps.argmax(axis=1)
    best = overlaps.max(axis=1)
    labels[best > _NEGATIVE] = -1
    labels[(best >= _POSITIVE) & is_sure[faces]] = 1
    sure = np.flatnonzero(is_sure)
    own = overlaps[:, sure].argmax(axis=0)
    labels[own], faces[own] = 1, sure
    found = labels == 1
    offsets[found] = to_offsets(boxes[faces[found]], anchors[found])
    return labels, offsets


def shrink(image, size):
    """Resizes an image quickly: by halves, the rest bilinear.

    Averaging over any other area takes ten times as long.

    Args:
        image: (H, W, 3) uint8.
        size: (width, height).
    """
    while image.shape[1] >= 2 * size[0] and image.shape[0] >= 2 * size[1]:
        height, width = (length // 2 for length in image.shape[:2])
        even = image[: 2 * height, : 2 * width]
        image = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def fit_photo(image, side=SIZE, resize=geometry.resize_image):
    """Shrinks (or enlarges) a photo into the square that the network sees.

    Args:
        image: (H, W, 3) uint8 RGB.
        side: of the square, in pixels.
        resize: (image, (width, height)) -> image.

    Returns:
        square: (side, side, 3) uint8, black to the right of the photo, or below.
        filled: (4,) float64, width, height, width, height of the photo in the square,
            in units of SIZE: boxes divided by it are 0..1 over the photo.
    """
    longest = max(image.shape[:2])
    height, width = (max(1, round(n * side / longest)) for n in image.shape[:2])
    square = np.zeros((side, side, 3), np.uint8)
    square[:height, :width] = resize(image, (width, height))
    return square, np.tile((width, height), 2) / SIZE


def fit_sides(image, sides):
    """Yields what the network sees of a photo at several sizes, the largest first.

    Args:
        image: (H, W, 3) uint8 RGB.
        sides: from `list_sides`.

    Yields:
        input: (h, w, 3) uint8, the photo at the top left; sides are the least multiples
            of COARSEST that hold it, the rest is black. Of SIZE alone: the square.
        filled: (4,) float64, see `fit_photo`.
    """
    if sides == [SIZE]:
        yield fit_photo(image)
        return
    for side in sides:
        square, filled = fit_photo(image, side, shrink)
        width, height = (filled[:2] * SIZE).astype(int)
        image = square[:height, :width]
        rows, columns = (-(-n // COARSEST) * COARSEST for n in (height, width))
        yield square[:rows, :columns], filled


def brighten(image):
    """Brightens a photo that is dark all over: (H, W, 3) uint8 RGB."""
    mean = image[::_SAMPLED, ::_SAMPLED].mean()
    if not 0 < mean < DIM:
        return image
    return cv2.convertScaleAbs(image, alpha=DIM / mean)


def choose(boxes, scores, min_conf):
    """Returns the faces among the network's predictions, best first.

    Args:
        boxes: (A, 4) float.
        scores: (A,) float.
        min_conf: least score.

    Returns:
        (n, 4) float, (n,) float.
    """
    likely = scores >= min_conf
    boxes, scores = boxes[likely], scores[likely]
    kept = geometry.suppress(boxes, scores, NMS_IOU)
    return boxes[kept], scores[kept]


def find(image, kind, sides, predict, min_conf):
    """Finds the faces of a photo.

    Args:
        image: (H, W, 3) uint8 RGB.
        kind: Kind of the detector.
        sides: from `list_sides`.
        predict: input of the network, (h, w, 3) uint8 -> boxes (A, 4) in units of SIZE
            pixels, and scores (A,).
        min_conf: least score.

    Returns:
        (n, 4) float, 0..1 over the photo, best first; (n,) float.
    """
    if kind.brightens:
        image = brighten(image)
    found, limits = [], [LARGEST / SIZE] * (len(sides) - 1) + [np.inf]
    for (seen, filled), limit in zip(fit_sides(image, sides), limits, strict=True):
        boxes, scores = predict(seen)
        counts = scores >= min_conf
        counts &= (boxes[:, 2:] - boxes[:, :2]).max(axis=1) <= limit
        found.append((boxes[counts] / filled, scores[counts]))
    return choose(*map(np.concatenate, zip(*found, strict=True)), min_conf)
