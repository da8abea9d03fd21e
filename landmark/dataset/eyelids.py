"""Eyes of annotated faces, closed: collections have few of them.

The skin above an eye is stretched over it, as its lid comes down, and that below rises
a little. All is done in the eye's own frame: x from one corner, 0, to the other, 1, and
y down from the line between them.
"""

import cv2
import numpy as np

from landmark.face.scheme import IBUG68

_EYES = ("right_eye", "right_brow"), ("left_eye", "left_brow")
# All lengths are fractions of the eye's width.
_MEETING = 0.8  # Of the way down that the upper lid goes when an eye closes.
_TO_BROW = 0.6  # Of the way to the brow's line: skin above that stays.
_BELOW = 0.3  # Skin farther below the lower lid stays.
_LASHES = 0.11  # Beyond a lid's points its skin begins.
_LEAST = 0.35  # Rows of the photo in a row of the lid, where it is stretched most.
_MOVED = 0.1  # A lid that has gone so far looks as one that has gone farther.
# A lid is as light as the skin around the eye, where no lash or fold is.
_TONE = 0.85  # Share of that skin in its colour; the rest is what was stretched.
_TONED = 0.3, 0.15  # Above its old place a lid begins to have it, and all of it.
_CLEAN = 0.8  # Of the way from the upper lid to what stays: one skin that is taken.
_CHEEK = 0.5  # Below the lower lid: the other one.
_SMOOTH = 0.1  # Deviation of their blur.
_SHADOW = 0.65  # Share of the light that lashes take where the lids meet,
_SHADE = 0.045, 0.1  # and the deviations of that, up and down.
_NARROWEST = 6  # Pixels between the corners; no lid is seen in less.


def close_eyes(patch, points, shares):
    """Closes the eyes of a face, in the picture and in its points.

    Args:
        patch: (W, W, 3) uint8.
        points: (68, 2) float, crop-normalised, of ibug68; nan where missing.
        shares: of the right eye and of the left: how far its lids go, from 0, as they
            are, to 1, closed.

    Returns:
        (W, W, 3) uint8, and (68, 2) float: new ones. Only the points of the lids move.
        An eye stays as it is if points of it are missing, or if it is seen from the
        side.
    """
    patch, points = patch.copy(), np.array(points, float)
    pixels = points * len(patch) - 0.5
    for (eye, brow), share in zip(_EYES, shares, strict=True):
        indices = IBUG68.chains[eye]
        frame = _Frame(pixels[indices], pixels[IBUG68.chains[brow]])
        if share > 0 and frame.is_seen:
            _paint(patch, frame, share)
            points[indices] = (frame.closed_points(share) + 0.5) / len(patch)
    return patch, points


class _Frame:
    """An eye's own frame, its lids and what is around them.

    Args:
        lids: (6, 2) float, pixels: corner, upper lid, corner, lower lid.
        brow: (5, 2) float, pixels.

    Attributes:
        width: pixels from corner to corner.
        down: (2,) float, pixels of a step of 1 in y.
        is_seen: whether there is an eye to close.
        above: how far above the upper lid skin moves.
    """

    def __init__(self, lids, brow):
        self._origin, axis = lids[0], lids[3] - lids[0]
        self.width = np.linalg.norm(axis)
        self._axes = np.array([axis, (-axis[1], axis[0])]) / max(self.width, 1e-9)
        self.down = self._axes[1] * self.width
        self._lids, brow = self.to_eye(lids), self.to_eye(brow)
        self.is_seen = bool(self.width >= _NARROWEST) and self._is_whole()
        if self.is_seen:
            upper, lower = self._lids[[1, 2]], self._lids[[5, 4]]
            self._curves = _fit(upper), _fit(lower)
            gap = upper[:, 1].min() - brow[:, 1].max()
            gap = 0.5 if np.isnan(gap) else gap
            self.above = np.clip(_TO_BROW * gap, 0.15, 0.6)

    def _is_whole(self):
        """Whether all is there, in its order, and no lid beyond the other."""
        upper, lower = self._lids[[1, 2]], self._lids[[5, 4]]
        in_order = [
            0.05 < first < second - 0.1 < 0.85
            for first, second in (upper[:, 0], lower[:, 0])
        ]
        return all(in_order) and bool((lower[:, 1] >= upper[:, 1]).all())

    def to_eye(self, pixels):
        """Pixels -> the eye's frame. (..., 2) float."""
        return (pixels - self._origin) @ self._axes.T / max(self.width, 1e-9)

    def to_pixels(self, places):
        """The eye's frame -> pixels; the inverse of `to_eye`."""
        return places @ self._axes * self.width + self._origin

    def edges(self, x):
        """Returns y of the upper and of the lower lid at x, (...) -> two of (...)."""
        room = np.clip(x, 0, 1) * (1 - np.clip(x, 0, 1))
        upper, lower = (room * (a + b * x) for a, b in self._curves)
        return upper, np.maximum(lower, upper)

    def closing_edges(self, x, share):
        """Returns y of both lids when they have gone a share of their way."""
        upper, lower = self.edges(x)
        meeting = upper + _MEETING * (lower - upper)
        return upper + share * (meeting - upper), lower + share * (meeting - lower)

    def closed_points(self, share):
        """Returns the (6, 2) points, pixels. Closed, they lie on each other."""
        lids = self._lids.copy()
        for above, below in ((1, 5), (2, 4)):
            pair = [above, below]
            middle = lids[pair, 0].mean()
            lids[pair, 0] += share * (middle - lids[pair, 0])
            upper, lower = self.closing_edges(lids[pair, 0], share)
            lids[pair, 1] = upper[0], lower[1]
        return self.to_pixels(lids)


