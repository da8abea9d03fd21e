"""The 68 points as data: chains, parts and mirror pairs."""

import numpy as np
import pytest

from landmark.face.scheme import IBUG68

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
