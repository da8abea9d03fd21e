"""From a checkpoint to a .tflite: freeze, convert, reload and compare.

The network is rebuilt in inference mode, so batch norm is frozen to its averages; the
converter then folds it into the layers before it.
"""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from landmark import files
from landmark.errors import InputError
from landmark.model import CheckpointModel
from landmark.quiet import quiet_stderr
from landmark.tflite import TfliteModel

FLOAT_NAME = "landmark.float.tflite"
# Both run the same float32 arithmetic in another order: 1e-6 is usual.
_TOLERANCE = 1e-4


def convert(model):
    """Returns a checkpoint's model as the bytes of a float .tflite.

    Args:
        model: CheckpointModel of batch size 1.

    Returns:
        bytes; the signature `serving_default` maps `image`, (1, N, N, 3 or 1) float32,
        to `points`, (1, 136) float32 crop-normalised x0 y0 x1 y1 ...
    """
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        saved_model = str(Path(folder, "saved_model"))
        with model.session.graph.as_default():
            tf.compat.v1.saved_model.simple_save(
                model.session,
                saved_model,
                inputs={"image": model.images},
                outputs={"points": model.coordinates},
            )
        return tf.lite.TFLiteConverter.from_saved_model(saved_model).convert()


def export_float(model_dir, patches_of_size):
    """Writes landmark.float.tflite beside a model's checkpoints, if it is as good as
    them.

    Args:
        model_dir: folder of the model; its newest checkpoint is taken.
        patches_of_size: function, N -> (B, N, N, 3) uint8 RGB patches to compare on.

    Returns:
        (path, largest absolute difference from the checkpoint in crop units).

    Raises:
        InputError: the two differ by more than 1e-4 crop units; nothing is written.
    """
    path = Path(model_dir, FLOAT_NAME)
    # Should this fail, the model must not be left with the file of older weights.
    path.unlink(missing_ok=True)
    model = CheckpointModel(model_dir, batch_size=1)
    patches = patches_of_size(model.input_size)
    with files.replace_when_done(path) as temporary:
        temporary.write_bytes(convert(model))
        expected, found = (
            model.predict(patches),
            TfliteModel(temporary).predict(patches),
        )
        model.close()
        difference = float(np.abs(found - expected).max())
        if not difference <= _TOLERANCE:
            raise InputError(
                f"{path}: expected the points of {model.checkpoint} within "
                f"{_TOLERANCE}, found a difference of {difference:.2g}; nothing was "
                "written"
            )
    return path, difference
