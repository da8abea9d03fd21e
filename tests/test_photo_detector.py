"""The detector for photos: faces of all sizes, in any light."""

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim
from conftest import PROJECT

from landmark.detection import anchors, export, ssd
from landmark.detection.choose import check_detector, open_detector
from landmark.detection.tflite import TfliteFaceDetector
from landmark.face import geometry
from landmark.model.checkpoint import variables_in_checkpoint
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_face

v1 = tf.compat.v1
KIND, DECAY = anchors.KINDS["photos"], 0.999
SHIPPED = PROJECT / "pretrained/face_ssd_photo"
CAMERA = PROJECT / "pretrained/face_ssd_128/frozen_inference_graph.pb"


# How a photo is looked at.


@pytest.mark.parametrize(
    ("side", "sides"),
    [(128, [128]), (300, [300, 128]), (512, [512, 128]), (1024, [1024, 256, 128])],
)
def test_sides(side, sides):
    assert anchors.list_sides(side) == sides


@pytest.mark.parametrize(
    ("shape", "inputs"),
    [
        ((300, 400), [(352, 448), (96, 128)]),
        ((2000, 1000), [(448, 224), (128, 64)]),
        ((90, 90), [(448, 448), (128, 128)]),
        ((5, 1000), [(32, 448), (32, 128)]),
    ],
)
def test_inputs_hold_the_photo_and_little_more(shape, inputs):
    photo = np.full((*shape, 3), 200, np.uint8)
    looks = list(anchors.fit_sides(photo, [448, 128]))
    assert [seen.shape[:2] for seen, _ in looks] == inputs
    for (seen, filled), side in zip(looks, (448, 128), strict=True):
        width, height = np.round(filled[:2] * 128).astype(int)
        assert max(width, height) == side
        assert (seen[:height, :width] == 200).all()
        assert not seen[height:].any()
        assert not seen[:, width:].any()


def test_camera_sees_the_square_alone():
    photo = draw_face(np.random.default_rng(0))[0]
    ((seen, filled),) = anchors.fit_sides(photo, [128])
    expected = anchors.fit_photo(photo)
    np.testing.assert_array_equal(seen, expected[0])
    np.testing.assert_array_equal(filled, expected[1])


@pytest.mark.parametrize("size", [(128, 90), (100, 75), (400, 300), (7, 500), (1, 1)])
def test_quick_shrinking_is_about_as_good(size):
    photo = draw_face(np.random.default_rng(1), size=400)[0]
    found = anchors.shrink(photo, size)
    assert found.shape == (size[1], size[0], 3)
    expected = geometry.resize_image(photo, size)
    if min(size) > 50:
        assert abs(found.astype(int) - expected).mean() < 4


def test_anchors_of_an_input_are_those_of_the_square_and_more():
    whole, square = anchors.make_anchors(256, 128), anchors.make_anchors()
    assert len(whole) == 2 * len(square)
    found = {tuple(row) for row in whole.tolist()}
    assert found >= {tuple(row) for row in square.tolist()}
    assert whole[:, 1].max() > 1.9


def test_dark_photo_is_brightened():
    photo = draw_face(np.random.default_rng(2))[0]
    assert anchors.brighten(photo) is photo
    bright = anchors.brighten((photo / 20).astype(np.uint8))
    assert bright.mean() == pytest.approx(anchors.DIM, rel=0.1)
    black = np.zeros((9, 9, 3), np.uint8)
    np.testing.assert_array_equal(anchors.brighten(black), black)


# Weights, from graph to graph.


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(frozen graph, .tflite) of the camera's weights, used as for photos."""
    weights = export.read_weights(CAMERA, KIND)
    folder = tmp_path_factory.mktemp("photos")
    path = str(folder / "model.ckpt-1")
    with tf.Graph().as_default(), v1.Session() as session:
        ssd.build_network(tf.zeros([1, 128, 128, 3]), False, KIND)
        variables = slim.get_model_variables()
        session.run(v1.global_variables_initializer())
        for variable in variables:
            if variable.op.name in weights:
                variable.load(weights[variable.op.name], session)
        saver = v1.train.Saver(variables_in_checkpoint(variables, DECAY))
        saver.save(session, path)
    return export.export(path, DECAY, KIND, folder / "exported")


def test_weights_come_out_of_the_graph_that_they_went_into(exported):
    expected = export.read_weights(CAMERA, KIND)
    found = export.read_weights(exported[0], KIND)
    # Of the blocks that the camera's has not, only what leaves no trace of them.
    added = expected.keys() - export.read_weights(CAMERA, anchors.KINDS["camera"])
    assert len(added) == 3
    assert not any(expected[name].any() for name in added)
    assert expected.keys() < found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name])


