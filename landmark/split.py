"""Which patches belong together, and the split into training and validation."""

import re

import numpy as np

from landmark import files
from landmark.errors import InputError

# CMU Multi-PIE: subject_session_recording_camera_light.
_MULTI_PIE = re.compile(r"(?<!\d)(\d{3})_\d{2}_\d{2}_\d{3}_\d{2}(?!\d)")
# iBUG's collections: the photo's number, then the number of the face in it.
_PHOTO_AND_FACE = re.compile(r"((?:.*-)?(?:\d{6,}|image_\d{3,}))_\d{1,2}")

_NUMBER = re.compile(r"^\d+-(?=.*-)")
_FACE = re.compile(rf"{files.FACE}\d+$")


def photo_group(name):
    """Returns what a patch shares with all that must stand on its side of the split.

    That is the subject for Multi-PIE, else the photo: its rotated copy and the other
    faces in it go with it.

    Args:
        name: the patch's file name without suffix, as extraction writes it.
    """
    # Extraction puts a number before the name of a second photo of the same name; it
    # may be the same photo at another place.
    name = _FACE.sub("", _NUMBER.sub("", name.removesuffix(files.ROTATED)))
    subject = _MULTI_PIE.search(name)
    if subject:
        return f"Multi-PIE subject {subject[1]}"
    photo_and_face = _PHOTO_AND_FACE.fullmatch(name)
    return photo_and_face[1] if photo_and_face else name


def split_names(names, train_ratio):
    """Splits patches at random, but the same way each time, and never inside a group.

    Args:
        names: list of patch names.
        train_ratio: share of the groups that goes to training, 0..1; at least one group
            stays on each side.

    Returns:
        (training names, validation names), each shuffled.

    Raises:
        InputError: fewer than two groups, which cannot be split.
    """
    groups = sorted({photo_group(name) for name in names})
    if len(groups) < 2:
        raise InputError(
            "expected patches of at least two photos or subjects to split into "
            f"training and validation, found {len(groups)} {groups}"
        )
    rng = np.random.default_rng(0)
    rng.shuffle(groups)
    num_train = int(np.clip(round(train_ratio * len(groups)), 1, len(groups) - 1))
    train_groups = set(groups[:num_train])
    shuffled = rng.permutation(sorted(names)).tolist()
    train = [name for name in shuffled if photo_group(name) in train_groups]
    return train, [name for name in shuffled if photo_group(name) not in train_groups]
