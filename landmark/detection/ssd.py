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

_STEM, _TRUNK, _PYRAMID = 16, (24, 48, 56, 56), 40  # Widths.
_FOCAL_ALPHA, _FOCAL_GAMMA = 0.4, 2.0
_PRIOR = 0.01  # What an untrained network takes the share of faces among anchors for.
_BOX_WEIGHT = 1.0
_MAX_FACES = 100
_SCORE_FLOOR = 0.05  # Of the boxes that the graph gives out.


def build_network(images, is_training, kind):
    """Builds the network.

    Args:
        images: (B, H, W, 3) float32, from `pixels.to_network_input`; H and W are
            multiples of `anchors.COARSEST`, and may be unknown where B is 1.
        is_training: bool, for batch norm.
        kind: `anchors.Kind`.

    Returns:
        logits: (B, A) float32, of a face at each anchor of `anchors.make_anchors`.
        offsets: (B, A, 4) float32, see `anchors.from_offsets`.
    """
    with v1.variable_scope("ssd"), nets.arg_scope(is_training, use_batch_norm=True):
        net, levels = slim.conv2d(images, _STEM, 3, stride=2, scope="stem"), []
        trunk = zip(_TRUNK, kind.blocks, strict=True)
        for index, (width, blocks) in enumerate(trunk, start=1):
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
                net += _double(above)
            above = net
            outputs.insert(0, _predict(net, len(anchors.LEVELS[index][1]), index))
    logits, offsets = zip(*outputs, strict=True)
    return tf.concat(logits, axis=1), tf.concat(offsets, axis=1)


def _double(net):
    """Doubles the height and width of a feature map; each pixel becomes four.

    Written so that XNNPACK takes it, also where the shape is not known beforehand.
    """
    return tf.nn.depth_to_space(tf.concat([net] * 4, axis=-1), 2)


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
    if net.shape[1] is None:
        batch, cells = 1, -1
    else:
        batch, cells = -1, net.shape[1] * net.shape[2] * num_sizes
    return tf.reshape(logits, [batch, cells]), tf.reshape(offsets, [batch, cells, 4])


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


def build_scores(images, kind):
    """Builds the network for inference.

    Args:
        images: (B, H, W, 3) float32 RGB 0..255, see `build_network`.
        kind: `anchors.Kind`.

    Returns:
        offsets: (B, A, 4) float32, see `anchors.from_offsets`.
        scores: (B, A) float32, 0..1.
    """
    seen = pixels.to_network_input(images, True)
    logits, offsets = build_network(seen, False, kind)
    return offsets, tf.sigmoid(logits - kind.score_shift)


def build_predictions(images, kind):
    """Builds the network for inference, with its boxes decoded.

    Args:
        images: (B, H, W, 3) float32 RGB 0..255, H and W known.
        kind: `anchors.Kind`.

    Returns:
        boxes: (B, A, 4) float32, x0 y0 x1 y1, in units of `anchors.SIZE` pixels.
        scores: (B, A) float32, 0..1.
    """
    offsets, scores = build_scores(images, kind)
    centres = tf.constant(anchors.make_anchors(*images.shape.as_list()[1:3]))
    boxes = anchors.from_offsets(offsets, centres, concat=tf.concat, exp=tf.exp)
    return boxes, scores


def _fit_photos(photos, side):
    """Does with (B, H, W, 3) photos as `anchors.fit_photo` does, but that photos
    smaller than the square are enlarged by area, too.

    Returns:
        (B, side, side, 3) float32 0..255; (4,) float32, height, width, height, width of
        the photos in it, in units of `anchors.SIZE`.
    """
    shape = tf.cast(tf.shape(photos)[1:3], tf.float32)
    size = tf.round(shape * (side / tf.reduce_max(shape)))
    size = tf.maximum(tf.cast(size, tf.int32), 1)
    small = tf.round(v1.image.resize_area(photos, size))
    square = tf.image.pad_to_bounding_box(small, 0, 0, side, side)
    square = tf.ensure_shape(square, [None, side, side, 3])
    return square, tf.tile(tf.cast(size, tf.float32), [2]) / anchors.SIZE


def _brighten(photos):
    """Does with (B, H, W, 3) uint8 photos as `anchors.brighten` does."""
    photos = tf.cast(photos, tf.float32)
    means = tf.reduce_mean(photos, axis=[1, 2, 3], keepdims=True)
    gains = tf.maximum(anchors.DIM / tf.maximum(means, 1e-3), 1.0)
    return tf.minimum(tf.round(photos * gains), 255.0)


def _look(photos, side, kind):
    """Returns the boxes, (B, A, 4) as y0 x0 y1 x1, 0..1, and scores at one size."""
    square, filled = _fit_photos(photos, side)
    with v1.variable_scope(v1.get_variable_scope(), reuse=v1.AUTO_REUSE):
        boxes, scores = build_predictions(square, kind)
    if side != anchors.SIZE:
        sizes = tf.reduce_max(boxes[..., 2:] - boxes[..., :2], axis=-1)
        scores *= tf.cast(sizes <= anchors.LARGEST / anchors.SIZE, tf.float32)
    return tf.gather(boxes, [1, 0, 3, 2], axis=-1) / filled, scores


def build_detections(kind):
    """Builds the whole detector into the default graph, as others expect it.

    The names and meanings of its tensors are those of the TensorFlow Object Detection
    API: `image_tensor`, (B, H, W, 3) uint8 RGB of any size, to `detection_boxes`, (B,
    100, 4) as ymin xmin ymax xmax 0..1, `detection_scores`, `detection_classes` (1 = a
    face) and `num_detections`, all float32.

    Args:
        kind: `anchors.Kind`.
    """
    photos = v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
    seen = _brighten(photos) if kind.brightens else photos
    looks = [_look(seen, side, kind) for side in anchors.list_sides(kind.side)]
    boxes, scores = (tf.concat(parts, axis=1) for parts in zip(*looks, strict=True))
    found = tf.image.combined_non_max_suppression(
        boxes[:, :, None],
        scores[:, :, None],
        max_output_size_per_class=_MAX_FACES,
        max_total_size=_MAX_FACES,
        iou_threshold=anchors.NMS_IOU,
        score_threshold=_SCORE_FLOOR,
        clip_boxes=False,
    )
    tf.identity(found.nmsed_boxes, name="detection_boxes")
    tf.identity(found.nmsed_scores, name="detection_scores")
    tf.add(found.nmsed_classes, 1.0, name="detection_classes")
    tf.cast(found.valid_detections, tf.float32, name="num_detections")
