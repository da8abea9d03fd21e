"""Which faces of a collection are bad, how bad, and why.

A score is what was measured over what is usual at most: from 1 on, a face is judged
bad. Where a model sees all the points, it decides; else the collection itself does.
"""

from typing import NamedTuple

import numpy as np

from landmark.checking import appearance, fits, looks, shapes

ODD_SHAPE, POOR_FIT = "odd shape", "poor fit"
TURNED = "turned"
BAD = 1.0  # The score from which a face is bad.
_CERTAIN = 100.0  # Score of what is no face's points.
# Robust deviations above the median that are usual: what faces look like has a longer
# tail than where they are.
_DEVIATIONS, _OF_LOOKS, _OF_PLACES = 6.0, 8.0, 4.5
_LEAST_SHAPE = 0.06  # Misfit over the face's size; less is no error.
_MOST_TURNED = 60.0  # Degrees from how the others are turned.
_POOR = 2.0  # Of a score below it, points are of the face, but bad.
_HALVES = 0.5  # An explanation must at least halve the error.
_FEWEST_SHAPES = 20  # Faces that have a usual shape.


class Verdict(NamedTuple):
    """What is judged of a face.

    Attributes:
        look: Look.
        score: how bad, over what is usual at most; nan of a face that was not read.
        kind: of fault, "" below a score of 1.
        detail: what was found, in words.
        twins: names of faces whose photo is the same, or its mirror image.
    """

    look: looks.Look
    score: float
    kind: str = ""
    detail: str = ""
    twins: str = ""

    @property
    def is_bad(self):
        """Whether the face is judged bad."""
        return bool(self.score >= BAD)


def judge(found, scheme, model_scheme=None):
    """Judges the faces of a collection, or of several that are alike.

    Args:
        found: list of Look.
        scheme: Scheme of the points.
        model_scheme: of the model that was asked, if there is one.

    Returns:
        list of Verdict, in the order of the looks.
    """
    verdicts = [Verdict(look, *_judge_alone(look)) for look in found]
    seen = [i for i, look in enumerate(found) if look.square is not None]
    if not seen:
        return verdicts
    tests = _Tests([found[i] for i in seen], scheme, model_scheme)
    for i, verdict in zip(seen, tests.verdicts(), strict=True):
        if not verdicts[i].kind:
            verdicts[i] = verdict
        elif verdict.kind in fits.EXPLANATIONS:  # Which says more than the place.
            verdicts[i] = verdict._replace(score=verdicts[i].score)
    return verdicts


def _judge_alone(look):
    """Returns score, kind and detail of a look by itself."""
    if look.kind == looks.NOT_READ:
        return np.nan, look.kind, look.detail
    return (_CERTAIN if look.kind else 0.0), look.kind, look.detail


def usual_limit(values, deviations, least=1e-9):
    """Returns what values are at most, as they usually are; nan do not count."""
    middle = np.nanmedian(values)
    deviation = 1.4826 * np.nanmedian(np.abs(values - middle))
    return max(float(middle + deviations * deviation), least)


