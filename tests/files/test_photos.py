"""Photos on disk."""

import numpy as np
import pytest
from PIL import Image

from landmark.files.photos import find_photo, read_image, write_image
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
