"""How a head is turned, from its points."""

import cv2
import numpy as np
import pytest

from landmark.face.pose import head_pose, mean_face
from landmark.face.scheme import IBUG68, find_scheme
from landmark.synthetic import faces


def photograph(solid, yaw, pitch, roll, distance=12, place=(300, 200)):
    """Returns where a camera sees a solid face: (n, 2) image pixels."""
    turn, nod, tilt = (
        cv2.Rodrigues(np.radians(angle) * np.array(axis, float))[0]
        for angle, axis in (
            (yaw, (0, 1, 0)),
            (pitch, (1, 0, 0)),
            (roll, (0, 0, 1)),
        )
    )
    x, y, z = (solid @ (tilt @ nod @ turn).T + (0, 0, -distance)).T
    return np.column_stack([x, y]) / -z[:, None] * 600 + place


@pytest.mark.parametrize("name", ["ibug68", "ibug49", "ibug51", "five"])
@pytest.mark.parametrize(
    "angles",
    [(0, 0, 0), (30, 0, 0), (-50, 0, 0), (0, 20, 0), (0, 0, -25), (25, -15, 10)],
)
def test_known_pose_is_found(name, angles):
    scheme = find_scheme(name)
    points_image = IBUG68.convert(photograph(mean_face(), *angles), scheme)
    np.testing.assert_allclose(head_pose(points_image, scheme), angles, rtol=0, atol=4)


def test_signs_are_those_of_the_words():
    right, up, clockwise = np.eye(3) * 20
    nose, eyes = 30, (36, 45)
    still = photograph(mean_face(), 0, 0, 0)
    for angles, point, axis, sign in ((right, nose, 0, 1), (up, nose, 1, -1)):
        seen = photograph(mean_face(), *angles)
        assert np.sign((seen[point] - still[point])[axis]) == sign
        assert np.argmax(head_pose(seen, IBUG68)) == axis
    first, second = photograph(mean_face(), *clockwise)[list(eyes)]
    assert second[1] > first[1] + 10  # The eye on the right is lower.


def test_poses_of_drawn_faces():
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        face = faces._pose(rng, faces._sample_solid(rng), 320, 320, False)
        rotation = face.rotation
        truth = np.degrees(
            [
                np.arctan2(-rotation[2, 0], rotation[2, 2]),
                np.arcsin(rotation[2, 1]),
                np.arctan2(-rotation[0, 1], rotation[1, 1]),
            ]
        )
        errors.append(head_pose(face.points, IBUG68) - truth)
    # Faces differ from the mean one, and from each other.
    assert (np.abs(errors).mean(axis=0) < (4, 5, 2)).all(), np.abs(errors).mean(axis=0)


def test_missing_points_are_left_out():
    points_image = photograph(mean_face(), 25, 0, 5)
    points_image[[20, 30, 45]] = np.nan
    found = head_pose(points_image, IBUG68)
    np.testing.assert_allclose(found, (25, 0, 5), rtol=0, atol=2)


def test_where_points_cannot_tell():
    assert np.isnan(head_pose(np.full((68, 2), np.nan), IBUG68)).all()
    profile = find_scheme("menpo39")
    assert np.isnan(head_pose(np.ones((39, 2)), profile)).all()
