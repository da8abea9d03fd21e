"""Which detector a file is, and the one that runs without TensorFlow."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import PROJECT

from landmark.detection import anchors
from landmark.detection.choose import find_detector, open_detector
from landmark.detection.frozen import FaceDetector
from landmark.detection.tflite import TfliteFaceDetector
from landmark.script.errors import InputError

GRAPH, TFLITE = "frozen_inference_graph.pb", "face_detector.tflite"
ANCHORS = anchors.make_anchors()
COUNT = len(ANCHORS)


def write_tflite(path, predict, size=128):
    """Writes a .tflite of predict(image) -> name -> output."""
    signature = tf.TensorSpec([1, size, size, 3], tf.float32, name="image")
    function = tf.function(predict, input_signature=[signature])
    module = tf.Module()
    module.predict = function
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], module
    )
    path.write_bytes(converter.convert())
    return path


@pytest.fixture(scope="module")
def tflite_path(tmp_path_factory):
    """A detector that finds four faces, wherever it looks.

    Two are at the same place, and one lies beyond the right half of the square.
    """
    boxes = np.zeros((COUNT, 4), np.float32)
    scores = np.full(COUNT, 0.01, np.float32)
    boxes[[3, 9, 500, 735]] = [
        (0.25, 0.0, 0.5, 0.5),
        (0.75, 0.25, 1.0, 0.5),
        (0.25, 0.0, 0.5, 0.45),
        (0.0, 0.25, 0.125, 0.375),
    ]
    scores[[3, 9, 500, 735]] = 0.75, 0.5, 0.875, 0.25

    def predict(image):
        nothing = 0 * tf.reduce_sum(image)
        return {"boxes": boxes[None] + nothing, "scores": scores[None] + nothing}

    return write_tflite(tmp_path_factory.mktemp("detector") / TFLITE, predict)


@pytest.fixture(scope="module")
def looking_path(tmp_path_factory):
    """A detector whose first box holds what it sees.

    That is the mean red, the mean blue, and the red and the blue of the last row.
    """

    def predict(image):
        means = [tf.reduce_mean(image[..., channel]) for channel in (0, 2)]
        last = [tf.reduce_mean(image[:, -1, :, channel]) for channel in (0, 2)]
        seen = tf.stack(means + last)[None, None]
        return {
            "boxes": tf.tile(seen, [1, COUNT, 1]),
            "scores": tf.constant(0.9, shape=[1, COUNT]) + 0 * means[0],
        }

    return write_tflite(tmp_path_factory.mktemp("looking") / TFLITE, predict)


# Finding and opening.


def test_tflite_is_preferred(tmp_path):
    (tmp_path / GRAPH).touch()
    assert find_detector(tmp_path) == tmp_path / GRAPH
    (tmp_path / TFLITE).touch()
    assert find_detector(str(tmp_path)) == tmp_path / TFLITE


def test_folder_without_a_detector(tmp_path):
    (tmp_path / "landmark.float.tflite").touch()
    with pytest.raises(InputError) as caught:
        find_detector(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: expected {TFLITE} or {GRAPH}, found neither"
    )


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match="gone: expected a folder, found none"):
        find_detector(tmp_path / "gone")


def test_frozen_graph_is_opened(tmp_path, write_detector_graph):
    path = write_detector_graph(tmp_path / "any.pb", np.array([[0, 0, 1, 1]]), [0.4])
    detector = open_detector(path, input_size=96)
    assert isinstance(detector, FaceDetector)
    assert len(detector.detect(np.zeros((20, 20, 3), np.uint8))[0]) == 1
    detector = open_detector(str(path), min_conf=0.5)
    assert len(detector.detect(np.zeros((20, 20, 3), np.uint8))[0]) == 0


@pytest.mark.parametrize("input_size", [0, 128])
def test_tflite_is_opened(tflite_path, input_size):
    for path in (tflite_path, str(tflite_path)):
        assert isinstance(open_detector(path, input_size), TfliteFaceDetector)


def test_tflite_works_at_one_size_only(tflite_path):
    with pytest.raises(InputError) as caught:
        open_detector(tflite_path, input_size=300)
    assert str(caught.value) == (
        f"{tflite_path}: expected a detector's input size of 0 or 128, found 300"
    )


@pytest.mark.parametrize("name", [TFLITE, GRAPH])
def test_missing_file(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: expected a file, found none"):
        open_detector(tmp_path / name)


def test_tensorflow_stays_out(tflite_path):
    program = (
        "import sys; import numpy as np; "
        "from landmark.detection.choose import open_detector; "
        f"detector = open_detector({str(tflite_path)!r}); "
        "print(len(detector.detect(np.zeros((20, 20, 3), np.uint8))[0])); "
        "print([name for name in sys.modules if name.startswith('tensorflow')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "2\n[]\n"


# The .tflite.


def test_boxes_are_in_image_pixels_and_best_first(tflite_path):
    # The square shows the photo of 400 x 200 in its upper half.
    detector = TfliteFaceDetector(tflite_path)
    boxes, scores = detector.detect(np.zeros((200, 400, 3), np.uint8))
    expected = [(99.5, -0.5, 199.5, 179.5), (299.5, 99.5, 399.5, 199.5)]
    np.testing.assert_allclose(boxes, expected, atol=1e-4)
    assert scores.tolist() == [0.875, 0.5]
    assert boxes.dtype == scores.dtype == np.float64


def test_boxes_of_a_tall_photo(tflite_path):
    detector = TfliteFaceDetector(tflite_path, min_conf=0.8)
    boxes, _ = detector.detect(np.zeros((64, 32, 3), np.uint8))
    np.testing.assert_allclose(boxes, [(15.5, -0.5, 31.5, 28.3)], atol=1e-4)


@pytest.mark.parametrize(
    ("min_conf", "kept"),
    [(0.2, [0.875, 0.5, 0.25]), (0.5, [0.875, 0.5]), (0.6, [0.875]), (0.9, [])],
)
def test_min_conf_is_honoured(tflite_path, min_conf, kept):
    for detector in (
        TfliteFaceDetector(tflite_path, min_conf, num_threads=1),
        open_detector(tflite_path, min_conf=min_conf),
    ):
        boxes, scores = detector.detect(np.zeros((90, 90, 3), np.uint8))
        assert scores.tolist() == kept
        assert boxes.shape == (len(kept), 4)


def test_detector_sees_rgb_and_black_below(looking_path):
    photo = np.zeros((60, 120, 3), np.uint8)
    photo[..., 0], photo[..., 2] = 200, 50
    square, _ = anchors.fit_photo(photo)
    boxes, scores = TfliteFaceDetector(looking_path).predict(square)
    assert boxes.shape == (COUNT, 4)
    assert scores.shape == (COUNT,)
    np.testing.assert_allclose(boxes[0], (100, 25, 0, 0), rtol=1e-5)


def test_landmark_model_is_no_detector(tmp_path):
    path = write_tflite(
        tmp_path / "landmark.float.tflite",
        lambda image: {"points": tf.reshape(image, [1, -1])[:, :136]},
        size=56,
    )
    with pytest.raises(InputError) as caught:
        open_detector(path)
    assert str(caught.value) == (
        f"{path}: expected a face detector {{'image': [1, 128, 128, 3], "
        "'boxes': [1, 736, 4], 'scores': [1, 736]} or {'image': [1, -1, -1, 3], "
        "'offsets': [1, -1, 4], 'scores': [1, -1]}, "
        "found {'image': [1, 56, 56, 3], 'points': [1, 136]}"
    )


def test_detector_of_other_anchors_is_refused(tmp_path):
    path = write_tflite(
        tmp_path / TFLITE,
        lambda image: {
            "boxes": tf.zeros([1, 700, 4]) + image[0, 0, 0, 0],
            "scores": tf.zeros([1, 700]) + image[0, 0, 0, 0],
        },
    )
    with pytest.raises(InputError, match=r"found .*'boxes': \[1, 700, 4\]"):
        TfliteFaceDetector(path)


JUNK = "another file"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda whole: b"", "an empty file"),
        (lambda whole: b"This is a text.\n" * 99, JUNK),
        (lambda whole: b"\x89PNG\r\n\x1a\n" + bytes(99), JUNK),
        (lambda whole: b"\x08\x07" + whole, JUNK),  # Such are other protobufs.
        (lambda whole: b"\n" + b"\xff" * 99, "a part of one"),
        (lambda whole: whole[: len(whole) // 2], "a part of one"),
        (lambda whole: whole[:-1], "a part of one"),
    ],
)
def test_what_is_no_whole_graph_is_refused_at_once(
    tmp_path, monkeypatch, write_detector_graph, change, found
):
    path = tmp_path / GRAPH
    write_detector_graph(path, np.zeros((1, 4)), [0.5])
    open_detector(path)
    path.write_bytes(change(path.read_bytes()))
    monkeypatch.setitem(sys.modules, "landmark.detection.frozen", None)
    with pytest.raises(InputError) as caught:
        open_detector(path)
    message = f"{path}: expected a frozen graph (.pb), found {found}"
    assert str(caught.value) == message


@pytest.mark.parametrize("content", [b"", b"x" * 999])
def test_broken_file_is_refused(tmp_path, content):
    path = tmp_path / TFLITE
    path.write_bytes(content)
    with pytest.raises(InputError, match="detector.tflite: expected a .tflite model"):
        open_detector(path)
