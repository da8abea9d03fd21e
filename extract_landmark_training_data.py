r"""Cuts square face patches with their points out of annotated photos.

Reads: folders with NAME.jpg (or .png) beside NAME.pts, searched recursively; photos and
points may lie apart, in images/ and annotations/, and NAME@2.pts or NAME_2.pts be of
one of several faces of NAME.jpg.
Writes, per face, into write_path:
    FOLDER-NAME.png          the patch, as large as the face is in the photo
    FOLDER-NAME.npts         its points, 0..1 over the patch, little-endian float64
                             x0 y0 x1 y1 ...; nan nan where a point is missing
    FOLDER-NAME.cpts         the same, -1..1 over the patch
    FOLDER-NAME@rotated.*    a copy turned by a random angle
    crop.json                what the patches have in common: scheme, margin, ...
    report.csv               what became of every photo

    python extract_landmark_training_data.py --images_dirs=300w/afw,300w/helen \
        --write_path=patches
"""

import hashlib
import os
import warnings
from pathlib import Path

from absl import flags

from landmark.checking import frames, quick
from landmark.dataset import extraction, stage_flags, told
from landmark.dataset.report import (
    DROPPED,
    KEPT,
    open_journal,
    read_report,
    write_report,
)
from landmark.files import disk, exif
from landmark.files.boxes import read_boxes
from landmark.files.patches import write_crop
from landmark.files.photos import describe_unread
from landmark.script import cli, common_flags, worker_flags
from landmark.script.errors import InputError, UsageError
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
    stage_flags.define_sampling()

with cli.flag_group("Annotation"):
    stage_flags.define_pts_format()
    _EXIF = flags.DEFINE_enum(
        "exif",
        exif.SHOWN,
        exif.FRAMES,
        "What the points (and --boxes) of photos are of that EXIF turns: the photo as "
        "it is shown, as most tools have it, or as it is stored, as dlib's and some of "
        "OpenCV's; auto looks which of them fits, for each folder.",
    )
    stage_flags.define_drop_list()

with cli.flag_group("Face detector"):
    _FACE_DETECTOR_PATH = flags.DEFINE_string(
        "face_detector_path",
        common_flags.DETECTOR_DIR,
        "Face detector: an SSD's frozen graph (.pb), a .tflite of "
        "train_face_detector.py, or a folder that holds one. Given empty, faces are "
        "framed by their annotation, enlarged as detectors frame a face.",
    )
    _BOXES = flags.DEFINE_string(
        "boxes",
        None,
        "Lines of JSON that say where faces are, as import_annotations.py and "
        "detection write them (box, and output or name); the detector is not asked. Of "
        "a photo's boxes the one that overlaps the landmarks most is taken.",
    )
    stage_flags.define_min_overlap()

with cli.flag_group("Crop"):
    stage_flags.define_crop()


def _open_detector(path, input_size, min_conf):
    """Returns the detector; None if the path is empty."""
    if not path:
        return None
    from landmark.detection.choose import open_detector

    return open_detector(path, input_size, min_conf, num_threads=1)


