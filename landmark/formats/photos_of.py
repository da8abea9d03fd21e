"""Which photo a file of annotation means, and where it is."""

import collections
import os
from pathlib import Path

from landmark.files import disk
from landmark.files.notes import shorten
from landmark.files.photos import IMAGE_SUFFIXES, find_photo
from landmark.script.errors import InputError


class PhotoFinder:
    """Finds photos below one folder by the names that files have for them.

    A name is a path as seen from the folder, or from the file; or where there is none,
    as of another machine's paths, the last part of it, if one photo alone is called so.
    It may lack its suffix. What lies outside the folder is never read, whatever a file
    says: it may come from strangers. Links within it are followed.

    Args:
        folder: of the photos.
        but: a folder whose photos do not count, as they were put there by us.

    Attributes:
        by_last: how many photos were found by the last part of their names.
    """

    def __init__(self, folder, but):
        self.folder = Path(os.path.abspath(disk.require_folder(folder)))
        self._but = Path(os.path.abspath(but))
        self._index = None
        self._found = {}
        self.by_last = 0

    def find(self, name, source):
        """Returns the Path of a photo.

        Args:
            name: as a file has it.
            source: Path of the file.

        Raises:
            InputError: there is none, or several, or it lies outside the folder.
        """
        key = name, source.parent
        if key not in self._found:
            self._found[key] = self._seek(name, source.parent)
        found = self._found[key]
        if isinstance(found, Path):
            return found
        raise InputError(found)

    def _seek(self, name, beside):
        """Returns the Path, or why there is none."""
        outside = None
        bare = name.strip()
        for spelling in dict.fromkeys((name, bare, bare.replace("\\", "/"))):
            for base in (self.folder, beside):
                found = _complete(os.path.abspath(os.path.join(base, spelling)))
                if found and found.is_relative_to(self.folder):
                    return found
                outside = outside or found
        if outside:
            return (
                f"{outside}: expected a photo below {self.folder}, found it outside; "
                "--images_dir says where photos may be"
            )
        return self._seek_last(bare)

    def _seek_last(self, name):
        last = name.replace("\\", "/").rpartition("/")[2]
        found = self._by_name()[last]
        if len(found) == 1:
            self.by_last += 1
            return found[0]
        several = f"{len(found)} of that name" if found else "none"
        return f"{shorten(name)}: expected a photo below {self.folder}, found {several}"

    def _by_name(self):
        """Returns name, with its suffix and without -> Paths of photos."""
        if self._index is None:
            self._index = collections.defaultdict(list)
            for photo in self.list_photos():
                for key in {photo.name, photo.stem}:
                    self._index[key].append(photo)
        return self._index

    def list_photos(self):
        """Returns the Paths of all photos below the folder."""
        listed = disk.list_files(self.folder, IMAGE_SUFFIXES)
        if self._but == self.folder:
            return listed
        return [photo for photo in listed if not photo.is_relative_to(self._but)]


def _complete(path):
    """Returns a photo's Path, that of the name without suffix, or None."""
    if Path(path).suffix.lower() in IMAGE_SUFFIXES:
        # Not Path.is_file, which fails at a name that is too long.
        return Path(path) if os.path.isfile(path) else None
    try:
        return find_photo(Path(f"{path}.pts"))
    except (OSError, ValueError):
        return None
