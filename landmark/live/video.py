"""Videos in and out: files, network streams, cameras, pictures that are numbered."""

import contextlib
import errno
import numbers
import os
import sys
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from landmark.face.geometry import resize_image
from landmark.files.disk import replace_when_done, require_file
from landmark.live import decoding, frames
from landmark.live.sound import Sound
from landmark.script.errors import InputError
from landmark.script.words import count

# What browsers play, and one in which every frame stands alone.
_H264 = ("libx264", "yuv420p", {"preset": "veryfast", "crf": "18"})
_MJPEG = ("mjpeg", "yuvj420p", {"qmin": "2", "qmax": "3"})
_CODECS = {".mp4": _H264, ".avi": _MJPEG, ".mkv": _H264, ".mov": _H264}
_LAID_OUT = {"movflags": "faststart"}  # So that it plays while it is loaded.
_TICKS = 90_000  # A second, of what is not .avi: all usual rates are whole numbers.
# Numbers of the colours' matrix, and of their primaries and curve. Thin green lines, as
# we draw them, come out of BT.709's matrix pale.
_BT601, _BT709 = 5, 1


class Video(NamedTuple):
    """An open video.

    Attributes:
        count: number of frames; 0 if unknown.
        rate: frames a second, on the average.
        frames: iterator of (seconds since the start, (H, W, 3) uint8 RGB frame).
    """

    count: int
    rate: float
    frames: Iterator


def open_video(source):
    """Opens a video.

    Args:
        source: a file; the URL of a network stream (RTSP, HTTP); the number of a
            camera, or /dev/video0; pictures as frames_%04d.png or frames/*.png.

    Returns:
        Video. A camera's frames end in an InputError when it gives no more, those of a
        file that is cut short in a warning.

    Raises:
        InputError: it cannot be opened, or has no frame.
    """
    opened = open_frames(source)

    def read():
        yield from opened.frames
        for failure in opened.failures:
            warnings.warn(failure, stacklevel=2)

    return Video(opened.count, opened.rate, read())


def open_frames(source):
    """Opens a video, see `open_video`; returns frames.Frames.

    Raises:
        InputError: it cannot be opened, or has no frame.
    """
    _check_source(source)
    camera = frames.find_camera(source)
    if camera is not None:
        return frames.open_camera(camera)
    if decoding.is_url(source):
        return decoding.open_stream(source)
    pictures = [] if os.path.exists(source) else frames.list_pictures(source)
    if pictures:
        return frames.open_pictures(pictures, source)
    return decoding.open_stream(require_file(source))


def is_video(word):
    """Whether a word that names no file or folder names a video all the same."""
    return (
        decoding.is_url(word)
        or frames.find_camera(word) is not None
        or bool(frames.list_pictures(word))
    )


def name_video(source):
    """Returns what a video is called, str: the file's name, or camera0, say."""
    camera = frames.find_camera(source)
    if camera is not None:
        return f"camera{camera}"
    if decoding.is_url(source):
        return decoding.name_url(source)
    if not os.path.exists(source) and frames.list_pictures(source):
        return frames.name_pictures(source)
    return Path(source).name


