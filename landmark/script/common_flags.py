"""Flags that two or more scripts read: how faces are found and cropped."""

from absl import flags

from landmark import pretrained
from landmark.script import cli

# What is used where no other detector or model is given.
DETECTOR_DIR = str(pretrained.DETECTOR_DIR)
VIDEO_DETECTOR_DIR = str(pretrained.VIDEO_DETECTOR_DIR)
LANDMARK_MODEL = str(pretrained.LANDMARK_MODEL)

with cli.flag_group("Face detector"):
    DETECTOR_INPUT_SIZE = flags.DEFINE_integer(
        "detector_input_size",
        0,
        lower_bound=0,
        help="Photos are resized to this many pixels, squared, for the detector (older "
        "setups used 128). 0 = as the graph asks: its fixed size, or the photo itself. "
        "For face_ssd_photo it is the longer side where small faces are sought, at "
        "least 128, proportions kept; 0 is 448.",
    )
    MIN_CONF = flags.DEFINE_float(
        "min_conf",
        0.3,
        lower_bound=0.0,
        upper_bound=1.0,
        help="Confidence that a detection needs.",
    )

with cli.flag_group("Crop"):
    EXTEND = flags.DEFINE_boolean(
        "extend",
        True,
        help="Enlarge the region around the detected face by extend_ratio.",
    )
    EXTEND_RATIO = flags.DEFINE_float(
        "extend_ratio",
        0.1,
        lower_bound=0.0,
        help="How much larger the region gets: 0.1 = 10 % larger. A model wants the "
        "same value in extraction and in detection.",
    )


def crop_extension():
    """Returns the share by which crops grow, 0 where --noextend was given."""
    return EXTEND_RATIO.value if EXTEND.value else 0.0
