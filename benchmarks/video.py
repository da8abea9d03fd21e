r"""How fast, how calm and how prompt faces are followed in a video of 640 x 480.

Reads: annotated photos, a face detector, landmark models (.tflite). The videos are made
    of four of the photos, which glide over the picture, with sensor noise.

frames/s   on one thread, with one face and with four, and the share of the detector and
           of the landmarks; MediaPipe's face mesh (which follows faces, too) beside it
tremble    of the points, in % of the distance of the eye corners: their deviation from
           the known motion, in a face that shifts by half a pixel to and fro
lag        in milliseconds, of points that move by 240 pixels a second

    .venv-benchmarks/bin/python -m benchmarks.video \
        --images_dir=300w/helen pretrained/*/landmark.int8.tflite
"""

import os
import time

import cv2
import numpy as np
from absl import flags

from landmark.detection.choose import find_detector, open_detector
from landmark.face import geometry, metrics
from landmark.files import disk
from landmark.files.photos import find_photo, read_image
from landmark.files.pts import read_pts
from landmark.live.landmarker import FaceLandmarker
from landmark.live.tracking import FaceTracker
from landmark.model.tflite import TfliteModel
from landmark.script import cli, common_flags
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of photos with .pts.", required=True
)
_FACE_CHECKPOINT_DIR = flags.DEFINE_string(
    "face_checkpoint_dir", common_flags.VIDEO_DETECTOR_DIR, "As in detection."
)
_DETECT_EVERY = flags.DEFINE_integer("detect_every", 10, "As in detection.")
_SMOOTHING = flags.DEFINE_list(
    "smoothing", ["none", "1:20"], "none, or MIN_CUTOFF:BETA of the one-euro filter."
)
_WIDTH, _HEIGHT, _RATE, _SECONDS = 640, 480, 30.0, 8
_NOISE = 4.0  # Grey levels.
_FACE = 110  # Height of a face's landmarks, in pixels.
_EXTEND_RATIO = 0.1
_MIN_CONFIDENCE = 0.3  # As in detection.


class _Actor:
    """A photo that moves over the picture, and its points in it."""

    def __init__(self, pts_path):
        points_image = read_pts(pts_path)
        image = read_image(find_photo(pts_path))
        scale = _FACE / np.ptp(points_image, axis=0).max()
        height, width = image.shape[:2]
        size = (round(width * scale), round(height * scale))
        self.image = geometry.resize_image(image, size)
        self.centre = ((points_image + 0.5) * scale - 0.5).mean(axis=0)

    def paint(self, canvas, place):
        """Paints the photo so that the face's centre is at a place, (x, y) pixels."""
        shift = np.hstack([np.eye(2), np.reshape(place - self.centre, (2, 1))])
        cv2.warpAffine(
            self.image,
            shift,
            (_WIDTH, _HEIGHT),
            canvas,
            cv2.INTER_LINEAR,
            cv2.BORDER_TRANSPARENT,
        )


def _film(actors, places, rng):
    """Returns the frames of actors that are at places, (frames, actors, 2)."""
    frames = []
    for row in places:
        canvas = np.full((_HEIGHT, _WIDTH, 3), 90, np.uint8)
        for actor, place in zip(actors, row, strict=True):
            actor.paint(canvas, place)
        noise = rng.normal(0, _NOISE, canvas.shape)
        frames.append(np.clip(np.rint(canvas + noise), 0, 255).astype(np.uint8))
    return frames


def _follow(tracker, frames):
    """Returns the points of the one face in each frame, (frames, 68, 2)."""
    found = []
    for index, frame in enumerate(frames):
        faces = tracker.follow(frame, index / _RATE)
        found.append(faces[0].points_image if faces else np.full((68, 2), np.nan))
    return np.array(found)


def _glide(count):
    """Returns places of faces that move in circles: (frames, count, 2)."""
    seconds = np.arange(int(_SECONDS * _RATE)) / _RATE
    homes = (
        np.array([(320, 240)])
        if count == 1
        else (np.array([(160, 120), (480, 120), (160, 360), (480, 360)]))
    )
    turn = 2 * np.pi * seconds[:, None] / 4 + np.arange(count)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * 15
    return homes + circle


def _time_own(landmarker, frames):
    """Returns (frames/s, detector's share, landmarks' share)."""
    tracker = FaceTracker(landmarker, _DETECT_EVERY.value, (1.0, 20.0))
    landmarker.seconds[:] = 0
    start = time.perf_counter()
    faces = [len(tracker.follow(f, i / _RATE)) for i, f in enumerate(frames)]
    total = time.perf_counter() - start
    return len(frames) / total, *(landmarker.seconds / total), np.mean(faces)


