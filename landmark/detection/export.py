"""From a checkpoint of the face detector to a frozen graph and a .tflite."""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_slim as slim

from landmark.detection import anchors, ssd
from landmark.detection.choose import GRAPH_NAME, TFLITE_NAME
from landmark.detection.tflite import TfliteFaceDetector
from landmark.files import disk
from landmark.model.checkpoint import restore, variables_in_checkpoint
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr
from landmark.synthetic.faces import draw_face

v1 = tf.compat.v1

_OUTPUTS = (
    "detection_boxes",
    "detection_scores",
    "detection_classes",
    "num_detections",
)
# Largest differences of a score and of a box, 0..1 over the square: the .tflite holds
# its weights as halves.
_TOLERANCE = 0.02


def _restore(session, checkpoint, moving_average_decay):
    """Fills the session's network with the moving averages of a checkpoint."""
    variables = variables_in_checkpoint(
        slim.get_model_variables(), moving_average_decay
    )
    restore(v1.train.Saver(variables), session, str(checkpoint))


def freeze(checkpoint, moving_average_decay):
    """Returns the frozen graph of a checkpoint, a GraphDef; see `ssd.build_detections`.

    Args:
        checkpoint: its path.
        moving_average_decay: that it was trained with.
    """
    with tf.Graph().as_default() as graph, v1.Session() as session, quiet_stderr():
        ssd.build_detections()
        _restore(session, checkpoint, moving_average_decay)
        return v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), _OUTPUTS
        )


def convert(checkpoint, moving_average_decay):
    """Returns a checkpoint's network as the bytes of a .tflite, and examples.

    The .tflite maps `image`, (1, 128, 128, 3) float32 RGB 0..255 as `anchors.fit_photo`
    makes it, to `boxes`, (1, A, 4) as x0 y0 x1 y1, 0..1 over the square, and `scores`,
    (1, A). Its weights are stored as halves. An example is a square, (128, 128, 3), and
    what TensorFlow makes of it, [boxes, scores].
    """
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        saved_model = str(Path(folder, "saved_model"))
        with tf.Graph().as_default(), v1.Session() as session:
            shape = [1, anchors.SIZE, anchors.SIZE, 3]
            images = v1.placeholder(tf.float32, shape, name="image")
            boxes, scores = ssd.build_predictions(images)
            _restore(session, checkpoint, moving_average_decay)
            outputs = {"boxes": boxes, "scores": scores}
            v1.saved_model.simple_save(session, saved_model, {"image": images}, outputs)
            examples = [
                (square[0], session.run([boxes[0], scores[0]], {images: square}))
                for square in _example_squares()
            ]
        # Outside of the graph: within it, the converter would leave the signature out.
        converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return converter.convert(), examples


def _example_squares():
    """Returns a few squares with drawn faces, each (1, 128, 128, 3) float32."""
    rng = np.random.default_rng(0)
    faces = [draw_face(rng)[0] for _ in range(8)]
    return [anchors.fit_photo(image)[0][None].astype(np.float32) for image in faces]


def export(checkpoint, moving_average_decay, write_dir):
    """Writes the frozen graph and the .tflite, after running the latter.

    Args:
        checkpoint: its path.
        moving_average_decay: that it was trained with.
        write_dir: folder for both.

    Returns:
        the two paths.

    Raises:
        InputError: the .tflite differs from the checkpoint.
    """
    write_dir = Path(write_dir)
    write_dir.mkdir(parents=True, exist_ok=True)
    paths = write_dir / GRAPH_NAME, write_dir / TFLITE_NAME
    for path in paths:  # What is refused leaves no older weights behind.
        path.unlink(missing_ok=True)
    graph = freeze(checkpoint, moving_average_decay)
    content, examples = convert(checkpoint, moving_average_decay)
    with disk.replace_when_done(paths[1]) as temporary:
        temporary.write_bytes(content)
        _compare(temporary, paths[1], examples)
    with disk.replace_when_done(paths[0]) as temporary:
        temporary.write_bytes(graph.SerializeToString())
    return paths


def _compare(path, final_path, examples):
    """Refuses a .tflite that differs from what TensorFlow made of the examples."""
    detector = TfliteFaceDetector(path)
    for square, expected in examples:
        found = detector.predict(square)
        difference = max(
            np.abs(one - other).max()
            for one, other in zip(found, expected, strict=True)
        )
        if not difference <= _TOLERANCE:
            raise InputError(
                f"{final_path}: expected the boxes and scores of the checkpoint "
                f"within {_TOLERANCE}, found a difference of {difference:.2g}"
            )
