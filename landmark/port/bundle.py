"""All that a port of the toolkit needs, in one folder: models, constants, references.

detector.tflite, landmark.tflite   the models
landmark.json                      what the landmark model says of itself
scheme.txt                         what its points are, and which are joined
contract.json                      every constant, see `contract`
reference.json                     what becomes of each photo and frame, step by step
photo_00.png ...                   drawn photos
photo_00.input_128.png ...         what the detector sees of one at each size
photo_00.face_0.png ...            the patch of each face, as the model sees it
frame_00.png ...                   a drawn sequence, of which points are smoothed
CHECKLIST.md                       the steps, one after the other
"""

import json
import os
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np

from landmark.detection import anchors
from landmark.face import geometry
from landmark.face.metrics import points_confidence
from landmark.files import disk
from landmark.files.photos import write_image
from landmark.live import smoothing
from landmark.live.cuts import FrameComparer
from landmark.live.distinct import find_distinct
from landmark.live.landmarker import FaceLandmarker, Landmarks
from landmark.live.tracking import FaceTracker
from landmark.model import metadata
from landmark.model.tflite import read_tflite
from landmark.port import contract
from landmark.port.checklist import format_checklist
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_face

_NUM_PHOTOS, _NUM_FRAMES, _RATE = 10, 12, 30.0
_SIZES = (320, 200, 480)  # Of the photos, in turn: patches are shrunk, and enlarged.
_SIDEWAYS, _TURNS = 6.0, 1.5  # Pixels that the sequence moves by, degrees it tilts.
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # The same bundle has the same bytes.


def read_note(path):
    """Returns the landmark.json of a landmark model.

    Raises:
        InputError: it is no .tflite, or one that does not say.
    """
    note = metadata.read_note(read_tflite(path), path)
    if note is None:
        raise InputError(
            f"{path}: expected a .tflite of save_with_bnorm_off.py, which says what it "
            "is, found one that does not; export it again"
        )
    return note


