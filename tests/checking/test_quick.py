"""Patches that do not fit as a whole."""

import pytest

from landmark.checking import quick
from landmark.face import geometry
from landmark.face.scheme import IBUG68, find_scheme
from landmark.files.patches import Crop, write_patch
from landmark.files.pts import PtsFormat


@pytest.fixture
def write(tmp_path, drawn):
    """Writes 25 patches with the points that a function makes; returns the names."""

    def write(change, margin=0.2):
        names = []
        for index, (image, points) in enumerate(drawn[:25]):
            box = geometry.face_box_from_points(points)
            square = geometry.add_margin(geometry.square_from_box(box, 0.1), margin)
            patch = geometry.crop_image(image, square)
            names.append(f"face_{index}")
            points = geometry.to_crop(change(points), square)
            write_patch(tmp_path / names[-1], patch, points)
        return names

    return write


def judge(folder, names, scheme=IBUG68):
    crop = Crop(scheme, margin=0.2, extension=0.1)
    return quick.judge_patches(folder, names, crop, PtsFormat(scheme), "here")


def test_good_patches(tmp_path, write):
    assert judge(tmp_path, write(lambda points: points)) == []
    assert judge(tmp_path, []) == []


def test_another_order(tmp_path, write):
    (sentence,) = judge(tmp_path, write(lambda points: points[::-1]))
    assert sentence.startswith("here: ")
    assert "in one other order" in sentence


def test_left_and_right(tmp_path, write):
    (sentence,) = judge(tmp_path, write(lambda points: points[IBUG68.mirror]))
    assert "left and right exchanged" in sentence


def test_of_other_points_nothing_is_said(tmp_path):
    assert judge(tmp_path, ["there is none"], find_scheme("menpo39")) == []
