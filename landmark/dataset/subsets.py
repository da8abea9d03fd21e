"""Named subsets of patches: the collections that they come from, and what users name.

The name of a patch begins with that of the folder that its photo was extracted from.
"""

import re

import numpy as np

from landmark.dataset import split
from landmark.script.errors import InputError

_NUMBERED = r"(\d+-)?"  # Where two photos would have the same name, one has a number.
_EXAMPLE = "common:helen+lfpw,challenging:ibug"


def parse_subsets(texts):
    """Reads `NAME:COLLECTION+COLLECTION...` -> name -> list of collections.

    A collection's name alone is a subset of it.

    Raises:
        InputError: that is not how it is written, or a name comes twice.
    """
    subsets = {}
    for text in texts:
        name, colon, collections = text.partition(":")
        parts = collections.split("+") if colon else [name]
        if not (name and all(parts)) or name in subsets or name == "all":
            raise InputError(
                f"--subsets: expected names and collections such as {_EXAMPLE}, each "
                f"name once and none 'all', found {text!r}"
            )
        subsets[name] = parts
    return subsets


def choose_subsets(names, subsets):
    """Says which patches are of which subset.

    Args:
        names: list of str, of the patches.
        subsets: from `parse_subsets`; a collection is what patches' names begin with,
            up to a `-`, or a list of names, a .txt.

    Returns:
        name -> (B,) bool: first the collections, if there are several, each the first
        part of the patches' names, then the subsets.

    Raises:
        InputError: no patch is of a subset's collection, or a subset is called like
            another collection.
    """
    firsts = [re.match(rf"{_NUMBERED}([^-]*)", name)[2] for name in names]
    found = sorted(set(firsts))
    if any(first == name for first, name in zip(firsts, names, strict=True)):
        found = []  # Not all names have a collection: they are not of extraction.
    chosen = {first: np.array([f == first for f in firsts]) for first in found}
    chosen = chosen if len(chosen) > 1 else {}
    for name, collections in subsets.items():
        if name in chosen and collections != [name]:
            raise InputError(
                f"--subsets: expected a name that is no collection's, found {name}"
            )
        masks = [_are_of(names, collection) for collection in collections]
        for mask, collection in zip(masks, collections, strict=True):
            if not mask.any():
                known = f", which are of {', '.join(found)}" if found else ""
                raise InputError(
                    f"--subsets: expected patches of {collection} for {name}, found "
                    f"none of {len(names)}{known}"
                )
        chosen[name] = np.any(masks, axis=0)
    return chosen


def _are_of(names, collection):
    """Returns (B,) bool: whether a name begins with a collection's, or is in a list."""
    if collection.endswith(".txt"):
        return np.isin(names, split.read_names(collection))
    begins = re.compile(rf"{_NUMBERED}{re.escape(collection)}-")
    return np.array([bool(begins.match(name)) for name in names])
