"""Photos on disk."""

import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from landmark.files.photos import (
    describe_unread,
    find_photo,
    from_shrunk,
    list_unread,
    read_image,
    read_photo,
    read_size,
    to_shrunk,
    write_image,
)
from landmark.script.errors import InputError


@pytest.fixture
def photo():
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.mark.parametrize(
    "name", ["f.1.jpg", "f.1.JPG", "f.1.Jpg", "f.1.jpeg", "f.1.png"]
)
def test_find_photo(tmp_path, name):
    (tmp_path / "f.jpg").touch()  # Of another face.
    assert find_photo(tmp_path / "f.1.pts") is None
    (tmp_path / name).touch()
    assert find_photo(tmp_path / "f.1.pts").name == name


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_image_written_and_read(tmp_path, photo, suffix):
    write_image(tmp_path / f"photo{suffix}", photo)
    found = read_image(tmp_path / f"photo{suffix}")
    np.testing.assert_array_equal(found, photo)
    assert [path.name for path in tmp_path.iterdir()] == [f"photo{suffix}"]


def test_images_on_disk_are_rgb(tmp_path):
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 250
    write_image(tmp_path / "red.jpg", red)
    for pixels in (
        read_image(tmp_path / "red.jpg"),
        np.array(Image.open(tmp_path / "red.jpg")),
    ):
        assert abs(pixels.mean(axis=(0, 1)) - (250, 0, 0)).max() < 5


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_images_of_any_mode_become_rgb(tmp_path, mode):
    Image.new(mode, (30, 20)).save(tmp_path / "photo.tif")
    image = read_image(tmp_path / "photo.tif")
    assert image.shape == (20, 30, 3)
    assert image.dtype == np.uint8


def test_photos_are_read_as_a_viewer_shows_them(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn clockwise to show.
    Image.fromarray(photo).save(tmp_path / "photo.png", exif=exif)
    found = read_image(tmp_path / "photo.png")
    np.testing.assert_array_equal(found, np.rot90(photo, -1))


def test_truncated_photo(tmp_path, photo):
    whole = tmp_path / "whole.jpg"
    write_image(whole, np.kron(photo, np.ones((8, 8, 1), np.uint8)))
    path = tmp_path / "half.jpg"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match="half.jpg: .*whole picture.*truncated"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"This is a text.\n", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_no_photo(tmp_path, content):
    path = tmp_path / "text.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected a whole picture, found") as caught:
        read_image(path)
    assert str(caught.value).count("text.png") == 1


def test_missing_photo(tmp_path):
    with pytest.raises(InputError, match="gone.png: expected a file, found none"):
        read_image(tmp_path / "gone.png")


def test_what_pillow_warns_of_names_the_photo(tmp_path, monkeypatch, photo):
    write_image(tmp_path / "large.png", photo)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", photo.size // 5)
    with pytest.warns(UserWarning, match="large.png: Image size .* exceeds limit"):
        read_image(tmp_path / "large.png")


