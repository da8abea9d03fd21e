"""Annotated faces, turned farther than they are: collections have few from the side.

Each pixel gets the depth of a mean head that is fitted to the points, is turned with
that head, and seen again: what comes nearer hides what is behind.

References:
    Zhu et al., Face Alignment Across Large Poses: a 3D Solution, CVPR 2016, for turning
    photos. Zhu et al., High-Fidelity Pose and Expression Normalization, CVPR 2015, for
    the outline that moves over a turned head.
"""

import cv2
import numpy as np

from landmark.face import pose
from landmark.face.scheme import IBUG68
from landmark.script.errors import InputError

# Of a head, what no point shows: forehead, hair, ears, neck; the left of the photo and
# the midline. Head coordinates, as all lengths here.
_AROUND_HALF = [
    (-0.50, -0.80, 0.00), (0.00, -0.85, 0.10), (-0.98, -0.60, -0.45),
    (-0.55, -1.30, -0.30), (0.00, -1.45, -0.25), (-1.15, -1.10, -0.95),
    (-1.32, -0.20, -1.05), (-1.30, 0.50, -1.10), (-0.95, 1.75, -0.75),
    (0.00, 2.25, -0.55), (-0.75, 2.40, -0.85),
]  # fmt: skip
_AROUND = np.unique(
    [point for x, y, z in _AROUND_HALF for point in ((x, y, z), (-x, y, z))], axis=0
)
# What is behind the head: rings around it at one depth.
_RINGS, _RING_POINTS, _BEHIND = (2.5, 4.5), 16, -1.5
_PIVOT = (0.0, 0.5, -0.6)
_OUTLINE = IBUG68.chains["jaw"]
_MIDLINE = 27, 57  # Between the eyes, and below the mouth: outlines end beside them.
_INWARD = np.linspace(0, 0.6, 25)  # Of the way to the midline: where an outline may be.
# Rows and columns in which it is reckoned what is seen where, and of those the depth.
_CELLS, _DEPTHS = 128, 64
_SAMPLES = 3  # In a row of a cell: as much as a surface may be stretched.
_BEYOND = 0.2  # Of the patch's side: around it pixels of its edge are seen.


