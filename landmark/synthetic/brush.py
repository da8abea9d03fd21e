"""Curves, and how they are put on a canvas."""

import cv2
import numpy as np


def circle(n):
    """Returns points of the unit circle: (n, 2)."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)])


_SPLINE = 0.5 * np.array([[-1, 3, -3, 1], [2, -5, 4, -1], [-1, 0, 1, 0], [0, 2, 0, 0]])
# Weights of four neighbours at five places between the middle two: (5, 4).
_CATMULL_ROM = np.vander(np.arange(5) / 5, 4) @ _SPLINE


def smooth(points):
    """Returns a curve through (n, 2) points: (5n - 4, 2)."""
    points = np.asarray(points)
    padded = np.concatenate([points[:1], points, points[-1:]])
    spans = np.stack([padded[i : i + len(points) - 1] for i in range(4)], axis=1)
    return np.concatenate([(_CATMULL_ROM @ spans).reshape(-1, 2), points[-1:]])


def interpolate(knots, at):
    """Returns places of the curve that `smooth` draws.

    Args:
        knots: (n, d) float.
        at: (m,) float, 0 for the first knot, n - 1 for the last.

    Returns:
        (m, d) float.

    Raises:
        ValueError: a place is not on the curve.
    """
    at = np.asarray(at, float)
    if not ((at >= 0) & (at <= len(knots) - 1)).all():
        raise ValueError(f"expected 0..{len(knots) - 1}, found {at}")
    padded = np.concatenate([knots[:1], knots, knots[-1:], knots[-1:]])
    first = np.floor(at).astype(int)
    spans = np.stack([padded[first + i] for i in range(4)], axis=1)
    weights = np.vander(at - first, 4) @ _SPLINE
    return np.einsum("mk,mkd->md", weights, spans)


def fill(canvas, curve, colour):
    """Fills a closed curve, (n, 2) pixels, with sub-pixel antialiased edges."""
    vertices = np.round(curve * 16).astype(np.int32)
    cv2.fillPoly(canvas, [vertices], np.asarray(colour, float).tolist(), cv2.LINE_AA, 4)


def fill_between(canvas, curve, other, colour):
    """Fills the area between two curves that run the same way."""
    fill(canvas, np.concatenate([curve, other[::-1]]), colour)


def stroke(canvas, curve, colour, width, taper=0.3):
    """Paints along a curve: `width` pixels in its middle, `taper` of it at its ends."""
    along = np.gradient(curve, axis=0)
    normal = along[:, ::-1] * (-1, 1) / np.hypot(*along.T)[:, None].clip(1e-6)
    bulge = np.sin(np.linspace(0, np.pi, len(curve)))[:, None]
    # fillPoly itself spreads about half a pixel each way.
    half = np.maximum(width / 2 * (taper + (1 - taper) * bulge) - 0.5, 0.05) * normal
    fill_between(canvas, curve + half, curve - half, colour)
