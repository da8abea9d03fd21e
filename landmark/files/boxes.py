"""Boxes of faces from a file: lines of JSON as detection writes them."""

import json
from pathlib import Path

import numpy as np

from landmark.files import disk
from landmark.files.notes import is_number, shorten
from landmark.script.errors import InputError


def read_boxes(path):
    """Reads where the faces of photos are.

    Each line is a JSON object with `box`, x0 y0 x1 y1 in image pixels, and of the photo
    `output`, its path below the source without suffix, or else `name`, that of its
    file; and perhaps `score`. All else is passed over.

    Args:
        path: the file.

    Returns:
        key -> (boxes (n, 4) float64, scores (n,) float64), see `find_boxes`.

    Raises:
        InputError: with the line that is wrong; or there is none.
    """
    found = {}
    lines = disk.require_file(path).read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            key, box, score = _read_line(line, f"{path}:{number}")
            found.setdefault(key, []).append((box, score))
    if not found:
        raise InputError(f"{path}: expected lines of JSON with boxes, found none")
    return {
        key: tuple(np.array(values, np.float64) for values in zip(*faces, strict=True))
        for key, faces in found.items()
    }


def _read_line(line, place):
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: expected a line of JSON, found: {error}") from error
    match told:
        case {"box": [_, _, _, _] as box, "output": str(key)} | {
            "box": [_, _, _, _] as box,
            "name": str(key),
        }:
            score = told.get("score", 1.0)
            if all(map(_is_coordinate, (*box, score))) and 0 <= score <= 1:
                x0, y0, x1, y1 = box
                if x0 < x1 and y0 < y1:
                    return key, box, score
    raise InputError(
        f"{place}: expected a box of x0 < x1 and y0 < y1, an output or name, and a "
        f"score of 0..1 if any, found {shorten(told)}"
    )


def _is_coordinate(value):
    return is_number(value) and abs(value) < 1e9  # As nan is not.


def find_boxes(boxes, photo, output):
    """Returns (boxes (n, 4), scores (n,)) of a photo; n is 0 where there are none.

    Args:
        boxes: from `read_boxes`.
        photo: Path of the photo.
        output: its path below the source, without suffix.
    """
    none = np.zeros((0, 4)), np.zeros(0)
    return boxes.get(str(output)) or boxes.get(Path(photo).name) or none


def find_boxes_below(boxes, photo, folder):
    """Returns the boxes, (n, 4) float64, of a photo by its path below a folder.

    Photos may lie elsewhere, apart from their points.
    """
    output = photo.with_suffix("")
    if output.is_relative_to(folder):
        output = output.relative_to(folder)
    return find_boxes(boxes, photo, output)[0]
