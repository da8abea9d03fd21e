r"""Finds faces and their 68 points in photos, a video, or the camera's picture.

Reads: --images, --images_dir (recursively), --folder_list, --video_path, or the camera.
Writes, as asked for:
    write_image_dir/NAME.jpg  the photo with all that was found drawn
    write_txt_dir/NAME.txt    the photo's name; the number of faces; then for each face
                              "left top right bottom score" and a line of 136 numbers
                              x0 y0 x1 y1 ..., all in image pixels from 0
    write_pts_dir/NAME.pts    the points of a face, beside a copy of its photo, to be
                              corrected and trained on; NAME@1.pts ... where there are
                              several faces
    write_json                a line of JSON for each face: name, output (as NAME here),
                              frame, seconds, track, box, score, landmark_confidence,
                              points
    write_video               the drawn video
Folders of the source are kept below; a video's frames are NAME_000001 and so on.

    python detect_face_landmark.py --images_dir=photos --write_image_dir=drawn
"""

import collections
import contextlib
import math
from pathlib import Path

from absl import app, flags

from landmark.files import disk
from landmark.files.patches import book_name
from landmark.files.photos import IMAGE_SUFFIXES, read_image
from landmark.live import results, video
from landmark.pictures import mosaic
from landmark.script import cli, common_flags
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr

_FACE_CHECKPOINT_DIR = flags.DEFINE_string(
    "face_checkpoint_dir",
    common_flags.DETECTOR_DIR,
    "Folder of the face detector: face_detector.tflite, or else an SSD as "
    "frozen_inference_graph.pb.",
)
_LANDMARK_CHECKPOINT_PATH = flags.DEFINE_string(
    "landmark_checkpoint_path",
    common_flags.LANDMARK_MODEL,
    "A .tflite, a checkpoint (model.ckpt-1000), or a folder, for its newest one.",
)

_IMAGES = flags.DEFINE_list("images", None, "Photos.")
_IMAGES_DIR = flags.DEFINE_string("images_dir", None, "Folder of photos.")
_FOLDER_LIST = flags.DEFINE_string(
    "folder_list", None, "Text file with the path of a folder of photos on each line."
)
_VIDEO_PATH = flags.DEFINE_string("video_path", None, "Video file.")
_CAMERA = flags.DEFINE_integer(
    "camera",
    0,
    lower_bound=0,
    help="Number of the camera, where no other source is given.",
)

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
_WRITE_VIDEO = flags.DEFINE_string(
    "write_video", None, "File for the drawn video: .mp4, .avi, .mkv or .mov."
)
_DISP = flags.DEFINE_boolean(
    "disp", False, "Show the drawn photos in a window; q quits, any key goes on."
)

_MIN_LANDMARK_CONF = flags.DEFINE_float(
    "min_landmark_conf",
    0.3,
    lower_bound=0.0,
    upper_bound=1.0,
    help="Drop faces whose points are less sure: 0.3 drops what is no face, 0.7 also "
    "the tenth of the faces whose points are the worst. Models of a network that does "
    "not tell drop none.",
)
_DETECT_EVERY = flags.DEFINE_integer(
    "detect_every",
    10,
    lower_bound=1,
    help="In a video the detector looks at one frame in so many, while all faces are "
    "followed well.",
)
_SMOOTH = flags.DEFINE_boolean(
    "smooth", True, "Smooth the points of a video by a one-euro filter."
)
_SMOOTH_MIN_CUTOFF = flags.DEFINE_float(
    "smooth_min_cutoff",
    1.0,
    lower_bound=0.01,
    help="Cutoff of the filter at rest, in hertz; smaller trembles less.",
)
_SMOOTH_BETA = flags.DEFINE_float(
    "smooth_beta",
    20.0,
    lower_bound=0.0,
    help="By how many hertz the cutoff rises when a point moves by the size of the "
    "face in a second; larger lags less.",
)
flags.adopt_module_key_flags(common_flags)

_PHOTO_SOURCES = (_IMAGES, _IMAGES_DIR, _FOLDER_LIST)
_FOLDERS = (_WRITE_IMAGE_DIR, _WRITE_TXT_DIR, _WRITE_PTS_DIR)
_FILES = (_WRITE_JSON, _WRITE_VIDEO)


