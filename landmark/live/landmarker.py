"""From a photo to the landmarks of every face in it."""

import threading
import time
import warnings
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from landmark.face import geometry
from landmark.live.images import ImageLike, to_rgb
from landmark.script.errors import InputError

# Spread of a point whose bins show just what `losses.bin_cross_entropy` teaches them: a
# Gaussian of 1.5 bins in x and in y.
_SHARPEST_SPREAD = 0.0189
_TWICE = 0.5  # IoU of the points' boxes of two faces that are one.


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
        points_image: (68, 2) float64, image pixels x y, likewise.
        confidence: that the points are right, 0..1, see `points_confidence`; nan of
            models that do not tell.
        track: number of the face in a video; None in a photo.
    """

    box: npt.NDArray[np.float64]
    score: float
    points_image: npt.NDArray[np.float64]
    confidence: float = np.nan
    track: int | None = None


def points_confidence(spread):
    """Returns how sure a model is of a face's points: (..., 68) -> (...), 0..1.

    It is 1 where the points are as sharp as training wanted them, 0.5 where they are
    spread twice as wide. What is no face has less than 0.1.
    """
    return np.minimum(1.0, _SHARPEST_SPREAD / spread.mean(axis=-1))


def find_distinct(points_image, scores):
    """Returns which faces are not found twice, by where their points are.

    Args:
        points_image: (n, 68, 2) float, image pixels.
        scores: (n,) float; of two on the same face, the higher one stays.

    Returns:
        (m,) int64, highest score first.
    """
    boxes = geometry.face_box_from_points(points_image)
    return geometry.suppress(boxes, scores, _TWICE)


class FaceLandmarker:
    """Detector, crop and landmark model in one.

    Several threads may use it, but it works for one of them at a time.

    Args:
        detector: FaceDetector, or whatever has its `detect`.
        model: CheckpointModel or TfliteModel.
        extend_ratio: how much larger than the box the crop is, as in extraction.
        min_confidence: of the points, below which `find_faces` drops a face. Those of a
            model that does not tell stay.

    Attributes:
        min_confidence: as given.
        dropped: number of faces dropped for their confidence so far.
        seconds: (2,) float64, spent by the detector and on landmarks so far.
    """

    def __init__(
        self,
        detector: _Detector,
        model: _Model,
        extend_ratio: float,
        min_confidence: float = 0.0,
    ) -> None:
        self._detector = detector
        self._model = model
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
            found = self._detector.detect(pixels)
            self.seconds[0] += time.perf_counter() - start
        return found

    def find_points(
        self, image: ImageLike, boxes: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Finds the landmarks in boxes of an image.

        Args:
            image: what `find_faces` takes.
            boxes: n of (4,) float, image pixels, as a detector has them: with the
                forehead.

        Returns:
            points_image: (n, 68, 2) float64, image pixels.
            confidence: (n,) float32, see `points_confidence`.

        Raises:
            InputError: `to_rgb` refuses the image, or these are no boxes.
        """
        pixels, boxes = to_rgb(image), _check_boxes(boxes)
        with self._lock:
            start = time.perf_counter()
            squares = [
                geometry.square_from_box(box, self._extend_ratio) for box in boxes
            ]
            points, spread = self._model.predict_with_spread(
                self._cut_patches(pixels, squares)
            )
            points_image = [
                geometry.from_crop(face_points, square)
                for face_points, square in zip(points, squares, strict=True)
            ]
            self.seconds[1] += time.perf_counter() - start
        return np.reshape(points_image, points.shape), points_confidence(spread)

    def _cut_patches(self, image, squares):
        """Returns crops of (H, W, 3) uint8 as the model takes them: (n, N, N, 3)."""
        size = self._model.input_size
        patches = np.zeros((len(squares), size, size, 3), np.uint8)
        for patch, square in zip(patches, squares, strict=True):
            patch[:] = geometry.resize_patch(geometry.crop_image(image, square), size)
        return patches

    def find_faces(self, image: ImageLike) -> list[Face]:
        """Finds the faces of an image.

        Args:
            image: an upright PIL image, or an array (H, W, 3) RGB, (H, W, 4) RGBA,
                whose alpha is dropped, (H, W) or (H, W, 1) grey; of uint8, uint16
                0..65535, float 0..1, or bool.

        Returns:
            list of Face, best score first, without those that are less sure than
            `min_confidence`.

        Raises:
            InputError: `to_rgb` refuses the image.
        """
        pixels = to_rgb(image)
        boxes, scores = self.detect(pixels)
        if not len(boxes):
            _warn_of_darkness(pixels)
        points_image, confidence = self.find_points(pixels, boxes)
        sure = np.where(np.isnan(confidence), scores, confidence)
        faces = [
            Face(boxes[i], float(scores[i]), points_image[i], float(confidence[i]))
            for i in sorted(find_distinct(points_image, sure))
        ]
        kept = [face for face in faces if not face.confidence < self.min_confidence]
        with self._lock:
            self.dropped += len(faces) - len(kept)
        return kept


def _check_boxes(boxes):
    """Returns boxes as (n, 4) float64, or refuses them."""
    boxes = np.asarray(boxes, np.float64)
    if boxes.size and boxes.shape[1:] != (4,):
        raise InputError(f"boxes: expected shape (n, 4), found {boxes.shape}")
    if not np.isfinite(boxes).all():
        raise InputError(f"boxes: expected finite numbers, found {boxes.tolist()}")
    return boxes


def _warn_of_darkness(pixels):
    """Warns where an image without faces looks like 0..1 given as bytes."""
    if pixels.max() == 1:
        warnings.warn(
            "image: expected uint8 of 0..255, found 0 and 1 only, next to black; give "
            "what is meant as 0..1 as float",
            stacklevel=3,
        )
