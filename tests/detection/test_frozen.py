"""The SSD detector: both families of graphs, and what is no such graph."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import PROJECT

from landmark.detection import frozen
from landmark.detection.frozen import FaceDetector
from landmark.face import geometry
from landmark.files import disk
from landmark.files.photos import find_photo, read_image
from landmark.files.pts import read_pts
from landmark.script.errors import InputError

# ymin xmin ymax xmax, 0..1 over a photo of 100 x 200 (width x height).
BOXES = np.array([[0.1, 0.2, 0.5, 0.6], [0.3, 0.0, 1.0, 0.5], [0, 0.5, 0.25, 1.0]])
BOXES_IMAGE = np.array(
    [[19.5, 19.5, 59.5, 99.5], [-0.5, 59.5, 49.5, 199.5], [49.5, -0.5, 99.5, 49.5]]
)
DATA = PROJECT.parent / "shared" / "data"
REAL_GRAPH = DATA / "faceboxes" / "frozen_inference_graph.pb"


@pytest.fixture
def photo():
    return np.zeros((200, 100, 3), np.uint8)


@pytest.fixture
def graph_path(tmp_path):
    return tmp_path / "frozen_inference_graph.pb"


def write_graph(path, **constants):
    """Writes a graph of an image_tensor and constants."""
    with tf.Graph().as_default() as graph:
        tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
        for name, value in constants.items():
            tf.constant(value, name=name)
    path.write_bytes(graph.as_graph_def().SerializeToString())


def write_looking_graph(path, shape, dtype=tf.uint8):
    """Writes a graph whose one box holds what it sees.

    That is the height, the width, the mean red and the mean blue, each a thousandth.
    """
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(dtype, shape, name="image_tensor")
        pixels = tf.cast(image, tf.float32)
        height, width = (tf.cast(tf.shape(image)[axis], tf.float32) for axis in (1, 2))
        red, blue = (tf.reduce_mean(pixels[..., channel]) for channel in (0, 2))
        tf.identity(tf.stack([height, width, red, blue])[None, None] / 1000, "boxes")
        tf.constant([[0.9]], name="scores")
        tf.constant([1.0], name="num_boxes")
    path.write_bytes(graph.as_graph_def().SerializeToString())


def look(detector, image):
    """What a looking graph sees: height, width, red, blue."""
    height, width = image.shape[:2]
    boxes, _ = detector.detect(image)
    x0, y0, x1, y1 = (boxes[0] + 0.5) / (width, height, width, height) * 1000
    return np.array([y0, x0, y1, x1])


@pytest.mark.parametrize("scheme", ["api", "faceboxes"])
def test_boxes_are_in_image_pixels_and_best_first(
    graph_path, photo, write_detector_graph, scheme
):
    write_detector_graph(graph_path, BOXES, [0.5, 0.9, 0.7], scheme)
    boxes, scores = FaceDetector(graph_path).detect(photo)
    np.testing.assert_allclose(boxes, BOXES_IMAGE[[1, 2, 0]], atol=1e-4)
    np.testing.assert_allclose(scores, [0.9, 0.7, 0.5])


# Trap: a hard-coded 0.5 that masks min_conf.
@pytest.mark.parametrize(
    ("min_conf", "kept"),
    [
        (0.0, [0.8, 0.6, 0.4]),
        (0.3, [0.8, 0.6, 0.4]),
        (0.45, [0.8, 0.6]),
        (0.7, [0.8]),
        (0.9, []),
    ],
)
def test_min_conf_is_honoured(graph_path, photo, write_detector_graph, min_conf, kept):
    write_detector_graph(graph_path, BOXES, [0.4, 0.8, 0.6])
    boxes, scores = FaceDetector(graph_path, min_conf=min_conf).detect(photo)
    np.testing.assert_allclose(scores, kept)
    assert boxes.shape == (len(kept), 4)


def test_no_face(graph_path, photo, write_detector_graph):
    write_detector_graph(graph_path, np.zeros((0, 4)), [])
    boxes, scores = FaceDetector(graph_path, min_conf=0.0).detect(photo)
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
def test_graph_of_any_size_sees_the_photo_itself(graph_path, photo, dtype):
    write_looking_graph(graph_path, [None, None, None, 3], dtype)
    photo[..., 0], photo[..., 2] = 200, 50  # RGB.
    seen = look(FaceDetector(graph_path), photo)
    np.testing.assert_allclose(seen, [200, 100, 200, 50], rtol=1e-4)


@pytest.mark.parametrize("shape", [None, [None, None, None, 3]])
def test_input_size_resizes_the_photo(graph_path, photo, shape):
    write_looking_graph(graph_path, shape)
    seen = look(FaceDetector(graph_path, input_size=128), photo)
    np.testing.assert_allclose(seen[:2], [128, 128], rtol=1e-4)


def test_graph_of_a_fixed_size_gets_it(graph_path, photo):
    write_looking_graph(graph_path, [1, 96, 64, 3])
    seen = look(FaceDetector(graph_path), photo)
    np.testing.assert_allclose(seen[:2], [96, 64], rtol=1e-4)


def test_resizing_does_not_move_the_boxes(graph_path, photo, write_detector_graph):
    write_detector_graph(graph_path, BOXES[:1], [0.9], size=128)
    boxes, _ = FaceDetector(graph_path).detect(photo)
    np.testing.assert_allclose(boxes, BOXES_IMAGE[:1], atol=1e-4)


def test_graph_with_other_tensor_names(graph_path):
    write_graph(graph_path, raw_boxes=1.0, raw_scores=2.0)
    with pytest.raises(InputError) as caught:
        FaceDetector(graph_path)
    message = str(caught.value)
    assert message.startswith(f"{graph_path}: expected an SSD graph with image_tensor")
    assert message.endswith("inputs and outputs image_tensor, raw_boxes, raw_scores")


def test_file_that_is_no_graph(graph_path):
    graph_path.write_text("This is a text.\n" * 9)
    with pytest.raises(InputError, match="graph.pb: expected a frozen graph"):
        FaceDetector(graph_path)


def test_empty_file(graph_path):
    graph_path.touch()
    with pytest.raises(InputError, match="graph.pb: expected an SSD graph"):
        FaceDetector(graph_path)


@pytest.mark.parametrize(
    ("op", "inputs"), [("OpOfNoTensorFlow", []), ("Shape", ["node_that_is_gone"])]
)
def test_graph_that_cannot_be_imported(graph_path, op, inputs):
    graph = tf.compat.v1.GraphDef()
    graph.node.add(name="boxes", op=op, input=inputs)
    graph_path.write_bytes(graph.SerializeToString())
    with pytest.raises(InputError, match="graph.pb: expected a frozen graph"):
        FaceDetector(graph_path)


def test_missing_graph(graph_path):
    with pytest.raises(InputError, match="graph.pb: expected a file, found none"):
        FaceDetector(graph_path)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_GRAPH.is_file(), reason="needs the real detector")
def test_real_detector_finds_annotated_faces():
    detector = FaceDetector(REAL_GRAPH)
    annotations = disk.list_files(DATA / "300w", (".pts",))[::200]
    assert annotations
    for path in annotations:
        boxes, _ = detector.detect(read_image(find_photo(path)))
        truth = geometry.box_from_points(read_pts(path))
        assert geometry.box_iou(boxes, truth).max(initial=0) > 0.3, path


def write_strange_graph(path, op):
    """Writes a working detector that does something else, too."""
    with tf.Graph().as_default() as graph, tf.control_dependencies([op()]):
        tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
        tf.identity(tf.constant(BOXES[None], tf.float32), "boxes")
        tf.identity(tf.constant([[0.5, 0.9, 0.7]]), "scores")
        tf.identity(tf.constant([3.0]), "num_boxes")
    path.write_bytes(graph.as_graph_def().SerializeToString())


@pytest.mark.parametrize(
    ("kind", "found"),
    [("file", "ReadFile, WriteFile"), ("python", "EagerPyFunc|PyFunc")],
)
def test_graph_that_does_more_than_to_calculate(graph_path, tmp_path, kind, found):
    secret, stolen = tmp_path / "secret", tmp_path / "stolen"
    secret.write_text("mine")

    def op():
        if kind == "file":
            return tf.io.write_file(str(stolen), tf.io.read_file(str(secret)))
        return tf.compat.v1.py_func(lambda: stolen.write_text("x"), [], tf.int64)

    write_strange_graph(graph_path, op)
    with pytest.raises(InputError, match=f"graph.pb: expected .*found {found}"):
        FaceDetector(graph_path)
    assert not stolen.exists()


def test_graph_with_functions_is_refused(graph_path):
    write_graph(graph_path, boxes=[[0.0]])
    graph = tf.compat.v1.GraphDef.FromString(graph_path.read_bytes())
    graph.library.function.add().signature.name = "hidden"
    graph_path.write_bytes(graph.SerializeToString())
    with pytest.raises(InputError, match="found functions"):
        FaceDetector(graph_path)


def test_loop_without_an_end_ends(graph_path, photo, monkeypatch):
    def op():
        return tf.compat.v1.while_loop(lambda i: i < 1, lambda i: i * 1, [0])

    tf.compat.v1.disable_control_flow_v2()  # Else the loop is a function.
    try:
        write_strange_graph(graph_path, op)
    finally:
        tf.compat.v1.enable_control_flow_v2()
    monkeypatch.setattr(frozen, "_MILLISECONDS", 300)
    with pytest.raises(InputError, match="graph.pb: expected a graph that finds faces"):
        FaceDetector(graph_path).detect(photo)


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (dict(boxes=[[[np.nan] * 4]], scores=[[0.9]], num_boxes=[1.0]), "nan"),
        (dict(boxes=[[[0.0, 0, np.inf, 1]]], scores=[[0.9]], num_boxes=[1.0]), "inf"),
        (dict(boxes=[[[0.1] * 4]], scores=[[np.nan]], num_boxes=[1.0]), "nan"),
        (dict(boxes=[[0.1] * 4], scores=[[0.9]], num_boxes=[1.0]), r"\(4,\)|\(1,\)"),
        (dict(boxes=[[[0.1] * 3]], scores=[[0.9]], num_boxes=[1.0]), r"\(1, 3\)"),
        (dict(boxes=[[[0.1] * 4]], scores=0.9, num_boxes=[1.0]), "found"),
        (dict(boxes=[0.1], scores=[[0.9]], num_boxes=[1.0]), "found"),
        (dict(boxes=[[[0.1] * 4]], scores=[[0.9]], num_boxes=[np.nan]), "found"),
    ],
)
def test_detector_that_finds_no_boxes(graph_path, photo, parts, found):
    write_graph(graph_path, **{k: np.float32(v) for k, v in parts.items()})
    with pytest.raises(InputError, match=f"graph.pb: expected .*{found}"):
        FaceDetector(graph_path).detect(photo)
