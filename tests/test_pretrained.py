"""The models that come with the toolkit: whole, and the same on every machine."""

import json

import numpy as np
import pytest
from conftest import PROJECT

from landmark import export, files, settings
from landmark.model import CheckpointModel, newest_checkpoint
from landmark.quantize import Mode
from landmark.tflite import TfliteModel

FOLDERS = sorted(path.parent for path in PROJECT.glob("pretrained/*/train_setting.txt"))
MODELS = sorted(PROJECT.glob("pretrained/landmark_*/*.tflite"))


def read_reference(folder):
    """Returns (patch (1, N, N, 3), name of a .tflite -> points (1, 68, 2))."""
    patch = files.read_image(folder / "reference.png")[None]
    points = json.loads((folder / "reference.json").read_text())
    return patch, {n: np.reshape(values, (1, 68, 2)) for n, values in points.items()}


def test_there_are_models():
    assert [folder.name for folder in FOLDERS] == ["landmark_112", "landmark_56"]


@pytest.mark.parametrize(
    "path", MODELS, ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_model_finds_the_points_of_the_reference(path):
    patch, points = read_reference(path.parent)
    found = TfliteModel(path).predict(patch)
    # Bytes are rounded a little differently by one processor and another.
    tolerance = 1e-3 if "float" in path.name else 0.01
    np.testing.assert_allclose(found, points[path.name], atol=tolerance)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_checkpoint_is_that_of_the_model(folder):
    patch, points = read_reference(folder)
    assert points.keys() == {path.name for path in folder.glob("*.tflite")}
    assert {
        export.file_name(name) for name in ("float", "float16", "int8")
    } <= points.keys()
    model = CheckpointModel(folder, mode=Mode.FLOAT)
    found = model.predict(patch)
    np.testing.assert_allclose(found, points["landmark.float.tflite"], atol=1e-4)
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
