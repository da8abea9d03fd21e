"""WFLW's lists: a line for each face.

    x0 y0 ... x97 y97  x_min y_min x_max y_max  six attributes  FOLDER/NAME.jpg

of list_98pt_rect_attr_train_test; those of list_98pt_test have neither the rectangle
nor the attributes, which are not kept. Photos lie below WFLW_images. WFLW does not say
how it counts; 0 is what is taken for the first pixel.

References:
    https://wywu.github.io/projects/LAB/WFLW.html, the README of the annotations.
"""

import itertools

from landmark.formats.annotated import make_face, read_bytes, to_number
from landmark.script.errors import InputError

_RECTANGLE, _ATTRIBUTES = 4, 6


def read_faces(path, layout, dropped):
    """Returns the faces of a list.

    Args:
        path: the file.
        layout: annotated.Layout; lists of other schemes are read, too.
        dropped: list, which gets a sentence for each line that cannot be used.

    Raises:
        InputError: it is no text.
    """
    try:
        lines = read_bytes(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file, found: {error}") from error
    faces = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                faces.append(_read_face(line, layout, path, f"{path}:{number}"))
            except InputError as error:
                dropped.append(str(error))
    return faces


def _read_face(line, layout, path, place):
    words = line.split()
    points = layout.scheme.num_coordinates
    counts = {
        points: 0,
        points + _RECTANGLE: _RECTANGLE,
        points + _RECTANGLE + _ATTRIBUTES: _RECTANGLE,
    }
    count = len(list(itertools.takewhile(_is_number, words[:-1])))
    if count not in counts:
        raise InputError(
            f"{place}: expected {', '.join(map(str, counts))} numbers and the name of "
            f"a photo, found {count} numbers"
        )
    numbers = [to_number(word, place) for word in words[:count]]
    box = numbers[points : points + 4] if counts[count] else None
    rows = list(zip(numbers[0:points:2], numbers[1:points:2], strict=True))
    # The name as it stands, whatever blanks are in it.
    photo = line.split(maxsplit=count)[count].strip()
    return make_face(photo, rows, box, layout, path, place)


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True
