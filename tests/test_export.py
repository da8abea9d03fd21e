"""Export: a .tflite is as good as its checkpoint, or is not written."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim
from ai_edge_litert.interpreter import Interpreter

from landmark import export, nets, pixels, records, settings, synthetic
from landmark.errors import InputError
from landmark.model import CheckpointModel
from landmark.tflite import TfliteModel

v1 = tf.compat.v1


def draw_patches(size, count=8):
    return synthetic.draw_patches(np.random.default_rng(3), count, size)[0]


@pytest.fixture(scope="module")
def small_records(tmp_path_factory):
    """A record file of patches of 40 pixels."""
    path = tmp_path_factory.mktemp("small") / "40.tfrecord"
    patches, points = synthetic.draw_patches(np.random.default_rng(4), 8, 40)
    names = [f"face_{index}" for index in range(8)]
    records.write_records(path, zip(patches, points, names, strict=True))
    return str(path)


VARIANTS = {
    "batch_norm": {"use_batch_norm": True},
    "plain": {"use_batch_norm": False},
    "grey": {"is_color": False},
    "40 pixels": {"input_size": 40},
    "averages": {"moving_average_decay": 0.9},
    "resnet_simcc": {"net": "resnet_simcc", "learning_rate": 0.01},
    "resnet_simcc_large": {"net": "resnet_simcc_large", "learning_rate": 0.002},
}


@pytest.fixture(scope="module", params=VARIANTS)
def exported(request, train_model, small_records):
    """(model folder, path of its .tflite, reported difference) of one variant.

    Batch norm's averages have moved from where they started.
    """
    changes = dict(VARIANTS[request.param])
    if request.param == "40 pixels":
        changes |= {"train_tfr": small_records, "val_tfr": small_records}
    folder = train_model(max_number_of_steps=8, **changes)
    return folder, *export.export_float(folder, draw_patches)


def test_tflite_equals_its_checkpoint(exported):
    folder, path, difference = exported
    assert path == folder / "landmark.float.tflite"
    checkpoint, tflite = CheckpointModel(folder), TfliteModel(path)
    assert tflite.input_size == checkpoint.input_size
    patches = draw_patches(tflite.input_size, 16)
    expected = checkpoint.predict(patches)
    assert expected.std(axis=0).max() > 1e-3  # Else any model would agree.
    np.testing.assert_allclose(tflite.predict(patches), expected, atol=1e-5)
    assert 0 <= difference < 1e-5


def test_signature_is_what_the_phone_calls(exported):
    folder, path, _ = exported
    checkpoint = CheckpointModel(folder)
    size, channels = checkpoint.input_size, checkpoint.settings.channels
    interpreter = Interpreter(str(path))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["points"]}
    }
    (image,) = interpreter.get_input_details()
    (points,) = interpreter.get_output_details()
    assert image["shape"].tolist() == [1, size, size, channels]
    assert points["shape"].tolist() == [1, 136]
    assert image["dtype"] == points["dtype"] == np.float32
    patches = draw_patches(size, 1)
    inputs = pixels.to_network_input(patches.astype(np.float32), channels == 3)
    found = interpreter.get_signature_runner("serving_default")(image=inputs)["points"]
    expected = checkpoint.predict(patches)
    np.testing.assert_allclose(found.reshape(1, 68, 2), expected, atol=1e-5)


def test_nothing_temporary_is_left(exported):
    folder, path, _ = exported
    assert list(folder.glob("*.tflite")) == [path]
    assert not list(folder.glob(".*"))


def predict(folder, patches, is_training):
    """Predicts with batch norm's averages, or, as a wrong export would, the batch's."""
    checkpoint = tf.train.latest_checkpoint(folder)
    with tf.Graph().as_default(), v1.Session() as session:
        images = pixels.to_network_input(patches.astype(np.float32), True)
        points, _ = nets.build_network(
            tf.constant(images), is_training, settings.read_settings(folder)
        )
        v1.train.Saver(slim.get_model_variables()).restore(session, checkpoint)
        return session.run(points)


def test_batch_norm_is_frozen(train_model):
    folder = train_model(max_number_of_steps=8)
    path, _ = export.export_float(folder, draw_patches)
    patches = draw_patches(56)
    found = TfliteModel(path).predict(patches)
    np.testing.assert_allclose(found, predict(folder, patches, False), atol=1e-5)
    assert np.abs(found - predict(folder, patches, True)).max() > 0.01
    alone = predict(folder, patches[:1], True)
    assert np.abs(found[:1] - alone).max() > 0.01


@pytest.fixture(scope="module")
def other_tflite(train_model):
    """Bytes of another model's .tflite."""
    other = CheckpointModel(train_model(max_number_of_steps=2), batch_size=1)
    return export.convert(other)


@pytest.fixture
def mismatch(tmp_path, trained_dir, other_tflite, monkeypatch):
    """A model folder whose conversion gives another model."""
    monkeypatch.setattr(export, "convert", lambda _: other_tflite)
    return shutil.copytree(trained_dir, tmp_path / "model")


def test_another_model_is_not_written(mismatch):
    before = sorted(mismatch.iterdir())
    with pytest.raises(InputError, match="found a difference of .*; nothing was") as e:
        export.export_float(mismatch, draw_patches)
    assert f"{mismatch / 'landmark.float.tflite'}: expected the points of" in str(
        e.value
    )
    assert sorted(mismatch.iterdir()) == before


def test_failure_leaves_no_file_of_older_weights(mismatch):
    (mismatch / "landmark.float.tflite").write_bytes(b"of older weights")
    with pytest.raises(InputError, match="nothing was written"):
        export.export_float(mismatch, draw_patches)
    assert not list(mismatch.glob("*.tflite"))


def test_points_that_are_not_finite_are_not_written(mismatch, monkeypatch):
    class Broken:
        def __init__(self, path):
            pass

        def predict(self, patches):
            return np.full((len(patches), 68, 2), np.nan, np.float32)

    monkeypatch.setattr(export, "TfliteModel", Broken)
    with pytest.raises(InputError, match="a difference of nan"):
        export.export_float(mismatch, draw_patches)
    assert not list(mismatch.glob("*.tflite"))


def test_folder_without_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a checkpoint, found none"):
        export.export_float(tmp_path, draw_patches)
    assert not list(tmp_path.iterdir())
