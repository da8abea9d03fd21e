r"""Finds what is wrong with annotation before anything is trained with it.

Reads: folders of annotated photos, as extract_landmark_training_data.py does.
Writes into write_path:
    check.csv          a line for each face: file, name, kind of fault, score, what was
                       found, twins of its photo; worst first, bad from a score of 1
    mosaic_worst.jpg   the first 50: points green, with the ends of lines numbered, and
                       where the landmark model has them red
    drop.txt           names of the faces that are judged bad

    python check_annotations.py --images_dirs=300w/afw,300w/helen --write_path=checked
"""

from pathlib import Path

from absl import flags

from landmark import pretrained
from landmark.checking import books, check, frames, looks, whole
from landmark.dataset import extraction, stage_flags
from landmark.files import disk, exif
from landmark.files.boxes import read_boxes
from landmark.model.locate import check_folder
from landmark.script import cli, worker_flags
from landmark.script.errors import InputError
from landmark.script.words import count

with cli.flag_group("What it reads and writes"):
    _IMAGES_DIRS = flags.DEFINE_list(
        "images_dirs",
        None,
        "Folders with NAME.jpg/.png + NAME.pts, searched recursively. What is wrong "
        "with a folder as a whole is told of each.",
        required=True,
    )
    _WRITE_PATH = flags.DEFINE_string(
        "write_path", None, "Folder for the table, mosaic and list.", required=True
    )

with cli.flag_group("Annotation"):
    stage_flags.define_pts_format()
    _EXIF = flags.DEFINE_enum(
        "exif",
        exif.SHOWN,
        exif.FRAMES,
        "In which frame the points of photos are that EXIF turns: as a viewer shows "
        "the photo, or as it is stored; auto decides for each folder by which fits.",
    )

with cli.flag_group("What it goes by"):
    _MODEL = flags.DEFINE_string(
        "landmark_checkpoint_path",
        str(pretrained.LANDMARK_MODEL),
        "Landmark model (.tflite) that the points are compared with. Given empty, or "
        "where its points are others, the collection is judged by itself.",
    )
    _DETECTOR = flags.DEFINE_string(
        "face_detector_path",
        "",
        "Face detector, as extraction takes it, that says where faces are; of use "
        "where no landmark model is. Given empty, none is asked.",
    )
    _BOXES = flags.DEFINE_string(
        "boxes",
        None,
        "Lines of JSON that say where faces are, as detection writes them, instead of "
        "the detector.",
    )


_MIN_CONF = 0.3  # As extraction has it unless told.


def _open_detector(path):
    from landmark.detection.choose import open_detector

    return open_detector(path, 0, _MIN_CONF, num_threads=1)


def _read_settings():
    """Returns the CheckSettings of the flags."""
    is_asked = _DETECTOR.value and not _BOXES.value
    settings = check.CheckSettings(
        pts_format=stage_flags.read_pts_format(),
        model_path=_MODEL.value or None,
        detector=(_open_detector, (_DETECTOR.value,)) if is_asked else None,
        boxes=read_boxes(_BOXES.value) if _BOXES.value else None,
    )
    if check.find_model_scheme(settings) is None:
        print(
            f"No landmark model for points of scheme {settings.pts_format.scheme}: the "
            "collection is judged by itself, and not as a whole."
        )
        return settings._replace(model_path=None)
    return settings


def _decide_frames(annotated, settings):
    """Returns folder -> the frame of its points; tells how it was decided."""
    tool = looks.Tool(settings.pts_format)
    if _EXIF.value == exif.AUTO:
        tool = looks.make_tool(
            settings.pts_format, settings.model_path, settings.detector, None, False
        )
    decisions = frames.decide_all(
        _EXIF.value,
        annotated,
        _IMAGES_DIRS.value,
        settings.pts_format,
        tool.model,
        tool.detector,
    )
    for decision in decisions.values():
        if decision.sentence:
            print(decision.sentence)
    return {folder: decision.frame for folder, decision in decisions.items()}


def _print_whole(verdicts, pts_format):
    """Tells what is wrong with each folder as a whole."""
    for folder in dict.fromkeys(map(Path, _IMAGES_DIRS.value)):
        found = [v.look for v in verdicts if v.look.face.folder == folder]
        seen = [look.seen for look in found if look.seen]
        if seen:
            print(whole.describe_lean(seen, folder))
        for sentence in whole.describe_frame(found, folder) or whole.describe(
            seen, pts_format, folder
        ):
            print(f"WHOLE COLLECTION: {sentence}")


def main(argv):
    write_path = Path(_WRITE_PATH.value)
    check_folder(write_path)
    settings, unlisted = _read_settings(), []
    annotated = extraction.list_annotations(_IMAGES_DIRS.value, [], unlisted).faces
    if not annotated:
        folders = ", ".join(_IMAGES_DIRS.value)
        raise InputError(f"{folders}: expected photos with .pts files, found no .pts")
    decided = _decide_frames(annotated, settings)
    faces = check.list_faces(annotated, _IMAGES_DIRS.value, decided)
    verdicts = check.check(faces, settings, worker_flags.count_workers(len(faces)))
    write_path.mkdir(parents=True, exist_ok=True)
    disk.remove_leftovers(write_path)
    books.write(write_path, verdicts, settings.pts_format.scheme)
    _print_whole(verdicts, settings.pts_format)
    print(books.count_kinds(verdicts))
    unread = [v.look for v in verdicts if v.look.kind == looks.NOT_READ]
    for look in unread:
        print(f"not read {look.face.name}: {look.detail}")
    if len(unread) == len(verdicts):
        raise InputError(f"{write_path}: expected faces, found that none could be read")
    bad = sum(verdict.is_bad for verdict in verdicts)
    print(
        f"Wrote {books.TABLE}, {books.MOSAIC} and {books.DROP} ({count(bad, 'face')} "
        f"with a score of 1 or more) to {write_path}"
    )
    return cli.PASSED_OVER if unread or unlisted else 0


if __name__ == "__main__":
    cli.run(main)
