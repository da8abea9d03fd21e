"""The toolkit's own folders: photos with .pts, and their boxes as lines of JSON."""

import collections
import filecmp
import json
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from landmark.face import geometry
from landmark.files import boxes as boxes_file
from landmark.files import disk
from landmark.files.patches import FACE
from landmark.files.photos import find_photo
from landmark.files.pts import format_pts, read_pts
from landmark.formats.annotated import AnnotatedFace
from landmark.script.errors import InputError

BOXES_NAME = "boxes.jsonl"


class Place(NamedTuple):
    """A photo and what becomes of it.

    Attributes:
        photo: Path.
        output: its path below the collection, without suffix.
        faces: list of AnnotatedFace.
    """

    photo: Path
    output: Path
    faces: list[AnnotatedFace]

    @property
    def names(self):
        """The outputs of its faces: OUTPUT, or OUTPUT@1 ... of several."""
        if len(self.faces) == 1:
            return [self.output]
        numbers = range(1, len(self.faces) + 1)
        return [Path(f"{self.output}{FACE}{number}") for number in numbers]


def place_faces(faces, finder, dropped):
    """Finds the photos of faces, and a place for each, so that no two are the same.

    Args:
        faces: AnnotatedFaces.
        finder: photos_of.PhotoFinder.
        dropped: list, which gets a sentence for each face that has no place.

    Returns:
        list of Place, in the order in which the photos are first named.
    """
    by_photo = {}
    for face in faces:
        try:
            there = by_photo.setdefault(finder.find(face.photo, face.source), [])
        except InputError as error:
            dropped.append(f"{face.place}: {error}")
            continue
        if any(_are_equal(face, other) for other in there):
            dropped.append(f"{face.place}: expected another face, found it twice")
        else:
            there.append(face)
    places, taken = [], set()
    for photo, found in by_photo.items():
        place, number = None, 1
        below = photo.relative_to(finder.folder).with_suffix("")
        # a.jpg beside a.png, or beside a@1.png: the second gets a number.
        while place is None or taken & {place.output, *place.names}:
            name = below.name if number == 1 else f"{number}-{below.name}"
            place, number = Place(photo, below.with_name(name), found), number + 1
        taken |= {place.output, *place.names}
        places.append(place)
    return places


def _are_equal(face, other):
    return np.array_equal(face.points_image, other.points_image, equal_nan=True)


def write_place(folder, place, is_copy):
    """Puts a photo and its .pts into a folder; what is there already stays.

    Args:
        folder: of the collection.
        place: Place.
        is_copy: whether the photo is copied, else it is linked to.

    Raises:
        InputError: another file is there, which may have been corrected by hand, or the
            disk knows no links. What can be written is.
    """
    output = Path(folder, place.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    photo = output.with_name(f"{output.name}{place.photo.suffix}")
    _put_photo(photo, place.photo, is_copy)
    others = []
    for name, face in zip(place.names, place.faces, strict=True):
        path = Path(folder, f"{name}.pts")
        text = format_pts(face.points_image)
        if not path.exists():
            disk.write_text(path, text)
        elif path.read_bytes() != text.encode():
            others.append(path)
    if others:
        raise InputError(
            f"{', '.join(map(str, others))}: expected a new file, found another one, "
            "which may have been corrected by hand; it stays"
        )
    _refuse_old(place, output, photo)


def _refuse_old(place, output, photo):
    """Refuses the .pts of an import by which a photo had one face, or several.

    Raises:
        InputError: it would pass for a face beside those of the place.
    """
    old = Path(f"{output}{'' if len(place.faces) > 1 else f'{FACE}1'}.pts")
    if old.exists() and find_photo(old) == photo:
        raise InputError(
            f"{old}: expected {' and '.join(f'{n.name}.pts' for n in place.names[:2])} "
            "alone, found one of another import, too; remove it if it is the same face"
        )


def _put_photo(path, photo, is_copy):
    if path.exists():
        if not (path.samefile(photo) or filecmp.cmp(path, photo, shallow=False)):
            raise InputError(f"{path}: expected a new file, found another photo")
        return
    try:
        with disk.replace_when_done(path) as temporary:
            if is_copy:
                shutil.copyfile(photo, temporary)
            else:
                os.symlink(photo, temporary)
    except NotImplementedError as error:
        raise InputError(f"{path}: {error}; --copy copies photos") from error


def format_boxes(places):
    """Returns the lines of JSON that say where the faces are; see `files.boxes`."""
    lines = []
    for place in places:
        for face in place.faces:
            if face.box is not None:
                told = {
                    "name": f"{place.output.name}{place.photo.suffix}",
                    "output": str(place.output),
                    "box": [round(float(edge), 6) for edge in face.box],
                }
                lines.append(json.dumps(told) + "\n")
    return "".join(lines)


def read_folder(folder, pts_format, boxes, dropped):
    """Returns the faces of a folder of photos with .pts beside them.

    Args:
        folder: searched recursively.
        pts_format: files.pts.PtsFormat.
        boxes: from `files.boxes.read_boxes`, of which each face gets the one that fits
            its points best; None if there are none.
        dropped: list, which gets a sentence for each .pts that cannot be used.

    Returns:
        list of AnnotatedFace, whose photos are absolute paths.
    """
    faces = []
    for path in disk.list_files(folder, (".pts",), dropped):
        try:
            points_image, photo = read_pts(path, pts_format), find_photo(path)
            if photo is None:
                raise InputError(f"{path}: expected a photo beside it, found none")
        except (InputError, OSError) as error:
            dropped.append(str(error))
            continue
        output = photo.relative_to(folder).with_suffix("")
        given = boxes_file.find_boxes(boxes, photo, output)[0] if boxes else ()
        box = _choose_box(given, points_image, pts_format.scheme)
        photo = os.path.abspath(photo)
        faces.append(AnnotatedFace(photo, points_image, box, path, str(path)))
    return together(faces)


def _choose_box(boxes, points_image, scheme):
    if not len(boxes):
        return None
    wanted = geometry.points_box_to_overlap(points_image, scheme)
    overlaps = geometry.box_iou(boxes, wanted)
    best = overlaps.argmax()
    return tuple(boxes[best].tolist()) if overlaps[best] > 0 else None


def together(faces):
    """Returns the faces with those of a photo behind each other."""
    by_photo = collections.defaultdict(list)
    for face in faces:
        by_photo[face.photo].append(face)
    return [face for found in by_photo.values() for face in found]
