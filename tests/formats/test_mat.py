"""MATLAB's .mat of 300W-LP and AFLW2000-3D."""

import numpy as np
import pytest

from landmark.face.scheme import IBUG68, find_scheme
from landmark.formats.annotated import Layout
from landmark.formats.mat import read_faces
from landmark.script.errors import InputError

io = pytest.importorskip("scipy.io")
POINTS = np.random.default_rng(4).uniform(0, 450, (68, 2))


def read(path, told=None, scheme=IBUG68, variable=""):
    if told is not None:
        io.savemat(path, told, do_compression=True)
    return read_faces(path, Layout(scheme, 1), [], variable)


def test_300w_lp(tmp_path):
    seen = POINTS.copy()
    seen[3] = -1  # What cannot be seen.
    told = {
        "pt2d": seen.T,
        "roi": np.int16([[1, 450, 1, 450]]),
        "Pose_Para": np.zeros((1, 7)),
        "Shape_Para": np.zeros((199, 1)),
    }
    (face,) = read(tmp_path / "AFW_134212_1_0.mat", told)
    assert face.photo == "AFW_134212_1_0"
    assert face.box is None
    assert np.isnan(face.points_image[3]).all()
    np.testing.assert_allclose(face.points_image[4:], POINTS[4:] - 1, atol=1e-12)


def test_aflw2000(tmp_path):
    told = {
        "pt2d": np.full((2, 21), -1.0),
        "pt3d_68": np.c_[POINTS, np.ones(68)].T.astype(np.float32),
    }
    (face,) = read(tmp_path / "image00002.mat", told)
    assert face.photo == "image00002"
    np.testing.assert_allclose(face.points_image, POINTS - 1, atol=1e-4)


def test_landmarks_of_300w_lp(tmp_path):
    told = {"pts_2d": POINTS, "pts_3d": POINTS + 5}
    (face,) = read(tmp_path / "AFW_134212_1_0_pts.mat", told)
    assert face.photo == "AFW_134212_1_0"
    np.testing.assert_allclose(face.points_image, POINTS - 1, atol=1e-12)
    (face,) = read(tmp_path / "AFW_134212_1_0_pts.mat", variable="pts_3d")
    np.testing.assert_allclose(face.points_image, POINTS + 4, atol=1e-12)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"x": 1.0}, "expected 68 points as pt2d or .* found none of them"),
        ({"pt2d": POINTS[:66].T}, "expected 68 points .* found pt2d 2x66"),
        ({"pt2d": np.ones((68, 68))}, "found pt2d 68x68"),
        ({"pt2d": np.ones((2, 68, 1, 2))}, "found none of them"),
        ({"pt2d": np.full((2, 68), np.nan)}, "found that all are missing"),
        ({"pt2d": np.full((2, 68), 1e300)}, "within 1e\\+09 pixels"),
        ({"pt2d": np.full((2, 68), "x", object)}, "found none of them"),
        ({"pt2d": "pt2d"}, "found none of them"),
    ],
)
def test_broken_points(tmp_path, told, message):
    with pytest.raises(InputError, match=f"a.mat.*{message}"):
        read(tmp_path / "a.mat", told)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file", b"\x89HDF\r\n\x1a\n"])
def test_broken_file(tmp_path, content):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match="a.mat: expected a .mat of MATLAB 5 to 7"):
        read(tmp_path / "a.mat")


def test_points_of_another_scheme(tmp_path):
    (face,) = read(tmp_path / "a.mat", {"pt2d": POINTS[:5].T}, find_scheme("five"))
    assert len(face.points_image) == 5
