r"""Finds faces and their points in photos, videos, or the camera's picture.

Reads: photos, folders of photos (recursively) and videos, as arguments or by --images,
    --images_dir, --folder_list, --video_path; or the camera.
Writes, as asked for; without that it prints what it finds:
    write_image_dir/NAME.jpg  the photo with all that was found drawn
    write_txt_dir/NAME.txt    the photo's name; the number of faces; then for each face
                              "left top right bottom score" and the scheme, where
                              it is not ibug68; and a line of numbers x0 y0 x1 y1
                              ...; all in image pixels from 0
    write_pts_dir/NAME.pts    the points of a face, beside a copy of its photo, to be
                              corrected and trained on; NAME@1.pts ... where there are
                              several faces
    write_json                a line of JSON for each face: name, output (as NAME here),
                              frame, seconds, track, box, score, landmark_confidence,
                              landmark_spread, landmark_error, pose, scheme, points
    write_annotations         the faces of photos as dlib's XML, CSV or COCO's JSON
    write_video               the drawn video
Folders of the source are kept below; a video's frames are NAME_000001 and so on.
With photos, the same command goes on after a run that was cut short.

    python detect_face_landmark.py photos --write_image_dir=drawn
"""

import contextlib
import functools
import os
import sys
import warnings
from pathlib import Path

from absl import flags

from landmark.files import boxes as boxes_file
from landmark.files.photos import describe_unread, list_unread
from landmark.formats import choose, detected
from landmark.live import books, crops, results, smoothing, sources, tracking
from landmark.live.session import Session, Targets
from landmark.live.tally import Tally
from landmark.pictures import mosaic
from landmark.script import cli, common_flags, worker_flags
from landmark.script.errors import InputError, UsageError
from landmark.script.words import count

with cli.flag_group("What it reads, instead of arguments"):
    _IMAGES = flags.DEFINE_list("images", None, "Photos.")
    _IMAGES_DIR = flags.DEFINE_string("images_dir", None, "Folder of photos.")
    _FOLDER_LIST = flags.DEFINE_string(
        "folder_list",
        None,
        "Text file with the path of a folder of photos on each line.",
    )
    _VIDEO_PATH = flags.DEFINE_string(
        "video_path",
        None,
        "Video: a file, a network stream (rtsp://... or http://...), a camera "
        "(/dev/video0), or pictures as frames_%04d.png or 'frames/*.png'.",
    )
    _CAMERA = flags.DEFINE_integer(
        "camera",
        0,
        lower_bound=0,
        help="Number of the camera, where no other source is given.",
    )

with cli.flag_group("What it writes"):
    _WRITE_IMAGE_DIR = flags.DEFINE_string(
        "write_image_dir", None, "Folder for drawn photos."
    )
    _WRITE_TXT_DIR = flags.DEFINE_string(
        "write_txt_dir", None, "Folder for the text files."
    )
    _WRITE_PTS_DIR = flags.DEFINE_string(
        "write_pts_dir", None, "Folder for .pts files, and a copy of the photo of each."
    )
    _WRITE_JSON = flags.DEFINE_string("write_json", None, "File for the lines of JSON.")
    _WRITE_ANNOTATIONS = flags.DEFINE_string(
        "write_annotations",
        None,
        "File for the faces of photos in a format of others: .xml is dlib's, .csv a "
        "table, .json COCO's.",
    )
    _WRITE_VIDEO = flags.DEFINE_string(
        "write_video", None, "File for the drawn video: .mp4, .avi, .mkv or .mov."
    )
    _DISP = flags.DEFINE_boolean(
        "disp", False, "Show the drawn photos in a window; q quits, any key goes on."
    )