def _fit(lid):
    """Returns (a, b) of the curve x (1 - x) (a + b x) through two points, (2, 2)."""
    x, y = lid.T
    b, a = np.polyfit(x, y / (x * (1 - x)), 1)
    return a, b


def _paint(patch, frame, share):
    """Draws the lids of an eye, in place."""
    window = frame.to_pixels(np.array([(0, -1.5), (1, -1.5), (0, 1), (1, 1)]))
    x0, y0 = np.maximum(np.floor(window.min(axis=0)).astype(int), 0)
    x1, y1 = np.maximum(np.ceil(window.max(axis=0)).astype(int) + 1, 0)
    area = patch[y0:y1, x0:x1]
    if not area.size:
        return
    rows, columns = np.mgrid[: area.shape[0], : area.shape[1]]
    grid = np.stack([columns + x0, rows + y0], axis=-1)
    x, y = np.moveaxis(frame.to_eye(grid), -1, 0)
    edges, closing = frame.edges(x), frame.closing_edges(x, share)
    shifts = _shifts(y, edges, closing, frame.above)
    upper, lower = (_sample(patch, grid, shift, frame) for shift in shifts)
    moved = np.clip((closing[0] - edges[0]) / _MOVED, 0, 1)
    tone = _TONE * moved * np.interp(edges[0] - y, _TONED[::-1], (1, 0))
    upper += tone[..., None] * (_skin_around(patch, grid, y, edges, frame) - upper)
    painted = area.astype(float)
    # An edge is a pixel wide. Of closed lids none shows what is behind.
    for lid, beyond in (
        (lower, (y - closing[1]) * frame.width + share),
        (upper, (closing[0] - y) * frame.width),
    ):
        painted += np.clip(beyond + 0.5, 0, 1)[..., None] * (lid - painted)
    below = y - closing[0]
    shade = np.exp(-((below / np.where(below < 0, *_SHADE)) ** 2) / 2)
    shade *= _SHADOW * moved
    painted *= 1 - shade[..., None]
    low, high = edges[0] - frame.above, edges[1] + _BELOW
    inside = (x > 0) & (x < 1) & (y > low) & (y < high)
    area[inside] = np.clip(np.rint(painted[inside]), 0, 255).astype(np.uint8)


def _shifts(y, edges, closing, above):
    """Returns from how far away, in y, skin comes, of both lids: two of (h, w).

    Skin stays where it is at the end of what moves, and near the lid goes with it.
    """
    for sign, edge, closed, reach in (
        (1, edges[0], closing[0], above),
        (-1, edges[1], closing[1], _BELOW),
    ):
        gone = sign * (closed - edge)
        length = reach + gone
        gone = gone + _LASHES * np.clip(gone / _MOVED, 0, 1)
        along = np.clip((sign * (y - edge) + reach) / length, 0, 1)
        power = np.clip((1 - _LEAST) * length / np.maximum(gone, 1e-9), 1, 2)
        yield -sign * gone * along**power


def _skin_around(patch, grid, y, edges, frame):
    """Returns (h, w, 3) float between the colours of skin above and below an eye."""
    smooth = cv2.GaussianBlur(patch, (0, 0), _SMOOTH * frame.width)
    rows = edges[0] - _CLEAN * frame.above, edges[1] + _CHEEK
    above, below = (_sample(smooth, grid, row - y, frame) for row in rows)
    way = 0.4 + (y - edges[0]) / np.maximum(edges[1] - edges[0], 1e-9)
    return above + np.clip(way, 0, 1)[..., None] * (below - above)


def _sample(patch, grid, shift, frame):
    """Returns (h, w, 3) float of a patch at pixels (h, w, 2), moved by (h, w) in y."""
    at = (grid + shift[..., None] * frame.down).astype(np.float32)
    border = cv2.BORDER_REPLICATE
    return cv2.remap(patch, at, None, cv2.INTER_LINEAR, borderMode=border).astype(float)
