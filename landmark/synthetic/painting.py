"""Painting a posed face as a photo: strokes, light, camera.

Every edge runs through the points that name it. See `synthetic` for where the face
comes from and for head coordinates.
"""

import dataclasses

import cv2
import numpy as np

from landmark.face.scheme import IBUG68
from landmark.synthetic import brush

_AT = IBUG68.chains
_EYES = [_AT["right_eye"], _AT["left_eye"]]
_BROWS = [_AT["right_brow"], _AT["left_brow"]]
_SKULL = (0, -0.4, -0.95), (1.2, 1.25, 1.2)  # An ellipsoid's centre and radii.

# RGB, neighbours alike: a photo takes a colour anywhere along the list.
SKINS = [(72, 46, 34), (125, 82, 56), (180, 126, 92), (218, 168, 136), (242, 208, 186)]
HAIRS = [(24, 20, 20), (60, 40, 28), (110, 70, 42), (120, 118, 116), (200, 165, 105)]
_LIPS = [(110, 50, 50), (180, 80, 84), (198, 116, 108), (176, 40, 62)]
_IRISES = [(50, 32, 22), (100, 66, 36), (96, 112, 66), (90, 130, 165)]


@dataclasses.dataclass
class Face:
    """A posed face: where it is in the photo, and what its parts share."""

    points: np.ndarray  # (68, 2) float64, image pixels.
    rim: np.ndarray  # (27, 2), image pixels: jaw, left temple to right, jaw 0.
    rotation: np.ndarray  # (3, 3), head coordinates to camera.
    scale: float  # Pixels per inter-pupil distance.
    offset: np.ndarray  # (2,), image pixels of the origin.
    skin: np.ndarray  # (3,), RGB.
    hair: np.ndarray  # (3,), RGB.
    bald: bool
    light: np.ndarray  # (3,), unit vector to the light, camera coordinates.
    far: str = ""  # left or right: the side of a face in profile that is hidden.
    outline: np.ndarray | None = None  # (n, 2), image pixels; the rim if not given.
    pupils: np.ndarray | None = None  # (2, 2), image pixels, once they are painted.

    def __post_init__(self):
        if self.outline is None:
            self.outline = brush.smooth(self.rim)

    def project(self, solid):
        """(..., 3) head coordinates -> (..., 2) image pixels."""
        return np.asarray(solid) @ self.rotation[:2].T * self.scale + self.offset

    def step(self, x, y):
        """A step across and down the face, in image pixels: (2,)."""
        return self.rotation[:2, :2] @ (x, y) * self.scale

    def reach(self, radii):
        """(2, 2) matrix that takes the unit circle to an ellipsoid's silhouette."""
        axes = self.rotation[:2] * radii
        return np.linalg.cholesky(axes @ axes.T) * self.scale

    def silhouette(self, centre, radii):
        """Outline of an ellipsoid in head coordinates: (40, 2) image pixels."""
        return self.project(centre) + brush.circle(40) @ self.reach(radii).T


def paint_photo(rng, face, width, height):
    """Paints back to front, with what chance adds: (H, W, 3) uint8 RGB."""
    image = _paint_background(rng, width, height)
    _paint_body(rng, image, face)
    brush.fill(image, face.outline, face.skin)
    _paint_nose(image, face)
    _paint_mouth(rng, image, face)
    _paint_eyes(rng, image, face)
    image = _shade(rng, image, face)
    if not face.bald:
        _paint_hair(rng, image, face)
    if rng.random() < 0.2 and not face.far:
        _paint_glasses(rng, image, face)
    if rng.random() < 0.2:
        _paint_occluder(rng, image, face)
    return _photograph(rng, image)


def pick(rng, colours):
    """Returns a colour between two neighbours of a list, slightly off: (3,)."""
    at = rng.uniform(0, len(colours) - 1)
    mixed = [np.interp(at, range(len(colours)), c) for c in np.transpose(colours)]
    return np.clip(mixed + rng.normal(0, 6, 3), 5, 250)


def any_colour(rng, n=()):
    """Returns colours, rather dull than vivid: (*n, 3)."""
    grey = rng.uniform(20, 235, (*n, 1))
    return np.clip(grey + rng.normal(0, 35, (*n, 3)), 0, 255)


def _paint_background(rng, width, height):
    """Colour patches and a clutter of shapes, out of focus: (H, W, 3) uint8."""
    half = (width // 2 + 1, height // 2 + 1)
    patches = any_colour(rng, rng.integers(2, 6, 2)).astype(np.uint8)
    image = cv2.resize(patches, half)
    for _ in range(rng.integers(0, 10)):
        shape = brush.circle(rng.choice([3, 4, 30])) * rng.uniform(0.02, 0.5, 2) * half
        brush.fill(image, shape + rng.uniform(0, half), any_colour(rng))
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 4))
    return cv2.resize(image, (width, height))


