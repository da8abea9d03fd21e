"""What becomes of the faces that were found: files, videos, a window.

Each class has `write(shot, faces)`, for one photo or frame, and `close()`.
"""

import json
import math
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from landmark import files, mosaic, video
from landmark.errors import InputError

_WINDOW = "landmarks (q quits)"
_AVERAGED_FRAMES = 30


class Shot(NamedTuple):
    """A photo, or a frame of a video.

    Attributes:
        name: of the file that it comes from.
        output: Path without suffix, below an output folder.
        image: (H, W, 3) uint8 RGB.
        photo: Path of the photo; None for a frame.
        frame: number of the frame, from 0; None for a photo.
        seconds: of the frame since the start.
    """

    name: str
    output: Path
    image: np.ndarray
    photo: Path | None = None
    frame: int | None = None
    seconds: float | None = None


def _below(folder, name):
    """Returns the path of an output, its folder made."""
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def draw(image, faces):
    """Returns the image with the faces drawn."""
    drawn = image.copy()
    for face in faces:
        mosaic.draw_face(drawn, face.box, face.score, face.points_image)
    return drawn


class TextFiles:
    """OUTPUT.txt for each shot, see `files.write_faces`."""

    def __init__(self, folder):
        self._folder = folder

    def write(self, shot, faces):
        """Writes the shot's file."""
        path = _below(self._folder, f"{shot.output}.txt")
        files.write_faces(path, shot.name, faces)

    def close(self):
        """Nothing is open."""


class PtsFiles:
    """OUTPUT.pts for the face of a shot, OUTPUT_1.pts ... if it has several.

    Each has its photo beside it, so that the folder is a collection of annotated
    photos: points can be corrected, and extraction reads it.
    """

    def __init__(self, folder):
        self._folder = folder

    def write(self, shot, faces):
        """Writes the files of the shot's faces."""
        for number, face in enumerate(faces, start=1):
            output = f"{shot.output}_{number}" if len(faces) > 1 else str(shot.output)
            files.write_pts(_below(self._folder, f"{output}.pts"), face.points_image)
            if shot.photo is None:
                files.write_image(_below(self._folder, f"{output}.png"), shot.image)
            else:
                photo = _below(self._folder, f"{output}{shot.photo.suffix}")
                shutil.copyfile(shot.photo, photo)

    def close(self):
        """Nothing is open."""


class JsonLines:
    """A line of JSON for each face."""

    def __init__(self, path):
        self._path = _below(".", path)
        self._file = self._path.open("w", encoding="utf-8")

    def write(self, shot, faces):
        """Writes the lines of the shot's faces; each is whole, however the run ends."""
        for face in faces:
            sure = float(face.confidence)
            line = {
                "name": shot.name,
                "frame": shot.frame,
                "seconds": shot.seconds and round(shot.seconds, 4),
                "track": face.track,
                "box": np.round(face.box, 2).tolist(),
                "score": round(face.score, 4),
                "landmark_confidence": None if math.isnan(sure) else round(sure, 4),
                "points": np.round(face.points_image, 2).tolist(),
            }
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self):
        """Closes the file."""
        self._file.close()


class DrawnImages:
    """OUTPUT.jpg for each shot, with its faces."""

    def __init__(self, folder):
        self._folder = folder

    def write(self, shot, faces):
        """Writes the shot's picture."""
        path = _below(self._folder, f"{shot.output}.jpg")
        files.write_image(path, draw(shot.image, faces))

    def close(self):
        """Nothing is open."""


class DrawnVideo:
    """One video of all shots, with their faces."""

    def __init__(self, path, rate):
        self._writer = video.VideoWriter(path, rate)

    def write(self, shot, faces):
        """Writes the shot as the next frame."""
        self._writer.write(draw(shot.image, faces))

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
        drawn = draw(shot.image, faces)
        if shot.frame is not None:
            self._times = [*self._times[-_AVERAGED_FRAMES:], time.perf_counter()]
            if len(self._times) > 1:
                rate = (len(self._times) - 1) / (self._times[-1] - self._times[0])
                mosaic.put_text(drawn, f"{rate:.0f} frames/s", (6, 20), 0.6)
        wait = 0 if shot.frame is None else 1
        self.wants_to_quit = mosaic.show_image(_WINDOW, drawn, wait) == "q"

    def close(self):
        """The window closes with the process."""


def refuse_overwriting(write_dir, suffix, shots):
    """Refuses outputs that would replace the photos they are made of.

    Args:
        write_dir: folder of the outputs, or None.
        suffix: of the outputs.
        shots: (photo, output without suffix) pairs.

    Raises:
        InputError: an output has the place of a photo.
    """
    originals = {photo.resolve() for photo, _ in shots} if write_dir else set()
    for photo, output in shots if write_dir else ():
        written = Path(write_dir, f"{output}{suffix or photo.suffix}").resolve()
        if written in originals:
            raise InputError(
                f"{written}: expected another folder to write into, found this photo, "
                "which would be overwritten"
            )
