"""Frames of video files and network streams, by PyAV."""

import itertools
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from landmark.live.frames import Frames, check_rate
from landmark.script.errors import InputError
from landmark.script.words import count

# Containers that store how long they are; of others it is a guess.
_TELLING = ("mov,mp4", "matroska", "avi", "flv")
_TOLERANCE = 0.5  # Seconds by which they may be wrong.
_DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")  # As Matroska has it.
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_PATIENCE = (20.0, 30.0)  # Seconds until a network stream is open, and for each read.
_STREAMING = {"rtsp_transport": "tcp"}  # UDP loses packets, and with them pictures.


def is_url(source):
    """Whether a source is the address of a network stream."""
    return isinstance(source, str) and bool(_URL.match(source))


def name_url(url):
    """Returns the last part of a URL's path that names something, or the host."""
    parts = urlsplit(url)
    return Path(parts.path).name or parts.hostname or "stream"


def hide_password(url):
    """Returns a URL without the user and password that it may have."""
    return re.sub(r"(://)[^/@]*@", r"\1", url)


def open_stream(source):
    """Opens a video file, or a network stream; returns Frames, upright.

    Their times are those of the container, and grow from 0.

    Args:
        source: path, or URL (str).

    Raises:
        InputError: it cannot be opened, or has no frame.
    """
    title = hide_password(source) if is_url(source) else str(source)
    try:
        container = _open(source)
    except (FFmpegError, OSError, ValueError) as error:
        reason = "none that can be read"
        if is_url(source):
            reason = f"none: {getattr(error, 'strerror', None) or error}"
        raise InputError(f"{title}: expected a video, found {reason}") from error
    decoder = _Decoder(container)
    first = next(decoder.frames, None)
    if first is None:
        container.close()
        raise InputError(f"{title}: expected a video, found none that can be read")
    failures, start = [], first.time or 0.0
    has_sound = bool(container.streams.audio) and not is_url(source)
    return Frames(
        decoder.count,
        decoder.rate,
        _read(decoder, first, title, failures),
        failures,
        (str(source), start) if has_sound else None,
    )


def open_container(path, mode="r", options=None):
    """Opens a video file by PyAV, whatever its name is made of.

    Args:
        path: the file.
        mode: r or w.
        options: of the container, str -> str.

    Raises:
        FFmpegError, OSError, ValueError: it cannot be opened.
    """
    # Not to be taken for a protocol: a colon may be of the name.
    name = "file:" + os.path.abspath(path)
    return av.open(name, mode, options=options or {}, metadata_errors="replace")


def _open(source):
    if not is_url(source):
        return open_container(source)
    options = _STREAMING if source.lower().startswith("rtsp") else {}
    return av.open(
        source, timeout=_PATIENCE, options=options, metadata_errors="replace"
    )


class _Decoder:
    """The pictures of an open container.

    Attributes:
        rate: frames a second, on the average.
        count: number of frames, as the container tells; 0 if it does not.
        frames: iterator of VideoFrame; damaged ones are passed over.
        length: seconds, as the container tells; 0 if it does not, or guesses.
        damaged: number of packets that could not be decoded so far.
        error: what ended it too early, or None.
    """

    def __init__(self, container):
        self._container = container
        streams = [s for s in container.streams.video if not _is_cover(s)]
        self._stream = streams[0] if streams else None
        self.damaged, self.error = 0, None
        self.rate, self.count, self.length = check_rate(None), 0, 0.0
        if streams:
            self._stream.thread_type = "AUTO"
            rate = self._stream.average_rate or self._stream.guessed_rate
            self.rate = check_rate(rate)
            self.length = self._tell_length()
            length = self.length or (container.duration or 0) / av.time_base
            self.count = self._stream.frames or max(0, round(length * self.rate))
        self.frames = self._decode() if streams else iter(())

    def _tell_length(self):
        """Returns how many seconds the container says that the pictures last."""
        stream, container = self._stream, self._container
        if not container.format.name.startswith(_TELLING):
            return 0.0
        length = float((stream.duration or 0) * stream.time_base)
        if container.format.name == "avi":  # The rest is from the size of the file.
            return max(length, stream.frames / self.rate)
        told = _DURATION.match(stream.metadata.get("DURATION", ""))
        if told:
            return float(told[1]) * 3600 + float(told[2]) * 60 + float(told[3])
        if not length and len(container.streams) == 1:
            length = (container.duration or 0) / av.time_base
        return length

    def _decode(self):
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError) as error:
                packet, self.error = None, error
            try:
                yield from self._stream.decode(packet)
            except (FFmpegError, OSError):
                self.damaged += packet is not None
            if packet is None:
                self._container.close()
                return


def _is_cover(stream):
    return bool(stream.disposition & Disposition.attached_pic)


def _read(decoder, first, title, failures):
    """Yields (seconds, image) of frames, whose times grow whatever the container says.

    Args:
        decoder: _Decoder.
        first: its first frame.
        title: of the video.
        failures: list, to which is added what is missing.
    """
    clock, seconds, end, number = _Clock(1 / decoder.rate), 0.0, 0.0, 0
    reformatter = VideoReformatter()  # A new one for each frame would be half as fast.
    for frame in itertools.chain([first], decoder.frames):
        seconds = clock.tell(frame.time)
        end = seconds + max(1 / decoder.rate, _last(frame))
        number += 1
        yield seconds, _to_rgb(frame, reformatter)
    end += max(0.0, first.time or 0.0)
    if decoder.error:
        reason = decoder.error.strerror or decoder.error
        failures.append(f"{title}: expected another frame, found: {reason}")
    elif end < decoder.length - _TOLERANCE:
        failures.append(
            f"{title}: expected {decoder.length:.1f} seconds, found {end:.1f} "
            f"({count(number, 'frame')}); the rest is damaged"
        )
    elif decoder.damaged:
        failures.append(
            f"{title}: expected whole frames, found {decoder.damaged} damaged beside "
            f"{number} that are whole"
        )


class _Clock:
    """Seconds since the first frame that grow, whatever a container says."""

    def __init__(self, step):
        self._step, self._start, self._seconds = step, None, 0.0

    def tell(self, time):
        """Returns the seconds of the next frame; time: the container's, or None."""
        if self._start is None:
            self._start = time or 0.0
            return self._seconds
        after = self._seconds + self._step
        if time is None:
            self._seconds = after
            return after
        if time - self._start <= self._seconds:
            self._start = time - after  # The container's clock was set back.
        self._seconds = time - self._start
        return self._seconds


def _last(frame):
    """Returns how many seconds a frame is shown; 0 if it does not tell."""
    return float(frame.duration * frame.time_base) if frame.duration else 0.0


def _to_rgb(frame, reformatter):
    """Returns a VideoFrame as it is to be seen, (H, W, 3) uint8 RGB."""
    image = reformatter.reformat(frame, format="rgb24").to_ndarray()
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
