"""Detection: faces and points in photos, folders and videos."""

import csv
import json
import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import PROJECT

from landmark.face import geometry, metrics
from landmark.face.scheme import find_scheme
from landmark.files.photos import read_image, write_image
from landmark.files.pts import read_pts
from landmark.live import video
from landmark.model import metadata
from landmark.synthetic.faces import draw_face, draw_patches

NAME = "detect_face_landmark"
GRAPH = "frozen_inference_graph.pb"
SHAPE = (480, 640, 3)


def make_boxes(count):
    """(ymin xmin ymax xmax, scores) of faces all over a photo, some over its border.

    They are of 12 at most, apart from each other: none is taken for another.
    """
    rng = np.random.default_rng(2)
    rows, columns = np.divmod(rng.permutation(12)[:count], 4)
    corners = np.stack([rows * 0.4, columns * 0.3], axis=-1) - 0.1
    corners += rng.uniform(0, 0.03, corners.shape)
    sizes = rng.uniform((0.25, 0.2), (0.35, 0.27), corners.shape)
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    return boxes, np.linspace(0.95, 0.5, count)


def make_photo(seed):
    """Noise with little green, in which drawn points and lines stand out."""
    image = np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)
    image[..., 1] //= 4
    return image


def write_photo(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, make_photo(seed))


def write_face(path, size=160):
    """Writes a photo of a face in the middle; returns what a detector says of it.

    The second of its two boxes, (ymin xmin ymax xmax), holds no face.
    """
    image, points_image = draw_face(np.random.default_rng([7, 1]), size)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image)
    height, width = image.shape[:2]
    x0, y0, x1, y1 = geometry.face_box_from_points(points_image) + 0.5
    box = y0 / height, x0 / width, y1 / height, x1 / width
    return np.array([box, (0.0, 0.75, 0.2, 1.0)]), np.array([0.9, 0.8])


def read_faces(path, name):
    """[((5,) box and score, (68, 2) points)] of a text file, its format checked."""
    text = path.read_text()
    assert text.endswith("\n")
    first, count, *lines = text[:-1].split("\n")
    assert first == name
    assert len(lines) == 2 * int(count)
    faces = []
    for box_line, points_line in zip(lines[::2], lines[1::2], strict=True):
        box, points = box_line.split(" "), points_line.split(" ")
        assert (len(box), len(points)) == (5, 136)
        assert all(len(word.partition(".")[2]) == 3 for word in box + points)
        faces.append((np.float64(box), np.float64(points).reshape(68, 2)))
    return faces


def list_tree(folder):
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )


@pytest.fixture(scope="module")
def detector_dir(tmp_path_factory, write_detector_graph):
    """Folder with a detector that always finds the same ten faces."""
    folder = tmp_path_factory.mktemp("detector")
    write_detector_graph(folder / GRAPH, *make_boxes(10))
    return folder


