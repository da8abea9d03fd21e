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
                              scheme, points
    write_video               the drawn video
Folders of the source are kept below; a video's frames are NAME_000001 and so on.

    python detect_face_landmark.py photos --write_image_dir=drawn
"""

import collections
import contextlib
import itertools
import os
from pathlib import Path

from absl import flags

from landmark.live import results, sources
from landmark.live.video import check_video_path
from landmark.pictures import mosaic
from landmark.script import cli, common_flags
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
    _VIDEO_PATH = flags.DEFINE_string("video_path", None, "Video file.")
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
    _WRITE_VIDEO = flags.DEFINE_string(
        "write_video", None, "File for the drawn video: .mp4, .avi, .mkv or .mov."
    )
    _DISP = flags.DEFINE_boolean(
        "disp", False, "Show the drawn photos in a window; q quits, any key goes on."
    )

with cli.flag_group("Models"):
    _FACE_CHECKPOINT_DIR = flags.DEFINE_string(
        "face_checkpoint_dir",
        common_flags.DETECTOR_DIR,
        "Folder of the face detector: face_detector.tflite, or else an SSD as "
        "frozen_inference_graph.pb.",
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

with cli.flag_group("Videos"):
    _DETECT_EVERY = flags.DEFINE_integer(
        "detect_every",
        10,
        lower_bound=1,
        help="The detector looks at one frame in so many, while all faces are followed "
        "well.",
    )
    _SMOOTH = flags.DEFINE_boolean(
        "smooth", True, "Smooth the points by a one-euro filter."
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

_SOURCES = (_IMAGES, _IMAGES_DIR, _FOLDER_LIST, _VIDEO_PATH)
_FOLDERS = (_WRITE_IMAGE_DIR, _WRITE_TXT_DIR, _WRITE_PTS_DIR)
_FILES = (_WRITE_JSON, _WRITE_VIDEO)


def _check_sources(arguments):
    """Refuses more than one kind of source."""
    given = [f for f in _SOURCES if f.value is not None]
    given += [_CAMERA] if _CAMERA.present else []
    names = [f"--{flag.name}" for flag in given]
    names += ["arguments"] if arguments else []
    if len(names) > 1:
        raise UsageError(f"expected one source, found {' and '.join(names)}")
    if given and given[0] is not _CAMERA and not given[0].value:
        raise UsageError(f"expected a path as {names[0]}, found none")
    outputs = (*_FOLDERS, *_FILES)
    if not names and not (_DISP.value or any(output.value for output in outputs)):
        raise UsageError(
            "expected photos, folders or videos; or for the camera's picture "
            f"--disp or --{', --'.join(output.name for output in outputs)}; found "
            "nothing to do"
        )


def _check_outputs():
    """Refuses outputs that cannot be written."""
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
            videos = [Path(_VIDEO_PATH.value) if _VIDEO_PATH.value else _CAMERA.value]
    if _WRITE_VIDEO.value:
        if photos or folders or len(videos) > 1:
            other = "photos" if photos or folders else count(len(videos), "video")
            raise UsageError(
                f"expected one video, or the camera, for --write_video, found {other}"
            )
        check_video_path(_WRITE_VIDEO.value)
    found = sources.list_photos(photos, folders, is_one_folder, passed_over)
    if not found and not videos:
        source = _FOLDER_LIST.value or ", ".join(map(str, folders))
        raise InputError(
            f"{source}: expected photos, found {sources.describe_videos(folders)}"
        )
    return found, list(dict.fromkeys(videos))


def _refuse_overwriting(photos, videos):
    """Refuses outputs in the place of the photos, or of a video."""
    read = [photo for photo, _ in photos] + [
        v for v in videos if not isinstance(v, int)
    ]
    read += [_FOLDER_LIST.value] if _FOLDER_LIST.value else []
    targets = [output.value for output in _FILES if output.value]
    for photo, output in photos:
        suffixes = (".jpg", ".txt", photo.suffix)
        for folder, suffix in zip(_FOLDERS, suffixes, strict=True):
            if folder.value:
                targets.append(Path(folder.value, f"{output}{suffix}"))
    results.refuse_overwriting(read, targets)


def _open_landmarker():
    from landmark.library import open_landmarker

    # Where it is not asked for, a model need not tell how sure it is.
    is_asked = _MIN_LANDMARK_CONF.present
    is_framed = common_flags.EXTEND.present or common_flags.EXTEND_RATIO.present
    models = _LANDMARK_CHECKPOINT_PATH.value
    if Path(",".join(models)).exists():  # A comma may be of its name.
        models = [",".join(models)]
    return open_landmarker(
        models,
        _FACE_CHECKPOINT_DIR.value,
        min_score=common_flags.MIN_CONF.value,
        min_confidence=_MIN_LANDMARK_CONF.value if is_asked else None,
        # Else the model says it.
        extend_ratio=common_flags.crop_extension() if is_framed else None,
        detector_input_size=common_flags.DETECTOR_INPUT_SIZE.value,
    )


def _find_in_photos(landmarker, photos, unreadable):
    """Yields (shot, faces) of each photo."""
    for shot in sources.read_photos(photos, unreadable):
        yield shot, landmarker.find_faces(shot.image)


def _find_in_video(landmarker, source, stem):
    """Yields (shot, faces) of each frame of an open video."""
    from landmark.live.tracking import FaceTracker

    smoothing = (_SMOOTH_MIN_CUTOFF.value, _SMOOTH_BETA.value)
    tracker = FaceTracker(
        landmarker, _DETECT_EVERY.value, smoothing if _SMOOTH.value else None
    )
    for shot in source.read_frames(stem):
        before = tracker.dropped
        faces = tracker.follow(shot.image, shot.seconds)
        landmarker.dropped += tracker.dropped - before
        yield shot, faces


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
    outputs += [window] if window else []
    outputs = outputs or [results.PrintedFaces()]
    for output in outputs:
        stack.callback(output.close)
    return outputs, window


def _write(outputs, shot, faces, unwritten):
    """Gives a shot to all outputs; adds what cannot be written of it to a list."""
    for output in outputs:
        try:
            output.write(shot, faces)
        except InputError as error:
            if shot.photo is None:  # A video's other frames would fail, too.
                raise
            unwritten.append(str(error))


def _report(landmarker, num_photos, num_frames, num_faces):
    """Prints what was found, how fast, and where it was written."""
    shots = [count(num_photos, "photo")] if num_photos else []
    shots += [count(num_frames, "frame")] if num_frames else []
    detector_ms, landmark_ms = 1000 * landmarker.seconds / (num_photos + num_frames)
    print(
        f"{count(num_faces, 'face')} in {' and '.join(shots)}; "
        f"detector {detector_ms:.1f} ms, landmarks {landmark_ms:.1f} ms each"
    )
    if landmarker.dropped:
        print(
            f"{count(landmarker.dropped, 'more face')} dropped for a confidence of "
            f"less than {landmarker.min_confidence} (--min_landmark_conf)"
        )
    for output in (*_FOLDERS, *_FILES):
        if output.value:
            print(f"Wrote {output.value}")


def _report_passed_over(unlisted, unreadable, num_read):
    """Names and counts what was passed over; returns the exit status.

    Args:
        unlisted: sentences, of which the user was warned.
        unreadable: sentences.
        num_read: number of photos and videos, those that are unreadable among them.
    """
    for sentence in unreadable:
        print(f"skipped {sentence}")
    number = len(unlisted) + len(unreadable)
    if not number:
        return 0
    inputs = count(num_read + len(unlisted), "input")
    print(f"{number} of {inputs} {'was' if number == 1 else 'were'} passed over")
    return cli.PASSED_OVER


def main(argv):
    _check_sources(argv[1:])
    _check_outputs()
    unlisted, unreadable = [], []
    photos, videos = _list_sources(argv[1:], unlisted)
    _refuse_overwriting(photos, videos)
    opened = sources.open_videos(videos, unreadable)
    if not photos and not opened:
        raise InputError("; ".join(unreadable))
    sources.refuse_frame_names(photos, opened)
    landmarker = _open_landmarker()
    found = itertools.chain(
        _find_in_photos(landmarker, photos, unreadable),
        *(_find_in_video(landmarker, video, stem) for stem, video in opened.items()),
    )
    counts, unwritten = collections.Counter(), []
    with contextlib.ExitStack() as stack:
        rate = next(iter(opened.values())).rate if opened else None
        outputs, window = _open_outputs(stack, rate)
        for shot, faces in found:
            counts["frames" if shot.frame else "photos"] += 1
            counts["faces"] += len(faces)
            _write(outputs, shot, faces, unwritten)
            if window and window.wants_to_quit:
                break

    num_read = len(photos) + len(videos)
    status = _report_passed_over(unlisted, unreadable, num_read)
    for sentence in unwritten:
        print(f"not written {sentence}")
    if unwritten:
        print(f"{count(len(unwritten), 'output')} not written")
        status = cli.PASSED_OVER
    if not counts["photos"] + counts["frames"]:
        raise InputError(
            f"{photos[0][0].parent}: expected a photo that can be read, found none of "
            f"{len(photos)}"
        )
    _report(landmarker, counts["photos"], counts["frames"], counts["faces"])
    return status


if __name__ == "__main__":
    cli.run(main, arguments="[PHOTO|FOLDER|VIDEO ...]")
