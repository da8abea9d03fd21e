"""Which models the page takes, and what it is told of them."""

import json
import shutil

import numpy as np
import pytest
from conftest import PROJECT

from landmark.model import metadata
from landmark.script.errors import InputError
from landmark.web import models

PRETRAINED = PROJECT / "pretrained"
MODEL = PRETRAINED / "landmark_56" / "landmark.int8.tflite"


def test_model_is_described_by_its_own_note():
    about = models.describe_model(MODEL)
    assert about["name"] == "landmark_56 / landmark.int8"
    assert about["note"] == metadata.read_note(MODEL.read_bytes(), MODEL)
    expected = json.loads(MODEL.with_name("reference.json").read_text())
    np.testing.assert_allclose(about["expected"], expected[MODEL.name]["points"])


def test_model_without_reference(tmp_path):
    alone = shutil.copy(MODEL, tmp_path / MODEL.name)
    assert models.describe_model(alone)["expected"] is None
    shutil.copy(MODEL.with_name("reference.png"), tmp_path)
    (tmp_path / "reference.json").write_text('{"other.tflite": {}}')
    assert models.describe_model(alone)["expected"] is None


@pytest.mark.parametrize(
    "text", ["[]", "no", '{"landmark.int8.tflite": {"points": 1}}']
)
def test_broken_reference_is_refused(tmp_path, text):
    alone = shutil.copy(MODEL, tmp_path / MODEL.name)
    shutil.copy(MODEL.with_name("reference.png"), tmp_path)
    (tmp_path / "reference.json").write_text(text)
    with pytest.raises(InputError, match="reference.json: expected the points"):
        models.describe_model(alone)


def test_folder_and_checkpoint_are_to_be_exported(tmp_path):
    (tmp_path / "model.ckpt-7.index").touch()
    command = f"python save_with_bnorm_off.py --models_dir={tmp_path}"
    for path in (tmp_path, tmp_path / "model.ckpt-7", tmp_path / "model.ckpt-7.index"):
        with pytest.raises(InputError) as caught:
            models.find_model(path)
        assert str(path) in str(caught.value)
        assert str(caught.value).endswith(f"; export it: {command}")
    exported = shutil.copy(MODEL, tmp_path / "landmark.int8.tflite")
    with pytest.raises(InputError, match="; give .*landmark.int8.tflite, or export it"):
        models.find_model(tmp_path)
    assert models.find_model(exported) == exported


def test_detectors_of_one_size_are_taken():
    folder = PRETRAINED / "face_ssd_128"
    path = folder / "face_detector.tflite"
    assert models.find_detector(folder) == models.find_detector(path) == path
    with pytest.raises(InputError, match="found one for photos"):
        models.find_detector(PRETRAINED / "face_ssd_photo")
    with pytest.raises(InputError, match="expected a face detector"):
        models.find_detector(MODEL)
    with pytest.raises(InputError, match="no_such"):
        models.find_detector(folder / "no_such")
