"""Boxes, the square face crop, and the way of points into it and back.

The pixel-centre rule, for the whole toolkit: in *image pixels* the centre of the
photo's top-left pixel is (0, 0), so a photo of W x H covers the box (-0.5, -0.5, W-0.5,
H-0.5). *Crop pixels* follow the same rule inside a patch. *Crop-normalised* coordinates
run from 0 at the patch's left (top) edge to 1 at its right (bottom) edge: the centre of
pixel i of N lies at (i + 0.5) / N. They do not change when the patch is resized.

Boxes are (x0, y0, x1, y1). A crop is a `Square` of whole pixels, so that cutting it out
needs no interpolation and a phone can do exactly the same.
"""

from typing import NamedTuple

import cv2
import numpy as np

from landmark.face.scheme import IBUG68


class Square(NamedTuple):
    """A square of whole image pixels; it may leave the photo.

    Attributes:
        left, top: column and row of its first pixel.
        side: its width and height, in pixels.
    """

    left: int
    top: int
    side: int


def box_from_points(points):
    """Returns the tight box of points: (..., n, 2) -> (..., 4), same frame.

    Missing points, nan, do not count.
    """
    # nanmin and nanmax, but they are slow where nothing is missing.
    low, high = np.fmin.reduce(points, axis=-2), np.fmax.reduce(points, axis=-2)
    return np.concatenate([low, high], axis=-1)


def face_box_from_points(points_image, scheme=IBUG68):
    """Returns the box that a face detector would put around annotated points.

    Args:
        points_image: (..., P, 2) float, image pixels; nan where missing.
        scheme: Scheme of the points.

    Returns:
        (..., 4) float, image pixels: the tight box, and what the scheme's face_box adds
        to it, such as a forehead.
    """
    sides, top, bottom = scheme.face_box
    boxes = np.array(box_from_points(points_image), float)
    grown = boxes[..., 2:] - boxes[..., :2]
    boxes[..., :2] -= (sides, top) * grown
    boxes[..., 2:] += (sides, bottom) * grown
    return boxes


def points_box_to_overlap(points_image, scheme=IBUG68):
    """Returns the box that a detection of the face must overlap.

    It is the points' tight box, and what the scheme adds at the sides and below: a
    scheme without the jaw covers a small part of the face. The forehead is left out.

    Args:
        points_image: (..., P, 2) float, image pixels; nan where missing.
        scheme: Scheme of the points.

    Returns:
        (..., 4) float, image pixels.
    """
    boxes = face_box_from_points(points_image, scheme)
    boxes[..., 1] = box_from_points(points_image)[..., 1]
    return boxes


def box_area(boxes):
    """Returns the areas of boxes, (..., 4) -> (...); 0 for one turned inside out."""
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)


def intersect(boxes, others):
    """Returns what boxes share with others, broadcast: (..., 4) twice -> (..., 4).

    Where they share nothing, the result is turned inside out: of area 0.
    """
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., 2:], others[..., 2:])
    return np.concatenate([low, high], axis=-1)


def box_iou(boxes, others):
    """Returns intersection over union of boxes with others, broadcast.

    Args:
        boxes: (..., 4) float.
        others: (..., 4) float, same frame.

    Returns:
        (...) float in 0..1; 0 for boxes without area.
    """
    intersection = box_area(intersect(boxes, others))
    union = box_area(boxes) + box_area(others) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def suppress(boxes, scores, max_iou):
    """Non-maximum suppression: of boxes that overlap, the best stays.

    Args:
        boxes: (n, 4) float.
        scores: (n,) float.
        max_iou: of two boxes that may both stay.

    Returns:
        (m,) int64, the indices of those that stay, best first.
    """
    kept, waiting = [], np.argsort(-scores, kind="stable")
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[box_iou(boxes[waiting], boxes[best]) <= max_iou]
    return np.array(kept, np.int64)


def jitter_box(box, jitter, rng):
    """Shifts and scales a box at random, as if the detector had erred.

    Args:
        box: (4,) float.
        jitter: largest shift as a fraction of the box's size, and largest relative
            change of its size.
        rng: numpy.random.Generator.

    Returns:
        (4,) float.
    """
    size = box[2:] - box[:2]
    centre = (box[:2] + box[2:]) / 2 + rng.uniform(-jitter, jitter, 2) * size
    half = size * rng.uniform(1 - jitter, 1 + jitter) / 2
    return np.concatenate([centre - half, centre + half])


