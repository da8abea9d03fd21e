"""Photos on disk, in the formats that Pillow reads."""

import contextlib
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from landmark.files.disk import replace_when_done, require_file
from landmark.script.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def find_photo(pts_path):
    """Returns the photo that stands beside a .pts file, or None."""
    for suffix in IMAGE_SUFFIXES:
        for spelling in (suffix, suffix.upper(), suffix.title()):
            photo = pts_path.with_suffix(spelling)
            if photo.is_file():
                return photo
    return None


def read_image(path):
    """Reads a photo the way a viewer shows it (its EXIF orientation is applied).

    Args:
        path: a file in any format that Pillow reads.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: missing, not a picture, or truncated.
    """
    try:
        with _named_warnings(path), Image.open(require_file(path)) as photo:
            upright = ImageOps.exif_transpose(photo)
            if upright.mode in ("I", "F"):
                raise InputError(f"{path}: expected 8 or 16 bits a pixel, found 32")
            if upright.mode.startswith("I;16"):  # Pillow would clip 16 bits, not scale.
                grey = _to_8_bits(np.array(upright), path)
                return np.stack([grey] * 3, axis=-1)
            return np.array(upright.convert("RGB"))
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path}: expected a whole picture, found: no picture in a format that can "
            "be read"
        ) from error
    # Pillow's decoders raise whatever their format's parser meets in a broken file.
    except Exception as error:
        reason = str(error).replace(str(path), "it")
        raise InputError(
            f"{path}: expected a whole picture, found: {reason}"
        ) from error


def _to_8_bits(levels, path):
    """Returns (H, W) uint8 of uint16 levels, by the bits that they use.

    Cameras for science store 10, 12 or 14 bits in files of 16.
    """
    brightest = int(levels.max())
    bits = next(bits for bits in (8, 10, 12, 14, 16) if brightest < 2**bits)
    if bits < 16:
        warnings.warn(
            f"{path}: read as {bits} bits a pixel, since its brightest is {brightest}",
            stacklevel=4,
        )
    return (levels >> (bits - 8)).astype(np.uint8)


@contextlib.contextmanager
def _named_warnings(path):
    """What Pillow warns of a picture becomes a warning that names it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # The filters are those of the whole process.
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if not issubclass(warning.category, DeprecationWarning):
            warnings.warn(f"{path}: {warning.message}", stacklevel=3)


def write_image(path, image):
    """Writes an (H, W, 3) uint8 RGB image as its suffix says, all of it or nothing.

    Raises:
        InputError: the format cannot hold it, as a JPEG of more than 65,500 pixels.
    """
    path = Path(path)
    try:
        encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    except cv2.error as error:
        height, width = image.shape[:2]
        raise InputError(
            f"{path}: expected a picture that the format can hold, found {width} x "
            f"{height} pixels"
        ) from error
    with replace_when_done(path) as temporary:
        temporary.write_bytes(encoded)
