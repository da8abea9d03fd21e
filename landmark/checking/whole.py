"""What is wrong with a collection as a whole, and the flag that says so."""

import collections

import numpy as np

from landmark.checking import fits
from landmark.files import exif

_SHARE = 0.6  # Of the faces that must agree.
_MOST_ERROR, _HALVES = 0.05, 0.5  # Of what explains the points of a face.
_FEWEST = 20  # Faces that a collection is judged by.
# Off by one pixel: in both axes, as the models have learnt how 300-W leans in x.
_LEAST_PIXEL, _MOST_PIXEL = 0.6, 1.4
_UNSURE = 0.15  # Pixels; the deviation of a median that tells nothing.
_LARGEST_CROP = 400  # Pixels; of larger ones, models are off by as much themselves.


def describe(seen, pts_format, place):
    """Returns what is wrong with a collection as a whole, a sentence each.

    Args:
        seen: list of looks.Seen, of its faces or a sample of them.
        pts_format: PtsFormat by which they were read.
        place: what the collection is called.

    Returns:
        list of str; none if all is well.
    """
    if len(seen) < _FEWEST:
        return []
    errors = [each.errors for each in seen]
    for kind in (fits.SWAPPED, *fits.TURNS, fits.ORDER):
        agreeing = [i for i, told in enumerate(errors) if explains(kind, told)]
        if len(agreeing) < _SHARE * len(seen):
            continue
        what = f"{place}: {len(agreeing)} of {len(seen)} faces"
        if kind == fits.SWAPPED:
            return [
                f"{what} have left and right exchanged (they are the subject's): give "
                "a --scheme with the names exchanged"
            ]
        if kind in fits.TURNS:
            return [f"{what} fit the photo {kind}: it was changed after annotation"]
        order = _find_order([seen[i] for i in agreeing])
        if order is not None:
            told = " ".join(map(str, order))
            return [
                f"{what} fit in one other order: give the --scheme whose order it is; "
                f"the rows of its points 0, 1, ... are {told}"
            ]
    return _describe_first_pixel(seen, pts_format, place)


def explains(kind, errors):
    """Whether an explanation fits a face: it is good, and halves the error."""
    most = min(_MOST_ERROR, _HALVES * errors[fits.PLAIN])
    return errors.get(kind, np.inf) <= most


def _find_order(seen):
    """Returns the order in which faces fit, (P,) rows; None if they do not agree."""
    if any(len(each.points) != len(each.predicted) for each in seen):
        return None
    whole = [each for each in seen if np.isfinite(each.points).all()]
    orders = np.array([fits.assign(e.points, e.predicted)[0] for e in whole])
    if len(orders) < _FEWEST:
        return None
    votes = [collections.Counter(rows.tolist()).most_common(1)[0] for rows in orders.T]
    order = np.array([row for row, _ in votes])
    is_one = len(set(order.tolist())) == len(order)
    shares = np.array([number for _, number in votes]) / len(orders)
    return order if is_one and np.median(shares) >= _SHARE else None


def _describe_first_pixel(seen, pts_format, place):
    small = [each for each in seen if each.square.side <= _LARGEST_CROP]
    offsets = np.array([each.offset * each.square.side for each in small])
    if len(offsets) < _FEWEST:
        return []
    middle = np.median(offsets, axis=0)
    deviation = 1.4826 * np.median(np.abs(offsets - middle), axis=0)
    size = np.abs(middle)
    is_one = (size >= _LEAST_PIXEL).all() and (size <= _MOST_PIXEL).all()
    is_sure = (1.25 * deviation / np.sqrt(len(offsets)) <= _UNSURE).all()
    other = 0 if middle[0] < 0 else 1
    is_same_way = middle[0] * middle[1] > 0
    if not (is_one and is_sure and is_same_way) or other == pts_format.first_pixel:
        return []
    return [
        f"{place}: points are off by one pixel in both axes (median {middle[0]:+.2f} "
        f"{middle[1]:+.2f} of {len(offsets)} faces): give --first_pixel={other}"
    ]


def describe_frame(found, place):
    """Returns a sentence if points are in the other frame of photos that EXIF turns.

    Args:
        found: list of Look, of a collection.
        place: what it is called.

    Returns:
        list of str, one or none.
    """
    turned = [look for look in found if look.orientation != exif.UPRIGHT and look.seen]
    for frame, kind in fits.FRAMES.items():
        agreeing = sum(explains(kind, look.seen.errors) for look in turned)
        if agreeing and agreeing >= _SHARE * len(turned):
            return [
                f"{place}: the points of {agreeing} of {len(turned)} photos that EXIF "
                f"turns fit the photo as {frame}: give --exif={frame}"
            ]
    return []


def describe_lean(seen, place):
    """Returns, in a sentence, how points lie beside the model's; it is no fault."""
    right, down = 100 * np.median([each.offset for each in seen], axis=0)
    error = 100 * np.median([each.errors[fits.PLAIN] for each in seen])
    return (
        f"{place}: {len(seen)} faces, median error {error:.2f} % of the crop; points "
        f"lie {right:+.2f} % to the right and {down:+.2f} % below the model's"
    )
