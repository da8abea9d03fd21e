"""Which patches belong together, and the split into training and validation."""

import hashlib
import math
import re

import numpy as np

from landmark.files import disk
from landmark.files.notes import shorten
from landmark.files.patches import FACE, ROTATED
from landmark.script.errors import InputError
from landmark.script.words import count

# CMU Multi-PIE: subject_session_recording_camera_light.
_MULTI_PIE = re.compile(r"(?<!\d)(\d{3})_\d{2}_\d{2}_\d{3}_\d{2}(?!\d)")
# iBUG's collections: the photo's number, then the number of the face in it.
_PHOTO_AND_FACE = re.compile(r"((?:.*-)?(?:\d{6,}|image_\d{3,}))_\d{1,2}")

_NUMBER = re.compile(r"^\d+-(?=.*-)")
_FACE = re.compile(rf"{FACE}\d+$")
_MIRROR = re.compile(r"[-_](mirror|flip)(ed|ped)?$", re.IGNORECASE)


def photo_group(name):
    """Returns what a patch shares with all that must stand on its side of the split.

    That is the subject for Multi-PIE, else the photo: its rotated copy, the other faces
    in it, and what is called its mirror image go with it.

    Args:
        name: the patch's file name without suffix, as extraction writes it.
    """
    # Extraction puts a number before the name of a second photo of the same name; it
    # may be the same photo at another place.
    name = _FACE.sub("", _NUMBER.sub("", name.removesuffix(ROTATED)))
    name = _MIRROR.sub("", name)
    subject = _MULTI_PIE.search(name)
    if subject:
        return f"Multi-PIE subject {subject[1]}"
    photo_and_face = _PHOTO_AND_FACE.fullmatch(name)
    return photo_and_face[1] if photo_and_face else name


def join_twins(twins):
    """Returns the function of a name that is its group, as `photo_group`, but that
    groups of twins are one: the first of them.

    Args:
        twins: pairs of names of patches that show the same.
    """
    first = {}

    def find(group):
        while group in first:
            group = first[group]
        return group

    for pair in twins:
        one, other = sorted(find(photo_group(name)) for name in pair)
        if one != other:
            first[other] = one
    return lambda name: find(photo_group(name))


def is_one_sided(train_ratio, val_list):
    """Whether all names go to one side, so that nobody need ask who belongs together.

    Args:
        train_ratio, val_list: as `divide_names` takes them.
    """
    return val_list is None and train_ratio in (0, 1)


def divide_names(names, train_ratio, val_list, seed=0, group=photo_group):
    """Splits patches by a list, or where none is given by a hash.

    Args:
        names: list of patch names.
        train_ratio: see `split_names`.
        val_list: path, see `split_by_list`, or None.
        seed: of the shuffles.
        group: function of a name; names of one group stand on one side.

    Returns:
        (training names, validation names), each shuffled.

    Raises:
        InputError: as the one that is asked does.
    """
    if val_list is None:
        return split_names(names, train_ratio, seed, group)
    return split_by_list(names, val_list, seed, group)


def read_names(path):
    """Returns the names of a list, a text file with one a line.

    What is empty or starts with # does not count.

    Raises:
        InputError: no such file, or it is no text.
    """
    lines = map(str.strip, disk.read_text(path).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def split_by_list(names, path, seed=0, group=photo_group):
    """Splits patches by a list of those that validate, and never inside a group.

    Args:
        names: list of patch names.
        path: of the list, see `read_names`. Whatever shares a group with a listed name
            validates, all else trains. Names without a patch are printed.
        seed: of the shuffles.

    Returns:
        (training names, validation names), each shuffled.

    Raises:
        InputError: no such file, or there is no patch of any name in it.
    """
    return split_by_names(names, read_names(path), path, seed, group)


def split_by_names(names, listed, path, seed=0, group=photo_group):
    """As `split_by_list`, by the names that a list at a path holds."""
    there = {group(name) for name in names}
    missing = [name for name in listed if group(name) not in there]
    if len(missing) == len(listed):
        raise InputError(
            f"{path}: expected names of patches, found {count(len(listed), 'name')}, "
            "none of them a patch's"
        )
    if missing:
        vain = count(len(missing), "name")
        print(f"{path}: no patch of {vain}: {shorten(', '.join(missing))}")
    validating = {group(name) for name in listed}
    return _divide(names, lambda name: group(name) in validating, seed)


def split_names(names, train_ratio, seed=0, group=photo_group):
    """Splits patches by a hash of their group, and never inside a group.

    A group stays on its side whatever else is in the collection, so that one photo more
    does not reshuffle the others.

    Args:
        names: list of patch names.
        train_ratio: share of the groups that goes to training, on average. With 0 or 1
            all go to one side; else at least one group stays on each.
        seed: of the shuffles; the sides do not depend on it.

    Returns:
        (training names, validation names), each shuffled.

    Raises:
        InputError: fewer than two groups, which cannot be split.
    """
    places = {each: _place(each) for each in set(map(group, names))}
    if train_ratio in (0, 1):
        return _divide(names, lambda name: train_ratio == 0, seed)
    if len(places) < 2:
        raise InputError(
            "expected patches of at least two photos or subjects to split into "
            f"training and validation, found {len(places)} {sorted(places)}"
        )
    # In a small collection all may lie on one side of the ratio.
    first, *_, last = sorted(places.values())
    limit = min(max(train_ratio, math.nextafter(first, 1)), last)
    return _divide(names, lambda name: places[group(name)] >= limit, seed)


def _place(group):
    """Returns where a group lies between 0 and 1: the same on every machine."""
    digest = hashlib.sha256(group.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _divide(names, validates, seed):
    """Returns (training names, validation names) by a function of the name."""
    shuffled = np.random.default_rng(seed).permutation(sorted(names)).tolist()
    sides = [], []
    for name in shuffled:
        sides[validates(name)].append(name)
    return sides
