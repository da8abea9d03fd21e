r"""Makes records of annotated photos, on one machine or on many, with Apache Beam.

Reads: folders as extract_landmark_training_data.py does, local or of any of Beam's file
systems (gs://, s3://, hdfs://).
Writes what that script and make_landmark_tfrecord.py would write, byte for byte, but no
patches:
    OUTPUT.train.tfrecord, OUTPUT.val.tfrecord    or their shards
    OUTPUT.report.csv                             what became of every photo
    OUTPUT.summary.json                           settings, what was lost, the split

What stands behind -- are flags of Beam: --runner, --direct_num_workers and so on.
Without them, the work is shared among processes, one for each core of this machine.
It wants an environment of its own, which this makes:
VENV=.venv-beam scripts/setup.sh requirements-beam.txt

    python build_records_with_beam.py --images_dirs=300w/afw,300w/helen \
        --output=records/wide.56 --num_shards=16 -- --direct_num_workers=8
"""

import hashlib
import importlib.util
import json
import sys
import tempfile
import warnings
from pathlib import Path

from absl import flags

from landmark.dataset import extraction, split, stage_flags, told
from landmark.dataset.report import DROPPED, KEPT, read_report
from landmark.detection.choose import check_detector
from landmark.files import exif, patches
from landmark.script import cli, common_flags, split_flags
from landmark.script.errors import InputError
from landmark.script.words import count

_END = "--"  # Of the script's own flags.

with cli.flag_group("What it reads and writes"):
    _IMAGES_DIRS = flags.DEFINE_list(
        "images_dirs",
        None,
        "Folders with NAME.jpg/.png + NAME.pts, searched recursively; local ones or "
        "others, as gs://bucket/photos.",
        required=True,
    )
    _OUTPUT = flags.DEFINE_string(
        "output",
        None,
        "What the names of all that is written begin with, as records/wide.56 or "
        "gs://bucket/wide.56.",
        required=True,
    )
    _NUM_SHARDS = stage_flags.define_num_shards()
    stage_flags.define_sampling()

with cli.flag_group("Annotation"):
    stage_flags.define_pts_format()
    _EXIF = flags.DEFINE_enum(
        "exif",
        exif.SHOWN,
        [exif.SHOWN, exif.STORED],
        "What the points of photos are of that EXIF turns: the photo as it is shown, "
        "as most tools have it, or as it is stored, as dlib's and some of OpenCV's.",
    )
    stage_flags.define_drop_list()

with cli.flag_group("Face detector"):
    _FACE_DETECTOR_PATH = flags.DEFINE_string(
        "face_detector_path",
        common_flags.DETECTOR_DIR,
        "Face detector: a .tflite of train_face_detector.py, or a folder that holds "
        "one. Given empty, faces are framed by their annotation, enlarged as detectors "
        "frame a face.",
    )
    stage_flags.define_min_overlap()

with cli.flag_group("Crop"):
    stage_flags.define_crop()

with cli.flag_group("Patches"):
    _SIZE = stage_flags.define_size()

with cli.flag_group("Split"):
    stage_flags.define_train_ratio()


def _find_detector():
    """Returns (Path of the detector or None, what the note of crops says of it)."""
    if not _FACE_DETECTOR_PATH.value:
        print("Empty --face_detector_path: faces are framed by their annotation.")
        return None, {"detector": "annotation"}
    input_size = common_flags.DETECTOR_INPUT_SIZE.value
    path = check_detector(_FACE_DETECTOR_PATH.value, input_size)
    if path.suffix != ".tflite":
        raise InputError(
            f"{path}: expected a .tflite, as there is no TensorFlow here, found a "
            "frozen graph"
        )
    return path, {
        "detector": f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}",
        "detector_input_size": input_size,
        "min_conf": common_flags.MIN_CONF.value,
    }


def _to_facts(crop):
    """Returns what the summary says of the crops: the note that patches would have."""
    with tempfile.TemporaryDirectory() as folder:
        patches.write_crop(folder, crop)
        return {"crop": json.loads(Path(folder, patches.CROP_NAME).read_text())}


def _read_division(num_faces):
    """Returns the Division of the flags."""
    from landmark.beam import dividing

    val_list = split_flags.VAL_LIST.value
    train_ratio = stage_flags.read_train_ratio(val_list)
    return dividing.Division(
        train_ratio,
        val_list,
        split.read_names(val_list) if val_list else [],
        flags.FLAGS.seed,
        num_faces <= dividing.MOST_TWINS
        and not split.is_one_sided(train_ratio, val_list),
    )


