"""Faces beside each other: which are one, and how one is seen without the other.

They are `Landmarks`, or whatever has points_image, scheme and confidence.
"""

import cv2
import numpy as np

from landmark.face import geometry

_TWICE = 0.5  # IoU of the points' boxes of two faces that are one.
# Confidence below which a face may be taken for a surer one that is in its crop, too.
_CONFUSED = 0.65
_HAIR = 0.15  # Of a box's width, to either side: its upper corners are not of the face.


def _box(face):
    return geometry.face_box_from_points(face.points_image, face.scheme)


def find_distinct(faces, scores):
    """Returns which faces are not found twice, by where their points are.

    Args:
        faces: n.
        scores: (n,) float; of two on the same face, the higher one stays.

    Returns:
        (m,) int64, highest score first.
    """
    boxes = [_box(face) for face in faces]
    return geometry.suppress(np.reshape(boxes, (-1, 4)), scores, _TWICE)


def list_confusing(faces, boxes, index):
    """Returns the faces that one of them may have been taken for, wholly or in part.

    Args:
        faces: n.
        boxes: (n, 4) float, image pixels, where they were sought.
        index: of the one.

    Returns:
        list of those that are surer, and in its box; empty where it is sure itself.
    """
    sure = faces[index].confidence
    if not sure < _CONFUSED:  # As nan is not.
        return []
    return [
        face
        for face in faces
        if face.confidence > sure
        and geometry.box_iou(_box(face)[None], boxes[index])[0] > 0
    ]


def cover(image, faces):
    """Returns a copy of an image, (H, W, 3) uint8, each face under its mean colour."""
    image = image.copy()
    for face in faces:
        x0, y0, x1, _ = _box(face)
        hair = _HAIR * (x1 - x0)
        outline = np.vstack([face.points_image, [(x0 + hair, y0), (x1 - hair, y0)]])
        outline = outline[np.isfinite(outline).all(axis=1)]
        hull = cv2.convexHull(np.rint(outline).astype(np.int32))[:, 0]
        low = np.maximum(hull.min(axis=0), 0)
        width, height = hull.max(axis=0) + 1
        area = image[low[1] : max(height, 0), low[0] : max(width, 0)]
        mask = np.zeros(area.shape[:2], np.uint8)
        if mask.size and cv2.fillConvexPoly(mask, hull - low, 1).any():
            area[mask > 0] = cv2.mean(area, mask)[:3]
    return image
