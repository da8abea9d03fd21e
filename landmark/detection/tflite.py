"""The toolkit's own face detector as a .tflite, run without TensorFlow."""

import numpy as np

from landmark.detection import anchors
from landmark.detection.found import check_found
from landmark.model.tflite import open_interpreter
from landmark.script.errors import InputError


class TfliteFaceDetector:
    """Finds faces in photos.

    Args:
        path: the .tflite that `detection.export.export` writes.
        min_conf: detections below this score are dropped.
        num_threads: that the interpreter may use.

    Raises:
        InputError: the file is missing, or is no such detector.
    """

    def __init__(self, path, min_conf=0.3, num_threads=None):
        self._min_conf, self._path = min_conf, path
        interpreter = open_interpreter(path, num_threads)
        expected = {
            "image": [1, anchors.SIZE, anchors.SIZE, 3],
            "boxes": [1, len(anchors.make_anchors()), 4],
            "scores": [1, len(anchors.make_anchors())],
        }
        try:
            self._run = interpreter.get_signature_runner()
            details = self._run.get_input_details() | self._run.get_output_details()
        except (ValueError, RuntimeError):
            details = {}
        found = {name: tensor["shape"].tolist() for name, tensor in details.items()}
        if found != expected:
            raise InputError(
                f"{path}: expected a face detector {expected}, found "
                f"{found or 'no signature'}"
            )

    def predict(self, square):
        """Runs the network.

        Args:
            square: (128, 128, 3), RGB 0..255, from `anchors.fit_photo`.

        Returns:
            boxes: (A, 4) float32, 0..1 over the square.
            scores: (A,) float32.
        """
        found = self._run(image=square[None].astype(np.float32))
        return found["boxes"][0], found["scores"][0]

    def detect(self, image):
        """Finds the faces of one photo.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            boxes: (n, 4) float64, image pixels, best score first.
            scores: (n,) float64, all at least min_conf.

        Raises:
            InputError: its weights are broken.
        """
        height, width = image.shape[:2]
        square, filled = anchors.fit_photo(image)
        try:
            boxes, scores = self.predict(square)
        except (RuntimeError, ValueError) as error:  # The interpreter's.
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{self._path}: expected a face detector that runs, found: {reason}"
            ) from error
        check_found(boxes, scores, self._path)
        boxes, scores = anchors.choose(boxes, scores, self._min_conf)
        # From fractions of the photo to edges in the frame of pixel centres.
        edges = boxes / filled * (width, height, width, height) - 0.5
        return edges, scores.astype(np.float64)
