"""The anchors of the face detector: faces into targets, predictions into faces.

Boxes are (x0, y0, x1, y1), 0..1 over the square that the network sees: the photo,
shrunk until its longer side fits, at the top left, and black beside it.

References:
    Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016.
"""

import numpy as np

from landmark.face import geometry

SIZE = 128  # Side of the square, in pixels.
# Stride of a feature map, and the sizes (roots of areas) of its anchors, in pixels.
LEVELS = ((8, (10, 15)), (16, (23, 35, 53)), (32, (80, 120)))
_ASPECT = 1.35  # Height over width: the median of FaceBoxes' boxes on 300-W.
_VARIANCES = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
# Least IoU of an anchor that has to find a face, and largest of one that must not.
_POSITIVE, _NEGATIVE = 0.45, 0.35
NMS_IOU = 0.4  # Of two boxes that may both stand for faces.


def make_anchors():
    """Returns the anchors, level by level and row by row: (A, 4) float32, centre x,
    centre y, width, height."""
    anchors = []
    for stride, sizes in LEVELS:
        centres = (np.arange(SIZE // stride) + 0.5) * stride
        y, x, size = np.meshgrid(centres, centres, sizes, indexing="ij")
        width, height = size / _ASPECT**0.5, size * _ASPECT**0.5
        anchors.append(np.stack([x, y, width, height], axis=-1).reshape(-1, 4))
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


def fit_photo(image):
    """Shrinks (or enlarges) a photo into the square that the network sees.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        square: (SIZE, SIZE, 3) uint8, black to the right of the photo, or below.
        filled: (4,) float64, the share of its width, height, width, height that the
            photo fills: boxes divided by it are 0..1 over the photo.
    """
    height, width = image.shape[:2]
    side = max(height, width)
    size = tuple(max(1, round(length * SIZE / side)) for length in (width, height))
    square = np.zeros((SIZE, SIZE, 3), np.uint8)
    square[: size[1], : size[0]] = geometry.resize_image(image, size)
    return square, np.tile(size, 2) / SIZE


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
