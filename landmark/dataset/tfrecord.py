"""The frames of a TFRecord file, written and read without TensorFlow.

    length    8 bytes, little-endian
    checksum  4 bytes, of the length
    record    as many bytes
    checksum  4 bytes, of the record

Files may be put behind each other.
"""

import os

import google_crc32c

from landmark.files import disk

_LENGTH, _CHECKSUM = 8, 4
_AROUND = _LENGTH + 2 * _CHECKSUM


class BrokenError(Exception):
    """A file is no TFRecord file, or a part of one."""


def frame(record):
    """Returns a record, bytes, with its frame."""
    length = len(record).to_bytes(_LENGTH, "little")
    return b"".join((length, _checksum(length), record, _checksum(record)))


def read_frames(path):
    """Yields the records of a file, bytes.

    Raises:
        InputError: there is no such file.
        BrokenError: the file is cut off, or a checksum is wrong.
    """
    with disk.require_file(path).open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        while left:
            length = _checked(file.read(_LENGTH), file.read(_CHECKSUM))
            size = int.from_bytes(length, "little")
            left -= size + _AROUND
            if left < 0:  # To read would take the memory that the length asks for.
                raise BrokenError
            yield _checked(file.read(size), file.read(_CHECKSUM))


def _checked(content, checksum):
    if _checksum(content) != checksum:
        raise BrokenError
    return content


def _checksum(content):
    """Returns the masked CRC-32C of bytes."""
    crc = google_crc32c.value(content)
    masked = (crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF
    return masked.to_bytes(_CHECKSUM, "little")
