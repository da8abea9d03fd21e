r"""Writes annotation in formats that other tools read: dlib's XML, CSV, COCO's JSON.

Reads: folders of photos with .pts, or lines of JSON as detection writes them.
Writes: one file, in the format of its suffix; photos are named as seen from it:
    FILE.xml     dlib's XML; coordinates are rounded to whole pixels
    FILE.csv     a row for each face: photo, its box, x0, y0, x1, y1, ...
    FILE.json    COCO's keypoints

    python export_annotations.py --write_annotations=faces.xml 300w/afw
"""

import os
from pathlib import Path

from absl import flags

from landmark.dataset import stage_flags
from landmark.face.scheme import find_scheme
from landmark.files import boxes as boxes_file
from landmark.files import disk
from landmark.formats import choose, collection, detected, lines
from landmark.script import cli
from landmark.script.errors import InputError, UsageError
from landmark.script.words import count

_LINES = (".jsonl", ".json")

with cli.flag_group("What it reads and writes"):
    _WRITE_ANNOTATIONS = flags.DEFINE_string(
        "write_annotations",
        None,
        "File for the annotation: .xml, .csv or .json.",
        required=True,
    )
    _IMAGES_DIR = flags.DEFINE_string(
        "images_dir",
        None,
        "Folder of the photos of lines of JSON; that of the lines unless given.",
    )
    _BOXES = flags.DEFINE_string(
        "boxes",
        None,
        "Lines of JSON that say where the faces of a folder are, as boxes.jsonl of "
        "import_annotations.py. Faces without get the box that a detector would put "
        "around their points, where the format wants one.",
    )

with cli.flag_group("Annotation"):
    stage_flags.define_pts_format()


def _read_folders(folders, dropped):
    """Returns the faces of folders."""
    pts_format = stage_flags.read_pts_format()
    boxes = boxes_file.read_boxes(_BOXES.value) if _BOXES.value else None
    if boxes and len(folders) > 1:
        raise UsageError(
            "expected one folder beside --boxes, which go by the path below it, found "
            f"{len(folders)}"
        )
    faces = {}
    for folder in folders:
        found = collection.read_folder(folder, pts_format, boxes, dropped)
        faces.update({face.source.absolute(): face for face in found})
    if boxes and faces and not any(face.box for face in faces.values()):
        raise InputError(
            f"{_BOXES.value}: expected boxes of the faces, found none that fits; they "
            "go by output, the path below the folder"
        )
    return list(faces.values())


def _read_lines(path, scheme, dropped):
    """Returns the faces of lines of JSON."""
    folder = _IMAGES_DIR.value or Path(path).parent
    return lines.read_faces(
        path,
        scheme,
        dropped,
        lambda output, name: os.path.abspath(
            os.path.join(folder, Path(output).parent, name)
        ),
    )


def main(argv):
    choose.check_target(_WRITE_ANNOTATIONS.value)
    scheme, faces, dropped = find_scheme(flags.FLAGS.scheme), [], []
    folders = [word for word in argv[1:] if Path(word).is_dir()]
    for path in argv[1:]:
        if path in folders:
            continue
        if disk.require_file(path).suffix.lower() not in _LINES:
            raise InputError(
                f"{path}: expected a folder, or lines of JSON in a file of "
                f"{' or '.join(_LINES)}"
            )
        if os.path.realpath(path) == os.path.realpath(_WRITE_ANNOTATIONS.value):
            raise InputError(f"{path}: expected another file to write than to read")
        faces += _read_lines(path, scheme, dropped)
    faces = collection.together(faces + _read_folders(folders, dropped))
    if not faces:
        reason = f"; {dropped[0]}" if dropped else ""
        raise InputError(f"{argv[1]}: expected annotated faces, found none{reason}")
    sizes = detected.read_sizes(faces)
    written, without = choose.write_faces(
        _WRITE_ANNOTATIONS.value, faces, scheme, sizes, dropped
    )
    for sentence in dropped:
        print(f"dropped {sentence}")
    if without:
        print(f"{count(without, 'face')} without a box, framed by the points")
    photos = dict.fromkeys(face.photo for face in written)
    gone = [photo for photo in photos if not os.path.exists(photo)]
    if gone:
        print(f"{count(len(gone), 'photo')} not to be found, as {gone[0]}")
    print(f"{count(len(written), 'face')} in {count(len(photos), 'photo')}", end="")
    print(f", {len(dropped)} dropped" if dropped else "")
    print(f"Wrote {_WRITE_ANNOTATIONS.value}")
    return cli.PASSED_OVER if dropped else 0


if __name__ == "__main__":
    cli.run(main, arguments="FOLDER|FILE ...")
