"""Explanations of points that do not fit."""

import numpy as np
import pytest

from landmark.checking import fits
from landmark.face.scheme import IBUG68, find_scheme


@pytest.fixture
def points():
    return np.random.default_rng(0).random((68, 2))


def explain(points, predicted):
    annotation, prediction = fits.find_comparison(IBUG68, IBUG68)
    return fits.explain(points, prediction(predicted), annotation, IBUG68)


def test_each_fault_is_explained_by_its_own(points):
    rows = np.random.default_rng(1).permutation(68)
    assert explain(points, points)[fits.PLAIN] == 0
    swapped = explain(points[IBUG68.mirror], points)
    assert swapped[fits.SWAPPED] == 0 < swapped[fits.PLAIN]
    permuted = explain(points[rows], points)
    assert permuted[fits.ORDER] == pytest.approx(0, abs=1e-6)
    assert permuted[fits.SWAPPED] > 0.1
    moved = explain(points + (0.1, -0.2), points)
    assert moved[fits.MOVED] == pytest.approx(0, abs=1e-9)
    assert moved[fits.PLAIN] == pytest.approx(np.hypot(0.1, 0.2))


def test_missing_points_do_not_count(points):
    part = points.copy()
    part[::3] = np.nan
    assert max(explain(part, points)[n] for n in (fits.PLAIN, fits.MOVED)) < 1e-9


def test_points_are_assigned_one_for_one(points):
    rows = np.random.default_rng(2).permutation(68)
    found, distance = fits.assign(points[rows], points)
    np.testing.assert_array_equal(rows[found], np.arange(68))
    assert distance == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "number"), [("five", 5), ("wflw98", 68), ("ibug51", 51)]
)
def test_schemes_are_compared_in_what_they_share(name, number):
    scheme = find_scheme(name)
    annotation, prediction = fits.find_comparison(scheme, IBUG68)
    assert annotation(np.zeros((scheme.num_points, 2))).shape == (number, 2)
    assert prediction(np.zeros((68, 2))).shape == (number, 2)


def test_schemes_without_a_conversion_cannot_be_compared():
    assert fits.find_comparison(find_scheme("menpo39"), IBUG68) is None
