"""Frames of what is no video file: cameras, and pictures that are numbered."""

import glob
import numbers
import os
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2

from landmark.files.photos import IMAGE_SUFFIXES, read_image
from landmark.script.errors import InputError

USUAL_RATE = 30.0  # Of a source that does not tell.
LAST_CAMERA = 99  # OpenCV's greater numbers mean something else.
_DEVICE = re.compile(r"/dev/video(\d{1,2})")
_NUMBER = re.compile(r"%(?:0(\d))?d")  # As in frames_%04d.png.
_WILD = re.compile(r"[*?[]")


class Frames(NamedTuple):
    """An open source of frames.

    Attributes:
        count: how many there are; 0 if unknown.
        rate: frames a second.
        frames: iterator of (seconds since the start, (H, W, 3) uint8 RGB frame).
        failures: list, to which is added as frames are read what cannot be: sentences.
        sound: (file, seconds at which the first frame comes), or None without sound.
    """

    count: int
    rate: float
    frames: Iterator
    failures: list
    sound: tuple[str, float] | None = None


def find_camera(source):
    """Returns the number of a camera, which may be given as /dev/video0, or None."""
    if isinstance(source, numbers.Integral):
        return int(source)
    device = _DEVICE.fullmatch(os.path.realpath(source))
    return int(device[1]) if device else None


def open_camera(number):
    """Opens a camera; returns Frames, which end in an InputError when it gives no more.

    Raises:
        InputError: it cannot be opened.
    """
    title = f"camera {number}"
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(number)
    there, frame = capture.read()
    if not there:
        raise InputError(f"{title}: expected a video, found none that can be read")

    def read():
        start, index = time.perf_counter(), 0
        more, bgr = True, frame
        while more:
            yield time.perf_counter() - start, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            more, bgr = capture.read()
            index += 1
        capture.release()
        raise InputError(
            f"{title}: expected another frame, found none after {index}; is it still "
            "plugged in?"
        )

    return Frames(0, check_rate(capture.get(cv2.CAP_PROP_FPS)), read(), [])


def check_rate(rate):
    """Returns a rate in frames a second, the usual one for what can be none."""
    return float(rate) if rate and 0 < rate < 1000 else USUAL_RATE


def list_pictures(pattern):
    """Lists pictures that make up a video.

    Args:
        pattern: frames_%04d.png, or with * as in a shell, frames/*.png.

    Returns:
        list of Path, by number, or by name, in which frame2 comes before frame10; empty
        if there are none, or it is no pattern.
    """
    folder, name = os.path.split(os.fspath(pattern))
    number = _NUMBER.search(name)
    if number:
        before, after = map(re.escape, _NUMBER.split(name, maxsplit=1)[::2])
        least = f"{{{number[1]},}}" if number[1] else "+"
        wanted = re.compile(rf"{before}(\d{least}){after}")
        names = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
        found = [Path(folder, name) for name in names if wanted.fullmatch(name)]
    elif _WILD.search(os.fspath(pattern)):
        found = map(Path, glob.glob(os.fspath(pattern)))
    else:
        return []
    pictures = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(pictures, key=_natural_order)


def _natural_order(path):
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), part) if part.isdigit() else (0, part) for part in parts]


def name_pictures(pattern):
    """Returns what a video of pictures is called: `frames` of the two above."""
    folder, name = os.path.split(os.fspath(pattern))
    stem = _NUMBER.sub("", re.sub(r"[*?]|\[.*?\]", "", Path(name).stem)).strip("-_. ")
    return stem or os.path.basename(os.path.abspath(folder))


def open_pictures(pictures, pattern):
    """Opens pictures as the frames of a video; returns Frames.

    Those that cannot be read leave their time empty.

    Raises:
        InputError: the first cannot be read.
    """
    first, failures = read_image(pictures[0]), []

    def read():
        yield 0.0, first
        for index, picture in enumerate(pictures[1:], start=1):
            try:
                image = read_image(picture)
            except InputError as error:
                failures.append(str(error))
            else:
                yield index / USUAL_RATE, image

    _warn_of_gaps(pictures, pattern)
    return Frames(len(pictures), USUAL_RATE, read(), failures)


def _warn_of_gaps(pictures, pattern):
    """Warns where numbered pictures are not numbered in a row."""
    place = _NUMBER.search(os.path.basename(pattern))
    if place:
        after = len(os.path.basename(pattern)) - place.end()
        numbers_ = [
            int(path.name[place.start() : len(path.name) - after]) for path in pictures
        ]
        length = numbers_[-1] - numbers_[0] + 1
        if length != len(pictures):
            warnings.warn(
                f"{pattern}: expected the {length} pictures {numbers_[0]} to "
                f"{numbers_[-1]}, found {len(pictures)}, which are taken as a row",
                stacklevel=4,
            )
