r"""Finds faces and their 68 points in photos, a video, or the camera's picture.

Reads: --images_dir (recursively), --folder_list, --video_path, or else the camera.
Writes:
    write_txt_dir/NAME.txt    the photo's name; the number of faces; then for each face
                              "left top right bottom score" and a line of 136 numbers
                              x0 y0 x1 y1 ..., all in image pixels from 0
    write_image_dir/NAME.jpg  the photo with all of it drawn
Folders of the source are kept below; a video's frames are NAME_000001 and so on.

    python detect_face_landmark.py --images_dir=photos --write_image_dir=drawn \
        --face_checkpoint_dir=faceboxes --landmark_checkpoint_path=landmark.float.tflite
"""

import collections
from pathlib import Path

from absl import app, flags

from landmark import cli, common_flags, files, mosaic, video
from landmark.errors import InputError
from landmark.progress import progress_bar
from landmark.quiet import quiet_stderr

_FACE_CHECKPOINT_DIR = flags.DEFINE_string(
    "face_checkpoint_dir",
    None,
    "Folder with frozen_inference_graph.pb, an SSD face detector.",
)
_LANDMARK_CHECKPOINT_PATH = flags.DEFINE_string(
    "landmark_checkpoint_path",
    None,
    "A .tflite, a checkpoint (model.ckpt-1000), or a folder, for its newest one.",
    required=True,
)
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
_WRITE_TXT_DIR = flags.DEFINE_string(
    "write_txt_dir", None, "Folder for the text files."
)
_WRITE_IMAGE_DIR = flags.DEFINE_string(
    "write_image_dir", None, "Folder for drawn photos."
)
_DISP = flags.DEFINE_boolean(
    "disp", False, "Show the drawn photos in a window; q quits, any key goes on."
)
flags.adopt_module_key_flags(common_flags)

_GRAPH_NAME = "frozen_inference_graph.pb"
_WINDOW = "landmarks (q quits)"


def _check_flags():
    """Refuses what cannot work, before anything slow is loaded."""
    sources = [f.name for f in (_IMAGES_DIR, _FOLDER_LIST, _VIDEO_PATH) if f.value]
    if len(sources) > 1:
        raise app.UsageError(f"expected one source, found --{' and --'.join(sources)}")
    if not (_DISP.value or _WRITE_TXT_DIR.value or _WRITE_IMAGE_DIR.value):
        raise app.UsageError(
            "expected --write_txt_dir, --write_image_dir or --disp, found nothing to do"
        )
    if not _FACE_CHECKPOINT_DIR.value:
        raise app.UsageError(
            "expected --face_checkpoint_dir, a folder with an SSD face detector as "
            f"{_GRAPH_NAME}, found none"
        )
    if _DISP.value:
        mosaic.require_display()


def _list_photos():
    """Returns (photo, output path without suffix below an output folder) pairs."""
    if _IMAGES_DIR.value:
        folders = {Path(_IMAGES_DIR.value): Path()}
    else:
        lines = files.read_text(_FOLDER_LIST.value).splitlines()
        folders = {}
        for path in dict.fromkeys(Path(line.strip()) for line in lines if line.strip()):
            # Folders of one name get numbers, so that their files do not collide.
            name = below = path.resolve().name
            number = 1
            while Path(below) in folders.values():
                number += 1
                below = f"{name}-{number}"
            folders[path] = Path(below)
    photos = []
    for folder, below in folders.items():
        found = files.list_files(folder, files.IMAGE_SUFFIXES)
        stems = collections.Counter(photo.with_suffix("") for photo in found)
        for photo in found:
            output = below / photo.relative_to(folder)
            # a.jpg beside a.png: both keep their suffix.
            alone = stems[photo.with_suffix("")] == 1
            photos.append((photo, output.with_suffix("") if alone else output))
    if not photos:
        source = _IMAGES_DIR.value or _FOLDER_LIST.value
        raise InputError(f"{source}: expected photos, found none")
    if _WRITE_IMAGE_DIR.value:
        originals = {photo.resolve() for photo, _ in photos}
        for _, output in photos:
            drawn = Path(_WRITE_IMAGE_DIR.value, f"{output}.jpg").resolve()
            if drawn in originals:
                raise InputError(
                    f"{drawn}: expected another --write_image_dir, found this photo, "
                    "which would be overwritten"
                )
    return photos


def _read_photos(photos, unreadable):
    """Yields (name, output path, image) of each photo; notes the unreadable ones."""
    for photo, output in progress_bar(photos, desc="detecting", unit="photo"):
        try:
            yield photo.name, output, files.read_image(photo)
        except InputError as error:
            unreadable.append(str(error))


def _read_frames():
    """Yields (name, output path, image) of each frame of the video or camera."""
    source = _VIDEO_PATH.value or _CAMERA.value
    name = f"camera{source}" if isinstance(source, int) else Path(source).name
    count, frames = video.open_video(source)
    frames = progress_bar(frames, desc="detecting", unit="frame", total=count or None)
    for index, image in enumerate(frames, start=1):
        yield name, Path(f"{Path(name).stem}_{index:06d}"), image


def _load_landmarker():
    model_path = _LANDMARK_CHECKPOINT_PATH.value
    graph_path = files.require_file(Path(_FACE_CHECKPOINT_DIR.value, _GRAPH_NAME))
    with quiet_stderr():
        from landmark.detector import FaceDetector
        from landmark.landmarker import FaceLandmarker
        from landmark.model import CheckpointModel
        from landmark.tflite import TfliteModel

    detector = FaceDetector(
        graph_path, common_flags.DETECTOR_INPUT_SIZE.value, common_flags.MIN_CONF.value
    )
    kind = TfliteModel if model_path.endswith(".tflite") else CheckpointModel
    return FaceLandmarker(detector, kind(model_path), common_flags.crop_extension())


def _output_path(folder, output, suffix):
    path = Path(folder, f"{output}{suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _show(image, is_video):
    """Shows a drawn image; returns whether the user wants to quit."""
    return mosaic.show_image(_WINDOW, image, 1 if is_video else 0) == "q"


def main(argv):
    cli.refuse_arguments(argv)
    _check_flags()
    is_video = not (_IMAGES_DIR.value or _FOLDER_LIST.value)
    unreadable, num_images, num_faces = [], 0, 0
    images = _read_frames() if is_video else _read_photos(_list_photos(), unreadable)
    landmarker = _load_landmarker()
    for name, output, image in images:
        faces = landmarker.find_faces(image)
        num_images, num_faces = num_images + 1, num_faces + len(faces)
        if _WRITE_TXT_DIR.value:
            path = _output_path(_WRITE_TXT_DIR.value, output, ".txt")
            files.write_faces(path, name, faces)
        for face in faces:
            mosaic.draw_face(image, *face)
        if _WRITE_IMAGE_DIR.value:
            path = _output_path(_WRITE_IMAGE_DIR.value, output, ".jpg")
            files.write_image(path, image)
        if _DISP.value and _show(image, is_video):
            break

    for sentence in unreadable:
        print(f"skipped {sentence}")
    if not num_images:
        raise InputError("expected a photo that can be read, found none")
    detector_ms, landmark_ms = 1000 * landmarker.seconds / num_images
    print(
        f"{num_faces} faces in {num_images} {'frames' if is_video else 'photos'}; "
        f"detector {detector_ms:.1f} ms, landmarks {landmark_ms:.1f} ms each"
    )
    for folder in filter(None, (_WRITE_TXT_DIR.value, _WRITE_IMAGE_DIR.value)):
        print(f"Wrote {folder}")


if __name__ == "__main__":
    cli.run(main)
