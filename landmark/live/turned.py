"""Faces at any angle: four looks at a photo, and each face set upright."""

import cv2
import numpy as np

from landmark.face import geometry
from landmark.face.pose import head_pose

_UPRIGHT = 8  # Degrees by which a face may be tilted, and still be upright.
_UNSURE = 0.5  # Confidence below which a face may be tilted by more than is seen.
_TILTS = -45, 45  # Degrees that are tried then.
_LOOKS = 2  # At most, each at a face that is set upright as the one before says.
_SAME_FACE = 0.3  # IoU of boxes in two looks at the photo that are of one face.


def turn_quarters(image, quarters):
    """Turns an image counterclockwise by quarters of a turn.

    Args:
        image: (H, W, 3) uint8.
        quarters: 0 to 3.

    Returns:
        a C-contiguous array, and a function that takes points, (..., 2) in its pixels,
        back.
    """
    height, width = image.shape[:2]

    def back(points):
        x, y = points[..., 0], points[..., 1]
        turned = (
            (x, y),
            (width - 1 - y, x),
            (width - 1 - x, height - 1 - y),
            (y, height - 1 - x),
        )[quarters]
        return np.stack(turned, axis=-1)

    return np.ascontiguousarray(np.rot90(image, quarters)), back


def find_quarters(image, find_upright):
    """Returns by how many quarters to turn an image for its faces to be upright.

    Args:
        image: (H, W, 3) uint8.
        find_upright: image -> boxes (n, 4), scores (n,), n of Landmarks.

    Returns:
        0 to 3; None where no face is sure either way.
    """
    sums = []
    for quarters in range(4):
        turned, _ = turn_quarters(image, quarters)
        _, scores, found = find_upright(turned)
        sure = [
            score if np.isnan(landmarks.confidence) else landmarks.confidence
            for score, landmarks in zip(scores, found, strict=True)
        ]
        sums.append(sum(each for each in sure if each >= _UNSURE))
    return int(np.argmax(sums)) if any(sums) else None


def find_turned(image, find_upright, find_landmarks):
    """Finds faces at any angle.

    Args:
        image: (H, W, 3) uint8.
        find_upright: image -> boxes (n, 4), scores (n,), n of Landmarks.
        find_landmarks: as of FaceLandmarker.

    Returns:
        as find_upright.
    """
    boxes, scores, found = [], [], []
    for quarters in range(4):
        turned, back = turn_quarters(image, quarters)
        for box, score, landmarks in zip(*find_upright(turned), strict=True):
            boxes.append(turn_box(box, back))
            scores.append(score)
            found.append((landmarks, turned, box, back))
    boxes, scores = np.reshape(boxes, (-1, 4)), np.array(scores, float)
    sure = np.array([landmarks.confidence for landmarks, *_ in found])
    sure = np.where(np.isnan(sure), scores, sure)
    kept, upright = [], []
    for index in np.argsort(-sure, kind="stable"):
        settled = [k for k, face in zip(kept, upright, strict=True) if _is_sure(face)]
        overlaps = geometry.box_iou(boxes[settled], boxes[index])
        if overlaps.max(initial=0) > _SAME_FACE:
            continue
        landmarks, turned, box, back = found[index]
        landmarks = set_upright(turned, box, landmarks, find_landmarks)
        points_image = back(landmarks.points_image)
        upright.append(landmarks._replace(points_image=points_image))
        kept.append(index)
    return boxes[kept], scores[kept], upright


def turn_box(box, back):
    """Returns a box, (4,), whose corners a function of `turn_quarters` takes back."""
    corners = back(np.reshape(box, (2, 2)))
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])


def set_upright(image, box, landmarks, find_landmarks):
    """Looks for the points of a tilted face once more, with the face upright.

    Args:
        image: (H, W, 3) uint8.
        box: (4,) float, image pixels, of the face.
        landmarks: Landmarks, as found without.
        find_landmarks: as of FaceLandmarker.

    Returns:
        the Landmarks that are surer.
    """
    if not _is_sure(landmarks):
        looks = [_look(image, box, tilt, find_landmarks) for tilt in _TILTS]
        landmarks = max([landmarks, *looks], key=_confidence)
    for _ in range(_LOOKS):
        tilt = _tilt(landmarks)
        if not abs(tilt) > _UPRIGHT:
            break
        again = _look(image, landmarks, tilt, find_landmarks)
        is_settled = abs(_tilt(again) - tilt) < _UPRIGHT
        landmarks = max([landmarks, again], key=_confidence)
        if is_settled:
            break
    return landmarks


def _is_sure(landmarks):
    return not landmarks.confidence < _UNSURE  # Nor is nan.


def _confidence(landmarks):
    return landmarks.confidence


def _tilt(landmarks):
    return head_pose(landmarks.points_image, landmarks.scheme)[2]


def _look(image, face, tilt, find_landmarks):
    """Returns the Landmarks of a face, a box or Landmarks, turned back by its tilt."""
    turn = cv2.getRotationMatrix2D((0, 0), float(tilt), 1.0)
    if isinstance(face, np.ndarray):
        middle = turn[:, :2] @ (face[:2] + face[2:]) / 2
        half = (face[2:] - face[:2]) / 2
        box = np.concatenate([middle - half, middle + half])
    else:
        box = geometry.face_box_from_points(
            face.points_image @ turn[:, :2].T, face.scheme
        )
    # The look shows the box and as much around it.
    size = max(box[2:] - box[:2])
    corner = (box[:2] + box[2:]) / 2 - size
    turn[:, 2] = -corner
    side = int(np.ceil(2 * size))
    look = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_LINEAR)
    (found,) = find_landmarks(look, [box - np.tile(corner, 2)])
    back = cv2.invertAffineTransform(turn)
    return found._replace(points_image=found.points_image @ back[:, :2].T + back[:, 2])
