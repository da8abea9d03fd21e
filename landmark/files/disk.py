"""Points and photos on disk.

A collection is a tree of folders with NAME.jpg (or .png) beside NAME.pts. A patch is
NAME.png with NAME.npts and NAME.cpts, both 136 raw little-endian float64, x0 y0 x1 y1
...: .npts is crop-normalised (0..1 over the patch), .cpts is centred (-1..1 over the
patch).
"""

import contextlib
import csv
import io
import json
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from landmark import points as ibug
from landmark.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
ROTATED = "@rotated"  # Ends the name of a patch's rotated copy.
FACE = "@"  # Stands before the number of one of several faces of a photo.
_MARGIN_NAME = "crop.json"
_POINTS_DTYPE = np.dtype("<f8")


class PointCountError(InputError):
    """A .pts file holds another number of points.

    Attributes:
        found: the number of points in the file.
    """

    def __init__(self, path, found):
        super().__init__(f"{path}: expected {ibug.NUM_POINTS} points, found {found}")
        self.found = found


@contextlib.contextmanager
def replace_when_done(path):
    """Gives a temporary path in the folder of `path`, and moves it there on success.

    Whatever goes wrong, no half-written file stands under its final name. The temporary
    name keeps the suffix, for writers that go by it.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text):
    """Writes a text file, all of it or nothing."""
    with replace_when_done(path) as temporary:
        # Names of files may hold bytes that are no text.
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_csv(path, header, rows):
    """Writes a table as CSV, all of it or nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_text(path):
    """Returns the text of a file.

    Raises:
        InputError: there is no such file, or it is no text.
    """
    try:
        return require_file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file, found: {error}") from error


def require_folder(path):
    """Returns a folder as a Path.

    Raises:
        InputError: there is no such folder.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: expected a folder, found none")
    return path


def require_file(path):
    """Returns a file as a Path.

    Raises:
        InputError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found none")
    return path


