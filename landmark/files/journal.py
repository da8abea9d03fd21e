"""A journal of work that is under way, so that the same command can go on with it."""

import contextlib
import io
import json
import os
from pathlib import Path

from landmark.script.errors import InputError


class Journal:
    """Lines of JSON in a file: what the work is, then what of it is done.

    It is there from the first item until `finish`; whatever ends a run before leaves
    it. A last line that was cut short does not count.

    Args:
        path: the file.
        work: what JSON can hold: all that decides what is done, and how.

    Attributes:
        done: list of what `add` was given by runs of the same work.
        other: the work that the file tells of, if it is another.
    """

    def __init__(self, path, work):
        self._path = Path(path)
        self._work = json.loads(json.dumps(work))
        self._file = None
        lines, size = _read_lines(self._path)
        is_same = lines[:1] == [self._work]
        self.done, self._size = (lines[1:], size) if is_same else ([], 0)
        self.other = lines[0] if lines and not is_same else None

    def start_over(self):
        """Takes nothing as done; to be called before `add`."""
        self.done, self._size = [], 0

    def add(self, item):
        """Notes an item, what JSON can hold, as done."""
        if self._file is None:
            self._open()
        self._write(item)

    def _open(self):
        """Opens the file: behind what is done, or with the work as its only line."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._size:
            self._file = self._path.open("r+", encoding="utf-8")
            self._file.truncate(self._size)
            self._file.seek(0, os.SEEK_END)
        else:
            self._file = self._path.open("w", encoding="utf-8")
            self._write(self._work)

    def close(self):
        """Leaves the work as it is, for another run to go on with."""
        file, self._file = self._file, None
        if file:
            with contextlib.suppress(OSError):  # What cannot be written was told.
                file.close()

    def finish(self):
        """Ends the work; nothing is left of the journal."""
        self.close()
        self._path.unlink(missing_ok=True)

    def _write(self, value):
        try:
            self._file.write(json.dumps(value) + "\n")
            self._file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error


def read_done(path):
    """Returns what a journal has as done, whatever its work; [] if there is none."""
    return _read_lines(Path(path))[0][1:]


def _read_lines(path):
    """Returns (values of the whole lines, the bytes that they take)."""
    if not path.exists():
        return [], 0
    lines, size = [], 0
    for line in io.BytesIO(path.read_bytes()):  # Which ends lines with \n only.
        try:
            if not line.endswith(b"\n"):
                break
            lines.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path}: expected a journal of this toolkit, found another line; "
                "remove it to start over"
            ) from error
        size += len(line)
    return lines, size
