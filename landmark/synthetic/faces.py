"""Seeded synthetic faces whose points are known exactly.

A solid mean face of 68 points is varied, posed and painted back to front, each edge
through the points that name it; other schemes have their points on the same edges, see
`curves`. Good for tests and for a demo that trains in minutes.

Head coordinates are those of `face.pose`.
"""

import cv2
import numpy as np

from landmark.face import geometry
from landmark.face.pose import mean_face
from landmark.face.scheme import IBUG68
from landmark.synthetic import curves, painting, profile

_AT = IBUG68.chains
_PROFILE_YAW = 60, 90  # Degrees.
_EYES = [_AT["right_eye"], _AT["left_eye"]]
_BROWS = [_AT["right_brow"], _AT["left_brow"]]
_NOSE = np.r_[_AT["nose_bridge"], _AT["nostrils"]]
_MOUTH = np.r_[_AT["outer_lips"], _AT["inner_lips"]]


def draw_face(rng, size=320, scheme=IBUG68, is_profile=False):
    """Draws one photo with one face.

    Args:
        rng: numpy.random.Generator, the only source of chance.
        size: longer side of the photo in pixels.
        scheme: Scheme of the points. It does not change the picture.
        is_profile: whether the face is turned by 60 to 90 degrees, to either side; the
            right side's points are those of the near side then, and the left side's
            those of the far one, which are hidden.

    Returns:
        (image, points_image): (H, W, 3) uint8 RGB; (P, 2) float64, image pixels,
        x before y, (0, 0) being the centre of the top-left pixel. A few faces
        reach over the photo's border; their points are exact too.

    Raises:
        InputError: the scheme does not say where its points are.
    """
    width, height = rng.permutation([size, round(size * rng.choice([0.67, 0.75, 1]))])
    face = _pose(rng, _sample_solid(rng), width, height, is_profile)
    image = painting.paint_photo(rng, face, width, height)
    points, pupils = face.points, face.pupils
    if face.far == "right":
        points, pupils = points[IBUG68.mirror], pupils[::-1]
    return image, curves.place_points(points, pupils, scheme)


def draw_patches(rng, count, size, scheme=IBUG68, is_profile=False):
    """Draws faces and crops them as extraction does without a detector.

    Args:
        rng: numpy.random.Generator.
        count: how many.
        size: side of the patches, in pixels.
        scheme, is_profile: as `draw_face` takes them.

    Returns:
        (patches, points): (count, size, size, 3) uint8 RGB; (count, P, 2) float64,
        crop-normalised.
    """
    patches, points = [], []
    for _ in range(count):
        image, points_image = draw_face(rng, scheme=scheme, is_profile=is_profile)
        square = geometry.square_from_box(
            geometry.face_box_from_points(points_image, scheme), extend_ratio=0.1
        )
        patch = geometry.crop_image(image, square)
        patches.append(geometry.resize_patch(patch, size))
        points.append(geometry.to_crop(points_image, square))
    return np.stack(patches), np.stack(points)


def _sample_solid(rng):
    """Returns a face of random shape and expression: (68, 3), head coordinates."""
    solid = mean_face().copy()
    eyes = rng.normal(1, (0.05, 0.15, 0))
    for index, factors in (
        *((eye, eyes) for eye in _EYES),
        (_AT["jaw"], rng.normal(1, (0.05, 0.05, 0.02))),
        (_NOSE, rng.normal(1, (0.03, 0.06, 0.10))),
        (_AT["nostrils"], rng.normal(1, (0.12, 0.02, 0))),
        (_MOUTH, rng.normal(1, (0.10, 0.08, 0))),
    ):
        centre = solid[index].mean(axis=0)
        solid[index] = centre + (solid[index] - centre) * factors.clip(0.75, 1.25)
    # The lower jaw spreads or narrows.
    solid[_AT["jaw"], 0] *= 1 + rng.normal(0, 0.06) * solid[_AT["jaw"], 1] / 1.8
    _express(rng, solid)
    # No face is symmetric.
    solid[:, :2] += rng.normal(0, 0.015, 2) * solid[:, 1::-1]
    solid[:, :2] += rng.normal(0, 0.006, (IBUG68.num_points, 2))
    return solid


