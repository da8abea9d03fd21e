"""train_face_detector.py as people run it."""

import numpy as np
import pytest

from landmark.detection.choose import find_detector, open_detector
from landmark.face import geometry
from landmark.files.photos import write_image
from landmark.synthetic.faces import draw_face

NAME = "train_face_detector"


@pytest.fixture(scope="module")
def trained(run_script, collection, tmp_path_factory):
    """(folder, what was printed) of two steps on twelve faces, and two more photos."""
    folder = tmp_path_factory.mktemp("detector")
    (folder / "without").mkdir()
    for index in range(2):
        image = np.full((60, 80, 3), 90 * index, np.uint8)
        write_image(folder / "without" / f"{index}.png", image)
    done = run_script(
        NAME,
        images_dirs=collection,
        extra_dirs=folder / "without",
        train_dir=folder / "run",
        max_number_of_steps=2,
        batch_size=2,
    )
    return folder / "run", done


def test_both_files_are_written_and_open(trained):
    folder, _ = trained
    image, points_image = draw_face(np.random.default_rng(0))
    graph, tflite = (
        open_detector(folder / name, min_conf=0.0)
        for name in ("frozen_inference_graph.pb", "face_detector.tflite")
    )
    # After two steps no place is likelier than 0.05, below which the graph tells none;
    # the .tflite tells all its anchors.
    assert graph.detect(image)[0].shape == (0, 4)
    boxes, scores = tflite.detect(image)
    assert scores.max() < 0.05
    truth = geometry.face_box_from_points(points_image)
    assert geometry.box_iou(boxes, truth).max() > 0.3
    assert find_detector(folder) == folder / "face_detector.tflite"


def test_what_was_written_is_said(trained):
    folder, done = trained
    found, wrote = done.stdout.splitlines()[-2:]
    assert found == (
        "Finds 0.00% of the faces in 1 validation photo, and 0.000 false boxes a photo"
    )
    names = "frozen_inference_graph.pb", "face_detector.tflite"
    assert wrote == f"Wrote {', '.join(str(folder / name) for name in names)}"
    assert "Traceback" not in done.stderr
    assert {path.name for path in folder.glob("*.index")} == {"model.ckpt-2.index"}
    assert not list(folder.glob(".*"))


def test_help(run_script):
    done = run_script(NAME, "--help")
    flags = "images_dirs", "extra_dirs", "teacher_path", "init_detector_path"
    for flag in (*flags, "train_dir", "kind", "seed"):
        assert f"\n  --{flag}=" in done.stdout
    assert "--max_number_of_steps=20000\n" in done.stdout


def fail(run_script, tmp_path, **flags):
    """Returns the sentence with which the script ends."""
    train_dir = tmp_path / "run"
    done = run_script(NAME, status=1, train_dir=train_dir, **flags)
    assert not train_dir.exists()
    assert "Traceback" not in done.stderr
    return done.stderr


def test_missing_folder(run_script, collection, tmp_path):
    gone = tmp_path / "gone"
    sentence = f"{NAME}.py: {gone}: expected a folder, found none\n"
    assert fail(run_script, tmp_path, images_dirs=gone) == sentence
    flags = {"images_dirs": collection, "extra_dirs": gone}
    assert fail(run_script, tmp_path, **flags) == sentence


def test_train_dir_that_is_a_file(run_script, collection, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    done = run_script(NAME, status=1, images_dirs=collection, train_dir=file)
    assert done.stderr == f"{NAME}.py: {file}: expected a folder, found a file\n"


def test_folders_without_photos(run_script, tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    images_dirs = ",".join(map(str, folders))
    assert fail(run_script, tmp_path, images_dirs=images_dirs) == (
        f"{NAME}.py: {folders[0]}, {folders[1]}: expected photos, found none\n"
    )


def test_one_photo_cannot_be_split(run_script, tmp_path):
    write_image(tmp_path / "face.png", np.zeros((20, 20, 3), np.uint8))
    sentence = fail(run_script, tmp_path, images_dirs=tmp_path)
    assert "expected patches of at least two photos" in sentence


def test_stray_word_is_refused(run_script, tmp_path):
    done = run_script(
        NAME, "stray", status=1, images_dirs=tmp_path, train_dir=tmp_path / "run"
    )
    assert "expected only flags, found: stray" in done.stdout + done.stderr
