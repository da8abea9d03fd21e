r"""Trains the small face detector that the toolkit ships with.

Reads: folders of photos, searched recursively. Where their faces are is said by
    NAME.pts beside NAME.jpg, by another detector (--teacher_path), or by both.
Writes, into train_dir: checkpoints, detector_setting.txt, TensorBoard summaries, and at
the end
    frozen_inference_graph.pb    tensor names of the TensorFlow Object Detection API
    face_detector.tflite         the same network, for phones
The same command run again goes on from the newest checkpoint; other steps, another
batch size or learning rate than the folder was trained with are refused.

    python train_face_detector.py --images_dirs=300w/afw,300w/helen,300w/lfpw \
        --teacher_path=faceboxes/frozen_inference_graph.pb --train_dir=runs/face_ssd
"""

from pathlib import Path

from absl import flags

from landmark.dataset import split
from landmark.detection import anchors
from landmark.face.scheme import NAMES, find_scheme
from landmark.files import disk
from landmark.files.patches import book_name, patch_name
from landmark.files.photos import IMAGE_SUFFIXES
from landmark.model import locate
from landmark.script import cli, split_flags
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr
from landmark.script.words import count

with cli.flag_group("What it reads and writes"):
    _IMAGES_DIRS = flags.DEFINE_list(
        "images_dirs",
        None,
        "Folders of photos; about a tenth of them validates, the photos that "
        "make_landmark_tfrecord.py would take of what extraction makes of them.",
        required=True,
    )
    _EXTRA_DIRS = flags.DEFINE_list(
        "extra_dirs",
        [],
        "Folders of more photos, for training only: without points, without faces, "
        "drawn.",
    )
    _TEACHER_PATH = flags.DEFINE_string(
        "teacher_path",
        None,
        "Face detector, an SSD's frozen graph (.pb) or an own .tflite, that finds the "
        "faces without .pts. Without one, photos must have no faces but those that are "
        "annotated.",
    )
    _SCHEME = flags.DEFINE_string(
        "scheme",
        "ibug68",
        f"Scheme of the points: {', '.join(NAMES)}, or a file of your own.",
    )
    _TRAIN_DIR = flags.DEFINE_string(
        "train_dir", None, "Folder for checkpoints and the detector.", required=True
    )

    _INIT_DETECTOR_PATH = flags.DEFINE_string(
        "init_detector_path",
        None,
        "Frozen graph (.pb) of an earlier training, from whose weights to start, and "
        "whose mistakes are looked at more often.",
    )

with cli.flag_group("Detector"):
    _KIND = flags.DEFINE_enum(
        "kind",
        "camera",
        sorted(anchors.KINDS),
        "What the detector is for: camera looks once, at 128 pixels, for faces that "
        "are near; photos looks at 128 and at 448 pixels, for small ones, too, and in "
        "the dark.",
    )

with cli.flag_group("Training"):
    _MAX_NUMBER_OF_STEPS = flags.DEFINE_integer(
        "max_number_of_steps", 20000, lower_bound=1, help="When to stop."
    )
    _BATCH_SIZE = flags.DEFINE_integer(
        "batch_size", 32, lower_bound=1, help="Scenes in a step."
    )
    _LEARNING_RATE = flags.DEFINE_float(
        "learning_rate",
        0.004,
        lower_bound=0.0,
        help="At its highest; falls by a cosine.",
    )
    _VALIDATION_INTERVAL = flags.DEFINE_integer(
        "validation_interval",
        1000,
        lower_bound=1,
        help="Steps between validations; each one writes a checkpoint.",
    )
    _SEED = flags.DEFINE_integer(
        "seed",
        None,
        lower_bound=0,
        help="With it, the same command gives the same weights. Without one, each run "
        "is another.",
    )

_UNSURE = 0.25  # What the teacher gives a lower score is no face.
_MISTAKEN = 0.2  # Least score of an earlier detector's face; false ones are mistakes.


def _list_photos(folders):
    """Returns name -> path of the photos; the names are those that patches get."""
    photos = {}
    for folder in folders:
        for path in disk.list_files(folder, IMAGE_SUFFIXES):
            base = patch_name(path, folder)
            book_name(base, str(path.resolve()), photos)
    if folders and not photos:
        raise InputError(f"{', '.join(folders)}: expected photos, found none")
    return {name: Path(path) for name, path in photos.items()}


def _open_detector(path, min_conf):
    """Returns the detector, or None where no path is given."""
    if not path:
        return None
    from landmark.detection.choose import open_detector

    return open_detector(path, min_conf=min_conf)


def main(argv):
    locate.check_folder(_TRAIN_DIR.value)
    disk.require_text(_TRAIN_DIR.value)
    scheme = find_scheme(_SCHEME.value)
    photos, extra = _list_photos(_IMAGES_DIRS.value), _list_photos(_EXTRA_DIRS.value)
    train_names, validation_names = split.divide_names(
        list(photos), 0.9, split_flags.VAL_LIST.value
    )
    teacher = _open_detector(_TEACHER_PATH.value, _UNSURE)
    learner = _open_detector(_INIT_DETECTOR_PATH.value, _MISTAKEN)
    with quiet_stderr():
        from landmark.detection import export, labelled, training

    settings = training.SsdSettings(
        max_number_of_steps=_MAX_NUMBER_OF_STEPS.value,
        learning_rate=_LEARNING_RATE.value,
        batch_size=_BATCH_SIZE.value,
        kind=_KIND.value,
        seed=_SEED.value,
        init_detector_path=_INIT_DETECTOR_PATH.value,
    )
    # Before the photos are read, which may take minutes.
    training.check_train_dir(_TRAIN_DIR.value, settings)
    known = set(photos.values())  # Paths are resolved.
    train_paths = [photos[name] for name in train_names]
    train_paths += [path for path in extra.values() if path not in known]
    validation_paths, dropped = [photos[name] for name in validation_names], []
    train_photos, validation_photos = (
        labelled.read_photos(paths, teacher, dropped, scheme, learner)
        for paths in (train_paths, validation_paths)
    )
    for error in dropped:
        print(f"dropped {error}")
    if dropped:
        total = count(len(train_paths) + len(validation_paths), "photo")
        print(f"{len(dropped)} of {total} dropped")
    checkpoint, recall, false = training.train(
        _TRAIN_DIR.value,
        train_photos,
        validation_photos,
        settings,
        _VALIDATION_INTERVAL.value,
    )
    paths = export.export(
        checkpoint,
        settings.moving_average_decay,
        anchors.KINDS[settings.kind],
        _TRAIN_DIR.value,
    )
    print(
        f"Finds {recall:.2%} of the faces in "
        f"{count(len(validation_photos), 'validation photo')}, and {false:.3f} false "
        "boxes a photo"
    )
    print(f"Wrote {', '.join(map(str, paths))}")
    return cli.PASSED_OVER if dropped else 0


if __name__ == "__main__":
    cli.run(main)
