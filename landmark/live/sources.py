"""Where shots come from: photos, folders of them, videos, the camera.

The output of a shot is a path without suffix, below whatever folder is written to:
    photo           NAME; NAME.SUFFIX beside another photo of that stem
    folder          as in the folder; below its name where other sources stand beside
    frame           NAME_000001 and so on
"""

import collections
import os
from pathlib import Path

from landmark.files import disk
from landmark.files.notes import shorten
from landmark.files.patches import book_name
from landmark.files.photos import IMAGE_SUFFIXES, read_image
from landmark.live.results import Shot
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.words import count

_VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".flv"),
    *(".mpg", ".mpeg", ".mts", ".m2ts", ".ts", ".3gp", ".ogv", ".mjpeg"),
)
_LONGEST_PATH = 4096  # Characters, as systems have it.


def _is_video(word):
    from landmark.live.video import is_video  # FFmpeg takes a while to load.

    return is_video(word)


def divide_paths(paths):
    """Divides what a user gave by what it is.

    Args:
        paths: photos, folders and videos, str; a video may be a network stream, a
            camera or numbered pictures, too, see `video.open_video`.

    Returns:
        two lists of Path, photos and folders; and the videos, of Path or str. What is
        no folder and has no video's suffix is a photo. Links to nothing are among them,
        as in folders.

    Raises:
        InputError: there is no such file or folder.
    """
    photos, folders, videos = [], [], []
    for word in paths:
        if not word:
            raise InputError("expected a photo, folder or video, found an empty path")
        path = Path(word)
        if path.is_dir():
            folders.append(path)
        elif path.is_file() or (path.is_symlink() and not _is_video(word)):
            has_suffix = path.suffix.lower() in _VIDEO_SUFFIXES
            (videos if has_suffix else photos).append(path)
        elif _is_video(word):
            videos.append(word)
        else:
            raise InputError(f"{path}: expected a photo, folder or video, found none")
    return photos, folders, videos


def read_folder_list(path):
    """Returns the folders that a text file names, one a line: list of Path.

    Raises:
        InputError: no such file, or a line is no path of a folder; a whole disk is
            none: it may be what is left of a path.
    """
    lines = map(str.strip, disk.read_text(path).splitlines())
    folders = [Path(line) for line in lines if line]
    for folder in folders:
        is_path = "\0" not in str(folder) and len(str(folder)) <= _LONGEST_PATH
        if not is_path or _is_disk(folder):
            raise InputError(
                f"{path}: expected the path of a folder in each line, found "
                f"{shorten(str(folder))}"
            )
    return folders


def _is_disk(folder):
    """Whether a folder is a whole disk, however it is written."""
    place = os.path.realpath(folder)
    return place == Path(place).anchor


def describe_videos(folders):
    """Returns in words what there is in folders without photos: videos, or none."""
    number = sum(len(disk.list_files(folder, _VIDEO_SUFFIXES)) for folder in folders)
    hint = f"{count(number, 'video')}; give videos by their own paths"
    return hint if number else "none"


def list_photos(photos, folders, is_one_folder=False, passed_over=None):
    """Lists all photos with their outputs.

    Args:
        photos: list of Path.
        folders: list of Path, searched recursively.
        is_one_folder: there is but one folder; its name is left out of the outputs.
        passed_over: see `disk.list_files`.

    Returns:
        list of (Path of the photo, Path of its output).
    """
    photos_by_name, given = {}, {}
    for photo in photos:
        name = book_name(photo.name, os.path.realpath(photo), photos_by_name)
        given.setdefault(name, photo)
    found = [(photo, Path(name)) for name, photo in given.items()]
    below = _name_folders(folders)
    for folder in below:
        prefix = Path() if is_one_folder else below[folder]
        for photo in disk.list_files(folder, IMAGE_SUFFIXES, passed_over):
            found.append((photo, prefix / photo.relative_to(folder)))
    stems = collections.Counter(output.with_suffix("") for _, output in found)
    # a.jpg beside a.png: both keep their suffix.
    return [
        (photo, stem if stems[stem] == 1 else output)
        for photo, output in found
        for stem in [output.with_suffix("")]
    ]


def _name_folders(folders):
    """Returns folder -> Path below an output folder, its name; no two have the same."""
    folders_by_name = {}
    for folder in dict.fromkeys(folders):
        name = below = Path(os.path.realpath(folder)).name
        number = 1
        while below in folders_by_name:
            number += 1
            below = f"{name}-{number}"
        folders_by_name[below] = folder
    return {folder: Path(below) for below, folder in folders_by_name.items()}


def read_photos(photos, unreadable):
    """Yields the Shot of each photo, with a progress bar.

    Args:
        photos: (photo, output), from `list_photos`.
        unreadable: list, to which a sentence is added for each photo that is skipped.
    """
    for photo, output in progress_bar(photos, desc="detecting", unit="photo"):
        try:
            yield Shot(photo.name, output, read_image(photo), photo)
        except InputError as error:
            unreadable.append(str(error))


class VideoSource:
    """A video, or a camera, that is open.

    Args:
        source: what `video.open_video` takes.
        passed_over: list, to which is added what of the video cannot be read.

    Attributes:
        name: of the file, or camera0.
        rate: frames a second.
        sound: see `frames.Frames`.

    Raises:
        InputError: it cannot be opened.
    """

    def __init__(self, source, passed_over):
        from landmark.live.video import name_video, open_frames

        self.name = name_video(source)
        self._opened, self._passed_over = open_frames(source), passed_over
        self.rate, self.sound = self._opened.rate, self._opened.sound

    def read_frames(self, stem):
        """Yields the Shot of each frame, with a progress bar; stem: of the outputs."""
        total, frames = self._opened.count or None, self._opened.frames
        bar = progress_bar(frames, desc="detecting", unit="frame", total=total)
        for number, (seconds, image) in enumerate(bar, start=1):
            output = Path(f"{stem}_{number:06d}")
            yield Shot(self.name, output, image, frame=number, seconds=seconds)
        self._passed_over += self._opened.failures


def refuse_frame_names(photos, opened):
    """Refuses photos whose outputs have the names of a video's frames.

    Args:
        photos: (photo, output), from `list_photos`.
        opened: stem -> VideoSource, from `open_videos`.

    Raises:
        InputError: one has.
    """
    for photo, output in photos:
        stem, _, number = str(output).rpartition("_")
        if stem in opened and len(number) >= 6 and number.isdigit():
            raise InputError(
                f"{photo}: expected another name than that of a frame of "
                f"{opened[stem].name}, whose outputs would be overwritten"
            )


def open_videos(videos, unreadable):
    """Opens videos; returns stem -> VideoSource.

    Stems are of the outputs, and no two are the same.

    Args:
        videos: what `video.open_video` takes.
        unreadable: list, to which a sentence is added for each video that is skipped,
            and later for each that ends too early.
    """
    opened, videos_by_stem = {}, {}
    for video in dict.fromkeys(videos):
        try:
            opened[video] = VideoSource(video, unreadable)
        except InputError as error:
            unreadable.append(str(error))
    for video, source in opened.items():
        book_name(Path(source.name).stem, video, videos_by_stem)
    return {stem: opened[video] for stem, video in videos_by_stem.items()}
