"""Scenes for the face detector to learn from: views of photos, alone or as a mosaic.

A view is a square cut out of a photo at random, so that a face has a random size in it;
a scene shows one view, or tiles of several, so that there are many and small faces.

References:
    Liu et al., SSD, 2016 (crops and expansions). Bochkovskiy et al., YOLOv4, 2020
    (mosaics).
"""

import itertools

import cv2
import numpy as np

from landmark.detection.anchors import SIZE, shrink
from landmark.face import geometry

# How many tiles a scene has in a row, and how often.
_GRIDS, _GRID_SHARES = (1, 2, 3, 4), (0.7, 0.18, 0.08, 0.04)
# Of the face that a view looks at, over the view's side: in a scene, in a tile.
_FACE_SIZES = (0.05, 1.0)
_TILE_FACE_SIZES = (0.3, 1.0)
_ANYWHERE = 0.3  # Share of the views that look anywhere, not at a face,
_ANYWHERE_SIDES = (0.2, 1.2)  # and their sides, over the longer one of the photo.
_MISTAKES = 0.5  # Share of the views of a photo with mistakes that look at one.
# Share of backdrops of one colour, half of them black; pieces stuck on them.
_PLAIN, _MOST_PIECES = 0.1, 2
_TILTED, _MOST_TILT = 0.2, 30  # Share of the views that are turned; degrees.
_NARROW = 0.35  # Share of the scenes that are not square: black to the right or below.
# Visible part of a face that must be found, and that may be.
_VISIBLE, _HARDLY_VISIBLE = 0.45, 0.25
_CUT = 0.15  # Share of the views whose edge cuts the face, as photos' edges do.
_SMALLEST = 7 / SIZE  # Smaller faces may be found.


def _choose_square(rng, photo, face_sizes):
    """Returns the Square of a random view of a photo.

    Args:
        face_sizes: smallest and largest size of the face, over the view's side.
    """
    height, width = photo.image.shape[:2]
    targets = photo.boxes[photo.is_sure]
    if len(photo.mistakes) and rng.random() < _MISTAKES:
        targets = photo.mistakes
    if not len(targets) or rng.random() < _ANYWHERE:
        low, high = np.log(_ANYWHERE_SIDES)
        side = round(np.exp(rng.uniform(low, high)) * max(height, width))
        return geometry.Square(
            round(rng.uniform(-0.1, 1) * (width - 0.5 * side)),
            round(rng.uniform(-0.1, 1) * (height - 0.5 * side)),
            max(side, 16),
        )
    x0, y0, x1, y1 = targets[rng.integers(len(targets))]
    size = max(x1 - x0, y1 - y0)
    low, high = np.log(face_sizes)
    side = max(16, round(size / np.exp(rng.uniform(low, high))))
    # The whole face is in view, but for a tenth where it is large.
    slack = 0.1 * size
    spans = (x0, x1), (y0, y1)
    place = [
        rng.uniform(end + slack - side, start - slack)
        if end - start + 2 * slack < side
        else (start + end - side) / 2 + rng.uniform(-slack, slack)
        for start, end in spans
    ]
    if rng.random() < _CUT:
        axis, hidden = rng.integers(2), rng.uniform(0, 1 - _VISIBLE)
        start, end = spans[axis]
        cut = hidden * (end - start)
        place[axis] = start + cut if rng.random() < 0.5 else end - cut - side
    return geometry.Square(round(place[0]), round(place[1]), side)


def _find_piece(rng, photos):
    """Returns a piece of a photo without a face, or now and then of one colour."""
    for _ in range(3):
        image, boxes, *_ = photos[rng.integers(len(photos))]
        if rng.random() < _PLAIN:
            break
        height, width = image.shape[:2]
        size = np.maximum(1, rng.uniform(0.1, 0.6, 2) * (width, height)).astype(int)
        left, top = rng.integers((width, height) - size + 1)
        piece = np.array([left, top, left + size[0], top + size[1]])
        shared = geometry.intersect(boxes, piece)
        if not (geometry.box_area(shared) > 0.1 * geometry.box_area(boxes)).any():
            return image[top : piece[3], left : piece[2]]
    colour = rng.integers(0, 256, 3) * (rng.random() < 0.5)
    return np.full((1, 1, 3), colour, np.uint8)


