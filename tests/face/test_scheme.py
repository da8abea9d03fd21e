"""Schemes of points: the 68, all that come with the toolkit, and one's own."""

import itertools

import numpy as np
import pytest

from landmark.face.scheme import (
    IBUG68,
    NAMES,
    find_scheme,
    parse_scheme,
    scheme_of_reference,
)
from landmark.script.errors import InputError

# One pair of each kind, and all points that stand on the midline.
MIRROR_PAIRS = [
    (0, 16), (7, 9), (8, 8), (17, 26), (21, 22), (27, 27), (30, 30), (31, 35), (32, 34),
    (33, 33), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54),
    (49, 53), (50, 52), (51, 51), (55, 59), (56, 58), (57, 57), (60, 64), (61, 63),
    (62, 62), (65, 67), (66, 66),
]  # fmt: skip


@pytest.mark.parametrize(("right", "left"), MIRROR_PAIRS)
def test_flip_swaps_left_and_right(right, left):
    assert IBUG68.mirror[right] == left
    assert IBUG68.mirror[left] == right


def test_flip_twice_is_nothing():
    np.testing.assert_array_equal(IBUG68.mirror[IBUG68.mirror], np.arange(68))


def test_flip_takes_each_chain_to_a_chain():
    partner = {"right_brow": "left_brow", "right_eye": "left_eye"}
    partner |= {left: right for right, left in partner.items()}
    for name in IBUG68.chains:
        flipped = set(IBUG68.mirror[IBUG68.chains[name]].tolist())
        assert flipped == set(IBUG68.chains[partner.get(name, name)].tolist())


def test_chains_are_ibugs_and_cover_each_point_once():
    runs = [(indices[0], indices[-1]) for indices in IBUG68.chains.values()]
    assert runs == [
        (0, 16), (17, 21), (22, 26), (27, 30), (31, 35),
        (36, 41), (42, 47), (48, 59), (60, 67),
    ]  # fmt: skip
    indices = np.concatenate([IBUG68.chains[name] for name in IBUG68.chains])
    np.testing.assert_array_equal(indices, np.arange(68))


def test_chain_indices_include_the_last_point():
    assert IBUG68.chains["right_eye"].tolist() == [36, 37, 38, 39, 40, 41]


def test_parts_cover_each_point_once():
    sizes = {name: len(IBUG68.parts[name]) for name in IBUG68.parts}
    assert sizes == {"jaw": 17, "brows": 10, "nose": 9, "eyes": 12, "mouth": 20}
    indices = np.concatenate([IBUG68.parts[name] for name in IBUG68.parts])
    assert sorted(indices.tolist()) == list(range(68))


def test_eyes_and_lips_are_closed():
    assert set(IBUG68.closed) == {
        "right_eye", "left_eye", "outer_lips", "inner_lips",
    }  # fmt: skip


def test_numbers():
    assert (IBUG68.num_points, IBUG68.num_coordinates) == (68, 136)
    (corners,) = zip(*IBUG68.normalisers["inter_ocular"], strict=True)
    assert corners == (36, 45)
    assert IBUG68.mirror[corners[0]] == corners[1]


# All schemes that come with the toolkit.

NUM_POINTS = {
    "five": 5,
    "ibug49": 49,
    "ibug51": 51,
    "ibug68": 68,
    "lapa106": 106,
    "menpo39": 39,
    "wflw98": 98,
}
CONVERSIONS = [
    (name, target) for name in NAMES for target in find_scheme(name).conversions
]
OWN = """\
name own
points 4
chain edge 0-2
mirror 0 = 2
normalise span 0 2
convert five exact 0 2 1 3 3 = we
"""


def test_schemes_that_come_with_the_toolkit():
    assert {name: find_scheme(name).num_points for name in NAMES} == NUM_POINTS
    assert all(find_scheme(name).name == name for name in NAMES)
    sided = {name for name in NAMES if find_scheme(name).has_sides}
    assert sided == NUM_POINTS.keys() - {"menpo39"}


@pytest.mark.parametrize("name", NAMES)
def test_mirror_is_undone_by_itself(name):
    scheme = find_scheme(name)
    assert scheme.mirror.shape == (scheme.num_points,)
    back = scheme.mirror[scheme.mirror]
    np.testing.assert_array_equal(back, np.arange(scheme.num_points))


@pytest.mark.parametrize("name", NAMES)
def test_chains_are_mirrored_to_chains(name):
    scheme = find_scheme(name)
    chains = {frozenset(chain.tolist()): n for n, chain in scheme.chains.items()}
    for chain in scheme.chains.values():
        mirrored = scheme.mirror[chain]
        assert frozenset(mirrored.tolist()) in chains
        # And neighbours to neighbours: not the same points in another order.
        other = scheme.chains[chains[frozenset(mirrored.tolist())]]
        assert steps(mirrored) <= steps(other) | {frozenset(other[[0, -1]].tolist())}