def _check_source(source):
    """Refuses what is neither a video nor a camera."""
    if isinstance(source, bool) or not isinstance(
        source, str | os.PathLike | numbers.Integral
    ):
        raise InputError(
            f"video: expected a path or the number of a camera, found {source!r}"
        )
    if isinstance(source, numbers.Integral) and not 0 <= source <= frames.LAST_CAMERA:
        raise InputError(f"camera: expected 0..{frames.LAST_CAMERA}, found {source}")


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
    """Writes a video; it gets its final name when it is closed, whole.

    H.264 in .mp4, .mov and .mkv has an even number of pixels each way: what is odd gets
    its last row or column twice. Frames keep their times; in .avi, of Motion JPEG, they
    come at the nearest 1 / rate.

    Args:
        path: .mp4, .avi, .mkv or .mov.
        rate: frames a second, on the average.
        sound: (file, seconds at which the first frame comes) whose sound is copied as
            long as there are frames, see frames.Frames; None writes none.

    Raises:
        InputError: the suffix is of no known kind.
    """

    def __init__(self, path, rate, sound=None):
        check_video_path(path)
        self._path = Path(path)
        self._rate = Fraction(rate).limit_denominator(100_000)
        self._asked = sound
        self._container = None

    def write(self, image, seconds=None):
        """Writes a frame; it gets the size of the first.

        Args:
            image: (H, W, 3) uint8 RGB.
            seconds: since the first frame; None is as the rate has it.

        Raises:
            InputError: a video of this size cannot be written.
            OSError: the disk is full, say; it names the file. What was written is gone.
        """
        with self._all_or_nothing():
            if self._container is None:
                self._open(image)
            self._encode(image, seconds)

    def close(self):
        """Ends the video; what was written so far can be played.

        Raises:
            InputError: what lies on the disk is not what was written.
            OSError: the disk is full, say.
        """
        if self._container is not None:
            with self._all_or_nothing():
                self._mux(self._stream.encode(None))
                if self._sound:
                    self._sound.copy(self._last * self._tick + 1 / self._rate)
                    self._sound.close()
                self._container.close()
                self._check()
            self._container = None
            self._cleaning.close()

    def _open(self, image):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._cleaning = contextlib.ExitStack()
        self._part = self._cleaning.enter_context(replace_when_done(self._path))
        suffix = self._path.suffix.lower()
        laid_out = _LAID_OUT if suffix in (".mp4", ".mov") else {}
        self._container = decoding.open_container(self._part, "w", laid_out)
        codec, pixels, options = _CODECS[suffix]
        self._is_h264 = codec == "libx264"
        self._tick = Fraction(1, _TICKS) if self._is_h264 else 1 / self._rate
        self._size, self._reformatter = image.shape[1::-1], VideoReformatter()
        self._given = self._written = 0  # Frames; packets.
        self._last = -1  # Tick.
        self._stream = self._container.add_stream(codec, self._rate, options=options)
        self._stream.pix_fmt, self._stream.codec_context.time_base = pixels, self._tick
        self._stream.width, self._stream.height = self._pad(image).shape[1::-1]
        if self._is_h264:
            context = self._stream.codec_context
            context.colorspace = _BT601
            context.color_primaries = context.color_trc = _BT709
        self._sound = self._asked and Sound(*self._asked, self._container, self._path)

    def _pad(self, image):
        """Returns the image with an even number of pixels each way, where it must."""
        odd = np.array(image.shape[:2]) % 2
        if not self._is_h264 or not odd.any():
            return image
        return np.pad(image, ((0, odd[0]), (0, odd[1]), (0, 0)), "edge")

    def _encode(self, image, seconds):
        picture = self._pad(resize_image(image, self._size))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        if self._is_h264:
            frame = self._reformatter.reformat(
                frame, format="yuv420p", dst_colorspace=_BT601, interpolation="AREA"
            )
        if seconds is None:
            seconds = self._given / self._rate
        self._given += 1
        frame.pts = self._last = max(self._last + 1, round(seconds / self._tick))
        frame.time_base = self._tick
        self._mux(self._stream.encode(frame))
        if self._sound:
            self._sound.copy(self._last * self._tick)

    def _mux(self, packets):
        for packet in packets:
            self._container.mux(packet)
            self._written += 1

    def _check(self):
        """Makes sure that what lies on the disk is what was written."""
        with decoding.open_container(self._part) as container:
            packets = container.demux(container.streams.video[0])
            found = sum(packet.size > 0 for packet in packets)
        if found != self._written:
            raise InputError(
                f"{self._path}: expected {count(self._written, 'frame')} on the disk, "
                f"found {found}; is it full?"
            )

    @contextlib.contextmanager
    def _all_or_nothing(self):
        """Removes what was written when something goes wrong."""
        try:
            yield
        except Exception as error:
            container, self._container = self._container, None
            for undo in (
                container.close,
                lambda: self._cleaning.__exit__(*sys.exc_info()),
            ):
                with contextlib.suppress(Exception):
                    undo()
            raise self._explain(error) from error

    def _explain(self, error):
        """Returns what FFmpeg says of a file as an error that names it."""
        if not isinstance(error, FFmpegError):
            return error
        if error.errno in errno.errorcode and error.errno != errno.EINVAL:
            return OSError(error.errno, os.strerror(error.errno), str(self._path))
        width, height = self._size
        return InputError(
            f"{self._path}: expected to write a video of {width} x {height}, found: "
            f"{error.strerror}"
        )
