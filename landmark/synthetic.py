"""Seeded synthetic faces whose 68 points are known exactly.

A solid mean face is varied, posed and drawn back to front; every drawn edge passes
through the points that name it. Good for tests and for a demo that trains in
minutes; no substitute for photos.

Head coordinates are in inter-pupil distances: origin between the eyes, x to the
right of the photo, y down, z towards the camera.
"""

import dataclasses

import cv2
import numpy as np

from landmark.points import FLIP, NUM_POINTS, chain_indices

# The subject's right half and the midline: point -> (x, y, z). x and y are averages
# over annotated photos, z is modelled.
_MEAN_HALF = {
    0: (-1.15, 0.03, -0.80), 1: (-1.14, 0.33, -0.78), 2: (-1.10, 0.63, -0.72),
    3: (-1.04, 0.93, -0.62), 4: (-0.92, 1.20, -0.46), 5: (-0.74, 1.44, -0.28),
    6: (-0.52, 1.64, -0.10), 7: (-0.28, 1.80, 0.05), 8: (0.00, 1.84, 0.12),
    17: (-0.92, -0.21, -0.28), 18: (-0.78, -0.34, -0.06), 19: (-0.58, -0.37, 0.08),
    20: (-0.38, -0.35, 0.15), 21: (-0.19, -0.27, 0.18), 27: (0.00, -0.03, 0.17),
    28: (0.00, 0.17, 0.30), 29: (0.00, 0.36, 0.44), 30: (0.00, 0.56, 0.56),
    31: (-0.23, 0.70, 0.18), 32: (-0.12, 0.74, 0.26), 33: (0.00, 0.77, 0.32),
    36: (-0.69, 0.00, -0.16), 37: (-0.57, -0.07, -0.04), 38: (-0.42, -0.07, 0.00),
    39: (-0.30, 0.03, -0.02), 40: (-0.43, 0.06, -0.01), 41: (-0.58, 0.05, -0.05),
    48: (-0.44, 1.07, 0.06), 49: (-0.28, 1.00, 0.20), 50: (-0.11, 0.97, 0.29),
    51: (0.00, 1.00, 0.30), 57: (0.00, 1.31, 0.27), 58: (-0.12, 1.30, 0.25),
    59: (-0.28, 1.23, 0.17), 60: (-0.37, 1.08, 0.08), 61: (-0.12, 1.07, 0.25),
    62: (0.00, 1.08, 0.26), 66: (0.00, 1.16, 0.25), 67: (-0.12, 1.15, 0.24),
}  # fmt: skip

# Closes the outline over the forehead, from the left temple to the right one.
_FOREHEAD = np.array(
    [(1.16, -0.30, -0.85), (1.12, -0.75, -0.85), (0.92, -1.20, -0.80),
     (0.52, -1.52, -0.75), (0.00, -1.64, -0.70), (-0.52, -1.52, -0.75),
     (-0.92, -1.20, -0.80), (-1.12, -0.75, -0.85), (-1.16, -0.30, -0.85)]
)  # fmt: skip

# Colours from dark to light, RGB; a photo takes one anywhere along the list.
_SKINS = [(72, 46, 34), (125, 82, 56), (180, 126, 92), (218, 168, 136), (242, 208, 186)]
_HAIRS = [(24, 20, 20), (60, 40, 28), (110, 70, 42), (120, 118, 116), (200, 165, 105)]
_LIPS = [(120, 60, 58), (180, 80, 84), (198, 116, 108), (176, 40, 62)]
_IRISES = [(50, 32, 22), (100, 66, 36), (96, 112, 66), (90, 130, 165)]

_JAW, _NOSTRILS = chain_indices("jaw"), chain_indices("nostrils")
_RIGHT_BROW, _LEFT_BROW = chain_indices("right_brow"), chain_indices("left_brow")
_RIGHT_EYE, _LEFT_EYE = chain_indices("right_eye"), chain_indices("left_eye")
_BRIDGE = chain_indices("nose_bridge")
_OUTER, _INNER = chain_indices("outer_lips"), chain_indices("inner_lips")
_NOSE, _MOUTH = np.r_[_BRIDGE, _NOSTRILS], np.r_[_OUTER, _INNER]


def mean_face():
    """Returns the symmetric mean face: (68, 3) float64, head coordinates."""
    face = np.zeros((NUM_POINTS, 3))
    for i, xyz in _MEAN_HALF.items():
        face[i] = xyz
        face[FLIP[i]] = np.multiply(xyz, (-1, 1, 1))
    return face


