"""How wrong predicted points are.

Every name carries its normaliser: `crop` (1 = the side of the patch), what the scheme
says: `inter_ocular` (distance of the outer eye corners), `inter_pupil` (distance of the
eyes' centres), or one that all schemes have: `box`, `diagonal` (see `normaliser`), or
the distance of a pair of points, `36-45`. Points are missing where the truth is nan;
they count nowhere. A face of which a point that normalises is missing has no NME.

References:
    NME, CED, AUC and failure rate as in Sagonas et al., 300 Faces In-The-Wild
    Challenge, Image and Vision Computing 2016. `box` as in Zhu et al., Face Alignment
    Across Large Poses, CVPR 2016 (AFLW2000); `diagonal` as in Zafeiriou et al., The
    Menpo Facial Landmark Localisation Challenge, CVPR Workshops 2017.
"""

import re
import warnings

import numpy as np

from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.script.errors import InputError

THRESHOLDS = (0.08, 0.10)
# Of width and height of the points' box: the normalisers that all schemes have.
_OF_BOX = {
    "box": lambda size: np.sqrt(size.prod(axis=-1)),
    "diagonal": lambda size: np.linalg.norm(size, axis=-1),
}
# Chains that are closed, from one corner to the other and back.
_OPENINGS = {"eye": ("right_eye", "left_eye"), "mouth": ("inner_lips",)}
_PAIR = re.compile(r"(\d+)-(\d+)")
# Spread of a point whose bins show just what `losses.bin_cross_entropy` teaches them: a
# Gaussian of 1.5 bins in x and in y.
SHARPEST_SPREAD = 0.0189


def point_errors(predicted, truth):
    """Returns the Euclidean error of each point: (..., P, 2) twice -> (..., P)."""
    return np.linalg.norm(predicted - truth, axis=-1)


def normaliser(truth, scheme=IBUG68, name=None):
    """Returns what the errors of faces are divided by.

    Args:
        truth: (..., P, 2) float.
        scheme: Scheme of the points.
        name: one of its normalisers, the first if not given; `box`, the root of the
            area of the box around the points, or `diagonal`, that box's; or a pair of
            points, `36-45`, from 0.

    Returns:
        (...) float, the size of the box, or the distance of the pair or of the two
        groups' means; nan where a point of them is missing, or where it is 0.
    """
    if name in _OF_BOX:
        return _nan_for_0(_OF_BOX[name](truth.max(axis=-2) - truth.min(axis=-2)))
    if name and name not in scheme.normalisers:
        first, second = ([int(n)] for n in _PAIR.fullmatch(name).groups())
    else:
        first, second = scheme.normalisers[name or scheme.normaliser]
    first, second = (truth[..., list(g), :].mean(axis=-2) for g in (first, second))
    return _nan_for_0(np.linalg.norm(second - first, axis=-1))


def _nan_for_0(sizes):
    return np.where(sizes > 0, sizes, np.nan)


def check_normaliser(name, scheme):
    """Refuses what is no normaliser of a scheme.

    Raises:
        InputError
    """
    pair = _PAIR.fullmatch(name)
    indices = {int(n) for n in pair.groups()} if pair else set()
    is_pair = len(indices) == 2 and max(indices) < scheme.num_points
    if not (is_pair or name in _OF_BOX or name in scheme.normalisers):
        names = ", ".join([*scheme.normalisers, *_OF_BOX])
        raise InputError(
            f"--normaliser: expected one of {names} or a pair of points from 0-1 to "
            f"{scheme.num_points - 2}-{scheme.num_points - 1}, found {name}"
        )


def face_errors(predicted, truth, scheme=IBUG68, name=None):
    """Returns the mean error of each face's points: (B, P, 2) twice -> two of (B,).

    The first is in the unit of the points, the second over the normaliser (NME), that
    of this name or else the scheme's. Both are nan where they are not known.
    """
    errors = mean(point_errors(predicted, truth), axis=-1)
    return errors, errors / normaliser(truth, scheme, name)


def aspects(points, scheme=IBUG68):
    """Returns how far eyes and mouths are open: their height over their width.

    That of an eye is (|37-41| + |38-40|) / 2 over |36-39|, and that of the mouth the
    same of the inner lips' three pairs.

    Args:
        points: (..., P, 2) float.
        scheme: Scheme of the points.

    Returns:
        `eye` -> (...) float, the mean of both eyes; `mouth` -> (...) float. 0 is
        closed; nan where a point of them is missing. What the scheme has no closed
        lines of is left out.

    References:
        Soukupova and Cech, Real-Time Eye Blink Detection using Facial Landmarks,
        Computer Vision Winter Workshop 2016.
    """
    return {
        name: np.mean([_aspect(points[..., scheme.chains[c], :]) for c in chains], 0)
        for name, chains in _OPENINGS.items()
        if scheme.closed.issuperset(chains)
    }


