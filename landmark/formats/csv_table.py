"""CSV: a row for each face, with its photo's name and its points.

Layouts that people publish, each with the row of its columns' names or without it:

    image_name,part_0_x,part_0_y,part_1_x,...     PyTorch's tutorial on data loading
    ,0,1,2,...,135                                Udacity's facial keypoints
    left_eye_center_x,left_eye_center_y,...       Kaggle's facial keypoints
    photo,x_0,...,x_67,y_0,...,y_67               as OpenFace writes points

Cells that are empty are missing points. What the columns are is guessed from their
names, or from where numbers stand, and can be set. The first pixel is 0.

References:
    https://pytorch.org/tutorials/beginner/data_loading_tutorial.html
    https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format
"""

import codecs
import csv
import io
import math
import re
from typing import NamedTuple

from landmark.files import disk
from landmark.files.notes import shorten
from landmark.formats.annotated import (
    format_number,
    make_face,
    read_bytes,
    to_number,
)
from landmark.script.errors import InputError

_PHOTO = re.compile(r"(image|img|photo|file|pic)[ _]?(name|path|file|id)?|name|path")
_BOXES = (  # Names of the columns of a box; the last two may be its width and height.
    ("left", "top", "right", "bottom"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "width", "height"),
)
# The x or the y that stands alone in the name of a column.
_AXIS = re.compile(r"(?<![a-z])([xy])(?![a-z])")
_UTF8 = ("utf-8-sig", "surrogateescape")
_BOX_HEAD = ("left", "top", "right", "bottom")


class Columns(NamedTuple):
    """Which columns, counted from 0, hold what.

    Attributes:
        photo: of the name.
        points: of x0, y0, x1, y1, ...
        box: of x0, y0, x1, y1, or empty.
        box_has_size: whether the box's last two are its width and height.
        has_head: whether the first row holds names.
        num_columns: of the first row.
    """

    photo: int
    points: tuple[int, ...]
    box: tuple[int, ...]
    box_has_size: bool
    has_head: bool
    num_columns: int

    def describe(self, head):
        """Returns in words what is where, columns counted from 1."""
        points = f"{len(self.points) / 2:g} points in columns {_runs(self.points)}"
        names = [_name(head, i) for i in self.points[:3]] if self.has_head else []
        shown = f" ({', '.join(names)}, ...)" if names else ""
        box = f"box in columns {_runs(self.box)}" if self.box else "no box"
        size = " (width and height last)" * self.box_has_size
        return (
            f"photo in column {self.photo + 1}, "
            f"{points if self.points else 'no points'}{shown}, "
            f"{box}{size}, {'names' if self.has_head else 'no names'} in the first row"
        )


def _name(head, index):
    return head[index].strip() or "unnamed"


def _runs(indices):
    """Returns columns counted from 1, runs of them as 2-137."""
    runs = []
    for index in (i + 1 for i in indices):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    return ",".join(words if len(words) < 7 else [*words[:6], "..."])


def read_table(path):
    """Returns the rows of a CSV, lists of str, without empty ones.

    Cells may be parted by commas, semicolons or tabs; the text is UTF-8 or UTF-16.

    Raises:
        InputError: it is no such file.
    """
    try:
        content = read_bytes(path)
        is_wide = content.startswith(codecs.BOM_UTF16_LE)  # Excel's "Unicode text".
        # Names of files may hold bytes that are no text.
        text = content.decode(*(["utf-16"] if is_wide else _UTF8))
        line = text.partition("\n")[0]
        delimiter = max(",;\t", key=line.count)
        lines = io.StringIO(text, newline="")
        # Strict, so that a quote that nobody closes does not swallow the rest.
        table = csv.reader(lines, delimiter=delimiter, strict=True)
        rows = [(table.line_num, row) for row in table if any(map(str.strip, row))]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a CSV, found: {error}") from error
    except csv.Error as error:
        place = f"{path}:{table.line_num}"
        raise InputError(f"{place}: expected a CSV, found: {error}") from error
    if not rows:
        raise InputError(f"{path}: expected a CSV, found an empty file")
    return rows


