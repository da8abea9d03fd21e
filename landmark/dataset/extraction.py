"""Cutting square patches with their points out of annotated photos."""

import contextlib
import errno
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landmark.dataset.report import DROPPED, KEPT, PROFILE, ReportRow
from landmark.face import geometry
from landmark.face.scheme import NAMES, find_scheme
from landmark.files import disk, exif, patches
from landmark.files.boxes import find_boxes_below
from landmark.files.photos import (
    IMAGE_SUFFIXES,
    OTHER_SUFFIXES,
    find_photo,
    read_photo,
    to_shrunk,
)
from landmark.files.pts import PointCountError, PtsFormat, find_repeated, read_pts
from landmark.script import workers
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar


class _Drop(Exception):
    """A face cannot be used; carries the outcome and what was found."""


class CropSettings(NamedTuple):
    """How faces are cut out; the names are those of the flags.

    Attributes:
        min_overlap: IoU that a detection needs with the box of the landmarks.
        extend_ratio: by which share the region around the detected face grows.
        margin: saved around the region on each side, as a fraction of it.
        jitter: largest random shift and scale of a box, as a fraction of its size.
        max_rotate: largest angle of the rotated copy, degrees; None makes no copy.
        rand_factor: one photo in this many is taken, at random.
        seed: of all that is random.
        pts_format: PtsFormat, how the collection writes its points.
    """

    min_overlap: float
    extend_ratio: float
    margin: float
    jitter: float
    max_rotate: float | None
    rand_factor: float
    seed: int
    pts_format: PtsFormat

    def crop(self, detector):
        """Returns the Crop that the patches have in common.

        Args:
            detector: name -> value of what else decides how faces are framed.
        """
        settings = {**self._asdict(), **detector}
        # Another seed is another look at the same photos.
        for name in ("pts_format", "margin", "extend_ratio", "rand_factor", "seed"):
            del settings[name]
        return patches.Crop(
            self.pts_format.scheme, self.margin, self.extend_ratio, settings
        )


class Annotations(NamedTuple):
    """What folders of annotated photos hold.

    Attributes:
        faces: list of (path of the .pts, name of the patch).
        unread: Paths of files that look like photos, of kinds that are not read.
        bare: Paths of photos without a .pts.
    """

    faces: list[tuple[Path, str]]
    unread: list[Path]
    bare: list[Path]


def list_annotations(images_dirs, report, passed_over):
    """Lists annotated photos, each once.

    Args:
        images_dirs: folders, searched recursively.
        report: rows of earlier runs, whose patches keep their names.
        passed_over: list, which gets a sentence for each folder that cannot be read.

    Returns:
        Annotations.
    """
    photos_by_patch = {row.patch: row.photo for row in report if row.patch}
    faces, photos, unread, used = {}, {}, {}, set()
    for images_dir in map(Path, images_dirs):
        listed = disk.list_files(
            images_dir, (".pts", *IMAGE_SUFFIXES, *OTHER_SUFFIXES), passed_over
        )
        for path in listed:
            suffix = path.suffix.lower()
            if suffix != ".pts":
                kind = photos if suffix in IMAGE_SUFFIXES else unread
                kind.setdefault(path.absolute(), path)
            elif (place := path.resolve()) not in faces:
                photo = find_photo(path)
                used.add(photo and photo.absolute())
                base = patches.patch_name(path, images_dir, photo)
                name = patches.book_name(base, str(place), photos_by_patch)
                faces[place] = (path, name)
    bare = [path for place, path in photos.items() if place not in used]
    return Annotations(list(faces.values()), list(unread.values()), bare)


class Tool(NamedTuple):
    """What faces are cut out with.

    Attributes:
        write_path: Path of the folder.
        settings: CropSettings.
        detector: has `detect`; None frames faces by their annotation.
        boxes: where faces are, from `files.boxes.read_boxes`, instead of the detector;
            or None.
        images_dir: the one folder that they are of.
        dropped: names of patches that are not wanted.
        stored: Paths of folders whose points and boxes are of the photos as they are
            stored, before EXIF turns them.
    """

    write_path: Path
    settings: CropSettings
    detector: Any
    boxes: Any = None
    images_dir: Path | None = None
    dropped: frozenset = frozenset()
    stored: tuple = ()


