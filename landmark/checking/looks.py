"""A look at an annotated face: what a model, a detector and the points themselves say.

Each is on its own here, so that many processes can share the work; what faces have in
common, and which of them are bad, is judged afterwards.
"""

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from landmark.checking import appearance, fits
from landmark.face import geometry, metrics
from landmark.files import exif
from landmark.files.boxes import find_boxes_below
from landmark.files.photos import find_photo, read_photo, to_shrunk
from landmark.files.pts import PtsFormat, find_repeated, read_pts
from landmark.script.errors import InputError

DEFAULT_EXTENSION = 0.1  # Of a model's crop, where it does not say.
THUMBNAIL = 32
# Mean distance, crop units, below which nobody looks for explanations.
GOOD_FIT = 0.03
NOT_READ, PLACEHOLDERS = "not read", "placeholders"
OUTSIDE = "outside the photo"
_LARGEST = 4  # Of a crop, over the photo's longer side.
_FLATTEST = 0.05  # Height of a face's points over their width, or the other way.


class Face(NamedTuple):
    """A face to look at.

    Attributes:
        path: Path of the .pts.
        name: of its patch, as extraction has it.
        folder: Path of the collection that it was found in.
        frame: exif.SHOWN or exif.STORED, of the photo, in which its points are.
    """

    path: Path
    name: str
    folder: Path
    frame: str = exif.SHOWN


class Look(NamedTuple):
    """What there is to say of a face by itself.

    Attributes:
        face: Face.
        kind: why no model need look at it, or "".
        detail: what was found, in words.
        photo: Path; None if there is none.
        thumbnail: (THUMBNAIL, THUMBNAIL) uint8, the photo in grey; None if unread.
        points_image: (P, 2) float64, image pixels; None if unread.
        square: Square, the crop around the points; None if there is none.
        orientation: of the photo's EXIF.
        seen: Seen, by the model; None without one.
        box_offset: (2,) float, where the detected face is beside the points: right and
            down, over the box's side; nan where none is found; None where none is
            sought.
        features: what `appearance` learns from; None where it is not asked to.
    """

    face: Face
    kind: str = ""
    detail: str = ""
    photo: Path | None = None
    thumbnail: Any = None
    points_image: Any = None
    square: Any = None
    orientation: int = exif.UPRIGHT
    seen: Any = None
    box_offset: Any = None
    features: Any = None

    @property
    def points(self):
        """The points, (P, 2) float, crop-normalised."""
        return geometry.to_crop(self.points_image, self.square)


class Seen(NamedTuple):
    """What a model says of a face's points.

    Attributes:
        points: (P, 2) float, as annotated, normalised to the crop that the model saw.
        predicted: (Q, 2) float, likewise, where the model has those that can be
            compared.
        errors: explanation -> mean distance, crop units, see `fits`.
        offset: (2,) float, how far right and down the points are, crop units.
        square: Square, that crop.
    """

    points: np.ndarray
    predicted: np.ndarray
    errors: dict[str, float]
    offset: np.ndarray
    square: geometry.Square


class Tool(NamedTuple):
    """What faces are looked at with.

    Attributes:
        pts_format: PtsFormat.
        model: TfliteModel whose points can be compared; or None.
        detector: has `detect`; or None.
        boxes: from `files.boxes.read_boxes`, in the frame of the points; or None.
        learns: whether `appearance` is to learn from the faces.
    """

    pts_format: PtsFormat
    model: Any = None
    detector: Any = None
    boxes: Any = None
    learns: bool = False


def make_tool(pts_format, model_path, detector, boxes, learns):
    """Returns the Tool of a process.

    Args:
        pts_format, boxes, learns: of the Tool.
        model_path: a .tflite, or None.
        detector: a function that opens one, and its arguments; or None.
    """
    model = open_model(model_path) if model_path else None
    if detector:
        open_detector, arguments = detector
        detector = open_detector(*arguments)
    return Tool(pts_format, model, detector, boxes, learns)


def open_model(path):
    """Returns the TfliteModel at a path, for one thread."""
    from landmark.model.tflite import TfliteModel

    return TfliteModel(path, num_threads=1)


def look_at(tool, face):
    """Returns the Look at a Face."""
    scheme = tool.pts_format.scheme
    look = Look(face)
    try:
        points_image, photo, image, shrink = read_face(face.path, tool.pts_format)
    except (InputError, OSError) as error:
        return look._replace(kind=NOT_READ, detail=str(error))
    look = look._replace(
        photo=photo,
        orientation=exif.read_orientation(photo),
        thumbnail=_shrink(image, THUMBNAIL),
    )
    placeholder = find_placeholder(points_image, tool.pts_format.first_pixel)
    if placeholder:
        return look._replace(kind=PLACEHOLDERS, detail=placeholder)
    points_image, size = to_shrunk(points_image, shrink), image.shape[1::-1]
    if face.frame == exif.STORED:
        points_image = exif.to_shown(points_image, look.orientation, size, scheme)
    if is_outside(points_image, size):
        look = look._replace(kind=OUTSIDE, detail="half of the points or more")
    square = face_square(points_image, scheme)
    look = look._replace(points_image=points_image, square=square)
    if square.side > _LARGEST * max(size):  # Its crop would fill the memory.
        return look._replace(kind=OUTSIDE, square=None)
    if tool.model is not None:
        look = _ask_model(look, tool, image)
    if tool.detector is not None or tool.boxes is not None:
        look = look._replace(box_offset=_find_box_offset(look, tool, image, shrink))
    if tool.learns:
        features = appearance.describe(image, square, face.name)
        look = look._replace(features=features)
    return look


