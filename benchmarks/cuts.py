r"""What becomes of faces at the cuts of a film of 640 x 480.

Reads: annotated photos, a face detector, landmark models (.tflite). Films are made of
    photos that no landmark model was trained on, with sensor noise.

cuts       four photos to a film, 25 frames each: the error of the first frame after a
           cut, in % of the distance of the eye corners, and over that of the same frame
           as a photo; in how many cuts the face has a new number
restless   the photos in films without a cut: how many numbers too many faces get

    python -m benchmarks.cuts --images_dirs=300w/afw,300w/helen,300w/lfpw \
        pretrained/*/landmark.int8.tflite
"""

import collections
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from absl import flags

from landmark.dataset import split
from landmark.face import metrics
from landmark.files import disk
from landmark.files.patches import patch_name
from landmark.files.photos import find_photo, read_image
from landmark.files.pts import read_pts
from landmark.library import open_landmarker
from landmark.live.tracking import FaceTracker
from landmark.script import cli, common_flags

_IMAGES_DIRS = flags.DEFINE_list(
    "images_dirs", None, "Folders of photos with .pts.", required=True
)
_VAL_LIST = flags.DEFINE_string(
    "val_list",
    str(Path(__file__).with_name("300w_validation.txt")),
    "Names of the photos that no landmark model was trained on.",
)
_DETECTOR = flags.DEFINE_string(
    "detector", common_flags.VIDEO_DETECTOR_DIR, "Face detector, or its folder."
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the photos' order and the noise.")
_WIDTH, _HEIGHT, _RATE = 640, 480, 30.0
_MIDDLE = np.array([_WIDTH, _HEIGHT]) / 2
_NOISE = 4.0  # Grey levels.
_SHOT = 25  # Frames from cut to cut.
_RESTLESS = 16  # Photos whose films are restless.
_NEAR = 60  # Pixels from the middle, where the face of a restless film is.
_SMOOTHING = (1.0, 20.0)  # As in detection.


class _Scene(NamedTuple):
    """A photo that fills the picture, its face in the middle.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        points_image: (68, 2), of the one face that is annotated.
    """

    image: np.ndarray
    points_image: np.ndarray


def _list_scenes(rng):
    """Returns the validation photos of --images_dirs as _Scenes, shuffled."""
    paths = {
        patch_name(path, folder): path
        for folder in _IMAGES_DIRS.value
        for path in disk.list_files(folder, (".pts",))
    }
    _, names = split.split_by_list(list(paths), _VAL_LIST.value)
    order = rng.permutation(len(names))
    return [_fill(paths[names[i]]) for i in order]


def _fill(pts_path):
    points_image, image = read_pts(pts_path), read_image(find_photo(pts_path))
    zoom = max(_WIDTH / image.shape[1], _HEIGHT / image.shape[0])
    middle = (points_image.min(axis=0) + points_image.max(axis=0)) / 2
    shift = np.array([_WIDTH, _HEIGHT]) / 2 - zoom * middle
    matrix = np.hstack([np.eye(2) * zoom, shift[:, None]])
    size = (_WIDTH, _HEIGHT)
    image = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return _Scene(image, points_image * zoom + shift)


def _add_noise(image, rng, deviation=_NOISE):
    noisy = image + rng.normal(0, deviation, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _nearest(faces, points_image):
    """Returns the face nearest to the points and its error, % of the eye corners."""
    errors = [
        100 * metrics.face_errors(face.points_image[None], points_image[None])[1][0]
        for face in faces
    ]
    best = int(np.argmin(errors)) if errors else None
    return (None, np.nan) if best is None else (faces[best], errors[best])


def _measure_cuts(landmarker, scenes, rng):
    """Returns a row a cut: error, error as a photo, whether the number is a new one."""
    rows = []
    for first in range(0, len(scenes) - 3, 4):
        tracker = FaceTracker(landmarker, smoothing=_SMOOTHING)
        known = set()
        for index in range(4 * _SHOT):
            scene = scenes[first + index // _SHOT]
            frame = _add_noise(scene.image, rng)
            faces = tracker.follow(frame, index / _RATE)
            if index and index % _SHOT == 0:
                face, error = _nearest(faces, scene.points_image)
                photo = _nearest(landmarker.find_faces(frame), scene.points_image)[1]
                rows.append((error, photo, face and face.track not in known))
            known |= {face.track for face in faces}
    return np.array(rows, float)


def _shake(image, index, rng):
    """Yields (name, frame) of an image in films that are restless, but not cut."""
    sway = np.abs((index + 6) % 12 - 6) - 3.0  # -3..3 and back.
    for name, turn, zoom, aside in (
        ("pan", 0, 1, 16 * sway),
        ("zoom", 0, 1.03 ** (3 * sway), 0),
        ("turn", 4 * sway, 1, 0),
    ):
        matrix = cv2.getRotationMatrix2D((_WIDTH / 2, _HEIGHT / 2), turn, zoom)
        matrix[0, 2] += aside
        size = (_WIDTH, _HEIGHT)
        frame = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT)
        yield name, _add_noise(frame, rng)
    yield "noise", _add_noise(image, rng, 15)
    flash = image * 1.6 + 20.0 if index % 5 == 4 else image
    yield "flash", _add_noise(flash, rng)
    yield "dusk", _add_noise(image * (1 - 0.8 * (index % 2)), rng)


def _count_false_cuts(landmarker, scenes, rng):
    """Returns name of a film -> numbers that faces got on top of their first one."""
    false = collections.Counter()
    for scene in scenes:
        trackers, known = {}, collections.defaultdict(set)
        for index in range(_SHOT):
            for name, frame in _shake(scene.image, index, rng):
                if name not in trackers:
                    trackers[name] = FaceTracker(landmarker, smoothing=_SMOOTHING)
                faces = trackers[name].follow(frame, index / _RATE)
                middle = [
                    face
                    for face in faces
                    if np.abs(face.points_image.mean(axis=0) - _MIDDLE).max() < _NEAR
                ]
                known[name] |= {face.track for face in middle[:1]}
        for name, numbers in known.items():
            false[name] += max(0, len(numbers) - 1)
    return false


def main(argv):
    cv2.setNumThreads(1)
    scenes = _list_scenes(np.random.default_rng(_SEED.value))
    models = {path: open_landmarker(path, _DETECTOR.value) for path in argv[1:]}
    print("cuts  new%  error%  as a photo%  ratio  worst  model")
    for path, landmarker in models.items():
        rng = np.random.default_rng(_SEED.value)
        rows = _measure_cuts(landmarker, scenes, rng)
        seen = rows[np.isfinite(rows).all(axis=1)]
        error, photo, new = seen.mean(axis=0)
        worst = (seen[:, 0] / seen[:, 1]).max()
        print(
            f"{len(rows):4d} {100 * new:5.1f} {error:7.3f} {photo:12.3f} "
            f"{error / photo:6.3f} {worst:6.2f}  {path}"
        )
    restless = scenes[:_RESTLESS]
    print(f"numbers too many, of {len(restless)} faces in {_SHOT} frames each")
    for path, landmarker in models.items():
        rng = np.random.default_rng(_SEED.value)
        false = _count_false_cuts(landmarker, restless, rng)
        told = ", ".join(f"{name} {number}" for name, number in false.items())
        print(f"  {told}  {path}")


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite ...")
