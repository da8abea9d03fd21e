"""Folders of patches."""

import re
from pathlib import Path

import numpy as np
import pytest

from landmark.files.patches import (
    patch_name,
    read_margin,
    read_npts,
    write_margin,
    write_patch,
)
from landmark.files.photos import read_image
from landmark.script.errors import InputError


@pytest.fixture
def photo():
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


def test_patch_is_written_with_both_kinds_of_points(tmp_path, photo):
    patch = photo[:, :20]
    points = np.random.default_rng(0).uniform(-0.1, 1.1, (68, 2))
    write_patch(tmp_path / "a.b@rotated", patch, points)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.b@rotated.cpts",
        "a.b@rotated.npts",
        "a.b@rotated.png",
    ]
    npts = np.fromfile(tmp_path / "a.b@rotated.npts", "<f8")
    cpts = np.fromfile(tmp_path / "a.b@rotated.cpts", "<f8")
    assert npts.tolist() == points.ravel().tolist()  # x0 y0 x1 y1 ...
    # Trap: .cpts computed with a wrong centre.
    assert cpts.tolist() == (2 * npts - 1).tolist()
    np.testing.assert_array_equal(read_npts(tmp_path / "a.b@rotated.npts"), points)
    np.testing.assert_array_equal(read_image(tmp_path / "a.b@rotated.png"), patch)


@pytest.mark.parametrize("margin", [0.0, 0.3, 1 / 3, 1.0])
def test_margin_written_and_read(tmp_path, margin):
    for _ in range(2):  # The same margin may be noted again.
        write_margin(tmp_path, margin)
        assert read_margin(tmp_path) == margin
        assert [path.name for path in tmp_path.iterdir()] == ["crop.json"]


def test_folder_without_a_note_has_no_margin(tmp_path):
    assert read_margin(tmp_path) == 0


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.2), (0.0, 0.3), (0.3, 0.0)])
def test_another_margin_is_refused(tmp_path, before, after):
    write_margin(tmp_path, before)
    with pytest.raises(InputError) as caught:
        write_margin(tmp_path, after)
    assert str(caught.value) == (
        f"{tmp_path / 'crop.json'}: expected a margin of {after}, found patches of "
        f"{before}; write into another folder"
    )
    assert read_margin(tmp_path) == before


def test_margin_is_refused_for_patches_without_a_note(tmp_path, photo):
    # Their margin is 0, as read_margin says.
    write_patch(tmp_path / "a", photo[:, :20], np.zeros((68, 2)))
    with pytest.raises(InputError, match="expected a margin of 0.3, found patches of"):
        write_margin(tmp_path, 0.3)
    assert read_margin(tmp_path) == 0
    write_margin(tmp_path, 0.0)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "0.3",
        "{}",
        "[]",
        "null",
        '{"margin": null}',
        '{"margin": "wide"}',
        '{"margin": [0.3]}',
        '{"margin": NaN}',
        '{"margin": -0.3}',
        '{"margin": 0.3',
    ],
)
def test_broken_note_of_the_margin(tmp_path, note):
    (tmp_path / "crop.json").write_text(note)
    message = 'crop.json: expected {"margin": number}'
    for use in (read_margin, lambda folder: write_margin(folder, 0.3)):
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            use(tmp_path)
        assert str(caught.value).startswith(str(tmp_path))
    assert (tmp_path / "crop.json").read_text() == note


def test_note_that_is_no_text(tmp_path):
    (tmp_path / "crop.json").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="crop.json: expected "):
        read_margin(tmp_path)


def test_npts_of_another_size(tmp_path):
    path = tmp_path / "a.npts"
    path.write_bytes(bytes(1080))
    with pytest.raises(InputError) as caught:
        read_npts(path)
    assert str(caught.value) == f"{path}: expected 1088 bytes, found 1080"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_npts_with_a_value_that_is_not_finite(tmp_path, value):
    path = tmp_path / "a.npts"
    np.array([*[0.5] * 135, value], "<f8").tofile(path)
    with pytest.raises(InputError, match=f"a.npts: .*finite numbers, found {value}"):
        read_npts(path)


@pytest.mark.parametrize(
    ("folder", "path", "name"),
    [
        ("afw", "1.jpg", "afw-1"),
        ("afw", "1.pts", "afw-1"),
        ("afw/", "a/b/1.2.jpg", "afw-a-b-1.2"),
        ("afw/a", "b/1.jpg", "a-b-1"),
        ("afw/a/..", "1.jpg", "afw-1"),  # The folder's own name, however it is given.
        (".", "1.jpg", "collections-1"),
    ],
)
def test_patch_name(tmp_path, monkeypatch, folder, path, name):
    (tmp_path / "collections" / "afw" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "collections")
    assert patch_name(Path(folder, path), folder) == name
