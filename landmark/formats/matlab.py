"""Arrays of numbers in MATLAB's files, of version 5 to 7.

A file is a head of 128 bytes and elements: a type and a size, 4 bytes each, and what
they tell of; zlib holds an element of its own. An array is the elements of its class,
its dimensions, its name and its numbers, which may be stored in fewer bytes than their
class has. scipy reads more, but crashes on broken files.

References:
    MathWorks, MAT-File Format, https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

import math
import struct
import zlib

import numpy as np

_HEAD = 128
_COMPRESSED, _ARRAY = 15, 14
_TYPES = {  # Of an element -> NumPy's.
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_CLASSES = range(6, 16)  # Of arrays of numbers: double, single, int8 ... uint64.
_COMPLEX = 0x0800
_MOST_BYTES = 2**20  # Of an element; more are no points of a face.
_MOST_DIMENSIONS = 2


def read_arrays(content, names):
    """Returns name -> float64 array of two dimensions, of those that are there.

    Others than of real numbers, or of more than a megabyte, are passed over.

    Args:
        content: bytes of the file.
        names: of the arrays that are wanted.

    Raises:
        ValueError: it is no such file.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEAD])
    if order is None or struct.unpack_from(f"{order}H", content, 124)[0] != 0x0100:
        raise ValueError("no MATLAB file of version 5 to 7")
    found, place = {}, _HEAD
    while place + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, place)
        body = content[place + 8 : place + 8 + min(size, len(content))]
        if len(body) < size:
            raise ValueError("a file that is cut short")
        place += 8 + size
        if kind == _COMPRESSED:
            body = _inflate(body)
            kind, size = struct.unpack_from(f"{order}II", body)
            body = body[8 : 8 + size]
        if kind == _ARRAY:
            name, array = _read_array(body, order, names)
            if array is not None:
                found[name] = array
    return found


def _inflate(body):
    """Returns the beginning of what zlib holds."""
    try:
        return zlib.decompressobj().decompress(body, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _read_array(body, order, names):
    """Returns (name, array); the array is None where it is not wanted."""
    (_, flags), place = _read_part(body, order, 0)
    (_, dimensions), place = _read_part(body, order, place)
    (_, name), place = _read_part(body, order, place)
    name = name.decode("latin-1")
    kind = struct.unpack_from(f"{order}I", flags)[0]
    if name not in names or kind & 0xFF not in _CLASSES or kind & _COMPLEX:
        return name, None
    shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions)
    if len(shape) != _MOST_DIMENSIONS or min(shape) < 0:
        return name, None
    (kind, numbers), _ = _read_part(body, order, place)
    if kind not in _TYPES:
        return name, None
    array = np.frombuffer(numbers, f"{order}{_TYPES[kind]}").astype(np.float64)
    if array.size != math.prod(shape):
        raise ValueError(f"{array.size} numbers in {name} of {shape[0]}x{shape[1]}")
    return name, array.reshape(shape, order="F")


def _read_part(body, order, place):
    """Returns ((type, bytes) of the element at a place, place of the next one)."""
    kind, size = struct.unpack_from(f"{order}II", body, place)
    if kind >> 16:  # So short that it stands within its own head.
        kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        end = place + 8
    else:
        start = place + 8
        end = start + -(-size // 8) * 8
    part = body[start : start + size]
    if len(part) < size:
        raise ValueError("an array that is cut short")
    return (kind, part), end
