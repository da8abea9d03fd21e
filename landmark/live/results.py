"""What becomes of the faces that were found: files, videos, a window.

Each class has `write(shot, faces)`, for one photo or frame, and `close()`. Those that
put all shots into one have `format(shot, faces)`, which another process may call, and
`add(text)`, too.
"""

import contextlib
import filecmp
import json
import math
import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from landmark.face.pose import head_pose
from landmark.face.scheme import IBUG68
from landmark.files import disk
from landmark.files.patches import FACE
from landmark.files.photos import to_shrunk, write_image
from landmark.files.pts import format_pts, write_pts
from landmark.pictures import mosaic
from landmark.script.errors import InputError

_WINDOW = "landmarks (q quits)"
_AVERAGED_FRAMES = 30


class Shot(NamedTuple):
    """A photo, or a frame of a video.

    Attributes:
        name: of the file that it comes from.
        output: Path without suffix, below an output folder.
        image: (H, W, 3) uint8 RGB.
        photo: Path of the photo; None for a frame.
        frame: number of the frame, from 1; None for a photo.
        seconds: of the frame since the start.
        shrink: how many pixels of the photo make one of the image; faces are in those
            of the photo.
    """

    name: str
    output: Path
    image: np.ndarray
    photo: Path | None = None
    frame: int | None = None
    seconds: float | None = None
    shrink: int = 1


def _below(folder, name):
    """Returns the path of an output, its folder made."""
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def draw(image, faces, shrink=1):
    """Returns the image with the faces drawn; shrink: see Shot."""
    drawn = image.copy()
    for face in faces:
        box, points = (to_shrunk(n, shrink) for n in (face.box, face.points_image))
        mosaic.draw_face(drawn, box, face.score, points, face.scheme)
    return drawn


def write_faces(path, name, faces):
    """Writes what was found in a photo, as text.

    The lines: the photo's name; the number of faces; then for each face
    `left top right bottom score`, followed by the scheme's name if it is another than
    ibug68, and the numbers x0 y0 x1 y1 ... of its points, in image pixels from 0.

    Args:
        path: the .txt to write.
        name: of the photo.
        faces: list of landmarker.Face.
    """
    lines = [name, str(len(faces))]
    for face in faces:
        scheme = [] if face.scheme == IBUG68 else [face.scheme.name]
        for numbers, words in (
            ((*face.box, face.score), scheme),
            (face.points_image.ravel(), []),
        ):
            lines.append(" ".join([*(f"{n:.3f}" for n in numbers), *words]))
    disk.write_text(path, "\n".join(lines) + "\n")


class TextFiles:
    """OUTPUT.txt for each shot, see `write_faces`."""

    def __init__(self, folder):
        self._folder = folder

    def write(self, shot, faces):
        """Writes the shot's file."""
        path = _below(self._folder, f"{shot.output}.txt")
        write_faces(path, shot.name, faces)

    def close(self):
        """Nothing is open."""


class PtsFiles:
    """OUTPUT.pts for the face of a shot, OUTPUT@1.pts ... if it has several.

    Each has its photo beside it, so that the folder is a collection of annotated
    photos: points can be corrected, and extraction reads it.
    """

    def __init__(self, folder):
        self._folder = folder

    def write(self, shot, faces):
        """Writes the files of the shot's faces; those that are there already stay.

        Raises:
            InputError: there is another .pts, which may have been corrected, or another
                photo of the name. The other faces' files are written.
        """
        others = []
        for number, face in enumerate(faces, start=1):
            several = f"{FACE}{number}" if len(faces) > 1 else ""
            path = _below(self._folder, f"{shot.output}{several}.pts")
            suffix = ".png" if shot.photo is None else shot.photo.suffix
            copy = _replace_suffix(path, suffix)
            if _is_other_text(path, format_pts(face.points_image)):
                others.append(path)
            elif shot.photo and copy.exists() and not _are_same(copy, shot.photo):
                others.append(copy)
            else:
                self._write_face(path, copy, shot, face)
        if others:
            raise InputError(
                f"{others[0]}: expected a new file, found another one, which may have "
                "been corrected by hand; it stays"
            )

    def _write_face(self, path, copy, shot, face):
        # The .pts comes last: one that is there is there with its photo.
        if shot.photo is None:
            write_image(copy, shot.image)
        elif not copy.exists():
            with disk.replace_when_done(copy) as temporary:
                shutil.copyfile(shot.photo, temporary)
        if not path.exists():
            write_pts(path, face.points_image)

    def close(self):
        """Nothing is open."""


def _is_other_text(path, text):
    """Whether there is a file that holds something else."""
    return path.exists() and path.read_bytes() != text.encode()


def _are_same(path, other):
    """Whether two files hold the same bytes."""
    return filecmp.cmp(path, other, shallow=False)


def _replace_suffix(path, suffix):
    # Not with_suffix, which takes the end of "a.b@1" for one.
    return Path(str(path).removesuffix(".pts") + suffix)


