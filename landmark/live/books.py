"""What of a detection in photos is done, so that the same command goes on with it.

It is noted in a journal. After a run that was killed, the next writes, byte for byte,
what one without a break would have written.
"""

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from landmark.files import disk
from landmark.files.journal import Journal
from landmark.files.notes import is_text
from landmark.live.results import JsonLines
from landmark.script.errors import InputError


class Outcome(NamedTuple):
    """What became of a photo.

    Attributes:
        faces: how many were found.
        dropped: how many more were not sure enough.
        skipped: why it cannot be read; "" if it can.
        unwritten: a sentence for each output of it that cannot be written.
    """

    faces: int
    dropped: int
    skipped: str
    unwritten: list[str]


def can_note(json_path, folders):
    """Whether what is done can be noted: there are outputs, and no pipe or link."""
    if not json_path:
        return bool(folders)
    path = Path(json_path)
    return not path.is_symlink() and (path.is_file() or not path.exists())


class Books:
    """The journal of a detection, and the JSON lines that it has so far.

    It stands beside the file of the JSON lines, or else in the first folder.

    Args:
        json_path: the file that the lines will be; None if there are none.
        folders: that are written to.
        work: what JSON can hold: all else that decides what is written.
        photos: (photo, output), from `sources.list_photos`, as they are now.

    Attributes:
        photos: those to be done. Where it goes on these are those that it began with,
            without what it has written meanwhile.
        done: list of Outcome of the first of them.

    Raises:
        InputError: there is another file in the journal's place.
    """

    def __init__(self, json_path, folders, work, photos):
        self._json_path, self._folders = json_path, folders
        self._path = _place(json_path, folders)
        self._journal = Journal(self._path, work)
        self.photos, self.done, self._size = photos, [], None
        self._lines = None
        if self._journal.done:
            self._go_on()
        self._has_begun = bool(self.done)

    def _go_on(self):
        """Takes over what is done, if the photos and the lines are what they were."""
        first, *items = self._journal.done
        begun = _read_photos(first, self._path)
        outcomes = [_read_outcome(item, self._path) for item in items]
        read = [size for outcome, size in outcomes if not outcome.skipped]
        size = read[-1] if read and self._json_path else None
        if (
            len(outcomes) <= len(begun)
            and _are_the_same(begun, self.photos, self._folders)
            and (size is None or _size_of(self.lines_path) >= size)
        ):
            self.photos = [(Path(photo), Path(output)) for photo, output, *_ in begun]
            self.done, self._size = [outcome for outcome, _ in outcomes], size
        else:
            self._journal.start_over()

    @property
    def lines_path(self):
        """Path of the JSON lines as long as they do not have their name."""
        return self._path.with_suffix(".part")

    def begin(self, stack):
        """Begins to note, with a lock; both end with the stack.

        Returns:
            JsonLines, or None without them.

        Raises:
            InputError: another process is at it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        stack.enter_context(disk.lock(self._path, "detection"))
        if self.done and not _size_of(self._path):
            raise InputError(
                f"{self._path}: expected the journal of a run that was cut short, "
                "found that another has just ended the work"
            )
        stack.callback(self._close)
        if not self._journal.done:
            self._journal.add([_describe(*photo) for photo in self.photos])
        if self._json_path:
            self._lines = JsonLines(self._json_path, self.lines_path, self._size)
            stack.callback(self._lines.close)
        return self._lines

    def _close(self):
        """Leaves what is done to another run; where nothing is, it leaves nothing."""
        self._journal.close()
        if not self._has_begun:
            self._journal.finish()

    def add(self, outcome):
        """Notes what became of the next photo."""
        self._has_begun = True
        self._journal.add([*outcome, self._lines.size if self._lines else 0])

    def finish(self):
        """Ends the work: the lines get their name, and the journal goes."""
        if self._lines:
            self._lines.finish()
        self._journal.finish()


def _place(json_path, folders):
    """Returns the path of the journal."""
    if not json_path:
        return Path(folders[0], ".detection.jsonl")
    # Short, as a name may be as long as can be.
    number = zlib.crc32(os.fsencode(Path(json_path).name))
    return Path(json_path).with_name(f".detection-{number:08x}.jsonl")


def _size_of(path):
    return path.stat().st_size if path.exists() else -1


def _describe(photo, output):
    """Returns what the journal has of a photo: path, output, and what tells changes."""
    try:
        status = os.stat(photo)
    except OSError:  # It will be skipped.
        return [str(photo), str(output), 0, 0]
    return [str(photo), str(output), status.st_size, status.st_mtime_ns]


def _are_the_same(begun, photos, folders):
    """Whether photos are those that a run began with, and what it has written."""
    listed = {str(photo) for photo, _ in photos}
    if not all(
        photo in listed and _describe(photo, output) == [photo, output, *told]
        for photo, output, *told in begun
    ):
        return False
    written = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)
    others = listed - {photo for photo, *_ in begun}
    return all(os.path.realpath(photo).startswith(written) for photo in others)


def _read_photos(line, path):
    """Returns the journal's line of photos, as `_describe` made them."""
    if isinstance(line, list) and all(map(_is_photo, line)):
        return line
    raise _other_line(path)


def _is_photo(value):
    match value:
        case [str() as photo, str() as output, int(), int()]:
            place = Path(output)
            is_below = not place.is_absolute() and ".." not in place.parts
            return is_text(photo + output) and "\0" not in photo + output and is_below
    return False


def _read_outcome(item, path):
    """Returns (Outcome, bytes of JSON lines after it) of the journal's line."""
    match item:
        case [int(faces), int(dropped), str(skipped), list(unwritten), int(size)]:
            are_counts = min(faces, dropped, size) >= 0 and not isinstance(size, bool)
            if are_counts and all(isinstance(text, str) for text in unwritten):
                return Outcome(faces, dropped, skipped, unwritten), size
    raise _other_line(path)


def _other_line(path):
    return InputError(
        f"{path}: expected a journal of detection, found another line; remove it to "
        "start over"
    )
