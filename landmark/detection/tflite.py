"""The toolkit's own face detectors as .tflite files, run without TensorFlow."""

import functools

import numpy as np

from landmark.detection import anchors
from landmark.detection.found import check_found
from landmark.model.tflite import interpret, read_tflite
from landmark.script.errors import InputError

_ANY = -1  # Length that the caller chooses.
_SHAPES_KEPT = 8  # Of inputs, each with an interpreter of its own: some 20 MB.


def _describe(runner):
    """Returns name -> shape of the inputs and outputs."""
    details = runner.get_input_details() | runner.get_output_details()
    return {
        name: tensor["shape_signature"].tolist() for name, tensor in details.items()
    }


class TfliteFaceDetector:
    """Finds faces in photos.

    Args:
        path: the .tflite that `detection.export.export` writes.
        min_conf: detections below this score are dropped.
        num_threads: that the interpreter may use.
        input_size: longer side of the photo where small faces are looked for, in
            pixels; 0 = as the detector is meant. Only one for photos has a choice.

    Attributes:
        min_conf: as given.
        kind: `anchors.Kind` of the detector.
        sides: longer sides at which a photo is looked at, see `anchors.list_sides`.

    Raises:
        InputError: the file is missing, is no such detector, or has no choice.
    """

    def __init__(self, path, min_conf=0.3, num_threads=None, input_size=0):
        self.min_conf, self._path = min_conf, path
        content = read_tflite(path)

        def open_runner(shape):
            runner = interpret(content, path, num_threads).get_signature_runner()
            return runner, anchors.make_anchors(*shape)

        # Another shape would have an interpreter plan its memory anew.
        self._open = functools.lru_cache(_SHAPES_KEPT)(open_runner)
        self.kind = self._find_kind()
        at_least = "" if self.kind.side == anchors.SIZE else "at least "
        if input_size not in (0, anchors.SIZE) and not (
            at_least and input_size > anchors.SIZE
        ):
            raise InputError(
                f"{path}: expected a detector's input size of 0 or {at_least}"
                f"{anchors.SIZE}, found {input_size}"
            )
        self.sides = anchors.list_sides(input_size or self.kind.side)

    def _find_kind(self):
        """Returns which of `anchors.KINDS` the file is; its shapes say it."""
        count = len(anchors.make_anchors())
        camera = {
            "image": [1, anchors.SIZE, anchors.SIZE, 3],
            "boxes": [1, count, 4],
            "scores": [1, count],
        }
        photos = {
            "image": [1, _ANY, _ANY, 3],
            "offsets": [1, _ANY, 4],
            "scores": [1, _ANY],
        }
        try:
            found = _describe(self._open((anchors.SIZE, anchors.SIZE))[0])
        except (ValueError, RuntimeError):
            found = {}
        for name, shapes in (("camera", camera), ("photos", photos)):
            if found == shapes:
                return anchors.KINDS[name]
        raise InputError(
            f"{self._path}: expected a face detector {camera} or {photos}, found "
            f"{found or 'no signature'}"
        )

    def predict(self, image):
        """Runs the network.

        Args:
            image: (128, 128, 3), RGB 0..255, from `anchors.fit_photo`; of one for
                photos, sides may be any multiples of `anchors.COARSEST`.

        Returns:
            boxes: (A, 4) float32, in units of `anchors.SIZE` pixels.
            scores: (A,) float32.
        """
        run, centres = self._open(image.shape[:2])
        found = run(image=image[None].astype(np.float32))
        if "boxes" in found:
            return found["boxes"][0], found["scores"][0]
        return anchors.from_offsets(found["offsets"][0], centres), found["scores"][0]

    def _predict_safely(self, image):
        """As `predict`, but what is wrong with the weights is an InputError."""
        try:
            boxes, scores = self.predict(image)
        except (RuntimeError, ValueError) as error:  # The interpreter's.
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{self._path}: expected a face detector that runs, found: {reason}"
            ) from error
        check_found(boxes, scores, self._path)
        return boxes, scores

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
        boxes, scores = anchors.find(
            image, self.kind, self.sides, self._predict_safely, self.min_conf
        )
        # From fractions of the photo to edges in the frame of pixel centres.
        edges = boxes * (width, height, width, height) - 0.5
        return edges, scores.astype(np.float64)
