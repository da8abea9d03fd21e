"""The public interface: what other programs use of the toolkit.

`import landmark` offers what is imported and defined here, and loads it when it is
first used; `landmark.__all__` lists it. With .tflite models TensorFlow is not needed.

The weights that come with the toolkit were trained on 300-W, which is for research use
only; these terms carry over to the weights. Do not use them in a product. README.md in
`find_pretrained()` says more, and each model's card beside it what it was trained on.
"""

import contextlib
import numbers
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from landmark.detection.choose import open_detector
from landmark.files import photos
from landmark.live.crops import NUMBERS
from landmark.live.images import ImageLike
from landmark.live.landmarker import MIN_CONFIDENCE, Face, FaceLandmarker
from landmark.live.tracking import FaceTracker
from landmark.model import locate
from landmark.model.tflite import TfliteModel
from landmark.pretrained import DETECTOR_DIR, LANDMARK_MODEL, find_pretrained
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr

if TYPE_CHECKING:
    from landmark.live.video import Video

__all__ = [
    "Face",
    "FaceLandmarker",
    "FaceTracker",
    "ImageLike",
    "InputError",
    "find_pretrained",
    "open_landmarker",
    "open_video",
    "read_image",
]

StrPath = str | os.PathLike[str]

read_image: Callable[[StrPath], npt.NDArray[np.uint8]] = photos.read_image

_SAME_EXTENSION = 1e-4
# What the detector gives a face tilted by 45 degrees, of what it gives an upright one.
_TILTED_SCORE = 0.4
# While a model is opened stderr is that of nobody else.
_opening = threading.Lock()


def open_video(source: StrPath | int) -> "Video":
    """Opens a video.

    Args:
        source: a file; the URL of a network stream (RTSP, HTTP); the number of a
            camera, or /dev/video0; pictures as frames_%04d.png or frames/*.png.

    Returns:
        Video: `count`, `rate`, and `frames`, an iterator of (seconds since the start,
        (H, W, 3) uint8 RGB frame). A camera's frames end in an InputError when it gives
        no more, those of a file that is cut short in a warning.

    Raises:
        InputError: it cannot be opened, or has no frame.
    """
    from landmark.live import video  # FFmpeg takes a while to load.

    return video.open_video(source)


def open_landmarker(
    model: StrPath | Sequence[StrPath] = LANDMARK_MODEL,
    detector: StrPath = DETECTOR_DIR,
    *,
    min_score: float = 0.3,
    min_confidence: float | None = None,
    extend_ratio: float | None = None,
    detector_input_size: int = 0,
    any_rotation: bool = False,
    crops: int = 1,
) -> FaceLandmarker:
    """Opens a face detector and a landmark model.

    Args:
        model: a .tflite of save_with_bnorm_off.py. With TensorFlow also a checkpoint
            (model.ckpt-1000), or the folder of some, for the newest. Several models, as
            one for frontal faces and one for profiles, serve one image: of each face
            the points of the model that is surest. All must tell how sure they are.
        detector: a .tflite of train_face_detector.py, or the folder of one. With
            TensorFlow also an SSD as a frozen graph (.pb). For videos,
            `find_pretrained("face_ssd_128")` is quicker, and sees near faces only.
        min_score: of a detection, 0..1, below which it is no face.
        min_confidence: of the points, 0..1, below which a face is dropped: 0.3 drops
            what is no face, 0.7 also the tenth of the faces whose points are the worst.
            None is 0.3 for models that tell how sure they are; others drop none.
        extend_ratio: how much larger than the detector's box the model's crop is, as
            in its training. None is what the model says, or 0.1 of one that does not.
        detector_input_size: photos are resized to this many pixels, squared, for the
            detector. 0 = as it asks. A .tflite for photos takes at least 128, for the
            longer side of what it sees; other .tflite take nothing else than theirs.
        any_rotation: whether faces are found at any angle; it takes four times as long.
            0.4 of min_score is enough then, as tilted faces have less.
        crops: of each face, 1, 3 or 9, over which its points are averaged: they err by
            1 to 4 % less, and take 3 or 9 times as long to find.

    Returns:
        FaceLandmarker; its `find_faces` is the way from an image to its faces.

    Raises:
        InputError: a file is missing or is no such model, a number is out of its range,
            or a confidence is asked for that the model does not tell.
    """
    least = MIN_CONFIDENCE if min_confidence is None else min_confidence
    is_one = isinstance(model, str | os.PathLike) or not isinstance(model, Sequence)
    paths = [model] if is_one else list(model)
    if not paths:
        raise InputError("model: expected a path, found none")
    for name, path in (*(("model", path) for path in paths), ("detector", detector)):
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"{name}: expected a path, found {path!r}")
    for name, share in (("min_score", min_score), ("min_confidence", least)):
        if not isinstance(share, numbers.Real) or not 0 <= share <= 1:
            raise InputError(f"{name}: expected 0..1, found {share!r}")
    for name, number, kind in (
        ("extend_ratio", extend_ratio or 0, numbers.Real),
        ("detector_input_size", detector_input_size, numbers.Integral),
    ):
        if not isinstance(number, kind) or not 0 <= number < np.inf:
            raise InputError(f"{name}: expected at least 0, found {number!r}")
    if not isinstance(crops, numbers.Integral) or crops not in NUMBERS:
        raise InputError(f"crops: expected 1, 3 or 9, found {crops!r}")
    with _opening:
        with _tensorflow_if_needed(detector):
            least_score = min_score * (_TILTED_SCORE if any_rotation else 1)
            opened_detector = open_detector(detector, detector_input_size, least_score)
        models = [_open_model(path) for path in paths]
    for path, opened in zip(paths, models, strict=True):
        _check_model(path, opened, min_confidence, len(models) > 1, extend_ratio)
    return FaceLandmarker(
        opened_detector, models, extend_ratio, least, any_rotation, crops
    )


def _check_model(path, model, min_confidence, is_one_of_several, extend_ratio):
    """Refuses a model that cannot be used so; warns of crops that it does not know."""
    if (min_confidence or is_one_of_several) and not _tells_confidence(model):
        reason = "as one of several models"
        if min_confidence:
            reason = f"for a confidence of {min_confidence}"
        raise InputError(
            f"{path}: expected a model that tells how sure it is, {reason}, found one "
            "that does not"
        )
    known = model.extension
    if (
        None not in (known, extend_ratio)
        and abs(known - extend_ratio) > _SAME_EXTENSION
    ):
        warnings.warn(
            f"{path}: its crops were {known:g} larger than the detector's box in "
            f"training, and are {extend_ratio:g} larger now",
            stacklevel=3,
        )


@contextlib.contextmanager
def _tensorflow_if_needed(path):
    """Says so if what is imported to open a file is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path}: expected a .tflite, or the toolkit with its extra [train], found "
            f"no module {error.name}"
        ) from error


def _open_model(path):
    """Returns the TfliteModel or CheckpointModel of a path."""
    if Path(path).suffix == ".tflite":
        return TfliteModel(path)
    locate.find_checkpoint(path)
    with _tensorflow_if_needed(path):
        with quiet_stderr():
            from landmark.model.checkpoint import CheckpointModel
        return CheckpointModel(path)


def _tells_confidence(model):
    """Whether a model says how unsure its points are."""
    patch = np.zeros((1, model.input_size, model.input_size, 3), np.uint8)
    return not np.isnan(model.predict_with_spread(patch)[1]).any()