def make_tool(open_detector, arguments, tool):
    """Returns the Tool of a process: one without detector, and where there are no boxes
    that of open_detector(*arguments)."""
    detector = None if tool.boxes else open_detector(*arguments)
    return tool._replace(detector=detector)


def extract(faces, settings, make_arguments, num_workers, journal):
    """Writes the patches of faces, with a progress bar.

    Args:
        faces: (path of the .pts, name of the patch), from `list_annotations`.
        settings: CropSettings.
        make_arguments: of `make_tool`, which each process makes for itself.
        num_workers: number of processes.
        journal: files.journal.Journal, of which `done` are the (ReportRow, suspects) of
            photos that need not be done again; those of the others are added.

    Yields:
        (ReportRow, suspects) of each photo that was taken, in the order of the faces.
        Suspects are points that look as if they stood for missing ones: (x, y) as the
        file writes it.
    """
    done = {row.photo: (row, suspects) for row, suspects in journal.done}
    taken = [face for face in faces if is_taken(face[1], settings)]
    waiting = [face for face in taken if str(face[0].resolve()) not in done]
    results = workers.map_in_order(
        extract_one, waiting, num_workers, make_tool, make_arguments
    )
    bar = progress_bar(taken, desc="extracting", unit="photo")
    with contextlib.closing(results):
        for pts_path, _ in bar:
            result = done.get(str(pts_path.resolve()))
            if result is None:
                result = next(results)
                journal.add(result)
            yield result


def is_taken(name, settings):
    """Whether the photo of a patch of this name is one of those that are taken."""
    return _random(name, settings.seed).random() * settings.rand_factor < 1


def _random(name, seed):
    """Returns a Generator of the patch's own, whatever else is extracted."""
    name = zlib.crc32(name.encode(errors="surrogateescape"))
    return np.random.default_rng([name, seed] if seed else name)


def extract_one(tool, face):
    """Writes the patches of a face.

    Args:
        tool: Tool.
        face: (path of the .pts, name of the patch).

    Returns:
        (ReportRow, suspects), see `extract`.
    """
    stem = tool.write_path / face[1]
    patches.remove_patch(stem)
    patches.remove_patch(f"{stem}{patches.ROTATED}")

    def write(name, patch, points):
        patches.write_patch(tool.write_path / name, patch, points)

    return cut_one(tool, face, write)


def cut_one(tool, face, write):
    """Does as `extract_one`, but for the place of the patches.

    Args:
        tool, face: as there.
        write: function of the name, the patch, and its points, of each patch.
    """
    pts_path, name = face
    rng = _random(name, tool.settings.seed)
    rng.random()  # Which has decided that the photo is taken.
    outcome, detail, suspects = KEPT, "", []
    try:
        if name in tool.dropped:
            raise _Drop(DROPPED, "")
        points = _cut_face(face, tool, rng, write)
        suspects = find_repeated(points + tool.settings.pts_format.first_pixel)
    except _Drop as drop:
        outcome, detail = drop.args
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        outcome, detail = "name too long", str(error)
    return ReportRow(str(pts_path.resolve()), name, outcome, detail), suspects