def _time_mesh(count, frames):
    """Returns the face mesh's frames/s and faces a frame, or None without it."""
    try:
        with quiet_stderr():
            from mediapipe.python.solutions.face_mesh import FaceMesh
    except ImportError:
        return None
    with quiet_stderr(), FaceMesh(max_num_faces=count) as mesh:
        start = time.perf_counter()
        faces = [len(mesh.process(f).multi_face_landmarks or ()) for f in frames]
        return len(frames) / (time.perf_counter() - start), np.mean(faces)


def _tremble(landmarker, smoothing, frames, places):
    """Returns the deviation from the known motion in % of the eye corners' distance."""
    tracker = FaceTracker(landmarker, _DETECT_EVERY.value, smoothing)
    still = _follow(tracker, frames) - places
    settled = still[len(still) // 4 :]
    deviation = np.sqrt(((settled - settled.mean(axis=0)) ** 2).sum(axis=-1).mean())
    return 100 * deviation / metrics.normaliser(settled.mean(axis=0))


def _lag(landmarker, smoothing, frames, places):
    """Returns how far behind the points are on a way at constant speed, in ms."""
    tracker = FaceTracker(landmarker, _DETECT_EVERY.value, smoothing)
    rest = int(_RATE)
    offset = (_follow(tracker, frames) - places)[..., 0].mean(axis=1)
    moving = places[:, 0, 0] - np.roll(places[:, 0, 0], 1) > 0
    speed = (places[moving][:, 0, 0][1:] - places[moving][:, 0, 0][:-1]).mean() * _RATE
    behind = offset[rest // 2 : rest].mean() - offset[moving][rest // 3 :].mean()
    return 1000 * behind / speed


def _mean_over(actors, measure, landmarker, smoothing, rng, make_places):
    values = []
    for actor in actors:
        places = make_places()
        frames = _film([actor], places, rng)
        values.append(measure(landmarker, smoothing, frames, places))
    return np.nanmean(values)


def _half_a_pixel():
    seconds = np.arange(int(_SECONDS * _RATE)) / _RATE
    sway = 0.5 * np.sin(2 * np.pi * seconds[:, None] * (0.31, 0.23))
    return (sway + (320, 240))[:, None]


def _rest_and_go():
    way = np.concatenate([np.zeros(int(_RATE)), np.arange(int(_RATE)) * 240 / _RATE])
    return np.stack([200 + way, np.full(len(way), 240.0)], axis=-1)[:, None]


def _parse_smoothing(text):
    return None if text == "none" else tuple(map(float, text.split(":")))


def main(argv):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    paths = disk.list_files(_IMAGES_DIR.value, (".pts",))
    actors = [_Actor(path) for path in paths[:: max(1, len(paths) // 4)][:4]]
    detector = open_detector(find_detector(_FACE_CHECKPOINT_DIR.value))
    films = {n: _film(actors[:n], _glide(n), rng) for n in (1, 4)}
    models = {
        path: FaceLandmarker(
            detector, TfliteModel(path, num_threads=1), _EXTEND_RATIO, _MIN_CONFIDENCE
        )
        for path in argv[1:]
    }
    print("faces  found  frames/s  detector  landmarks  model")
    for count, frames in films.items():
        for path, landmarker in models.items():
            rate, detecting, finding, found = _time_own(landmarker, frames)
            print(
                f"{count:5d} {found:6.2f} {rate:9.0f} {detecting:9.0%} "
                f"{finding:10.0%}  {path}"
            )
        mesh = _time_mesh(count, frames)
        if mesh:
            print(f"{count:5d} {mesh[1]:6.2f} {mesh[0]:9.0f}{'':21}  MediaPipe mesh")
    print("tremble%  lag ms  smoothing  model")
    for path, landmarker in models.items():
        for text in progress_bar(_SMOOTHING.value, desc="trembling", unit="setting"):
            smoothing = _parse_smoothing(text)
            tremble = _mean_over(
                actors, _tremble, landmarker, smoothing, rng, _half_a_pixel
            )
            lag = _mean_over(actors, _lag, landmarker, smoothing, rng, _rest_and_go)
            print(f"{tremble:8.3f} {lag:7.0f}  {text:9}  {path}")


if __name__ == "__main__":
    cli.run(main, arguments="MODEL.tflite ...")