class _Tests:
    """All that faces, which have points and a crop, are tested by: ratios to limits."""

    def __init__(self, found, scheme, model_scheme):
        self._found, self._scheme = found, scheme
        self._points_image = np.array([look.points_image for look in found])
        self.ratios = {}
        if all(look.seen for look in found):
            errors = np.array([look.seen.errors[fits.PLAIN] for look in found])
            self._limit = usual_limit(errors, _DEVIATIONS, looks.GOOD_FIT)
            self.ratios[fits.PLAIN] = errors / self._limit
        if not self.ratios or not _sees_all(scheme, model_scheme):
            self._test_by_others()

    def _test_by_others(self):
        """Tests the faces by the collection itself."""
        if len(self._found) >= _FEWEST_SHAPES and self._scheme.num_points > 2:
            self._shapes = shapes.learn(self._points_image)
            self._shape_limit = usual_limit(
                self._shapes.misfits, _OF_LOOKS, _LEAST_SHAPE
            )
            self.ratios[ODD_SHAPE] = self._shapes.misfits / self._shape_limit
            angles = self._shapes.angles
            angles = (angles - np.median(angles) + 180) % 360 - 180
            self.ratios[TURNED] = np.abs(angles) / _MOST_TURNED
        places = []  # What tells where the face is.
        features = [look.features for look in self._found]
        if len(features) >= appearance.FEWEST and None not in features:
            offset, rest = self._ask_others(features)
            places.append(_robust_z(offset))
            self.ratios[fits.OTHER] = rest / usual_limit(rest, _OF_LOOKS)
        boxes = [look.box_offset for look in self._found if look.box_offset is not None]
        if np.isfinite(boxes).any():
            places.append(np.nan_to_num(_robust_z(np.array(boxes))))
        if places:
            far = np.linalg.norm(np.concatenate(places, axis=1), axis=1)
            self.ratios[fits.MOVED] = far / usual_limit(far, _OF_PLACES)

    def _ask_others(self, features):
        """Returns of each face how far off it is by all others, and its points too.

        Returns:
            (N, 2) and (N,) float, crop units.
        """
        points = np.array([look.points for look in self._found])
        points = np.where(np.isnan(points), np.nanmedian(points, axis=0), points)
        apart = appearance.predict(features, points) - points
        offset = apart.mean(axis=1)
        rest = np.linalg.norm(apart - offset[:, None], axis=-1).mean(axis=1)
        return offset, rest

    def verdicts(self):
        """Returns the Verdict of each face."""
        if not self.ratios:
            return [Verdict(look, 0.0) for look in self._found]
        names, table = list(self.ratios), np.array(list(self.ratios.values()))
        table = np.nan_to_num(table)
        scores = table.max(axis=0)
        # Of several that a face fails, the first says most.
        tests = np.where(scores >= BAD, (table >= BAD).argmax(0), table.argmax(0))
        return [
            self._verdict(i, float(scores[i]), names[tests[i]])
            for i in range(len(self._found))
        ]

    def _verdict(self, i, score, test):
        look = self._found[i]
        if test == fits.PLAIN:
            kind = self._explain(look.seen.errors, score)
            detail = _describe_errors(look.seen.errors)
        else:
            kind = self._explain_shape(i) if test == ODD_SHAPE else test
            detail = f"{test} {self.ratios[test][i]:.1f} of the most that is usual"
        return Verdict(look, score, kind if score >= BAD else "", detail)

    def _explain(self, errors, score):
        """Returns the kind of fault that explains what a model found."""
        most = min(self._limit, _HALVES * errors[fits.PLAIN])
        for name in fits.EXPLANATIONS:
            if errors.get(name, np.inf) <= most:
                return name
        return POOR_FIT if score < _POOR else fits.OTHER

    def _explain_shape(self, i):
        """Returns the kind of fault that explains an odd shape."""
        points = self._points_image[i]
        swapped, _ = shapes.align(points[None, self._scheme.mirror], self._shapes.mean)
        misfit = self._shapes.misfits[i]
        if self._shapes.measure(swapped)[0] <= min(self._shape_limit, misfit / 2):
            return fits.SWAPPED
        known = np.isfinite(points).all(axis=1)
        face, _ = _to_unit(points[known])
        mean = np.stack([self._shapes.mean.real, self._shapes.mean.imag], axis=1)
        mean, _ = _to_unit(mean[known])
        in_order = fits.error(face, mean)
        if fits.assign(face, mean)[1] <= _HALVES * in_order:
            return fits.ORDER
        return ODD_SHAPE


def _sees_all(scheme, model_scheme):
    """Whether all points of a scheme can be compared with a model's."""
    annotation, _ = fits.find_comparison(scheme, model_scheme)
    marks = np.zeros((scheme.num_points, 2))
    return len(annotation(marks)) == scheme.num_points


def _to_unit(points):
    """Returns points about their middle, of size 1; and the size."""
    centred = points - points.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=1).mean()) or 1.0
    return centred / size, size


def _robust_z(columns):
    """Returns (N, K) columns in robust deviations from their median."""
    middle = np.nanmedian(columns, axis=0)
    deviation = 1.4826 * np.nanmedian(np.abs(columns - middle), axis=0)
    return (columns - middle) / np.where(deviation > 0, deviation, 1)


def _describe_errors(errors):
    """Returns in words how well the explanations fit."""
    told = [f"{name} {100 * value:.1f} %" for name, value in errors.items()]
    return ", ".join(told)
