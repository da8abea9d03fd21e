"""Errors worked out by hand."""

import json

import numpy as np
import pytest

from landmark.face import metrics
from landmark.face.scheme import IBUG68, find_scheme
from landmark.script.errors import InputError


@pytest.fixture
def truth():
    """One face: outer eye corners 0.5 apart, eye centres 0.4 apart."""
    points = np.full((1, 68, 2), 0.5)
    # Each eye's six points have their mean at x 0.3 or 0.7.
    points[0, IBUG68.chains["right_eye"], 0] = [0.25, *[0.31] * 5]
    points[0, IBUG68.chains["left_eye"], 0] = [*[0.69] * 3, 0.75, *[0.69] * 2]
    return points


def test_point_errors_are_euclidean(truth):
    predicted = truth + (0.03, -0.04)
    errors = metrics.point_errors(predicted, truth)
    assert errors.shape == (1, 68)
    np.testing.assert_allclose(errors, 0.05)


def test_normalisers(truth):
    np.testing.assert_allclose(metrics.normaliser(truth), [0.5])
    np.testing.assert_allclose(metrics.normaliser(truth, name="inter_pupil"), [0.4])
    tilted = truth.copy()
    tilted[0, 45, 1] += 1.2  # 0.5, 1.2, 1.3
    np.testing.assert_allclose(metrics.normaliser(tilted), [1.3])


def test_failure_rate_counts_what_is_above_the_threshold():
    assert metrics.failure_rate(np.array([0.05, 0.1, 0.11, 0.5]), 0.1) == 0.5
    assert metrics.failure_rate(np.array([0.1]), 0.1) == 0


@pytest.mark.parametrize(
    ("errors", "area"),
    [
        ([0.0, 0.0], 1),
        ([0.1, 0.7], 0),
        ([0.02, 0.05, 0.2], (0.8 + 0.5 + 0) / 3),
    ],
)
def test_auc(errors, area):
    assert metrics.auc(np.array(errors), 0.1) == pytest.approx(area)


def test_auc_is_the_area_under_the_ced():
    errors = np.random.default_rng(0).gamma(2, 0.03, 200)
    grid = (np.arange(100_000) + 0.5) * 0.1 / 100_000
    steps, shares = metrics.ced(errors)
    height = np.concatenate([[0], shares])[np.searchsorted(steps, grid, "right")]
    assert metrics.auc(errors, 0.1) == pytest.approx(height.mean(), abs=1e-4)


def test_ced():
    steps, shares = metrics.ced(np.array([0.3, 0.1, 0.2, 0.4]))
    assert steps.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert shares.tolist() == [0.25, 0.5, 0.75, 1]


def test_summary_of_a_known_shift(truth):
    summary = metrics.summarize(truth + (0.045, 0), truth)
    expected = {
        "samples": 1,
        "error_crop": 0.045,
        "nme_inter_ocular": 0.09,
        "nme_inter_ocular_median": 0.09,
        "nme_inter_pupil": 0.1125,
        "failure_rate_0.08": 1,
        "failure_rate_0.10": 0,
        "auc_0.08": 0,
        "auc_0.10": 0.1,
    }
    assert {name: summary[name] for name in expected} == pytest.approx(expected)
    parts = summary["nme_inter_ocular_by_part"]
    assert parts == pytest.approx(dict.fromkeys(IBUG68.parts, 0.09))
    assert summary["nme_inter_ocular_by_point"] == pytest.approx([0.09] * 68)


def test_summary_of_a_wrong_mouth(truth):
    predicted = truth.copy()
    predicted[:, 48:, 1] -= 0.1
    summary = metrics.summarize(predicted, truth)
    parts = summary["nme_inter_ocular_by_part"]
    assert parts == pytest.approx(dict.fromkeys(IBUG68.parts, 0) | {"mouth": 0.2})
    assert summary["nme_inter_ocular_by_point"] == pytest.approx(48 * [0] + 20 * [0.2])
    assert summary["nme_inter_ocular"] == pytest.approx(0.2 * 20 / 68)


def test_summary_averages_faces_each_by_its_own_size(truth):
    small = 0.5 * truth  # Outer eye corners 0.25 apart.
    both = np.concatenate([truth, truth, small])
    shifts = np.array([0.01, 0.02, 0.05])[:, None, None] * (0, 1)
    summary = metrics.summarize(both + shifts, both)
    assert summary["samples"] == 3
    assert summary["error_crop"] == pytest.approx(0.08 / 3)
    assert summary["nme_inter_ocular"] == pytest.approx((0.02 + 0.04 + 0.2) / 3)
    assert summary["nme_inter_ocular_median"] == pytest.approx(0.04)
    assert summary["failure_rate_0.10"] == pytest.approx(1 / 3)


