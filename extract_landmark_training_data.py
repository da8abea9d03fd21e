r"""Cuts square face patches with their 68 points out of annotated photos.

Reads: folders with NAME.jpg (or .png) beside NAME.pts, searched recursively.
Writes, per face, into write_path:
    FOLDER-NAME.png          the patch, as large as the face is in the photo
    FOLDER-NAME.npts         its points, 0..1 over the patch, 136 little-endian float64
    FOLDER-NAME.cpts         the same, -1..1 over the patch
    FOLDER-NAME@rotated.*    a copy turned by a random angle
    crop.json                how much margin the patches have
    report.csv               what became of every photo

    python extract_landmark_training_data.py --images_dirs=300w/afw,300w/helen \
        --write_path=patches
"""

import collections
import csv
import zlib
from pathlib import Path

import numpy as np
from absl import flags

from landmark.face import geometry
from landmark.face.points import NUM_PROFILE_POINTS
from landmark.files import disk
from landmark.files.patches import (
    ROTATED,
    book_name,
    patch_name,
    remove_patch,
    write_margin,
    write_patch,
)
from landmark.files.photos import find_photo, read_image
from landmark.files.pts import PointCountError, read_pts
from landmark.script import cli, common_flags
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar

_IMAGES_DIRS = flags.DEFINE_list(
    "images_dirs", None, "Folders with NAME.jpg/.png + NAME.pts, searched recursively."
)
_WRITE_PATH = flags.DEFINE_string("write_path", None, "Folder for the patches.")
_FACE_DETECTOR_PATH = flags.DEFINE_string(
    "face_detector_path",
    f"{common_flags.DETECTOR_DIR}/face_detector.tflite",
    "Face detector: an SSD's frozen graph (.pb), or a .tflite of "
    "train_face_detector.py. Given empty, faces are framed by their annotation, "
    "enlarged as detectors frame a face.",
)
_MIN_OVERLAP = flags.DEFINE_float(
    "min_overlap",
    0.3,
    lower_bound=0.0,
    upper_bound=1.0,
    help="IoU that a detection needs with the bounding box of the landmarks.",
)
_ROTATE = flags.DEFINE_boolean("rotate", True, "Also write a randomly rotated copy.")
_MAX_ROTATE = flags.DEFINE_float(
    "max_rotate",
    45.0,
    lower_bound=0.0,
    upper_bound=180.0,
    help="Largest angle of the rotated copy, in degrees, to either side.",
)
_JITTER = flags.DEFINE_float(
    "jitter",
    0.0,
    lower_bound=0.0,
    upper_bound=0.5,
    help="Largest random shift and scale of each saved box, as a fraction of its size.",
)
_MARGIN = flags.DEFINE_float(
    "margin",
    0.0,
    lower_bound=0.0,
    upper_bound=1.0,
    help="Also save this much around the region on each side, as a fraction of it, for "
    "augmentation in training to move into (0.3 suits its defaults).",
)
_RAND_FACTOR = flags.DEFINE_float(
    "rand_factor",
    1.0,
    lower_bound=1.0,
    help="Keep one photo in this many, at random (for Multi-PIE, 16 was used).",
)
_FIRST_PIXEL = flags.DEFINE_integer(
    "first_pixel",
    1,
    lower_bound=0,
    upper_bound=1,
    help="What .pts files call the top-left pixel: iBUG counts from 1, others from 0.",
)
flags.mark_flags_as_required(["images_dirs", "write_path"])
flags.adopt_module_key_flags(common_flags)

_REPORT_COLUMNS = ("photo", "patch", "outcome", "detail")
_KEPT = "kept"
_PROFILE = f"profile face of {NUM_PROFILE_POINTS} points"
# The order of the report on the terminal.
_OUTCOMES = (
    _KEPT,
    "no photo beside the .pts",
    "photo unreadable",
    "points unreadable",
    "not 68 points",
    _PROFILE,
    "no detection",
    "overlap too small",
    "points outside the photo",
)


class _Drop(Exception):
    """A face cannot be used; carries the outcome and what was found."""


def _read_report(path):
    """Returns patch -> photo as an earlier run into the same folder recorded it.

    Raises:
        InputError: the file is not such a report.
    """
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as report:
        rows = csv.DictReader(report)
        if tuple(rows.fieldnames or ()) != _REPORT_COLUMNS:
            raise InputError(
                f"{path}: expected the report of an extraction, with the columns "
                f"{', '.join(_REPORT_COLUMNS)}, found {rows.fieldnames}"
            )
        return {row["patch"]: row["photo"] for row in rows if row["patch"]}


def _list_annotations(photos_by_patch):
    """Returns (pts_path, patch name) of every annotated photo, each photo once."""
    faces = {}
    for images_dir in map(Path, _IMAGES_DIRS.value):
        for pts_path in disk.list_files(images_dir, (".pts",)):
            if pts_path.resolve() not in faces:
                base = patch_name(pts_path, images_dir)
                photo = str(pts_path.resolve())
                name = book_name(base, photo, photos_by_patch)
                faces[pts_path.resolve()] = (pts_path, name)
    return list(faces.values())


