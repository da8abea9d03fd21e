"""The 68 points as data: chains, parts and mirror pairs."""

import numpy as np
import pytest

from landmark.face import points as ibug

# One pair of each kind, and all points that stand on the midline.
MIRROR_PAIRS = [
    (0, 16), (7, 9), (8, 8), (17, 26), (21, 22), (27, 27), (30, 30), (31, 35), (32, 34),
    (33, 33), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54),
    (49, 53), (50, 52), (51, 51), (55, 59), (56, 58), (57, 57), (60, 64), (61, 63),
    (62, 62), (65, 67), (66, 66),
]  # fmt: skip


@pytest.mark.parametrize(("right", "left"), MIRROR_PAIRS)
def test_flip_swaps_left_and_right(right, left):
    assert ibug.FLIP[right] == left
    assert ibug.FLIP[left] == right


def test_flip_twice_is_nothing():
    np.testing.assert_array_equal(ibug.FLIP[ibug.FLIP], np.arange(68))


def test_flip_takes_each_chain_to_a_chain():
    partner = {"right_brow": "left_brow", "right_eye": "left_eye"}
    partner |= {left: right for right, left in partner.items()}
    for name in ibug.CHAINS:
        flipped = set(ibug.FLIP[ibug.chain_indices(name)].tolist())
        assert flipped == set(ibug.chain_indices(partner.get(name, name)).tolist())


def test_chains_are_ibugs_and_cover_each_point_once():
    assert list(ibug.CHAINS.values()) == [
        (0, 16), (17, 21), (22, 26), (27, 30), (31, 35),
        (36, 41), (42, 47), (48, 59), (60, 67),
    ]  # fmt: skip
    indices = np.concatenate([ibug.chain_indices(name) for name in ibug.CHAINS])
    np.testing.assert_array_equal(indices, np.arange(68))


def test_chain_indices_include_the_last_point():
    assert ibug.chain_indices("right_eye").tolist() == [36, 37, 38, 39, 40, 41]


def test_parts_cover_each_point_once():
    sizes = {name: len(ibug.part_indices(name)) for name in ibug.PARTS}
    assert sizes == {"jaw": 17, "brows": 10, "nose": 9, "eyes": 12, "mouth": 20}
    indices = np.concatenate([ibug.part_indices(name) for name in ibug.PARTS])
    assert sorted(indices.tolist()) == list(range(68))


def test_eyes_and_lips_are_closed():
    assert set(ibug.CLOSED_CHAINS) == {
        "right_eye", "left_eye", "outer_lips", "inner_lips",
    }  # fmt: skip


def test_numbers():
    assert (ibug.NUM_POINTS, ibug.NUM_COORDINATES, ibug.NUM_PROFILE_POINTS) == (
        68,
        136,
        39,
    )
    corners = ibug.RIGHT_OUTER_EYE_CORNER, ibug.LEFT_OUTER_EYE_CORNER
    assert corners == (36, 45)
    assert ibug.FLIP[corners[0]] == corners[1]