def read_face(path, pts_format):
    """Reads a face.

    Returns:
        points_image as the file has them, the photo's Path, and (image, shrink) of
        `photos.read_photo`.

    Raises:
        InputError: the points or the photo cannot be read.
    """
    points_image = read_pts(path, pts_format)
    photo = find_photo(path)
    if photo is None:
        raise InputError(f"{path}: expected a photo beside it, found none")
    return points_image, photo, *read_photo(photo)


def _shrink(image, size):
    """Returns an image in grey, size x size, whatever its proportions."""
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def face_square(points_image, scheme, extension=DEFAULT_EXTENSION):
    """Returns the crop of annotated points, as where no detector frames the face."""
    box = geometry.face_box_from_points(points_image, scheme)
    return geometry.square_from_box(box, extension)


def find_placeholder(points_image, first_pixel):
    """Returns why points are no face's at all, "" if they may be one.

    Args:
        points_image: (P, 2) float, image pixels; nan where missing.
        first_pixel: what the file adds to them.
    """
    known = points_image[np.isfinite(points_image).all(axis=1)]
    if len(known) < len(points_image) / 2:
        return f"{len(known)} of {len(points_image)} points known"
    for place in find_repeated(known + first_pixel):
        shared = int((known + first_pixel == place).all(axis=1).sum())
        return f"{shared} x {place[0]:g} {place[1]:g}"
    spread = np.linalg.svd(known - known.mean(axis=0), compute_uv=False)
    if len(known) > 2 and spread[1] <= _FLATTEST * spread[0]:
        return "all points on a line"
    return ""


def is_outside(points_image, size):
    """Whether half of the points or more are outside of a photo of (width, height)."""
    known = points_image[np.isfinite(points_image).all(axis=1)]
    inside = ((known > -1) & (known < size)).all(axis=1)
    return bool(inside.mean() < 0.5)


def _ask_model(look, tool, image):
    """Returns the look with what the model says of it."""
    scheme, size = tool.pts_format.scheme, image.shape[1::-1]
    ask = Question(tool.model, scheme)
    seen = ask(image, look.points_image)
    if seen.errors[fits.PLAIN] > GOOD_FIT:
        for name, turned in _list_turned(look, size, scheme):
            if not is_outside(turned, size):
                seen.errors[name] = ask(image, turned).errors[fits.PLAIN]
    return look._replace(seen=seen)


def _list_turned(look, size, scheme):
    """Yields explanations, and the points as they would be of a photo turned since."""
    points, turn = look.points_image, look.orientation
    if turn != exif.UPRIGHT and look.face.frame == exif.SHOWN:
        yield fits.FRAMES[exif.STORED], exif.to_shown(points, turn, size, scheme)
    elif turn != exif.UPRIGHT:
        back = exif.to_stored(points, turn, size, scheme)
        yield fits.FRAMES[exif.SHOWN], back
    for name, orientation in fits.TURNS.items():
        yield name, exif.to_shown(points, orientation, size, scheme)


class Question:
    """What a model says of points in a photo.

    Args:
        model: TfliteModel, whose points can be compared.
        scheme: Scheme of the points.
    """

    def __init__(self, model, scheme):
        self._model, self._scheme = model, scheme
        self._annotation, self._prediction = fits.find_comparison(scheme, model.scheme)

    def __call__(self, image, points_image, square=None):
        """Returns the Seen of a face.

        Args:
            image: (H, W, 3) uint8.
            points_image: (P, 2) float, image pixels; nan where missing.
            square: the crop; that around the points unless given.
        """
        if square is None:
            extension = self._model.extension
            if extension is None:
                extension = DEFAULT_EXTENSION
            square = face_square(points_image, self._scheme, extension)
        patch = geometry.crop_image(image, square)
        patch = geometry.resize_patch(patch, self._model.input_size)
        predicted = self._prediction(self._model.predict(patch[None])[0])
        points = geometry.to_crop(points_image, square)
        errors = fits.explain(points, predicted, self._annotation, self._scheme)
        offset = metrics.mean(self._annotation(points) - predicted, axis=0)
        return Seen(points, predicted, errors, offset, square)


def _find_box_offset(look, tool, image, shrink):
    """Returns `Look.box_offset`: of the box that overlaps the points most."""
    if tool.boxes is not None:
        given = find_boxes_below(tool.boxes, look.photo, look.face.folder)
        boxes = to_shrunk(given, shrink)
        if look.face.frame == exif.STORED:
            boxes = exif.boxes_to_shown(boxes, look.orientation, image.shape[1::-1])
    else:
        boxes = tool.detector.detect(image)[0]
    if not len(boxes):
        return np.full(2, np.nan)
    scheme = tool.pts_format.scheme
    wanted = geometry.face_box_from_points(look.points_image, scheme)
    box = boxes[geometry.box_iou(boxes, wanted).argmax()]
    side = np.sqrt(geometry.box_area(wanted)) or 1.0
    return (box[:2] + box[2:] - wanted[:2] - wanted[2:]) / 2 / side
