"""The 68 iBUG points as data.

Indices count from 0. Left and right are the subject's: the right eye stands on the
left of a photo.

References:
    Sagonas et al., 300 Faces In-The-Wild Challenge, Image and Vision Computing 2016.
"""

import numpy as np

NUM_POINTS = 68
NUM_COORDINATES = 2 * NUM_POINTS
NUM_PROFILE_POINTS = 39  # Menpo and Multi-PIE mark half-hidden faces with these.

# Runs of consecutive points, in drawing order: name -> (first, last).
CHAINS = {
    "jaw": (0, 16),
    "right_brow": (17, 21),
    "left_brow": (22, 26),
    "nose_bridge": (27, 30),
    "nostrils": (31, 35),
    "right_eye": (36, 41),
    "left_eye": (42, 47),
    "outer_lips": (48, 59),
    "inner_lips": (60, 67),
}
CLOSED_CHAINS = ("right_eye", "left_eye", "outer_lips", "inner_lips")

# What people report errors for.
PARTS = {
    "jaw": ("jaw",),
    "brows": ("right_brow", "left_brow"),
    "nose": ("nose_bridge", "nostrils"),
    "eyes": ("right_eye", "left_eye"),
    "mouth": ("outer_lips", "inner_lips"),
}

RIGHT_OUTER_EYE_CORNER = 36
LEFT_OUTER_EYE_CORNER = 45


def chain_indices(name):
    """Returns the indices of a chain's points: (n,) int64."""
    first, last = CHAINS[name]
    return np.arange(first, last + 1)


def part_indices(name):
    """Returns the indices of a part's points: (n,) int64."""
    return np.concatenate([chain_indices(chain) for chain in PARTS[name]])


# Point i of a mirrored face is point FLIP[i] of the face.
FLIP = np.array(
    [*range(16, -1, -1)]                      # jaw
    + [*range(26, 16, -1)]                    # brows
    + [27, 28, 29, 30, 35, 34, 33, 32, 31]    # nose
    + [45, 44, 43, 42, 47, 46]                # left eye's place
    + [39, 38, 37, 36, 41, 40]                # right eye's place
    + [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55]  # outer lips
    + [64, 63, 62, 61, 60, 67, 66, 65]        # inner lips
)  # fmt: skip