def draw_face(rng, size=320):
    """Draws one photo with one face.

    Args:
        rng: numpy.random.Generator, the only source of chance.
        size: longer side of the photo in pixels.

    Returns:
        (image, points_image): (H, W, 3) uint8 RGB; (68, 2) float64, image pixels,
        x before y, (0, 0) being the centre of the top-left pixel. Most faces lie
        wholly inside the photo; a few lose part of the jaw over its border.
    """
    aspect = rng.choice([0.67, 0.75, 1.0])
    shape = [size, round(size * aspect)]
    height, width = rng.permutation(shape)
    head = _pose(rng, _sample_face(rng), width, height)
    look = _sample_look(rng)
    image = _draw_background(rng, width, height)
    _draw_body(rng, image, head, look)
    _draw_skin(image, head, look)
    _draw_nose(image, head, look)
    _draw_mouth(rng, image, head, look)
    _draw_eyes(rng, image, head, look)
    _draw_brows(rng, image, head, look)
    image = _shade(rng, image, head, look)
    _draw_hair(rng, image, head, look)
    if rng.random() < 0.2:
        _draw_glasses(rng, image, head)
    if rng.random() < 0.2:
        _draw_occluder(rng, image, head, look)
    return _photograph(rng, image), head.points


# Shape, expression and pose.


@dataclasses.dataclass
class _Head:
    """A posed head.

    Attributes:
        points: (68, 2) float64, image pixels.
        rim: (26, 2) float64, image pixels: the jaw, then the forehead's outline.
        rotation: (3, 3) float64, head coordinates to camera.
        scale: pixels per inter-pupil distance.
        offset: (2,) float64, image pixels of the origin.
    """

    points: np.ndarray
    rim: np.ndarray
    rotation: np.ndarray
    scale: float
    offset: np.ndarray

    def project(self, solid):
        """(..., 3) head coordinates -> (..., 2) image pixels."""
        return np.asarray(solid) @ self.rotation[:2].T * self.scale + self.offset

    def shift(self, x, y):
        """A step across and down the face, in image pixels: (2,)."""
        return self.rotation[:2, :2] @ (x, y) * self.scale

    def outline(self, centre, radii):
        """Silhouette of an ellipsoid in head coordinates: (40, 2) image pixels."""
        axes = self.rotation[:2] * radii
        reach = np.linalg.cholesky(axes @ axes.T) * self.scale
        return self.project(centre) + _circle(40) @ reach.T


def _sample_face(rng):
    """Returns a face of random shape and expression: (68, 3), head coordinates."""
    face = mean_face()

    def stretch(index, sd_x, sd_y, about=None):
        about = face[index].mean(0)[:2] if about is None else about
        factors = 1 + np.clip(rng.normal(0, (sd_x, sd_y)), -0.25, 0.25)
        face[index, :2] = about + (face[index, :2] - about) * factors

    stretch(_JAW, 0.05, 0.05, about=(0, 0))
    stretch(_NOSE, 0.02, 0.06, about=(0, 0))
    stretch(_NOSTRILS, 0.12, 0.02)
    stretch(_MOUTH, 0.10, 0.10)
    eyes = 1 + rng.normal(0, (0.05, 0.15)).clip(-0.25, 0.25)
    slant = rng.normal(0, 0.05)
    for eye in (_RIGHT_EYE, _LEFT_EYE):
        centre = face[eye, :2].mean(0)
        face[eye, :2] = centre + (face[eye, :2] - centre) * eyes
        face[eye, 1] += slant * (abs(face[eye, 0]) - abs(centre[0]))
    # A squarer or a more pointed jaw: its lower half spreads or closes.
    face[_JAW, 0] *= 1 + rng.normal(0, 0.06) * face[_JAW, 1] / 1.8
    face[_JAW, 1] += rng.normal(0, 0.05) * (face[_JAW, 1] > 1)
    face[_MOUTH, 1] += rng.normal(0, 0.04)
    face[_NOSE, 2] *= 1 + rng.normal(0, 0.12)
    _express(rng, face)
    # No face is symmetric.
    face[:, 1] += rng.normal(0, 0.015) * face[:, 0]
    face[:, 0] += rng.normal(0, 0.015) * face[:, 1]
    face[:, :2] += rng.normal(0, 0.006, (NUM_POINTS, 2))
    return face


def _express(rng, face):
    """Gives `face`, (68, 3) in head coordinates, an expression, in place."""
    upper, lower = [61, 62, 63], [67, 66, 65]
    gap = (face[lower, 1] - face[upper, 1]).mean()
    opening = rng.choice([0, rng.uniform(0, 0.15), rng.uniform(0.1, 0.6)]) - gap
    face[[*lower, 55, 56, 57, 58, 59], 1] += opening * np.r_[1, 1, 1, 0.8, 1, 1, 1, 0.8]
    face[[48, 54, 60, 64], 1] += 0.45 * opening
    face[_JAW, 1] += max(opening, 0) * 0.7 * np.clip(face[_JAW, 1] / 1.8, 0, 1) ** 2
    smile = np.clip(rng.normal(0.3, 0.6), -1, 1.5)
    side = np.clip(face[_MOUTH, 0] / 0.44, -1, 1)
    face[_MOUTH, 0] += 0.07 * smile * side
    face[_MOUTH, 1] -= 0.09 * smile * (side**2 - 0.3)
    openness = rng.choice([0, rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.3)], p=[0.1, 0.2, 0.7])
    raised, frown = rng.normal(0, 0.05) + 0.05 * (openness > 1), rng.normal(0, 0.03)
    for brow, eye in ((_RIGHT_BROW, _RIGHT_EYE), (_LEFT_BROW, _LEFT_EYE)):
        corner, upper, lower = eye[[0, 3]], eye[[1, 2]], eye[[5, 4]]
        # Lids meet low, on a line between the corners that sags a little.
        meeting = 0.25 * face[upper] + 0.75 * face[lower]
        face[upper] = meeting + (face[upper] - meeting) * openness
        face[lower] = meeting + (face[lower] - meeting) * openness
        face[corner, 1] += 0.01 * (openness == 0)
        inner = 1 - np.clip((abs(face[brow, 0]) - 0.19) / 0.73, 0, 1)
        face[brow, 1] += frown * (inner - 0.4) - raised