@pytest.fixture
def detect(run_script, trained_dir, detector_dir):
    """Runs the script with detector and model; returns the finished process."""

    def run(*words, status=0, **flags):
        defaults = dict(
            face_checkpoint_dir=detector_dir, landmark_checkpoint_path=trained_dir
        )
        done = run_script(NAME, *words, status=status, **(defaults | flags))
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def detected(run_script, trained_dir, detector_dir, tmp_path_factory):
    """A tree of photos, detected: (photos, texts, drawings, finished process)."""
    root = tmp_path_factory.mktemp("detected")
    photos, texts, drawn = (root / name for name in ("photos", "texts", "drawn"))
    for seed, name in enumerate(
        ["a.png", "b.png", "b.bmp", "sub.1/a.png", "sub.1/deep/c.d.png"]
    ):
        write_photo(photos / name, seed)
    write_photo(photos / "half.jpg")
    half = (photos / "half.jpg").read_bytes()
    (photos / "half.jpg").write_bytes(half[: len(half) // 2])
    (photos / "text.png").write_text("This is a text.\n")
    (photos / "notes.txt").write_text("Not a photo.\n")
    done = run_script(
        NAME,
        images_dir=photos,
        write_txt_dir=texts,
        write_image_dir=drawn,
        face_checkpoint_dir=detector_dir,
        landmark_checkpoint_path=trained_dir,
        status=3,
    )
    return photos, texts, drawn, done


# Where each photo's results go: beside each other, b.png and b.bmp keep their suffix.
STEMS = {
    "a.png": "a",
    "b.bmp": "b.bmp",
    "b.png": "b.png",
    "sub.1/a.png": "sub.1/a",
    "sub.1/deep/c.d.png": "sub.1/deep/c.d",
}


def test_every_photo_has_its_own_output(detected):
    _, texts, drawn, _ = detected
    assert list_tree(texts) == sorted(f"{stem}.txt" for stem in STEMS.values())
    assert list_tree(drawn) == sorted(f"{stem}.jpg" for stem in STEMS.values())


def test_all_faces_are_found(detected):
    _, texts, _, done = detected
    boxes, scores = make_boxes(10)
    height, width, _ = SHAPE
    edges = boxes[:, [1, 0, 3, 2]] * (width, height, width, height) - 0.5
    for photo, stem in STEMS.items():
        faces = read_faces(texts / f"{stem}.txt", photo.rpartition("/")[2])
        found = np.stack([box for box, _ in faces])
        np.testing.assert_allclose(found, np.c_[edges, scores], atol=0.0011)
    assert "50 faces in 5 photos; " in done.stdout


# Trap: pixels or crops are prepared in another way than in training.
def test_points_are_the_models_on_the_crops_of_extraction(detected, trained_dir):
    from landmark.model.checkpoint import CheckpointModel

    photos, texts, _, _ = detected
    model = CheckpointModel(trained_dir)
    for photo, stem in STEMS.items():
        image = read_image(photos / photo)
        for box, points_image in read_faces(
            texts / f"{stem}.txt", photo.rpartition("/")[2]
        ):
            square = geometry.square_from_box(box[:4], 0.1)
            patch = geometry.resize_patch(
                geometry.crop_image(image, square), model.input_size
            )
            expected = geometry.from_crop(model.predict(patch[None])[0], square)
            np.testing.assert_allclose(points_image, expected, atol=0.002)
    model.close()


def count_green(image):
    """How many pixels are as green as drawn points and lines."""
    return ((image[..., 1] > 180) & (image[..., [0, 2]].max(axis=2) < 80)).sum()


def test_drawings_are_photos_with_something_drawn(detected):
    photos, _, drawn, _ = detected
    for photo, stem in STEMS.items():
        image = read_image(photos / photo)
        drawing = read_image(drawn / f"{stem}.jpg")
        assert drawing.shape == image.shape
        assert count_green(drawing) > count_green(image) + 50


def test_other_photos_go_on_and_broken_ones_are_named(detected):
    photos, _, _, done = detected
    for name in ("half.jpg", "text.png"):
        assert (
            f"skipped {photos / name}: expected a whole picture, found" in done.stdout
        )
    assert "Traceback" not in done.stderr


def test_last_lines_say_what_was_written(detected):
    _, texts, drawn, done = detected
    assert done.stdout.splitlines()[-2:] == [f"Wrote {drawn}", f"Wrote {texts}"]


def test_photos_stay_as_they_were(detected):
    photos, _, _, _ = detected
    assert len(list_tree(photos)) == 8
    for seed, name in enumerate(["a.png", "b.png"]):
        np.testing.assert_array_equal(read_image(photos / name), make_photo(seed))


# Trap: same base names in two folders overwrote each other.
def test_folder_list(detect, tmp_path):
    folders = ["x/a", "y/a", "z/a-2", "b"]
    for seed, folder in enumerate(folders):
        write_photo(tmp_path / folder / "photo.png", seed)
    listed = tmp_path / "folders.txt"
    paths = [str(tmp_path / folder) for folder in [*folders, "b"]]
    listed.write_text("\r\n".join(["", *paths, ""]))
    # A threshold that some of the ten faces miss.
    flags = dict(write_txt_dir=tmp_path / "texts", min_conf=0.72)
    done = detect(folder_list=listed, **flags)
    names = list_tree(tmp_path / "texts")
    assert len(names) == 4
    assert {"a/photo.txt", "b/photo.txt"} < set(names)
    for name in names:
        # Trap: a hard-coded 0.5 that masks min_conf.
        assert len(read_faces(tmp_path / "texts" / name, "photo.png")) == 5
    assert "20 faces in 4 photos" in done.stdout


def test_photos_by_name(detect, tmp_path):
    names = ["x/a.png", "x/b.png", "y/b.bmp", "y/it's c.png"]
    for seed, name in enumerate(names):
        write_photo(tmp_path / name, seed)
    listed = ",".join(str(tmp_path / name) for name in names)
    texts = tmp_path / "texts"
    done = detect(images=listed, write_txt_dir=texts)
    assert list_tree(texts) == ["a.txt", "b.bmp.txt", "b.png.txt", "it's c.txt"]
    for path in texts.iterdir():
        name = path.stem if path.stem.startswith("b") else f"{path.stem}.png"
        assert len(read_faces(path, name)) == 10
    assert "40 faces in 4 photos; " in done.stdout


# Trap: same base names in two folders overwrote each other.
def test_photos_of_one_name(detect, tmp_path):
    for seed, name in enumerate(["x/a.png", "y/a.png"]):
        write_photo(tmp_path / name, seed)
    listed = f"{tmp_path / 'x' / 'a.png'},{tmp_path / 'y' / 'a.png'}"
    detect(images=listed, write_txt_dir=tmp_path / "texts")
    assert len(list_tree(tmp_path / "texts")) == 2


def test_photos_folders_and_videos_as_arguments(detect, tmp_path):
    for seed, name in enumerate(["a,b.png", "f/a.png", "f/deep/c.png"]):
        write_photo(tmp_path / name, seed)
    writer = video.VideoWriter(tmp_path / "clip.avi", 20)
    for _ in range(2):
        writer.write(np.zeros(SHAPE, np.uint8))
    writer.close()
    paths = [tmp_path / name for name in ("a,b.png", "f", "clip.avi")]
    done = detect(*paths, write_txt_dir=tmp_path / "texts")
    assert list_tree(tmp_path / "texts") == [
        *("a,b.txt", "clip_000001.txt", "clip_000002.txt"),
        *("f/a.txt", "f/deep/c.txt"),
    ]
    assert "50 faces in 3 photos and 2 frames; " in done.stdout
    done = detect(tmp_path / "f", write_txt_dir=tmp_path / "others")
    assert list_tree(tmp_path / "others") == ["a.txt", "deep/c.txt"]


def test_what_is_found_is_printed_where_nothing_is_written(detect, tmp_path):
    write_photo(tmp_path / "photos" / "a.png")
    before = list_tree(tmp_path)
    done = detect(tmp_path / "photos", min_conf=0.92)
    boxes, scores = make_boxes(10)
    height, width, _ = SHAPE
    y0, x0, y1, x1 = boxes[0] * (height, width, height, width) - 0.5
    assert done.stdout.splitlines()[:-1] == [
        f"{tmp_path / 'photos' / 'a.png'}: 1 face",
        f"  box {x0:.0f} {y0:.0f} {x1:.0f} {y1:.0f}, score {scores[0]:.2f}",
    ]
    assert list_tree(tmp_path) == before


def test_missing_photo_is_named(detect, tmp_path):
    write_photo(tmp_path / "a.png")
    listed = f"{tmp_path / 'a.png'},{tmp_path / 'gone.png'}"
    done = detect(images=listed, write_txt_dir=tmp_path / "texts", status=1)
    assert f"{tmp_path / 'gone.png'}: expected a photo, folder or video" in done.stderr
    assert not (tmp_path / "texts").exists()


def test_pts_and_json_of_photos(detect, tmp_path):
    photos, texts, pts = (tmp_path / name for name in ("photos", "texts", "pts"))
    for seed, name in enumerate(["a.png", "sub/b.png"]):
        write_photo(photos / name, seed)
    found = tmp_path / "new" / "found.jsonl"
    flags = dict(images_dir=photos, min_conf=0.72)
    detect(write_txt_dir=texts, write_pts_dir=pts, write_json=found, **flags)
    stems = [f"{stem}@{number}" for stem in ("a", "sub/b") for number in range(1, 6)]
    assert list_tree(pts) == sorted(f"{s}{end}" for s in stems for end in EXTRACTED)
    lines = [json.loads(line) for line in found.read_text().splitlines()]
    assert [line["name"] for line in lines] == ["a.png"] * 5 + ["b.png"] * 5
    by_text = read_faces(texts / "a.txt", "a.png")
    by_text += read_faces(texts / "sub" / "b.txt", "b.png")
    for stem, line, (box, points) in zip(stems, lines, by_text, strict=True):
        np.testing.assert_allclose([*line["box"], line["score"]], box, atol=0.0061)
        np.testing.assert_allclose(line["points"], points, atol=0.0061)
        assert line["frame"] is line["track"] is line["landmark_confidence"] is None
        read = read_pts(pts / f"{stem}.pts")
        np.testing.assert_allclose(read, points, atol=0.00051)
        photo = photos / f"{stem.rpartition('@')[0]}.png"
        assert (pts / f"{stem}.png").read_bytes() == photo.read_bytes()


def test_photos_in_formats_of_others(detect, tmp_path):
    for seed, name in enumerate(["a.png", "sub/b.png"]):
        write_photo(tmp_path / "photos" / name, seed)
    flags = dict(images_dir=tmp_path / "photos", min_conf=0.72)
    found = tmp_path / "found.jsonl"
    done = detect(
        write_json=found, write_annotations=tmp_path / "out" / "a.csv", **flags
    )
    assert done.stdout.endswith(f"Wrote {found}\nWrote {tmp_path / 'out' / 'a.csv'}\n")
    lines = [json.loads(line) for line in found.read_text().splitlines()]
    with (tmp_path / "out" / "a.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["photo"] for row in rows] == [
        *["../photos/a.png"] * 5,
        *["../photos/sub/b.png"] * 5,
    ]
    for line, row in zip(lines, rows, strict=True):
        _, *numbers = row.values()
        told = [*line["box"], *np.ravel(line["points"])]
        np.testing.assert_array_equal([float(n) for n in numbers], told)
    # Without lines of JSON, none stay.
    detect(write_annotations=tmp_path / "out" / "a.xml", **flags)
    detect(write_annotations=tmp_path / "out" / "a.json", **flags)
    assert list_tree(tmp_path / "out") == ["a.csv", "a.json", "a.xml"]
    assert (tmp_path / "out" / "a.xml").read_text().count("<part ") == 10 * 68
    told = json.loads((tmp_path / "out" / "a.json").read_text())
    assert len(told["annotations"]) == 10
    assert told["images"][0]["width"] == SHAPE[1]


def test_kinds_of_photos_that_are_not_read_are_told(detect, tmp_path):
    write_photo(tmp_path / "a.png")
    (tmp_path / "b.NEF").touch()
    done = detect(images_dir=tmp_path, status=3)
    told = f"warning: 1 file of .nef not read, as {tmp_path}/b.NEF; save them as .jpg"
    assert told in done.stderr
    assert "1 of 2 inputs was passed over" in done.stdout


EXTRACTED = (".png", ".pts")  # What extraction reads of a face.


# Videos. The pretrained model knows a face; the detector's second box holds none.
TELLING_MODEL = PROJECT / "pretrained" / "landmark_56"
NUM_FRAMES, STEP = 12, np.array([4, 2])  # Pixels that the face moves in a frame.


@pytest.fixture(scope="module")
def filmed(run_script, write_detector_graph, tmp_path_factory):
    """A face that moves, followed: (folder of all outputs, its points, process).

    The detector finds it where it is in the first frame, and is not asked again.
    """
    folder = tmp_path_factory.mktemp("filmed")
    boxes, scores = write_face(folder / "face.png")
    image, points_image = draw_face(np.random.default_rng([7, 1]), 160)
    writer = video.VideoWriter(folder / "clip.avi", 20)
    for index in range(NUM_FRAMES):
        shift = np.column_stack([np.eye(2), index * STEP])
        writer.write(cv2.warpAffine(image, shift, (240, 200)))
    writer.close()
    # The film is larger than the photo.
    larger = np.array((200, 240, 200, 240)) / image.shape[0]
    write_detector_graph(folder / GRAPH, boxes / larger, scores)
    done = run_script(
        NAME,
        video_path=folder / "clip.avi",
        face_checkpoint_dir=folder,
        landmark_checkpoint_path=TELLING_MODEL,
        detect_every=100,
        smooth=False,
        write_image_dir=folder / "drawn",
        write_txt_dir=folder / "texts",
        write_pts_dir=folder / "pts",
        write_json=folder / "found.jsonl",
        write_video=folder / "drawn.mp4",
    )
    truth = [points_image + index * STEP for index in range(NUM_FRAMES)]
    return folder, np.array(truth), done


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_video_gives_an_output_of_each_kind_a_frame(filmed):
    folder, _, done = filmed
    stems = [f"clip_{number:06d}" for number in range(1, NUM_FRAMES + 1)]
    assert list_tree(folder / "texts") == [f"{stem}.txt" for stem in stems]
    assert list_tree(folder / "drawn") == [f"{stem}.jpg" for stem in stems]
    assert list_tree(folder / "pts") == [
        f"{s}{end}" for s in stems for end in EXTRACTED
    ]
    assert [line["frame"] for line in read_lines(folder / "found.jsonl")] == [
        *range(1, NUM_FRAMES + 1)
    ]
    assert "12 faces in 12 frames; " in done.stdout
    names = ("drawn", "texts", "pts", "found.jsonl", "drawn.mp4")
    written = [f"Wrote {folder / name}" for name in names]
    assert done.stdout.splitlines()[-5:] == written
    assert "Traceback" not in done.stderr


def test_face_is_followed_where_it_goes(filmed):
    folder, truth, _ = filmed
    lines = read_lines(folder / "found.jsonl")
    # What is no face had the number 2 at most.
    assert {(line["name"], line["track"]) for line in lines} == {("clip.avi", 1)}
    assert min(line["landmark_confidence"] for line in lines) > 0.5
    assert [line["seconds"] for line in lines] == [
        round(index / 20, 4) for index in range(NUM_FRAMES)
    ]
    found = np.array([line["points"] for line in lines])
    errors = np.linalg.norm(found - truth, axis=-1).mean(axis=-1)
    assert (errors / metrics.normaliser(truth)).max() < 0.06


def test_all_outputs_tell_the_same(filmed):
    folder, _, _ = filmed
    for line, path in zip(
        read_lines(folder / "found.jsonl"),
        sorted((folder / "texts").iterdir()),
        strict=True,
    ):
        ((box, points),) = read_faces(path, "clip.avi")
        np.testing.assert_allclose([*line["box"], line["score"]], box, atol=0.0061)
        np.testing.assert_allclose(line["points"], points, atol=0.0061)
        read = read_pts(folder / "pts" / f"{path.stem}.pts")
        np.testing.assert_allclose(read, points, atol=0.00051)


def test_drawn_video_is_the_drawn_frames(filmed):
    folder, _, _ = filmed
    drawn = video.open_video(folder / "drawn.mp4")
    assert (drawn.count, drawn.rate) == (NUM_FRAMES, 20)
    plain = video.open_video(folder / "clip.avi")
    for (_, image), (_, before) in zip(drawn.frames, plain.frames, strict=True):
        assert image.shape == before.shape
        assert count_green(image) > count_green(before) + 20


def test_what_was_found_can_be_extracted(filmed, run_script, tmp_path):
    folder, truth, _ = filmed
    run_script(
        "extract_landmark_training_data",
        images_dirs=folder / "pts",
        write_path=tmp_path,
        face_detector_path="",
        rotate=False,
    )
    assert len(list(tmp_path.glob("*.npts"))) == len(truth)


def test_video_is_smoothed(filmed, detect, tmp_path):
    folder, truth, _ = filmed
    flags = dict(face_checkpoint_dir=folder, landmark_checkpoint_path=TELLING_MODEL)
    flags |= dict(video_path=folder / "clip.avi", detect_every=100)
    detect(write_json=tmp_path / "found.jsonl", smooth_beta=1, **flags)
    plain, smooth = (
        np.array([line["points"] for line in read_lines(path)])
        for path in (folder / "found.jsonl", tmp_path / "found.jsonl")
    )
    np.testing.assert_array_equal(smooth[0], plain[0])
    behind = (plain - smooth).mean(axis=1)[1:]
    assert (behind > 0.5).all()  # It moves to the right and down.


def test_video_by_a_model_that_does_not_tell(detect, filmed, tmp_path):
    # The detector, asked in each frame, finds the same two boxes in all of them.
    folder, _, _ = filmed
    flags = dict(video_path=folder / "clip.avi", face_checkpoint_dir=folder)
    detect(detect_every=1, write_json=tmp_path / "found.jsonl", **flags)
    lines = read_lines(tmp_path / "found.jsonl")
    assert [line["frame"] for line in lines] == [
        *np.repeat(range(1, NUM_FRAMES + 1), 2)
    ]
    assert {line["landmark_confidence"] for line in lines} == {None}


@pytest.mark.parametrize(("min_landmark_conf", "count"), [(None, 1), (0, 2)])
def test_faces_of_unsure_points_are_dropped(
    detect, write_detector_graph, tmp_path, min_landmark_conf, count
):
    boxes, scores = write_face(tmp_path / "face.png")
    write_detector_graph(tmp_path / GRAPH, boxes, scores)
    done = detect(
        images=tmp_path / "face.png",
        face_checkpoint_dir=tmp_path,
        landmark_checkpoint_path=TELLING_MODEL,
        write_txt_dir=tmp_path,
        min_landmark_conf=min_landmark_conf,
    )
    found = read_faces(tmp_path / "face.txt", "face.png")
    assert [box[4] for box, _ in found] == [0.9, 0.8][:count]
    faces = "1 face" if count == 1 else "2 faces"
    assert f"\n{faces} in 1 photo; " in f"\n{done.stdout}"
    told = "1 more face dropped for a confidence of less than 0.3" in done.stdout
    assert told == (count == 1)


def test_model_that_does_not_tell_cannot_drop_faces(detect, trained_dir, tmp_path):
    write_photo(tmp_path / "a.png")
    flags = dict(images=tmp_path / "a.png", write_txt_dir=tmp_path / "texts")
    done = detect(min_landmark_conf=0.5, status=1, **flags)
    message = (
        f"{trained_dir}: expected a model that tells how sure it is, for a confidence "
        "of 0.5, found one that does not"
    )
    assert message in done.stderr
    assert not (tmp_path / "texts").exists()
    done = detect(min_landmark_conf=0, **flags)  # That drops none.
    assert "10 faces in 1 photo; " in done.stdout


@pytest.mark.skipif(
    not (PROJECT / "pretrained/face_ssd_128/face_detector.tflite").is_file(),
    reason="there is no pretrained face detector yet",
)
def test_defaults_find_a_face_without_tensorflow(tmp_path):
    write_face(tmp_path / "photos" / "face.png", 480)
    code = (
        "import runpy, sys, atexit; sys.argv = sys.argv[1:]; "
        "atexit.register(lambda: print('tensorflow' in sys.modules)); "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, PROJECT / f"{NAME}.py"]
    command += [f"--images_dir={tmp_path / 'photos'}"]
    command += [f"--write_image_dir={tmp_path / 'drawn'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 face in 1 photo; " in done.stdout
    assert done.stdout.splitlines()[-1] == "False"
    drawn = read_image(tmp_path / "drawn" / "face.jpg")
    plain = read_image(tmp_path / "photos" / "face.png")
    assert count_green(drawn) > count_green(plain) + 50


def test_what_is_no_video(detect, tmp_path):
    (tmp_path / "clip.avi").write_text("This is a text.\n" * 100)
    texts = tmp_path / "texts"
    done = detect(video_path=tmp_path / "clip.avi", write_txt_dir=texts, status=1)
    assert "clip.avi: expected a video, found none that can be read" in done.stderr
    assert not texts.exists()


def test_what_is_passed_over_is_named_and_counted(detect, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "photos/b.png"):
        write_photo(tmp_path / name)
    (tmp_path / "broken.png").write_text("This is a text.\n")
    (tmp_path / "broken.mp4").write_text("This is a text.\n")
    for name in ("loop.png", "photos/loop.png"):
        (tmp_path / name).symlink_to("loop.png")
    given = [tmp_path / "broken.mp4", "../" + tmp_path.name + "/a.png", "loop.png"]
    done = detect(*given, tmp_path / "broken.png", tmp_path / "photos", status=3)
    lines = done.stdout.splitlines()
    assert f"../{tmp_path.name}/a.png: 10 faces" in lines  # As it was given.
    assert lines[-5:-1] == [
        f"skipped {tmp_path / 'broken.mp4'}: expected a video, found none that can be "
        "read",
        "skipped loop.png: expected a file, found a link to nothing",
        f"skipped {tmp_path / 'broken.png'}: expected a whole picture, found: no "
        "picture in a format that can be read",
        "4 of 6 inputs were passed over",
    ]
    assert "20 faces in 2 photos; " in lines[-1]
    loop = tmp_path / "photos" / "loop.png"
    assert f"warning: {loop}: passed over: a link to itself\n" in done.stderr


def test_folder_that_cannot_be_read(detect, tmp_path):
    # Who runs the tests may be allowed to read all, but not by a path as long as this.
    write_photo(tmp_path / "a.png")
    deep = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=deep)
        above, deep = deep, os.open("d" * 250, os.O_RDONLY, dir_fd=deep)
        os.close(above)
    os.close(deep)
    done = detect(tmp_path, write_json=tmp_path / "found.jsonl", status=3)
    assert "ddd: passed over: File name too long\n" in done.stderr
    assert done.stdout.startswith("1 of 2 inputs was passed over\n10 faces in 1 photo")


def test_names_that_are_no_text(detect, tmp_path):
    folder = tmp_path / os.fsdecode(b"\xe9t\xe9")
    write_photo(folder / os.fsdecode(b"\xe9.png"))
    (folder / os.fsdecode(b"b\xe9.png")).write_text("This is a text.\n")
    (folder / os.fsdecode(b"c\xe9.avi")).write_text("This is a text.\n")
    outputs = dict(write_txt_dir="txt", write_pts_dir="pts", write_image_dir="drawn")
    outputs = {flag: folder / name for flag, name in outputs.items()}
    paths = [folder, folder / os.fsdecode(b"c\xe9.avi")]
    done = detect(*paths, write_json=folder / "found.jsonl", status=3, **outputs)
    assert "2 of 3 inputs were passed over\n10 faces in 1 photo; " in done.stdout
    assert len(read_lines(folder / "found.jsonl")) == 10


def test_folder_of_a_video(detect, tmp_path):
    (tmp_path / "clip.mp4").touch()
    done = detect(tmp_path, status=1)
    message = "expected photos, found 1 video; give videos by their own paths"
    assert f"{tmp_path}: {message}\n" in done.stderr


def test_tflite_finds_what_the_checkpoint_finds(detect, train_model, tmp_path):
    from landmark.model import export

    def draw_samples(size, scheme):
        return draw_patches(np.random.default_rng(0), 4, size)

    folder = train_model(is_color=False)
    export.export(folder, draw_samples)
    path = folder / "landmark.float.tflite"
    write_photo(tmp_path / "photos" / "a.png")
    found = []
    for model in (folder, path):
        texts = tmp_path / f"texts of {model.name}"
        flags = dict(images_dir=tmp_path / "photos", write_txt_dir=texts)
        detect(landmark_checkpoint_path=model, **flags)
        found.append(read_faces(texts / "a.txt", "a.png"))
    assert len(found[0]) == 10
    for by_checkpoint, by_tflite in zip(*found, strict=True):
        np.testing.assert_array_equal(by_checkpoint[0], by_tflite[0])
        np.testing.assert_allclose(by_checkpoint[1], by_tflite[1], atol=0.01)


@pytest.mark.parametrize("target", ["photos", "."])
def test_drawings_never_replace_the_photos(detect, tmp_path, target):
    write_photo(tmp_path / "photos" / "sub" / "a.jpg")
    photo = tmp_path / "photos" / "sub" / "a.jpg"
    before = photo.read_bytes()
    if target == ".":
        # The folder's own name stands below --write_image_dir.
        listed = tmp_path / "folders.txt"
        listed.write_text(str(tmp_path / "photos"))
        flags = {"folder_list": listed}
    else:
        flags = {"images_dir": tmp_path / "photos"}
    for flag in ("write_image_dir", "write_pts_dir"):
        done = detect(status=1, **{flag: tmp_path / target}, **flags)
        assert photo.read_bytes() == before
        message = f"{photo}: expected another place to write to, found what is read"
        assert message in done.stderr
        assert list_tree(tmp_path / "photos") == ["sub/a.jpg"]


def test_folder_list_that_is_no_text(detect, tmp_path):
    write_photo(tmp_path / "a.jpg")
    flags = dict(folder_list=tmp_path / "a.jpg", write_txt_dir=tmp_path / "texts")
    done = detect(status=1, **flags)
    assert f"{tmp_path / 'a.jpg'}: expected " in done.stderr


def test_empty_folder(detect, tmp_path):
    (tmp_path / "photos").mkdir()
    texts = tmp_path / "texts"
    done = detect(images_dir=tmp_path / "photos", write_txt_dir=texts, status=1)
    assert f"{tmp_path / 'photos'}: expected photos, found none" in done.stderr
    assert not texts.exists()


def test_missing_folder_in_the_list(detect, tmp_path):
    listed = tmp_path / "folders.txt"
    listed.write_text(f"{tmp_path / 'gone'}\n")
    flags = dict(folder_list=listed, write_txt_dir=tmp_path / "texts")
    done = detect(status=1, **flags)
    assert f"{tmp_path / 'gone'}: expected a folder, found none" in done.stderr


def test_no_photo_that_can_be_read(detect, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "text.png").write_text("This is a text.\n")
    texts = tmp_path / "texts"
    done = detect(images_dir=tmp_path / "photos", write_txt_dir=texts, status=1)
    assert "text.png: expected a whole picture, found" in done.stdout
    assert "expected a photo that can be read, found none" in done.stderr
    assert "Wrote" not in done.stdout


def test_graph_with_other_tensor_names(detect, tmp_path, detector_dir):
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3], name="photo")
        tf.constant(1.0, name="raw_boxes")
    (tmp_path / GRAPH).write_bytes(graph.as_graph_def().SerializeToString())
    write_photo(tmp_path / "photos" / "a.png")
    flags = dict(images_dir=tmp_path / "photos", face_checkpoint_dir=tmp_path)
    done = detect(write_txt_dir=tmp_path / "texts", status=1, **flags)
    assert f"{tmp_path / GRAPH}: expected an SSD graph with image_tensor" in done.stderr
    assert "found inputs and outputs photo, raw_boxes" in done.stderr


