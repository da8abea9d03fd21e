"""The face detector's network, its loss, and the graph that others run."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from landmark.detection import anchors, ssd
from landmark.synthetic.faces import draw_face

v1 = tf.compat.v1
CAMERA, PHOTOS = (anchors.KINDS[name] for name in ("camera", "photos"))
NUM_ANCHORS = len(anchors.make_anchors())


def count_weights():
    return sum(np.prod(v.shape.as_list(), dtype=int) for v in v1.trainable_variables())


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize(("kind", "weights"), [(CAMERA, 227_387), (PHOTOS, 397_403)])
def test_network(is_training, kind, weights):
    with tf.Graph().as_default():
        images = v1.placeholder(tf.float32, [None, 128, 128, 3])
        logits, offsets = ssd.build_network(images, is_training, kind)
        assert logits.shape.as_list() == [None, NUM_ANCHORS]
        assert offsets.shape.as_list() == [None, NUM_ANCHORS, 4]
        assert count_weights() == weights
        updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        assert bool(updates) == is_training


def test_each_anchor_looks_at_its_own_place():
    """Where in the image the gradient is, the anchor is."""
    chosen = [*range(0, 512, 37), *range(512, 704, 17)]  # Of two levels.
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (len(chosen), 128, 128, 3))
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        images = tf.constant(images, tf.float32)
        logits, offsets = ssd.build_network(images, False, CAMERA)
        mask = tf.one_hot(chosen, NUM_ANCHORS)
        gradients = [
            tf.gradients(logits * mask, images)[0],
            tf.gradients(offsets * mask[..., None], images)[0],
        ]
        session.run(v1.global_variables_initializer())
        gradients = session.run(gradients)
    centres = anchors.make_anchors()[chosen, :2] * 128
    for gradient in gradients:
        weights = np.sum(gradient**2, axis=-1)
        weights /= weights.sum(axis=(1, 2), keepdims=True)
        x, y = (weights.sum(axis=axis) @ (np.arange(128) + 0.5) for axis in (1, 2))
        assert abs(np.stack([x, y], axis=1) - centres).max() < 32


def test_untrained_network_expects_few_faces():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 128, 128, 3)).astype(np.float32)
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        boxes, scores = ssd.build_predictions(tf.constant(images), CAMERA)
        session.run(v1.global_variables_initializer())
        boxes, scores = session.run([boxes, scores])
    # The prior of 0.01, less the shift.
    np.testing.assert_allclose(scores, 0.0065, rtol=0.5)
    # And each where its anchor is.
    offsets = anchors.to_offsets(boxes, anchors.make_anchors())
    assert abs(offsets).max() < 1.5


# The loss.


@pytest.fixture(scope="module")
def run_loss():
    """(logits, offsets, labels, true_offsets) -> loss, its gradients by the first two.

    All for one batch of any size.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        shapes = [None, None], [None, None, 4], [None, None], [None, None, 4]
        inputs = [v1.placeholder(tf.float32, shape) for shape in shapes]
        loss = ssd.build_loss(*inputs)
        outputs = [loss, *tf.gradients(loss, inputs[:2])]

        def run(*values):
            return session.run(outputs, dict(zip(inputs, values, strict=True)))

        yield run


NOWHERE = np.zeros((1, 1, 4))


@pytest.mark.parametrize(
    ("logit", "label", "loss"),
    [
        (0, 1, 0.4 * 0.5**2 * np.log(2)),
        (0, 0, 0.6 * 0.5**2 * np.log(2)),
        (np.log(3), 1, 0.4 * 0.25**2 * np.log(4 / 3)),  # A score of 3/4.
        (np.log(3), 0, 0.6 * 0.75**2 * np.log(4)),
        (0, -1, 0),
        (50, -1, 0),
        (50, 1, 0),
        (-50, 1, 0.4 * 50),
    ],
)
def test_focal_loss_of_one_anchor(run_loss, logit, label, loss):
    found, *gradients = run_loss([[logit]], NOWHERE, [[label]], NOWHERE)
    assert found == pytest.approx(loss, rel=1e-5, abs=1e-9)
    assert np.isfinite(gradients[0]).all()
    if label == -1:
        assert not gradients[0].any()


@pytest.mark.parametrize(
    ("error", "loss"),
    [
        ((0, 0, 0, 0), 0),
        ((0.5, 0, 0, 0), 0.125),
        ((0, -2, 0, 0), 1.5),
        ((1, 0, -1, 0), 1),  # At the knee.
        ((0.5, 2, -3, 0.1), 0.125 + 1.5 + 2.5 + 0.005),
    ],
)
@pytest.mark.parametrize("label", [1, 0, -1])
def test_offsets_count_where_there_is_a_face(run_loss, error, loss, label):
    offsets = np.reshape(error, (1, 1, 4)) + 0.3
    logit = 99 if label == 1 else -99  # Of itself without loss.
    found, _, gradient = run_loss([[logit]], offsets, [[label]], NOWHERE + 0.3)
    assert found == pytest.approx(loss * (label == 1), abs=1e-6)
    expected = np.clip(error, -1, 1) * (label == 1)
    np.testing.assert_allclose(gradient[0, 0], expected, atol=1e-6)


