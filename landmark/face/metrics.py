"""How wrong predicted points are.

Every name carries its normaliser: `crop` (1 = the side of the patch), `inter_ocular`
(distance of the outer eye corners), `inter_pupil` (distance of the eyes' centres).

References:
    NME, CED, AUC and failure rate as in Sagonas et al., 300 Faces In-The-Wild
    Challenge, Image and Vision Computing 2016.
"""

import numpy as np

from landmark.face import geometry
from landmark.face import points as ibug

THRESHOLDS = (0.08, 0.10)


def point_errors(predicted, truth):
    """Returns the Euclidean error of each point: (..., 68, 2) twice -> (..., 68)."""
    return np.linalg.norm(predicted - truth, axis=-1)


def inter_ocular(truth):
    """Returns the distance of the outer eye corners: (..., 68, 2) -> (...)."""
    right = truth[..., ibug.RIGHT_OUTER_EYE_CORNER, :]
    left = truth[..., ibug.LEFT_OUTER_EYE_CORNER, :]
    return np.linalg.norm(left - right, axis=-1)


def inter_pupil(truth):
    """Returns the distance of the eyes' centres: (..., 68, 2) -> (...)."""
    right = truth[..., ibug.chain_indices("right_eye"), :].mean(axis=-2)
    left = truth[..., ibug.chain_indices("left_eye"), :].mean(axis=-2)
    return np.linalg.norm(left - right, axis=-1)


def face_errors(predicted, truth):
    """Returns the mean error of each face's points: (B, 68, 2) twice -> two of (B,).

    The first is in the unit of the points, the second over inter-ocular (NME).
    """
    errors = point_errors(predicted, truth).mean(axis=-1)
    return errors, errors / inter_ocular(truth)


def failure_rate(errors, threshold):
    """Returns the share of faces, errors (B,), with an error above the threshold."""
    return float(np.mean(errors > threshold))


def auc(errors, threshold):
    """Returns the area under the CED curve from 0 to the threshold, over the threshold.

    The curve is a step function, so its area is exact: each face adds what lies to the
    right of its step.

    Args:
        errors: (B,) float, one per face.
        threshold: float, same unit.

    Returns:
        float in 0..1; 1 is perfect.
    """
    return float(np.mean(np.clip(1 - errors / threshold, 0, 1)))


def ced(errors):
    """Returns the cumulative error distribution of errors (B,) as a step function.

    Returns:
        (B,) sorted errors, and (B,) the share of faces with at most that error.
    """
    return np.sort(errors), np.arange(1, len(errors) + 1) / len(errors)


def summarize(predicted, truth):
    """Returns every figure of metrics.json.

    Args:
        predicted, truth: (B, 68, 2) float, crop-normalised.

    Returns:
        dict of floats and nested lists and dicts, ready for JSON. NME, failure rates
        and AUC are fractions, not per cent; parts and points are errors over
        inter-ocular.
    """
    errors = point_errors(predicted, truth)
    relative = errors / inter_ocular(truth)[:, None]
    nme = relative.mean(axis=1)
    summary = {
        "samples": len(truth),
        "error_crop": float(errors.mean()),
        "nme_inter_ocular": float(nme.mean()),
        "nme_inter_ocular_median": float(np.median(nme)),
        "nme_inter_pupil": float((errors.mean(axis=1) / inter_pupil(truth)).mean()),
    }
    for threshold in THRESHOLDS:
        summary[f"failure_rate_{threshold:.2f}"] = failure_rate(nme, threshold)
        summary[f"auc_{threshold:.2f}"] = auc(nme, threshold)
    summary["nme_inter_ocular_by_part"] = {
        name: float(relative[:, ibug.part_indices(name)].mean()) for name in ibug.PARTS
    }
    summary["nme_inter_ocular_by_point"] = relative.mean(axis=0).tolist()
    return summary


def count_faces(found, boxes, is_sure, min_iou=0.4):
    """Compares detected boxes with the faces of a photo.

    Args:
        found: (m, 4) float, detections.
        boxes: (n, 4) float, the faces, same frame.
        is_sure: (n,) bool; others may be found or not.
        min_iou: of a detection and the face that it finds.

    Returns:
        how many of the sure faces are found; how many detections find nothing.
    """
    hits = geometry.box_iou(found[:, None], boxes) >= min_iou
    return int(hits.any(axis=0)[is_sure].sum()), int((~hits.any(axis=1)).sum())
