r"""Compares face detectors on photos that the own ones were not trained on.

Reads: folders of photos with .pts, and of whole photos without (--scenes_dirs), of
    which those in --val_list count; a reference detector; others; and landmark models
    (.tflite).

On annotated photos:

recall   annotated faces found: IoU of at least 0.4 with the box of the landmarks
false    boxes a photo that are neither an annotated face nor one of the reference's
IoU      mean, with the reference's box of the annotated face
ms       one photo on one thread, median, in turn
NME%     of each landmark model with the detector's boxes, on faces that all have found

On whole photos, shrunk to 1,024 pixels at most:

recall   of the faces that the reference is sure of, by their longer side over the
         photo's, and of all
false    boxes a photo that are none of the reference's faces, sure or not
dark     found in a twentieth of the light, of what is found in full light
ms       as above

    python -m benchmarks.detectors --images_dirs=300w/afw,300w/helen \
        --reference=faceboxes/frozen_inference_graph.pb pretrained/face_ssd_128/* \
        --models=pretrained/landmark_56/landmark.float.tflite
    python -m benchmarks.detectors --scenes_dirs=scenes \
        --val_list=benchmarks/photo_detector_validation.txt \
        --reference=faceboxes/frozen_inference_graph.pb pretrained/face_ssd_*/*.tflite
"""

import os
import time
from pathlib import Path

import cv2
import numpy as np
from absl import flags

from landmark.dataset import split
from landmark.detection.choose import open_detector
from landmark.face import geometry, metrics
from landmark.files import disk
from landmark.files.patches import patch_name
from landmark.files.photos import IMAGE_SUFFIXES, read_image
from landmark.files.pts import read_pts
from landmark.live.landmarker import FaceLandmarker
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.progress import progress_bar

_IMAGES_DIRS = flags.DEFINE_list(
    "images_dirs", [], "Photos with .pts, as train_face_detector.py had them."
)
_SCENES_DIRS = flags.DEFINE_list("scenes_dirs", [], "Whole photos, likewise.")
_REFERENCE = flags.DEFINE_string(
    "reference", None, "Frozen graph that says where other faces are.", required=True
)
_MODELS = flags.DEFINE_list("models", [], "Landmark models, .tflite.")
_VAL_LIST = flags.DEFINE_string(
    "val_list",
    str(Path(__file__).with_name("300w_detector_validation.txt")),
    "Text file with the names of the photos that no detector was trained on.",
)
_LANDMARK_VAL_LIST = flags.DEFINE_string(
    "landmark_val_list",
    str(Path(__file__).with_name("300w_validation.txt")),
    "Names of the photos that no landmark model was trained on; their NME is taken on "
    "what is in both lists.",
)
_MIN_CONF = flags.DEFINE_float("min_conf", 0.3, "Of all detectors.")
_EXTEND_RATIO = 0.1
_MIN_IOU = 0.4
_LONGEST = 1024  # Pixels of a whole photo.
_SURE, _UNSURE = 0.6, 0.3  # Scores of the reference: of a face, of what may be one.
_FACE_SIZES = (0.02, 0.04, 0.08, 0.16)  # Over the photo's longer side.
_LIGHT = 1 / 20


def _list_photos(folders):
    """Returns name -> path of the photos that count."""
    photos = {
        patch_name(path, folder): path
        for folder in folders
        for path in disk.list_files(folder, IMAGE_SUFFIXES)
    }
    _, validation = split.split_by_list(list(photos), _VAL_LIST.value)
    return {name: photos[name] for name in validation}


class _WholeTally:
    """What one detector found in whole photos."""

    def __init__(self, path):
        self._detector = open_detector(path, min_conf=_MIN_CONF.value)
        self._found, self._sizes, self._seconds = [], [], []
        self._false = self._photos = self._kept = self._bright = 0

    def add(self, image, boxes, scores):
        """Books what is found in a photo; the boxes and scores are the reference's."""
        self._detector.detect(image)  # Warms the caches that the others have emptied.
        start = time.perf_counter()
        found, _ = self._detector.detect(image)
        self._seconds.append(time.perf_counter() - start)
        hits = geometry.box_iou(found[:, None], boxes) >= _MIN_IOU
        sure = scores >= _SURE
        self._found += hits.any(axis=0)[sure].tolist()
        sizes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
        self._sizes += (sizes[sure] / max(image.shape[:2])).tolist()
        self._false += (~hits.any(axis=1)).sum()
        self._photos += 1
        dark, _ = self._detector.detect((image * _LIGHT).astype(np.uint8))
        again = geometry.box_iou(found[:, None], dark) >= _MIN_IOU
        self._bright += len(found)
        self._kept += again.any(axis=1).sum()

    def describe(self):
        """Returns a line of the table."""
        sizes, found = np.digitize(self._sizes, _FACE_SIZES), np.array(self._found)
        parts = [found[sizes == size] for size in range(1, len(_FACE_SIZES) + 1)]
        recalls = " ".join(f"{part.mean():9.1%}" for part in [*parts, found])
        return (
            f"{recalls} {self._false / self._photos:7.3f} "
            f"{self._kept / max(1, self._bright):7.1%} "
            f"{1000 * np.median(self._seconds):7.2f}"
        )

    def count_sizes(self):
        """Returns how many faces there are of each size."""
        return np.bincount(np.digitize(self._sizes, _FACE_SIZES))[1:]