def test_missing_graph_is_named_at_once(detect, tmp_path):
    write_photo(tmp_path / "photos" / "a.jpg")
    flags = dict(images_dir=tmp_path / "photos", face_checkpoint_dir=tmp_path)
    done = detect(write_txt_dir=tmp_path / "texts", status=1, **flags)
    message = f"expected face_detector.tflite or {GRAPH}, found neither"
    assert f"{tmp_path}: {message}" in done.stderr
    assert not (tmp_path / "texts").exists()


def test_missing_model_is_named(detect, tmp_path, detector_dir):
    write_photo(tmp_path / "photos" / "a.png")
    flags = dict(images_dir=tmp_path / "photos", write_txt_dir=tmp_path / "texts")
    gone = tmp_path / "gone.tflite"
    done = detect(landmark_checkpoint_path=gone, status=1, **flags)
    assert f"{gone}: expected a file, found none" in done.stderr
    assert not (tmp_path / "texts").exists()


@pytest.mark.parametrize(
    ("words", "flags", "message"),
    [
        (["stray"], {}, "expected one source, found --images_dir and arguments"),
        (["gone.jpg"], {"images_dir": None}, "gone.jpg: expected a photo, folder or"),
        (
            ["b.jpg"],
            {"images_dir": None, "images": "a.jpg"},
            "expected one source, found --images and arguments; paths after a flag "
            "want commas: --images=a.jpg,b.jpg",
        ),
        ([], {"video_path": "clip.avi"}, "found --images_dir and --video_path"),
        ([], {"folder_list": "a.txt"}, "found --images_dir and --folder_list"),
        ([], {"images": "a.jpg"}, "expected one source, found --images and"),
        (
            [],
            {"images": "a.jpg", "folder_list": "a.txt", "video_path": "clip.avi"},
            "found --images and --images_dir and --folder_list and --video_path",
        ),
        ([], {"camera": 1}, "expected one source, found --images_dir and --camera"),
        (
            [],
            {"write_txt_dir": None, "images_dir": None},
            "expected photos, folders or videos; or for the camera's picture --disp or "
            "--write_image_dir, --write_txt_dir, --write_pts_dir, --write_json, "
            "--write_video, --write_annotations; found nothing to do",
        ),
        (
            [],
            {"write_video": "drawn.mp4"},
            "expected one video, or the camera, for --write_video, found photos",
        ),
        (
            [],
            {"images_dir": None, "video_path": "clip.avi", "write_video": "drawn.gif"},
            "drawn.gif: expected a video's name in .mp4, .avi, .mkv, .mov, found .gif",
        ),
        ([], {"images_dir": None, "camera": 97}, "camera 97: expected a video"),
        ([], {"write_annotations": "a.txt"}, "expected a file of .xml, .csv, .json"),
        (
            [],
            {"write_annotations": "a.xml", "write_json": "/dev/null"},
            "expected a file as --write_json beside --write_annotations, found",
        ),
        (
            [],
            {"min_landmark_conf": 1.5},
            "--min_landmark_conf: expected a number in the range [0.0, 1.0]",
        ),
        (
            [],
            {"detect_every": 0},
            "--detect_every: expected a positive integer, found '0'",
        ),
        (
            [],
            {"smooth_min_cutoff": 0},
            "--smooth_min_cutoff: expected a number >= 0.01",
        ),
        ([], {"crops": 2}, "--crops: expected one of 1, 3, 9, found '2'"),
        ([], {"smooth_beta": -1}, "--smooth_beta: expected a non-negative number"),
        ([], {"min_conf": 1.5}, "--min_conf: expected a number in the range"),
        (
            [],
            {"detector_input_size": -1},
            "--detector_input_size: expected a non-negative integer",
        ),
        (
            [],
            {"camera": "front"},
            "--camera: expected a non-negative integer, found 'front'",
        ),
    ],
)
def test_wrong_flags_are_refused(run_script, tmp_path, words, flags, message):
    defaults = dict(
        images_dir=tmp_path,
        write_txt_dir=tmp_path / "texts",
        face_checkpoint_dir=tmp_path,
        landmark_checkpoint_path=tmp_path,
    )
    done = run_script(NAME, *words, status=1, **(defaults | flags))
    assert message in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_crop_flags_have_the_defaults_of_extraction(run_script):
    names = ("detector_input_size", "min_conf", "extend_ratio", "[no]extend")
    sections = []
    for script in (NAME, "extract_landmark_training_data"):
        text = run_script(script, "--help").stdout
        parts = re.split(r"\n  --|\n\n", text)
        sections.append([part for part in parts if re.split("[= ]", part)[0] in names])
    assert len(sections[0]) == len(names)
    assert sorted(sections[0]) == sorted(sections[1])


