"""Faces in profile: what is seen, and where its points are."""

import numpy as np
import pytest

from landmark.face.pose import mean_face
from landmark.face.scheme import IBUG68, find_scheme
from landmark.synthetic import profile
from landmark.synthetic.faces import draw_face

MENPO39 = find_scheme("menpo39")
NUM_FACES = 24


@pytest.fixture(scope="module")
def faces():
    """(image, 39 points, 68 points) of faces in profile."""
    found = []
    for seed in range(NUM_FACES):
        (image, points), (_, all_points) = (
            draw_face(np.random.default_rng([6, seed]), 120, scheme, is_profile=True)
            for scheme in (MENPO39, IBUG68)
        )
        found.append((image, points, all_points))
    return found


def test_points_lie_in_the_photo_but_for_a_few(faces):
    inside = []
    for image, points, _ in faces:
        assert points.shape == (39, 2)
        height, width = image.shape[:2]
        inside.append(((points > -0.5) & (points < (width - 0.5, height - 0.5))).all(1))
    assert np.mean(np.all(inside, axis=1)) > 0.75
    assert np.mean(inside) > 0.95


def test_faces_look_to_either_side(faces):
    ahead = []
    for _, points, _ in faces:
        # The ear, the eye's outer corner, and the bridge of the nose.
        ear, corner, bridge, tip = points[[0, 24, 16, 19]]
        ahead.append(np.sign(tip[0] - ear[0]))
        assert ahead[-1] * (tip[0] - bridge[0]) > 0  # The nose stands out.
        assert ahead[-1] * (bridge[0] - corner[0]) > 0
        assert ahead[-1] * (corner[0] - ear[0]) > 0
    assert 0.2 < np.mean(np.array(ahead) > 0) < 0.8


def test_the_points_are_those_of_the_near_side(faces):
    for _, points, all_points in faces:
        # In profile the right side's points are those of the near side.
        np.testing.assert_allclose(points[12], all_points[17])
        np.testing.assert_allclose(points[[16, 19]], all_points[[27, 30]])
        np.testing.assert_allclose(points[24], all_points[36])
        np.testing.assert_allclose(points[30], all_points[48])
        size = np.ptp(all_points, axis=0).max()
        near, far = all_points[36:40], all_points[42:46]
        # The far eye is nowhere to be seen: its points have no extent.
        assert np.ptp(near[:, 0]) > 0.03 * size
        assert np.ptp(far, axis=0).max() < 1e-9


def test_the_eye_is_darker_than_the_cheek(faces):
    darker = []
    for image, points, _ in faces:
        eye, cheek = points[22:27].mean(axis=0), (points[24] + points[30]) / 2
        places = np.round([eye, cheek]).astype(int)
        if (places < 1).any() or (places >= np.array(image.shape[1::-1]) - 1).any():
            continue
        # Of all that is around an eye, the darkest is its pupil.
        (x, y), (u, v) = places
        at_eye = image[y - 1 : y + 2, x - 1 : x + 2].mean(axis=2).min()
        darker.append(at_eye < image[v - 1 : v + 2, u - 1 : u + 2].mean(axis=2).min())
    assert len(darker) > NUM_FACES / 2
    assert np.mean(darker) > 0.7


@pytest.mark.parametrize("far", ["left", "right"])
def test_the_far_side_is_hidden_behind_the_midline(far):
    solid = mean_face()
    before = solid.copy()
    hidden = profile.hide_far_side(solid, far)
    np.testing.assert_array_equal(solid, before)
    moved = set(np.flatnonzero((hidden != before).any(axis=1)).tolist())
    left = {*range(22, 27), *range(42, 48), 34, 35, *range(52, 57), 63, 64, 65}
    expected = left if far == "left" else set(IBUG68.mirror[sorted(left)].tolist())
    assert moved == expected
    np.testing.assert_allclose(hidden[sorted(moved), 0], 0, atol=1e-12)


def test_sides_are_hidden_alike():
    left = profile.hide_far_side(mean_face(), "left")
    right = profile.hide_far_side(mean_face(), "right")
    np.testing.assert_allclose(right[IBUG68.mirror] * (-1, 1, 1), left, atol=1e-12)
