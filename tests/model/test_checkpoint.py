"""Trained models: finding, rebuilding and running them."""

import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from conftest import PROJECT

from landmark.model import locate, pixels
from landmark.model.checkpoint import CheckpointModel
from landmark.script.errors import InputError


@pytest.fixture
def copied_dir(tmp_path, trained_dir):
    """A copy of the trained model, to be changed."""
    return shutil.copytree(trained_dir, tmp_path / "copy")


def edit_settings(folder, old, new):
    path = folder / "train_setting.txt"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def patches_of(samples, count):
    patches = np.stack([patch for patch, *_ in samples])
    return np.resize(patches, (count, *patches.shape[1:]))


@pytest.mark.parametrize("name", ["model.ckpt-3", "model.ckpt", "nowhere/model.ckpt-4"])
def test_missing_checkpoint_is_refused(trained_dir, name):
    with pytest.raises(InputError, match=f"{name}: expected a checkpoint, found none"):
        CheckpointModel(trained_dir / name)


def test_folder_without_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a checkpoint, found none"):
        CheckpointModel(tmp_path)


def test_renamed_model_is_found(tmp_path, train_model):
    renamed = train_model().rename(tmp_path / "renamed")
    assert locate.find_models(tmp_path) == [renamed]
    assert CheckpointModel(renamed).checkpoint == str(renamed / "model.ckpt-4")


def test_missing_settings_are_refused(copied_dir):
    (copied_dir / "train_setting.txt").unlink()
    with pytest.raises(InputError, match="train_setting.txt: expected"):
        CheckpointModel(copied_dir / "model.ckpt-4")


@pytest.mark.parametrize(
    ("old", "new", "variable", "expected", "found"),
    [
        (
            "--depth_multiplier=0.5",
            "--depth_multiplier=2.0",
            "lannet/conv1/weights",
            "[3, 3, 3, 16]",
            "[3, 3, 3, 4]",
        ),
        (
            "--input_size=56",
            "--input_size=80",
            "lannet/fc6/weights",
            "[1, 1, 1600, 128]",
            "[1, 1, 1024, 128]",
        ),
        (
            "--is_color=true",
            "--is_color=false",
            "lannet/conv1/weights",
            "[3, 3, 1, 4]",
            "[3, 3, 3, 4]",
        ),
        (
            "--use_batch_norm=true",
            "--use_batch_norm=false",
            "lannet/conv1/biases",
            "[4]",
            "no such variable",
        ),
        (
            "--batch_size=8",
            "--batch_size=8\n--moving_average_decay=0.9",
            "lannet/conv1/weights/ExponentialMovingAverage",
            "[3, 3, 3, 4]",
            "no such variable",
        ),
    ],
)
def test_checkpoint_of_other_settings_is_refused(
    copied_dir, old, new, variable, expected, found
):
    edit_settings(copied_dir, old, new)
    sentence = (
        f"model.ckpt-4: expected {variable} of shape {expected} by the "
        f"train_setting.txt beside it, found {found}"
    )
    with pytest.raises(InputError, match=re.escape(sentence)):
        CheckpointModel(copied_dir / "model.ckpt-4")


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_truncated_checkpoint_is_refused(copied_dir, suffix):
    path = copied_dir / f"model.ckpt-4{suffix}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="model.ckpt-4: expected a whole checkpoint"):
        CheckpointModel(copied_dir / "model.ckpt-4")


def test_predicts_any_number_of_patches(trained_dir, samples):
    trained = CheckpointModel(trained_dir)
    assert trained.input_size == 56
    patches = patches_of(samples, 65)
    one_by_one = np.concatenate([trained.predict(patch[None]) for patch in patches])
    assert one_by_one.shape == (65, 68, 2)
    assert one_by_one.std(axis=0).max() > 1e-4
    for count in (0, 1, 64, 65):
        predicted = trained.predict(patches[:count])
        assert predicted.shape == (count, 68, 2)
        assert predicted.dtype == np.float32
        np.testing.assert_allclose(predicted, one_by_one[:count], atol=1e-5)


def test_network_without_bins_knows_no_spread(trained_dir, samples):
    trained = CheckpointModel(trained_dir)
    assert list(trained.outputs) == ["points"]
    points, spread = trained.predict_with_spread(patches_of(samples, 3))
    np.testing.assert_array_equal(points, trained.predict(patches_of(samples, 3)))
    assert (spread.shape, spread.dtype) == ((3, 68), np.float32)
    assert np.isnan(spread).all()


def test_spread_of_any_number_of_patches(samples):
    trained = CheckpointModel(PROJECT / "pretrained" / "landmark_56")
    assert list(trained.outputs) == ["points", "spread"]
    patches = patches_of(samples, 65)
    points, spread = trained.predict_with_spread(patches)
    np.testing.assert_array_equal(points, trained.predict(patches))
    assert (spread.shape, spread.dtype) == ((65, 68), np.float32)
    # Samples come again after 24; the last patch is a batch of its own.
    np.testing.assert_allclose(spread[24:], spread[:-24], atol=1e-5)
    # It is small where there is a face, and large where there is none.
    _, of_nothing = trained.predict_with_spread(np.full_like(patches[:1], 90))
    assert np.median(spread) < 0.05
    assert of_nothing.min() > 2 * np.median(spread)
    for count in (0, 1):
        _, some = trained.predict_with_spread(patches[:count])
        np.testing.assert_allclose(some, spread[:count], atol=1e-5)


def test_graph_of_one_patch_predicts_the_same(trained_dir, samples):
    patches = patches_of(samples, 3)
    single = CheckpointModel(trained_dir, batch_size=1)
    assert single.images.shape.as_list() == [1, 56, 56, 3]
    assert single.outputs["points"].shape.as_list() == [1, 136]
    expected = CheckpointModel(trained_dir).predict(patches)
    np.testing.assert_allclose(single.predict(patches), expected, atol=1e-5)


def test_predicts_from_scaled_pixels(trained_dir, samples):
    trained = CheckpointModel(trained_dir)
    patches = patches_of(samples, 4)
    images = pixels.to_network_input(patches.astype(np.float32), True)
    expected = trained.session.run(trained.outputs["points"], {trained.images: images})
    np.testing.assert_array_equal(trained.predict(patches), expected.reshape(4, 68, 2))


def test_grey_model_sees_luma_only(train_model, samples):
    trained = CheckpointModel(train_model(is_color=False))
    assert trained.images.shape.as_list() == [None, 56, 56, 1]
    patches = patches_of(samples, 4)
    luma = np.round(patches @ np.array([0.299, 0.587, 0.114]))
    grey = np.repeat(luma[..., None], 3, axis=-1).astype(np.uint8)
    expected = trained.predict(patches)
    np.testing.assert_allclose(trained.predict(grey), expected, atol=0.005)
    assert np.abs(trained.predict(patches[..., ::-1]) - expected).max() > 0.005


def test_loads_what_was_saved(trained_dir):
    trained = CheckpointModel(trained_dir / "model.ckpt-2")
    reader = tf.train.load_checkpoint(str(trained_dir / "model.ckpt-2"))
    with trained.session.graph.as_default():
        variables = tf.compat.v1.global_variables()
        loaded = trained.session.run({v.op.name: v for v in variables})
    assert len(loaded) == 32
    for name, value in loaded.items():
        np.testing.assert_array_equal(value, reader.get_tensor(name))
