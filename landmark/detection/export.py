"""From a checkpoint of the face detector to a frozen graph and a .tflite."""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_slim as slim
from google.protobuf.message import DecodeError

from landmark.detection import anchors, ssd
from landmark.detection.choose import GRAPH_NAME, TFLITE_NAME, check_detector
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
# A residual block, and what leaves no trace of it where it is 0 (Goyal et al., 2017).
_BLOCK, _LAST_SCALE = "/stage", "/conv2/BatchNorm/gamma"
_SQUARE = [1, anchors.SIZE, anchors.SIZE, 3]
# Largest differences of a score and of a box, 0..1 over the square: the .tflite holds
# its weights as halves.
_TOLERANCE = 0.02


def _restore(session, checkpoint, moving_average_decay):
    """Fills the session's network with the moving averages of a checkpoint."""
    variables = variables_in_checkpoint(
        slim.get_model_variables(), moving_average_decay
    )
    restore(v1.train.Saver(variables), session, str(checkpoint))


def freeze(checkpoint, moving_average_decay, kind):
    """Returns the frozen graph of a checkpoint, a GraphDef; see `ssd.build_detections`.

    Args:
        checkpoint: its path.
        moving_average_decay: that it was trained with.
        kind: `anchors.Kind`.
    """
    with tf.Graph().as_default() as graph, v1.Session() as session, quiet_stderr():
        ssd.build_detections(kind)
        _restore(session, checkpoint, moving_average_decay)
        return v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), _OUTPUTS
        )


def read_weights(path, kind):
    """Reads the network's weights in a graph of `freeze`.

    Blocks that it lacks, being of another kind, begin as if they were not there.

    Args:
        path: of the graph.
        kind: `anchors.Kind` of the network that shall have them.

    Returns:
        name of the variable -> array.

    Raises:
        InputError: it is no such graph.
    """
    try:
        graph = v1.GraphDef.FromString(check_detector(path).read_bytes())
        found = {
            node.name: tf.make_ndarray(node.attr["value"].tensor)
            for node in graph.node
            if node.op == "Const" and node.name.startswith("ssd/")
        }
    except (DecodeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: expected the frozen graph (.pb) of train_face_detector.py, found "
            "no graph"
        ) from error
    with tf.Graph().as_default():
        ssd.build_network(tf.zeros([1, anchors.SIZE, anchors.SIZE, 3]), False, kind)
        variables = {v.op.name: v.shape.as_list() for v in slim.get_model_variables()}
    scopes, weights = {_block_of(name) for name in found if _BLOCK in name}, {}
    more = scopes - {_block_of(name) for name in variables}
    if more:
        raise InputError(
            f"{path}: expected a network of {kind.blocks} blocks at most, found "
            f"{', '.join(sorted(more))}, too"
        )
    for name, shape in variables.items():
        if _BLOCK in name and _block_of(name) not in scopes:
            if name.endswith(_LAST_SCALE):
                weights[name] = np.zeros(shape, np.float32)
        elif name not in found or list(found[name].shape) != shape:
            raise InputError(
                f"{path}: expected the frozen graph of train_face_detector.py, with "
                f"{name} of shape {shape}, found none"
            )
        else:
            weights[name] = found[name]
    return weights


def _block_of(name):
    """Returns the scope of the block of layers that a variable belongs to."""
    return "/".join(name.split("/")[:2])


def _build_tflite(kind):
    """Builds the graph of a .tflite; returns its input and outputs, name -> tensor."""
    if kind.side == anchors.SIZE:
        images = v1.placeholder(tf.float32, _SQUARE, name="image")
        boxes, scores = ssd.build_predictions(images, kind)
        return images, {"boxes": boxes, "scores": scores}
    # Photos have many shapes; what follows from the shape is left to the reader.
    images = v1.placeholder(tf.float32, [1, None, None, 3], name="image")
    offsets, scores = ssd.build_scores(images, kind)
    return images, {"offsets": offsets, "scores": scores}


def convert(checkpoint, moving_average_decay, kind):
    """Returns a checkpoint's network as the bytes of a .tflite.

    For the camera it maps `image`, (1, 128, 128, 3) float32 RGB 0..255 as
    `anchors.fit_photo` makes it, to `boxes`, (1, A, 4) as x0 y0 x1 y1, 0..1 over the
    square, and `scores`, (1, A). For photos, `image` may have any sides that are
    multiples of `anchors.COARSEST`, and there are `offsets`, (1, A, 4), instead of
    boxes: `anchors.from_offsets`. Weights are stored as halves.

    Args:
        checkpoint, moving_average_decay, kind: as for `freeze`.
    """
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        saved_model = str(Path(folder, "saved_model"))
        with tf.Graph().as_default(), v1.Session() as session:
            images, outputs = _build_tflite(kind)
            _restore(session, checkpoint, moving_average_decay)
            v1.saved_model.simple_save(session, saved_model, {"image": images}, outputs)
        # Outside of the graph: within it, the converter would leave the signature out.
        converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def predict_examples(checkpoint, moving_average_decay, kind):
    """Returns squares with drawn faces, (128, 128, 3) float32, and what TensorFlow
    makes of each, [boxes, scores]: a list of pairs."""
    rng = np.random.default_rng(0)
    faces = [draw_face(rng)[0] for _ in range(8)]
    squares = [anchors.fit_photo(image)[0].astype(np.float32) for image in faces]
    with tf.Graph().as_default(), v1.Session() as session, quiet_stderr():
        images = v1.placeholder(tf.float32, _SQUARE)
        boxes, scores = ssd.build_predictions(images, kind)
        _restore(session, checkpoint, moving_average_decay)
        return [
            (square, session.run([boxes[0], scores[0]], {images: square[None]}))
            for square in squares
        ]


def export(checkpoint, moving_average_decay, kind, write_dir):
    """Writes the frozen graph and the .tflite, after running the latter.

    Args:
        checkpoint, moving_average_decay, kind: as for `freeze`.
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
    trained = checkpoint, moving_average_decay, kind
    graph, content = freeze(*trained), convert(*trained)
    examples = predict_examples(*trained)
    with disk.replace_when_done(paths[1]) as temporary:
        temporary.write_bytes(content)
        _compare(temporary, paths[1], examples)
    with disk.replace_when_done(paths[0]) as temporary:
        temporary.write_bytes(graph.SerializeToString(deterministic=True))
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