def _make_backdrop(rng, photos, size):
    """Returns a canvas without a face, with pieces stuck on it as faces will be."""
    canvas = shrink(_find_piece(rng, photos), (size, size)).copy()
    for _ in range(rng.integers(_MOST_PIECES + 1)):
        width, height = rng.integers(size // 8, size // 2, 2).tolist()
        left, top = rng.integers((size - width, size - height))
        piece = shrink(_find_piece(rng, photos), (width, height))
        canvas[top : top + height, left : left + width] = piece
    return canvas


def _paste(canvas, image, square):
    """Shows the part of a photo that lies in a Square all over the canvas, in place.

    What is beyond the photo leaves the canvas as it is.
    """
    height, width = image.shape[:2]
    start = np.array([square.left, square.top])
    low = np.clip(start, 0, (width, height))
    high = np.clip(start + square.side, 0, (width, height))
    scale = len(canvas) / square.side
    left, top = np.round((low - start) * scale).astype(int)
    right, bottom = np.round((high - start) * scale).astype(int)
    if right > left and bottom > top:
        piece = image[low[1] : high[1], low[0] : high[0]]
        piece = shrink(piece, (int(right - left), int(bottom - top)))
        canvas[top:bottom, left:right] = piece


def view(rng, photos, size, face_sizes):
    """Returns a random view of one of the photos.

    Args:
        rng: numpy.random.Generator.
        photos: list of labelled.Photo.
        size: side of the view, in pixels.
        face_sizes: smallest and largest size of the face, over the view's side.

    Returns:
        image: (size, size, 3) uint8 RGB; another photo's backdrop where this one ends.
        boxes: (n, 4) float64, 0..1 over the view.
        is_sure: (n,) bool; those hardly visible are not.
    """
    photo = photos[rng.integers(len(photos))]
    square = _choose_square(rng, photo, face_sizes)
    image = _make_backdrop(rng, photos, size)
    _paste(image, photo.image, square)
    corners = geometry.to_crop(photo.boxes.reshape(-1, 2, 2), square)
    boxes, is_sure = corners.reshape(-1, 4), photo.is_sure
    if rng.random() < 0.5:
        image = geometry.flip_patch(image)
        boxes = boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (1, 0, 1, 0)
    if rng.random() < _TILTED:
        image, boxes = tilt(image, boxes, rng.uniform(-_MOST_TILT, _MOST_TILT))
    return _keep_visible(image, boxes, is_sure, (1.0, 1.0))


def tilt(image, boxes, angle):
    """Turns a view about its centre.

    Args:
        image: (N, N, 3) uint8.
        boxes: (n, 4) float64, 0..1 over the view.
        angle: degrees, anticlockwise as seen.

    Returns:
        the view, and the boxes around what the ellipses in the old ones become.
    """
    middle = (len(image) - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), angle, 1)
    size = image.shape[1::-1]
    image = cv2.warpAffine(image, turn, size, borderMode=cv2.BORDER_REPLICATE)
    rotation = turn[:, :2]
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5) @ rotation.T + 0.5
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (rotation**2).T)
    return image, np.concatenate([centres - half, centres + half], axis=1)


def _keep_visible(image, boxes, is_sure, end):
    """Takes out the boxes that lie beyond (0, 0) and `end`, (x, y)."""
    inside = geometry.intersect(boxes, np.array([0, 0, *end]))
    area = np.maximum(geometry.box_area(boxes), 1e-9)
    visible = geometry.box_area(inside) / area
    some = visible >= _HARDLY_VISIBLE
    return image, boxes[some], (is_sure & (visible >= _VISIBLE))[some]


def _tile_views(rng, photos, grid):
    """Returns a scene of grid x grid views."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    size = -(-SIZE // grid)
    boxes, is_sure = [], []
    # The last tiles overlap those before them, if the grid does not fit evenly.
    starts = np.round(np.linspace(0, SIZE - size, grid)).astype(int)
    for top, left in itertools.product(starts, starts):
        tile, tile_boxes, tile_is_sure = view(rng, photos, size, _TILE_FACE_SIZES)
        image[top : top + size, left : left + size] = tile
        boxes.append((tile_boxes * size + (left, top, left, top)) / SIZE)
        is_sure.append(tile_is_sure)
    return image, np.concatenate(boxes), np.concatenate(is_sure)


def compose(rng, photos):
    """Returns a random scene.

    Args:
        rng: numpy.random.Generator.
        photos: list of labelled.Photo.

    Returns:
        image: (SIZE, SIZE, 3) uint8 RGB.
        boxes: (n, 4) float64, 0..1 over the scene.
        is_sure: (n,) bool; the others may be found or not.
    """
    grid = rng.choice(_GRIDS, p=_GRID_SHARES)
    if grid == 1:
        image, boxes, is_sure = view(rng, photos, SIZE, _FACE_SIZES)
    else:
        image, boxes, is_sure = _tile_views(rng, photos, grid)
    if rng.random() < _NARROW:
        image, boxes, is_sure = _narrow(rng, image, boxes, is_sure)
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    return image, boxes, is_sure & (sizes >= _SMALLEST)


def _narrow(rng, image, boxes, is_sure):
    """Blacks out the right or the bottom, as a photo that is not square has it."""
    end = np.ones(2)
    axis = rng.integers(2)
    pixels = round(rng.uniform(0.5, 1) * SIZE)
    end[axis] = pixels / SIZE
    image = image.copy()
    if axis == 0:
        image[:, pixels:] = 0
    else:
        image[pixels:] = 0
    return _keep_visible(image, boxes, is_sure, end)


def repeat_rich(photos):
    """Returns the photos, those with much to see more than once.

    How often is for the pixels, the faces and the mistakes of a photo to say.
    """
    sizes = np.array(
        [p.image.size * max(1, p.is_sure.sum() + len(p.mistakes)) for p in photos]
    )
    counts = [max(1, round(size)) for size in sizes / np.median(sizes)]
    pairs = zip(photos, counts, strict=True)
    return [photo for photo, often in pairs for _ in range(often)]