def test_summary_is_ready_for_json(truth):
    summary = metrics.summarize(np.float32(truth + 0.01), np.float32(truth))
    assert json.loads(json.dumps(summary)) == summary


def test_face_errors_are_means_over_the_points(truth):
    predicted = truth.copy()
    predicted[0, :34] += (0.03, -0.04)  # Half of the points are off by 0.05.
    errors, nme = metrics.face_errors(predicted, truth)
    np.testing.assert_allclose(errors, [0.025])
    np.testing.assert_allclose(nme, [0.05])


# Two faces that stand apart, and a third one of which nobody is sure.
FACES = np.array([[0, 0, 2, 2], [10, 0, 12, 2], [20, 0, 22, 2]], float)
IS_SURE = np.array([True, True, False])


@pytest.mark.parametrize(
    ("found", "hits", "false"),
    [
        ([], 0, 0),
        ([(0, 0, 2, 2)], 1, 0),
        ([(1, 0, 3, 2)], 0, 1),  # IoU 1/3.
        ([(0.8, 0, 2.8, 2)], 1, 0),  # IoU 3/7.
        ([(0, 0, 2, 2), (0.5, 0, 2.5, 2)], 1, 0),  # Twice the same face.
        ([(0, 0, 2, 2), (10, 0, 12, 2)], 2, 0),
        ([(20, 0, 22, 2)], 0, 0),  # Neither wanted nor wrong.
        ([(20, 0, 22, 2), (30, 0, 32, 2), (10, 0, 12, 2)], 1, 1),
    ],
)
def test_count_faces(found, hits, false):
    found = np.array(found, float).reshape(-1, 4)
    assert metrics.count_faces(found, FACES, IS_SURE) == (hits, false)


def test_count_faces_at_another_overlap():
    found = np.array([[1.0, 0, 3, 2]])
    assert metrics.count_faces(found, FACES, IS_SURE, min_iou=0.3) == (1, 0)
    found = np.array([[0.5, 0, 2.5, 2]])
    assert metrics.count_faces(found, FACES, IS_SURE, min_iou=0.7) == (0, 1)


def test_count_faces_of_a_photo_without_any():
    nobody = np.zeros((0, 4)), np.zeros(0, bool)
    assert metrics.count_faces(FACES, *nobody) == (0, 3)


# Missing points, and other schemes.

FIVE = find_scheme("five")
NAN = (np.nan, np.nan)


def make_five(*missing):
    """One face of five points, its eyes 0.5 apart, some of its points missing."""
    points = np.array([(0.25, 0.3), (0.75, 0.3), (0.5, 0.5), (0.3, 0.7), (0.7, 0.7)])
    points[list(missing)] = np.nan
    return points


# Points that are missing -> mean error and NME, where point i is off by (i + 1) / 100.
@pytest.mark.parametrize(
    ("missing", "error", "nme"),
    [
        ((), 0.03, 0.06),
        ((4,), 0.025, 0.05),
        ((2, 3, 4), 0.015, 0.03),
        ((0,), 0.035, np.nan),  # An eye: nothing normalises.
        ((0, 1), 0.04, np.nan),
        ((0, 1, 2, 3, 4), np.nan, np.nan),
    ],
)
def test_missing_points_count_nowhere(missing, error, nme):
    truth = make_five(*missing)
    shift = np.column_stack([np.arange(1, 6) / 100, np.zeros(5)])
    predicted = make_five() + shift
    found = metrics.face_errors(predicted[None], truth[None], FIVE)
    np.testing.assert_allclose(found, [[error], [nme]], rtol=1e-9)