def _cut_face(face, tool, rng, write):
    """Writes the patch of one face, and its rotated copy.

    Returns:
        points_image as the .pts has them, of a photo that is not shrunk.
    """
    (pts_path, name), settings = face, tool.settings
    photo, points_read = _read_points(pts_path, settings.pts_format)
    image, shrink = _read_photo(photo)
    points_image = to_shrunk(points_read, shrink)
    if any(pts_path.is_relative_to(folder) for folder in tool.stored):
        orientation, size = exif.read_orientation(photo), image.shape[1::-1]
        scheme = settings.pts_format.scheme
        points_image = exif.to_shown(points_image, orientation, size, scheme)
    _check_points(points_image, image)
    face_box = _find_face_box(tool, photo, image, points_image, shrink)

    def jittered_square():
        box = geometry.jitter_box(face_box, settings.jitter, rng)
        square = geometry.square_from_box(box, settings.extend_ratio)
        return geometry.add_margin(square, settings.margin)

    square = jittered_square()
    patch = geometry.crop_image(image, square)
    points = geometry.to_crop(points_image, square)
    try:
        patches.check_points(points, pts_path)
    except InputError as error:
        raise _Drop("points outside the photo", str(error)) from error
    write(name, patch, points)
    if settings.max_rotate is not None:
        square = jittered_square()
        degrees = rng.uniform(-settings.max_rotate, settings.max_rotate)
        patch = geometry.crop_rotated(image, square, degrees)
        points = geometry.rotate_points(geometry.to_crop(points_image, square), degrees)
        write(f"{name}{patches.ROTATED}", patch, points)
    return points_read


def _read_points(pts_path, pts_format):
    """Returns the path of a .pts file's photo, and its points in image pixels."""
    try:
        points_image = read_pts(pts_path, pts_format)
    except PointCountError as error:
        is_profile = error.found == find_scheme("menpo39").num_points
        other = f"not {pts_format.scheme.num_points} points"
        detail = f"{error}{_name_schemes(error.found)}"
        raise _Drop(PROFILE if is_profile else other, detail) from error
    except (InputError, OSError) as error:
        raise _Drop("points unreadable", str(error)) from error
    known = int((~np.isnan(points_image[:, 0])).sum())
    if known < len(points_image) / 2:
        raise _Drop("too many points missing", f"{known} of {len(points_image)} known")
    photo = find_photo(pts_path)
    if photo is None:
        raise _Drop("no photo beside the .pts", str(pts_path))
    return photo, points_image


def _read_photo(photo):
    """Returns (image, shrink) of a photo, see `photos.read_photo`."""
    try:
        return read_photo(photo)
    except (InputError, OSError) as error:
        raise _Drop("photo unreadable", str(error)) from error


def _name_schemes(num_points):
    """Returns, for a sentence, the schemes of so many points."""
    names = [name for name in NAMES if find_scheme(name).num_points == num_points]
    return f", as scheme {' and '.join(names)} has" if names else ""


def _check_points(points_image, image):
    """Drops points of another photo, or of this one before it was resized."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = geometry.box_from_points(points_image)
    known = points_image[~np.isnan(points_image[:, 0])]
    inside = ((known > -1) & (known < (width, height))).all(axis=1)
    spans = x1 - x0, y1 - y0
    if inside.mean() < 0.5 or min(spans) < 1 or max(spans) > 2 * max(width, height):
        found = f"box {x0:.0f} {y0:.0f} {x1:.0f} {y1:.0f} in {width} x {height}"
        raise _Drop("points outside the photo", found)


def _find_face_box(tool, photo, image, points_image, shrink):
    """Returns the annotated face's box: a given one, the detector's, or annotation's.

    Args:
        tool: Tool.
        photo: Path.
        image, shrink: of `photos.read_photo`.
        points_image: in pixels of the image.
    """
    scheme = tool.settings.pts_format.scheme
    if tool.boxes:
        given = find_boxes_below(tool.boxes, photo, tool.images_dir)
        boxes = to_shrunk(given, shrink)
        if tool.stored:
            orientation = exif.read_orientation(photo)
            boxes = exif.boxes_to_shown(boxes, orientation, image.shape[1::-1])
    elif tool.detector is None:
        return geometry.face_box_from_points(points_image, scheme)
    else:
        boxes, _ = tool.detector.detect(image)
    if not len(boxes):
        asked = "--boxes has none" if tool.boxes else "the detector is sure of no face"
        raise _Drop("no detection", asked)
    wanted = geometry.points_box_to_overlap(points_image, scheme)
    overlaps = geometry.box_iou(boxes, wanted)
    best = overlaps.argmax()
    if overlaps[best] < tool.settings.min_overlap:
        raise _Drop("overlap too small", f"{overlaps[best]:.2f}")
    return boxes[best]