def write_bundle(path, detector_path, model_path, detector, model):
    """Writes a bundle, all of it or nothing.

    Args:
        path: a folder that is not there yet, or a .zip.
        detector_path, model_path: the .tflite files.
        detector, model: TfliteFaceDetector and TfliteModel of them.

    Returns:
        how many of the drawn photos have a face by these models.

    Raises:
        InputError: there is something already, or the model does not say what it is.
    """
    path = Path(path)
    if path.exists():
        raise InputError(f"{path}: expected a place for a new bundle, found one taken")
    note = read_note(model_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk.temporary_folder(path.parent) as temporary:
        folder = temporary / "bundle"
        folder.mkdir()
        shutil.copy(detector_path, folder / "detector.tflite")
        shutil.copy(model_path, folder / "landmark.tflite")
        constants = contract.describe(detector, model, note)
        found = _Reference(folder, detector, model, constants).write()
        _write_json(folder / "landmark.json", note)
        disk.write_text(folder / "scheme.txt", note["scheme"]["definition"])
        _write_json(folder / "contract.json", constants)
        disk.write_text(folder / "CHECKLIST.md", format_checklist(constants))
        if path.suffix.lower() == ".zip":
            folder = _zip(folder)
        os.replace(folder, path)
    return sum(bool(photo["faces"]) for photo in found["photos"])


def _write_json(path, content):
    disk.write_text(path, json.dumps(content, indent=1) + "\n")


def _zip(folder):
    """Returns a .zip beside a folder, of what is in it."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.writestr(
                zipfile.ZipInfo(file.name, _FIXED_TIME), file.read_bytes(), 8
            )
    return path


class _Watched:
    """A detector that counts how often it is asked."""

    def __init__(self, detector):
        self._detector, self.count = detector, 0

    def detect(self, image):
        self.count += 1
        return self._detector.detect(image)


class _Reference:
    """What becomes of drawn photos and frames, step by step, written into a folder."""

    def __init__(self, folder, detector, model, constants):
        self._folder = folder
        self._detector, self._model, self._constants = detector, model, constants

    def write(self):
        """Writes the pictures and reference.json; returns it."""
        found = {
            "photos": [self._write_photo(index) for index in range(_NUM_PHOTOS)],
            "frames": self._write_frames(),
        }
        _write_json(self._folder / "reference.json", found)
        return found

    def _write_image(self, name, image):
        write_image(self._folder / name, image)
        return name

    def _write_photo(self, index):
        rng = np.random.default_rng([0, index])
        image = draw_face(rng, _SIZES[index % len(_SIZES)])[0]
        stem = f"photo_{index:02d}"
        boxes, scores = self._detector.detect(image)
        return {
            "photo": self._write_image(f"{stem}.png", image),
            "inputs": [
                self._write_image(f"{stem}.input_{side}.png", seen)
                for side, seen in zip(
                    self._detector.sides, self._list_inputs(image), strict=True
                )
            ],
            "boxes": boxes.tolist(),
            "scores": scores.tolist(),
            "faces": self._write_faces(stem, image, boxes, scores),
        }

    def _list_inputs(self, image):
        """Returns what the detector sees of a photo, (h, w, 3) uint8 at each side."""
        if self._detector.kind.brightens:
            image = anchors.brighten(image)
        return [seen for seen, _ in anchors.fit_sides(image, self._detector.sides)]

    def _write_faces(self, stem, image, boxes, scores):
        faces = [
            self._write_face(f"{stem}.face_{index}.png", image, box)
            for index, box in enumerate(boxes)
        ]
        sure = [
            s if f["confidence"] is None else f["confidence"]
            for f, s in zip(faces, scores, strict=True)
        ]
        landmarks = [
            Landmarks(np.array(f["points_image"]), s, self._model.scheme)
            for f, s in zip(faces, sure, strict=True)
        ]
        distinct = find_distinct(landmarks, np.array(sure)).tolist()
        least = self._constants["confidence"]["min_confidence"]
        for index, face in enumerate(faces):
            is_sure = face["confidence"] is None or face["confidence"] >= least
            face["is_kept"] = index in distinct and is_sure
        return faces

    def _write_face(self, name, image, box):
        square = geometry.square_from_box(box, self._constants["crop"]["extension"])
        patch = geometry.resize_patch(
            geometry.crop_image(image, square), self._model.input_size
        )
        points, spread = self._model.predict_with_spread(patch[None])
        sure = points_confidence(
            spread, self._constants["confidence"]["sharpest_spread"]
        )
        tells = np.isfinite(sure[0])
        return {
            "box": box.tolist(),
            "square": square._asdict(),
            "patch": self._write_image(name, patch),
            "points": points[0].tolist(),
            "spread": spread[0].tolist() if tells else None,
            "confidence": float(sure[0]) if tells else None,
            "points_image": geometry.from_crop(points[0], square).tolist(),
        }

    def _write_frames(self):
        """Writes a sequence; returns what a tracker finds in each frame."""
        watched = _Watched(self._detector)
        finder = FaceLandmarker(
            watched,
            self._model,
            min_confidence=self._constants["confidence"]["min_confidence"],
        )
        cutoffs = smoothing.MIN_CUTOFF, smoothing.BETA
        plain, smooth = FaceTracker(finder), FaceTracker(finder, smoothing=cutoffs)
        comparer, frames = FrameComparer(), []
        for index, image in enumerate(_draw_frames()):
            time, asked = index / _RATE, watched.count
            faces = plain.follow(image, time)
            is_detected = watched.count > asked
            smoothed = smooth.follow(image, time)
            frames.append(
                {
                    "frame": self._write_image(f"frame_{index:02d}.png", image),
                    "time": time,
                    "alike": comparer.compare(image),
                    "is_detected": is_detected,
                    "faces": [
                        {
                            "track": face.track,
                            "box": face.box.tolist(),
                            "points_image": face.points_image.tolist(),
                            "smoothed": other.points_image.tolist(),
                        }
                        for face, other in zip(faces, smoothed, strict=True)
                    ],
                }
            )
        return frames


def _draw_frames():
    """Yields the frames of a face that sways, (H, W, 3) uint8."""
    image = draw_face(np.random.default_rng([1, 0]))[0]
    height, width = image.shape[:2]
    for phase in np.linspace(0, np.pi, _NUM_FRAMES):
        sway = np.sin(phase)
        move = cv2.getRotationMatrix2D((width / 2, height / 2), _TURNS * sway, 1.0)
        move[0, 2] += _SIDEWAYS * sway
        yield cv2.warpAffine(
            image, move, (width, height), borderMode=cv2.BORDER_REPLICATE
        )