def _shrink(image):
    height, width = image.shape[:2]
    scale = min(1, _LONGEST / max(height, width))
    return geometry.resize_image(image, (round(width * scale), round(height * scale)))


def _compare_on_scenes(paths):
    """Prints the table of whole photos."""
    photos = _list_photos(_SCENES_DIRS.value)
    reference = open_detector(_REFERENCE.value, min_conf=_UNSURE)
    tallies = {path: _WholeTally(path) for path in paths}
    for path in progress_bar(photos.values(), desc="detecting", unit="photo"):
        image = _shrink(read_image(path))
        boxes, scores = reference.detect(image)
        for tally in tallies.values():
            tally.add(image, boxes, scores)
    ends = [*map(str, _FACE_SIZES[1:]), ""]
    bins = [f"{low}-{high}" for low, high in zip(_FACE_SIZES, ends, strict=True)]
    print(" ".join(f"{name:>9}" for name in [*bins, "all"]), "  false    dark      ms")
    for path, tally in tallies.items():
        print(f"{tally.describe()}  {path}")
    counts = ", ".join(map(str, tally.count_sizes()))
    print(f"{len(photos)} whole photos; faces by size: {counts}")


class _Tally:
    """What one detector found."""

    def __init__(self, path):
        self._detector = open_detector(path, min_conf=_MIN_CONF.value)
        self.hits, self.false, self.overlaps, self.seconds = 0, 0, [], []
        self.face_boxes = {}

    def detect(self, image):
        self._detector.detect(image)  # Warms the caches that the others have emptied.
        start = time.perf_counter()
        boxes, _ = self._detector.detect(image)
        self.seconds.append(time.perf_counter() - start)
        return boxes

    def add(self, name, boxes, annotated, reference_boxes):
        """Books the boxes of a photo."""
        overlaps = geometry.box_iou(boxes, annotated)
        faces = np.vstack([annotated, reference_boxes])
        is_sure = np.arange(len(faces)) == 0
        hit, wrong = metrics.count_faces(boxes, faces, is_sure, _MIN_IOU)
        self.hits, self.false = self.hits + hit, self.false + wrong
        if hit:
            box = self.face_boxes[name] = boxes[overlaps.argmax()]
            best = geometry.box_iou(reference_boxes, annotated)
            if best.max(initial=0) >= _MIN_IOU:
                reference_box = reference_boxes[best.argmax()]
                self.overlaps.append(float(geometry.box_iou(box, reference_box)))


def _measure_nme(model, tallies, photos, names):
    """Returns the NME in % of a landmark model with each detector's boxes."""
    names = [n for n in names if all(n in tally.face_boxes for tally in tallies)]
    errors = np.zeros((len(tallies), len(names)))
    landmarker = FaceLandmarker(None, model, _EXTEND_RATIO)
    for column, name in enumerate(names):
        image = read_image(photos[name])
        truth = read_pts(photos[name].with_suffix(".pts"))
        boxes = [tally.face_boxes[name] for tally in tallies]
        points_image, _ = landmarker.find_points(image, boxes)
        truths = np.broadcast_to(truth, points_image.shape)
        errors[:, column] = metrics.face_errors(points_image, truths)[1]
    return 100 * errors.mean(axis=1), len(names)


def _compare_on_faces(paths):
    """Prints the table of annotated photos."""
    photos = _list_photos(_IMAGES_DIRS.value)
    _, counted = split.split_by_list(list(photos), _LANDMARK_VAL_LIST.value)
    tallies = {path: _Tally(path) for path in paths}
    for name, path in progress_bar(photos.items(), desc="detecting", unit="photo"):
        image = read_image(path)
        points_image = read_pts(path.with_suffix(".pts"))
        annotated = geometry.box_from_points(points_image)
        found = {detector: tally.detect(image) for detector, tally in tallies.items()}
        for detector, tally in tallies.items():
            tally.add(name, found[detector], annotated, found[_REFERENCE.value])
    print("  recall   false    IoU      ms      MB  detector")
    for path, tally in tallies.items():
        print(
            f"{tally.hits / len(photos):8.2%} {tally.false / len(photos):7.3f} "
            f"{np.mean(tally.overlaps):6.3f} {1000 * np.median(tally.seconds):7.2f} "
            f"{Path(path).stat().st_size / 1e6:7.2f}  {path}"
        )
    for path in _MODELS.value:
        model = TfliteModel(path, num_threads=1)
        found = list(tallies.values())
        nme, faces = _measure_nme(model, found, photos, sorted(counted))
        ratios = " ".join(f"{v:.3f} ({v / nme[0]:.3f}x)" for v in nme)
        print(f"NME% of {Path(path).parent.name} on {faces} faces: {ratios}")
    print(f"{len(photos)} photos; detectors in the order of the table")


def main(argv):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    paths = [_REFERENCE.value, *argv[1:]]
    if _IMAGES_DIRS.value:
        _compare_on_faces(paths)
    if _SCENES_DIRS.value:
        _compare_on_scenes(paths)


if __name__ == "__main__":
    cli.run(main, arguments="DETECTOR ...")
