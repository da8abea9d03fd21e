"""What a detection in photos found, in other formats than its own."""

import zlib
from pathlib import Path

from landmark.files.photos import read_size
from landmark.formats import choose, lines
from landmark.script.errors import InputError


def lines_beside(path):
    """Returns where detection's lines of JSON lie until a file is made of them."""
    path = Path(path)
    return path.with_name(f".annotations-{zlib.crc32(path.name.encode()):08x}.jsonl")


def write_detected(path, lines_path, photos, scheme):
    """Writes the faces of photos in the format of a path's suffix.

    Args:
        path: the file.
        lines_path: detection's lines of JSON.
        photos: (photo, output), as detection had them.
        scheme: Scheme of the points.

    Returns:
        list of a sentence for each face that is not in it.
    """
    by_output = {str(output): str(photo) for photo, output in photos}
    dropped = []
    faces = lines.read_faces(
        lines_path, scheme, dropped, lambda output, name: by_output[output]
    )
    choose.write_faces(path, faces, scheme, read_sizes(faces), dropped)
    return dropped


def read_sizes(faces):
    """Returns photo -> (width, height), of the photos of faces that can be read."""
    sizes = {}
    for photo in dict.fromkeys(face.photo for face in faces):
        try:
            sizes[photo] = read_size(photo)
        except (InputError, OSError):  # It need not be there any more.
            continue
    return sizes
