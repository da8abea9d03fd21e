"""scripts/turn_faces.py as people run it; what it shares with others: close_eyes."""

import functools

import numpy as np
from conftest import run_tool

from landmark.dataset.split import photo_group
from landmark.face.pose import head_pose, mean_face, to_rotation
from landmark.face.scheme import IBUG68
from landmark.files.patches import Crop, read_crop, read_npts, write_crop, write_patch
from landmark.files.photos import read_image

SIZE = 120
run = functools.partial(run_tool, "turn_faces")


def write_head(path, angles, missing=()):
    """Writes a patch of noise with the points of a mean head."""
    points = (mean_face() @ to_rotation(angles).T)[:, :2] * 20 + (60, 45)
    points[list(missing)] = np.nan
    image = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    write_patch(path, image, points / SIZE)


def test_heads_are_turned_farther(tmp_path):
    source, target = tmp_path / "wide", tmp_path / "turned"
    source.mkdir()
    write_crop(source, Crop(margin=0.3))
    poses = {"a": (12, 5, 0), "b@2": (-15, -8, 10), "c": (30, 0, 0), "d": (0, 0, 0)}
    for name, pose in poses.items():
        write_head(source / name, pose)
    write_head(source / "e", (12, 0, 0), missing=[3])  # A point is missing.
    write_head(source / "f", (55, 35, 0))  # It is turned enough.
    done = run(source, target, "--share=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"4 of 6 patches turned\nWrote {target}\n"
    assert read_crop(target).settings == {"turned_faces": [1.0, 0]}
    turned = {path.stem: path for path in target.glob("*.png")}
    assert sorted(turned) == ["a@80", "b@280", "c@80", "d@80"]
    for name, pose in poses.items():
        altered = name + ("80" if "@" in name else "@80")
        assert photo_group(altered) == photo_group(name)
        moved = read_npts(target / f"{altered}.npts")
        yaw, pitch, _ = head_pose(moved * SIZE, IBUG68)
        added = np.abs([yaw, pitch]) - np.abs(pose[:2])
        assert added.min() > -4, name
        assert added.max() > 4, name
        assert abs(yaw) < 54
        assert abs(pitch) < 34
        before = read_image(source / f"{name}.png")
        assert (read_image(turned[altered]) != before).any()


def test_another_seed_turns_otherwise(tmp_path):
    source = tmp_path / "wide"
    source.mkdir()
    write_crop(source, Crop(margin=0.3))
    write_head(source / "a", (12, 5, 0))
    points = []
    for target, seed in (("one", 1), ("two", 1), ("three", 2)):
        done = run(source, tmp_path / target, "--share=1", f"--seed={seed}")
        assert done.returncode == 0, done.stderr
        points.append(read_npts(tmp_path / target / "a@80.npts"))
    np.testing.assert_array_equal(points[0], points[1])
    assert (points[0] != points[2]).any()
