"""The single-shot face detector: its network, its loss, and its graph for others.

References:
    Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016. Lin et al., Feature
    Pyramid Networks, CVPR 2017, and Focal Loss for Dense Object Detection, ICCV 2017.
"""

import math

import tensorflow as tf
import tf_slim as slim

from landmark.detection import anchors
from landmark.model import nets, pixels

v1 = tf.compat.v1

_TRUNK = ((24, 1), (48, 1), (56, 1), (56, 0))  # Width and residual blocks, by level.
_STEM, _PYRAMID = 16, 40  # Widths.
_FOCAL_ALPHA, _FOCAL_GAMMA = 0.4, 2.0
_PRIOR = 0.01  # What an untrained network takes the share of faces among anchors for.
_BOX_WEIGHT = 1.0
_MAX_FACES = 100
# Taken off the logits of a trained network. Focal loss scores what is rare too high;
# this halves the false boxes at the usual 0.3, and loses no annotated face of 300-W.
_SCORE_SHIFT = 0.44
_SCORE_FLOOR = 0.05  # Of the boxes that the graph gives out.


def build_network(images, is_training):
    """Builds the network.

    Args:
        images: (B, 128, 128, 3) float32, from `pixels.to_network_input`.
        is_training: bool, for batch norm.

    Returns:
        logits: (B, A) float32, of a face at each anchor of `anchors.make_anchors`.
        offsets: (B, A, 4) float32, see `anchors.from_offsets`.
    """
    with v1.variable_scope("ssd"), nets.arg_scope(is_training, use_batch_norm=True):
        net, levels = slim.conv2d(images, _STEM, 3, stride=2, scope="stem"), []
        for index, (width, blocks) in enumerate(_TRUNK, start=1):
            net = slim.conv2d(net, width, 3, stride=2, scope=f"down{index}")
            for block in range(1, blocks + 1):
                net = nets.residual_block(net, f"stage{index}_{block}")
            levels.append(net)
        outputs, above = [], None
        # From coarse to fine: what is coarse knows what surrounds a small face.
        for index in reversed(range(len(anchors.LEVELS))):
            level = levels[len(levels) - len(anchors.LEVELS) + index]
            net = slim.conv2d(level, _PYRAMID, 1, scope=f"lateral{index}")
            if above is not None:
                net += tf.repeat(tf.repeat(above, 2, axis=1), 2, axis=2)
            above = net
            outputs.insert(0, _predict(net, len(anchors.LEVELS[index][1]), index))
    logits, offsets = zip(*outputs, strict=True)
    return tf.concat(logits, axis=1), tf.concat(offsets, axis=1)


def _predict(net, num_sizes, index):
    """Returns the logits, (B, a), and offsets, (B, a, 4), of one level."""
    net = slim.conv2d(net, _PYRAMID, 3, scope=f"head{index}")
    linear = {"activation_fn": None, "normalizer_fn": None}
    small = v1.truncated_normal_initializer(stddev=0.01)
    logits = slim.conv2d(
        net,
        num_sizes,
        1,
        weights_initializer=small,
        biases_initializer=v1.constant_initializer(math.log(_PRIOR / (1 - _PRIOR))),
        scope=f"logits{index}",
        **linear,
    )
    offsets = slim.conv2d(
        net,
        4 * num_sizes,
        1,
        weights_initializer=small,
        scope=f"offsets{index}",
        **linear,
    )
    cells = net.shape[1] * net.shape[2] * num_sizes
    return tf.reshape(logits, [-1, cells]), tf.reshape(offsets, [-1, cells, 4])


def build_loss(logits, offsets, labels, true_offsets):
    """Returns the focal loss of the logits plus the smooth L1 loss of the offsets.

    Both are sums over the batch, divided by its number of anchors that have a face.

    Args:
        logits: (B, A) float32.
        offsets: (B, A, 4) float32.
        labels: (B, A) float32, 1, 0, or -1 = does not matter; from `anchors.match`.
        true_offsets: (B, A, 4) float32.
    """
    is_face = tf.cast(labels > 0, tf.float32)
    matters = tf.cast(labels >= 0, tf.float32)
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(is_face, logits)
    score = tf.sigmoid(logits)
    mistake = tf.abs(is_face - score)
    share = _FOCAL_ALPHA * is_face + (1 - _FOCAL_ALPHA) * (1 - is_face)
    focal = share * mistake**_FOCAL_GAMMA * cross_entropy * matters
    error = tf.abs(offsets - true_offsets)
    smooth = tf.where(error < 1, 0.5 * error**2, error - 0.5)
    box = is_face * tf.reduce_sum(smooth, axis=-1)
    count = tf.maximum(tf.reduce_sum(is_face), 1.0)
    return (tf.reduce_sum(focal) + _BOX_WEIGHT * tf.reduce_sum(box)) / count


def build_predictions(images):
    """Builds the network for inference, with its boxes decoded.

    Args:
        images: (B, 128, 128, 3) float32 RGB 0..255.

    Returns:
        boxes: (B, A, 4) float32, x0 y0 x1 y1, 0..1 over the square.
        scores: (B, A) float32, 0..1.
    """
    logits, offsets = build_network(pixels.to_network_input(images, True), False)
    centres = tf.constant(anchors.make_anchors())
    boxes = anchors.from_offsets(offsets, centres, concat=tf.concat, exp=tf.exp)
    return boxes, tf.sigmoid(logits - _SCORE_SHIFT)


def _fit_photos(photos):
    """Does with (B, H, W, 3) uint8 photos as `anchors.fit_photo` does, but that photos
    smaller than the square are enlarged by area, too.

    Returns:
        (B, 128, 128, 3) float32 0..255; (4,) float32, the share of its height, width,
        height, width that the photos fill.
    """
    shape = tf.cast(tf.shape(photos)[1:3], tf.float32)
    size = tf.round(shape * (anchors.SIZE / tf.reduce_max(shape)))
    size = tf.maximum(tf.cast(size, tf.int32), 1)
    small = tf.round(v1.image.resize_area(photos, size))
    square = tf.image.pad_to_bounding_box(small, 0, 0, anchors.SIZE, anchors.SIZE)
    square = tf.ensure_shape(square, [None, anchors.SIZE, anchors.SIZE, 3])
    return square, tf.tile(tf.cast(size, tf.float32), [2]) / anchors.SIZE


def build_detections():
    """Builds the whole detector into the default graph, as others expect it.

    The names and meanings of its tensors are those of the TensorFlow Object Detection
    API: `image_tensor`, (B, H, W, 3) uint8 RGB of any size, to `detection_boxes`, (B,
    100, 4) as ymin xmin ymax xmax 0..1, `detection_scores`, `detection_classes` (1 = a
    face) and `num_detections`, all float32.
    """
    photos = v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
    square, filled = _fit_photos(photos)
    boxes, scores = build_predictions(square)
    found = tf.image.combined_non_max_suppression(
        tf.gather(boxes, [1, 0, 3, 2], axis=-1)[:, :, None],
        scores[:, :, None],
        max_output_size_per_class=_MAX_FACES,
        max_total_size=_MAX_FACES,
        iou_threshold=anchors.NMS_IOU,
        score_threshold=_SCORE_FLOOR,
        clip_boxes=False,
    )
    tf.divide(found.nmsed_boxes, filled, name="detection_boxes")
    tf.identity(found.nmsed_scores, name="detection_scores")
    tf.add(found.nmsed_classes, 1.0, name="detection_classes")
    tf.cast(found.valid_detections, tf.float32, name="num_detections")