def test_blocks_that_are_new_change_nothing(exported):
    squares = np.random.default_rng(0).uniform(0, 255, (2, 128, 128, 3))
    logits = []
    for kind in (anchors.KINDS["camera"], KIND):
        weights = export.read_weights(CAMERA, kind)
        with tf.Graph().as_default(), v1.Session() as session:
            images = tf.constant(squares / 128 - 1, tf.float32)
            outputs = ssd.build_network(images, False, kind)
            session.run(v1.global_variables_initializer())
            for variable in slim.get_model_variables():
                if variable.op.name in weights:
                    variable.load(weights[variable.op.name], session)
            logits.append(session.run(outputs[0]))
    np.testing.assert_allclose(*logits, atol=1e-4)


def test_weights_of_a_deeper_network_are_refused(exported):
    with pytest.raises(InputError, match="0. blocks at most, found ssd/stage3_2, ssd/"):
        export.read_weights(exported[0], anchors.KINDS["camera"])


def test_weights_of_other_graphs_are_refused(tmp_path, write_detector_graph):
    path = write_detector_graph(tmp_path / "any.pb", np.array([[0, 0, 1, 1]]), [0.4])
    with pytest.raises(InputError, match="any.pb: expected the frozen graph of train_"):
        export.read_weights(path, KIND)


def make_group(columns, size, margin=0):
    """A photo of a row of faces of about this many pixels, and their boxes."""
    photo = np.full((600, 800, 3), 120, np.uint8)
    boxes = []
    for index in range(columns):
        face, points_image = draw_face(np.random.default_rng(index), size)
        left, top = 20 + index * (size + margin), 200
        photo[top : top + face.shape[0], left : left + face.shape[1]] = face
        box = geometry.face_box_from_points(points_image)
        boxes.append(box + (left, top, left, top))
    return photo, np.array(boxes)


@pytest.mark.parametrize(("columns", "size"), [(6, 100), (1, 400)])
def test_both_files_find_large_faces_and_small_ones(exported, columns, size):
    photo, boxes = make_group(columns, size)
    found = [open_detector(path).detect(photo)[0] for path in exported]
    for one in found:
        overlaps = geometry.box_iou(one[:, None], boxes)
        assert (overlaps.max(axis=0) > 0.4).mean() > 0.6
    # They shrink the photo in different ways.
    same = geometry.box_iou(found[0][:, None], found[1])
    assert (same.max(axis=0) > 0.7).mean() > 0.6


def test_faces_are_found_in_the_dark(exported):
    photo, boxes = make_group(4, 150)
    dark = (photo / 20).astype(np.uint8)
    for path in exported:
        found, _ = open_detector(path).detect(dark)
        assert (geometry.box_iou(found[:, None], boxes).max(axis=0) > 0.4).sum() >= 3


def test_input_size_is_the_longer_side(exported):
    photo, boxes = make_group(8, 60, 20)
    for size in (0, 128, 640, 1024):
        detector = open_detector(exported[1], input_size=size)
        found, _ = detector.detect(photo)
        hits = (
            geometry.box_iou(found[:, None], boxes).max(axis=0, initial=0) > 0.4
        ).sum()
        assert hits >= (0 if size == 128 else 4)


@pytest.mark.parametrize("open_it", [open_detector, check_detector])
def test_input_size_that_is_too_small(exported, open_it):
    with pytest.raises(InputError) as caught:
        open_it(exported[1], 100)
    assert str(caught.value) == (
        f"{exported[1]}: expected a detector's input size of 0 or at least 128, found "
        "100"
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (31, 33)])
def test_photos_of_any_shape(exported, shape):
    boxes, scores = TfliteFaceDetector(exported[1]).detect(
        np.zeros((*shape, 3), np.uint8)
    )
    assert boxes.shape == (len(scores), 4)


# What is shipped.


def test_shipped_files_find_the_faces_of_a_group():
    photo, boxes = make_group(6, 110)
    for name in ("face_detector.tflite", "frozen_inference_graph.pb"):
        found, _ = open_detector(SHIPPED / name).detect(photo)
        overlaps = geometry.box_iou(found[:, None], boxes)
        assert (overlaps.max(axis=0) > 0.4).mean() > 0.6


def test_shipped_files_are_small():
    sizes = [path.stat().st_size for path in SHIPPED.iterdir()]
    assert max(sizes) < 3e6