def guess_columns(path, rows, num_points, photo="", points="", box=""):
    """Returns the Columns of a table.

    Args:
        path: of the table, for errors.
        rows: from `read_table`.
        num_points: of the scheme.
        photo: name or number, from 1, of the column of names; "" guesses.
        points: names or numbers of the columns of x0, y0, x1, ...; runs as 2-137.
        box: likewise, of the box.

    Raises:
        InputError: they cannot be told.
    """
    head = rows[0][1]
    told = {
        "csv_photo": _find(photo, head, path, "csv_photo"),
        "csv_points": _find(points, head, path, "csv_points"),
        "csv_box": _find(box, head, path, "csv_box"),
    }
    second = rows[min(1, len(rows) - 1)][1]
    numeric = [_is_number(cell) for cell in second[: _count_filled(rows)]]
    has_head = not any(
        is_number and _is_number(cell) and cell.strip()
        for cell, is_number in zip(head, numeric, strict=False)
    ) or _is_numbered(head)
    photo_at = (told["csv_photo"] or [_guess_photo(head, numeric, has_head)])[0]
    box_at, has_size = told["csv_box"], False
    if not box_at and has_head:
        box_at, has_size = _guess_box(head)
    taken = {photo_at, *box_at}
    points_at = told["csv_points"] or _guess_points(
        head if has_head else None, numeric, taken, 2 * num_points
    )
    if not box_at and not has_head and not told["csv_points"]:
        # Without names, four numbers behind the points, and nothing more, are a box.
        numbers = [i for i, is_number in enumerate(numeric) if is_number]
        box_at = [i for i in numbers if i not in {photo_at, *points_at}]
    columns = Columns(
        photo_at, tuple(points_at), tuple(box_at), has_size, has_head, len(head)
    )
    if len(columns.points) != 2 * num_points or len(columns.box) not in (0, 4):
        raise InputError(
            f"{path}: expected {2 * num_points} columns of points, and four or none of "
            f"a box, found: {columns.describe(head)}; --csv_points=2-137 says where "
            "they are"
        )
    return columns


def _find(words, head, path, flag):
    """Returns the columns, from 0, that a flag names or counts."""
    found, names = [], [name.strip() for name in head]
    for word in filter(None, (w.strip() for w in words.split(","))):
        run = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", word)
        if word in names:
            found.append(names.index(word))
        elif run and 1 <= int(run[1]) <= int(run[2] or run[1]) <= len(head):
            found += range(int(run[1]) - 1, int(run[2] or run[1]))
        else:
            raise InputError(
                f"--{flag}: expected names of columns of {path}, or numbers from 1 to "
                f"{len(head)}, found {word!r}"
            )
    twice = [i + 1 for i in set(found) if found.count(i) > 1]
    if twice:
        raise InputError(
            f"--{flag}: expected each column of {path} once, found {min(twice)} twice"
        )
    return found


def _count_filled(rows):
    """Returns the number of columns up to the last one that is not empty."""
    filled = ((i for i, cell in enumerate(row, 1) if cell.strip()) for _, row in rows)
    return max(max(numbers) for numbers in filled)


def _is_number(cell):
    """Whether a cell can be a coordinate: a number, or empty."""
    try:
        return (
            not cell.strip()
            or math.isfinite(float(cell))
            or cell.strip().lower() == "nan"
        )
    except ValueError:
        return False


def _is_numbered(head):
    """Whether a row counts its columns: `,0,1,2,...`."""
    return [cell.strip() for cell in head[1:]] == [str(i) for i in range(len(head) - 1)]


def _guess_photo(head, numeric, has_head):
    """Returns the column of names: by its own name, or the first without a number."""
    if has_head:
        for index, name in enumerate(head):
            if _PHOTO.fullmatch(name.strip().lower()):
                return index
    return numeric.index(False) if False in numeric else 0


