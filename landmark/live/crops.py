"""Points averaged over several crops of a face, which err less than those of one."""

import numpy as np

from landmark.face import geometry

# Degrees clockwise, shift to the right and down as fractions of the crop, and scale.
_PLAIN = (0, 0, 0, 1)
_TURNED = (8, 0, 0, 1), (-8, 0, 0, 1)
_MOVED = (
    *((0, 0, 0, 1.1), (0, 0, 0, 0.9)),
    *((0, 0.05, 0, 1), (0, -0.05, 0, 1), (0, 0, 0.05, 1), (0, 0, -0.05, 1)),
)
_VIEWS = {1: (_PLAIN,), 3: (_PLAIN, *_TURNED), 9: (_PLAIN, *_TURNED, *_MOVED)}
NUMBERS = tuple(_VIEWS)  # Of crops that a face may have.


def find_points(model, image, squares, num_crops=1):
    """Finds the points in squares of an image, each the mean of several crops'.

    None of the crops is mirrored: annotation may lean to one side (benchmarks/mirror),
    and with it the model that learnt it.

    Args:
        model: what has `input_size` and `predict_with_spread`; asked once.
        image: (H, W, 3) uint8 RGB.
        squares: n of Square, of the plain crops.
        num_crops: of each face, one of NUMBERS. One is the plain crop.

    Returns:
        points_image: (n, P, 2) float64, image pixels.
        spread: (n, P) float, in units of the plain crop: the deviation of all that the
            crops' points may be, as unsure as each is and as far from the mean as it
            lies; nan of models that do not tell.
    """
    views = _VIEWS[num_crops]
    size, count = model.input_size, len(squares)
    patches = np.zeros((count, num_crops, size, size, 3), np.uint8)
    for face, square in zip(patches, squares, strict=True):
        for patch, view in zip(face, views, strict=True):
            patch[:] = geometry.resize_patch(_cut(image, square, view), size)
    points, spread = model.predict_with_spread(patches.reshape(-1, size, size, 3))
    points = points.reshape(count, num_crops, *points.shape[1:])
    spread = spread.reshape(count, num_crops, *spread.shape[1:])
    points_image = np.zeros(points.shape)
    for found, seen, square in zip(points_image, points, squares, strict=True):
        found[:] = [_back(p, square, view) for p, view in zip(seen, views, strict=True)]
    if num_crops == 1:
        return points_image[:, 0], spread[:, 0]
    sides = np.array([square.side for square in squares]).reshape(-1, 1)
    scales = np.array([scale for *_, scale in views])[:, None]
    middle = points_image.mean(axis=1)
    away = ((points_image - middle[:, None]) ** 2).sum(axis=-1).mean(axis=1)
    own = ((spread.astype(np.float64) * scales) ** 2).mean(axis=1)
    return middle, np.sqrt(own + away / sides**2)


def _cut(image, square, view):
    """Returns what a view of a square shows, before it is resized."""
    degrees, *move = view
    if degrees:
        return geometry.crop_rotated(image, square, degrees)
    return geometry.crop_image(image, geometry.move_square(square, *move))


def _back(points, square, view):
    """Returns the points of a view, crop-normalised, in image pixels."""
    degrees, *move = view
    if degrees:
        points = geometry.rotate_points(points, -degrees)
    return geometry.from_crop(points, geometry.move_square(square, *move))
