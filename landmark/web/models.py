"""Which models a browser can run, and what the page is told of them."""

import json
from pathlib import Path

from landmark.detection.tflite import TfliteFaceDetector
from landmark.files import disk
from landmark.model import locate, metadata
from landmark.model.tflite import TfliteModel, open_interpreter, read_tflite
from landmark.script.errors import InputError

_DETECTOR_NAME = "face_detector.tflite"
_REFERENCE = "reference.json", "reference.png"
_TYPES = "float32", "uint8"  # Of inputs.


def find_model(path):
    """Returns the .tflite that a landmark model is, as Path.

    Raises:
        InputError: it is a checkpoint or a folder, and so to be exported first; or it
            is missing, or another file.
    """
    path = Path(path)
    if path.is_dir():
        found, folder = "a folder", path
    elif path.suffix != ".tflite" and Path(f"{_without_index(path)}.index").is_file():
        found, folder = "a checkpoint", path.parent
    else:
        locate.check_tflite(disk.require_file(path))
        return path
    exported = sorted(folder.glob("*.tflite"))
    hint = f"export it: python save_with_bnorm_off.py --models_dir={folder}"
    if exported:
        hint = f"give {' or '.join(map(str, exported))}, or {hint}"
    raise InputError(f"{path}: expected a .tflite, found {found}; {hint}")


def _without_index(path):
    return str(path).removesuffix(".index")


def find_detector(path):
    """Returns the .tflite of a detector or of its folder, as Path.

    Raises:
        InputError: there is none, or a browser cannot run it.
    """
    path = Path(path)
    path = path / _DETECTOR_NAME if path.is_dir() else path
    TfliteFaceDetector(disk.require_file(path))
    (image,) = open_interpreter(path).get_input_details()
    if -1 in image["shape_signature"]:
        raise InputError(
            f"{path}: expected a detector of one size, as pretrained/face_ssd_128 is, "
            "found one for photos, of any size"
        )
    return path


def describe_model(path):
    """Returns what the page is told of a landmark model.

    Args:
        path: the .tflite.

    Returns:
        dict: name, note (landmark.json, of files without one that of the 68 points),
        points that the file's reference.json expects, or null.

    Raises:
        InputError: it is no landmark model, or a browser cannot run it.
    """
    model, content = TfliteModel(path), read_tflite(path)
    (image,) = open_interpreter(path).get_input_details()
    if image["dtype"].__name__ not in _TYPES:
        raise InputError(
            f"{path}: expected an input of {' or '.join(_TYPES)}, as "
            f"save_with_bnorm_off.py writes it, found {image['dtype'].__name__}"
        )
    note = metadata.read_note(content, path) or metadata.describe(
        metadata.Metadata(), model.input_size, model.is_color
    )
    name = f"{path.resolve().parent.name} / {path.stem}"
    return {"name": name, "note": note, "expected": _read_expected(path)}


def find_reference(path):
    """Returns the patch (reference.png) beside a model; None if there is none."""
    files = [path.parent / name for name in _REFERENCE]
    return files[1] if all(file.is_file() for file in files) else None


def _read_expected(path):
    """Returns the points of a model's reference.json, list; None if it has none."""
    if not find_reference(path):
        return None
    place = path.parent / _REFERENCE[0]
    try:
        told = json.loads(disk.read_text(place)).get(path.name)
        return told and [float(number) for number in told["points"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{place}: expected the points of each .tflite, found another file"
        ) from error
