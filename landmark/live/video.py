"""Frames of a video file or a camera, in and out."""

import contextlib
import numbers
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2

from landmark.face.geometry import resize_image
from landmark.files.disk import replace_when_done, require_file
from landmark.script.errors import InputError

_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v", ".mov": "mp4v"}
_USUAL_RATE = 30.0  # Of a source that does not tell.
_LAST_CAMERA = 99  # OpenCV's greater numbers mean something else.
_FEW_FRAMES = 5  # By which a file's own count may be wrong.


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
        Video. A camera's frames end in an InputError when it gives no more, those of a
        file that is cut short in a warning.

    Raises:
        InputError: it cannot be opened, or has no frame.
    """
    title = _check_source(source)
    is_camera = isinstance(source, numbers.Integral)
    _quiet_opencv()
    if is_camera:
        capture = cv2.VideoCapture(int(source))
    else:
        with _plain_name(source) as name:
            capture = cv2.VideoCapture(name)
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
            end = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            yield seconds, cv2.cvtColor(next_frame, cv2.COLOR_BGR2RGB)
            more, next_frame = capture.read()
            index += 1
        capture.release()
        if is_camera:
            raise InputError(
                f"{title}: expected another frame, found none after {index}; is it "
                "still plugged in?"
            )
        # Counts are often made from the length, of which the last frame tells, too.
        if max(index, end * rate) < count - _FEW_FRAMES:
            warnings.warn(
                f"{title}: expected {count} frames, found {index}; the rest is damaged",
                stacklevel=2,
            )

    return Video(count, rate, read_frames())


def _check_source(source):
    """Returns what to call a video or camera, or refuses what is neither."""
    if isinstance(source, bool) or not isinstance(
        source, str | os.PathLike | numbers.Integral
    ):
        raise InputError(
            f"video: expected a path or the number of a camera, found {source!r}"
        )
    if not isinstance(source, numbers.Integral):
        return str(require_file(source))
    if not 0 <= source <= _LAST_CAMERA:
        raise InputError(f"camera: expected 0..{_LAST_CAMERA}, found {source}")
    return f"camera {source}"


def _quiet_opencv():
    """Silences OpenCV's own complaints, which are of no use to the user."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    # FFmpeg's are heard from the first video on: -8 is its AV_LOG_QUIET.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@contextlib.contextmanager
def _plain_name(path):
    """Gives a name of a file that is text, over which OpenCV does not fall."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            suffix = Path(path).suffix
            link = Path(folder, f"video{suffix if suffix.isascii() else ''}")
            link.symlink_to(os.path.abspath(path))
            yield str(link)
    else:
        yield str(path)


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
            temporary = stack.enter_context(replace_when_done(self._path))
            name = stack.enter_context(_plain_name(temporary))
            _quiet_opencv()
            writer = cv2.VideoWriter(name, codec, self._rate, (width, height))
            if not writer.isOpened():
                raise InputError(
                    f"{self._path}: expected to write a video of {width} x {height}, "
                    "found that this OpenCV cannot; try .avi"
                )
            self._writer, self._size = writer, (width, height)
            self._replacing = stack.pop_all()
