"""Where the models that come with the toolkit lie.

Their weights were trained on 300-W, which is for research use only; these terms carry
over to them. README.md beside them says more.
"""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
# Installed, they are part of the package; in the source tree they stand beside it.
_PLACES = (_HERE / "weights", _HERE.parent / "pretrained")


def find_pretrained(name: str = "") -> Path:
    """Returns where a pretrained file or folder lies.

    Args:
        name: its path below the folder of all, as `landmark_56/landmark.int8.tflite`;
            "" is that folder itself. Whether it is there is not looked at.
    """
    return next((place for place in _PLACES if place.is_dir()), _PLACES[-1]) / name


# What is used where no other detector or model is given.
DETECTOR_DIR = find_pretrained("face_ssd_photo")
VIDEO_DETECTOR_DIR = find_pretrained("face_ssd_128")
LANDMARK_MODEL = find_pretrained("landmark_112/landmark.int8.tflite")
