"""Detection: faces and points in photos, folders and videos."""

import cv2
import numpy as np
import pytest

from landmark import files, geometry

NAME = "detect_face_landmark"
GRAPH = "frozen_inference_graph.pb"
SHAPE = (120, 160, 3)


def make_boxes(count):
    """(ymin xmin ymax xmax, scores) of faces all over a photo, some over its border."""
    rng = np.random.default_rng(2)
    corners = rng.uniform(-0.1, 0.7, (count, 2))
    boxes = np.concatenate(
        [corners, corners + rng.uniform(0.2, 0.4, (count, 2))], axis=1
    )
    return boxes, np.linspace(0.95, 0.5, count)


def write_photo(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)
    files.write_image(path, image)


def write_video(path, num_frames):
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, 10, SHAPE[1::-1])
    for value in range(num_frames):
        writer.write(np.full(SHAPE, 40 * value, np.uint8))
    writer.release()


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
    from landmark.model import CheckpointModel

    photos, texts, _, _ = detected
    model = CheckpointModel(trained_dir)
    for photo, stem in STEMS.items():
        image = files.read_image(photos / photo)
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
        image = files.read_image(photos / photo)
        drawing = files.read_image(drawn / f"{stem}.jpg")
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
    assert done.stdout.splitlines()[-2:] == [f"Wrote {texts}", f"Wrote {drawn}"]


def test_photos_stay_as_they_were(detected):
    photos, _, _, _ = detected
    assert len(list_tree(photos)) == 8
    for seed, name in enumerate(["a.png", "b.png"]):
        image = np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)
        np.testing.assert_array_equal(files.read_image(photos / name), image)


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


def test_video_gives_a_text_a_frame(detect, tmp_path):
    write_video(tmp_path / "clip.avi", 4)
    texts = tmp_path / "texts"
    done = detect(video_path=tmp_path / "clip.avi", write_txt_dir=texts)
    assert list_tree(texts) == [f"clip_00000{index}.txt" for index in (1, 2, 3, 4)]
    for path in texts.iterdir():
        assert len(read_faces(path, "clip.avi")) == 10
    assert "40 faces in 4 frames; " in done.stdout
    assert done.stdout.splitlines()[-1] == f"Wrote {texts}"


def test_what_is_no_video(detect, tmp_path):
    (tmp_path / "clip.avi").write_text("This is a text.\n" * 100)
    texts = tmp_path / "texts"
    done = detect(video_path=tmp_path / "clip.avi", write_txt_dir=texts, status=1)
    assert "clip.avi: expected a video, found none that can be read" in done.stderr
    assert not texts.exists()


def test_tflite_finds_what_the_checkpoint_finds(detect, train_model, tmp_path):
    from landmark import export, synthetic

    def draw_samples(size):
        return synthetic.draw_patches(np.random.default_rng(0), 4, size)

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
    done = detect(write_image_dir=tmp_path / target, status=1, **flags)
    assert photo.read_bytes() == before
    assert "expected another --write_image_dir" in done.stderr


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
    assert f"{tmp_path / GRAPH}: expected a file, found none" in done.stderr


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
        (["stray"], {}, "expected only flags, found: stray"),
        (
            [],
            {"face_checkpoint_dir": None},
            "expected --face_checkpoint_dir, a folder with an SSD face detector as "
            "frozen_inference_graph.pb",
        ),
        ([], {"video_path": "clip.avi"}, "found --images_dir and --video_path"),
        ([], {"folder_list": "a.txt"}, "found --images_dir and --folder_list"),
        ([], {"write_txt_dir": None}, "expected --write_txt_dir, --write_image_dir or"),
        ([], {"landmark_checkpoint_path": None}, "--landmark_checkpoint_path"),
        ([], {"min_conf": 1.5}, "--min_conf=1.5"),
        ([], {"detector_input_size": -1}, "--detector_input_size=-1"),
        ([], {"camera": "front"}, "--camera=front"),
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
        text = run_script(script, "--help", status=1).stdout
        parts = text.split("\n  --")
        sections.append([part for part in parts if part.split(":")[0] in names])
    assert len(sections[0]) == len(names)
    assert sections[0] == sections[1]
