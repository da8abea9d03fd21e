"""Facial landmarks: from annotated photos to a small model that runs on a phone.

    import landmark

    landmarker = landmark.open_landmarker()
    for face in landmarker.find_faces(landmark.read_image("photo.jpg")):
        print(face.box, face.score, face.confidence, face.points_image)

The names in `__all__` are the public interface. They are those of `landmark.library`,
which is loaded when the first of them is used.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landmark.library import (
        Face,
        FaceLandmarker,
        FaceTracker,
        ImageLike,
        InputError,
        find_pretrained,
        open_landmarker,
        open_video,
        read_image,
    )

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

# TensorFlow leaves oneDNN off on AMD's processors, where training is a fifth faster
# with it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("landmark.library"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
