"""Points and photos on disk."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark import files
from landmark.errors import InputError
from landmark.landmarker import Face

POINTS = np.arange(136).reshape(68, 2) + 0.25  # As they stand in the file.
ROWS = [f"{x} {y}" for x, y in POINTS]


def write_bytes(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def pts_lines(rows, count=None):
    return ["version: 1", f"n_points: {count or len(rows)}", "{", *rows, "}", ""]


@pytest.fixture
def photo():
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


# Trap: .pts files come without a header, with two spaces after the colon, or, in a
# Multi-PIE variant, with just the count on the first line.
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(pts_lines(ROWS)),
        "\n".join(pts_lines(ROWS)).rstrip(),
        "\n".join(pts_lines(ROWS)).replace("n_points: ", "n_points:  "),
        "\n".join(pts_lines(ROWS)).replace("n_points: ", "n_points:"),
        "\r\n".join(pts_lines(ROWS)),
        "\ufeff" + "\n".join(pts_lines(ROWS)),
        "\ufeff" + "\r\n".join(pts_lines(ROWS)),
        "\n".join(ROWS),
        "\n".join([*ROWS, "", "", " "]),
        "\n".join(["68", *ROWS]) + "\n",
        "\r\n".join(["68", *ROWS]) + "\r\n",
        "\ufeff" + "\n".join(["68", *ROWS]),
        "\n".join(["n_points:  68", "{" + ROWS[0], *ROWS[1:-1], ROWS[-1] + "}"]),
        "\n".join(["{", *(f"\t {row.replace(' ', '  ')}  " for row in ROWS), "}"]),
        "\n".join(pts_lines([f"{x:.6e} {y:.6e}" for x, y in POINTS])),
    ],
)
def test_pts_variants(tmp_path, text):
    path = write_bytes(tmp_path / "face.pts", text)
    # Trap: iBUG counts pixels from 1.
    np.testing.assert_allclose(files.read_pts(path), POINTS - 1, atol=1e-9)
    np.testing.assert_allclose(files.read_pts(path, first_pixel=0), POINTS)


@pytest.mark.parametrize("first_pixel", [0, 1])
def test_pts_written_and_read(tmp_path, first_pixel):
    points_image = np.random.default_rng(0).uniform(-20, 4000, (68, 2))
    path = tmp_path / "face.pts"
    files.write_pts(path, points_image, first_pixel)
    found = files.read_pts(path, first_pixel)
    np.testing.assert_allclose(found, points_image, rtol=0, atol=1e-6)


def test_pts_is_written_as_ibug_does(tmp_path):
    files.write_pts(tmp_path / "face.pts", np.tile([10.0, 20.5], (68, 1)))
    lines = (tmp_path / "face.pts").read_text().splitlines()
    assert lines[:4] == ["version: 1", "n_points: 68", "{", "11.000000 21.500000"]
    assert lines[3:-1] == ["11.000000 21.500000"] * 68
    assert lines[-1] == "}"


@pytest.mark.parametrize("count", [0, 39, 66, 69])
def test_pts_with_another_number_of_points(tmp_path, count):
    rows = (ROWS + ROWS)[:count]
    for lines in (pts_lines(rows), [str(count), *rows], rows):
        path = write_bytes(tmp_path / "face_12.pts", "\n".join(lines))
        with pytest.raises(files.PointCountError) as caught:
            files.read_pts(path)
        assert str(caught.value) == f"{path}: expected 68 points, found {count}"
        assert caught.value.found == count


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (pts_lines([*ROWS[:5], "nan 7", *ROWS[6:]]), "finite.*found 'nan 7'"),
        (pts_lines([*ROWS[:5], "3 inf", *ROWS[6:]]), "finite.*found '3 inf'"),
        (pts_lines([*ROWS[:5], "3 left", *ROWS[6:]]), "two.*found '3 left'"),
        (pts_lines([*ROWS[:5], "3", *ROWS[6:]]), "two.*found '3'"),
        (pts_lines([*ROWS[:5], "1 2 3", *ROWS[6:]]), "two.*found '1 2 3'"),
        (pts_lines(ROWS[:66], count=68), "promises 68 points, found 66"),
        (["68", *ROWS[:66]], "promises 68 points, found 66"),
        (["nan", *ROWS], "promises -1 points, found 68"),
        (["<html>", "<body>"], "two finite numbers.*found '<html>'"),
    ],
)
def test_broken_pts(tmp_path, lines, message):
    path = write_bytes(tmp_path / "face.pts", "\n".join(lines))
    with pytest.raises(InputError, match=message) as caught:
        files.read_pts(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_pts_that_is_no_text(tmp_path):
    (tmp_path / "face.pts").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="face.pts: expected two finite numbers"):
        files.read_pts(tmp_path / "face.pts")


def test_patch_is_written_with_both_kinds_of_points(tmp_path, photo):
    patch = photo[:, :20]
    points = np.random.default_rng(0).uniform(-0.1, 1.1, (68, 2))
    files.write_patch(tmp_path / "a.b@rotated", patch, points)
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
    np.testing.assert_array_equal(
        files.read_npts(tmp_path / "a.b@rotated.npts"), points
    )
    np.testing.assert_array_equal(files.read_image(tmp_path / "a.b@rotated.png"), patch)


@pytest.mark.parametrize("margin", [0.0, 0.3, 1 / 3, 1.0])
def test_margin_written_and_read(tmp_path, margin):
    for _ in range(2):  # The same margin may be noted again.
        files.write_margin(tmp_path, margin)
        assert files.read_margin(tmp_path) == margin
        assert [path.name for path in tmp_path.iterdir()] == ["crop.json"]


def test_folder_without_a_note_has_no_margin(tmp_path):
    assert files.read_margin(tmp_path) == 0


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.2), (0.0, 0.3), (0.3, 0.0)])
def test_another_margin_is_refused(tmp_path, before, after):
    files.write_margin(tmp_path, before)
    with pytest.raises(InputError) as caught:
        files.write_margin(tmp_path, after)
    assert str(caught.value) == (
        f"{tmp_path / 'crop.json'}: expected a margin of {after}, found patches of "
        f"{before}; write into another folder"
    )
    assert files.read_margin(tmp_path) == before


def test_margin_is_refused_for_patches_without_a_note(tmp_path, photo):
    # Their margin is 0, as read_margin says.
    files.write_patch(tmp_path / "a", photo[:, :20], np.zeros((68, 2)))
    with pytest.raises(InputError, match="expected a margin of 0.3, found patches of"):
        files.write_margin(tmp_path, 0.3)
    assert files.read_margin(tmp_path) == 0
    files.write_margin(tmp_path, 0.0)


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
    for use in (files.read_margin, lambda folder: files.write_margin(folder, 0.3)):
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            use(tmp_path)
        assert str(caught.value).startswith(str(tmp_path))
    assert (tmp_path / "crop.json").read_text() == note


def test_note_that_is_no_text(tmp_path):
    (tmp_path / "crop.json").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="crop.json: expected "):
        files.read_margin(tmp_path)


def test_npts_of_another_size(tmp_path):
    path = tmp_path / "a.npts"
    path.write_bytes(bytes(1080))
    with pytest.raises(InputError) as caught:
        files.read_npts(path)
    assert str(caught.value) == f"{path}: expected 1088 bytes, found 1080"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_npts_with_a_value_that_is_not_finite(tmp_path, value):
    path = tmp_path / "a.npts"
    np.array([*[0.5] * 135, value], "<f8").tofile(path)
    with pytest.raises(InputError, match=f"a.npts: .*finite numbers, found {value}"):
        files.read_npts(path)


def test_replace_when_done_leaves_all_or_nothing(tmp_path):
    path = tmp_path / "report.txt"
    files.write_text(path, "old\n")

    def fail_half_way():
        with files.replace_when_done(path) as temporary:
            temporary.write_text("half")
            assert temporary.suffix == path.suffix
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old\n"
    files.write_text(path, "new: é\n")
    assert path.read_text(encoding="utf-8") == "new: é\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("require", "kind"),
    [(files.require_file, "file"), (files.require_folder, "folder")],
)
def test_what_is_missing_is_named(tmp_path, require, kind):
    there = tmp_path / "there"
    there.mkdir() if kind == "folder" else there.touch()
    assert require(str(there)) == there
    with pytest.raises(InputError) as caught:
        require(tmp_path / "gone")
    assert str(caught.value) == f"{tmp_path / 'gone'}: expected a {kind}, found none"


def test_list_files(tmp_path):
    names = ["b.jpg", "a/z.JPG", "a/b/c.png", ".hidden.jpg", "notes.txt", "a/x.pts"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    found = files.list_files(tmp_path, (".jpg", ".png"))
    assert found == [tmp_path / name for name in ("a/b/c.png", "a/z.JPG", "b.jpg")]
    with pytest.raises(InputError, match="gone: expected a folder, found none"):
        files.list_files(tmp_path / "gone", (".jpg",))


@pytest.mark.parametrize(
    "name", ["f.1.jpg", "f.1.JPG", "f.1.Jpg", "f.1.jpeg", "f.1.png"]
)
def test_find_photo(tmp_path, name):
    (tmp_path / "f.jpg").touch()  # Of another face.
    assert files.find_photo(tmp_path / "f.1.pts") is None
    (tmp_path / name).touch()
    assert files.find_photo(tmp_path / "f.1.pts").name == name


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
    assert files.patch_name(Path(folder, path), folder) == name


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_image_written_and_read(tmp_path, photo, suffix):
    files.write_image(tmp_path / f"photo{suffix}", photo)
    found = files.read_image(tmp_path / f"photo{suffix}")
    np.testing.assert_array_equal(found, photo)
    assert [path.name for path in tmp_path.iterdir()] == [f"photo{suffix}"]


def test_images_on_disk_are_rgb(tmp_path):
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 250
    files.write_image(tmp_path / "red.jpg", red)
    for pixels in (
        files.read_image(tmp_path / "red.jpg"),
        np.array(Image.open(tmp_path / "red.jpg")),
    ):
        assert abs(pixels.mean(axis=(0, 1)) - (250, 0, 0)).max() < 5


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_images_of_any_mode_become_rgb(tmp_path, mode):
    Image.new(mode, (30, 20)).save(tmp_path / "photo.tif")
    image = files.read_image(tmp_path / "photo.tif")
    assert image.shape == (20, 30, 3)
    assert image.dtype == np.uint8


def test_photos_are_read_as_a_viewer_shows_them(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn clockwise to show.
    Image.fromarray(photo).save(tmp_path / "photo.png", exif=exif)
    found = files.read_image(tmp_path / "photo.png")
    np.testing.assert_array_equal(found, np.rot90(photo, -1))


def test_truncated_photo(tmp_path, photo):
    whole = tmp_path / "whole.jpg"
    files.write_image(whole, np.kron(photo, np.ones((8, 8, 1), np.uint8)))
    path = tmp_path / "half.jpg"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match="half.jpg: .*whole picture.*truncated"):
        files.read_image(path)


@pytest.mark.parametrize("content", [b"", b"This is a text.\n", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_no_photo(tmp_path, content):
    path = tmp_path / "text.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected a whole picture, found") as caught:
        files.read_image(path)
    assert str(caught.value).count("text.png") == 1


def test_missing_photo(tmp_path):
    with pytest.raises(InputError, match="gone.png: expected a file, found none"):
        files.read_image(tmp_path / "gone.png")


def test_faces_are_written_with_three_decimals(tmp_path):
    points = np.full((68, 2), (1.23456, -7.0))
    face = Face(np.array([0.5, 1, 20.25, 1000]), 0.98765, points)
    files.write_faces(tmp_path / "a.txt", "a.jpg", [face, face])
    lines = ["0.500 1.000 20.250 1000.000 0.988", " ".join(["1.235 -7.000"] * 68)]
    expected = "\n".join(["a.jpg", "2", *lines, *lines]) + "\n"
    assert (tmp_path / "a.txt").read_text() == expected


def test_no_faces_are_written_as_such(tmp_path):
    files.write_faces(tmp_path / "a.txt", "a.jpg", [])
    assert (tmp_path / "a.txt").read_text() == "a.jpg\n0\n"
