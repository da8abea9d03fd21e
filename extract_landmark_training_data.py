r"""Cuts square face patches with their 68 points out of annotated photos.

Reads: folders with NAME.jpg (or .png) beside NAME.pts, searched recursively.
Writes, per face, into write_path:
    FOLDER-NAME.png          the patch, as large as the face is in the photo
    FOLDER-NAME.npts         its points, 0..1 over the patch, 136 little-endian float64
    FOLDER-NAME.cpts         the same, -1..1 over the patch
    FOLDER-NAME@rotated.*    a copy turned by a random angle
    crop.json                how much margin the patches have
    report.csv               what became of every photo

    python extract_landmark_training_data.py --images_dirs=300w/afw,300w/helen \
        --write_path=patches
"""

import collections
from pathlib import Path

from absl import flags

from landmark.dataset import extraction
from landmark.files.patches import write_margin
from landmark.script import cli, common_flags
from landmark.script.errors import InputError
from landmark.script.words import count

with cli.flag_group("What it reads and writes"):
    _IMAGES_DIRS = flags.DEFINE_list(
        "images_dirs",
        None,
        "Folders with NAME.jpg/.png + NAME.pts, searched recursively.",
        required=True,
    )
    _WRITE_PATH = flags.DEFINE_string(
        "write_path", None, "Folder for the patches.", required=True
    )
    _RAND_FACTOR = flags.DEFINE_float(
        "rand_factor",
        1.0,
        lower_bound=1.0,
        help="Keep one photo in this many, at random (for Multi-PIE, 16 was used).",
    )
    _FIRST_PIXEL = flags.DEFINE_integer(
        "first_pixel",
        1,
        lower_bound=0,
        upper_bound=1,
        help="What .pts files call the top-left pixel: iBUG counts from 1, others "
        "from 0.",
    )

with cli.flag_group("Face detector"):
    _FACE_DETECTOR_PATH = flags.DEFINE_string(
        "face_detector_path",
        common_flags.DETECTOR_DIR,
        "Face detector: an SSD's frozen graph (.pb), a .tflite of "
        "train_face_detector.py, or a folder that holds one. Given empty, faces are "
        "framed by their annotation, enlarged as detectors frame a face.",
    )
    _MIN_OVERLAP = flags.DEFINE_float(
        "min_overlap",
        0.3,
        lower_bound=0.0,
        upper_bound=1.0,
        help="IoU that a detection needs with the bounding box of the landmarks.",
    )

with cli.flag_group("Crop"):
    _MARGIN = flags.DEFINE_float(
        "margin",
        0.0,
        lower_bound=0.0,
        upper_bound=1.0,
        help="Also save this much around the region on each side, as a fraction of "
        "it, for augmentation in training to move into (0.3 suits its defaults).",
    )
    _JITTER = flags.DEFINE_float(
        "jitter",
        0.0,
        lower_bound=0.0,
        upper_bound=0.5,
        help="Largest random shift and scale of each saved box, as a fraction of its "
        "size.",
    )
    _ROTATE = flags.DEFINE_boolean(
        "rotate", True, "Also write a randomly rotated copy."
    )
    _MAX_ROTATE = flags.DEFINE_float(
        "max_rotate",
        45.0,
        lower_bound=0.0,
        upper_bound=180.0,
        help="Largest angle of the rotated copy, in degrees, to either side.",
    )


def _open_detector():
    if not _FACE_DETECTOR_PATH.value:
        print("Empty --face_detector_path: faces are framed by their annotation.")
        return None
    from landmark.detection.choose import open_detector

    return open_detector(
        _FACE_DETECTOR_PATH.value,
        common_flags.DETECTOR_INPUT_SIZE.value,
        common_flags.MIN_CONF.value,
    )


def _print_outcomes(num_faces, rows):
    """Prints what was dropped and why; returns how many faces were kept."""
    for row in rows:
        if row.outcome != extraction.KEPT:
            print(f"dropped {row.patch}: {row.outcome}: {row.detail}")
    counts = collections.Counter(row.outcome for row in rows)
    print(f"{count(num_faces, 'annotated photo')}, {len(rows)} tried:")
    for outcome in extraction.OUTCOMES:
        if counts[outcome]:
            print(f"{counts[outcome]:8d} {outcome}")
    return counts[extraction.KEPT]


def main(argv):
    write_path = Path(_WRITE_PATH.value)
    report_path = write_path / "report.csv"
    report = extraction.read_report(report_path)
    faces = extraction.list_annotations(_IMAGES_DIRS.value, report)
    if not faces:
        folders = ", ".join(_IMAGES_DIRS.value)
        raise InputError(f"{folders}: expected photos with .pts files, found no .pts")
    settings = extraction.CropSettings(
        min_overlap=_MIN_OVERLAP.value,
        extend_ratio=common_flags.crop_extension(),
        margin=_MARGIN.value,
        jitter=_JITTER.value,
        max_rotate=_MAX_ROTATE.value if _ROTATE.value else None,
        first_pixel=_FIRST_PIXEL.value,
    )
    detector = _open_detector()
    write_path.mkdir(parents=True, exist_ok=True)
    write_margin(write_path, _MARGIN.value)
    rows, rand_factor = [], _RAND_FACTOR.value
    try:
        extraction.extract(faces, write_path, detector, settings, rand_factor, rows)
    finally:  # A run that is cut short keeps its books, too.
        extraction.write_report(report_path, report, rows)
    kept = _print_outcomes(len(faces), rows)
    if not kept:
        raise InputError(f"{write_path}: expected patches, found that none was kept")
    patches = count(2 * kept if _ROTATE.value else kept, "patch", "patches")
    print(f"Wrote {patches} and report.csv to {write_path}")
    return cli.PASSED_OVER if kept < len(rows) else 0


if __name__ == "__main__":
    cli.run(main)