with cli.flag_group("Models"):
    _FACE_CHECKPOINT_DIR = flags.DEFINE_string(
        "face_checkpoint_dir",
        None,
        "Folder of the face detector: face_detector.tflite, or else an SSD as "
        "frozen_inference_graph.pb. Unless given, the pretrained face_ssd_photo for "
        "photos, and for videos and the camera face_ssd_128, which is quicker and sees "
        "near faces only.",
    )
    _LANDMARK_CHECKPOINT_PATH = flags.DEFINE_list(
        "landmark_checkpoint_path",
        [common_flags.LANDMARK_MODEL],
        "A .tflite, a checkpoint (model.ckpt-1000), or a folder, for its newest one. "
        "Of several, as one for profiles, each face takes the one that is surest.",
    )
    _MIN_LANDMARK_CONF = flags.DEFINE_float(
        "min_landmark_conf",
        0.3,
        lower_bound=0.0,
        upper_bound=1.0,
        help="Drop faces whose points are less sure: 0.3 drops what is no face, 0.7 "
        "also the tenth of the faces whose points are the worst. Models of a network "
        "that does not tell drop none.",
    )

    _ANY_ROTATION = flags.DEFINE_boolean(
        "any_rotation",
        False,
        "Find faces at any angle, as in photos that lie on their side; takes four "
        "times as long. Of a video the turn is found once and kept.",
    )
    _CROPS = flags.DEFINE_enum(
        "crops",
        "1",
        [str(number) for number in crops.NUMBERS],
        "Crops of each face over which its points are averaged: turned by 8 degrees "
        "either way (3), and also larger, smaller and shifted (9). The points err by 1 "
        "to 4 % less, and take 3 or 9 times as long to find.",
    )
    _BOXES = flags.DEFINE_string(
        "boxes",
        None,
        "Lines of JSON, as --write_json writes them, that say where the faces of "
        "photos are (box, and output or name); the detector is not asked.",
    )

with cli.flag_group("Videos"):
    _DETECT_EVERY = flags.DEFINE_integer(
        "detect_every",
        tracking.DETECT_EVERY,
        lower_bound=1,
        help="The detector looks at one frame in so many, while all faces are followed "
        "well.",
    )
    _SMOOTH = flags.DEFINE_boolean(
        "smooth", True, "Smooth the points by a one-euro filter."
    )
    _SMOOTH_MIN_CUTOFF = flags.DEFINE_float(
        "smooth_min_cutoff",
        smoothing.MIN_CUTOFF,
        lower_bound=0.01,
        help="Cutoff of the filter at rest, in hertz; smaller trembles less.",
    )
    _SMOOTH_BETA = flags.DEFINE_float(
        "smooth_beta",
        smoothing.BETA,
        lower_bound=0.0,
        help="By how many hertz the cutoff rises when a point moves by the size of the "
        "face in a second; larger lags less.",
    )

_SOURCES = (_IMAGES, _IMAGES_DIR, _FOLDER_LIST, _VIDEO_PATH)
_FOLDERS = (_WRITE_IMAGE_DIR, _WRITE_TXT_DIR, _WRITE_PTS_DIR)
_FILES = (_WRITE_JSON, _WRITE_VIDEO)
_TARGETS = (*_FOLDERS, *_FILES)  # In the order of session.Targets.
_OUTPUTS = (*_TARGETS, _WRITE_ANNOTATIONS)


def _check_sources(arguments):
    """Refuses more than one kind of source."""
    given = [f for f in _SOURCES if f.value is not None]
    given += [_CAMERA] if _CAMERA.present else []
    names = [f"--{flag.name}" for flag in given]
    names += ["arguments"] if arguments else []
    if len(names) > 1:
        hint = ""
        if names == [f"--{_IMAGES.name}", "arguments"]:
            paths = ",".join([*_IMAGES.value, *arguments][:3])
            hint = f"; paths after a flag want commas: --{_IMAGES.name}={paths}"
        raise UsageError(f"expected one source, found {' and '.join(names)}{hint}")
    if given and given[0] is not _CAMERA and not given[0].value:
        raise UsageError(f"expected a path as {names[0]}, found none")
    if not names and not (_DISP.value or any(output.value for output in _OUTPUTS)):
        raise UsageError(
            "expected photos, folders or videos; or for the camera's picture "
            f"--disp or --{', --'.join(output.name for output in _OUTPUTS)}; found "
            "nothing to do"
        )


def _check_outputs():
    """Refuses outputs that cannot be written."""
    if _WRITE_ANNOTATIONS.value:
        choose.check_target(_WRITE_ANNOTATIONS.value)
        if _WRITE_JSON.value and not books.can_note(_WRITE_JSON.value, []):
            raise UsageError(
                "expected a file as --write_json beside --write_annotations, found "
                f"{_WRITE_JSON.value}"
            )
    for wanted, other, kind in (
        ("folder", "file", _FOLDERS),
        ("file", "folder", _FILES),
    ):
        for flag in kind:
            path = Path(flag.value) if flag.value else None
            if path and path.exists() and path.is_dir() != (wanted == "folder"):
                raise InputError(
                    f"{path}: expected a {wanted} for --{flag.name}, found a {other}"
                )
    drawn, annotated = (
        os.path.realpath(flag.value) if flag.value else None
        for flag in (_WRITE_IMAGE_DIR, _WRITE_PTS_DIR)
    )
    if drawn and drawn == annotated:
        raise UsageError(
            "expected two folders as --write_image_dir and --write_pts_dir, found "
            f"{drawn}: the drawn photos would pass for those of the .pts"
        )
    if _DISP.value:
        mosaic.require_display()