def _list_faces(settings, passed_over):
    """Returns (Listing, those of its Faces that are taken)."""
    from landmark.beam import listing, places

    folders = list(map(places.to_absolute, _IMAGES_DIRS.value))
    found = listing.list_annotations(folders, passed_over)
    if not found.faces:
        listed = ", ".join(_IMAGES_DIRS.value)
        raise InputError(f"{listed}: expected photos with .pts files, found no .pts")
    taken = [f for f in found.faces if extraction.is_taken(f.name, settings)]
    return found, taken


def _build(faces, dropped, settings, beam_flags):
    """Runs the pipeline; returns what it sums up, and the Output."""
    from landmark.beam import cutting, dividing, job, places
    from landmark.beam.pipeline import Steps

    division = _read_division(len(faces))
    path, facts = _find_detector()
    crop = settings.crop(facts)
    place = places.to_absolute(_OUTPUT.value)
    with job.work_folder(place) as work:
        output = dividing.Output(place, work, _NUM_SHARDS.value)
        job.require_no_others(output)
        how = cutting.Cutting(
            settings,
            crop,
            _SIZE.value,
            path and job.bring_detector(path, work),
            common_flags.DETECTOR_INPUT_SIZE.value,
            common_flags.MIN_CONF.value,
            dropped,
            _EXIF.value == exif.STORED,
            division.asks_twins,
        )
        divide = dividing.Divide(division, output, _to_facts(crop))
        listing = job.write_listing(faces, work)
        job.run(Steps(listing, how, divide, work), beam_flags, len(faces))
    return job.read_summary(output), output


def _print_summary(found, rows, summary, output, scheme):
    """Prints what became of all; returns the exit status."""
    from landmark.beam import dividing, places

    suspects = {(x, y): files for x, y, files in summary["suspects"]}
    for sentence in told.describe_suspects(suspects, "start over"):
        warnings.warn(sentence, stacklevel=1)
    print("\n".join(told.list_outcomes(len(found.faces), rows, scheme)))
    if found.bare:
        print(f"{count(len(found.bare), 'photo')} without a .pts, as {found.bare[0]}")
    for sentence in [*found.unread, *summary["sentences"]]:
        print(sentence)
    for error in summary["lost"].values():
        print(f"dropped {error}")
    if summary["error"]:
        raise InputError(summary["error"])
    if not any(row.outcome == KEPT for row in rows):
        raise InputError(f"{output.place}: expected patches, found that none was kept")
    if len(rows) > dividing.MOST_TWINS:
        print("Of so many photos, those that are there twice were not looked for")
    for side, title, text in zip(
        output.sides, told.SIDES, summary["sides"], strict=True
    ):
        there = _NUM_SHARDS.value == 1 and places.is_there(side)
        print(text or told.describe_no_side(side, title, there))
    lost = [row for row in rows if row.outcome not in (KEPT, DROPPED)]
    return cli.PASSED_OVER if lost or summary["lost"] or found.unread else 0


def main(argv, beam_flags=()):
    if importlib.util.find_spec("apache_beam") is None:
        raise InputError(
            "expected apache-beam, found that it is not installed here: "
            "VENV=.venv-beam scripts/setup.sh requirements-beam.txt"
        )
    from landmark.beam.quiet import quiet_beam

    with quiet_beam():
        from landmark.beam import pipeline, places

        pipeline.read_options(beam_flags)  # They are refused before all else.
    settings = stage_flags.read_crop_settings(common_flags.crop_extension())
    passed_over = []
    found, faces = _list_faces(settings, passed_over)
    dropped = stage_flags.read_dropped(face.name for face in found.faces)
    summary, output = _build(faces, dropped, settings, beam_flags)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.csv")
        places.fetch(output.report, path)
        rows = read_report(path)
    status = _print_summary(found, rows, summary, output, settings.pts_format.scheme)
    if passed_over:
        print(f"{count(len(passed_over), 'folder')} passed over")
        status = cli.PASSED_OVER
    return status


if __name__ == "__main__":
    end = sys.argv.index(_END) if _END in sys.argv else len(sys.argv)
    sys.argv, beams = sys.argv[:end], sys.argv[end + 1 :]
    cli.run(lambda argv: main(argv, beams))
