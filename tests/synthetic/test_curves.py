"""Where the points of schemes lie on drawn faces."""

import numpy as np
import pytest

from landmark.face import geometry
from landmark.face.scheme import IBUG68, NAMES, find_scheme, parse_scheme
from landmark.script.errors import InputError
from landmark.synthetic import brush, curves
from landmark.synthetic.curves import place_points
from landmark.synthetic.faces import draw_face

DRAWN = [name for name in NAMES if find_scheme(name).drawn]


def make_scheme(drawn, num_points):
    return parse_scheme(
        f"name own\npoints {num_points}\nnormalise span 0 1\ndrawn {drawn}\n", "own.txt"
    )


@pytest.fixture
def face():
    """(points, pupils) of a face that nobody has."""
    rng = np.random.default_rng(0)
    return rng.uniform(0, 100, (68, 2)), rng.uniform(0, 100, (2, 2))


def draw(name, seed=0, **flags):
    return draw_face(np.random.default_rng([5, seed]), 120, find_scheme(name), **flags)


def distance_to_curve(points, knots):
    """How far each point is from the polyline through a curve that is drawn finely."""
    fine = brush.interpolate(knots, np.linspace(0, len(knots) - 1, 2000))
    return np.linalg.norm(points[:, None] - fine, axis=-1).min(axis=1)


def test_schemes_that_can_be_drawn():
    assert DRAWN == ["five", "ibug49", "ibug51", "ibug68", "menpo39", "wflw98"]


@pytest.mark.parametrize("is_profile", [False, True])
def test_the_scheme_does_not_change_the_picture(is_profile):
    pictures = [draw(name, is_profile=is_profile)[0] for name in DRAWN]
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture, pictures[0])


@pytest.mark.parametrize("seed", range(4))
def test_parts_of_the_68_are_where_they_are(seed):
    image, points = draw("ibug68", seed)
    np.testing.assert_array_equal(draw("ibug51", seed)[1], points[17:])
    without_corners = np.delete(points[17:], [43, 47], axis=0)
    np.testing.assert_array_equal(draw("ibug49", seed)[1], without_corners)
    five = draw("five", seed)[1]
    np.testing.assert_allclose(five[2:], points[[30, 48, 54]])
    # The pupils lie in the eyes.
    for pupil, eye in zip(five, ("right_eye", "left_eye"), strict=False):
        x0, y0, x1, y1 = geometry.box_from_points(points[IBUG68.chains[eye]])
        width = x1 - x0
        assert x0 < pupil[0] < x1
        assert y0 - 0.2 * width < pupil[1] < y1 + 0.2 * width


@pytest.mark.parametrize("seed", range(4))
def test_points_of_wflw_lie_on_the_curves_of_the_68(seed):
    _, points = draw("ibug68", seed)
    _, wflw = draw("wflw98", seed)
    chains, of_68 = find_scheme("wflw98").chains, IBUG68.chains
    size = np.ptp(points, axis=0).max()
    for name, knots in {
        "jaw": points[of_68["jaw"]],
        "nose_bridge": points[of_68["nose_bridge"]],
        "nostrils": points[of_68["nostrils"]],
        "outer_lips": points[of_68["outer_lips"]],
        "inner_lips": points[of_68["inner_lips"]],
    }.items():
        found = distance_to_curve(wflw[chains[name]], knots)
        assert found.max() < 1e-3 * size, name
    for side, eye in (("right", 36), ("left", 42)):
        lids = wflw[chains[f"{side}_eye"]]
        upper, lower = points[eye : eye + 4], points[[eye + 3, eye + 4, eye + 5, eye]]
        assert distance_to_curve(lids[:5], upper).max() < 1e-3 * size
        assert distance_to_curve(lids[4:], lower).max() < 1e-3 * size
        brow = wflw[chains[f"{side}_brow"]]
        knots = points[of_68[f"{side}_brow"]]
        np.testing.assert_allclose(brow[:5], knots)
        # The lower edge runs back from the inner end, below the upper one.
        assert (distance_to_curve(brow[5:], knots) > 0.003 * size).all()
    # Every other point of the jaw is one of the 68.
    np.testing.assert_allclose(wflw[:33:2], points[:17], atol=1e-9)


