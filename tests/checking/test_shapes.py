"""The robust model of a collection's shapes."""

import numpy as np
import pytest

from landmark.checking import shapes
from landmark.face.scheme import IBUG68


@pytest.fixture
def faces(drawn):
    return np.array([points for _, points in drawn])


def test_odd_shapes_stand_out_though_a_tenth_is_odd(faces):
    rng, spoilt = np.random.default_rng(0), faces.copy()
    for i in range(4):
        spoilt[i] = faces[i, rng.permutation(68)]
    spoilt[4:8] = faces[4:8, IBUG68.mirror]
    misfits = shapes.learn(spoilt).misfits
    assert misfits[:8].min() > 3 * misfits[8:].max()


def test_where_a_face_is_and_how_large_does_not_matter(faces):
    moved = faces.copy()
    moved[5] = 7 * faces[5] + (100, -3)
    np.testing.assert_allclose(
        shapes.learn(moved).misfits, shapes.learn(faces).misfits, atol=1e-9
    )


def test_turned_faces_are_known_by_their_angle(faces):
    turned = faces.copy()
    turned[2] = np.stack([-faces[2, :, 1], faces[2, :, 0]], axis=-1)  # Clockwise.
    before, after = shapes.learn(faces).angles[2], shapes.learn(turned).angles[2]
    assert after - before == pytest.approx(90, abs=2)


def test_missing_points_are_the_mean_s(faces):
    part = faces.copy()
    part[3, 10:30] = np.nan
    learnt = shapes.learn(part)
    assert np.isfinite(learnt.misfits).all()
    np.testing.assert_array_equal(learnt.aligned[3, 10:30], learnt.mean[10:30])
