"""Which formats there are, how they count, and which files hold them."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from landmark.face import geometry
from landmark.files import disk
from landmark.files.notes import shorten
from landmark.formats import coco, csv_table, dlib_xml, labelme, lines, mat, wflw
from landmark.formats.annotated import Layout
from landmark.script.errors import InputError


class Format(NamedTuple):
    """What is known of a format.

    Attributes:
        read: function of path, Layout and a list of what is dropped.
        suffix: of its files.
        first_pixel: how they call the first pixel's centre.
        scheme: name of the scheme that they usually have.
        has_many: whether each photo has a file of its own.
    """

    read: Callable
    suffix: str
    first_pixel: float
    scheme: str = "ibug68"
    has_many: bool = False


FORMATS = {
    "dlib": Format(dlib_xml.read_faces, ".xml", 0),
    "csv": Format(csv_table.read_faces, ".csv", 0),
    "wflw": Format(wflw.read_faces, ".txt", 0, "wflw98"),
    "coco": Format(coco.read_faces, ".json", 0),
    "mat": Format(mat.read_faces, ".mat", 1, has_many=True),
    "labelme": Format(labelme.read_faces, ".json", 0.5, has_many=True),
}
_WRITERS = {
    ".xml": dlib_xml.write_faces,
    ".csv": csv_table.write_faces,
    ".json": coco.write_faces,
}
_NEED_BOXES = (".xml", ".json")


def list_sources(words, suffix, passed_over):
    """Returns the files that a user gave, or that lie in the folders.

    Args:
        words: paths of files and folders.
        suffix: of files in folders.
        passed_over: see `disk.list_files`.

    Raises:
        InputError: there is no such file or folder, or nothing in one.
    """
    found = []
    for word in words:
        if not Path(word).is_dir():
            found.append(disk.require_file(word))
            continue
        listed = disk.list_files(word, (suffix,), passed_over)
        if not listed:
            raise InputError(f"{word}: expected files of {suffix}, found none")
        found += listed
    return list(dict.fromkeys(found))


def check_target(path):
    """Refuses a file of annotation that cannot be written.

    Raises:
        InputError: its suffix is that of no format, or there is a folder.
    """
    if Path(path).suffix.lower() not in _WRITERS or Path(path).is_dir():
        raise InputError(
            f"{path}: expected a file of {', '.join(_WRITERS)} (dlib's, a table, "
            "COCO's), found another path"
        )


def write_faces(path, faces, scheme, sizes, dropped):
    """Writes faces in the format of the path's suffix, with photos as seen from it.

    Args:
        path: the file.
        faces: list of AnnotatedFace, whose photos are paths; those of a photo stand
            together.
        scheme: Scheme of the points.
        sizes: photo -> (width, height), of those that are known.
        dropped: list, which gets a sentence for each face whose photo has a name that
            the format cannot hold.

    Returns:
        (list of the faces that are written, as they were given; how many of them had no
        box, and got the one that a detector would put around their points).
    """
    suffix, folder = Path(path).suffix.lower(), Path(path).parent
    framed, written, without = [], [], 0
    for face in faces:
        if suffix == ".xml" and not dlib_xml.can_name(face.photo):
            dropped.append(
                f"{face.place}: expected a name that XML can hold, found "
                f"{shorten(face.photo)}"
            )
            continue
        written.append(face)
        if face.box is None and suffix in _NEED_BOXES:
            without += 1
            box = geometry.face_box_from_points(face.points_image, scheme)
            face = face._replace(box=tuple(box.tolist()))
        framed.append(face._replace(photo=lines.name_from(folder, face.photo)))
    sizes = {lines.name_from(folder, photo): size for photo, size in sizes.items()}
    folder.mkdir(parents=True, exist_ok=True)
    _WRITERS[suffix](path, framed, scheme, sizes)
    return written, without


def make_layout(kind, scheme, first_pixel, missing):
    """Returns the Layout of a format; a first_pixel of None is the format's own."""
    own = FORMATS[kind].first_pixel
    return Layout(scheme, own if first_pixel is None else first_pixel, missing)