def _check_flags():
    """Refuses what cannot work, before anything slow is loaded; returns is_video."""
    sources = [f for f in (*_PHOTO_SOURCES, _VIDEO_PATH) if f.value is not None]
    if sources and _CAMERA.present:
        sources.append(_CAMERA)
    if len(sources) > 1:
        names = " and --".join(source.name for source in sources)
        raise app.UsageError(f"expected one source, found --{names}")
    if sources and not sources[0].value:
        raise app.UsageError(f"expected a path as --{sources[0].name}, found none")
    outputs = (*_FOLDERS, *_FILES)
    if not (_DISP.value or any(output.value for output in outputs)):
        raise app.UsageError(
            f"expected --{', --'.join(output.name for output in outputs)} or --disp, "
            "found nothing to do"
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
        Path(flag.value).resolve() if flag.value else None
        for flag in (_WRITE_IMAGE_DIR, _WRITE_PTS_DIR)
    )
    if drawn and drawn == annotated:
        raise app.UsageError(
            "expected two folders as --write_image_dir and --write_pts_dir, found "
            f"{drawn}: the drawn photos would pass for those of the .pts"
        )
    is_video = not sources or sources[0] is _VIDEO_PATH
    if _WRITE_VIDEO.value:
        if not is_video:
            raise app.UsageError(
                "expected a video or camera for --write_video, found photos"
            )
        video.check_video_path(_WRITE_VIDEO.value)
    if _DISP.value:
        mosaic.require_display()
    return is_video


def _list_folders():
    """Returns folder of photos -> Path below an output folder."""
    if _IMAGES_DIR.value:
        return {Path(_IMAGES_DIR.value): Path()}
    lines = disk.read_text(_FOLDER_LIST.value).splitlines()
    folders = {}
    for path in dict.fromkeys(Path(line.strip()) for line in lines if line.strip()):
        # Folders of one name get numbers, so that their files do not collide.
        name = below = path.resolve().name
        number = 1
        while Path(below) in folders.values():
            number += 1
            below = f"{name}-{number}"
        folders[path] = Path(below)
    return folders


def _list_photos():
    """Returns (photo, output path without suffix below an output folder) pairs."""
    if _IMAGES.value:
        photos_by_name = {}
        for path in map(disk.require_file, _IMAGES.value):
            book_name(path.name, str(path.resolve()), photos_by_name)
        found = [(Path(photo), Path(name)) for name, photo in photos_by_name.items()]
    else:
        found = [
            (photo, below / photo.relative_to(folder))
            for folder, below in _list_folders().items()
            for photo in disk.list_files(folder, IMAGE_SUFFIXES)
        ]
    if not found:
        source = _IMAGES_DIR.value or _FOLDER_LIST.value
        raise InputError(f"{source}: expected photos, found none")
    stems = collections.Counter(output.with_suffix("") for _, output in found)
    # a.jpg beside a.png: both keep their suffix.
    return [
        (
            photo,
            output.with_suffix("") if stems[output.with_suffix("")] == 1 else output,
        )
        for photo, output in found
    ]


def _refuse_overwriting(photos):
    """Refuses outputs in the place of the photos, or of the video."""
    sources = [photo for photo, _ in photos]
    sources += [path for path in (_VIDEO_PATH.value, _FOLDER_LIST.value) if path]
    targets = [output.value for output in _FILES if output.value]
    for photo, output in photos:
        for folder, suffix in zip(
            _FOLDERS, (".jpg", ".txt", photo.suffix), strict=True
        ):
            if folder.value:
                targets.append(Path(folder.value, f"{output}{suffix}"))
    results.refuse_overwriting(sources, targets)


def _read_photos(photos, unreadable):
    """Yields the Shot of each photo; notes the unreadable ones."""
    for photo, output in progress_bar(photos, desc="detecting", unit="photo"):
        try:
            yield results.Shot(photo.name, output, read_image(photo), photo)
        except InputError as error:
            unreadable.append(str(error))


def _read_frames(name, opened):
    """Yields the Shot of each frame of an open video."""
    total = opened.count or None
    frames = progress_bar(opened.frames, desc="detecting", unit="frame", total=total)
    for number, (seconds, image) in enumerate(frames, start=1):
        output = Path(f"{Path(name).stem}_{number:06d}")
        yield results.Shot(name, output, image, frame=number, seconds=seconds)


