"""Annotation drawn so that a person sees what is wrong with it."""

import cv2
import numpy as np

from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.pictures import mosaic

_ROUND = 0.3  # Shown around the crop, as a fraction of it.
_LINE, _SCALE = 15, 0.38
_APART = 14  # Pixels between numbers.


def draw_annotation(image, square, points, predicted, lines, scheme=IBUG68, size=240):
    """Returns a tile: the face with its points, numbered, and where a model has them.

    Args:
        image: (H, W, 3) uint8 RGB.
        square: Square around the points; None shows the whole photo.
        points: (P, 2) float, image pixels, drawn with the ends of chains numbered; None
            if there are none.
        predicted: (Q, 2) float, image pixels, drawn as dots; or None.
        lines: list of str that stand below.
        scheme: Scheme of the points.
        size: side of the picture.

    Returns:
        (size + 15 * number of lines, size, 3) uint8.
    """
    height, width = image.shape[:2]
    if square is None:
        shown = geometry.square_from_box(np.array([0, 0, width - 1, height - 1]))
    else:
        shown = geometry.add_margin(square, _ROUND)
    tile = np.zeros((size + _LINE * len(lines), size, 3), np.uint8)
    patch = geometry.crop_image(image, shown)
    tile[:size] = cv2.resize(patch, (size, size), interpolation=cv2.INTER_AREA)
    if predicted is not None:
        pixels = geometry.to_crop(predicted, shown) * size - 0.5
        mosaic.draw_points(tile, pixels, mosaic.PREDICTION)
    if points is not None:
        _draw_numbered(tile, geometry.to_crop(points, shown) * size - 0.5, scheme)
    tile[size:] = 0  # Points may leave the picture.
    for number, line in enumerate(lines, start=1):
        bottom = size + _LINE * number - 4
        mosaic.put_text(tile, line[: size // 7], (3, bottom), _SCALE)
    return tile


def _draw_numbered(tile, pixels, scheme):
    """Draws points with the numbers of the ends of chains, in pixels of the tile."""
    pixels = np.clip(pixels, -1e4, 1e4)
    mosaic.draw_points(tile, pixels, mosaic.TRUTH, thickness=1, scheme=scheme)
    ends = {int(chain[end]) for chain in scheme.chains.values() for end in (0, -1)}
    written = np.zeros((0, 2))
    for index in sorted(ends):
        place = pixels[index]
        # Numbers on each other would hide the face, and tell nothing.
        is_free = (np.linalg.norm(written - place, axis=1) > _APART).all()
        if np.isfinite(place).all() and is_free:
            written = np.vstack([written, place])
            x, y = np.round(place).astype(int).tolist()
            mosaic.put_text(tile, str(index), (x + 2, y - 2), 0.3)
