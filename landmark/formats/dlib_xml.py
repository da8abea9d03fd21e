"""dlib's XML, as its tool imglab writes it.

    <dataset><images>
      <image file='a.jpg'>
        <box top='62' left='70' width='90' height='90'>
          <part name='00' x='75' y='98'/> ...
        </box>
      </image>
    </images></dataset>

A box is of whole pixels, from the first to the last; points are whole pixels, too, and
count from 0.

References:
    dlib, dlib/data_io/image_dataset_metadata.cpp.
"""

import re
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np

from landmark.files import disk
from landmark.files.notes import shorten
from landmark.formats.annotated import (
    make_face,
    order_by_number,
    read_bytes,
    to_number,
)
from landmark.script.errors import InputError

# What XML has no way to write.
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n<dataset>\n<images>\n"
_FOOT = "</images>\n</dataset>\n"


def read_faces(path, layout, dropped):
    """Returns the faces of a file.

    Parts whose names are numbers are points of these numbers, those that are not there
    are missing; else they go in the order of their names, as dlib sorts them.

    Args:
        path: the file.
        layout: annotated.Layout.
        dropped: list, which gets a sentence for each face that cannot be used.

    Raises:
        InputError: it is no such file.
    """
    reader = _Reader(path, layout, dropped)
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda *told: reader.start(parser, *told)
    parser.EndElementHandler = reader.end
    parser.XmlDeclHandler = reader.declare
    # dlib writes none, and what they define may be as large as an attacker likes.
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    try:
        parser.Parse(read_bytes(path), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: expected dlib's XML, found: {error}") from error
    if not reader.is_dataset:
        raise InputError(f"{path}: expected dlib's XML, with <dataset>, found another")
    return reader.faces


class _Reader:
    """Reads element by element, so that the tree is never whole in memory."""

    def __init__(self, path, layout, dropped):
        self._path, self._layout, self._dropped = path, layout, dropped
        self._is_latin = False
        self._photo = self._box = None
        self._parts = {}
        self._wrong = None
        self._place = str(path)
        self.is_dataset = False
        self.faces = []

    def declare(self, version, encoding, standalone):
        self._is_latin = (encoding or "").upper() == "ISO-8859-1"

    def refuse_doctype(self, *told):
        raise InputError(f"{self._path}: expected XML without a DOCTYPE, found one")

    def start(self, parser, name, told):
        if name == "dataset":
            self.is_dataset = True
        elif name == "image":
            self._photo = self._to_name(told.get("file"))
        elif name == "box":
            self._place = f"{self._path}, line {parser.CurrentLineNumber}"
            self._parts, self._wrong = {}, None
            self._box = self._try(_read_box, told, self._place)
        elif name == "part":
            point = self._try(_read_part, told, self._place)
            part = told.get("name", "")
            if part in self._parts:
                twice = f"expected one part {shorten(part)}, found two"
                self._wrong = f"{self._place}: {twice}"
            self._parts[part] = point

    def _try(self, function, *arguments):
        try:
            return function(*arguments)
        except InputError as error:
            self._wrong = self._wrong or str(error)
            return None

    def _to_name(self, name):
        """Returns a name of bytes that dlib has copied, whatever it says they are."""
        try:
            return name.encode("latin-1").decode() if self._is_latin else name
        except (UnicodeError, AttributeError):
            return name

    def end(self, name):
        if name == "image":
            self._photo = None
        if name != "box":
            return
        try:
            if self._wrong:
                raise InputError(self._wrong)
            rows, firsts = _order_parts(self._parts, self._layout.scheme.num_points)
            told = self._box, self._layout, self._path, self._place, firsts
            self.faces.append(make_face(self._photo, rows, *told))
        except InputError as error:
            self._dropped.append(str(error))


def _read_box(told, place):
    """Returns (x0, y0, x1, y1): the edges of the pixels, not their centres."""
    left, top, width, height = (
        to_number(told.get(name), place) for name in ("left", "top", "width", "height")
    )
    return left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5


def _read_part(told, place):
    return tuple(to_number(told.get(name), place) for name in "xy")


def _order_parts(parts, num_points):
    names = sorted(parts)
    rows = [parts[name] for name in names]
    if names and all(re.fullmatch(r"[0-9]{1,9}", name) for name in names):
        return order_by_number([int(name) for name in names], rows, num_points)
    return rows, ()


def write_faces(path, faces, scheme, sizes):
    """Writes faces; coordinates are rounded to whole pixels, as dlib has them.

    Args:
        path: the file.
        faces: list of AnnotatedFace, whose boxes are none of them None; those of a
            photo stand together, and `can_name` is true of it.
        scheme: Scheme of the points.
        sizes: photo -> (width, height), of those that are known.
    """
    text, photo = [], None
    for face in faces:
        if face.photo != photo:
            text.append("  </image>\n" * bool(text))
            text.append(_format_image(face.photo, sizes.get(face.photo)))
            photo = face.photo
        text.append(_format_box(face, scheme))
    text.append("  </image>\n" * bool(text))
    disk.write_text(path, _HEAD + "".join(text) + _FOOT)


def can_name(photo):
    """Whether XML can hold a photo's name."""
    return not _NO_XML.search(photo)


def _format_image(photo, size):
    told = f" width='{size[0]}' height='{size[1]}'" if size else ""
    return f"  <image file={quoteattr(photo)}{told}>\n"


def _format_box(face, scheme):
    x0, y0, x1, y1 = np.rint(np.add(face.box, 0.5)).astype(int)
    lines = [
        f"    <box top='{y0}' left='{x0}' width='{max(1, x1 - x0)}' "
        f"height='{max(1, y1 - y0)}'>\n"
    ]
    digits = len(str(scheme.num_points - 1))  # So that names sort as numbers do.
    for number, (x, y) in enumerate(face.points_image):
        if not np.isnan(x):
            lines.append(
                f"      <part name='{number:0{digits}d}' x='{round(x)}' "
                f"y='{round(y)}'/>\n"
            )
    return "".join([*lines, "    </box>\n"])
