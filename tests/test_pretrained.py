"""The models that come with the toolkit: whole, and the same on every machine."""

import json

import numpy as np
import pytest
from conftest import PROJECT

from landmark.detection.choose import open_detector
from landmark.face import geometry
from landmark.files.photos import read_image
from landmark.model import export, settings
from landmark.model.checkpoint import CheckpointModel
from landmark.model.locate import newest_checkpoint
from landmark.model.quantize import Mode
from landmark.model.tflite import TfliteModel
from landmark.synthetic.faces import draw_face

FOLDERS = sorted(path.parent for path in PROJECT.glob("pretrained/*/train_setting.txt"))
DETECTOR = PROJECT / "pretrained/face_ssd_128"
DETECTOR_FILES = ("face_detector.tflite", "frozen_inference_graph.pb")
MODELS = sorted(PROJECT.glob("pretrained/landmark_*/*.tflite"))


def read_reference(folder):
    """Returns (patch (1, N, N, 3), name of a .tflite -> (points, spread))."""
    patch = read_image(folder / "reference.png")[None]
    expected = json.loads((folder / "reference.json").read_text())
    return patch, {
        name: (np.reshape(outputs["points"], (1, 68, 2)), [outputs["spread"]])
        for name, outputs in expected.items()
    }


def test_there_are_models():
    assert [folder.name for folder in FOLDERS] == ["landmark_112", "landmark_56"]


@pytest.mark.parametrize(
    "path", MODELS, ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_model_finds_the_points_of_the_reference(path):
    patch, expected = read_reference(path.parent)
    found = TfliteModel(path).predict_with_spread(patch)
    # Bytes are rounded a little differently by one processor and another.
    tolerance = 1e-3 if "float" in path.name else 0.01
    for output, reference in zip(found, expected[path.name], strict=True):
        np.testing.assert_allclose(output, reference, atol=tolerance)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_checkpoint_is_that_of_the_model(folder):
    patch, expected = read_reference(folder)
    assert expected.keys() == {path.name for path in folder.glob("*.tflite")}
    assert {
        export.file_name(name) for name in ("float", "float16", "int8")
    } <= expected.keys()
    model = CheckpointModel(folder, mode=Mode.FLOAT)
    found = model.predict(patch)
    np.testing.assert_allclose(found, expected["landmark.float.tflite"][0], atol=1e-4)
    trained = settings.read_settings(folder)
    assert patch.shape[1] == trained.input_size
    assert model.checkpoint.endswith(f"-{trained.max_number_of_steps}")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_card_tells_what_the_model_is(folder):
    card = (folder / "README.md").read_text()
    measured = json.loads((folder / "metrics.json").read_text())
    assert f"{100 * measured['nme_inter_ocular']:.2f} %" in card
    assert newest_checkpoint(folder).rpartition("/")[2] in card
    for word in ("300-W", "research", "Trained on", "Measured on"):
        assert word in card


def test_detector_finds_drawn_faces():
    detectors = [open_detector(DETECTOR / name) for name in DETECTOR_FILES]
    for index in range(8):
        image, points_image = draw_face(np.random.default_rng([7, index]))
        truth = geometry.face_box_from_points(points_image)
        found = [detector.detect(image) for detector in detectors]
        for boxes, _ in found:
            assert geometry.box_iou(boxes, truth).max(initial=0) > 0.5
        (boxes, scores), (graph_boxes, graph_scores) = found
        np.testing.assert_allclose(boxes[0], graph_boxes[0], atol=0.02 * len(image))
        np.testing.assert_allclose(scores[0], graph_scores[0], atol=0.05)


def test_detector_is_small():
    assert sum((DETECTOR / name).stat().st_size for name in DETECTOR_FILES) <= 1.5e6
    card = (DETECTOR / "README.md").read_text()
    for word in ("300-W", "research", "Trained on", "Measured on"):
        assert word in card
