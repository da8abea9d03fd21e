"""Pictures to look at: points on photos, patches in a grid, a window."""

import os
import sys

import cv2
import numpy as np

from landmark.face.scheme import IBUG68
from landmark.script.errors import InputError

TRUTH = (0, 200, 0)
PREDICTION = (255, 40, 40)
_BOX, _POINT = (255, 200, 0), (0, 255, 0)
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHIFT = 4  # cv2 takes vertices in sixteenths of a pixel.
_SMALLEST_WITH_LINES = 120  # In a smaller face, they would hide the eyes.
_CAPTION_HEIGHT, _CAPTION_SCALE = 30, 0.35


def draw_points(image, points_image, color, radius=1, thickness=0, scheme=IBUG68):
    """Draws points, and if asked the chains through them, into an image.

    Args:
        image: (H, W, 3) uint8 RGB, drawn into.
        points_image: (P, 2) float, image pixels; nan where a point is missing.
        color: RGB.
        radius: of a point's dot, in pixels; below 1, the dot is faint.
        thickness: of the lines that join the points of each chain, in whole pixels; 0
            draws none.
        scheme: Scheme of the points.
    """
    known = np.isfinite(points_image).all(axis=1)
    vertices = np.round(np.nan_to_num(points_image) * 2**_SHIFT).astype(np.int32)
    for name, indices in scheme.chains.items() if thickness else ():
        for chain, closed in _split_chain(indices, known, name in scheme.closed):
            points = vertices[chain]
            cv2.polylines(
                image, [points], closed, color, thickness, cv2.LINE_AA, _SHIFT
            )
    radius = max(1, round(radius * 2**_SHIFT))
    for vertex in vertices[known].tolist():
        cv2.circle(image, vertex, radius, color, -1, cv2.LINE_AA, _SHIFT)


def _split_chain(indices, known, is_closed):
    """Returns the pieces of a chain between missing points: (indices, closed) each."""
    if known[indices].all():
        return [(indices, is_closed)]
    path = np.append(indices, indices[:1]) if is_closed else indices
    gaps = np.flatnonzero(~known[path])
    return [(piece[known[piece]], False) for piece in np.split(path, gaps)]


def draw_face(image, box, score, points_image, scheme=IBUG68):
    """Draws a detected face into an (H, W, 3) uint8 RGB image: box, score, points.

    All is as thick as suits the face, in a thumbnail as in a large photo.

    Args:
        image: drawn into.
        box: (4,) float, image pixels.
        score: the detector's confidence; left out where it would hide the face.
        points_image: (P, 2) float, image pixels.
        scheme: Scheme of the points.
    """
    x0, y0, x1, y1 = np.round(box).astype(int).tolist()
    size = (x1 - x0 + y1 - y0) / 2
    width = max(1, round(size / 250))
    cv2.rectangle(image, (x0, y0), (x1, y1), _BOX, width, cv2.LINE_AA)
    thickness = width if size >= _SMALLEST_WITH_LINES else 0
    draw_points(image, points_image, _POINT, size / 200, thickness, scheme)
    scale = max(0.4, size / 500)
    text = f"{score:.2f}"
    bottom_left = _place_beside((x0, y0, x1, y1), text, scale, image.shape)
    if bottom_left:
        put_text(image, text, bottom_left, scale)


def put_text(image, text, bottom_left, scale=0.4):
    """Writes text in white on a dark rim, readable on any photo, into an RGB image.

    Args:
        image: (H, W, 3) uint8 RGB, drawn into.
        text: of ASCII letters; each other becomes a "?".
        bottom_left: (x, y) int, image pixels.
        scale: 1 makes capitals 22 pixels high.
    """
    text, stroke = _to_ascii(text), _stroke(scale)
    for color, width in ((_BLACK, 3 * stroke), (_WHITE, stroke)):
        cv2.putText(image, text, bottom_left, _FONT, scale, color, width, cv2.LINE_AA)