def _or_null(values, digits):
    """Returns numbers as JSON has them; None where they are not known."""
    if values is None or np.isnan(values).any():
        return None
    return np.round(values, digits).tolist()


def format_json(shot, faces):
    """Returns a line of JSON for each face of a shot."""
    lines = []
    for face in faces:
        sure = float(face.confidence)
        line = {
            "name": shot.name,
            "output": str(shot.output),
            "frame": shot.frame,
            "seconds": shot.seconds and round(shot.seconds, 4),
            "track": face.track,
            "box": np.round(face.box, 2).tolist(),
            "score": round(face.score, 4),
            "landmark_confidence": None if math.isnan(sure) else round(sure, 4),
            "landmark_spread": _or_null(face.spread, 2),
            "landmark_error": _or_null(face.expected_error, 2),
            "pose": _or_null(head_pose(face.points_image, face.scheme), 1),
            "scheme": face.scheme.name,
            "points": np.round(face.points_image, 2).tolist(),
        }
        lines.append(json.dumps(line) + "\n")
    return "".join(lines)


class JsonLines:
    """A line of JSON for each face; see `format_json`.

    Args:
        path: the file.
        part: path in the same folder, the file's name until `finish`. None is for those
            who read along: the lines of each shot can be read at once, and are whole.
        size: of what counts of a part that is there, in bytes; None begins a new one.

    Attributes:
        size: of the file so far, in bytes.
    """

    format = staticmethod(format_json)

    def __init__(self, path, part=None, size=None):
        self._path, self._part, self._file = Path(path), part, None
        self.size = size or 0
        if size is not None:
            self._file = open(part, "r+b", buffering=0)  # noqa: SIM115
            self._file.truncate(size)
            self._file.seek(size)

    def write(self, shot, faces):
        """Writes the lines of the shot's faces."""
        self.add(self.format(shot, faces))

    def add(self, lines):
        """Writes lines, all of them or none."""
        try:
            if self._file is None:  # Not before there is something to write.
                place = _below(".", self._part or self._path)
                self._file = place.open("wb", buffering=0)
            left = lines.encode()
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:  # The disk is full, say.
            if self._file:
                with contextlib.suppress(OSError):
                    self._file.truncate(self.size)
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        self.size += len(lines)  # JSON is ASCII.

    def close(self):
        """Closes the file, which keeps the name that it has."""
        if self._file:
            self._file.close()

    def finish(self):
        """Closes the file, which gets its name."""
        self.close()
        if self._file and self._part:
            os.replace(self._part, self._path)


class DrawnImages:
    """OUTPUT.jpg for each shot, with its faces."""

    def __init__(self, folder):
        self._folder = folder

    def write(self, shot, faces):
        """Writes the shot's picture."""
        path = _below(self._folder, f"{shot.output}.jpg")
        write_image(path, draw(shot.image, faces, shot.shrink))

    def close(self):
        """Nothing is open."""


class DrawnVideo:
    """One video of all shots, with their faces, at their times.

    Args:
        path: of the video.
        rate, sound: of the source, see `video.VideoWriter`.
    """

    def __init__(self, path, rate, sound=None):
        from landmark.live.video import VideoWriter  # FFmpeg takes a while to load.

        self._writer = VideoWriter(path, rate, sound)

    def write(self, shot, faces):
        """Writes the shot."""
        self._writer.write(draw(shot.image, faces), shot.seconds)

    def close(self):
        """Ends the video."""
        self._writer.close()


class Window:
    """Shows each shot with its faces; frames with how many come in a second."""

    def __init__(self):
        mosaic.require_display()
        self.wants_to_quit = False
        self._times = []

    def write(self, shot, faces):
        """Shows the shot; a photo until a key is pressed."""
        drawn = draw(shot.image, faces, shot.shrink)
        if shot.frame is not None:
            self._times = [*self._times[-_AVERAGED_FRAMES:], time.perf_counter()]
            if len(self._times) > 1:
                rate = (len(self._times) - 1) / (self._times[-1] - self._times[0])
                mosaic.put_text(drawn, f"{rate:.0f} frames/s", (6, 20), 0.6)
        wait = 0 if shot.frame is None else 1
        self.wants_to_quit = mosaic.show_image(_WINDOW, drawn, wait) == "q"

    def close(self):
        """The window closes with the process."""


def refuse_overwriting(sources, targets):
    """Refuses outputs that would replace what they are made of, or one another.

    Args:
        sources: paths that are read.
        targets: paths that are written.

    Raises:
        InputError: an output has the place of a source, or of another output.
    """
    # Not Path.resolve, which fails at a link to itself.
    originals, written = {os.path.realpath(source) for source in sources}, set()
    for target in targets:
        place = os.path.realpath(target)
        if place in written:
            raise InputError(
                f"{target}: expected another place for each output, found two of this "
                "name"
            )
        written.add(place)
        if place in originals:
            raise InputError(
                f"{target}: expected another place to write to, found what is read, "
                "which would be overwritten"
            )