def _aspect(around):
    """Returns height over width of (..., n, 2) points around an opening."""
    half = around.shape[-2] // 2
    sides = around[..., 1:half, :] - around[..., :-half:-1, :]
    heights = np.linalg.norm(sides, axis=-1).mean(axis=-1)
    widths = np.linalg.norm(around[..., half, :] - around[..., 0, :], axis=-1)
    return heights / _nan_for_0(widths)


def mean(values, axis=None):
    """Returns the mean of what is not nan; nan where nothing is."""
    if not np.isnan(values).any():  # And to the last bit what it is without nan.
        return values.mean(axis=axis)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")
        return np.nanmean(values, axis=axis)


def points_confidence(spread, sharpest=SHARPEST_SPREAD):
    """Returns how sure a model is of a face's points: (..., P) -> (...), 0..1.

    It is 1 where the points are as sharp as training wanted them, 0.5 where they are
    spread twice as wide. What is no face has less than 0.1.

    Args:
        spread: (..., P) float, of each point, crop units.
        sharpest: spread of points that are as sharp as they can be.
    """
    return np.minimum(1.0, sharpest / spread.mean(axis=-1))


def failure_rate(errors, threshold):
    """Returns the share of faces, errors (B,), with an error above the threshold."""
    return float(np.mean(errors > threshold)) if len(errors) else np.nan


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
    if not len(errors):
        return np.nan
    return float(np.mean(np.clip(1 - errors / threshold, 0, 1)))


def ced(errors):
    """Returns the cumulative error distribution of errors (B,) as a step function.

    Returns:
        (B,) sorted errors, and (B,) the share of faces with at most that error.
    """
    return np.sort(errors), np.arange(1, len(errors) + 1) / len(errors)


def summarize(predicted, truth, scheme=IBUG68, name=None):
    """Returns every figure of metrics.json.

    Args:
        predicted, truth: (B, P, 2) float, crop-normalised.
        scheme: Scheme of the points.
        name: of the main normaliser; the scheme's if not given.

    Returns:
        dict of floats and nested lists and dicts, ready for JSON. NME, failure rates
        and AUC are fractions, not per cent; parts and points are errors over the
        main normaliser; aspect errors are the mean of |predicted - true|, see
        `aspects`. What no face shows is None.
    """
    errors = point_errors(predicted, truth)
    of_face = mean(errors, axis=1)
    size = normaliser(truth, scheme, name)
    relative, nme = errors / size[:, None], of_face / size
    known = nme[~np.isnan(nme)]
    name = name or scheme.normaliser
    main = f"nme_{name}"
    summary = {
        "scheme": scheme.name,
        "samples": len(truth),
        "samples_without_nme": len(truth) - len(known),
        "points_missing": int(np.isnan(errors).sum()),
        "error_crop": float(mean(errors)),
    }
    for other in {name: None} | scheme.normalisers:
        of_other = of_face / normaliser(truth, scheme, other)
        summary[f"nme_{other}"] = float(mean(of_other))
    summary[f"{main}_median"] = float(np.median(known)) if len(known) else np.nan
    for threshold in THRESHOLDS:
        summary[f"failure_rate_{threshold:.2f}"] = failure_rate(known, threshold)
        summary[f"auc_{threshold:.2f}"] = auc(known, threshold)
    true_aspects = aspects(truth, scheme)
    for opening, found in aspects(predicted, scheme).items():
        errors_of_it = np.abs(found - true_aspects[opening])
        summary[f"{opening}_aspect_error"] = float(mean(errors_of_it))
    summary[f"{main}_by_part"] = {
        part: float(mean(relative[:, indices]))
        for part, indices in scheme.parts.items()
    }
    summary[f"{main}_by_point"] = mean(relative, axis=0).tolist()
    return _without_nan(summary)


def _without_nan(figures):
    """Returns figures with None for what is nan, which JSON does not know."""
    if isinstance(figures, dict):
        return {name: _without_nan(value) for name, value in figures.items()}
    if isinstance(figures, list):
        return [_without_nan(value) for value in figures]
    return None if figures != figures else figures


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
