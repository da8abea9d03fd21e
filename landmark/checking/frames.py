"""In which frame a collection's points are: of the photo as stored, or as shown."""

from pathlib import Path
from typing import NamedTuple

from landmark.checking import fits, looks
from landmark.face import geometry
from landmark.files import exif
from landmark.files.photos import find_photo, to_shrunk
from landmark.script.errors import InputError
from landmark.script.words import count

_MOST_PHOTOS = 40  # That are asked; they agree.
_MOST_ERROR = 0.05  # Crop units, of the frame that fits.
_LEAST_OVERLAP = 0.3
_TIMES = 1.5  # How much better the frame must fit.


class Decision(NamedTuple):
    """The frame of a collection's points.

    Attributes:
        frame: exif.SHOWN or exif.STORED.
        sentence: what it was decided by; "" where EXIF turns no photo.
    """

    frame: str
    sentence: str = ""


def decide_all(wanted, annotated, images_dirs, pts_format, model, detector):
    """Decides which frame the points of each folder are in.

    Args:
        wanted: exif.SHOWN or exif.STORED, which holds for all, or exif.AUTO.
        annotated: list of (path of the .pts, name of the patch).
        images_dirs: the folders that they were found in.
        pts_format, model, detector: as of `decide`.

    Returns:
        Path of a folder -> Decision.
    """
    folders = list(map(Path, images_dirs))
    if wanted != exif.AUTO:
        return dict.fromkeys(folders, Decision(wanted))
    decisions = {}
    for folder in folders:
        paths = [path for path, _ in annotated if path.is_relative_to(folder)]
        decisions[folder] = decide(paths, pts_format, model, detector, folder)
    return decisions


def decide(paths, pts_format, model, detector, place):
    """Decides which frame a collection's points are in, by the photos that EXIF turns.

    Args:
        paths: list of Path of its .pts files.
        pts_format: PtsFormat.
        model: TfliteModel; or None.
        detector: has `detect`, and is asked where the model's points cannot be
            compared; or None.
        place: what the collection is called.

    Returns:
        Decision; shown where nothing tells.
    """
    turned = [path for path in paths if _is_turned(path)]
    if not turned:
        return Decision(exif.SHOWN)
    votes = {exif.SHOWN: 0, exif.STORED: 0, None: 0}
    judge = _make_judge(pts_format.scheme, model, detector)
    for path in turned[:: -(-len(turned) // _MOST_PHOTOS)]:
        votes[_vote(path, pts_format, judge)] += 1
    frame = max((exif.SHOWN, exif.STORED), key=votes.get)
    return Decision(
        frame,
        f"{place}: {count(len(turned), 'photo')} that EXIF turns; of "
        f"{sum(votes.values())} asked, the points of {votes[exif.SHOWN]} fit as shown, "
        f"of {votes[exif.STORED]} as stored: --exif={frame}",
    )


def _is_turned(path):
    photo = find_photo(path)
    return photo is not None and exif.read_orientation(photo) != exif.UPRIGHT


def _vote(path, pts_format, judge):
    """Returns the frame that fits a photo, None if neither does."""
    try:
        points, photo, image, shrink = looks.read_face(path, pts_format)
    except (InputError, OSError):
        return None
    if looks.find_placeholder(points, pts_format.first_pixel):
        return None
    shown, size = to_shrunk(points, shrink), image.shape[1::-1]
    orientation = exif.read_orientation(photo)
    stored = exif.to_shown(shown, orientation, size, pts_format.scheme)
    candidates = {exif.SHOWN: shown, exif.STORED: stored}
    misfits = {
        frame: judge(image, candidate)
        for frame, candidate in candidates.items()
        if not looks.is_outside(candidate, size)
    }
    best = min(misfits, key=misfits.get, default=None)
    others = [misfit for frame, misfit in misfits.items() if frame != best]
    is_clear = best and all(misfits[best] * _TIMES < other for other in others)
    return best if is_clear and misfits[best] <= 1 else None


def _make_judge(scheme, model, detector):
    """Returns a function of an image and points: how badly they fit, 1 at most."""
    if model is not None and fits.find_comparison(scheme, model.scheme):
        ask = looks.Question(model, scheme)
        return lambda image, points: ask(image, points).errors[fits.PLAIN] / _MOST_ERROR

    def overlap(image, points):
        boxes = detector.detect(image)[0]
        if not len(boxes):
            return 2.0
        wanted = geometry.points_box_to_overlap(points, scheme)
        best = geometry.box_iou(boxes, wanted).max()
        return (1 - best) / (1 - _LEAST_OVERLAP)

    return overlap if detector is not None else lambda image, points: 2.0
