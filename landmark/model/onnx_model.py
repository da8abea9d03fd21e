"""A landmark model as ONNX, run by onnxruntime, as a server or a desktop does."""

import importlib
import json

import numpy as np

from landmark.files import disk
from landmark.model import metadata, pixels
from landmark.model.predicted import PointsModel, check_predicted
from landmark.script.errors import InputError

REQUIREMENTS = "requirements-onnx.txt"
_PACKAGES = ("onnx", "onnxruntime", "tf2onnx")


def require_packages():
    """Refuses to go on without what writes and runs ONNX.

    Raises:
        InputError: says what is to be installed.
    """
    for name in _PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise InputError(
                f"{name}: expected it for ONNX, found: {error}; install it by "
                f".venv/bin/pip install -r {REQUIREMENTS}"
            ) from error


class OnnxModel(PointsModel):
    """A landmark model in the form that `onnx_export.convert` writes.

    Args:
        path: the .onnx file.
        num_threads: that the runtime may use; 0 = as many as there are cores.

    Attributes:
        input_size: side of the patches that the model takes, in pixels.
        is_color: whether it sees their colours.
        scheme: Scheme of its points.

    Raises:
        InputError: missing, or no such model; or onnxruntime is not installed.
    """

    def __init__(self, path, num_threads=0):
        content = disk.require_file(path).read_bytes()
        require_packages()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.log_severity_level = 4  # What it has to say is in the error.
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
            notes = self._session.get_modelmeta().custom_metadata_map
            note = json.loads(notes[metadata.NAME])
        # onnxruntime raises classes of its own, of C++.
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{path}: expected an ONNX model of save_with_bnorm_off.py, found: "
                f"{reason}"
            ) from error
        self._path = path
        self.scheme = metadata.parse(note, path).scheme
        (image,) = self._session.get_inputs()
        self._takes_bytes = image.type == "tensor(uint8)"
        self.input_size, self.is_color = image.shape[1], image.shape[3] == 3
        self._outputs = [output.name for output in self._session.get_outputs()]

    def predict_with_spread(self, patches):
        """Predicts the points of patches, and how unsure they are.

        Args:
            patches: (B, N, N, 3) uint8 RGB, N = input_size.

        Returns:
            points: (B, P, 2) float32, crop-normalised.
            spread: (B, P) float32, crop units; nan of networks that do not know it.

        Raises:
            InputError: it gives no points, as its weights are broken.
        """
        images = pixels.to_network_input(patches.astype(np.float32), self.is_color)
        if self._takes_bytes:
            images = np.rint(images * 128 + 128).astype(np.uint8)
        outputs = self._session.run(self._outputs, {"image": images})
        found = dict(zip(self._outputs, outputs, strict=True))
        points = found["points"].reshape(-1, self.scheme.num_points, 2)
        spread = found.get("spread")
        check_predicted(points, spread, self._path)
        if spread is None:
            spread = np.full(points.shape[:2], np.nan, np.float32)
        return points, spread
