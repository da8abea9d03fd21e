"""Which face detector a file is."""

from pathlib import Path

from landmark.detection.tflite import TfliteFaceDetector
from landmark.files import disk
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr

TFLITE_NAME = "face_detector.tflite"
GRAPH_NAME = "frozen_inference_graph.pb"
# The fields of a GraphDef: node, library, versions, debug_info; and version, a number.
_VERSION_TAG = 3 << 3
_GRAPH_TAGS = {field << 3 | 2 for field in (1, 2, 4, 5)} | {_VERSION_TAG}
_LONGEST_NUMBER = 10  # Bytes.


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


def open_detector(path, input_size=0, min_conf=0.3, num_threads=None):
    """Opens a face detector; TensorFlow is loaded for a frozen graph only.

    Args:
        path: a .tflite of train_face_detector.py, or else a frozen graph (.pb); or the
            folder of one.
        input_size, min_conf: see `FaceDetector`.
        num_threads: that a .tflite may use.

    Returns:
        TfliteFaceDetector or FaceDetector.

    Raises:
        InputError: it is neither, or does not work at this size.
    """
    path = check_detector(path, input_size)
    if path.suffix != ".tflite":
        with quiet_stderr():
            from landmark.detection.frozen import FaceDetector
        return FaceDetector(path, input_size, min_conf)
    return TfliteFaceDetector(path, min_conf, num_threads, input_size)


def check_detector(path, input_size=0):
    """Refuses what is no detector, as far as that is seen without opening it.

    Args:
        path, input_size: as for `open_detector`.

    Returns:
        Path of its file.

    Raises:
        InputError: as `open_detector`.
    """
    path = find_detector(path) if Path(path).is_dir() else disk.require_file(path)
    if path.suffix != ".tflite":
        _refuse_other_files(path)
    elif input_size:
        TfliteFaceDetector(path, input_size=input_size)  # Only it knows its sizes.
    return path


def _refuse_other_files(path):
    """Refuses what is no frozen graph, or not the whole of one, before TensorFlow is.

    A graph is a protobuf: fields one after the other, each a tag, its length, and as
    many bytes; or a tag and a number.
    """
    content, place = path.read_bytes(), 0
    while place < len(content):
        tag, place = _read_number(content, place)
        length, place = _read_number(content, place)
        if tag not in _GRAPH_TAGS:
            raise InputError(
                f"{path}: expected a frozen graph (.pb), found another file"
            )
        place += 0 if tag == _VERSION_TAG else length
    if place != len(content) or not content:
        found = "a part of one" if content else "an empty file"
        raise InputError(f"{path}: expected a frozen graph (.pb), found {found}")


def _read_number(content, place):
    """Returns a protobuf's number (seven bits a byte, low ones first) and its end."""
    number = shift = 0
    for byte in content[place : place + _LONGEST_NUMBER]:
        number, shift, place = number | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return number, place
    return number, len(content) + 1  # It is cut off.
