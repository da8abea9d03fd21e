"""A .tflite model, run without TensorFlow, as the phone does."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from landmark.face.metrics import SHARPEST_SPREAD
from landmark.files import disk
from landmark.model import locate, metadata, pixels
from landmark.model.predicted import PointsModel, check_predicted
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr

_NO_TENSOR = {"dtype": type(None), "shape": np.zeros(0, int), "quantization": (0, 0)}


def open_interpreter(path, num_threads=None):
    """Opens a .tflite.

    Args:
        path: the file.
        num_threads: that the interpreter may use.

    Returns:
        an Interpreter with its tensors allocated.

    Raises:
        InputError: missing, or no .tflite.
    """
    return interpret(read_tflite(path), path, num_threads)


def read_tflite(path):
    """Returns the bytes of a .tflite.

    Raises:
        InputError: missing, or another file.
    """
    locate.check_tflite(disk.require_file(path))
    return Path(path).read_bytes()


def interpret(content, path, num_threads=None):
    """Returns an Interpreter of a .tflite's bytes; see `open_interpreter`."""
    with quiet_stderr():  # Which would tell all, if an error got through it.
        interpreter, reason = _allocate(content, num_threads)
    if reason:
        raise InputError(f"{path}: expected a .tflite model, found: {reason}")
    return interpreter


def _allocate(content, num_threads):
    """Returns the Interpreter of a .tflite's bytes, and what is wrong, if anything."""
    try:
        # Not by its path, which may be no text.
        interpreter = Interpreter(model_content=content, num_threads=num_threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        return None, str(error).partition("\n")[0]
    return interpreter, None


class TfliteModel(PointsModel):
    """A landmark model in the form that `save_with_bnorm_off.py` writes.

    Args:
        path: the .tflite file.
        num_threads: that the interpreter may use.

    Attributes:
        input_size: side of the patches that the model takes, in pixels.
        is_color: whether it sees their colours.
        scheme: Scheme of its points; ibug68 of a file that does not say.
        extension: by which share its crops are larger than a detector's box; None of a
            file that does not say.
        sharpest_spread: what its spread is measured by, see `points_confidence`.
        error_per_spread: (P,) float64, what the spread of each point is multiplied by
            for the error to expect; None of a file that does not say.

    Raises:
        InputError: missing, no .tflite, or not (1, N, N, 3 or 1) -> (1, 2 P).
    """

    def __init__(self, path, num_threads=None):
        self._path = path
        content = read_tflite(path)
        self._interpreter = interpret(content, path, num_threads)
        note = metadata.read_note(content, path)
        told = metadata.Metadata() if note is None else metadata.parse(note, path)
        self.scheme, self.extension = told.scheme, told.extension
        self.sharpest_spread = told.sharpest_spread or SHARPEST_SPREAD
        factors = told.error_per_spread
        self.error_per_spread = None if factors is None else np.array(factors)
        self._input = (self._interpreter.get_input_details() or [_NO_TENSOR])[0]
        outputs = {
            tuple(output["shape"].tolist()): output
            for output in self._interpreter.get_output_details()
        }
        self._points = outputs.get((1, self.scheme.num_coordinates))
        self._spread = outputs.get((1, self.scheme.num_points))
        shape = self._input["shape"].tolist()
        if (
            len(shape) != 4
            or shape != [1, shape[1], shape[1], shape[3]]
            or shape[3] not in (1, 3)
            or not self._points
            or not all(map(_has_meaning, (self._input, self._points)))
            or (self._spread and not _has_meaning(self._spread))
        ):
            raise InputError(
                f"{path}: expected a float32 or quantised model (1, N, N, 3 or 1) -> "
                f"(1, {self.scheme.num_coordinates}), of scheme {self.scheme.name}, "
                f"found {self._input['dtype'].__name__} {shape} -> "
                f"{', '.join(str(list(found)) for found in outputs)}"
            )
        self.input_size = shape[1]
        self.is_color = shape[3] == 3

    def predict_with_spread(self, patches):
        """Predicts the points of patches, and how unsure they are.

        Args:
            patches: (B, N, N, 3) uint8 RGB, N = input_size.

        Returns:
            points: (B, P, 2) float32, crop-normalised.
            spread: (B, P) float32, crop units; nan of networks that do not know it.

        Raises:
            InputError: it does not run, or gives no points, as its weights are broken.
        """
        num_points = self.scheme.num_points
        points = np.zeros((len(patches), num_points, 2), np.float32)
        spread = np.full((len(patches), num_points), np.nan, np.float32)
        for index, patch in enumerate(patches.astype(np.float32)):
            image = pixels.to_network_input(patch, self.is_color)
            try:
                points[index], told = self._run(_quantize(image[None], self._input))
            except (RuntimeError, ValueError) as error:  # The interpreter's.
                reason = str(error).partition("\n")[0]
                raise InputError(
                    f"{self._path}: expected a .tflite model that runs, found: {reason}"
                ) from error
            if self._spread:
                spread[index] = told
        check_predicted(points, spread if self._spread else None, self._path)
        return points, spread

    def _run(self, image):
        """Returns the points and the spread, or None, of an input."""
        self._interpreter.set_tensor(self._input["index"], image)
        self._interpreter.invoke()
        points = self._read(self._points).reshape(self.scheme.num_points, 2)
        return points, self._read(self._spread) if self._spread else None

    def close(self):
        """Gives its memory back."""
        self._interpreter = None

    def _read(self, details):
        """Returns what an output holds, float32."""
        return _dequantize(self._interpreter.get_tensor(details["index"]), details)


def _has_meaning(details):
    """Whether a tensor holds float values, or levels of a known scale."""
    is_of_levels = details["dtype"] in (np.uint8, np.int8, np.int16)
    is_scaled = 0 < details["quantization"][0] < np.inf
    return details["dtype"] == np.float32 or (is_of_levels and is_scaled)


def _quantize(values, details):
    """Returns float values as a tensor takes them: as they are, or as its levels."""
    dtype = details["dtype"]
    if dtype == np.float32:
        return values
    scale, zero_point = details["quantization"]
    levels = np.rint(values / scale + zero_point)
    return np.clip(levels, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)


def _dequantize(levels, details):
    """Returns what the levels of a tensor stand for, float32."""
    if details["dtype"] == np.float32:
        return levels
    scale, zero_point = details["quantization"]
    return (levels.astype(np.float32) - zero_point) * np.float32(scale)