def _load_landmarker():
    from landmark.detection.choose import find_detector, open_detector
    from landmark.live.landmarker import FaceLandmarker

    detector = open_detector(
        find_detector(_FACE_CHECKPOINT_DIR.value),
        common_flags.DETECTOR_INPUT_SIZE.value,
        common_flags.MIN_CONF.value,
    )
    path = _LANDMARK_CHECKPOINT_PATH.value
    if path.endswith(".tflite"):
        from landmark.model.tflite import TfliteModel as Model
    else:
        with quiet_stderr():
            from landmark.model.checkpoint import CheckpointModel as Model
    return FaceLandmarker(detector, Model(path), common_flags.crop_extension())


def _face_finder(landmarker, is_video):
    """Returns the function Shot -> faces."""
    if not is_video:
        return lambda shot: landmarker.find_faces(shot.image)
    from landmark.live.tracking import FaceTracker

    smoothing = (_SMOOTH_MIN_CUTOFF.value, _SMOOTH_BETA.value)
    tracker = FaceTracker(
        landmarker,
        _DETECT_EVERY.value,
        smoothing if _SMOOTH.value else None,
        _MIN_LANDMARK_CONF.value,
    )
    return lambda shot: tracker.follow(shot.image, shot.seconds)


def _keep_sure(faces):
    """Drops the faces whose points are not sure enough."""
    least = _MIN_LANDMARK_CONF.value
    untold = any(math.isnan(face.confidence) for face in faces)
    if untold and _MIN_LANDMARK_CONF.present:
        raise InputError(
            f"{_LANDMARK_CHECKPOINT_PATH.value}: expected a model that tells how sure "
            "it is, for --min_landmark_conf, found one that does not"
        )
    return [face for face in faces if not face.confidence < least]


def _open_outputs(stack, rate):
    """Returns what becomes of each shot, closed with the stack; the window, if any."""
    kinds = (
        (results.DrawnImages, _WRITE_IMAGE_DIR.value),
        (results.TextFiles, _WRITE_TXT_DIR.value),
        (results.PtsFiles, _WRITE_PTS_DIR.value),
        (results.JsonLines, _WRITE_JSON.value),
    )
    outputs = [kind(path) for kind, path in kinds if path]
    if _WRITE_VIDEO.value:
        outputs.append(results.DrawnVideo(_WRITE_VIDEO.value, rate))
    window = results.Window() if _DISP.value else None
    if window:
        outputs.append(window)
    for output in outputs:
        stack.callback(output.close)
    return outputs, window


def _report(landmarker, num_images, num_faces, is_video):
    """Prints what was found, how fast, and where it was written."""
    detector_ms, landmark_ms = 1000 * landmarker.seconds / num_images
    print(
        f"{num_faces} faces in {num_images} {'frames' if is_video else 'photos'}; "
        f"detector {detector_ms:.1f} ms, landmarks {landmark_ms:.1f} ms each"
    )
    for output in (*_FOLDERS, *_FILES):
        if output.value:
            print(f"Wrote {output.value}")


def main(argv):
    cli.refuse_arguments(argv)
    is_video = _check_flags()
    unreadable, num_images, num_faces, rate = [], 0, 0, None
    photos = [] if is_video else _list_photos()
    _refuse_overwriting(photos)
    if is_video:
        source = _VIDEO_PATH.value or _CAMERA.value
        name = Path(source).name if _VIDEO_PATH.value else f"camera{source}"
        opened = video.open_video(source)
        shots, rate = _read_frames(name, opened), opened.rate
    else:
        shots = _read_photos(photos, unreadable)
    landmarker = _load_landmarker()
    find_faces = _face_finder(landmarker, is_video)
    with contextlib.ExitStack() as stack:
        outputs, window = _open_outputs(stack, rate)
        for shot in shots:
            faces = _keep_sure(find_faces(shot))
            num_images, num_faces = num_images + 1, num_faces + len(faces)
            for output in outputs:
                output.write(shot, faces)
            if window and window.wants_to_quit:
                break

    for sentence in unreadable:
        print(f"skipped {sentence}")
    if not num_images:
        raise InputError(
            f"{photos[0][0].parent}: expected a photo that can be read, found none of "
            f"{len(photos)}"
        )
    _report(landmarker, num_images, num_faces, is_video)


if __name__ == "__main__":
    cli.run(main)
