"""What may lie before a face: plain cards, pieces of other pictures, hands.

Lengths are in pixels of the crop. What is drawn depends on nothing but the numbers that
a cover is given, uniform in 0..1, which it takes one by one.
"""

import functools

import cv2
import numpy as np

NUMBERS = 24  # That a cover takes at most.
_FINGERS = 5
_SUBPIXEL_BITS = 4


def cover_some(images, chosen, numbers):
    """Covers a part of the chosen images, each a third by one of KINDS.

    Args:
        images: (B, N, N, 3) float32 RGB, 0..255.
        chosen: B bool, of any shape.
        numbers: (B, NUMBERS) float32, uniform in 0..1.

    Returns:
        like `images`.
    """
    covered = images.copy()
    for index in np.flatnonzero(chosen):
        own = iter(numbers[index].tolist())
        draw = KINDS[int(next(own) * len(KINDS))]
        mask, texture = draw(images, index, own)
        covered[index] += mask[..., None] * (texture - covered[index])
    return covered


def _between(low, high, numbers):
    return low + (high - low) * next(numbers)


def draw_card(images, index, numbers):
    """Draws a turned rectangle of a plain colour.

    Args:
        images: as `cover_some`.
        index: of the image to cover.
        numbers: iterator of float.

    Returns:
        mask: (N, N) float32, 0..1, where it covers.
        texture: float32 that broadcasts to (N, N, 3), what is seen there.
    """
    size = images.shape[1]
    mask = _fill(_rectangle(numbers), *_place(size, numbers), size)
    return mask, np.float32([_between(0, 255, numbers) for _ in range(3)])


def draw_piece(images, index, numbers):
    """Draws a piece of another image, a turned rectangle or a blob; see draw_card.

    It is turned, scaled, perhaps mirrored, and comes from elsewhere in that image, so
    that no eye lies where an eye would.
    """
    size = images.shape[1]
    outline = (_rectangle if next(numbers) < 0.5 else _blob)(numbers)
    axes, centre = _place(size, numbers)
    others = len(images) - 1
    other = images[(index + 1 + int(next(numbers) * others)) % len(images)]
    away = _between(0.3, 0.5, numbers) * size * _direction(2 * np.pi * next(numbers))
    place = (centre + away) % size
    look = _turn(2 * np.pi * next(numbers)) * 2 ** _between(-1, 1, numbers)
    look[:, 0] *= 1 if next(numbers) < 0.5 else -1
    lookup = np.column_stack([look, place - look @ centre])
    texture = cv2.warpAffine(
        other,
        lookup,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return _fill(outline, axes, centre, size), texture


def draw_hand(images, index, numbers):
    """Draws two to five fingers that come from an edge of the crop; see draw_card.

    They are of the colour in the middle of the image, which is the face's own.
    """
    size = images.shape[1]
    along, across = _along_and_across(size, numbers)
    count = int(_between(2, _FINGERS + 1, numbers))
    radius = _between(0.03, 0.05, numbers) * size
    spacing = radius * _between(1.9, 2.3, numbers)
    ends = -radius * np.float32([_between(0, 3, numbers) for _ in range(_FINGERS)])
    lights = np.float32([_between(0.9, 1.1, numbers) for _ in range(_FINGERS)])
    rank = across / spacing + (count - 1) / 2
    nearest = np.clip(np.rint(rank), 0, count - 1)
    aside = (rank - nearest) * spacing
    finger = nearest.astype(np.intp)
    distance = cv2.magnitude(np.maximum(along - ends.take(finger), 0), aside)
    # They grow together at the palm, about five of their widths from the tips.
    palm = np.clip(-along / radius / 3 - 3, 0, 1)
    outside = np.maximum(abs(across) - (count - 1) / 2 * spacing, 0)
    distance += palm * (outside - distance)
    # Lit from before them and a little from one side.
    light = lights.take(finger) * (1 - palm) + palm
    light *= 1 - _between(0.1, 0.4, numbers) * np.minimum(distance / radius, 1) ** 2
    slant = np.clip(aside / radius, -1, 1) * (1 - palm)
    light *= 1 + _between(-0.2, 0.2, numbers) * slant
    skin = _between(0.6, 1.3, numbers) * _middle_colour(images[index])
    mask = cv2.GaussianBlur(np.clip(radius - distance + 0.5, 0, 1), (3, 3), 0)
    return mask, np.minimum(light[..., None] * skin, 255)


KINDS = draw_card, draw_piece, draw_hand


@functools.cache
def _cells(size):
    """Returns x and y of the pixels' centres: (2, N, N) float32."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return np.stack([x, y])


def _along_and_across(size, numbers):
    """Returns how far pixels lie beyond a hand's tips, and aside: (N, N) float32."""
    quarter = int(next(numbers) * 4) * np.pi / 2
    entry = _turn(quarter) @ (-0.5, _between(-0.4, 0.4, numbers)) + 0.5
    ahead = _direction(quarter + _between(-0.7, 0.7, numbers))
    tip = (entry + _between(0.15, 0.6, numbers) * ahead) * (size - 1)
    x, y = _cells(size) - np.float32(tip)[:, None, None]
    cos, sin = np.float32(ahead)
    return cos * x + sin * y, cos * y - sin * x


def _middle_colour(image):
    near, far = round(0.42 * len(image)), round(0.58 * len(image))
    return image[near:far, near:far].mean(axis=(0, 1))


def _direction(angle):
    return np.array([np.cos(angle), np.sin(angle)])


def _turn(angle):
    cos, sin = _direction(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _place(size, numbers):
    """Returns the half axes of a cover, as columns of a matrix, and its centre."""
    half = [_between(0.05, 0.25, numbers) * size for _ in range(2)]
    axes = _turn(np.pi * next(numbers)) * half
    return axes, np.array([next(numbers), next(numbers)]) * size - 0.5


def _rectangle(_):
    """Returns the corners of a square, (4, 2), -1..1."""
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])


def _blob(numbers):
    """Returns the outline of a smooth blob, (K, 2), about as far from 0 as a circle."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = 1.0
    for waves, most in ((2, 0.3), (3, 0.2), (5, 0.1)):
        start = 2 * np.pi * next(numbers)
        radius = radius + _between(0, most, numbers) * np.cos(waves * angles + start)
    return radius[:, None] * _direction(angles).T


def _fill(outline, axes, centre, size):
    """Returns where an outline, (K, 2), covers, soft by a pixel: (N, N) float32."""
    corners = (outline @ axes.T + centre) * 2**_SUBPIXEL_BITS
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners).astype(int)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return cv2.GaussianBlur(mask, (3, 3), 0).astype(np.float32) / 255
