"""The training record: a patch with its points, as a tf.train.Example.

    version          int64   of this header
    scheme           bytes   of the points: a name of the toolkit's, or a definition
    image/raw        bytes   (width, width, 3) uint8, row by row;
                             width = size + 2 * margin
    image/colors     bytes   what the 3 are: RGB
    image/size       int64   side of the crop, the middle of the image, in pixels
    image/margin     int64   pixels around the crop, for augmentation to move into
    image/extension  float   by which share the crop is larger than the detector's box;
                             no value where it is not known
    image/name       bytes   the patch's file name without suffix
    image/photo      bytes   the annotation that it comes from; empty if not known
    points           bytes   (P, 2) little-endian float32, crop-normalised; both nan
                             where a point is missing

Raw bytes are read several times faster than pictures or float lists, and patches are
small. Records of before version 1 have raw, size, margin, name and points only, which
are ibug68.

Of protobuf, an Example is so little that it is written here, as TensorFlow would write
it: processes that pack need not load it.
"""

import numpy as np

from landmark.face.scheme import IBUG68

VERSION = 1
COLORS = b"RGB"
VERSION_KEY, SCHEME_KEY, POINTS_KEY = "version", "scheme", "points"
IMAGE_KEY, COLORS_KEY, SIZE_KEY = "image/raw", "image/colors", "image/size"
MARGIN_KEY, EXTENSION_KEY = "image/margin", "image/extension"
NAME_KEY, PHOTO_KEY = "image/name", "image/photo"


def encode_example(
    patch, points, name, margin=0, scheme=IBUG68, extension=None, photo=""
):
    """Serialises one sample; `records.parse_batch` is the inverse.

    Args:
        patch: (W, W, 3) uint8 RGB: the crop, with its margin around it.
        points: (P, 2) float, crop-normalised; both nan where a point is missing.
        name: str.
        margin: pixels on each side that are not of the crop.
        scheme: Scheme of the points.
        extension: by which share the crop is larger than the detector's box, or None.
        photo: str, the annotation that it comes from.

    Returns:
        bytes.
    """
    known = [] if extension is None else [extension]
    features = {
        VERSION_KEY: _integer(VERSION),
        SCHEME_KEY: _bytes(scheme.reference.encode()),
        IMAGE_KEY: _bytes(patch.tobytes()),
        COLORS_KEY: _bytes(COLORS),
        SIZE_KEY: _integer(patch.shape[0] - 2 * margin),
        MARGIN_KEY: _integer(margin),
        EXTENSION_KEY: _floats(known),
        NAME_KEY: _bytes(_to_bytes(name)),
        PHOTO_KEY: _bytes(_to_bytes(photo)),
        POINTS_KEY: _bytes(np.asarray(points, "<f4").tobytes()),
    }
    entries = (
        _field(1, _field(1, key.encode()) + _field(2, feature))
        for key, feature in sorted(features.items())
    )
    return _field(1, b"".join(entries))


def _to_bytes(text):
    """Returns a file's name as it is on disk, whether it is text or not."""
    return text.encode(errors="surrogateescape")


def _bytes(value):
    """Returns a Feature of one value, bytes."""
    return _field(1, _field(1, value))


def _floats(values):
    """Returns a Feature of floats."""
    packed = np.asarray(values, "<f4").tobytes()
    return _field(2, _field(1, packed) if packed else b"")


def _integer(value):
    """Returns a Feature of one number, which is not negative."""
    return _field(3, _field(1, _varint(value)))


def _field(number, content):
    """Returns bytes as a field of a message."""
    return b"".join((bytes([number << 3 | 2]), _varint(len(content)), content))


def _varint(value):
    """Returns a number in groups of 7 bits, the lowest first, the last one unmarked."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