@pytest.mark.filterwarnings("error")
def test_summary_of_faces_with_missing_points():
    truth = np.stack([make_five(), make_five(3), make_five(0, 4)])
    shifts = np.array([0.01, 0.02, 0.06])[:, None, None] * (0, 1)
    predicted = np.stack([make_five()] * 3) + shifts
    summary = metrics.summarize(predicted, truth, FIVE)
    assert summary == {
        "scheme": "five",
        "samples": 3,
        "samples_without_nme": 1,
        "points_missing": 3,
        # Over all points that there are; the third face counts here.
        "error_crop": pytest.approx((5 * 0.01 + 4 * 0.02 + 3 * 0.06) / 12),
        "nme_inter_pupil": pytest.approx(0.03),
        "nme_inter_pupil_median": pytest.approx(0.03),
        "failure_rate_0.08": 0,
        "failure_rate_0.10": 0,
        "auc_0.08": pytest.approx(1 - 0.03 / 0.08),
        "auc_0.10": pytest.approx(0.7),
        "nme_inter_pupil_by_part": pytest.approx(
            {"eyes": 0.03, "nose": 0.03, "mouth": (2 * 0.02 + 0.04) / 3}
        ),
        "nme_inter_pupil_by_point": pytest.approx([0.03] * 3 + [0.02, 0.03]),
    }
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


@pytest.mark.filterwarnings("error")
def test_what_no_face_shows_is_none():
    truth = np.stack([make_five(0), make_five(0, 2)])
    summary = metrics.summarize(truth * 0, truth, FIVE)
    assert summary["samples_without_nme"] == 2
    assert summary["error_crop"] > 0
    for name in ("nme_inter_pupil", "nme_inter_pupil_median", "auc_0.08"):
        assert summary[name] is None
    assert summary["failure_rate_0.10"] is None
    assert summary["nme_inter_pupil_by_part"] == dict.fromkeys(FIVE.parts)
    assert summary["nme_inter_pupil_by_point"] == [None] * 5
    json.dumps(summary, allow_nan=False)


def test_a_point_that_is_always_missing_is_none(truth):
    truth[:, 8] = NAN
    summary = metrics.summarize(truth + (0.045, 0), truth)
    by_point = summary["nme_inter_ocular_by_point"]
    assert by_point[8] is None
    assert by_point[:8] + by_point[9:] == pytest.approx([0.09] * 67)
    assert summary["nme_inter_ocular_by_part"]["jaw"] == pytest.approx(0.09)
    assert (summary["points_missing"], summary["samples_without_nme"]) == (1, 0)


def test_a_point_of_the_second_normaliser_only(truth):
    truth[:, 37] = NAN  # Of an eye's centre, not of its corners.
    summary = metrics.summarize(truth + (0.045, 0), truth)
    assert summary["nme_inter_ocular"] == pytest.approx(0.09)
    assert summary["nme_inter_pupil"] is None
    assert summary["samples_without_nme"] == 0


def test_faces_without_a_size_have_no_nme():
    truth = np.full((1, 5, 2), 0.5)
    assert np.isnan(metrics.normaliser(truth, FIVE)).all()
    assert metrics.summarize(truth, truth, FIVE)["samples_without_nme"] == 1


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("five", ["nme_inter_pupil"]),
        ("menpo39", ["nme_bridge_to_chin"]),
        ("wflw98", ["nme_inter_ocular", "nme_inter_pupil"]),
    ],
)
def test_figures_are_called_by_the_schemes_normalisers(name, keys):
    scheme = find_scheme(name)
    truth = np.random.default_rng(0).uniform(size=(2, scheme.num_points, 2))
    summary = metrics.summarize(truth + 0.01, truth, scheme)
    ends = ("_median", "_by_part", "_by_point")
    found = [k for k in summary if k.startswith("nme_") and not k.endswith(ends)]
    assert found == keys
    assert {f"{keys[0]}{end}" for end in ends} < summary.keys()
    first, second = scheme.normalisers[scheme.normaliser]
    ends = truth[:, list(first)].mean(axis=1), truth[:, list(second)].mean(axis=1)
    distance = np.linalg.norm(ends[0] - ends[1], axis=-1)
    expected = (0.01 * 2**0.5 / distance).mean()
    assert summary[keys[0]] == pytest.approx(expected)


def test_mean_is_to_the_last_bit_what_it_is_without_nan():
    values = np.random.default_rng(0).gamma(2, 0.03, (7, 68)).astype(np.float32)
    np.testing.assert_array_equal(metrics.mean(values, 1), values.mean(axis=1))


def test_normalisers_that_all_schemes_have():
    truth = np.array([[[1, 1], [4, 1], [4, 13], [1, 5]]], float)
    five = find_scheme("five")
    for name, size in [("box", 6), ("diagonal", np.hypot(3, 12)), ("0-2", None)]:
        size = size or np.hypot(3, 12)
        np.testing.assert_allclose(metrics.normaliser(truth, five, name), size)
    assert np.isnan(metrics.normaliser(np.zeros((1, 5, 2)), five, "box"))


