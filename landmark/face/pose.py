"""The head in three dimensions: a mean face, and how a face in a photo is turned.

Head coordinates are in inter-pupil distances: origin between the eyes, x to the
right of the photo, y down, z towards the camera.
"""

import functools

import cv2
import numpy as np

from landmark.face.scheme import IBUG68
from landmark.script.errors import InputError

# The subject's right half and the midline: point -> (x, y, z). x and y are averages
# over annotated photos; z is modelled.
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
# The outline slides over a turned head, and the mouth opens.
RIGID = np.r_[17:49, 54]
_FEWEST = 4  # Points that fix a pose.
# How far the camera is, in sizes of the face: an arm's length.
_DISTANCE = 6.0
_TO_CAMERA = np.diag([1.0, 1.0, -1.0])  # OpenCV's z points away from the camera.


@functools.cache
def mean_face():
    """Returns the symmetric mean face: (68, 3) float64, head coordinates, read-only."""
    solid = np.zeros((IBUG68.num_points, 3))
    for i, xyz in _MEAN_HALF.items():
        solid[i], solid[IBUG68.mirror[i]] = xyz, np.multiply(xyz, (-1, 1, 1))
    solid.flags.writeable = False
    return solid


def head_rotation(points_image, scheme):
    """Returns how a face is turned: (3, 3) float64, head -> photo coordinates.

    Nothing is known of the camera, of which the photo may be a part: all is seen from a
    camera that looks straight at the face.

    Args:
        points_image: (P, 2) float, image pixels; nan where missing.
        scheme: Scheme of the points.

    Returns:
        nan where the points cannot tell: too few, or of one side only.

    References:
        Terzakis and Lourakis, A Consistently Fast and Globally Optimal Solution to the
        Perspective-n-Point Problem, ECCV 2020.
    """
    solid, points_image = _match(points_image, scheme)
    known = np.isfinite(points_image).all(axis=1)
    unknown = np.full((3, 3), np.nan)
    if known.sum() < _FEWEST:
        return unknown
    points_image = points_image[known].astype(np.float64)
    points_image = points_image - points_image.mean(axis=0)
    focal = _DISTANCE * np.ptp(points_image, axis=0).max()
    if not focal:
        return unknown
    found, turn, _ = cv2.solvePnP(
        solid[known] @ _TO_CAMERA,
        points_image,
        np.diag([focal, focal, 1]),
        None,
        flags=cv2.SOLVEPNP_SQPNP,
    )
    return _TO_CAMERA @ cv2.Rodrigues(turn)[0] @ _TO_CAMERA if found else unknown


def to_angles(rotation):
    """Rotation (3, 3) -> yaw, pitch and roll, (3,) float64 degrees.

    The head turns first (yaw: positive when the nose goes to the right of the photo),
    then nods (pitch: positive when it goes up), then tilts (roll: positive clockwise).
    """
    yaw = np.arctan2(-rotation[2, 0], rotation[2, 2])
    pitch = np.arcsin(np.clip(rotation[2, 1], -1, 1))
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return np.degrees([yaw, pitch, roll])


def to_rotation(angles):
    """The inverse of `to_angles`."""
    yaw, pitch, roll = np.radians(angles)
    return (
        cv2.Rodrigues(np.array([0, 0, roll]))[0]
        @ cv2.Rodrigues(np.array([pitch, 0, 0]))[0]
        @ cv2.Rodrigues(np.array([0, yaw, 0]))[0]
    )


def head_pose(points_image, scheme):
    """Returns yaw, pitch and roll (`to_angles`) of a face: `head_rotation`."""
    return to_angles(head_rotation(points_image, scheme))


def _match(points_image, scheme):
    """Returns points of the mean face and those of a face that are the same: (n, ...).

    Of a scheme that has a conversion to ibug68, or that ibug68 has one to.
    """
    try:
        points = scheme.convert(points_image, IBUG68)
        return mean_face()[RIGID], points[RIGID]
    except InputError:
        pass
    try:
        return IBUG68.convert(mean_face(), scheme), points_image
    except InputError:
        return np.zeros((0, 3)), np.zeros((0, 2))
