"""The one-euro filter: calm at rest, quick in motion."""

import math

import numpy as np
import pytest

from landmark.live.smoothing import OneEuroFilter

RATE = 30.0


def smooth_all(smoother, values, unit=1.0):
    """Smooths values that come at RATE."""
    return np.array(
        [smoother.smooth(value, i / RATE, unit) for i, value in enumerate(values)]
    )


def test_first_value_passes():
    values = np.random.default_rng(0).uniform(0, 100, (68, 2))
    np.testing.assert_array_equal(OneEuroFilter(0.01, 0).smooth(values, 7.0), values)


def test_what_does_not_move_stays():
    values = np.random.default_rng(0).uniform(0, 100, (1, 68, 2)).repeat(10, axis=0)
    np.testing.assert_array_equal(smooth_all(OneEuroFilter(1, 10), values), values)


# A value jumps from 0 to 1 and stays. Steps of 1 / 2 pi seconds give a new value the
# share c / (c + 1) at a cutoff of c hertz, so that the speed, whose cutoff is 1, goes
# half the way to 2 pi and then half the way back: it is pi, then pi / 2.
@pytest.mark.parametrize(
    ("min_cutoff", "beta", "expected"),
    [
        # Cutoffs of 1, 1: half the way each time.
        (1, 0, (1 / 2, 3 / 4)),
        # Of 3, 3: three quarters.
        (3, 0, (3 / 4, 15 / 16)),
        # Of 1 + 1, 1 + 1/2: two thirds, then three fifths.
        (1, 1 / math.pi, (2 / 3, 13 / 15)),
        # Of 1 + 4, 1 + 2.
        (1, 4 / math.pi, (5 / 6, 23 / 24)),
    ],
)
def test_steps_by_hand(min_cutoff, beta, expected):
    smoother = OneEuroFilter(min_cutoff, beta)
    step = 1 / (2 * math.pi)
    found = [smoother.smooth([v], i * step)[0] for i, v in enumerate([0, 1, 1])]
    np.testing.assert_allclose(found, [0, *expected], rtol=1e-12)


def test_each_coordinate_has_its_own_speed():
    # What moves beside a coordinate at rest does not set its noise free.
    noise = np.random.default_rng(0).normal(0, 0.01, 50)
    moving = np.arange(50.0)
    both = smooth_all(OneEuroFilter(1, 1), np.stack([noise, moving], axis=-1))
    alone = smooth_all(OneEuroFilter(1, 1), noise)
    np.testing.assert_array_equal(both[:, 0], alone)


def test_noise_at_rest_gets_smaller():
    noise = np.random.default_rng(0).normal(0, 0.005, (300, 68, 2))
    deviations = [
        smooth_all(OneEuroFilter(min_cutoff, 1), noise)[30:].std()
        for min_cutoff in (1, 3, 10)
    ]
    assert deviations == sorted(deviations)
    assert deviations[0] < 0.35 * noise.std()
    assert deviations[-1] < noise.std()


def test_larger_beta_lags_less():
    values = np.arange(60) / RATE  # A unit a second.
    lags = [
        (values - smooth_all(OneEuroFilter(1, beta), values))[-1]
        for beta in (0, 1, 10, 100)
    ]
    # At a constant speed the lag is the time constant 1 / (2 pi cutoff).
    cutoffs = np.array([1, 2, 11, 101])
    np.testing.assert_allclose(lags, 1 / (2 * math.pi * cutoffs), rtol=0.01)


@pytest.mark.parametrize("scale", [0.01, 50])
def test_near_and_far_faces_are_smoothed_alike(scale):
    values = np.random.default_rng(0).normal(0, 1, (20, 68, 2)).cumsum(axis=0)
    expected = smooth_all(OneEuroFilter(1, 10), values, unit=2.0)
    found = smooth_all(OneEuroFilter(1, 10), values * scale, unit=2.0 * scale)
    np.testing.assert_allclose(found / scale, expected, rtol=1e-9)
    # And it is the unit that does it.
    other = smooth_all(OneEuroFilter(1, 10), values * scale, unit=2.0)
    assert np.abs(other / scale - expected).max() > 0.01


def test_frames_at_the_same_time_do_no_harm():
    smoother = OneEuroFilter(1, 10)
    found = [smoother.smooth([value], 1.0)[0] for value in (0.0, 1.0, 1.0)]
    assert found == sorted(found)
    assert 0 < found[-1] <= 1
