"""Which faces are bad, and why."""

import numpy as np
import pytest

from landmark.checking import fits, judge, looks
from landmark.face.scheme import IBUG68
from landmark.files import exif
from landmark.files.photos import write_image
from landmark.files.pts import PtsFormat, write_pts


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory, drawn):
    """Looks at faces, without a model; of the first ones, the points are wrong."""
    folder, found = tmp_path_factory.mktemp("faces"), []
    tool = looks.Tool(PtsFormat(), learns=True)
    rng = np.random.default_rng(0)
    for index, (image, points) in enumerate(drawn):
        size = image.shape[1::-1]
        if index == 0:
            points = points[rng.permutation(68)]
        elif index == 1:
            points = points[IBUG68.mirror]
        elif index == 2:
            points = exif.to_stored(points, 3, size)
        elif index == 3:
            points = np.zeros_like(points)
        path = folder / f"{index}.pts"
        write_image(path.with_suffix(".png"), image)
        write_pts(path, points)
        found.append(looks.look_at(tool, looks.Face(path, str(index), folder)))
    return found


def test_the_collection_judges_itself(spoilt):
    verdicts = judge.judge(spoilt, IBUG68)
    kinds = [verdict.kind for verdict in verdicts[:4]]
    assert kinds == [fits.ORDER, fits.SWAPPED, judge.TURNED, looks.PLACEHOLDERS]
    assert all(verdict.is_bad for verdict in verdicts[:4])
    assert sum(verdict.is_bad for verdict in verdicts[4:]) <= 2


def make_looks(spoilt, errors):
    """The looks of good faces, as if a model had found these errors."""
    good = [look for look in spoilt[4:] if look.square is not None]
    none = np.zeros(2)
    seen = [
        looks.Seen(look.points, look.points, {fits.PLAIN: 0.01}, none, look.square)
        for look in good
    ]
    seen[0] = seen[0]._replace(errors=errors)
    return [l._replace(seen=s) for l, s in zip(good, seen, strict=True)]  # noqa: E741


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ({"order": 0.01, "swapped": 0.01}, fits.SWAPPED),
        ({"order": 0.01, "swapped": 0.2}, fits.ORDER),
        ({"order": 0.2, "moved": 0.02}, fits.MOVED),
        ({"turned 90": 0.02, "order": 0.2}, "turned 90"),
        ({"stored frame": 0.02, "turned 90": 0.02}, "stored frame"),
        ({"order": 0.2, "turned 90": 0.2}, fits.OTHER),
    ],
)
def test_the_model_explains(spoilt, errors, kind):
    found = make_looks(spoilt, {fits.PLAIN: 0.3, **errors})
    first, *others = judge.judge(found, IBUG68, IBUG68)
    assert first.kind == kind
    assert first.score == pytest.approx(10)
    assert "plain 30.0 %" in first.detail
    assert not any(verdict.is_bad for verdict in others)


def test_points_that_are_somewhat_off_fit_poorly(spoilt):
    found = make_looks(spoilt, {fits.PLAIN: 0.045})
    assert judge.judge(found, IBUG68, IBUG68)[0].kind == judge.POOR_FIT


def test_what_was_not_read_has_no_score():
    look = looks.Look(looks.Face("a.pts", "a", "."), looks.NOT_READ, "why")
    (verdict,) = judge.judge([look], IBUG68)
    assert np.isnan(verdict.score)
    assert not verdict.is_bad
    assert (verdict.kind, verdict.detail) == (looks.NOT_READ, "why")


def test_points_that_turning_explains_are_not_only_outside(spoilt):
    found = make_looks(spoilt, {fits.PLAIN: 0.4, "turned 90": 0.01})
    found[0] = found[0]._replace(kind=looks.OUTSIDE)
    first = judge.judge(found, IBUG68, IBUG68)[0]
    assert first.kind == "turned 90"
    assert first.is_bad
    found = make_looks(spoilt, {fits.PLAIN: 0.4})
    found[0] = found[0]._replace(kind=looks.OUTSIDE)
    assert judge.judge(found, IBUG68, IBUG68)[0].kind == looks.OUTSIDE


def test_points_far_from_the_boxes_stand_out(spoilt):
    rng = np.random.default_rng(0)
    found = [
        look._replace(features=None, box_offset=rng.normal(0, 0.02, 2))
        for look in spoilt[4:]
    ]
    found[7] = found[7]._replace(box_offset=np.array([0.3, 0]))
    found[8] = found[8]._replace(box_offset=np.full(2, np.nan))  # Nothing was found.
    verdicts = judge.judge(found, IBUG68)
    assert verdicts[7].kind == fits.MOVED
    assert verdicts[7].score == max(verdict.score for verdict in verdicts)
    assert verdicts[8].kind != fits.MOVED
