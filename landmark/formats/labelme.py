"""LabelMe's JSON: a file for each photo, with shapes.

    {"imagePath": "a.jpg",
     "shapes": [{"label": "0", "shape_type": "point", "points": [[75.5, 98.5]],
                 "group_id": null}, ...]}

A face is the shapes of one `group_id`. Points whose labels end in numbers are points of
these numbers, those that are not there are missing; else they are in their order. A
rectangle of the same group is the face's box. Shapes are measured from the photo's
corner, so that the centre of the first pixel is 0.5.

References:
    https://github.com/wkentaro/labelme, examples/primitives/primitives.json
"""

import re

from landmark.files.notes import shorten
from landmark.formats.annotated import (
    make_face,
    order_by_number,
    read_json,
    to_number,
)
from landmark.script.errors import InputError

_NUMBER = re.compile(r"(\d{1,6})$")


def read_faces(path, layout, dropped):
    """Returns the faces of a photo's file.

    Args:
        path: the file.
        layout: annotated.Layout.
        dropped: list, which gets a sentence for each face that cannot be used.

    Raises:
        InputError: it is no such file, or has no points.
    """
    photo, shapes = _read_shapes(path)
    groups = {}
    for number, shape in enumerate(shapes, start=1):
        key, label, kind, points = _read_shape(shape, f"{path}, shape {number}")
        if kind in ("point", "rectangle"):
            groups.setdefault(key, {"point": [], "rectangle": []})[kind].append(
                (label, points)
            )
    if not any(group["point"] for group in groups.values()):
        raise InputError(f"{path}: expected shapes that are points, found none")
    faces = []
    for key, group in groups.items():
        place = str(path) if key is None else f"{path}, group {shorten(key)}"
        try:
            rows, firsts = _order(group["point"], layout.scheme.num_points, place)
            box = _read_box(group["rectangle"], place)
            faces.append(make_face(photo, rows, box, layout, path, place, firsts))
        except InputError as error:
            dropped.append(str(error))
    return faces


def _read_shapes(path):
    match read_json(path, "LabelMe's"):
        case {"imagePath": str(photo), "shapes": list(shapes)}:
            return photo, shapes
    raise InputError(
        f"{path}: expected LabelMe's JSON, with imagePath and shapes, found another"
    )


def _read_shape(shape, place):
    """Returns (group, label, kind, points) of a shape."""
    match shape:
        case {"label": str(label), "points": [[_, _], *_] as points}:
            key = shape.get("group_id")
            kind = shape.get("shape_type", "point" if len(points) == 1 else None)
            if isinstance(key, int | str | None) and all(map(_is_pair, points)):
                numbers = [tuple(to_number(n, place) for n in pair) for pair in points]
                return key, label, kind, numbers
    raise InputError(
        f"{place}: expected a label, points and a group, found {shorten(shape)}"
    )


def _is_pair(value):
    return isinstance(value, list) and len(value) == 2


def _order(shapes, num_points, place):
    """Returns (rows, the first numbers that are possible)."""
    rows = [points[0] for _, points in shapes]
    labels = [label for label, _ in shapes]
    numbers = [_NUMBER.search(label) for label in labels]
    if not all(numbers):
        return rows, ()
    twice = [label for label in set(labels) if labels.count(label) > 1]
    if twice:
        raise InputError(
            f"{place}: expected one point {shorten(min(twice))}, found "
            f"{labels.count(min(twice))}"
        )
    return order_by_number([int(n[1]) for n in numbers], rows, num_points)


def _read_box(shapes, place):
    """Returns (x0, y0, x1, y1) of the corners of the rectangle, None without one."""
    if not shapes:
        return None
    if len(shapes) > 1:
        raise InputError(
            f"{place}: expected one rectangle of a face, found {len(shapes)}"
        )
    xs, ys = zip(*shapes[0][1], strict=True)
    return min(xs), min(ys), max(xs), max(ys)
