"""From a photo to the landmarks of every face in it."""

import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from landmark.face import geometry
from landmark.face.metrics import SHARPEST_SPREAD, points_confidence
from landmark.face.scheme import IBUG68, Scheme
from landmark.live import crops
from landmark.live.distinct import cover, find_distinct, list_confusing
from landmark.live.images import ImageLike, to_rgb
from landmark.live.turned import find_turned
from landmark.script.errors import InputError

DEFAULT_EXTENSION = 0.1  # Of models that do not say theirs.
MIN_CONFIDENCE = 0.3  # Of the points, where none is asked for.
_REACH = 4  # Edges of a box from the image's corner, over the image's longer side.


class _Detector(Protocol):
    def detect(self, image: npt.NDArray[np.uint8]) -> tuple[Any, Any]: ...


class _Model(Protocol):
    input_size: int

    def predict_with_spread(
        self, patches: npt.NDArray[np.uint8]
    ) -> tuple[Any, Any]: ...


class Face(NamedTuple):
    """What is known of one face.

    Attributes:
        box: (4,) float64, image pixels x0 y0 x1 y1 from 0 at the centre of the top-left
            pixel; as the detector gave it, or in a video as the points of the frame
            before give it. It may leave the image.
        score: the detector's confidence, 0..1.
        points_image: (P, 2) float64, image pixels x y, likewise.
        confidence: that the points are right, 0..1, see `points_confidence`; nan of
            models that do not tell.
        track: number of the face in a video; None in a photo.
        scheme: Scheme of the points: what each is, and which are joined.
        spread: (P,) float64, how unsure each point is, image pixels: the deviation that
            the model expects; nan of models that do not tell.
        expected_error: (P,) float64, how far each point will be off on average, image
            pixels; nan of models without factors, see `model.calibration`.
    """

    box: npt.NDArray[np.float64]
    score: float
    points_image: npt.NDArray[np.float64]
    confidence: float = np.nan
    track: int | None = None
    scheme: Scheme = IBUG68
    spread: npt.NDArray[np.float64] | None = None
    expected_error: npt.NDArray[np.float64] | None = None


class Landmarks(NamedTuple):
    """The points in a box, by the model that is surest of them.

    Attributes:
        points_image: (P, 2) float64, image pixels.
        confidence: 0..1, see `points_confidence`; nan of models that do not tell.
        scheme: Scheme of the points.
        spread: (P,) float64, of each point, image pixels; nan likewise.
        expected_error: (P,) float64, likewise, see Face.
    """

    points_image: npt.NDArray[np.float64]
    confidence: float
    scheme: Scheme
    spread: npt.NDArray[np.float64] | None = None
    expected_error: npt.NDArray[np.float64] | None = None


def are_boxes(boxes, shape):
    """Returns which boxes a crop can be cut out for: (n,) bool.

    Args:
        boxes: (n, 4) float, image pixels.
        shape: of the image, (H, W, ...).

    Returns:
        whether each is finite, not inside out, and not far from the image.
    """
    is_near = np.abs(boxes) <= _REACH * max(shape[:2])
    return is_near.all(axis=1) & (boxes[:, :2] <= boxes[:, 2:]).all(axis=1)