def _hash(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def _describe_detector():
    """Returns what else than the crop's settings decides how faces are framed."""
    if _BOXES.value:
        return {"detector": "boxes of a file"}
    if not _FACE_DETECTOR_PATH.value:
        print("Empty --face_detector_path: faces are framed by their annotation.")
        return {"detector": "annotation"}
    from landmark.detection.choose import check_detector

    path = check_detector(
        _FACE_DETECTOR_PATH.value, common_flags.DETECTOR_INPUT_SIZE.value
    )
    return {
        "detector": f"{path.name} {_hash(path)}",
        "detector_input_size": common_flags.DETECTOR_INPUT_SIZE.value,
        "min_conf": common_flags.MIN_CONF.value,
    }


def _read_boxes():
    """Returns what --boxes says, None if it is not given."""
    if not _BOXES.value:
        return None
    if len(_IMAGES_DIRS.value) > 1:
        raise UsageError(
            "expected one folder as --images_dirs beside --boxes, which go by the path "
            f"below it, found {len(_IMAGES_DIRS.value)}"
        )
    return read_boxes(_BOXES.value)


def _print_others(annotations):
    """Tells of what looks like photos and is not read; returns whether it must be."""
    write_path = os.path.realpath(_WRITE_PATH.value)
    bare = [
        photo  # Patches of an earlier run are none.
        for photo in annotations.bare
        if not Path(os.path.realpath(photo)).is_relative_to(write_path)
    ]
    if bare:
        print(f"{count(len(bare), 'photo')} without a .pts, as {bare[0]}")
    sentences = describe_unread(annotations.unread)
    for sentence in sentences:
        print(sentence)
    return bool(sentences)


def _detector_arguments():
    return (
        _FACE_DETECTOR_PATH.value,
        common_flags.DETECTOR_INPUT_SIZE.value,
        common_flags.MIN_CONF.value,
    )


def _find_stored(faces, settings):
    """Returns the folders whose points are of the photos as they are stored."""
    model = detector = None
    if _EXIF.value == exif.AUTO:
        model = quick.open_quick_model(settings.pts_format.scheme)
        if model is None:
            detector = _open_detector(*_detector_arguments())
    decisions = frames.decide_all(
        _EXIF.value, faces, _IMAGES_DIRS.value, settings.pts_format, model, detector
    )
    for decision in decisions.values():
        if decision.sentence:
            print(decision.sentence)
    return tuple(f for f, found in decisions.items() if found.frame == exif.STORED)


def _open_journal(write_path, crop, tool):
    """Returns the Journal, which knows what the crop does not tell."""
    others = {}
    if _BOXES.value:
        others["boxes"] = _hash(_BOXES.value)
    if tool.dropped:
        others["dropped"] = sorted(tool.dropped)
    if tool.stored:
        others["stored"] = [str(folder.resolve()) for folder in tool.stored]
    journal = open_journal(write_path, crop, tool.settings, others)
    if journal.done:
        print(f"Going on after {count(len(journal.done), 'photo')}")
    return journal


def _extract(faces, tool, journal, rows, suspects):
    """Extracts faces; adds to the rows of the report, and to the suspects."""
    num_workers = worker_flags.count_workers(len(faces))
    for row, found in extraction.extract(
        faces,
        tool.settings,
        (_open_detector, _detector_arguments(), tool),
        num_workers,
        journal,
    ):
        rows.append(row)
        for point in found:
            suspects.setdefault(tuple(point), []).append(row.photo)


def main(argv):
    write_path = Path(_WRITE_PATH.value)
    if os.path.realpath(write_path) in map(os.path.realpath, _IMAGES_DIRS.value):
        raise InputError(
            f"{write_path}: expected another folder than one of --images_dirs"
        )
    report_path, unlisted = write_path / "report.csv", []
    report = read_report(report_path)
    boxes = _read_boxes()
    found = extraction.list_annotations(_IMAGES_DIRS.value, report, unlisted)
    faces = found.faces
    if not faces:
        folders = ", ".join(_IMAGES_DIRS.value)
        raise InputError(f"{folders}: expected photos with .pts files, found no .pts")
    settings = stage_flags.read_crop_settings(common_flags.crop_extension())
    crop = settings.crop(_describe_detector())
    tool = extraction.Tool(
        write_path,
        settings,
        None,
        boxes,
        Path(_IMAGES_DIRS.value[0]),
        stage_flags.read_dropped(name for _, name in faces),
        _find_stored(faces, settings),
    )
    write_path.mkdir(parents=True, exist_ok=True)
    with disk.lock(write_path, "extraction"):
        disk.remove_leftovers(write_path)
        write_crop(write_path, crop)
        journal, rows, suspects = _open_journal(write_path, crop, tool), [], {}
        try:
            _extract(faces, tool, journal, rows, suspects)
        finally:  # A run that is cut short keeps its books, too.
            write_report(report_path, report, rows)
            journal.close()
        journal.finish()
    for sentence in told.describe_suspects(suspects, "another --write_path"):
        warnings.warn(sentence, stacklevel=1)
    for sentence in quick.judge_folders(
        _IMAGES_DIRS.value, rows, write_path, crop, settings.pts_format
    ):
        warnings.warn(sentence, stacklevel=1)
    print("\n".join(told.list_outcomes(len(faces), rows, settings.pts_format.scheme)))
    kept = sum(row.outcome == KEPT for row in rows)
    is_unread = _print_others(found)
    if not kept:
        raise InputError(f"{write_path}: expected patches, found that none was kept")
    if unlisted:
        print(f"{count(len(unlisted), 'folder')} passed over")
    patches = count(2 * kept if flags.FLAGS.rotate else kept, "patch", "patches")
    print(f"Wrote {patches} and report.csv to {write_path}")
    lost = [row for row in rows if row.outcome not in (KEPT, DROPPED)]
    return cli.PASSED_OVER if lost or unlisted or is_unread else 0


if __name__ == "__main__":
    cli.run(main)