# Several models, of different schemes.


def write_model(path, scheme, spread, place=0.5, extension=0.1):
    """Writes a .tflite that puts all points of a scheme in one place of the crop."""
    import tensorflow as tf

    scheme = find_scheme(scheme)

    @tf.function(input_signature=[tf.TensorSpec((1, 24, 24, 3), tf.float32)])
    def place_points(image):
        nothing = 0 * tf.reduce_mean(image)  # What does not depend on it is no model.
        outputs = {"points": tf.fill((1, scheme.num_coordinates), place) + nothing}
        if spread is not None:
            outputs["spread"] = tf.fill((1, scheme.num_points), spread) + nothing
        return outputs

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [place_points.get_concrete_function()], place_points
    )
    told = metadata.Metadata(
        scheme, extension, None, spread and metrics.SHARPEST_SPREAD
    )
    note = metadata.describe(told, 24, True)
    path.write_bytes(metadata.write_note(converter.convert(), note))
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Name -> .tflite; of five points are those that are sure."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "five": write_model(folder / "five.tflite", "five", 0.0252),
        "ibug68": write_model(folder / "ibug68.tflite", "ibug68", 0.0378, 0.25),
        "mute": write_model(folder / "mute.tflite", "ibug68", None),
    }


@pytest.mark.parametrize(
    ("names", "scheme", "confidence"),
    [
        (["ibug68"], "ibug68", 0.5),
        (["five"], "five", 0.75),
        (["ibug68", "five"], "five", 0.75),
        (["five", "ibug68"], "five", 0.75),
    ],
)
def test_faces_are_of_the_surest_model(
    detect, models, tmp_path, names, scheme, confidence
):
    write_photo(tmp_path / "photos" / "a.png")
    outputs = [tmp_path / name for name in ("texts", "drawn", "pts", "found.jsonl")]
    done = detect(
        tmp_path / "photos",
        landmark_checkpoint_path=",".join(str(models[name]) for name in names),
        write_txt_dir=outputs[0],
        write_image_dir=outputs[1],
        write_pts_dir=outputs[2],
        write_json=outputs[3],
        min_conf=0.92,  # One face.
    )
    assert "warning" not in done.stderr
    (line,) = read_lines(outputs[3])
    num_points = find_scheme(scheme).num_points
    assert line["scheme"] == scheme
    assert line["landmark_confidence"] == confidence
    assert np.shape(line["points"]) == (num_points, 2)
    *_, box, points = (outputs[0] / "a.txt").read_text().splitlines()
    words = box.split(" ")
    # Files of 68 points are what they were.
    assert words[5:] == ([] if scheme == "ibug68" else [scheme])
    assert len(points.split(" ")) == 2 * num_points
    numbers = np.float64(points.split(" ")).reshape(-1, 2)
    np.testing.assert_allclose(numbers, line["points"], atol=0.0061)
    square = geometry.square_from_box(np.float64(words[:4]), 0.1)
    place = 0.5 if scheme == "five" else 0.25
    expected = geometry.from_crop(np.full((num_points, 2), place), square)
    np.testing.assert_allclose(numbers, expected, atol=0.002)
    lines = (outputs[2] / "a.pts").read_text().splitlines()
    assert lines[1] == f"n_points: {num_points}"
    assert read_image(outputs[1] / "a.jpg").shape == SHAPE