class FaceLandmarker:
    """Detector, crop and landmark models in one.

    Several threads may use it, but it works for one of them at a time.

    Args:
        detector: FaceDetector, or whatever has its `detect`.
        model: CheckpointModel or TfliteModel; or a list of them that tell how sure they
            are, of which the surest counts, face by face.
        extend_ratio: how much larger than the box the crop is, as in extraction; None
            is what each model says, or else 0.1.
        min_confidence: of the points, below which `find_faces` drops a face. Those of a
            model that does not tell stay.
        any_rotation: whether `find_faces` finds faces at any angle; it takes four times
            as long.
        num_crops: of each face, over which its points are averaged: 1, 3 or 9, see
            `crops.find_points`.

    Attributes:
        min_confidence, any_rotation: as given.
        dropped: number of faces dropped for their confidence so far.
        seconds: (2,) float64, spent by the detector and on landmarks so far.
    """

    def __init__(
        self,
        detector: _Detector,
        model: _Model | Sequence[_Model],
        extend_ratio: float | None = None,
        min_confidence: float = 0.0,
        any_rotation: bool = False,
        num_crops: int = 1,
    ) -> None:
        self._detector = detector
        self._num_crops = num_crops
        self.any_rotation = any_rotation
        self._models = list(model) if isinstance(model, Sequence) else [model]
        self._extend_ratio = extend_ratio
        self._lock = threading.Lock()  # Interpreters serve one thread.
        self.min_confidence = min_confidence
        self.dropped = 0
        self.seconds = np.zeros(2)

    def detect(
        self, image: ImageLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Finds the boxes of an image's faces.

        Args:
            image: what `find_faces` takes.

        Returns:
            boxes: (n, 4) float64, image pixels, best score first.
            scores: (n,) float64, 0..1.

        Raises:
            InputError: `to_rgb` refuses the image.
        """
        pixels = to_rgb(image)
        with self._lock:
            start = time.perf_counter()
            boxes, scores = self._detector.detect(pixels)
            self.seconds[0] += time.perf_counter() - start
        kept = are_boxes(boxes, pixels.shape)
        return boxes[kept], scores[kept]

    def find_points(
        self, image: ImageLike, boxes: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Finds the landmarks in boxes of an image.

        Args:
            image: what `find_faces` takes.
            boxes: n of (4,) float, image pixels, as a detector has them: with the
                forehead. They may leave the image, though not by far.

        Returns:
            points_image: (n, P, 2) float64, image pixels; of models of several schemes
                a list of n of (P, 2), which `find_landmarks` tells apart.
            confidence: (n,) float32, see `points_confidence`.

        Raises:
            InputError: `to_rgb` refuses the image, or these are no boxes.
        """
        found = self.find_landmarks(image, boxes)
        points_image = [landmarks.points_image for landmarks in found]
        schemes = {_scheme_of(model) for model in self._models}
        if len(schemes) == 1:
            points_image = np.reshape(points_image, (-1, schemes.pop().num_points, 2))
        return points_image, np.array([f.confidence for f in found], np.float32)

    def find_landmarks(self, image: ImageLike, boxes: npt.ArrayLike) -> list[Landmarks]:
        """Finds the landmarks in boxes of an image, as `find_points` does.

        A face that is unsure beside a surer one is sought once more with that covered:
        of two faces in a crop, the points may lie on the wrong one, or on both.

        Returns:
            n of Landmarks.
        """
        pixels = to_rgb(image)
        boxes = _check_boxes(boxes, pixels.shape)
        with self._lock:
            start = time.perf_counter()
            found = self._find(pixels, boxes)
            for index in np.argsort([-landmarks.confidence for landmarks in found]):
                confusing = list_confusing(found, boxes, index)
                if confusing:
                    alone = cover(pixels, confusing)
                    again = self._find(alone, boxes[index : index + 1])
                    found[index] = _surest([found[index], *again])
            self.seconds[1] += time.perf_counter() - start
        return found

    def _find(self, image, boxes):
        """Returns the Landmarks in boxes by the model that is surest of each."""
        by_model = [self._run(model, image, boxes) for model in self._models]
        return [_surest(found) for found in zip(*by_model, strict=True)]

    def _run(self, model, image, boxes):
        """Returns the Landmarks in boxes of an image by one of the models."""
        extension = self._extend_ratio
        if extension is None:
            extension = getattr(model, "extension", None)
        if extension is None:
            extension = DEFAULT_EXTENSION
        squares = [geometry.square_from_box(box, extension) for box in boxes]
        points_image, spread = crops.find_points(model, image, squares, self._num_crops)
        sharpest = getattr(model, "sharpest_spread", SHARPEST_SPREAD)
        sure = points_confidence(spread, sharpest)
        factors = getattr(model, "error_per_spread", None)
        factors = np.nan if factors is None else factors
        sides = np.reshape([square.side for square in squares], (-1, 1))
        spread_image = np.float64(spread) * sides
        parts = points_image, sure, spread_image, spread_image * factors
        return [
            Landmarks(points, confidence, _scheme_of(model), *told)
            for points, confidence, *told in zip(*parts, strict=True)
        ]

    @property
    def schemes(self):
        """The Schemes of its models, each once."""
        return list(dict.fromkeys(map(_scheme_of, self._models)))

    def find_faces(
        self,
        image: ImageLike,
        boxes: npt.ArrayLike | None = None,
        scores: npt.ArrayLike | None = None,
    ) -> list[Face]:
        """Finds the faces of an image.

        Args:
            image: an upright PIL image, or an array (H, W, 3) RGB, (H, W, 4) RGBA,
                whose alpha is dropped, (H, W) or (H, W, 1) grey; of uint8, uint16
                0..65535, float 0..1, or bool.
            boxes: n of (4,) float, where faces are, instead of the detector's; as
                `find_points` takes them.
            scores: n of float, 0..1, of these; 1 if not given.

        Returns:
            list of Face, best score first, without those that are less sure than
            `min_confidence`.

        Raises:
            InputError: `to_rgb` refuses the image, or these are no boxes.
        """
        pixels = to_rgb(image)
        if boxes is not None:
            boxes = _check_boxes(boxes, pixels.shape)
            scores = np.ones(len(boxes)) if scores is None else np.asarray(scores)
            found = self.find_landmarks(pixels, boxes)
        elif self.any_rotation:
            boxes, scores, found = find_turned(
                pixels, self.find_upright, self.find_landmarks
            )
        else:
            boxes, scores, found = self.find_upright(pixels)
        if not len(boxes):
            _warn_of_darkness(pixels)
        confidence = np.array([landmarks.confidence for landmarks in found])
        sure = np.where(np.isnan(confidence), scores, confidence)
        faces = [
            Face(
                boxes[i],
                float(scores[i]),
                found[i].points_image,
                float(found[i].confidence),
                scheme=found[i].scheme,
                spread=found[i].spread,
                expected_error=found[i].expected_error,
            )
            for i in sorted(find_distinct(found, sure))
        ]
        kept = [face for face in faces if not face.confidence < self.min_confidence]
        with self._lock:
            self.dropped += len(faces) - len(kept)
        return kept

    def find_upright(self, image):
        """Finds faces of an image that are upright, sure or not.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            boxes (n, 4), scores (n,), and n of Landmarks.
        """
        boxes, scores = self.detect(image)
        return boxes, scores, self.find_landmarks(image, boxes)


def _surest(found):
    return max(found, key=lambda landmarks: landmarks.confidence)


def _scheme_of(model):
    """Returns the Scheme of a model; one that does not say is of ibug68."""
    return getattr(model, "scheme", IBUG68)


def _check_boxes(boxes, shape):
    """Returns boxes of an image of this shape as (n, 4) float64, or refuses them."""
    try:
        boxes = np.asarray(boxes)
    except ValueError as error:
        raise InputError(f"boxes: expected shape (n, 4), found: {error}") from error
    if not boxes.size:
        return np.zeros((0, 4))
    if boxes.shape[1:] != (4,):
        raise InputError(f"boxes: expected shape (n, 4), found {boxes.shape}")
    if boxes.dtype.kind not in "fiu" or not np.isfinite(boxes).all():
        raise InputError(f"boxes: expected finite numbers, found {boxes.tolist()}")
    boxes = boxes.astype(np.float64)
    wrong = boxes[~are_boxes(boxes, shape)]
    if len(wrong):
        raise InputError(
            f"boxes: expected x0 <= x1, y0 <= y1 and at most {_REACH} times the "
            f"image's longer side, found {wrong[0].tolist()}"
        )
    return boxes


def _warn_of_darkness(pixels):
    """Warns where an image without faces looks like 0..1 given as bytes."""
    if pixels.max() == 1:
        warnings.warn(
            "image: expected uint8 of 0..255, found 0 and 1 only, next to black; give "
            "what is meant as 0..1 as float",
            stacklevel=3,
        )