def _express(rng, solid):
    """Moves the mouth, jaw, lids and brows of (68, 3) `solid`, in place."""
    shut = solid[62, 1] - solid[66, 1]
    opening = shut + rng.choice([0, rng.uniform(0, 0.15), rng.uniform(0.1, 0.6)])
    solid[[55, 56, 57, 58, 59, 65, 66, 67], 1] += opening
    solid[[48, 54, 60, 64], 1] += 0.45 * opening
    low = np.clip(solid[_AT["jaw"], 1] / 1.8, 0, 1)
    solid[_AT["jaw"], 1] += 0.7 * max(opening, 0) * low**2
    smile, side = rng.normal(0.3, 0.5), np.clip(solid[_MOUTH, 0] / 0.44, -1, 1)
    solid[_MOUTH, 0] += 0.07 * smile * side
    solid[_MOUTH, 1] -= 0.09 * smile * (side**2 - 0.3)
    opened = rng.uniform(0.3, 1.3) * (rng.random() > 0.1)
    lift, frown = rng.normal(0, (0.06, 0.03))
    for eye, brow in zip(_EYES, _BROWS, strict=True):
        upper, lower = solid[eye[[1, 2]]], solid[eye[[5, 4]]]
        # The upper lid goes most of the way when an eye closes.
        meeting = 0.25 * upper + 0.75 * lower
        solid[eye[[1, 2]]] = meeting + (upper - meeting) * opened
        solid[eye[[5, 4]]] = meeting + (lower - meeting) * opened
        solid[brow, 1] += frown * (1 - 2 * abs(solid[brow, 0])) - lift


def _pose(rng, solid, width, height, is_profile):
    """Turns, scales, places and lights a face; (68, 3) head coordinates -> Face."""
    angles = rng.normal(0, (8, 20, 10)).clip((-20, -45, -30), (20, 45, 30))
    if is_profile:
        angles[1] = rng.uniform(*_PROFILE_YAW) * rng.choice([-1, 1])
    axes = np.diag(np.radians(angles))
    nod, turn, tilt = (cv2.Rodrigues(axis)[0] for axis in axes)
    arc = np.linspace(0, np.pi, 9)
    crown = np.column_stack([np.cos(arc), -np.sin(arc), 0.11 * np.sin(arc)])
    crown = crown * (abs(solid[16, 0]), 1.35, 1) + (0, -0.3, -0.85)
    rim = np.concatenate([solid[_AT["jaw"]], crown, solid[:1]])
    rim = _slide_to_silhouette(rim, yaw=axes[1, 1])
    solid[_AT["jaw"]] = rim[_AT["jaw"]]

    rotation = tilt @ nod @ turn
    far = ("right" if angles[1] < 0 else "left") if is_profile else ""
    if is_profile:
        solid = profile.hide_far_side(solid, far)
    points = (solid @ rotation.T)[:, :2]
    scale = rng.uniform(0.38, 0.62) * min(width, height) / np.ptp(points, axis=0).max()
    # A negative margin lets the face cross the border.
    margin = scale * rng.choice([0.06, -0.5], p=[0.9, 0.1])
    nearest = margin - points.min(axis=0) * scale
    farthest = (width - 1, height - 1) - margin - points.max(axis=0) * scale
    offset = nearest + (farthest - nearest) * rng.beta(1.6, 1.6, 2)
    light = np.array([rng.normal(0, 0.6), rng.normal(-0.4, 0.4), 1])
    skin, hair = painting.pick(rng, painting.SKINS), painting.pick(rng, painting.HAIRS)
    if rng.random() < 0.15:  # Dyed, or a cap.
        hair = painting.any_colour(rng)
    face = painting.Face(
        points=points * scale + offset,
        rim=(rim @ rotation.T)[:, :2] * scale + offset,
        rotation=rotation,
        scale=scale,
        offset=offset,
        skin=skin,
        hair=hair,
        bald=rng.random() < 0.1,
        light=light / np.linalg.norm(light),
        far=far,
    )
    if is_profile:
        face.outline = profile.outline(face)
    return face


def _slide_to_silhouette(rim, yaw):
    """Moves the far side of the rim to where the cheek hides the rest.

    Annotators mark a turned jaw on its visible edge. At each level the head is half
    an ellipse, from the rim at its side to the cheek in front; the visible edge is
    the point that reaches furthest sideways. rim: (n, 3), head coordinates, also
    returned; yaw: radians, positive when the nose turns to the right of the photo.
    """
    x, y, z = rim.T
    depth = np.maximum(0.12 - z, 0) * np.clip(abs(x) / 0.7, 0, 1)
    angle = np.arctan2(depth * np.sin(abs(yaw)), abs(x) * np.cos(yaw) + 1e-9)
    angle[x * yaw <= 0] = 0
    return np.column_stack([x * np.cos(angle), y, z + depth * np.sin(angle)])