def _make_targets():
    """Returns the Targets; of what is written in another format, the lines go first."""
    targets = Targets(*(flag.value for flag in _TARGETS), _DISP.value)
    if _WRITE_ANNOTATIONS.value and not targets.json:
        path = detected.lines_beside(_WRITE_ANNOTATIONS.value)
        targets = targets._replace(json=str(path))
    return targets


def _require_one_scheme(landmarker, videos):
    """Returns the Scheme of what is written in another format, None without."""
    if not _WRITE_ANNOTATIONS.value:
        return None
    if videos:
        raise UsageError("expected photos beside --write_annotations, found a video")
    if len(landmarker.schemes) > 1:
        names = " and ".join(scheme.name for scheme in landmarker.schemes)
        raise UsageError(
            f"expected models of one scheme beside --write_annotations, found {names}"
        )
    return landmarker.schemes[0]


def _list_sources(arguments, passed_over):
    """Returns (photo, output) pairs; videos, of which the camera is a number.

    passed_over: list, to which what cannot be listed is added.
    """
    if arguments or _IMAGES.value:
        paths = arguments or _IMAGES.value
        photos, folders, videos = sources.divide_paths(paths)
        is_one_folder = len(paths) == len(folders) == 1
    else:
        photos, videos, is_one_folder = [], [], bool(_IMAGES_DIR.value)
        folders = [Path(_IMAGES_DIR.value)] if is_one_folder else []
        if _FOLDER_LIST.value:
            folders = sources.read_folder_list(_FOLDER_LIST.value)
        elif not folders:
            videos = [_VIDEO_PATH.value or _CAMERA.value]
    if _WRITE_VIDEO.value:
        if photos or folders or len(videos) > 1:
            other = "photos" if photos or folders else count(len(videos), "video")
            raise UsageError(
                f"expected one video, or the camera, for --write_video, found {other}"
            )
        from landmark.live.video import check_video_path

        check_video_path(_WRITE_VIDEO.value)
    found = sources.list_photos(photos, folders, is_one_folder, passed_over)
    for sentence in describe_unread([p for f in folders for p in list_unread(f)]):
        warnings.warn(sentence, stacklevel=1)
        passed_over.append(sentence)
    if not found and not videos:
        source = _FOLDER_LIST.value or ", ".join(map(str, folders))
        raise InputError(
            f"{source}: expected photos, found {sources.describe_videos(folders)}"
        )
    return found, list(dict.fromkeys(videos))


def _refuse_overwriting(targets, photos, videos):
    """Refuses outputs in the place of the photos, or of a video."""
    read = [photo for photo, _ in photos]
    read += [video for video in videos if not isinstance(video, int)]
    read += [_FOLDER_LIST.value] if _FOLDER_LIST.value else []
    written = targets.list_files(photos)
    written += [_WRITE_ANNOTATIONS.value] if _WRITE_ANNOTATIONS.value else []
    results.refuse_overwriting(read, written)


def _list_models():
    models = _LANDMARK_CHECKPOINT_PATH.value
    # A comma may be of its name.
    return [",".join(models)] if Path(",".join(models)).exists() else models


def _list_settings():
    """Returns the keywords of `open_landmarker`, None if not given."""
    # Where it is not asked for, a model need not tell how sure it is.
    is_asked = _MIN_LANDMARK_CONF.present
    is_framed = common_flags.EXTEND.present or common_flags.EXTEND_RATIO.present
    return {
        "min_score": common_flags.MIN_CONF.value,
        "min_confidence": _MIN_LANDMARK_CONF.value if is_asked else None,
        # Else the model says it.
        "extend_ratio": common_flags.crop_extension() if is_framed else None,
        "detector_input_size": common_flags.DETECTOR_INPUT_SIZE.value,
        "any_rotation": _ANY_ROTATION.value,
        "crops": int(_CROPS.value),
    }


def _choose_landmarker(detector):
    """Returns what opens the landmarker; other processes may call it, too.

    detector: the one that is taken unless one is given.
    """
    from landmark.library import open_landmarker

    detector = _FACE_CHECKPOINT_DIR.value or detector
    return functools.partial(
        open_landmarker, _list_models(), detector, **_list_settings()
    )


