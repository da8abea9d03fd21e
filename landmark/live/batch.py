"""Photos by the thousand: their faces found by several processes, and written."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from landmark.files.boxes import find_boxes
from landmark.files.photos import from_shrunk, read_photo, to_shrunk
from landmark.live.books import Outcome
from landmark.live.results import Shot
from landmark.script import workers
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar


class Tool(NamedTuple):
    """What a process finds faces with, and what it does with them.

    Attributes:
        landmarker: FaceLandmarker.
        outputs: list of what has `write`, see `results`; of each photo on its own.
        format: function of a shot and its faces that returns what one output of all
            photos adds; None if there is none.
        boxes: where faces are, from `files.boxes.read_boxes`; None asks the detector.
    """

    landmarker: Any
    outputs: list[Any]
    format: Callable[..., str] | None
    boxes: Any = None


class _Result(NamedTuple):
    """An Outcome, what goes with it, and the seconds that it took, see FaceLandmarker.

    Attributes:
        text: what `format` returned.
        warned: list of str.
    """

    outcome: Outcome
    text: str
    warned: list[str]
    seconds: Any


def make_tool(open_landmarker, outputs, text_format, boxes):
    """Returns the Tool of a process, which opens its models itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The first process has warned already.
        return Tool(open_landmarker(), outputs, text_format, boxes)


def find_faces(photos, make, arguments, num_workers, output, books):
    """Finds the faces of photos and writes them, with a progress bar.

    Args:
        photos: (photo, output), from `sources.list_photos`.
        make: function that returns the Tool of a process, called with `arguments`.
        num_workers: number of processes.
        output: what has `add`, of all photos; None if there is none.
        books: books.Books, or None; what they have as done is not done again.

    Yields:
        (Outcome, seconds (2,) of now, see FaceLandmarker, or None) of each photo, in
        their order.
    """
    done = books.done if books else []
    for outcome in done:
        yield outcome, None
    waiting = photos[len(done) :]
    found = workers.map_in_order(_find_in_photo, waiting, num_workers, make, arguments)
    bar = progress_bar(
        found, desc="detecting", unit="photo", initial=len(done), total=len(photos)
    )
    said = set()
    with contextlib.closing(found), contextlib.closing(bar):
        for result in bar:
            for text in dict.fromkeys(result.warned):
                if text not in said:
                    said.add(text)
                    warnings.warn(text, stacklevel=2)
            if output and not result.outcome.skipped:
                output.add(result.text)
            if books:
                books.add(result.outcome)
            yield result.outcome, result.seconds


def _find_in_photo(tool, item):
    """Returns the _Result of a (photo, output)."""
    landmarker = tool.landmarker
    dropped, seconds = landmarker.dropped, landmarker.seconds.copy()
    with warnings.catch_warnings(record=True) as caught:
        num_faces, skipped, unwritten, text = _write_photo(tool, *item)
    dropped = landmarker.dropped - dropped
    return _Result(
        Outcome(num_faces, dropped, skipped, unwritten),
        text,
        [str(warning.message) for warning in caught],
        landmarker.seconds - seconds,
    )


def _write_photo(tool, photo, output):
    """Returns the number of faces, why it is skipped, what is unwritten, its text."""
    try:
        image, shrink = read_photo(photo)
    except InputError as error:
        return 0, str(error), [], ""
    shot = Shot(photo.name, output, image, photo, shrink=shrink)
    given = ()
    if tool.boxes:
        boxes, scores = find_boxes(tool.boxes, photo, output)
        given = to_shrunk(boxes, shrink), scores
    try:
        found = tool.landmarker.find_faces(image, *given)
    except InputError as error:  # Its boxes are those of no face.
        return 0, f"{photo}: {error}", [], ""
    faces = [_grow(face, shrink) for face in found]
    unwritten = []
    for each in tool.outputs:
        try:
            each.write(shot, faces)
        except InputError as error:
            unwritten.append(str(error))
    text = tool.format(shot, faces) if tool.format else ""
    return len(faces), "", unwritten, text


def _grow(face, shrink):
    """Returns a face of a shrunk image in pixels of its photo; shrink: see Shot."""
    if shrink == 1:
        return face
    sizes = {"spread": face.spread, "expected_error": face.expected_error}
    return face._replace(
        box=from_shrunk(face.box, shrink),
        points_image=from_shrunk(face.points_image, shrink),
        **{name: size * shrink for name, size in sizes.items() if size is not None},
    )
