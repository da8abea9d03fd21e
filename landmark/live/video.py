"""Frames of a video file or a camera, in and out."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2

from landmark.face.geometry import resize_image
from landmark.files.disk import replace_when_done, require_file
from landmark.script.errors import InputError

_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v", ".mov": "mp4v"}
_USUAL_RATE = 30.0  # Of a source that does not tell.


class Video(NamedTuple):
    """An open video.

    Attributes:
        count: number of frames; 0 if unknown.
        rate: frames a second.
        frames: iterator of (seconds since the start, (H, W, 3) uint8 RGB frame).
    """

    count: int
    rate: float
    frames: Iterator


def open_video(source):
    """Opens a video.

    Args:
        source: a file, or the number of a camera.

    Returns:
        Video. A camera's frames end in an InputError when it gives no more.

    Raises:
        InputError: it cannot be opened, or has no frame.
    """
    is_camera = isinstance(source, int)
    title = f"camera {source}" if is_camera else str(require_file(source))
    # OpenCV's own complaints are of no use to the user.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(source if is_camera else title)
    there, frame = capture.read()
    if not there:
        raise InputError(f"{title}: expected a video, found none that can be read")
    rate = capture.get(cv2.CAP_PROP_FPS)
    rate = rate if 0 < rate < 1000 else _USUAL_RATE
    count = 0 if is_camera else max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def read_frames():
        start, index = time.perf_counter(), 0
        more, next_frame = True, frame
        while more:
            seconds = time.perf_counter() - start if is_camera else index / rate
            yield seconds, cv2.cvtColor(next_frame, cv2.COLOR_BGR2RGB)
            more, next_frame = capture.read()
            index += 1
        capture.release()
        if is_camera:
            raise InputError(
                f"{title}: expected another frame, found none after {index}; is it "
                "still plugged in?"
            )

    return Video(count, rate, read_frames())


def check_video_path(path):
    """Makes sure that `VideoWriter` can write a video of this name.

    Raises:
        InputError: the suffix is of no known kind.
    """
    if Path(path).suffix.lower() not in _CODECS:
        raise InputError(
            f"{path}: expected a video's name in {', '.join(_CODECS)}, found "
            f"{Path(path).suffix or 'no suffix'}"
        )


class VideoWriter:
    """Writes a video; it gets its final name when it is closed.

    Args:
        path: .mp4, .avi, .mkv or .mov.
        rate: frames a second.

    Raises:
        InputError: the suffix is of no known kind.
    """

    def __init__(self, path, rate):
        check_video_path(path)
        self._path = Path(path)
        self._rate = rate
        self._writer = None

    def write(self, image):
        """Writes a frame, (H, W, 3) uint8 RGB; it gets the size of the first.

        Raises:
            InputError: this OpenCV cannot write such a video.
        """
        if self._writer is None:
            self._open(image)
        image = resize_image(image, self._size)
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def close(self):
        """Ends the video; what was written so far can be played."""
        if self._writer is not None:
            self._writer.release()
            self._replacing.close()
            self._writer = None

    def _open(self, image):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        height, width = image.shape[:2]
        codec = cv2.VideoWriter_fourcc(*_CODECS[self._path.suffix.lower()])
        with contextlib.ExitStack() as stack:
            temporary = str(stack.enter_context(replace_when_done(self._path)))
            writer = cv2.VideoWriter(temporary, codec, self._rate, (width, height))
            if not writer.isOpened():
                raise InputError(
                    f"{self._path}: expected to write a video of {width} x {height}, "
                    "found that this OpenCV cannot; try .avi"
                )
            self._writer, self._size = writer, (width, height)
            self._replacing = stack.pop_all()
