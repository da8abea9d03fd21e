"""contract.json: every constant of the way from a photo to points that do not tremble.

Who ports the toolkit reads them there. Each is the one that the code uses: rooms keep
most of theirs to themselves, since nobody else needs them.

    version     1
    detector    its file, how photos are laid before it, its anchors and what becomes of
                what it says
    crop        from a box to the patch
    model       its file, its input, and what its points are
    confidence  of the points, from their spread
    faces       of several in a photo, which are one
    tracking    from frame to frame of a video
    cuts        how alike two frames are
    smoothing   the one-euro filter
"""

from landmark.detection import anchors
from landmark.live import cuts, distinct, landmarker, smoothing, tracking

VERSION = 1


def describe(detector, model, note):
    """Returns contract.json as a dict.

    Args:
        detector: TfliteFaceDetector.
        model: TfliteModel.
        note: its landmark.json, a dict.
    """
    extension = model.extension
    if extension is None:
        extension = landmarker.DEFAULT_EXTENSION
    return {
        "version": VERSION,
        "detector": _describe_detector(detector),
        "crop": {"extension": extension, "smallest_side": 1},
        "model": {
            "scheme": model.scheme.name,
            "points": model.scheme.num_points,
            "input_size": model.input_size,
            "colors": note["colors"],
            "scale": note["scale"],
            "offset": note["offset"],
        },
        "confidence": {
            "sharpest_spread": model.sharpest_spread,
            "min_confidence": landmarker.MIN_CONFIDENCE,
        },
        "faces": {
            "twice_iou": distinct._TWICE,
            "confused_below": distinct._CONFUSED,
            "hair": distinct._HAIR,
            "reach": landmarker._REACH,
        },
        "tracking": _describe_tracking(model.scheme),
        "cuts": {
            "samples": cuts._SAMPLES,
            "cells": cuts._CELLS,
            "blur": cuts._BLUR,
            "faint": cuts._FAINT,
            "surely_alike": cuts._SURELY_ALIKE,
        },
        "smoothing": {
            "min_cutoff": smoothing.MIN_CUTOFF,
            "beta": smoothing.BETA,
            "speed_cutoff": smoothing._SPEED_CUTOFF,
            "shortest_seconds": smoothing._SHORTEST,
        },
    }


def _describe_detector(detector):
    is_for_photos = detector.kind != anchors.KINDS["camera"]
    return {
        "kind": "photos" if is_for_photos else "camera",
        "outputs": ["offsets" if is_for_photos else "boxes", "scores"],
        "unit": anchors.SIZE,
        "sides": detector.sides,
        "multiple": anchors.COARSEST,
        "largest_but_at_last_side": anchors.LARGEST,
        "brightens": detector.kind.brightens,
        "bright_enough": anchors.DIM,
        "brightness_step": anchors._SAMPLED,
        "anchors": [
            {"stride": stride, "sizes": list(sizes)} for stride, sizes in anchors.LEVELS
        ],
        "anchor_aspect": anchors._ASPECT,
        "variances": anchors._VARIANCES.astype(float).round(6).tolist(),
        "min_score": detector.min_conf,
        "max_iou": anchors.NMS_IOU,
    }


def _describe_tracking(scheme):
    sides, top, bottom = scheme.face_box
    return {
        "face_box": {"sides": sides, "top": top, "bottom": bottom},
        "detect_every": tracking.DETECT_EVERY,
        "same_face_iou": tracking._SAME_FACE,
        "well_framed_iou": tracking._WELL_FRAMED,
        "steady_confidence": tracking._STEADY,
        "largest_box": tracking._LARGEST,
        "most_misses": tracking._MOST_MISSES,
        "cut_below": tracking._CUT,
        "upheaval_below": tracking._UPHEAVAL,
    }
