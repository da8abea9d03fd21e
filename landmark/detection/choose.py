"""Which face detector a file is."""

from pathlib import Path

from landmark.detection import anchors
from landmark.detection.tflite import TfliteFaceDetector
from landmark.files import disk
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr

TFLITE_NAME = "face_detector.tflite"
GRAPH_NAME = "frozen_inference_graph.pb"


def find_detector(folder):
    """Returns the detector's file in a folder: the .tflite if there is one.

    Raises:
        InputError: there is none.
    """
    for name in (TFLITE_NAME, GRAPH_NAME):
        path = disk.require_folder(folder) / name
        if path.is_file():
            return path
    raise InputError(f"{folder}: expected {TFLITE_NAME} or {GRAPH_NAME}, found neither")


def open_detector(path, input_size=0, min_conf=0.3):
    """Opens a face detector; TensorFlow is loaded for a frozen graph only.

    Args:
        path: a .tflite of train_face_detector.py, or else a frozen graph (.pb); or the
            folder of one.
        input_size, min_conf: see `FaceDetector`.

    Returns:
        TfliteFaceDetector or FaceDetector.

    Raises:
        InputError: it is neither, or does not work at this size.
    """
    path = find_detector(path) if Path(path).is_dir() else disk.require_file(path)
    if path.suffix != ".tflite":
        with quiet_stderr():
            from landmark.detection.frozen import FaceDetector
        return FaceDetector(path, input_size, min_conf)
    if input_size not in (0, anchors.SIZE):
        raise InputError(
            f"{path}: expected a detector's input size of 0 or {anchors.SIZE}, found "
            f"{input_size}"
        )
    return TfliteFaceDetector(path, min_conf)
