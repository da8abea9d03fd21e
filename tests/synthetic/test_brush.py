"""Curves through points."""

import numpy as np
import pytest

from landmark.synthetic import brush


@pytest.fixture
def knots():
    return np.random.default_rng(0).uniform(0, 50, (6, 2))


def test_interpolation_is_what_is_drawn(knots):
    drawn = brush.smooth(knots)
    assert drawn.shape == (26, 2)
    found = brush.interpolate(knots, np.linspace(0, 5, 26))
    np.testing.assert_allclose(found, drawn, atol=1e-12)


def test_curve_goes_through_its_knots(knots):
    np.testing.assert_allclose(brush.interpolate(knots, range(6)), knots, atol=1e-12)
    np.testing.assert_allclose(brush.smooth(knots)[::5], knots, atol=1e-12)


def test_straight_line_stays_straight():
    line = np.column_stack([np.arange(5.0), 2 * np.arange(5.0)])
    found = brush.interpolate(line, [1.25, 2.5])
    np.testing.assert_allclose(found, [(1.25, 2.5), (2.5, 5)])


@pytest.mark.parametrize("at", [-0.01, 5.01, np.nan])
def test_place_that_is_not_on_the_curve(knots, at):
    with pytest.raises(ValueError, match="expected 0..5, found"):
        brush.interpolate(knots, [1, at])