def _open_books(targets, arguments, photos):
    """Returns the Books of a run that can be gone on with, None of another."""
    folders = targets.list_folders()
    if not photos or targets.disp or not books.can_note(targets.json, folders):
        return None
    from landmark.detection.choose import check_detector
    from landmark.model.identity import hash_file, hash_model

    settings = _list_settings()
    detector = check_detector(
        _FACE_CHECKPOINT_DIR.value or common_flags.DETECTOR_DIR,
        settings["detector_input_size"],
    )
    work = {
        "sources": arguments or [source.value for source in _SOURCES],
        "outputs": [flag.value and os.path.realpath(flag.value) for flag in _OUTPUTS],
        "models": [hash_model(path) for path in _list_models()],
        "detector": hash_file(detector),
        "boxes": _BOXES.value and hash_file(_BOXES.value),
        **settings,
    }
    opened = books.Books(targets.json, folders, work, photos)
    if opened.done:
        print(f"Going on after {count(len(opened.done), 'photo')}")
    return opened


def _read_boxes(photos, videos):
    """Returns what --boxes says of the photos; None if it is not given."""
    if not _BOXES.value:
        return None
    if videos:
        raise UsageError("expected photos beside --boxes, found a video")
    given = boxes_file.read_boxes(_BOXES.value)
    known = [len(boxes_file.find_boxes(given, *photo)[0]) > 0 for photo in photos]
    if not any(known):
        raise InputError(
            f"{_BOXES.value}: expected boxes of the photos, found none of "
            f"{photos[0][1]}; they go by output, the path below the source"
        )
    if not all(known):
        print(f"{_BOXES.value}: no box of {count(known.count(False), 'photo')}")
    return given


def _count_workers(num_photos):
    """Returns how many processes are worth it; TensorFlow uses all cores itself."""
    is_shared = not _DISP.value and "tensorflow" not in sys.modules
    return worker_flags.count_workers(num_photos) if is_shared else 1


def main(argv):
    _check_sources(argv[1:])
    _check_outputs()
    targets = _make_targets()
    unlisted, tally = [], Tally()
    photos, videos = _list_sources(argv[1:], unlisted)
    boxes = _read_boxes(photos, videos)
    noted = _open_books(targets, argv[1:], photos)
    photos, num_done = (noted.photos, len(noted.done)) if noted else (photos, 0)
    _refuse_overwriting(targets, photos, videos)
    opened = sources.open_videos(videos, tally.skipped)
    if not photos and not opened:
        raise InputError("; ".join(tally.skipped))
    sources.refuse_frame_names(photos, opened)
    for_photos = _choose_landmarker(common_flags.DETECTOR_DIR)
    for_videos = _choose_landmarker(common_flags.VIDEO_DETECTOR_DIR)
    landmarker = for_photos() if photos else for_videos()
    scheme = _require_one_scheme(landmarker, videos)
    targets.remove_leftovers(photos)
    with contextlib.ExitStack() as stack:
        session = Session(targets, tally, noted, stack)
        if photos:
            num_workers = _count_workers(len(photos) - num_done)
            session.do_photos(photos, landmarker, for_photos, num_workers, boxes)
        if opened and not session.is_over:
            cutoffs = (_SMOOTH_MIN_CUTOFF.value, _SMOOTH_BETA.value)
            cutoffs = cutoffs if _SMOOTH.value else None
            landmarker = for_videos() if photos else landmarker
            session.do_videos(opened, landmarker, _DETECT_EVERY.value, cutoffs)
        if scheme and tally.photos:
            path = noted.lines_path if noted else targets.json
            written = _WRITE_ANNOTATIONS.value, path, photos, scheme
            tally.unwritten += detected.write_detected(*written)
        # Last, so that a disk that is full by now does not cost what was found.
        session.finish()
    if _WRITE_ANNOTATIONS.value and not _WRITE_JSON.value:
        Path(targets.json).unlink(missing_ok=True)

    has_failures = tally.print_failures(len(unlisted), len(photos) + len(videos))
    if not tally.photos + tally.frames:
        raise InputError(
            f"{photos[0][0].parent}: expected a photo that can be read, found none of "
            f"{len(photos)}"
        )
    tally.print_found(landmarker.min_confidence)
    for output in _OUTPUTS:
        if output.value:
            print(f"Wrote {output.value}")
    return cli.PASSED_OVER if has_failures else 0


if __name__ == "__main__":
    cli.run(main, arguments="[PHOTO|FOLDER|VIDEO ...]")
