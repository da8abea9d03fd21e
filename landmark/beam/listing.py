"""Annotated photos at places of any file system, listed as those on disk are."""

import json
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from landmark.beam import places
from landmark.dataset import extraction
from landmark.files.photos import (
    IMAGE_SUFFIXES,
    OTHER_SUFFIXES,
    describe_unread,
    find_photo,
)
from landmark.script.errors import InputError

_SUFFIXES = (".pts", *IMAGE_SUFFIXES, *OTHER_SUFFIXES)


class Face(NamedTuple):
    """An annotated face.

    Attributes:
        index: its place among all.
        pts: place of the .pts.
        photo: place of its photo where they are not local; None where there is none.
        name: of the patch.
    """

    index: int
    pts: str
    photo: str | None
    name: str


class Listing(NamedTuple):
    """What folders of annotated photos hold.

    Attributes:
        faces: list of Face.
        bare: places of photos without a .pts.
        unread: sentences on files that look like photos, of kinds that are not read.
    """

    faces: list[Face]
    bare: list[str]
    unread: list[str]


def to_line(face):
    """Returns a Face as a line of text, in ASCII whatever its names are."""
    return json.dumps(face)


def from_line(line):
    """Returns the Face of `to_line`."""
    return Face(*json.loads(line))


def list_annotations(images_dirs, passed_over):
    """Lists annotated photos as `extraction.list_annotations` does.

    Folders that are not local are mirrored by empty files meanwhile.

    Args:
        images_dirs: places, absolute.
        passed_over: list, which gets a sentence for each folder that cannot be read.

    Returns:
        Listing.

    Raises:
        InputError: a folder is not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        mirror = Path(folder).resolve()
        folders = [_mirror(place, mirror) for place in images_dirs]
        found = extraction.list_annotations(folders, [], passed_over)
        faces = []
        for index, (path, name) in enumerate(found.faces):
            photo = find_photo(path) if path.is_relative_to(mirror) else None
            pts, photo = (p and _to_places(str(p), mirror) for p in (path, photo))
            faces.append(Face(index, pts, photo, name))
        bare = [_to_places(str(path), mirror) for path in found.bare]
        unread = [_to_places(text, mirror) for text in describe_unread(found.unread)]
    return Listing(faces, bare, unread)


def _mirror(place, mirror):
    """Returns the Path that stands for a folder: itself, or its mirror."""
    if places.is_local(place):
        return Path(place)
    listed = places.list_below(place)
    if not listed:
        raise InputError(f"{place}: expected a folder, found no file below it")
    for file in listed:
        path = _mirrored(file, mirror)
        if path.suffix.lower() in _SUFFIXES:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    folder = _mirrored(place, mirror)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _mirrored(place, mirror):
    return mirror / place.replace("://", "/", 1)


def _to_places(text, mirror):
    """Returns a text with places instead of their mirrors."""
    return re.sub(rf"{re.escape(str(mirror))}/([^/]+)/", r"\1://", text)