def require_display():
    """Makes sure that a window can be opened.

    Without a display, Qt ends the process before OpenCV can raise anything.

    Raises:
        InputError: there is no display.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise InputError("--disp: expected a display, found none")


def show_image(title, image, milliseconds):
    """Shows an RGB image in a window.

    Args:
        title: of the window.
        image: (H, W, 3) uint8 RGB.
        milliseconds: how long to wait for a key; 0 waits for ever.

    Returns:
        The key that was pressed, as a str; "" if none.

    Raises:
        InputError: there is no display.
    """
    require_display()
    try:
        cv2.imshow(title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(milliseconds)
    except cv2.error as error:
        raise InputError("--disp: expected a display, found none") from error
    return chr(key & 0xFF) if key >= 0 else ""


def draw_prediction(patch, predicted, truth, name, error, is_color=True, size=168):
    """Returns a tile of a mosaic: the enlarged patch with truth, prediction, caption.

    Args:
        patch: (N, N, 3) uint8 RGB.
        predicted, truth: (P, 2) float, crop-normalised; nan where a point is missing.
        name: of the photo, which stands under the patch; a long one loses its start.
        error: float, crop units (nan if not known), which stands under the name.
        is_color: False draws the patch in grey, as a grey model sees it.
        size: side of the enlarged patch.

    Returns:
        (size + caption, size, 3) uint8 RGB.
    """
    if not is_color:
        patch = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY)
        patch = cv2.cvtColor(patch, cv2.COLOR_GRAY2RGB)
    tile = np.zeros((size + _CAPTION_HEIGHT, size, 3), np.uint8)
    tile[:size] = cv2.resize(patch, (size, size), interpolation=cv2.INTER_CUBIC)
    draw_points(tile, truth * size - 0.5, TRUTH)
    draw_points(tile, predicted * size - 0.5, PREDICTION)
    tile[size:] = 0  # Points may leave the patch.
    put_text(tile, _shorten(name, size - 6), (3, size + 11), _CAPTION_SCALE)
    put_text(tile, f"{error:.4f}", (3, size + 25), _CAPTION_SCALE)
    return tile


def tile_images(images, columns):
    """Tiles images of one size into a grid, row by row; empty places are black.

    Args:
        images: list of (h, w, 3) uint8, at least one.
        columns: how many stand in a row.

    Returns:
        (rows * h, columns * w, 3) uint8.
    """
    columns = min(columns, len(images))
    blanks = [np.zeros_like(images[0])] * (-len(images) % columns)
    grid = np.stack([*images, *blanks])
    _, height, width, channels = grid.shape
    grid = grid.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(-1, columns * width, channels)


def _to_ascii(text):
    """Returns the text with a "?" for each letter that OpenCV cannot draw."""
    return text.encode("ascii", "replace").decode()


def _stroke(scale):
    """Returns how thick the strokes of letters are, in whole pixels."""
    return max(1, round(2 * scale))


def _text_size(text, scale):
    """Returns the size of a text without its rim: (width, height), in pixels."""
    return cv2.getTextSize(_to_ascii(text), _FONT, scale, _stroke(scale))[0]


def _shorten(text, width):
    """Returns the caption, or ".." and the longest end of it that fits into width."""
    texts = (text, *(f"..{text[start:]}" for start in range(3, len(text))))
    return next((t for t in texts if _text_size(t, _CAPTION_SCALE)[0] <= width), "")


def _place_beside(box, text, scale, shape):
    """Returns where a text stands above a box, below it or beside it.

    Args:
        box: (x0, y0, x1, y1) int, image pixels.
        text, scale: as for `put_text`.
        shape: (H, W, 3) of the image.

    Returns:
        (x, y) int of its bottom left; None if the image has no room, or if the text is
        wider than the box, as it would cover other faces then.
    """
    (x0, y0, x1, y1), (rows, columns) = box, shape[:2]
    (width, height), gap = _text_size(text, scale), round(10 * scale)
    if width > x1 - x0:
        return None
    across = min(max(x0, gap), columns - gap - width)
    down = min(max(y0, gap) + height, rows - gap)
    for x, y in (
        (across, y0 - gap),
        (across, y1 + gap + height),
        (x1 + gap, down),
        (x0 - gap - width, down),
    ):
        rim = gap // 2
        fits_across = rim <= x <= columns - rim - width
        if fits_across and rim + height <= y <= rows - rim:
            return x, y
    return None