def test_summary_by_another_normaliser(truth):
    truth[:, 8, 1] = 0.9  # All else is in one row, around which there is no box.
    found = metrics.summarize(truth + 0.01, truth, IBUG68, "box")
    nme = np.hypot(0.01, 0.01) / metrics.normaliser(truth, IBUG68, "box")
    assert found["nme_box"] == pytest.approx(nme.mean())
    assert found["nme_box_median"] == pytest.approx(np.median(nme))
    assert len(found["nme_box_by_point"]) == 68
    usual = metrics.summarize(truth + 0.01, truth)
    assert found["nme_inter_ocular"] == usual["nme_inter_ocular"]
    assert found["auc_0.08"] != usual["auc_0.08"]


@pytest.mark.parametrize("name", ["eyes", "36", "36-36", "36-68", "", "-1-2", "inter"])
def test_what_is_no_normaliser_is_refused(name):
    with pytest.raises(
        InputError, match="--normaliser: expected one of inter_ocular, "
    ):
        metrics.check_normaliser(name, IBUG68)


@pytest.mark.parametrize("name", ["inter_pupil", "box", "diagonal", "36-45", "67-0"])
def test_what_is_a_normaliser(name):
    metrics.check_normaliser(name, IBUG68)
    face = np.random.default_rng(0).random((1, 68, 2))
    assert metrics.normaliser(face, IBUG68, name) > 0


def make_open(eyes=(0.3, 0.1), mouth=0.5):
    """One face: its two eyes and its mouth 0.2 wide, and as high over that as given."""
    points = np.full((1, 68, 2), 0.5)
    for chain, (x, y), aspect in (
        ("right_eye", (0.2, 0.3), eyes[0]),
        ("left_eye", (0.6, 0.3), eyes[1]),
        ("inner_lips", (0.4, 0.7), mouth),
    ):
        half = len(IBUG68.chains[chain]) // 2
        along = np.linspace(0, 0.2, half + 1)
        upper = np.column_stack([x + along, np.full(half + 1, y - 0.1 * aspect)])
        upper[[0, -1], 1] = y
        lower = upper[-2:0:-1] + (0, 0.2 * aspect)
        points[0, IBUG68.chains[chain]] = np.concatenate([upper, lower])
    return points


def test_aspects_are_height_over_width():
    points = make_open()
    found = metrics.aspects(points)
    assert found["eye"] == pytest.approx([(0.3 + 0.1) / 2])
    assert found["mouth"] == pytest.approx([0.5])
    # Its own lids by the formula, however the face is turned.
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    p = points[0] @ turn * 3
    right = np.linalg.norm(p[37] - p[41]) + np.linalg.norm(p[38] - p[40])
    assert right / np.linalg.norm(p[36] - p[39]) / 2 == pytest.approx(0.3)
    assert metrics.aspects(p)["eye"] == pytest.approx(0.2)
    assert metrics.aspects(p)["mouth"] == pytest.approx(0.5)


def test_aspects_that_are_not_known():
    points = np.concatenate([make_open()] * 3)
    points[1, 41] = NAN
    points[2, 64] = points[2, 60]  # A mouth without width.
    found = metrics.aspects(points)
    np.testing.assert_allclose(found["eye"], [0.2, np.nan, 0.2])
    np.testing.assert_allclose(found["mouth"], [0.5, 0.5, np.nan])
    assert metrics.aspects(np.zeros((1, 5, 2)), FIVE) == {}
    assert metrics.aspects(np.zeros((1, 39, 2)), find_scheme("menpo39")) == {}
    points = make_open()[:, 17:]
    assert metrics.aspects(points, find_scheme("ibug51"))["eye"] == pytest.approx([0.2])


def test_summary_of_aspects():
    truth = np.concatenate([make_open(), make_open((0.02, 0.02), 0)])
    predicted = np.concatenate([make_open((0.2, 0.1)), make_open((0.2, 0.1), 0.1)])
    summary = metrics.summarize(predicted, truth)
    assert summary["eye_aspect_error"] == pytest.approx((0.05 + 0.13) / 2)
    assert summary["mouth_aspect_error"] == pytest.approx((0 + 0.1) / 2)
    truth[:, 38] = NAN
    summary = metrics.summarize(predicted, truth)
    assert summary["eye_aspect_error"] is None
    assert summary["mouth_aspect_error"] == pytest.approx(0.05)
