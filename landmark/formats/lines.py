"""Detection's lines of JSON, as faces to be written in another format."""

import json
import os
from pathlib import Path

from landmark.files import disk
from landmark.files.notes import shorten
from landmark.formats.annotated import Layout, make_face, to_number
from landmark.script.errors import InputError


def read_faces(path, scheme, dropped, photo_of=None):
    """Returns the faces that `detect_face_landmark.py --write_json` has written.

    Args:
        path: the file.
        scheme: Scheme; faces of others are dropped.
        dropped: list, which gets a sentence for each face that cannot be used.
        photo_of: function of (output, name) of a line that returns its photo; their
            path below the source unless given.

    Returns:
        list of AnnotatedFace.

    Raises:
        InputError: a line is none of detection's.
    """
    photo_of = photo_of or (lambda output, name: str(Path(output).parent / name))
    faces, layout = [], Layout(scheme)
    lines = disk.require_file(path).read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        told = _read_line(line, place)
        try:
            if told["frame"] is not None:
                raise InputError(f"{place}: expected a photo, found a video's frame")
            if told["scheme"] != scheme.name:
                raise InputError(
                    f"{place}: expected points of scheme {scheme.name}, found "
                    f"{shorten(told['scheme'])}"
                )
            photo = photo_of(told["output"], told["name"])
            box = [to_number(edge, place) for edge in told["box"]]
            rows = [_read_point(point, place) for point in told["points"]]
            faces.append(make_face(photo, rows, box, layout, path, place))
        except InputError as error:
            dropped.append(str(error))
    return faces


def _read_line(line, place):
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: expected a line of JSON, found: {error}") from error
    match told:
        case {
            "name": str(),
            "output": str(),
            "frame": int() | None,
            "box": [_, _, _, _],
            "scheme": str(),
            "points": list(),
        }:
            return told
    raise InputError(f"{place}: expected a line of detection, found {shorten(told)}")


def _read_point(point, place):
    if not isinstance(point, list) or len(point) != 2:
        raise InputError(f"{place}: expected points x, y, found {shorten(point)}")
    return tuple(to_number(n, place) for n in point)


def name_from(folder, photo):
    """Returns the name of a photo as seen from a folder, for a file that lies there."""
    try:
        return Path(os.path.relpath(photo, folder)).as_posix()
    except ValueError:  # On another drive of Windows.
        return Path(photo).as_posix()