def _paint_body(rng, image, face):
    """Paints what stands behind the face: back hair, shoulders, neck, skull, ears."""
    base, s = face.project((0, 1, -1)), face.scale
    if not face.bald and rng.random() < 0.4:
        radii = rng.uniform((1.35, 1.5, 1.0), (1.7, 2.4, 1.2))
        brush.fill(image, face.silhouette((0, 0.3, -1), radii), 0.7 * face.hair)
    shoulders = [(-3.2, 5), (-2.6, 2.2), (-0.8, 1.3), (0.8, 1.3), (2.6, 2.2), (3.2, 5)]
    shoulders = np.vstack([(-3.2, 20), brush.smooth(shoulders), (3.2, 20)])
    brush.fill(image, shoulders * s + base, any_colour(rng))
    neck = np.array([(-0.66, -0.6), (-0.66, 1.1), (0, 1.7), (0.66, 1.1), (0.66, -0.6)])
    brush.fill(image, neck * s + base, 0.78 * face.skin)
    chin = face.rim[8]
    shadow = chin + 0.85 * (face.rim[2:15] - chin) + (0, 0.2 * s)
    brush.fill(image, shadow, 0.55 * face.skin)
    brush.fill(
        image, face.silhouette(*_SKULL), face.skin if face.bald else 0.8 * face.hair
    )
    for side in (-1, 1):
        flare = brush.circle(20) @ [(0, 0.34, 0), (-0.12 * side, 0, 0.2)]
        ear = face.project(flare + (1.25 * side, 0.3, -0.95))
        brush.fill(image, ear, 0.85 * face.skin)
        brush.fill(image, 0.55 * ear + 0.45 * ear.mean(axis=0), 0.6 * face.skin)


def _paint_nose(image, face):
    p, s = face.points, face.scale
    for side, nostril, outer in (("right", 32, 31), ("left", 34, 35)):
        if side == face.far:
            continue
        centre = 0.8 * p[nostril] + 0.2 * p[outer] + face.step(0, -0.03)
        brush.fill(
            image, centre + brush.circle(12) * (0.07 * s, 0.035 * s), 0.35 * face.skin
        )
        out = 0.04 * np.sign(outer - 33)
        wing = p[outer] + [face.step(0, -0.17), face.step(out, -0.08), (0, 0)]
        brush.stroke(image, brush.smooth(wing), 0.6 * face.skin, 0.05 * s)
    brush.stroke(image, brush.smooth(p[_AT["nostrils"]]), 0.6 * face.skin, 0.05 * s)


def _paint_mouth(rng, image, face):
    outer, inner = face.points[_AT["outer_lips"]], face.points[_AT["inner_lips"]]
    over, under = brush.smooth(outer[:7]), brush.smooth(outer[[0, 11, 10, 9, 8, 7, 6]])
    top, bottom = brush.smooth(inner[:5]), brush.smooth(inner[[0, 7, 6, 5, 4]])
    lips = (face.skin + pick(rng, _LIPS)) / 2
    brush.fill_between(image, over, under, lips)
    brush.fill_between(image, over, top, 0.82 * lips)
    brush.fill_between(image, top, bottom, (60, 22, 24))
    gap, teeth = bottom - top, rng.uniform(0.2, 0.7)
    if abs(gap).max() > 0.05 * face.scale:
        brush.fill_between(image, top, top + teeth * gap, (225, 220, 205))
        brush.fill_between(image, bottom - 0.25 * gap, bottom, (165, 75, 80))
    brush.stroke(image, top, 0.4 * lips, 0.04 * face.scale)