def _guess_box(head):
    """Returns (columns of a box, whether it has a width and height)."""
    names = [name.strip().lower() for name in head]
    for box in _BOXES:
        for prefix in ("", "box_", "bbox_", "face_", "rect_"):
            wanted = [prefix + name for name in box]
            if all(name in names for name in wanted):
                return [names.index(name) for name in wanted], box[2] == "width"
    return [], False


def _guess_points(head, numeric, taken, count):
    """Returns the columns of points: by their names, or all others that are numbers."""
    by_name = _guess_by_name(head, taken) if head else []
    if by_name:
        return by_name
    free = [i for i, is_number in enumerate(numeric) if is_number and i not in taken]
    # Without names, what is more than a box may as well stand before the points.
    return free[:count] if head is None and len(free) == count + 4 else free


def _guess_by_name(head, taken):
    """Returns columns that come in pairs of x and y; in the order of their number."""
    pairs = {}
    for index, name in enumerate(head):
        found = _AXIS.findall(name.strip().lower())
        if index not in taken and len(found) == 1:
            key = _AXIS.sub("*", name.strip().lower())
            pairs.setdefault(key, {}).setdefault(found[0], index)
    whole = [key for key, pair in pairs.items() if len(pair) == 2]
    numbers = [re.findall(r"\d+", key) for key in whole]
    if len({re.sub(r"\d+", "", key) for key in whole}) == 1 and all(numbers):
        whole.sort(key=lambda key: int(re.findall(r"\d+", key)[-1]))
    return [pairs[key][axis] for key in whole for axis in "xy"]


def read_faces(path, layout, dropped, columns=None, rows=None):
    """Returns the faces of a table.

    Args:
        path: the file.
        layout: annotated.Layout.
        dropped: list, which gets a sentence for each row that cannot be used.
        columns: Columns; None guesses.
        rows: from `read_table`, if it has been read.

    Raises:
        InputError: it is no table, or its columns cannot be told.
    """
    rows = rows or read_table(path)
    columns = columns or guess_columns(path, rows, layout.scheme.num_points)
    faces = []
    for number, row in rows[columns.has_head :]:
        try:
            faces.append(_read_face(row, columns, layout, path, f"{path}:{number}"))
        except InputError as error:
            dropped.append(str(error))
    return faces


def _read_face(row, columns, layout, path, place):
    last = max((columns.photo, *columns.points, *columns.box))
    if len(row) <= last:
        raise InputError(
            f"{place}: expected at least {last + 1} columns, found {len(row)}: "
            f"{shorten(row[0])}"
        )
    if any(cell.strip() for cell in row[columns.num_columns :]):
        raise InputError(
            f"{place}: expected at most {columns.num_columns} columns as in the first "
            f"row, found {len(row)}: {shorten(row[0])}"
        )
    cells = [row[i].strip() for i in columns.points]
    numbers = [to_number(cell, place) if cell else None for cell in cells]
    points = list(zip(numbers[0::2], numbers[1::2], strict=True))
    if any(point.count(None) == 1 for point in points):
        raise InputError(
            f"{place}: {shorten(row[columns.photo])[1:-1]}: expected x and y of each "
            "point, found one of them alone"
        )
    box = None
    if all(row[i].strip() for i in columns.box) and columns.box:
        box = [to_number(row[i], place) for i in columns.box]
        if columns.box_has_size:
            box[2:] = box[0] + box[2], box[1] + box[3]
    return make_face(row[columns.photo], points, box, layout, path, place)


def write_faces(path, faces, scheme, sizes):
    """Writes faces: photo, the box, and x0, y0, ... in image pixels from 0.

    Args:
        path: the file.
        faces: list of AnnotatedFace.
        scheme: Scheme of the points.
        sizes: not needed.
    """
    points = [f"{axis}{i}" for i in range(scheme.num_points) for axis in "xy"]
    rows = []
    for face in faces:
        box = [""] * 4 if face.box is None else map(format_number, face.box)
        numbers = face.points_image.ravel().tolist()
        cells = ["" if n != n else format_number(n) for n in numbers]
        rows.append([face.photo, *box, *cells])
    disk.write_csv(path, ["photo", *_BOX_HEAD, *points], rows)
