"""Photos on disk, in the formats that Pillow reads."""

import contextlib
import re
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from landmark.files.disk import list_files, replace_when_done, require_file
from landmark.script.errors import InputError
from landmark.script.words import count

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"),
    *(".jfif", ".gif", ".avif", ".heic", ".heif", ".jp2"),
)
# What looks like photos to people, but is not read.
OTHER_SUFFIXES = (
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw"),
    *(".hif", ".j2k", ".jpf", ".jpx", ".jpe", ".jxl", ".mpo", ".apng", ".ico", ".svg"),
    *(".eps", ".exr", ".hdr", ".pbm", ".pgm", ".pnm", ".ppm", ".psd", ".tga", ".xcf"),
)
# A collection may have its photos and its points apart.
_POINT_FOLDERS = ("annotations", "annotation", "labels", "landmarks", "points", "pts")
_PHOTO_FOLDERS = ("images", "image", "imgs", "img", "photos", "pictures")
_NUMBER = re.compile(r"(?<=.)(?:@\d{1,3}|_\d{1,2})$")  # Of one of several faces.
_ORIENTATION = 0x0112  # The tag in EXIF that says how a camera was held.
_ON_ITS_SIDE = (5, 6, 7, 8)
_MOST_PIXELS = 1_000_000_000  # Of a JPEG; a quarter of what the format can hold.
_SHRINKS = (2, 4, 8)  # What a JPEG can be shrunk by as it is decoded.
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def find_photo(pts_path):
    """Returns the photo of a .pts file, or None.

    It is beside it, or else in a folder images/ (photos/, ...) where the .pts lies in
    annotations/ (labels/, points/, ...), and has the same stem. Where no photo has,
    NAME@2.pts and NAME_2.pts are of one of several faces of NAME.jpg.
    """
    stems = dict.fromkeys((pts_path.stem, _NUMBER.sub("", pts_path.stem)))
    for stem in stems:
        for folder in (pts_path.parent, *_list_apart(pts_path.parent)):
            for suffix in IMAGE_SUFFIXES:
                for spelling in (suffix, suffix.upper(), suffix.title()):
                    photo = folder / f"{stem}{spelling}"
                    if photo.is_file():
                        return photo
    return None


def _list_apart(folder):
    """Returns the folders where the photos of a folder of points may lie."""
    for index in reversed(range(len(folder.parts))):
        if folder.parts[index].lower() in _POINT_FOLDERS:
            above, below = folder.parts[:index], folder.parts[index + 1 :]
            places = [Path(*above, name) for name in _PHOTO_FOLDERS]
            return [Path(place, *below) for place in places if place.is_dir()]
    return []


def list_unread(folder):
    """Returns the Paths of files that look like photos, of kinds that are not read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Whoever lists the photos is warned.
        return list_files(folder, OTHER_SUFFIXES)


def describe_unread(paths):
    """Returns a sentence for each kind of files that look like photos.

    Args:
        paths: of files with OTHER_SUFFIXES, as `list_unread` returns them.
    """
    by_kind = {}
    for path in paths:
        by_kind.setdefault(path.suffix.lower(), []).append(path)
    return [
        f"{count(len(found), 'file')} of {suffix} not read, as {found[0]}; save them "
        "as .jpg, .png or .tif"
        for suffix, found in sorted(by_kind.items())
    ]


def read_image(path):
    """Reads a photo the way a viewer shows it (its EXIF orientation is applied).

    Args:
        path: a file in any format that Pillow reads, HEIF among them where pillow-heif
            is installed.

    Returns:
        (H, W, 3) uint8 RGB; smaller than the photo if it is huge, see `read_photo`.

    Raises:
        InputError: missing, not a picture, or truncated.
    """
    return read_photo(path)[0]


def read_photo(path):
    """Reads a photo as `read_image` does, and says by what it was shrunk.

    A JPEG of more pixels than Pillow takes, as phones of 200 megapixels write them, is
    shrunk as it is decoded; `to_shrunk` and `from_shrunk` take points along.

    Returns:
        ((H, W, 3) uint8 RGB, how many pixels of the photo make one of these: 1 but for
        huge ones).

    Raises:
        InputError: missing, not a picture, or truncated.
    """
    try:
        photo, shrink = _open(require_file(path), path)
        with _named_warnings(path), photo:
            upright = ImageOps.exif_transpose(photo)
            if upright.mode in ("I", "F"):
                raise InputError(f"{path}: expected 8 or 16 bits a pixel, found 32")
            if upright.mode.startswith("I;16"):  # Pillow would clip 16 bits, not scale.
                grey = _to_8_bits(np.array(upright), path)
                return np.stack([grey] * 3, axis=-1), shrink
            return np.array(upright.convert("RGB")), shrink
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


def _open(file, path):
    """Returns (a PIL image that is not decoded yet, by what it will be shrunk)."""
    try:
        with _named_warnings(path):
            return Image.open(file), 1
    except Image.DecompressionBombError:
        huge = _open_huge(file)
        if huge is None:
            raise
        return huge
    except UnidentifiedImageError:
        if not _is_heif(file):
            raise
        _learn_heif(path)
        with _named_warnings(path):
            return Image.open(file), 1


def _open_huge(file):
    """Returns what `_open` does of a JPEG, None of another format or a true bomb."""
    try:
        photo = JpegImagePlugin.JpegImageFile(file)
    except SyntaxError:  # As Pillow has it of another format.
        return None
    width, height = photo.size
    pixels = width * height
    for shrink in _SHRINKS:
        if pixels <= min(Image.MAX_IMAGE_PIXELS * shrink**2, _MOST_PIXELS):
            photo.whole_size = width, height
            photo.draft(None, (width // shrink, height // shrink))
            return photo, shrink
    photo.close()
    return None


def _is_heif(file):
    """Whether a file is HEIF, as phones write it, whatever its name says."""
    with open(file, "rb") as opened:
        head = opened.read(12)
    return head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS


def _learn_heif(path):
    """Has Pillow read HEIF.

    Raises:
        InputError: what reads it is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError(
            f"{path}: expected pillow-heif, which reads HEIF, found that it is not "
            "installed: pip install -r requirements-formats.txt"
        ) from error
    pillow_heif.register_heif_opener()


def to_shrunk(values, shrink):
    """Image pixels of a photo -> those of its shrunk image, of points or boxes."""
    return values if shrink == 1 else (np.asarray(values) + 0.5) / shrink - 0.5


def from_shrunk(values, shrink):
    """Image pixels of a shrunk image -> those of the photo, of points or boxes."""
    return values if shrink == 1 else (np.asarray(values) + 0.5) * shrink - 0.5


def read_size(path):
    """Returns (width, height) of a photo as a viewer shows it, without decoding it.

    Raises:
        InputError: as `read_photo`.
    """
    try:
        with _open(require_file(path), path)[0] as photo:
            is_turned = photo.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
            # Of a huge one, what it was before it is shrunk.
            width, height = getattr(photo, "whole_size", photo.size)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: expected a picture, found: {error}") from error
    return (height, width) if is_turned else (width, height)


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
