"""What a spread is multiplied by, by hand; and as it stands in a .tflite."""

import numpy as np
import pytest
from test_mutations import write_empty_model

from landmark.face.scheme import find_scheme
from landmark.model import calibration, metadata
from landmark.model.calibration import error_per_spread
from landmark.script.errors import InputError

FIVE = find_scheme("five")
NAN = np.nan


def make(errors, spread):
    """Predicted points of given errors, (B, P), as error_per_spread takes them."""
    errors = np.float32(errors)
    truth = np.random.default_rng(0).uniform(0, 1, (*errors.shape, 2))
    # In any direction; where the error is nan, the truth is.
    predicted = truth + errors[..., None] * (0.6, -0.8)
    truth[np.isnan(errors)] = predicted[np.isnan(errors)] = NAN
    return np.nan_to_num(predicted, nan=0.5), np.float32(spread), truth


@pytest.mark.parametrize(
    ("errors", "spread", "expected"),
    [
        # The mean error over the mean spread, not the mean of the ratios.
        ([[0.01, 0.2], [0.03, 0.2]], [[0.01, 0.1], [0.01, 0.3]], [2, 1]),
        # Where a point is missing, its spread does not count either.
        ([[0.01, NAN], [0.03, 0.3]], [[0.01, 5], [0.01, 0.1]], [2, 3]),
        # One that always is has the mean of the others.
        ([[0.01, NAN, 0.3], [0.03, NAN, 0.3]], [[0.01, 5, 0.1]] * 2, [2, 2.5, 3]),
        # So has one whose bins are always sure.
        ([[0.01, 0.2, 0.3]] * 2, [[0.01, 0, 0.1]] * 2, [1, 2, 3]),
        ([[0, 0.2]], [[0.01, 1e-9]], [0, 1000]),
    ],
)
def test_factors_by_hand(errors, spread, expected):
    found = error_per_spread(*make(errors, spread))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("errors", "spread"),
    [
        ([[0.01, 0.02]], [[NAN, NAN]]),
        ([[NAN, NAN]], [[0.01, 0.01]]),
        ([[0.01, 0.02]], [[0, 0]]),
    ],
)
def test_nothing_known(errors, spread):
    assert error_per_spread(*make(errors, spread)) is None


def test_errors_are_as_expected_on_average():
    rng = np.random.default_rng(1)
    spread = rng.uniform(0.01, 0.05, (400, 5))
    true_factors = np.array([0.4, 0.6, 0.8, 1, 1.2])
    errors = spread * true_factors * rng.uniform(0.5, 1.5, spread.shape)
    found = error_per_spread(*make(errors, spread))
    np.testing.assert_allclose(found, true_factors, rtol=0.06)
    np.testing.assert_allclose((spread * found).mean(0), errors.mean(0), rtol=1e-5)


def describe(confidence):
    note = metadata.describe(metadata.Metadata(FIVE, 0.1, 0.3, 0.02), 20, True)
    return note | {"author": "wir", "confidence": confidence}


def test_factors_stand_in_the_note():
    before = {"sharpest_spread": 0.02, "more": [1]}
    content = metadata.write_note(write_empty_model(b"{}"), describe(before))
    factors = np.array([0.123456, 1, 0, 1000, 2 / 3])
    written = calibration.write_factors(content, factors, "x.tflite")
    rounded = [0.1235, 1, 0, 1000, 0.6667]
    note = metadata.read_note(written, "x.tflite")
    assert note == describe(before | {"error_per_spread": rounded})
    assert metadata.parse(note, "x.tflite").error_per_spread == tuple(rounded)
    again = calibration.write_factors(written, factors[::-1], "x.tflite")
    note = metadata.read_note(again, "x.tflite")
    assert note["confidence"]["error_per_spread"] == rounded[::-1]
    without = calibration.write_factors(again, None, "x.tflite")
    assert metadata.read_note(without, "x.tflite") == describe(before)


NONE = "x.tflite: expected a .tflite whose landmark.json has a confidence, found none"


@pytest.mark.parametrize(
    ("note", "message"),
    [
        (describe(None), NONE),
        (describe({"sharpest_spread": None}), NONE),
        ({}, "found another note"),
        ([], "found another note"),
        (describe(5), "found another note"),
    ],
    ids=str,
)
def test_model_that_does_not_tell_has_no_factors(note, message):
    content = metadata.write_note(write_empty_model(b"{}"), note)
    with pytest.raises(InputError) as caught:
        calibration.write_factors(content, np.ones(5), "x.tflite")
    assert str(caught.value).endswith(message)
