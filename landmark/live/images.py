"""Images as people hold them in memory: made RGB bytes, or refused in a sentence."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from landmark.script.errors import InputError

ImageLike = npt.NDArray[Any] | Image.Image

_ORIENTATION = 0x0112  # The tag in EXIF that says how a camera was held.
_TURNED = range(2, 9)  # Its values that mean something, but for 1, upright.
_CHANNELS = (1, 3, 4)
_IF_BYTES = "; give it as uint8 if it is 0..255"
_FEW_BITS = 4095  # No 16-bit value above this: 8, 10 or 12 bits, or next to black.


def to_rgb(image: ImageLike) -> npt.NDArray[np.uint8]:
    """Returns an image as the toolkit has it.

    Args:
        image: a PIL image of any mode but 32 bits of integers, or an array of shape
            (H, W, 3) RGB, (H, W) or (H, W, 1) grey, or (H, W, 4) RGBA, whose alpha is
            dropped; dtype uint8, uint16 0..65535, float 0..1, or bool.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous: the image itself where it is that already.

    Raises:
        InputError: it is something else, or its values cannot be what its dtype says.
    """
    if isinstance(image, Image.Image):
        image = _from_pil(image)
    _check_shape(image)
    pixels = np.atleast_3d(np.asarray(image))[..., :3]
    levels = _to_levels(pixels)
    if levels.shape[2] == 1:
        levels = np.repeat(levels, 3, axis=2)
    return np.ascontiguousarray(levels)


def _from_pil(image):
    """Returns the pixels of a PIL image: uint8 RGB, or 16 or 32 bits as they are."""
    try:
        orientation = image.getexif().get(_ORIENTATION)
        # Pillow would clip more than 8 bits, not scale them.
        has_bytes = not image.mode.startswith(("I", "F"))
        pixels = np.asarray(image.convert("RGB") if has_bytes else image)
    # Pillow's decoders raise whatever their format's parser meets in a broken file.
    except Exception as error:
        raise InputError(
            f"image: expected a whole PIL image, found: {error}"
        ) from error
    if orientation in _TURNED:
        raise InputError(
            "image: expected an upright PIL image, found EXIF orientation "
            f"{orientation}; PIL.ImageOps.exif_transpose turns it"
        )
    return pixels


def _check_shape(image):
    """Refuses what is no array of one image."""
    if not isinstance(image, np.ndarray):
        is_path = isinstance(image, str | bytes | os.PathLike)
        raise InputError(
            "image: expected an array or a PIL image, found "
            + ("a path; read_image reads it" if is_path else type(image).__name__)
        )
    shape, hint = image.shape, ""
    if len(shape) == 4:
        hint = "; give the images of a batch one by one"
    elif len(shape) == 3 and shape[0] in _CHANNELS:
        hint = "; image.transpose(1, 2, 0) puts channels last"
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in _CHANNELS):
        raise InputError(
            "image: expected shape (H, W, 3), (H, W, 4), (H, W, 1) or (H, W), found "
            f"{shape}{hint}"
        )
    if not image.size:
        raise InputError(f"image: expected pixels, found none in shape {shape}")


def _to_levels(pixels):
    """Returns pixels of any dtype that has a meaning as uint8."""
    kind = pixels.dtype.type
    if kind is np.uint8:
        return pixels
    if kind is np.bool_:
        return pixels * np.uint8(255)
    if kind is np.uint16:
        return _from_16_bits(pixels)
    if issubclass(kind, np.floating):
        return _from_float(pixels)
    raise InputError(
        f"image: expected uint8, uint16, float 0..1 or bool, found {pixels.dtype}"
        + (_IF_BYTES if issubclass(kind, np.integer) else "")
    )


def _from_16_bits(pixels):
    most = int(pixels.max())
    if 0 < most <= _FEW_BITS:
        raise InputError(
            f"image: expected uint16 of 0..65535, found none above {most}; scale "
            "pictures of fewer bits to uint8"
        )
    return (pixels // 256).astype(np.uint8)


def _from_float(pixels):
    least, most = float(pixels.min()), float(pixels.max())
    # What rounds to a level will do. Not-a-number compares as false.
    if not (least * 255 >= -0.5 and most * 255 <= 255.5):
        hint = _IF_BYTES if least >= 0 and 1 < most <= 255 else ""
        raise InputError(
            f"image: expected float of 0..1, found {least:.4g}..{most:.4g}{hint}"
        )
    levels = np.rint(pixels.astype(np.float64) * 255)
    return np.clip(levels, 0, 255).astype(np.uint8)