def steps(chain):
    return {frozenset(step) for step in itertools.pairwise(chain.tolist())}


@pytest.mark.parametrize("name", NAMES)
def test_parts_cover_all_points_once(name):
    scheme = find_scheme(name)
    points = np.concatenate(list(scheme.parts.values()))
    assert sorted(points.tolist()) == list(range(scheme.num_points))


@pytest.mark.parametrize("name", NAMES)
def test_normalisers_are_mirrored_to_themselves(name):
    scheme = find_scheme(name)
    if scheme.has_sides:
        for first, second in scheme.normalisers.values():
            assert set(scheme.mirror[list(first)].tolist()) == set(second)


@pytest.mark.parametrize(("name", "target"), CONVERSIONS)
def test_conversions_commute_with_mirroring(name, target):
    scheme, target = find_scheme(name), find_scheme(target)
    points = np.random.default_rng(1).normal(size=(3, scheme.num_points, 2))
    converted = scheme.convert(points, target)
    assert converted.shape == (3, target.num_points, 2)
    flipped = (points * (-1, 1))[:, scheme.mirror]
    expected = (converted * (-1, 1))[:, target.mirror]
    np.testing.assert_allclose(scheme.convert(flipped, target), expected, atol=1e-12)


@pytest.mark.parametrize(("name", "target"), CONVERSIONS)
def test_conversions_take_chains_along(name, target):
    scheme, target = find_scheme(name), find_scheme(target)
    groups = scheme.conversions[target.name].groups
    if scheme.conversions[target.name].is_exact:
        assert all(len(group) == 1 for group in groups)
        assert len(set(groups)) == len(groups)
    for chain in target.chains.values():
        of_chain = {index for i in chain for index in groups[i]}
        containing = [c for c in scheme.chains.values() if of_chain <= set(c.tolist())]
        # Those of 49 points join their inner lips to the corners of the outer ones.
        assert containing or target.name == "ibug49"


# Source, target, point of the target -> the points whose mean it is.
@pytest.mark.parametrize(
    ("name", "target", "table"),
    [
        (
            "wflw98",
            "ibug68",
            {
                **{0: [0], 1: [2], 8: [16], 16: [32], 17: [33], 26: [46]},
                **{30: [54], 33: [57], 36: [60], 39: [64], 42: [68], 45: [72]},
                **{37: [61], 38: [63], 40: [65], 41: [67], 47: [75]},
                **{48: [76], 54: [82], 60: [88], 64: [92], 67: [95]},
            },
        ),
        (
            "ibug68",
            "five",
            {0: [37, 38, 40, 41], 1: [43, 44, 46, 47], 2: [30], 3: [48], 4: [54]},
        ),
        ("wflw98", "five", {0: [96], 1: [97], 2: [54], 3: [76], 4: [82]}),
        ("ibug68", "ibug51", {0: [17], 13: [30], 19: [36], 28: [45], 50: [67]}),
        ("ibug68", "ibug49", {0: [17], 42: [59], 43: [61], 46: [65], 48: [67]}),
        ("ibug51", "ibug49", {42: [42], 43: [44], 46: [48], 48: [50]}),
        ("lapa106", "ibug68", {8: [16], 36: [66], 39: [70], 45: [79], 54: [90]}),
        ("lapa106", "five", {0: [104], 1: [105], 2: [54], 3: [84], 4: [90]}),
    ],
)
def test_conversions_by_hand(name, target, table):
    scheme = find_scheme(name)
    points = np.random.default_rng(2).normal(size=(scheme.num_points, 2))
    found = scheme.convert(points, find_scheme(target))
    for index, sources in table.items():
        np.testing.assert_allclose(found[index], points[sources].mean(axis=0))


@pytest.mark.parametrize(
    ("name", "between", "target"),
    [("ibug68", "ibug51", "ibug49"), ("ibug68", "ibug51", "five")]
    + [("wflw98", "ibug68", "ibug51")],
)
def test_conversions_by_way_of_a_third_scheme(name, between, target):
    scheme, between, target = map(find_scheme, (name, between, target))
    points = np.random.default_rng(3).normal(size=(scheme.num_points, 2))
    by_way = between.convert(scheme.convert(points, between), target)
    np.testing.assert_allclose(scheme.convert(points, target), by_way)


def test_a_missing_point_of_a_group_leaves_its_mean_missing():
    points = np.random.default_rng(4).normal(size=(2, 68, 2))
    points[0, 40] = points[1, 54] = np.nan
    found = IBUG68.convert(points, find_scheme("five"))
    missing = np.isnan(found).all(axis=-1)
    np.testing.assert_array_equal(np.isnan(found).any(axis=-1), missing)
    assert np.argwhere(missing).tolist() == [[0, 0], [1, 4]]


