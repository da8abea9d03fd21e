"""Turning heads in photos."""

import cv2
import numpy as np
import pytest

from landmark.dataset.turning import turn_face
from landmark.face.pose import RIGID, head_pose, mean_face, to_rotation
from landmark.face.scheme import IBUG68
from landmark.script.errors import InputError

SIZE = 200
# Of points far from each other: a dot of each in a colour of its own.
DOTTED = {30: (255, 0, 0), 36: (0, 255, 0), 45: (0, 0, 255), 8: (255, 255, 0)}


def seen_head(angles=(0, 0, 0)):
    """Returns a patch with dots on points of a mean head, and its points, 0..1."""
    points = (mean_face() @ to_rotation(angles).T)[:, :2] * 32 + (100, 80)
    patch = np.full((SIZE, SIZE, 3), 90, np.uint8)
    for index, colour in DOTTED.items():
        centre = np.rint(points[index]).astype(int).tolist()
        cv2.circle(patch, centre, 3, colour, -1)
    return patch, (points + 0.5) / SIZE


def find_dot(patch, colour):
    """Returns the middle of what has a colour, in pixels."""
    near = np.abs(patch.astype(int) - colour).max(axis=-1) < 60
    assert near.any()
    return np.argwhere(near)[:, ::-1].mean(axis=0)


def test_no_turn_leaves_a_face_as_it_is():
    patch, points = seen_head((15, 5, 10))
    turned, moved = turn_face(patch, points, (0, 0))
    np.testing.assert_allclose(moved, points, atol=1e-6)
    difference = np.abs(turned.astype(int) - patch).max(axis=-1)
    assert np.mean(difference > 40) < 0.005


@pytest.mark.parametrize("turn", [(20, 0), (-25, 0), (0, 15), (0, -12), (18, 10)])
@pytest.mark.parametrize("angles", [(0, 0, 0), (10, -5, 20), (-20, 8, -15)])
def test_head_turns_by_the_angles(angles, turn):
    patch, points = seen_head(angles)
    _, moved = turn_face(patch, points, turn)
    pose = head_pose(moved * SIZE, IBUG68)
    np.testing.assert_allclose(pose, np.add(angles, (*turn, 0)), atol=4)
    # They are those of a mean head, seen so, but for where it is.
    solid = (mean_face() @ to_rotation(pose).T)[RIGID, :2] * 32
    seen = moved[RIGID] * SIZE
    offset = seen - solid
    assert np.ptp(offset, axis=0).max() < 4


@pytest.mark.parametrize("turn", [(20, 0), (-15, 8), (0, -12)])
def test_picture_moves_with_the_points(turn):
    patch, points = seen_head((5, 0, 0))
    turned, moved = turn_face(patch, points, turn)
    for index, colour in DOTTED.items():
        place = find_dot(turned, colour)
        assert np.linalg.norm(place - (moved[index] * SIZE - 0.5)) < 2.5, index
    # The face stays in the middle of where it was.
    for before, after in zip(
        (points.min(axis=0) + points.max(axis=0), points.shape),
        (moved.min(axis=0) + moved.max(axis=0), moved.shape),
        strict=True,
    ):
        np.testing.assert_allclose(after, before, atol=1e-6)


def test_outline_of_the_far_side_is_what_is_seen_there():
    patch, points = seen_head()
    _, moved = turn_face(patch, points, (45, 0))
    # The nose goes to the right: the right of the photo is the far side, where the
    # cheek hides the ear.
    hidden = (mean_face() @ to_rotation((45, 0, 0)).T)[:, :2]
    hidden = hidden - hidden[27] + (moved[27] * SIZE - 0.5) / 32
    outline = (moved * SIZE - 0.5) / 32
    assert (outline[12:16, 0] > hidden[12:16, 0] + 0.03).all()
    # On the near side, they are where they were on the head.
    np.testing.assert_allclose(outline[1:6], hidden[1:6], atol=0.1)


def test_what_is_nearer_hides_what_is_behind():
    patch, points = seen_head()
    # A stripe on the cheek behind the nose, as seen when the head is turned.
    x, y = np.rint(points[30] * SIZE).astype(int)
    patch[y - 2 : y + 3, x + 24 : x + 34] = (0, 255, 255)
    near = np.abs(patch.astype(int) - (0, 255, 255)).max(axis=-1) < 60
    turned, _ = turn_face(patch, points, (45, 0))
    left = np.abs(turned.astype(int) - (0, 255, 255)).max(axis=-1) < 60
    assert left.sum() < 0.5 * near.sum()


def test_what_is_no_face_is_refused():
    patch, _ = seen_head()
    with pytest.raises(InputError, match="expected a face in the patch"):
        turn_face(patch, np.full((68, 2), 0.5), (20, 0))
