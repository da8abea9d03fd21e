"""From a photo to the landmarks of every face in it."""

import time
from typing import NamedTuple

import numpy as np

from landmark.face import geometry

# Spread of a point whose bins show just what `losses.bin_cross_entropy` teaches them: a
# Gaussian of 1.5 bins in x and in y.
_SHARPEST_SPREAD = 0.0189
_TWICE = 0.5  # IoU of the points' boxes of two faces that are one.


class Face(NamedTuple):
    """What is known of one face.

    Attributes:
        box: (4,) float, image pixels, as the detector gave it, or in a video as the
            points of the frame before give it.
        score: the detector's confidence, 0..1.
        points_image: (68, 2) float, image pixels.
        confidence: that the points are right, 0..1, see `points_confidence`; nan of
            models that do not tell.
        track: number of the face in a video; None in a photo.
    """

    box: np.ndarray
    score: float
    points_image: np.ndarray
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

    Args:
        detector: FaceDetector, or whatever has its `detect`.
        model: CheckpointModel or TfliteModel.
        extend_ratio: how much larger than the box the crop is, as in extraction.

    Attributes:
        seconds: (detector, landmarks) spent so far.
    """

    def __init__(self, detector, model, extend_ratio):
        self._detector = detector
        self._model = model
        self._extend_ratio = extend_ratio
        self.seconds = np.zeros(2)

    def detect(self, image):
        """Finds the boxes of a photo's faces; see `FaceDetector.detect`."""
        start = time.perf_counter()
        found = self._detector.detect(image)
        self.seconds[0] += time.perf_counter() - start
        return found

    def find_points(self, image, boxes):
        """Finds the landmarks in boxes of a photo.

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: n of (4,) float, image pixels.

        Returns:
            points_image: (n, 68, 2) float, image pixels.
            confidence: (n,) float, see `points_confidence`.
        """
        start = time.perf_counter()
        squares = [geometry.square_from_box(box, self._extend_ratio) for box in boxes]
        size = self._model.input_size
        patches = np.zeros((len(squares), size, size, 3), np.uint8)
        for patch, square in zip(patches, squares, strict=True):
            patch[:] = geometry.resize_patch(geometry.crop_image(image, square), size)
        points, spread = self._model.predict_with_spread(patches)
        points_image = [
            geometry.from_crop(face_points, square)
            for face_points, square in zip(points, squares, strict=True)
        ]
        self.seconds[1] += time.perf_counter() - start
        return np.reshape(points_image, points.shape), points_confidence(spread)

    def find_faces(self, image):
        """Finds the faces of a photo.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            list of Face, best score first.
        """
        boxes, scores = self.detect(image)
        points_image, confidence = self.find_points(image, boxes)
        sure = np.where(np.isnan(confidence), scores, confidence)
        return [
            Face(boxes[i], float(scores[i]), points_image[i], float(confidence[i]))
            for i in sorted(find_distinct(points_image, sure))
        ]