def test_conversion_of_drawn_faces_is_about_the_68():
    wflw98 = find_scheme("wflw98")
    errors = []
    for seed in range(6):
        points = draw("ibug68", seed)[1]
        found = wflw98.convert(draw("wflw98", seed)[1], IBUG68)
        eyes = np.linalg.norm(points[36] - points[45])
        errors.append(np.linalg.norm(found - points, axis=-1) / eyes)
    # Lids are spaced in another way; all else is the same.
    assert np.max(errors) < 0.1
    exact = np.ones(68, bool)
    exact[[37, 38, 40, 41, 43, 44, 46, 47]] = False
    assert np.max(np.array(errors)[:, exact]) < 1e-9


@pytest.mark.parametrize(
    ("drawn", "indices"),
    [
        ("30 8", [30, 8]),
        ("27-30", [27, 28, 29, 30]),
        ("30-27", [30, 29, 28, 27]),
        ("36+39 42+45+30", [[36, 39], [42, 45, 30]]),
        ("5-5 60-59", [5, 60, 59]),
        ("68 69", [68, 69]),  # The pupils.
    ],
)
def test_points_and_their_means(face, drawn, indices):
    scheme = make_scheme(drawn, len(indices))
    everything = np.concatenate(face)
    expected = [everything[np.atleast_1d(index)].mean(axis=0) for index in indices]
    np.testing.assert_allclose(place_points(*face, scheme), expected)


def test_steps_along_a_curve(face):
    points, pupils = face
    scheme = make_scheme("jaw@0:16:17 nose_bridge@3:0:2 jaw@2.5:2.5:1", 20)
    found = place_points(*face, scheme)
    np.testing.assert_allclose(found[:17], points[:17])
    np.testing.assert_allclose(found[17:19], points[[30, 27]])
    # Midway, by Catmull and Rom.
    middle = (9 * (points[2] + points[3]) - points[1] - points[4]) / 16
    np.testing.assert_allclose(found[19], middle)
    straight = make_scheme("pupils@0:1:3", 3)
    expected = [pupils[0], pupils.mean(axis=0), pupils[1]]
    np.testing.assert_allclose(place_points(*face, straight), expected)


def test_points_move_with_the_face(face):
    points, pupils = face
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) * 3
    for name in DRAWN:
        scheme = find_scheme(name)
        expected = place_points(points, pupils, scheme) @ turn + (5, -7)
        moved = place_points(points @ turn + (5, -7), pupils @ turn + (5, -7), scheme)
        np.testing.assert_allclose(moved, expected, atol=1e-9)


def test_own_scheme_is_drawn():
    scheme = make_scheme("pupils@0:1:2 chin@0:3:2 right_upper_lid@1:2:3", 7)
    image, found = draw_face(np.random.default_rng([5, 1]), 120, scheme)
    expected_image, points = draw("ibug68", 1)
    np.testing.assert_array_equal(image, expected_image)
    np.testing.assert_allclose(found[[2, 3, 4, 6]], points[[8, 57, 37, 38]])


@pytest.mark.parametrize(
    "word",
    [
        "nose",
        "jaw@0:1",
        "jaw@0:17:3",
        "chin@-1:2:3",
        "moon@0:1:2",
        "70",
        "30+70",
        "3-80",
    ]
    + ["jaw@0:1.2.3:4", "1++2", "right_brow@0:4.01:2"],
)
def test_words_that_mean_no_points_are_refused(face, word):
    with pytest.raises(InputError) as caught:
        place_points(*face, make_scheme(f"8 {word}", 3))
    assert str(caught.value).startswith(
        "scheme own: expected points or CURVE@FROM:TO:N in its line drawn, of the "
        "curves jaw, right_brow, "
    )
    assert str(caught.value).endswith(f", found {word!r}")


def test_another_number_of_points_is_refused(face):
    with pytest.raises(InputError) as caught:
        place_points(*face, make_scheme("0-3", 5))
    assert str(caught.value) == (
        "scheme own: expected 5 points in its line drawn, found 4"
    )


def test_scheme_that_does_not_say_where_its_points_are():
    with pytest.raises(InputError) as caught:
        draw("lapa106")
    assert str(caught.value) == (
        "scheme lapa106: expected a line drawn, for faces to be drawn with its points, "
        "found none"
    )


def test_weights_of_a_place_add_up_to_one():
    for name, knots in curves.CURVES.items():
        np.testing.assert_allclose(knots.sum(axis=1), 1, err_msg=name)
