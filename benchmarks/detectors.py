r"""Compares face detectors on annotated photos that the own one was not trained on.

Reads: folders of photos with .pts, of which those in --val_list count; a reference
    detector; others; and landmark models (.tflite).

recall   annotated faces found: IoU of at least 0.4 with the box of the landmarks
false    boxes a photo that are neither an annotated face nor one of the reference's
IoU      mean, with the reference's box of the annotated face
ms       one photo on one thread, median, in turn
NME%     of each landmark model with the detector's boxes, on faces that all have found

    python -m benchmarks.detectors --images_dirs=300w/afw,300w/helen \
        --reference=faceboxes/frozen_inference_graph.pb pretrained/face_ssd_128/* \
        --models=pretrained/landmark_56/landmark.float.tflite
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
    "images_dirs", None, "As train_face_detector.py had them.", required=True
)
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


def _list_photos():
    """Returns (photos to detect in, names that count for NME)."""
    photos = {
        patch_name(path, folder): path
        for folder in _IMAGES_DIRS.value
        for path in disk.list_files(folder, IMAGE_SUFFIXES)
    }
    _, validation = split.split_by_list(list(photos), _VAL_LIST.value)
    _, counted = split.split_by_list(list(photos), _LANDMARK_VAL_LIST.value)
    return {name: photos[name] for name in validation}, set(validation) & set(counted)


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


def main(argv):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    photos, counted = _list_photos()
    tallies = {path: _Tally(path) for path in (_REFERENCE.value, *argv[1:])}
    for name, path in progress_bar(photos.items(), desc="detecting", unit="photo"):
        image = read_image(path)
        points_image = read_pts(path.with_suffix(".pts"))
        annotated = geometry.box_from_points(points_image)
        found = {detector: tally.detect(image) for detector, tally in tallies.items()}
        for detector, tally in tallies.items():
            tally.add(name, found[detector], annotated, found[_REFERENCE.value])
    columns = []
    for path in _MODELS.value:
        model = TfliteModel(path, num_threads=1)
        names = sorted(counted)
        nme, faces = _measure_nme(model, list(tallies.values()), photos, names)
        columns.append((f"{Path(path).parent.name} on {faces} faces", nme))
    print("  recall   false    IoU      ms      MB  detector")
    for path, tally in tallies.items():
        print(
            f"{tally.hits / len(photos):8.2%} {tally.false / len(photos):7.3f} "
            f"{np.mean(tally.overlaps):6.3f} {1000 * np.median(tally.seconds):7.2f} "
            f"{Path(path).stat().st_size / 1e6:7.2f}  {path}"
        )
    for title, values in columns:
        ratios = " ".join(f"{v:.3f} ({v / values[0]:.3f}x)" for v in values)
        print(f"NME% of {title}: {ratios}")
    print(f"{len(photos)} photos; detectors in the order of the table")


if __name__ == "__main__":
    cli.run(main, arguments="DETECTOR ...")