def list_files(folder, suffixes):
    """Returns the files below a folder with one of the suffixes, sorted by path.

    Case does not matter; hidden files are left out.

    Raises:
        InputError: there is no such folder.
    """
    return sorted(
        path
        for path in require_folder(folder).rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def find_photo(pts_path):
    """Returns the photo that stands beside a .pts file, or None."""
    for suffix in IMAGE_SUFFIXES:
        for spelling in (suffix, suffix.upper(), suffix.title()):
            photo = pts_path.with_suffix(spelling)
            if photo.is_file():
                return photo
    return None


def patch_name(path, images_dir):
    """Returns the name that the patch of a photo gets: FOLDER-...-NAME.

    Args:
        path: of the photo or its .pts, below images_dir.
        images_dir: the folder that was given.
    """
    folders = path.parent.relative_to(images_dir).parts
    return "-".join([Path(images_dir).resolve().name, *folders, path.stem])


def book_name(base, photo, photos_by_name):
    """Returns a name that no other photo has, `base` or with a number before it.

    Args:
        base: the name that is wanted.
        photo: the photo's path, resolved, as a str.
        photos_by_name: name -> photo; the name is entered.
    """
    name, number = base, 1
    while photos_by_name.setdefault(name, photo) != photo:
        number += 1
        name = f"{number}-{base}"
    return name


def read_pts(path, first_pixel=1):
    """Reads a .pts file of the 68 points.

    The format comes from the University of Manchester's face tools; iBUG distributes
    its annotations in it. Its header (`version:`, `n_points:`, braces) is optional, and
    a Multi-PIE variant has just the count on its first line.

    Args:
        path: the file.
        first_pixel: the file's coordinate of the top-left pixel's centre; iBUG counts
            from 1.

    Returns:
        (68, 2) float64, image pixels.

    Raises:
        PointCountError: another number of points.
        InputError: unreadable, a count that is not kept, or a coordinate that is not a
            finite number.
    """
    text = require_file(path).read_text(encoding="utf-8-sig", errors="replace")
    rows, count = [], None
    for line in text.replace("{", "\n").replace("}", "\n").splitlines():
        words = line.split()
        if not words or words[0].startswith("version"):
            continue
        if words[0].startswith("n_points"):
            words = line.partition(":")[2].split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            numbers = []
        if len(numbers) == 1 and not rows and count is None:
            count = int(numbers[0]) if np.isfinite(numbers[0]) else -1
        elif len(numbers) == 2 and np.isfinite(numbers).all():
            rows.append(numbers)
        else:
            raise InputError(
                f"{path}: expected two finite numbers in a line, found {line.strip()!r}"
            )
    if count is not None and count != len(rows):
        raise InputError(
            f"{path}: its header promises {count} points, found {len(rows)}"
        )
    if len(rows) != ibug.NUM_POINTS:
        raise PointCountError(path, len(rows))
    return np.array(rows) - first_pixel


def write_pts(path, points_image, first_pixel=1):
    """Writes (68, 2) points, image pixels, as iBUG does; `read_pts` reads them."""
    rows = "".join(f"{x:.6f} {y:.6f}\n" for x, y in points_image + first_pixel)
    header = f"version: 1\nn_points: {len(points_image)}\n"
    write_text(path, f"{header}{{\n{rows}}}\n")


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
        with Image.open(require_file(path)) as photo:
            upright = ImageOps.exif_transpose(photo)
            if upright.mode in ("I", "F"):
                raise InputError(f"{path}: expected 8 or 16 bits a pixel, found 32")
            if upright.mode.startswith("I;16"):  # Pillow would clip 16 bits, not scale.
                return np.stack([np.array(upright) // 256] * 3, -1).astype(np.uint8)
            return np.array(upright.convert("RGB"))
    except InputError:
        raise
    # Pillow's decoders raise whatever their format's parser meets in a broken file.
    except Exception as error:
        reason = str(error).replace(str(path), "it")
        raise InputError(
            f"{path}: expected a whole picture, found: {reason}"
        ) from error


def write_image(path, image):
    """Writes an (H, W, 3) uint8 RGB image as its suffix says, all of it or nothing."""
    path = Path(path)
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    with replace_when_done(path) as temporary:
        temporary.write_bytes(encoded)


def write_patch(stem, patch, points):
    """Writes STEM.png, STEM.npts and STEM.cpts.

    Args:
        stem: path without suffix.
        patch: (N, N, 3) uint8 RGB.
        points: (68, 2) float, crop-normalised.
    """
    for suffix, values in ((".npts", points), (".cpts", 2 * points - 1)):
        with replace_when_done(f"{stem}{suffix}") as temporary:
            temporary.write_bytes(np.asarray(values, _POINTS_DTYPE).tobytes())
    # The picture comes last: a patch that is there is there with its points.
    write_image(f"{stem}.png", patch)


def remove_patch(stem):
    """Removes what `write_patch` wrote, so that no patch of an earlier run stays."""
    for suffix in (".png", ".npts", ".cpts"):
        Path(f"{stem}{suffix}").unlink(missing_ok=True)


def write_margin(folder, margin):
    """Notes how much margin the patches of a folder have around the crop.

    Args:
        folder: of the patches.
        margin: on each side, as a fraction of the crop.

    Raises:
        InputError: the folder has patches of another margin.
    """
    path = Path(folder, _MARGIN_NAME)
    has_patches = path.exists() or any(Path(folder).glob("*.npts"))
    if has_patches and read_margin(folder) != margin:
        raise InputError(
            f"{path}: expected a margin of {margin}, found patches of "
            f"{read_margin(folder)}; write into another folder"
        )
    write_text(path, json.dumps({"margin": margin}) + "\n")


def read_margin(folder):
    """Returns the margin that `write_margin` noted; 0 for a folder without a note.

    Raises:
        InputError: the note cannot be read.
    """
    path = Path(folder, _MARGIN_NAME)
    if not path.exists():
        return 0.0
    try:
        margin = float(json.loads(path.read_text(encoding="utf-8"))["margin"])
    except (ValueError, KeyError, TypeError):
        margin = -1.0
    if not 0 <= margin < np.inf:
        raise InputError(f'{path}: expected {{"margin": number}}, found another note')
    return margin


def read_npts(path):
    """Reads an .npts file.

    Returns:
        (68, 2) float64, crop-normalised.

    Raises:
        InputError: another size, or a value that is not finite.
    """
    content = require_file(path).read_bytes()
    expected = ibug.NUM_COORDINATES * _POINTS_DTYPE.itemsize
    if len(content) != expected:
        raise InputError(f"{path}: expected {expected} bytes, found {len(content)}")
    points = np.frombuffer(content, _POINTS_DTYPE).reshape(ibug.NUM_POINTS, 2)
    if not np.isfinite(points).all():
        found = points[~np.isfinite(points)][0]
        raise InputError(f"{path}: expected finite numbers, found {found}")
    return points


def write_faces(path, name, faces):
    """Writes what was found in a photo, as text.

    The lines: the photo's name; the number of faces; then for each face
    `left top right bottom score` and 136 numbers x0 y0 x1 y1 ..., in image pixels from
    0.

    Args:
        path: the .txt to write.
        name: of the photo.
        faces: list of landmarker.Face.
    """
    lines = [name, str(len(faces))]
    for face in faces:
        for numbers in ((*face.box, face.score), face.points_image.ravel()):
            lines.append(" ".join(f"{number:.3f}" for number in numbers))
    write_text(path, "\n".join(lines) + "\n")