def _paint_eyes(rng, image, face):
    """Paints eyes, lids, lashes and brows."""
    p, s, iris = face.points, face.scale, pick(rng, _IRISES)
    gaze = face.step(*rng.normal((0, -0.015), (0.05, 0.02)))
    white = rng.uniform(200, 240) * np.array([1, 0.97, 0.95])
    lashes, thickness = rng.uniform(0.045, 0.08), rng.uniform(0.06, 0.15)
    brow_colour = 0.75 * rng.uniform(0.4, 1) * face.hair + 0.25 * face.skin
    face.pupils = np.array([p[eye[[0, 3]]].mean(axis=0) + gaze for eye in _EYES])
    for side, eye, brow in zip(("right", "left"), _EYES, _BROWS, strict=True):
        if side == face.far:
            continue
        upper, lower = brush.smooth(p[eye[:4]]), brush.smooth(p[eye[[0, 5, 4, 3]]])
        uncut, opening = image.copy(), np.zeros(image.shape[:2], np.uint8)
        brush.fill_between(opening, upper, lower, (255,))
        brush.fill(uncut, p[eye].mean(axis=0) + brush.circle(12) * 0.5 * s, white)
        pupil = p[eye[[0, 3]]].mean(axis=0) + gaze
        glint = pupil + 0.06 * face.light[:2] * s
        for at, radius, colour in (
            (pupil, 0.12, 0.4 * iris),
            (pupil, 0.1, iris),
            (pupil, 0.05, (8, 8, 8)),
            (glint, 0.022, (250, 250, 250)),
        ):
            brush.fill(uncut, at + brush.circle(16) * radius * s, colour)
        cv2.copyTo(uncut, opening, image)
        brush.stroke(image, upper + face.step(0, -0.07), 0.7 * face.skin, 0.045 * s)
        brush.stroke(image, lower, 0.6 * face.skin, 0.035 * s)
        brush.stroke(image, upper, 0.4 * face.hair, lashes * s)
        brush.stroke(image, brush.smooth(p[brow]), brow_colour, thickness * s)


def _relief(p, s, shape):
    """Heights of the features over the head, in pixels: (H, W) float32."""
    relief, disc = np.zeros(shape, np.float32), brush.circle(12) * s
    ridge = np.concatenate([p[27:31] - (0.04 * s, 0), p[30:26:-1] + (0.04 * s, 0)])
    for height, curve in (
        *((-0.12, p[eye].mean(axis=0) + disc * (0.5, 0.25)) for eye in _EYES),
        *((-0.04, p[eye]) for eye in _EYES),
        (0.1, p[_AT["outer_lips"]]),
        (0.1, 0.8 * p[8] + 0.2 * p[57] + disc * 0.2),
        (0.16, p[[21, 27, 31, 33, 35, 22]]),
        *((0.2, 0.8 * p[i] + 0.2 * p[30] + disc * 0.09) for i in (31, 35)),
        (0.3, ridge),
        (0.4, p[30] + disc * 0.1),
    ):
        cv2.fillPoly(relief, [np.int32(curve)], height * s)
    return cv2.GaussianBlur(relief, (0, 0), 0.055 * s)


