"""Folders of patches."""

import re
from pathlib import Path

import numpy as np
import pytest

from landmark.face.scheme import IBUG68, find_scheme
from landmark.files.patches import (
    Crop,
    patch_name,
    read_crop,
    read_npts,
    write_crop,
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
        write_crop(tmp_path, Crop(margin=margin))
        assert read_crop(tmp_path) == Crop(margin=margin)
        assert [path.name for path in tmp_path.iterdir()] == ["crop.json"]


def test_folder_without_a_note_has_no_margin(tmp_path):
    assert read_crop(tmp_path) == Crop(IBUG68, 0.0)


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.2), (0.0, 0.3), (0.3, 0.0)])
def test_another_margin_is_refused(tmp_path, before, after):
    write_crop(tmp_path, Crop(margin=before))
    with pytest.raises(InputError) as caught:
        write_crop(tmp_path, Crop(margin=after))
    assert str(caught.value) == (
        f"{tmp_path / 'crop.json'}: expected a margin of {after}, found patches of "
        f"{before}; write into another folder"
    )
    assert read_crop(tmp_path).margin == before


def test_margin_is_refused_for_patches_without_a_note(tmp_path, photo):
    # Their margin is 0, as read_crop says.
    write_patch(tmp_path / "a", photo[:, :20], np.zeros((68, 2)))
    with pytest.raises(InputError, match="expected a margin of 0.3, found patches of"):
        write_crop(tmp_path, Crop(margin=0.3))
    assert read_crop(tmp_path).margin == 0
    write_crop(tmp_path, Crop())


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
        '{"margin": 0.3, "extension": "wide"}',
        '{"margin": 0.3, "scheme": 68}',
        '{"margin": 0.3, "settings": [1]}',
        '{"margin": 0.3, "settings": {"jitter": 0.1}, "hash": "0123456789abcdef"}',
    ],
)
def test_broken_note(tmp_path, note):
    (tmp_path / "crop.json").write_text(note)
    message = 'crop.json: expected the note of an extraction, {"margin": number, ...}'
    for use in (read_crop, lambda folder: write_crop(folder, Crop(margin=0.3))):
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            use(tmp_path)
        assert str(caught.value).startswith(str(tmp_path))
    assert (tmp_path / "crop.json").read_text() == note


def test_note_that_is_no_text(tmp_path):
    (tmp_path / "crop.json").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="crop.json: expected "):
        read_crop(tmp_path)


FIVE = find_scheme("five")
EXTRACTED = Crop(FIVE, 0.3, 0.1, {"jitter": 0.1, "detector": "a.tflite 0123"})


def test_note_of_an_extraction(tmp_path):
    write_crop(tmp_path, EXTRACTED)
    write_crop(tmp_path, EXTRACTED)
    assert read_crop(tmp_path) == EXTRACTED


def test_note_of_before_tells_the_margin_alone(tmp_path):
    (tmp_path / "crop.json").write_text('{"margin": 0.3}\n')
    assert read_crop(tmp_path) == Crop(IBUG68, 0.3, None, None)
    write_crop(tmp_path, Crop(IBUG68, 0.3, 0.1, {"jitter": 0.0}))  # More of the same.


def test_note_of_a_later_version(tmp_path):
    (tmp_path / "crop.json").write_text('{"version": 2, "margin": 0.3}')
    with pytest.raises(
        InputError, match="expected a note of version 1, found version 2"
    ):
        read_crop(tmp_path)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (EXTRACTED._replace(scheme=IBUG68), "scheme ibug68, found five"),
        (EXTRACTED._replace(extension=0.2), "extension of 0.2, found patches of 0.1"),
        (
            EXTRACTED._replace(settings={"jitter": 0.2, "detector": "a.tflite 0123"}),
            "jitter of 0.2, found patches of 0.1",
        ),
        (
            EXTRACTED._replace(settings={"jitter": 0.1, "detector": "annotation"}),
            "detector of annotation, found patches of a.tflite 0123",
        ),
    ],
)
def test_patches_of_another_extraction_are_refused(tmp_path, other, found):
    write_crop(tmp_path, EXTRACTED)
    with pytest.raises(InputError, match=f"crop.json: .*{found}; write into another"):
        write_crop(tmp_path, other)
    assert read_crop(tmp_path) == EXTRACTED


def test_missing_points_written_and_read(tmp_path, photo):
    points = np.random.default_rng(0).uniform(0, 1, (5, 2))
    points[[1, 3]] = np.nan
    write_patch(tmp_path / "a", photo[:, :20], points)
    np.testing.assert_array_equal(read_npts(tmp_path / "a.npts", FIVE), points)


def test_npts_of_another_size(tmp_path):
    path = tmp_path / "a.npts"
    path.write_bytes(bytes(1080))
    with pytest.raises(InputError) as caught:
        read_npts(path)
    assert str(caught.value) == (
        f"{path}: expected 1088 bytes, of scheme ibug68, found 1080"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, 10.6, -9.6])
def test_npts_with_a_value_that_no_point_has(tmp_path, value):
    path = tmp_path / "a.npts"
    np.array([*[0.5] * 135, value], "<f8").tofile(path)
    message = re.escape(f"or nan nan, found 0.5 {value:g}")
    with pytest.raises(InputError, match=f"a.npts: expected .*{message}"):
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


@pytest.mark.parametrize(
    ("pts", "photo", "name"),
    [("1.pts", "1.jpg", "afw-1"), ("1_2.pts", "1_2.jpg", "afw-1_2")]
    + [("1_2.pts", "1.jpg", "afw-1@2"), ("a.b@2.pts", "a.b.jpg", "afw-a.b@2")],
)
def test_patch_of_one_of_several_faces_says_so(pts, photo, name):
    # The split keeps NAME@1 and NAME@2 together.
    assert patch_name(Path("afw", pts), Path("afw"), Path("afw", photo)) == name