def turn_face(patch, points, turn):
    """Turns a face in the picture, and its points.

    Args:
        patch: (W, W, 3) uint8.
        points: (68, 2) float, over the patch, 0..1, of ibug68, none missing.
        turn: yaw and pitch in degrees, as in `pose.to_angles`, that are added.

    Returns:
        (W, W, 3) uint8, and (68, 2) float: new ones, with the middle of the points'
        bounding box where it was.

    Raises:
        InputError: nothing of the face is in the patch.
    """
    size = len(patch)
    head = _Head(points * size - 0.5, turn)
    outline = head.see(*head.outline())
    moved = head.see(head.points, head.depth_of_points)
    moved[_OUTLINE] = outline
    shift = _middle(points * size - 0.5) - _middle(moved)
    lookup = _find_lookup(head, size, shift)
    turned = cv2.remap(
        patch, lookup, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return turned, (moved + shift + 0.5) / size


def _middle(pixels):
    return (pixels.min(axis=0) + pixels.max(axis=0)) / 2


class _Head:
    """A mean head that is fitted to a face, and how it will be turned.

    Args:
        pixels: (68, 2) float.
        turn: (yaw, pitch) to be added, degrees.

    Attributes:
        points: (68, 2) float, seen from the camera, in head units.
        depth_of_points: (68,) float, the higher the nearer.
    """

    def __init__(self, pixels, turn):
        rotation = pose.head_rotation(pixels, IBUG68)
        turned = pose.to_rotation(pose.to_angles(rotation) + (*turn, 0))
        self._more = turned @ rotation.T
        self._pivot = rotation @ _PIVOT
        solid = pose.mean_face() @ rotation.T
        rigid = solid[pose.RIGID, :2]
        spread = rigid - rigid.mean(axis=0)
        seen = pixels[pose.RIGID]
        self._scale = (spread * (seen - seen.mean(axis=0))).sum() / (spread**2).sum()
        self._offset = seen.mean(axis=0) - self._scale * rigid.mean(axis=0)
        self.points, self.depth_of_points = self.to_head(pixels), solid[:, 2]
        around = _AROUND @ rotation.T
        angles = np.linspace(0, 2 * np.pi, _RING_POINTS, endpoint=False)
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        rings = np.concatenate([radius * circle for radius in _RINGS])
        places = [self.points, around[:, :2], rings + self._pivot[:2]]
        depths = [solid[:, 2], around[:, 2], np.full(len(rings), _BEHIND)]
        self._surface = _ThinPlate(np.concatenate(places), np.concatenate(depths))

    def to_head(self, pixels):
        """Pixels -> head units. (..., 2) float."""
        return (pixels - self._offset) / self._scale

    def depth(self, places):
        """Returns the depth of what is seen at places, (..., 2), in head units."""
        return self._surface(places)

    def turn(self, places, depth):
        """Turns what is seen at places, (..., 2), with its depth: (..., 3) float."""
        solid = np.concatenate([places, depth[..., None]], axis=-1) - self._pivot
        return solid @ self._more.T + self._pivot

    def to_pixels(self, places):
        """Head units -> pixels; the inverse of `to_head`."""
        return places * self._scale + self._offset

    def see(self, places, depth):
        """Returns in which pixels that is when it has been turned: (..., 2) float."""
        return self.to_pixels(self.turn(places, depth)[..., :2])

    def outline(self):
        """Returns places (17, 2) and depths of what will be the outline of the face.

        On the way from a point of the outline to the midline, it is what will be
        seen the farthest out.
        """
        top, bottom = pose.mean_face()[list(_MIDLINE), 1]
        down = np.clip((pose.mean_face()[_OUTLINE, 1] - top) / (bottom - top), 0, 1)
        low, high = self.points[list(_MIDLINE)]
        ends = low + down[:, None] * (high - low)
        starts = self.points[_OUTLINE]
        ways = starts[:, None] + _INWARD[:, None] * (ends - starts)[:, None]
        depths = self.depth(ways)
        seen = self.turn(ways, depths)[..., :2]
        farthest = np.einsum("ijk,ik->ij", seen, starts - ends).argmax(axis=1)
        rows = np.arange(len(ways))
        return ways[rows, farthest], depths[rows, farthest]


class _ThinPlate:
    """The smoothest surface through heights at places, (N, 2) and (N,).

    References:
        Bookstein, Principal Warps, PAMI 1989.
    """

    def __init__(self, places, heights):
        self._places = places
        plane = np.pad(places, ((0, 0), (1, 0)), constant_values=1)
        kernel = self._kernel(places) + 1e-3 * np.eye(len(places))
        system = np.block([[kernel, plane], [plane.T, np.zeros((3, 3))]])
        self._weights = np.linalg.solve(system, np.append(heights, np.zeros(3)))

    def _kernel(self, places):
        squares = ((places[..., None, :] - self._places) ** 2).sum(axis=-1)
        return squares * np.log(np.maximum(squares, 1e-12))

    def __call__(self, places):
        weights, plane = self._weights[:-3], self._weights[-3:]
        return self._kernel(places) @ weights + places @ plane[1:] + plane[0]


def _find_lookup(head, size, shift):
    """Returns (W, W, 2) float32: which pixel of the patch each pixel will show."""
    low, high = -_BEYOND * size, (1 + _BEYOND) * size
    fine = _grid(low, high, round((1 + 2 * _BEYOND) * _SAMPLES * _CELLS))
    depth = head.depth(head.to_head(_grid(low, high, _DEPTHS)))
    depth = cv2.resize(depth, fine.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    places = head.to_head(fine)
    seen = head.turn(places, depth)
    cells = np.floor((head.to_pixels(seen[..., :2]) + shift + 0.5) * _CELLS / size)
    inside = ((cells >= 0) & (cells < _CELLS)).all(axis=-1)
    # The nearest are written last, and so stay.
    order = np.argsort(seen[inside][:, 2], kind="stable")
    column, row = cells[inside][order].astype(int).T
    lookup = np.full((_CELLS, _CELLS, 2), np.nan, np.float32)
    lookup[row, column] = fine[inside][order]
    shape = (size, size)
    return cv2.resize(_fill(lookup), shape, interpolation=cv2.INTER_LINEAR)


def _grid(low, high, count):
    """Returns (count, count, 2) float64: (x, y) of the middles of so many cells."""
    ticks = low + (np.arange(count) + 0.5) / count * (high - low) - 0.5
    return np.stack(np.meshgrid(ticks, ticks), axis=-1)


def _fill(lookup):
    """Fills holes (nan) of (H, W, 2) float32 by what is around; takes grains out."""
    if np.isnan(lookup).all():
        raise InputError("expected a face in the patch, found none of it to be seen")
    while np.isnan(lookup).any():
        known = np.isfinite(lookup[..., :1]).astype(np.float32)
        total = cv2.blur(np.nan_to_num(lookup), (3, 3))
        share = cv2.blur(known, (3, 3))[..., None]
        grown = np.where(share > 0.01, total / np.maximum(share, 0.01), np.nan)
        lookup = np.where(known > 0, lookup, grown).astype(np.float32)
    return cv2.merge([cv2.medianBlur(channel, 3) for channel in cv2.split(lookup)])