def test_one_of_several_models_that_does_not_tell_is_refused(detect, models, tmp_path):
    write_photo(tmp_path / "photos" / "a.png")
    both = f"{models['five']},{models['mute']}"
    flags = dict(write_txt_dir=tmp_path / "texts", landmark_checkpoint_path=both)
    done = detect(tmp_path / "photos", status=1, **flags)
    assert (
        f"{models['mute']}: expected a model that tells how sure it is, as one of "
        "several models, found one that does not"
    ) in done.stderr
    assert not (tmp_path / "texts").exists()
    # Alone it need not tell.
    detect(tmp_path / "photos", **flags | {"landmark_checkpoint_path": models["mute"]})
    assert len(read_faces(tmp_path / "texts" / "a.txt", "a.png")) == 10


@pytest.mark.parametrize(
    ("flags", "is_warned"),
    [({}, False), ({"extend_ratio": 0.1}, False), ({"extend_ratio": 0.2}, True)]
    + [({"extend": False}, True)],
)
def test_crops_of_another_size_than_in_training(
    detect, models, tmp_path, flags, is_warned
):
    write_photo(tmp_path / "photos" / "a.png")
    model = models["five"]
    done = detect(tmp_path / "photos", landmark_checkpoint_path=model, **flags)
    now = flags.get("extend_ratio", 0)
    message = (
        f"warning: {model}: its crops were 0.1 larger than the detector's box in "
        f"training, and are {now:g} larger now\n"
    )
    assert (message in done.stderr) == is_warned


def test_video_of_two_models(detect, models, tmp_path):
    writer = video.VideoWriter(tmp_path / "clip.avi", 20)
    for _ in range(3):
        writer.write(np.full(SHAPE, 100, np.uint8))
    writer.close()
    both = f"{models['ibug68']},{models['five']}"
    found = tmp_path / "found.jsonl"
    flags = dict(landmark_checkpoint_path=both, min_conf=0.92, detect_every=1)
    detect(tmp_path / "clip.avi", write_json=found, **flags)
    lines = read_lines(found)
    # Points in one place have no box to be followed by.
    assert {line["frame"] for line in lines} == {1, 2, 3}
    assert {line["scheme"] for line in lines} == {"five"}
    assert {np.shape(line["points"]) for line in lines} == {(5, 2)}
