"""What people give as an image: bytes of RGB in the end, or a sentence."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark.live.images import to_rgb
from landmark.script.errors import InputError

RGB = np.array([[[0, 51, 102], [255, 1, 254]]], np.uint8)  # 1 x 2 pixels.
GREY = np.array([[0, 128, 255]], np.uint8)
GREY_RGB = [[[0] * 3, [128] * 3, [255] * 3]]


def with_alpha(image, alpha):
    return np.concatenate([image, np.full_like(image[..., :1], alpha)], axis=2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (RGB, RGB),
        (with_alpha(RGB, 0), RGB),
        (with_alpha(RGB, 255), RGB),
        (GREY, GREY_RGB),
        (GREY[..., None], GREY_RGB),
        (RGB * np.uint16(257), RGB),
        # The low byte does not count, as in files of 16 bits.
        (np.array([[0, 255, 256, 32767, 65535]], np.uint16), [[0, 0, 1, 127, 255]]),
        (np.array([[4096]], ">u2"), [[16]]),
        (np.zeros((1, 2), np.uint16), [[0, 0]]),
        (RGB / 255, RGB),
        ((RGB / 255).astype(np.float32), RGB),
        ((RGB / 255).astype(np.float16), RGB),
        ((RGB / 255).astype(">f8"), RGB),
        (with_alpha(RGB / 255, 7), RGB),  # What is dropped is not looked at.
        # To the nearest level; what rounds to the ends is well.
        (np.array([[0.0019, 0.002, 0.5, -0.0019, 1.0019]]), [[0, 1, 128, 0, 255]]),
        (np.array([[False, True]]), [[0, 255]]),
    ],
)
def test_table_of_arrays(given, expected):
    found = to_rgb(given)
    expected = np.asarray(expected)
    if expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, axis=2)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous


def test_bytes_are_not_copied():
    image = np.zeros((4, 5, 3), np.uint8)
    image.flags.writeable = False
    assert np.shares_memory(to_rgb(image), image)


@pytest.mark.parametrize(
    "view",
    [
        lambda image: image[::-1, ::-1],
        lambda image: image[..., ::-1],
        lambda image: image[::2, 1::3],
        lambda image: image.transpose(1, 0, 2),
        np.asfortranarray,
    ],
)
def test_views_are_made_contiguous(view):
    image = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    found = to_rgb(view(image))
    np.testing.assert_array_equal(found, view(image))
    assert found.flags.c_contiguous


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr"])
def test_pil_images(mode):
    image = Image.fromarray(np.repeat(RGB, 9, axis=0)).convert(mode)
    np.testing.assert_array_equal(to_rgb(image), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_pil_images_of_more_bits(mode):
    values = np.array([[0, 0.5, 1]])
    if mode == "I;16":
        values = (values * 65535).astype(np.uint16)
    image = Image.fromarray(values.astype(np.float32) if mode == "F" else values)
    assert image.mode == mode
    np.testing.assert_allclose(to_rgb(image)[0, :, 0], [0, 127.5, 255], atol=0.5)


def reopened(**options):
    """A PIL image as a file gives it."""
    file = io.BytesIO()
    Image.fromarray(np.repeat(RGB, 64, axis=0)).save(file, "JPEG", **options)
    return file.getvalue()


def test_pil_image_that_lies_on_its_side():
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(InputError) as caught:
        to_rgb(Image.open(io.BytesIO(reopened(exif=exif))))
    assert str(caught.value) == (
        "image: expected an upright PIL image, found EXIF orientation 6; "
        "PIL.ImageOps.exif_transpose turns it"
    )
    exif[0x0112] = 1
    assert to_rgb(Image.open(io.BytesIO(reopened(exif=exif)))).shape == (64, 2, 3)


# What means nothing does not turn the picture for a viewer, either.
@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_pil_image_of_no_orientation(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert to_rgb(Image.open(io.BytesIO(reopened(exif=exif)))).shape == (64, 2, 3)


def test_truncated_pil_image():
    content = reopened()
    with pytest.raises(InputError, match="image: expected a whole PIL image, found: "):
        to_rgb(Image.open(io.BytesIO(content[:-40])))


IF_BYTES = "; give it as uint8 if it is 0..255"
KINDS = "image: expected an array or a PIL image, found "
SHAPES = "image: expected shape (H, W, 3), (H, W, 4), (H, W, 1) or (H, W), found "
FLOATS = "image: expected float of 0..1, found "
TYPES = "image: expected uint8, uint16, float 0..1 or bool, found "
BITS = "image: expected uint16 of 0..65535, found none above "
FEW_BITS = "; scale pictures of fewer bits to uint8"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, f"{KINDS}NoneType"),
        ([[1, 2], [3, 4]], f"{KINDS}list"),
        ("photo.jpg", f"{KINDS}a path; read_image reads it"),
        (Path("photo.jpg"), f"{KINDS}a path; read_image reads it"),
        (np.uint8(3), f"{KINDS}uint8"),
        (np.zeros(()), f"{SHAPES}()"),
        (np.zeros(9), f"{SHAPES}(9,)"),
        (np.zeros((5, 6, 2)), f"{SHAPES}(5, 6, 2)"),
        (np.zeros((5, 6, 5)), f"{SHAPES}(5, 6, 5)"),
        (
            np.zeros((3, 5, 6)),
            f"{SHAPES}(3, 5, 6); image.transpose(1, 2, 0) puts channels last",
        ),
        (
            np.zeros((2, 5, 6, 3)),
            f"{SHAPES}(2, 5, 6, 3); give the images of a batch one by one",
        ),
        (np.zeros((0, 5, 3)), "image: expected pixels, found none in shape (0, 5, 3)"),
        (np.zeros((5, 0)), "image: expected pixels, found none in shape (5, 0)"),
        (RGB.astype(float), f"{FLOATS}0..255{IF_BYTES}"),
        (RGB.astype(np.float16), f"{FLOATS}0..255{IF_BYTES}"),
        (RGB / 127.5 - 1, f"{FLOATS}-1..1"),
        (np.array([[-0.002, 0.5]]), f"{FLOATS}-0.002..0.5"),
        (np.array([[0.0, 1.002]]), f"{FLOATS}0..1.002{IF_BYTES}"),
        (np.array([[0.0, 65535]]), f"{FLOATS}0..6.554e+04"),
        (np.array([[0.5, np.nan]]), f"{FLOATS}nan..nan"),
        (np.array([[0.5, np.inf]]), f"{FLOATS}0.5..inf"),
        (RGB.astype(np.int64), f"{TYPES}int64{IF_BYTES}"),
        (RGB.astype(np.int8), f"{TYPES}int8{IF_BYTES}"),
        (RGB.astype(complex), f"{TYPES}complex128"),
        (RGB.astype(object), f"{TYPES}object"),
        (Image.fromarray(GREY.astype(np.int32)), f"{TYPES}int32{IF_BYTES}"),
        (RGB.astype(np.uint16), f"{BITS}255{FEW_BITS}"),
        (np.array([[0, 4095]], np.uint16), f"{BITS}4095{FEW_BITS}"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.filterwarnings("error")
def test_table_of_refusals(given, message):
    with pytest.raises(InputError) as caught:
        to_rgb(given)
    assert str(caught.value) == message


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_overshoot_stays_white(dtype):
    image = np.ones((4, 4, 3), dtype)
    image[0, 0] = 1.00196
    assert (to_rgb(image) == 255).all()
