"""The public interface, from the source tree and as pip installs it."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import PROJECT

import landmark
from landmark import library, pretrained
from landmark.face import geometry
from landmark.files.photos import write_image
from landmark.live.video import VideoWriter
from landmark.synthetic.faces import draw_face

# What the way from a photo to its faces must not load.
HEAVY = ("tensorflow", "tf_slim", "keras", "absl", "matplotlib", "tqdm", "tensorboard")
FIVE_LINES = """
import landmark
landmarker = landmark.open_landmarker()
for face in landmarker.find_faces(landmark.read_image("photo.jpg")):
    print(face.box, face.score, face.confidence, face.points_image)
"""
SHIPPED = {
    "README.md",
    *("face_ssd_128/README.md", "face_ssd_128/face_detector.tflite"),
    *("face_ssd_photo/README.md", "face_ssd_photo/face_detector.tflite"),
    *(
        f"{folder}/{name}"
        for folder in ("landmark_56", "landmark_112")
        for name in (
            *("README.md", "reference.json", "reference.png"),
            *(f"landmark.{kind}.tflite" for kind in ("float", "float16", "int8")),
        )
    ),
}


def run_python(program, folder, path=PROJECT):
    """Runs a program in a folder, with the package of a path; returns its output."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def drawn():
    """A drawn photo and the points of its face."""
    return draw_face(np.random.default_rng(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, drawn):
    """A folder with that as photo.jpg, and as two frames of clip.avi."""
    folder = tmp_path_factory.mktemp("photos")
    write_image(folder / "photo.jpg", drawn[0])
    writer = VideoWriter(folder / "clip.avi", 10)
    for _ in range(2):
        writer.write(drawn[0])
    writer.close()
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what pip needs of the project."""
    source = tmp_path_factory.mktemp("source")
    for name in ("landmark", "pretrained", "docs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(PROJECT / name, source)
    return source


@pytest.fixture(scope="module")
def installed(tmp_path_factory, source):
    """Where pip has installed the package."""
    target = tmp_path_factory.mktemp("installed")
    before = sorted(source.rglob("*"))
    command = [sys.executable, "-m", "pip", "install", source, "--target", target]
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    done = subprocess.run(
        [*map(str, command), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(source.rglob("*")) == before  # No build/, no .egg-info.
    return target


# The interface.


def test_import_loads_nothing(tmp_path):
    program = (
        "import sys, landmark; "
        "names = 'cv2', 'numpy', 'PIL', 'ai_edge_litert', 'landmark.library'; "
        "print([name for name in names if name in sys.modules]); "
        "print(set(landmark.__all__) <= set(dir(landmark)))"
    )
    assert run_python(program, tmp_path) == "[]\nTrue\n"


def test_names_are_those_of_the_library():
    assert landmark.__all__ == library.__all__ == sorted(library.__all__)
    for name in landmark.__all__:
        assert getattr(landmark, name) is getattr(library, name)
    with pytest.raises(AttributeError, match="has no attribute 'open_landmarkers'"):
        _ = landmark.open_landmarkers


def test_five_lines_load_nothing_heavy(folder):
    program = f"{FIVE_LINES}\nimport sys\nprint(sys.modules.keys() & set({HEAVY}))"
    assert run_python(program, folder).splitlines()[-1] == "set()"


def test_drawn_face_is_found(drawn):
    image, points_image = drawn
    (face,) = landmark.open_landmarker().find_faces(image)
    truth = geometry.face_box_from_points(points_image)
    assert geometry.box_iou(face.box, truth) > 0.5
    error = np.linalg.norm(face.points_image - points_image, axis=1).mean()
    assert error < 0.06 * np.ptp(points_image[:, 0])
    assert face.box.shape == (4,)
    assert face.box.dtype == face.points_image.dtype == np.float64
    assert type(face.score) is type(face.confidence) is float
    assert 0.3 <= face.confidence <= 1
    assert face.track is None
    assert (0.3 * face.spread < face.expected_error).all()
    assert (face.expected_error < face.spread).all()


@pytest.mark.parametrize(
    "given",
    [
        {"model": "landmark_56/landmark.float.tflite"},
        {"detector": "face_ssd_photo/face_detector.tflite"},
        {"detector": "face_ssd_photo", "detector_input_size": 448},
        {"detector": "face_ssd_128/face_detector.tflite"},
        {"detector": "face_ssd_128", "detector_input_size": 128},
    ],
    ids=str,
)
def test_other_models_and_detectors(drawn, given):
    paths = {
        name: landmark.find_pretrained(value) if isinstance(value, str) else value
        for name, value in given.items()
    }
    (expected,) = landmark.open_landmarker().find_faces(drawn[0])
    for convert in (lambda path: path, str):
        words = {
            k: v if k == "detector_input_size" else convert(v) for k, v in paths.items()
        }
        (face,) = landmark.open_landmarker(**words).find_faces(drawn[0])
        np.testing.assert_allclose(face.points_image, expected.points_image, atol=6)
        assert float(geometry.box_iou(face.box, expected.box)) > 0.7
        is_other = "face_ssd_128" in str(given.get("detector"))
        assert (face.box.tolist() == expected.box.tolist()) != is_other


def test_numbers_are_heeded(drawn):
    image = drawn[0]
    (face,) = landmark.open_landmarker().find_faces(image)
    assert landmark.open_landmarker(min_score=0.99).find_faces(image) == []
    strict = landmark.open_landmarker(min_confidence=0.99)
    assert strict.find_faces(image) == []
    assert strict.dropped == 1
    (wide,) = landmark.open_landmarker(extend_ratio=0.3).find_faces(image)
    assert wide.points_image.tolist() != face.points_image.tolist()
    (averaged,) = landmark.open_landmarker(crops=3).find_faces(image)
    distances = np.linalg.norm(averaged.points_image - face.points_image, axis=1)
    assert 0 < distances.mean() < 0.05 * face.box[2:].max()
    assert averaged.box.tolist() == face.box.tolist()
    assert landmark.open_landmarker().min_confidence == library.MIN_CONFIDENCE == 0.3
    assert landmark.open_landmarker(min_confidence=0).min_confidence == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"min_score": 30}, "min_score: expected 0..1, found 30"),
        ({"min_score": np.nan}, "min_score: expected 0..1, found nan"),
        ({"min_confidence": -0.1}, "min_confidence: expected 0..1, found -0.1"),
        ({"extend_ratio": -1}, "extend_ratio: expected at least 0, found -1"),
        ({"extend_ratio": np.inf}, "extend_ratio: expected at least 0, found inf"),
        (
            {"detector_input_size": -1},
            "detector_input_size: expected at least 0, found -1",
        ),
        ({"min_score": None}, "min_score: expected 0..1, found None"),
        ({"min_confidence": "0.5"}, "min_confidence: expected 0..1, found '0.5'"),
        (
            {"detector_input_size": 12.5},
            "detector_input_size: expected at least 0, found 12.5",
        ),
        ({"crops": 2}, "crops: expected 1, 3 or 9, found 2"),
        ({"crops": 3.0}, "crops: expected 1, 3 or 9, found 3.0"),
        ({"model": None}, "model: expected a path, found None"),
        ({"detector": 0}, "detector: expected a path, found 0"),
        ({"model": "gone.tflite"}, "gone.tflite: expected a file, found none"),
        ({"model": "gone"}, "gone: expected a checkpoint, found none"),
        ({"detector": "gone.tflite"}, "gone.tflite: expected a file, found none"),
        ({"detector": "gone.pb"}, "gone.pb: expected a file, found none"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(words, message):
    with pytest.raises(landmark.InputError) as caught:
        landmark.open_landmarker(**words)
    assert str(caught.value) == message


def test_what_is_no_video_or_camera_is_refused():
    for source in (-1, True, None):
        with pytest.raises(landmark.InputError, match=f"found {source}"):
            landmark.open_video(source)


def test_confidence_of_a_model_that_does_not_tell(monkeypatch):
    class Untelling:
        input_size, extension = 8, None

        def __init__(self, path):
            pass

        def predict_with_spread(self, patches):
            assert patches.shape == (1, 8, 8, 3)
            return np.zeros((1, 68, 2)), np.full((1, 68), np.nan)

    monkeypatch.setattr(library, "TfliteModel", Untelling)
    landmark.open_landmarker("mine.tflite")
    landmark.open_landmarker("mine.tflite", min_confidence=0)
    with pytest.raises(landmark.InputError) as caught:
        landmark.open_landmarker("mine.tflite", min_confidence=0.5)
    assert str(caught.value) == (
        "mine.tflite: expected a model that tells how sure it is, for a confidence of "
        "0.5, found one that does not"
    )


@pytest.mark.parametrize(
    ("argument", "name", "room"),
    [
        ("model", "landmark_56", "landmark.model.checkpoint"),
        (
            "detector",
            "face_ssd_128/frozen_inference_graph.pb",
            "landmark.detection.frozen",
        ),
    ],
)
def test_missing_tensorflow_is_named(monkeypatch, argument, name, room):
    monkeypatch.delitem(sys.modules, room, raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    path = PROJECT / "pretrained" / name
    with pytest.raises(landmark.InputError) as caught:
        landmark.open_landmarker(**{argument: path})
    assert str(caught.value) == (
        f"{path}: expected a .tflite, or the toolkit with its extra [train], found no "
        "module tensorflow"
    )


def test_checkpoint_and_frozen_graph(drawn):
    folder = PROJECT / "pretrained"
    landmarker = landmark.open_landmarker(
        folder / "landmark_56",
        folder / "face_ssd_128/frozen_inference_graph.pb",
        min_confidence=0.3,
    )
    (face,) = landmarker.find_faces(drawn[0])
    (expected,) = landmark.open_landmarker().find_faces(drawn[0])
    np.testing.assert_allclose(face.points_image, expected.points_image, atol=6)


def test_pretrained_is_found_beside_the_package_or_in_it(monkeypatch, tmp_path):
    assert landmark.find_pretrained() == PROJECT / "pretrained"
    assert pretrained.LANDMARK_MODEL.is_file()
    assert pretrained.DETECTOR_DIR.is_dir()
    monkeypatch.setattr(pretrained, "_PLACES", (tmp_path / "in", tmp_path / "beside"))
    assert landmark.find_pretrained("a/b") == tmp_path / "beside" / "a" / "b"
    (tmp_path / "in").mkdir()
    assert landmark.find_pretrained("a/b") == tmp_path / "in" / "a" / "b"


# The installation.


def test_installed_package_finds_the_face(folder, installed):
    lines = (
        "import landmark; print(landmark.__file__); print(landmark.find_pretrained())"
    )
    places = run_python(lines, folder, installed).splitlines()
    package = installed / "landmark"
    assert places == [str(package / "__init__.py"), str(package / "weights")]
    found = run_python(FIVE_LINES, folder, installed)
    assert found.startswith("[")
    assert found == run_python(FIVE_LINES, folder)


def test_installed_are_the_models_with_their_terms(installed):
    weights = installed / "landmark" / "weights"
    files = {
        str(path.relative_to(weights)) for path in weights.rglob("*") if path.is_file()
    }
    assert files == SHIPPED
    for name in SHIPPED:
        assert (weights / name).read_bytes() == (
            PROJECT / "pretrained" / name
        ).read_bytes()
        if name.endswith(".md"):
            card = (weights / name).read_text()
            assert "research use only" in " ".join(card.split())
    assert (installed / "landmark" / "py.typed").is_file()


def test_installed_are_all_rooms(installed):
    def rooms(folder):
        return {str(p.relative_to(folder)) for p in folder.rglob("*.py")}

    assert rooms(installed / "landmark") == rooms(PROJECT / "landmark")
    (metadata,) = installed.glob("landmark-*.dist-info/METADATA")
    text = metadata.read_text()
    assert "research use only" in text
    needed = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", text, re.MULTILINE)
    assert {"ai-edge-litert", "av", "numpy", "pillow"} < set(needed)
    assert sum("opencv" in name for name in needed) == 1
    assert len(needed) == 5


def test_page_runs_as_it_is_printed(folder, installed):
    page = (PROJECT / "docs" / "library.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(programs) == 3
    for program in programs:
        assert run_python(program, folder, installed)


@pytest.fixture(scope="module")
def setup_script():
    spec = importlib.util.spec_from_file_location("setup", PROJECT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [
        ([], ["opencv-python-headless"]),
        (["opencv-python", "cv2"], ["opencv-python"]),
        (["opencv-python-headless", "cv2"], ["opencv-python-headless"]),
        (["opencv-contrib-python", "cv2"], ["opencv-contrib-python"]),
        (
            ["opencv-contrib-python-headless", "cv2"],
            ["opencv-contrib-python-headless"],
        ),
        (["opencv-python-headless", "opencv-python", "cv2"], ["opencv-python"]),
        (["cv2"], []),
    ],
)
def test_no_second_opencv_is_required(setup_script, installed, chosen):
    found = setup_script.choose_opencv({"numpy", *installed})
    assert [re.split("[<>=]", requirement)[0] for requirement in found] == chosen


def test_installed_opencv_is_seen_from_a_build(setup_script, monkeypatch, tmp_path):
    # As pip hides the environment: by a path in front, and what Python runs there.
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.path.clear()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = setup_script.list_installed(sys.executable)
    assert {"numpy", "cv2"} < found
    assert any(name.startswith("opencv-") for name in found)
