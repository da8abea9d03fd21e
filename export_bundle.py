r"""Writes all that a port of the toolkit needs: models, constants, references.

Reads: a landmark model and a face detector, both .tflite.
Writes: write_path, a folder or a .zip, with both; landmark.json and scheme.txt, what
the points are; contract.json, every constant from the photo to smoothed points;
reference.json, what becomes of ten drawn photos and a drawn sequence step by step, with
the pictures; CHECKLIST.md, the steps.

    python export_bundle.py --landmark_checkpoint_path=landmark.int8.tflite \
        --write_path=bundle.zip
"""

from absl import flags

from landmark import pretrained
from landmark.detection.choose import check_detector
from landmark.detection.tflite import TfliteFaceDetector
from landmark.model.tflite import TfliteModel
from landmark.port import bundle
from landmark.script import cli
from landmark.script.errors import InputError

with cli.flag_group("What it reads and writes"):
    _LANDMARK_CHECKPOINT_PATH = flags.DEFINE_string(
        "landmark_checkpoint_path",
        str(pretrained.LANDMARK_MODEL),
        "The landmark model, a .tflite of save_with_bnorm_off.py.",
    )
    _FACE_CHECKPOINT_DIR = flags.DEFINE_string(
        "face_checkpoint_dir",
        str(pretrained.VIDEO_DETECTOR_DIR),
        "Folder of the face detector, face_detector.tflite.",
    )
    _WRITE_PATH = flags.DEFINE_string(
        "write_path",
        None,
        "A folder that is not there yet, or a .zip.",
        required=True,
    )


def _require_tflite(path, how):
    if not str(path).endswith(".tflite"):
        raise InputError(f"{path}: expected a .tflite, found another file; {how}")


def main(argv):
    model_path = _LANDMARK_CHECKPOINT_PATH.value
    _require_tflite(model_path, "save_with_bnorm_off.py makes one of a checkpoint")
    detector_path = check_detector(_FACE_CHECKPOINT_DIR.value)
    _require_tflite(detector_path, "train_face_detector.py makes one")
    num_found = bundle.write_bundle(
        _WRITE_PATH.value,
        detector_path,
        model_path,
        TfliteFaceDetector(detector_path),
        TfliteModel(model_path),
    )
    print(f"Wrote {_WRITE_PATH.value}, with a face in {num_found} of 10 drawn photos")


if __name__ == "__main__":
    cli.run(main)