def test_loss_is_divided_by_the_number_of_faces_in_the_batch(run_loss):
    one = 0.25 * np.log(2)  # Of a logit of 0, but for the share.
    labels = [[1, 0, -1], [1, 1, 0]]
    offsets = np.zeros((2, 3, 4))
    offsets[0, 0, 0], offsets[0, 1, 0] = 2, 9
    loss, *_ = run_loss(np.zeros((2, 3)), offsets, labels, np.zeros((2, 3, 4)))
    expected = (3 * 0.4 * one + 2 * 0.6 * one + 1.5) / 3
    assert loss == pytest.approx(expected, rel=1e-5)


def test_gradient_is_finite_without_a_face_and_for_any_logit(run_loss):
    logits = np.array([[-1e4, -90, 0, 90, 1e4]])
    for label in (0, 1, -1):
        labels = np.full((1, 5), label)
        for part in run_loss(logits, np.zeros((1, 5, 4)), labels, np.zeros((1, 5, 4))):
            assert np.isfinite(part).all()


def test_all_weights_learn():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, 128, 128, 3)).astype(np.float32)
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        images = tf.constant(images)
        logits, offsets = ssd.build_network(images, True, CAMERA)
        loss = ssd.build_loss(logits, offsets, *map(tf.ones_like, (logits, offsets)))
        names = [variable.op.name for variable in v1.trainable_variables()]
        gradients = tf.gradients(loss, v1.trainable_variables())
        session.run(v1.global_variables_initializer())
        gradients = dict(zip(names, session.run(gradients), strict=True))
    assert len(gradients) == 63
    for name, gradient in gradients.items():
        assert np.isfinite(gradient).all(), name
        assert gradient.any(), name


# The graph for others.


def resize_by_area(image, size):
    """As TensorFlow does, which enlarges by area, too."""
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module", params=["camera", "photos"])
def graph(request):
    """(session, run, find) of a network at random that finds faces here and there.

    run(photos) runs the whole graph: name -> array. find(photo) does the same step by
    step: boxes as y0 x0 y1 x1, 0..1 over the photo, and scores.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        # Deeper, a network at random gives almost the same score to all places.
        kind = anchors.KINDS[request.param]._replace(blocks=CAMERA.blocks)
        sides = anchors.list_sides(kind.side)
        ssd.build_detections(kind)
        names = ("boxes", "scores", "classes")
        outputs = {name: f"detection_{name}:0" for name in names}
        outputs["count"] = "num_detections:0"
        v1.get_variable_scope().reuse_variables()
        looks = [v1.placeholder(tf.float32, [1, side, side, 3]) for side in sides]
        predictions = [ssd.build_predictions(x, kind) for x in looks]
        session.run(v1.global_variables_initializer())
        for variable in v1.trainable_variables():
            if variable.op.name.endswith("/weights") and "logits" in variable.op.name:
                session.run(variable.assign(100 * variable))

        def run(photos):
            return session.run(outputs, {"image_tensor:0": photos})

        def find(photo):
            found = []
            for side, look, outputs in zip(sides, looks, predictions, strict=True):
                fitted, filled = anchors.fit_photo(photo, side, resize_by_area)
                boxes, scores = session.run(outputs, {look: fitted[None]})
                sizes = (boxes[0, :, 2:] - boxes[0, :, :2]).max(axis=1)
                counts = (side == 128) | (sizes <= 100 / 128)
                found.append((boxes[0, counts] / filled, scores[0, counts]))
            boxes, scores = map(np.concatenate, zip(*found, strict=True))
            boxes, scores = anchors.choose(boxes, scores, 0.05)
            return boxes[:, [1, 0, 3, 2]], scores

        yield session, run, find


def test_names_and_types_are_those_of_the_object_detection_api(graph):
    session, *_ = graph
    found = {
        name: session.graph.get_tensor_by_name(f"{name}:0")
        for name in (
            "image_tensor",
            "detection_boxes",
            "detection_scores",
            "detection_classes",
            "num_detections",
        )
    }
    assert found["image_tensor"].shape.as_list() == [None, None, None, 3]
    assert found.pop("image_tensor").dtype == tf.uint8
    assert {tensor.dtype for tensor in found.values()} == {tf.float32}


@pytest.mark.parametrize("shape", [(240, 320), (320, 240), (200, 200), (400, 30)])
def test_graph_does_what_its_parts_do(graph, shape):
    _, run, find = graph
    rng = np.random.default_rng(1)
    photos = rng.integers(0, 256, (2, *shape, 3), np.uint8)
    drawn = draw_face(rng, size=200)[0][: shape[0], : shape[1]]
    photos[0, : drawn.shape[0], : drawn.shape[1]] = drawn
    found = run(photos)
    assert found["boxes"].shape == (2, 100, 4)
    assert found["scores"].shape == found["classes"].shape == (2, 100)
    for index, photo in enumerate(photos):
        boxes, scores = find(photo)
        count = min(len(scores), 100)
        assert found["count"][index] == count > 3
        np.testing.assert_allclose(
            found["scores"][index, :count], scores[:count], atol=1e-4
        )
        # Those of almost the same score, or overlap, may change places.
        distances = abs(found["boxes"][index, :count, None] - boxes[:count]).max(-1)
        assert (distances.min(axis=0) < 1e-3).mean() > 0.75
        assert (found["classes"][index, :count] == 1).all()
        assert not found["scores"][index, count:].any()


def test_graph_takes_photos_that_are_tiny(graph):
    _, run, _ = graph
    for shape in [(1, 1, 1), (1, 3, 500), (3, 500, 3)]:
        found = run(np.zeros((*shape, 3), np.uint8))
        assert np.isfinite(found["boxes"]).all()
        assert found["boxes"].shape == (shape[0], 100, 4)
