"""A detection: its outputs, opened, get what is found in photos and videos."""

from pathlib import Path
from typing import NamedTuple

from landmark.files import disk
from landmark.live import batch, results
from landmark.live.printed import PrintedFaces
from landmark.live.tracking import FaceTracker


class Targets(NamedTuple):
    """Where what is found goes; None or False where it does not.

    Attributes:
        image_dir, txt_dir, pts_dir: folders.
        json, video: files.
        disp: whether it is shown in a window.
    """

    image_dir: str | None
    txt_dir: str | None
    pts_dir: str | None
    json: str | None
    video: str | None
    disp: bool

    def list_folders(self):
        """Returns the folders that are written to, list of str."""
        return [path for path in self[:3] if path]

    def list_files(self, photos):
        """Returns the files that are written of photos, and of all.

        Args:
            photos: (photo, output), from `sources.list_photos`.
        """
        files = [path for path in (self.json, self.video) if path]
        for photo, output in photos:
            suffixes = (".jpg", ".txt", photo.suffix)
            for folder, suffix in zip(self[:3], suffixes, strict=True):
                if folder:
                    files.append(Path(folder, f"{output}{suffix}"))
        return files

    def remove_leftovers(self, photos):
        """Removes what runs that were killed left half-written of photos or videos."""
        below = {output.parent for _, output in photos} | {Path()}
        places = {Path(folder, b) for folder in self.list_folders() for b in below}
        places |= {Path(self.video).parent} if self.video else set()
        for place in places:
            disk.remove_leftovers(place)


class Session:
    """The outputs of a detection, opened.

    Args:
        targets: Targets.
        tally: Tally, to which all is added.
        books: books.Books of photos that can be gone on with, or None.
        stack: ExitStack with which the outputs are closed.
    """

    def __init__(self, targets, tally, books, stack):
        self._tally, self._books = tally, books
        self._video, self._stack = targets.video, stack
        kinds = (results.DrawnImages, results.TextFiles, results.PtsFiles)
        pairs = zip(kinds, targets[:3], strict=True)
        self._outputs = [kind(folder) for kind, folder in pairs if folder]
        self._window = results.Window() if targets.disp else None
        self._outputs += [self._window] if self._window else []
        # What all shots are put into, in their order.
        self._together = books.begin(stack) if books else None
        if targets.json and not self._together:
            self._together = results.JsonLines(targets.json)
            stack.callback(self._together.close)
        if not (self._outputs or self._together or self._video):
            self._together = PrintedFaces()

    @property
    def is_over(self):
        """Whether the user wants to quit."""
        return bool(self._window) and self._window.wants_to_quit

    def do_photos(self, photos, landmarker, open_landmarker, num_workers, boxes=None):
        """Finds and writes the faces of photos.

        Args:
            photos: (photo, output), from `sources.list_photos`.
            landmarker: FaceLandmarker of this process.
            open_landmarker: function by which other processes get theirs.
            num_workers: number of processes.
            boxes: where faces are, from `files.boxes.read_boxes`, or None.
        """
        form = self._together.format if self._together else None
        rest = self._outputs, form, boxes
        make, arguments = batch.Tool, (landmarker, *rest)
        if num_workers > 1:
            make, arguments = batch.make_tool, (open_landmarker, *rest)
        for outcome, seconds in batch.find_faces(
            photos, make, arguments, num_workers, self._together, self._books
        ):
            self._tally.add_photo(outcome, seconds)
            if self.is_over:
                return

    def do_videos(self, opened, landmarker, detect_every, smoothing):
        """Finds and writes the faces of videos.

        Args:
            opened: stem -> VideoSource, from `sources.open_videos`.
            landmarker, detect_every, smoothing: see FaceTracker.
        """
        writers = [*self._outputs, *[self._together] * bool(self._together)]
        if self._video:
            (source,) = opened.values()
            writers.append(results.DrawnVideo(self._video, source.rate, source.sound))
            self._stack.callback(writers[-1].close)
        for stem, source in opened.items():
            tracker = FaceTracker(landmarker, detect_every, smoothing)
            for shot, faces in self._follow(source, stem, landmarker, tracker):
                for writer in writers:
                    writer.write(shot, faces)
                if self.is_over:
                    return

    def _follow(self, source, stem, landmarker, tracker):
        """Yields (shot, faces) of each frame of an open video."""
        for shot in source.read_frames(stem):
            dropped, seconds = tracker.dropped, landmarker.seconds.copy()
            faces = tracker.follow(shot.image, shot.seconds)
            dropped = tracker.dropped - dropped
            seconds = landmarker.seconds - seconds
            self._tally.add_frame(len(faces), dropped, seconds)
            yield shot, faces

    def finish(self):
        """Ends what can be gone on with."""
        if self._books:
            self._books.finish()