def _find_face_box(detector, image, points_image):
    """Returns the annotated face's box, by the detector or else the annotation."""
    if detector is None:
        return geometry.face_box_from_points(points_image)
    boxes, _ = detector.detect(image)
    if not len(boxes):
        raise _Drop("no detection", f"none of at least {common_flags.MIN_CONF.value}")
    overlaps = geometry.box_iou(boxes, geometry.box_from_points(points_image))
    best = overlaps.argmax()
    if overlaps[best] < _MIN_OVERLAP.value:
        raise _Drop("overlap too small", f"{overlaps[best]:.2f}")
    return boxes[best]


def _check_points(points_image, image):
    """Drops points of another photo, or of this one before it was resized."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = geometry.box_from_points(points_image)
    inside = ((points_image > -1) & (points_image < (width, height))).all(axis=1)
    spans = x1 - x0, y1 - y0
    if inside.mean() < 0.5 or min(spans) < 1 or max(spans) > 2 * max(width, height):
        found = f"box {x0:.0f} {y0:.0f} {x1:.0f} {y1:.0f} in {width} x {height}"
        raise _Drop("points outside the photo", found)


def _read_face(pts_path):
    """Returns the photo beside a .pts file and its points in image pixels."""
    try:
        points_image = read_pts(pts_path, _FIRST_PIXEL.value)
    except PointCountError as error:
        profile = error.found == NUM_PROFILE_POINTS
        raise _Drop(_PROFILE if profile else "not 68 points", str(error)) from error
    except (InputError, OSError) as error:
        raise _Drop("points unreadable", str(error)) from error
    photo = find_photo(pts_path)
    if photo is None:
        raise _Drop("no photo beside the .pts", str(pts_path))
    try:
        image = read_image(photo)
    except (InputError, OSError) as error:
        raise _Drop("photo unreadable", str(error)) from error
    _check_points(points_image, image)
    return image, points_image


def _extract_face(pts_path, stem, detector, rng):
    """Writes the patch of one face, and its rotated copy."""
    image, points_image = _read_face(pts_path)
    face_box = _find_face_box(detector, image, points_image)

    def jittered_square():
        box = geometry.jitter_box(face_box, _JITTER.value, rng)
        square = geometry.square_from_box(box, common_flags.crop_extension())
        return geometry.add_margin(square, _MARGIN.value)

    square = jittered_square()
    patch = geometry.crop_image(image, square)
    write_patch(stem, patch, geometry.to_crop(points_image, square))
    if _ROTATE.value:
        square = jittered_square()
        degrees = rng.uniform(-_MAX_ROTATE.value, _MAX_ROTATE.value)
        patch = geometry.crop_rotated(image, square, degrees)
        points = geometry.rotate_points(geometry.to_crop(points_image, square), degrees)
        write_patch(f"{stem}{ROTATED}", patch, points)


def _extract_all(faces, write_path, detector, rows):
    """Extracts (pts_path, patch name) pairs; appends a row of the report for each."""
    for pts_path, name in progress_bar(faces, desc="extracting", unit="photo"):
        # Each photo has a random stream of its own, whatever else is extracted.
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        outcome, detail = _KEPT, ""
        if rng.random() * _RAND_FACTOR.value >= 1:
            continue
        remove_patch(write_path / name)
        remove_patch(write_path / f"{name}{ROTATED}")
        try:
            _extract_face(pts_path, write_path / name, detector, rng)
        except _Drop as drop:
            outcome, detail = drop.args
        rows.append((str(pts_path.resolve()), name, outcome, detail))


def _write_report(path, rows):
    """Writes report.csv; rows of earlier runs for other photos stay."""
    photos = {row[0] for row in rows}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as report:
            earlier = [tuple(row) for row in csv.reader(report)][1:]
        rows = [row for row in earlier if row[0] not in photos] + rows
    disk.write_csv(path, _REPORT_COLUMNS, rows)


def main(argv):
    cli.refuse_arguments(argv)
    report_path = Path(_WRITE_PATH.value, "report.csv")
    photos_by_patch = _read_report(report_path)
    faces = _list_annotations(photos_by_patch)
    if not faces:
        folders = ", ".join(_IMAGES_DIRS.value)
        raise InputError(f"{folders}: expected photos with .pts files, found no .pts")

    if _FACE_DETECTOR_PATH.value:
        from landmark.detection.choose import open_detector

        detector = open_detector(
            _FACE_DETECTOR_PATH.value,
            common_flags.DETECTOR_INPUT_SIZE.value,
            common_flags.MIN_CONF.value,
        )
    else:
        detector = None
        print("Empty --face_detector_path: faces are framed by their annotation.")

    report_path.parent.mkdir(parents=True, exist_ok=True)
    write_margin(report_path.parent, _MARGIN.value)
    rows = []
    try:
        _extract_all(faces, report_path.parent, detector, rows)
    finally:  # A run that is cut short keeps its books, too.
        _write_report(report_path, rows)
    for _, name, outcome, detail in rows:
        if outcome != _KEPT:
            print(f"dropped {name}: {outcome}: {detail}")
    counts = collections.Counter(row[2] for row in rows)
    print(f"{len(faces)} annotated photos, {len(rows)} tried:")
    for outcome in _OUTCOMES:
        if counts[outcome]:
            print(f"{counts[outcome]:8d} {outcome}")
    if not counts[_KEPT]:
        raise InputError(
            f"{report_path.parent}: expected patches, found that none was kept"
        )
    copies = 2 if _ROTATE.value else 1
    print(
        f"Wrote {copies * counts[_KEPT]} patches and report.csv to {report_path.parent}"
    )


if __name__ == "__main__":
    cli.run(main)
