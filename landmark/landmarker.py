"""From a photo to the landmarks of every face in it."""

import time
from typing import NamedTuple

import numpy as np

from landmark import geometry


class Face(NamedTuple):
    """What is known of one face.

    Attributes:
        box: (4,) float, image pixels, as the detector gave it.
        score: the detector's confidence, 0..1.
        points_image: (68, 2) float, image pixels.
    """

    box: np.ndarray
    score: float
    points_image: np.ndarray


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

    def find_faces(self, image):
        """Finds all faces of a photo, (H, W, 3) uint8 RGB; returns a list of Face."""
        started = time.perf_counter()
        boxes, scores = self._detector.detect(image)
        detected = time.perf_counter()
        squares = [geometry.square_from_box(box, self._extend_ratio) for box in boxes]
        size = self._model.input_size
        patches = [
            geometry.resize_patch(geometry.crop_image(image, square), size)
            for square in squares
        ]
        points = self._model.predict(np.stack(patches)) if patches else []
        self.seconds += detected - started, time.perf_counter() - detected
        return [
            Face(box, float(score), geometry.from_crop(face_points, square))
            for box, score, face_points, square in zip(
                boxes, scores, points, squares, strict=True
            )
        ]