def test_conversion_to_itself_changes_nothing():
    points = np.zeros((68, 2))
    assert IBUG68.convert(points, parse_scheme(IBUG68.definition, "x")) is points


def test_conversion_that_there_is_not():
    with pytest.raises(InputError) as caught:
        IBUG68.convert(np.zeros((68, 2)), find_scheme("wflw98"))
    assert str(caught.value) == (
        "expected a scheme that ibug68 can be measured in (ibug68, ibug51, ibug49, "
        "five), found wflw98"
    )


def test_conversion_to_another_number_of_points():
    text = OWN.replace("exact 0 2 1 3 3", "exact 0 2 1")
    with pytest.raises(InputError) as caught:
        parse_scheme(text, "own.txt").convert(np.zeros((4, 2)), find_scheme("five"))
    assert str(caught.value) == "own.txt, line 6: expected 5 points of five, found 3"


# Schemes as such.


def test_schemes_are_equal_by_what_counts():
    own = parse_scheme(OWN, "own.txt")
    commented = "# Ours.\n\n" + OWN.replace("edge 0-2", "edge   # a line\n  0-2")
    assert parse_scheme(commented, "elsewhere.txt") == own
    assert hash(parse_scheme(commented, "elsewhere.txt")) == hash(own)
    assert len({own, parse_scheme(commented, "x"), IBUG68}) == 2
    assert parse_scheme(OWN.replace("0-2", "0 2"), "x") != own
    assert own != OWN
    assert str(own) == "own"


@pytest.mark.parametrize("name", NAMES)
def test_reference_of_a_scheme_that_comes_with_the_toolkit(name):
    scheme = find_scheme(name)
    assert scheme.reference == name
    assert scheme.is_shipped
    assert scheme_of_reference(scheme.definition, "a.json") == scheme


def test_reference_of_an_own_scheme(tmp_path):
    path = tmp_path / "a scheme"
    path.write_text(f"\ufeff# Ours.\n{OWN}", encoding="utf-8")
    own = find_scheme(str(path))
    assert not own.is_shipped
    assert own.reference == own.definition
    again = scheme_of_reference(own.reference, "a.json")
    assert again == own
    np.testing.assert_array_equal(again.mirror, [2, 1, 0, 3])


def test_own_scheme_of_a_shipped_name_is_not_that():
    other = parse_scheme(OWN.replace("name own", "name five"), "x")
    assert other != find_scheme("five")
    assert not other.is_shipped
    assert scheme_of_reference(other.reference, "a.json") == other
    with pytest.raises(InputError) as caught:
        find_scheme("five").require(other, "place")
    assert str(caught.value) == (
        "place: expected points of scheme five, found another definition of it"
    )


def test_require_names_both_schemes():
    IBUG68.require(find_scheme("ibug68"), "place")
    with pytest.raises(InputError) as caught:
        IBUG68.require(find_scheme("five"), "a.tfrecord")
    assert str(caught.value) == (
        "a.tfrecord: expected points of scheme ibug68, found five"
    )


def test_scheme_that_is_not_there(tmp_path):
    for reference in ("ibug69", str(tmp_path), str(tmp_path / "gone.txt"), ""):
        with pytest.raises(InputError) as caught:
            find_scheme(reference)
        assert str(caught.value) == (
            "expected a scheme, one of five, ibug49, ibug51, ibug68, lapa106, menpo39, "
            f"wflw98 or a file, found {reference}"
        )


def test_file_that_is_no_scheme(tmp_path):
    (tmp_path / "photo").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="photo: expected a text file, found: "):
        find_scheme(str(tmp_path / "photo"))
    (tmp_path / "notes").write_text("name own\n\ncorner 1 2\n")
    with pytest.raises(InputError, match="notes, line 3: expected one of name, .*corn"):
        find_scheme(str(tmp_path / "notes"))


@pytest.mark.parametrize("reference", ["ibug69", "", "/etc/passwd", "five.txt" * 1000])
def test_reference_is_no_path(reference):
    with pytest.raises(InputError, match="a.json: expected points of a scheme .*found"):
        scheme_of_reference(reference, "a.json")


def test_faulty_reference_names_its_file():
    with pytest.raises(InputError, match="a.json: its scheme, line 2: expected"):
        scheme_of_reference("name a\npoints many\n", "a.json")


def test_no_conversion_to_another_definition():
    changed = parse_scheme(
        find_scheme("five").definition.replace("0 3 = 1 4", "0 = 1"), "five.txt"
    )
    with pytest.raises(InputError, match="found another definition of five"):
        IBUG68.convert(np.zeros((68, 2)), changed)


def test_run_without_a_step_is_refused():
    with pytest.raises(InputError, match="line 3: expected a step of 1 or more"):
        parse_scheme("name a\npoints 9\nchain a 0-8/0\n", "a.txt")