def square_from_box(box, extend_ratio=0.0):
    """Returns the crop of a face box: square on its longer side, about the same centre.

    Args:
        box: (4,) float, image pixels.
        extend_ratio: how much larger the square is than the longer side (0.1 = 10 %).

    Returns:
        Square, at least one pixel wide.
    """
    x0, y0, x1, y1 = (float(edge) for edge in box)
    side = max(1, round(max(x1 - x0, y1 - y0) * (1 + extend_ratio)))
    # The first pixel's edge lies half a pixel before its centre.
    left = round((x0 + x1) / 2 - side / 2 + 0.5)
    top = round((y0 + y1) / 2 - side / 2 + 0.5)
    return Square(left, top, side)


def add_margin(square, margin):
    """Returns the square with a margin all around, a fraction of its side."""
    width = round(square.side * margin)
    left, top, side = square
    return Square(left - width, top - width, side + 2 * width)


def without_margin(width, margin):
    """Returns the crop within a patch of `width` pixels, the inverse of `add_margin`.

    Args:
        width: side of the patch, in pixels.
        margin: on each side, as a fraction of the crop's side.

    Returns:
        Square, in pixels of the patch.
    """
    pixels = round(width * margin / (1 + 2 * margin))
    return Square(pixels, pixels, width - 2 * pixels)


def move_square(square, right, down, scale):
    """Returns a square shifted by fractions of its side and scaled about its centre."""
    left, top, side = square
    new_side = round(side * scale)
    grown = (side - new_side) / 2
    return Square(
        round(left + (right * side + grown)),
        round(top + (down * side + grown)),
        new_side,
    )


def crop_image(image, square):
    """Cuts a square out of a photo; what lies outside the photo is black.

    Args:
        image: (H, W, 3) uint8.
        square: Square.

    Returns:
        (side, side, 3) uint8.
    """
    height, width = image.shape[:2]
    left, top, side = square
    x0, x1 = np.clip([left, left + side], 0, width)
    y0, y1 = np.clip([top, top + side], 0, height)
    patch = np.zeros((side, side, image.shape[2]), image.dtype)
    patch[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return patch


def resize_image(image, size):
    """Resizes an image: by area average if it shrinks, else bilinear.

    Args:
        image: (H, W, 3) uint8.
        size: (width, height).
    """
    shrinks = size[0] < image.shape[1] or size[1] < image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=method)


def resize_patch(patch, size):
    """Resizes a square patch to size x size: area average down, bilinear up."""
    return resize_image(patch, (size, size))


def to_crop(points_image, square):
    """Image pixels -> crop-normalised; the inverse of `from_crop`. (..., 2) float."""
    left, top, side = square
    return (np.asarray(points_image) - (left - 0.5, top - 0.5)) / side


def from_crop(points, square):
    """Crop-normalised -> image pixels; the inverse of `to_crop`. (..., 2) float."""
    left, top, side = square
    return np.asarray(points) * side + (left - 0.5, top - 0.5)


def rotate_points(points, degrees):
    """Turns crop-normalised points, (..., 2), about the crop's centre, clockwise."""
    radians = np.deg2rad(degrees)
    cos, sin = np.cos(radians), np.sin(radians)
    return (np.asarray(points) - 0.5) @ np.array([[cos, sin], [-sin, cos]]) + 0.5


def crop_rotated(image, square, degrees):
    """Cuts a square out of a photo turned clockwise about the square's centre.

    Args:
        image: (H, W, 3) uint8.
        square: Square.
        degrees: clockwise angle, as `rotate_points` takes it.

    Returns:
        (side, side, 3) uint8; black where the photo does not reach.
    """
    left, top, side = square
    middle = (side - 1) / 2
    # OpenCV's positive angles turn anti-clockwise.
    turn = cv2.getRotationMatrix2D((left + middle, top + middle), -degrees, 1.0)
    turn[:, 2] -= (left, top)
    return cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_LINEAR)


def flip_patch(patch):
    """Mirrors a patch, (N, N, 3), left to right."""
    return patch[:, ::-1]


def flip_points(points, scheme=IBUG68):
    """Mirrors crop-normalised points, (..., P, 2), and gives them their new names."""
    return (np.asarray(points) * (-1, 1) + (1, 0))[..., scheme.mirror, :]