@pytest.mark.parametrize(("bits", "brightest"), [(10, 1023), (12, 4095), (14, 16383)])
def test_few_bits_in_a_file_of_16(tmp_path, bits, brightest):
    levels = np.linspace(0, brightest, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(levels).save(tmp_path / "grey.png")
    with pytest.warns(UserWarning, match=f"grey.png: read as {bits} bits"):
        image = read_image(tmp_path / "grey.png")
    np.testing.assert_array_equal(image[..., 1], levels >> (bits - 8))


@pytest.mark.parametrize(
    ("pts", "photo", "others"),
    [
        ("a.pts", "a.jfif", []),
        ("a.pts", "a.HEIC", []),
        ("a@2.pts", "a.jpg", []),
        ("a_2.pts", "a.jpg", []),
        ("12_1.pts", "12_1.jpg", ["12.jpg"]),  # As in AFW.
        ("a@2.pts", "a@2.png", ["a.jpg"]),
        ("annotations/a.pts", "images/a.jpg", []),
        ("annotations/a.pts", "annotations/a.png", ["images/a.jpg"]),
        ("x/Labels/train/a_1.pts", "x/imgs/train/a.png", ["x/imgs/a.png"]),
        ("annotations/a_1.pts", "images/a_1.jpg", ["annotations/a.jpg"]),
        ("a_123.pts", None, ["a.jpg"]),
        ("@1.pts", None, [".jpg"]),
        ("b/a.pts", None, ["images/a.jpg", "a.jpg"]),
    ],
)
def test_find_photo_elsewhere(tmp_path, pts, photo, others):
    for name in [pts, *others, *[photo] * bool(photo)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_photo(tmp_path / pts) == (tmp_path / photo if photo else None)


def test_what_is_not_read_is_told_by_kind(tmp_path):
    for name in ("a.CR2", "b/c.cr2", "d.svg", "e.jpg", "f.txt", ".g.psd"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    hint = "; save them as .jpg, .png or .tif"
    assert describe_unread(list_unread(tmp_path)) == [
        f"2 files of .cr2 not read, as {tmp_path}/a.CR2{hint}",
        f"1 file of .svg not read, as {tmp_path}/d.svg{hint}",
    ]


@pytest.mark.parametrize("suffix", [".jfif", ".gif", ".avif", ".jp2"])
def test_formats_that_pillow_reads_by_itself(tmp_path, suffix):
    Image.new("RGB", (32, 16), (250, 10, 10)).save(tmp_path / f"photo{suffix}")
    image = read_image(tmp_path / f"photo{suffix}")
    assert image.shape == (16, 32, 3)
    assert abs(image.mean(axis=(0, 1)) - (250, 10, 10)).max() < 6
    assert read_size(tmp_path / f"photo{suffix}") == (32, 16)


@pytest.mark.parametrize("name", ["photo.heic", "photo.jpg"])  # Phones call it both.
def test_heif(tmp_path, name):
    pillow_heif = pytest.importorskip("pillow_heif")
    picture = Image.new("RGB", (64, 32), (250, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6
    heif = pillow_heif.from_pillow(picture)
    heif.save(tmp_path / name, exif=exif.tobytes(), format="HEIF")
    image = read_image(tmp_path / name)
    assert image.shape == (64, 32, 3)
    assert abs(image.mean(axis=(0, 1)) - (250, 10, 10)).max() < 6
    assert read_size(tmp_path / name) == (32, 64)


def test_heif_without_what_reads_it(tmp_path, monkeypatch):
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(Image, "OPEN", {})
    monkeypatch.setattr(Image, "ID", [])
    monkeypatch.setattr(Image, "init", bool)
    with pytest.raises(InputError, match="photo.heic: .*pip install -r requirements-f"):
        read_image(tmp_path / "photo.heic")


def write_huge(path, monkeypatch, pixels, **options):
    """Writes a picture of a bright spot; of more pixels than Pillow takes."""
    levels = np.zeros((96, 160), np.uint8)
    levels[40:48, 100:108] = 255
    Image.fromarray(levels).convert("RGB").save(path, **options)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)


@pytest.mark.parametrize(
    ("pixels", "shrink"), [(7680, 1), (7679, 2), (3840, 2), (1000, 4), (300, 8)]
)
def test_huge_jpeg_is_shrunk_as_it_is_decoded(tmp_path, monkeypatch, pixels, shrink):
    exif = Image.Exif()
    exif[0x0112] = 6
    write_huge(tmp_path / "a.jpg", monkeypatch, pixels, exif=exif, quality=95)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image, found = read_photo(tmp_path / "a.jpg")
        assert read_size(tmp_path / "a.jpg") == (96, 160)
    assert found == shrink
    assert image.shape == (160 // shrink, 96 // shrink, 3)
    # The spot stays where `to_shrunk` says that it is; turned upright, its middle.
    levels = image[..., 0].astype(float)
    rows, columns = np.indices(levels.shape)
    spot = [(grid * levels).sum() / levels.sum() for grid in (columns, rows)]
    np.testing.assert_allclose(spot, to_shrunk((95 - 43.5, 103.5), shrink), atol=0.1)
    np.testing.assert_allclose(from_shrunk(to_shrunk(spot, shrink), shrink), spot)


@pytest.mark.parametrize(("name", "pixels"), [("a.png", 7679), ("a.jpg", 100)])
def test_bombs_are_refused(tmp_path, monkeypatch, name, pixels):
    write_huge(tmp_path / name, monkeypatch, pixels)
    for read in (read_image, read_size):
        with pytest.raises(InputError, match=f"{name}: .*could be decompression bomb"):
            read(tmp_path / name)


def test_jpeg_of_more_than_a_billion_pixels(tmp_path):
    write_image(tmp_path / "a.jpg", np.zeros((16, 16, 3), np.uint8))
    content = (tmp_path / "a.jpg").read_bytes()
    place = content.index(b"\xff\xc0") + 5  # Of height and width in its head.
    sides = (65_000).to_bytes(2) * 2
    (tmp_path / "a.jpg").write_bytes(content[:place] + sides + content[place + 4 :])
    with pytest.raises(InputError, match="a.jpg: .*could be decompression bomb"):
        read_image(tmp_path / "a.jpg")