def _shade(rng, image, face):
    """Lights the head, and tints cheeks and beard; returns (H, W, 3) uint8.

    Brightness follows the slope of an ellipsoid that carries the relief of a face.
    All of it is smooth, so it is worked out at half size.
    """
    shape = tuple((n + 1) // 2 for n in image.shape[:2])
    p, s, (x, y) = face.points / 2, face.scale / 2, face.project((0, 0.2, -0.6)) / 2
    x, y = np.arange(shape[1]) - x, np.arange(shape[0])[:, None] - y
    unit = 2 * np.linalg.inv(face.reach((1.4, 1.95, 1.3)))
    u, v = (np.float32(a * x + b * y) for a, b in unit)
    facing = np.sqrt(np.maximum(1 - u * u - v * v, 0.02))
    # The ellipsoid's slope is its position; the relief's is minus its gradient.
    relief = _relief(p, s, shape)
    u -= cv2.Sobel(relief, -1, 1, 0, scale=0.2)
    v -= cv2.Sobel(relief, -1, 0, 1, scale=0.2)
    right, down, front = face.light.tolist()
    lit, ambient = right * u + down * v + front * facing, rng.uniform(0.4, 0.7)
    lit = ambient + (1.12 - ambient) * np.maximum(lit, 0)
    lit += cv2.resize(rng.normal(0, 0.02, (40, 40)), shape[::-1])

    tint = np.ones((*shape, 3), np.float32)
    for side in (-0.65, 0.65):
        cheek = face.project((side, 0.7, 0)) / 2 + brush.circle(12) * 0.3 * s
        cv2.fillPoly(tint, [np.int32(cheek)], (1, rng.uniform(0.8, 1), 0.9))
    if rng.random() < 0.3:
        beard = np.int32(p[[*range(3, 14), 54, 35, 33, 31, 48]])
        growth = rng.uniform(0.2, 0.9) * np.minimum(face.hair / face.skin - 1, 0)
        cv2.fillPoly(tint, [beard], (1 + growth).tolist())
        cv2.fillPoly(tint, [np.int32(p[_AT["outer_lips"]])], (1, 1, 1))
    tint = cv2.GaussianBlur(tint, (0, 0), 0.06 * s) * lit[..., None]
    head = np.zeros(shape, np.uint8)
    for outline in (
        face.rim if not face.far else face.outline,
        face.silhouette(*_SKULL),
    ):
        brush.fill(head, outline / 2, (255,))
    tint[head < 128] = 1
    tint = cv2.resize(cv2.blur(tint, (3, 3)), image.shape[1::-1])
    return cv2.multiply(image, tint, dtype=cv2.CV_8U)


def _paint_hair(rng, image, face):
    """Covers the crown with locks, down to a hair line from temple to temple."""
    x = np.linspace(-0.85, 0.85, 7)
    y = rng.normal(-0.95, 0.13) + 0.25 * x**2 + rng.normal(0, 0.25) * x
    y += rng.normal(0, 0.05, 7)
    line = face.project(np.column_stack([x, y.clip(-1.3, -0.55), 0.08 - 0.45 * x**2]))
    line = brush.smooth([face.rim[25], *line, face.rim[17]])
    crown = brush.smooth(face.rim[25:16:-1])
    crown += (crown - face.points[27]) * rng.uniform(0.02, 0.2)
    brush.fill_between(image, line, crown, face.hair)
    for i in range(len(line) - 1):
        lock = face.hair * rng.uniform(0.75, 1.2)
        brush.fill_between(image, line[i : i + 2], crown[i : i + 2], lock)


def _paint_glasses(rng, image, face):
    colour, width = rng.uniform(0, 130, 3), 0.06 * face.scale
    # A superellipse: round for power 1, nearly a rectangle for 0.5.
    round_lens = brush.circle(30)[np.arange(31) % 30]
    lens = np.sign(round_lens) * abs(round_lens) ** rng.uniform(0.5, 1)
    lens = lens @ [(rng.uniform(0.3, 0.4), 0, 0), (0, rng.uniform(0.2, 0.33), 0)]
    for side in (-1, 1):
        ring = face.project(lens + (0.5 * side, 0.03, 0.16))
        brush.stroke(image, ring, colour, width, taper=1)
        if side * face.rotation[0, 2] < 0.2:  # Else this arm is behind the face.
            arm = face.project([(0.85 * side, 0, 0.16), (1.15 * side, 0, -0.8)])
            brush.stroke(image, arm, colour, width, taper=1)
    bridge = face.project([(-0.17, 0, 0.16), (0, -0.06, 0.22), (0.17, 0, 0.16)])
    brush.stroke(image, brush.smooth(bridge), colour, width, taper=1)


def _paint_occluder(rng, image, face):
    """Hides part of the face behind a hand, a scarf or some object."""
    s, at, colour = (
        face.scale,
        face.points[rng.integers(IBUG68.num_points)],
        any_colour(rng),
    )
    turn = cv2.Rodrigues((0, 0, rng.uniform(0, 2 * np.pi)))[0][:2, :2] * s
    kind = rng.choice(["hand", "scarf", "object"])
    if kind == "hand":
        for y in (0.36, 0.12, -0.12, -0.36):
            finger = brush.circle(20) * (0.65, 0.13) + (rng.uniform(0.5, 0.7), y)
            brush.fill(image, finger @ turn + at, 0.6 * face.skin)
            brush.fill(image, (finger + (0.03, 0.02)) @ turn + at, 0.95 * face.skin)
        brush.fill(
            image, (brush.circle(20) * 0.55 + (1.4, 0)) @ turn + at, 0.9 * face.skin
        )
    elif kind == "scarf":
        top = brush.smooth(face.points[[1, 31, 33, 35, 15]])
        for y in np.linspace(0, 1.6, 6) + rng.uniform(0.1, 0.9):
            fold = top + face.step(0, y), top + face.step(0, y + 0.9)
            brush.fill_between(image, *fold, colour * rng.uniform(0.7, 1.1))
    else:
        shape = brush.circle(rng.choice([4, 30])) * rng.uniform(0.3, 0.8, 2) @ turn
        for shrink, gain in ((1, 0.7), (0.9, 1), (0.5, 1.2)):
            brush.fill(image, at + shrink * shape, colour * gain)


def _photograph(rng, image):
    """Exposure, colour cast, focus, sensor noise and compression."""
    levels = np.linspace(0, 1, 256)[:, None] ** rng.uniform(0.7, 1.4)
    gain = rng.uniform(0.75, 1.1) * rng.uniform(0.88, 1.12, 3)
    levels = 255 * (levels * gain + rng.uniform(0, 0.1))
    image = cv2.LUT(image, levels.clip(0, 255).astype(np.uint8)[None])
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.6))
    # Neighbours' means of uniform noise are close to Gaussian, and quick to draw.
    noise = cv2.blur(rng.integers(0, 256, image.shape, np.uint8), (2, 2))
    amount = rng.uniform(0, 0.2)
    image = cv2.addWeighted(image, 1, noise, amount, -127.5 * amount)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image
