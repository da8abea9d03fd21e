"""Pictures to look at: points on photos, patches in a grid, a window."""

import os
import sys

import cv2
import numpy as np

from landmark.face import points as ibug
from landmark.script.errors import InputError

TRUTH = (0, 200, 0)
PREDICTION = (255, 40, 40)
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_SHIFT = 4  # cv2 takes vertices in sixteenths of a pixel.
_CAPTION_HEIGHT = 16


def draw_points(image, points_image, color, radius=1, lines=False):
    """Draws points, and if asked the chains through them, into an image.

    Args:
        image: (H, W, 3) uint8 RGB, drawn into.
        points_image: (68, 2) float, image pixels.
        color: RGB.
        radius: of a point's dot, in pixels.
        lines: also join the points of each chain.
    """
    vertices = np.round(np.asarray(points_image) * 2**_SHIFT).astype(np.int32)
    if lines:
        for name in ibug.CHAINS:
            chain = vertices[ibug.chain_indices(name)]
            closed = name in ibug.CLOSED_CHAINS
            cv2.polylines(image, [chain], closed, color, 1, cv2.LINE_AA, _SHIFT)
    for x, y in vertices.tolist():
        cv2.circle(image, (x, y), radius << _SHIFT, color, -1, cv2.LINE_AA, _SHIFT)


def draw_face(image, box, score, points_image):
    """Draws a detected face into an (H, W, 3) uint8 RGB image: box, score, points.

    Args:
        image: drawn into.
        box: (4,) float, image pixels.
        score: the detector's confidence.
        points_image: (68, 2) float, image pixels.
    """
    x0, y0, x1, y1 = np.round(box).astype(int).tolist()
    # Strokes that suit the face, in a thumbnail as in a large photo.
    width = max(1, round((x1 - x0) / 250))
    cv2.rectangle(image, (x0, y0), (x1, y1), (255, 200, 0), width, cv2.LINE_AA)
    put_text(image, f"{score:.2f}", (x0 + 2, max(y0 - 4, 11)), 0.4 + 0.1 * (width - 1))
    draw_points(image, points_image, (0, 255, 0), radius=width, lines=True)


def put_text(image, text, bottom_left, scale=0.4):
    """Writes text in white on a dark rim, readable on any photo, into an RGB image."""
    for color, width in ((_BLACK, 3), (_WHITE, 1)):
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(image, text, bottom_left, font, scale, color, width, cv2.LINE_AA)


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


def draw_prediction(patch, predicted, truth, caption, size=168):
    """Returns a tile of a mosaic: the enlarged patch with truth, prediction, caption.

    Args:
        patch: (N, N, 3) uint8 RGB.
        predicted, truth: (68, 2) float, crop-normalised.
        caption: a short text to stand under the patch.
        size: side of the enlarged patch.

    Returns:
        (size + caption, size, 3) uint8 RGB.
    """
    tile = np.zeros((size + _CAPTION_HEIGHT, size, 3), np.uint8)
    tile[:size] = cv2.resize(patch, (size, size), interpolation=cv2.INTER_CUBIC)
    draw_points(tile, truth * size - 0.5, TRUTH)
    draw_points(tile, predicted * size - 0.5, PREDICTION)
    tile[size:] = 0  # Points may leave the patch.
    put_text(tile, caption, (3, size + 12))
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