def _pose(rng, face, width, height):
    """Turns, scales and places `face`, (68, 3), in a photo; returns a _Head."""
    yaw, pitch, roll = np.radians(
        np.clip(rng.normal(0, (20, 8, 10)), (-45, -20, -30), (45, 20, 30))
    )
    (cy, cp, cr), (sy, sp, sr) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])

    forehead = _FOREHEAD * (face[16, 0] / 1.15, rng.uniform(0.93, 1.07), 1)
    rim = np.concatenate([face[_JAW], forehead])
    rim = _slide_to_silhouette(rim, yaw)
    face = face.copy()
    face[_JAW] = rim[_JAW]
    head = _Head(face[:, :2], rim[:, :2], tilt @ nod @ turn, 1.0, np.zeros(2))
    points = head.project(face)
    span = np.ptp(points, axis=0)
    head.scale = rng.uniform(0.38, 0.62) * min(width, height) / span.max()
    low, span = points.min(0) * head.scale, span * head.scale
    # Negative room lets the face cross the border.
    margin = span.max() * (-0.06 if rng.random() < 0.06 else 0.03)
    room = np.array([width, height]) - 1 - span - 2 * margin
    head.offset = margin + room * rng.beta(1.6, 1.6, 2) - low
    head.points, head.rim = head.project(face), head.project(rim)
    return head


def _slide_to_silhouette(rim, yaw):
    """Moves the far side of the outline to where the cheek hides the rest.

    Annotators mark the jaw on the visible edge of a turned face. Each level of the
    head is taken as half an ellipse, from the rim at its side to the cheek in front;
    the visible edge is the point of that ellipse that reaches furthest sideways.

    Args:
        rim: (n, 3) float64, head coordinates.
        yaw: radians, positive when the nose turns to the right of the photo.

    Returns:
        (n, 3) float64, head coordinates.
    """
    x, y, z = rim.T
    depth = np.clip(0.06 - z, 0, None) * np.clip(abs(x) / 0.7, 0, 1)
    far = x * yaw > 0
    angle = far * np.arctan2(depth * np.sin(abs(yaw)), abs(x) * np.cos(yaw) + 1e-9)
    return np.stack([x * np.cos(angle), y, z + depth * np.sin(angle)], axis=1)


# Strokes and fills.


def _circle(n):
    """The unit circle: (n, 2)."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


_T = np.linspace(0, 1, 5, endpoint=False)[:, None]
_CATMULL_ROM = 0.5 * np.hstack(
    [-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3,
     _T + 4 * _T**2 - 3 * _T**3, -(_T**2) + _T**3]
)  # fmt: skip


def _smooth(points):
    """A Catmull-Rom curve through (n, 2) points, its ends included."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    spans = np.stack([padded[i : len(points) - 1 + i] for i in range(4)])
    curve = np.einsum("tk,kns->nts", _CATMULL_ROM, spans).reshape(-1, 2)
    return np.concatenate([curve, points[-1:]])


def _loop(points, *corners):
    """A closed curve through (n, 2) points that stays sharp at the corners."""
    ring = np.concatenate([points, points[:1]])
    bounds = [0, *corners, len(points)]
    runs = [_smooth(ring[a : b + 1])[:-1] for a, b in zip(bounds, bounds[1:])]
    return np.concatenate(runs)


def _fill(canvas, curve, colour):
    """Fills the inside of a closed curve, (n, 2) pixels; sub-pixel, antialiased."""
    vertices = np.round(curve * 16).astype(np.int32)
    colour = np.clip(colour, 0, 255).astype(float).tolist()
    cv2.fillPoly(canvas, [vertices], colour, cv2.LINE_AA, 4)


def _stroke(canvas, curve, colour, width, taper=0.3):
    """Draws a brush stroke along a curve: full in its middle, `taper` at its ends."""
    along = np.gradient(curve, axis=0)
    normal = along[:, ::-1] * (-1, 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    bulge = np.sin(np.linspace(0, np.pi, len(curve)))[:, None]
    # fillPoly itself spreads about half a pixel each way.
    half = np.maximum(width / 2 * (taper + (1 - taper) * bulge) - 0.5, 0.05)
    ribbon = np.concatenate([curve + normal * half, (curve - normal * half)[::-1]])
    _fill(canvas, ribbon, colour)
