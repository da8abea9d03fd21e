"""train_slim.py as people run it."""

import dataclasses
import os
import re
import shutil

import numpy as np
import pytest
from conftest import PROJECT

from landmark.model import settings
from landmark.model.checkpoint import CheckpointModel

# Of the specification, which users know.
DEFAULTS = {
    "is_color": "true",
    "batch_size": "64",
    "input_size": "56",
    "loss": "l1",
    "optimizer": "sgd",
    "learning_rate": "0.001",
    "wing_w": "0.5",
    "wing_eps": "2.0",
    "momentum": "0.99",
    "rmsprop_momentum": "0.9",
    "rmsprop_decay": "0.9",
    "adam_beta1": "0.9",
    "adam_beta2": "0.999",
    "learning_rate_decay_type": "exponential",
    "learning_rate_decay_factor": "0.94",
    "learning_rate_decay_step": "50000",
    "learning_rate_decay_staircase": "true",
    "end_learning_rate": "5e-05",
    "moving_average_decay": None,
    "max_number_of_steps": "300000",
    "use_batch_norm": "false",
    "regularizer": "none",
    "regularizer_lambda": "0.004",
    "regularizer_lambda_2": "0.004",
    "quantize_delay": "-1",
    "depth_multiplier": "2.0",
    "depth_gamma": "1.0",
    "train_dir": None,
    "train_tfr": None,
    "val_tfr": None,
    # What came later does nothing unless it is asked for.
    "net": "lannet",
    "augment": "false",
    "weight_decay": "0.0",
    "warmup_steps": "0",
}


@pytest.fixture
def run_train(run_script, record_paths):
    """Runs train_slim.py on a tiny model: (train_dir, **flags) -> CompletedProcess."""

    def run(train_dir, /, *words, status=0, **flags):
        tiny = {
            "train_dir": train_dir,
            "train_tfr": record_paths[0],
            "val_tfr": record_paths[1],
            "batch_size": 4,
            "depth_multiplier": 0.25,
            "max_number_of_steps": 2,
        }
        return run_script("train_slim", *words, status=status, **(tiny | flags))

    return run


def test_help_shows_the_flags_and_their_defaults(run_script):
    text = run_script("train_slim", "--help").stdout
    found = dict(re.findall(r"\n  --(\w+)=(.*)", text))
    found |= dict(re.findall(r"\n  --\[no\](\w+) \((.*)\)", text))
    found = {name: default or None for name, default in found.items()}
    assert {name: found[name] for name in DEFAULTS} == DEFAULTS
    assert "paper's 10 and 2 pixels" in re.sub(r"\s+", " ", text)
    fields = {field.name for field in dataclasses.fields(settings.TrainSettings)}
    assert found.keys() == fields | {"train_dir", "validation_interval"}


def test_trains_with_old_spellings(run_train, tmp_path, record_paths):
    train_dir = tmp_path / "model"
    done = run_train(
        train_dir,
        optimizer="adadelt",
        regularizer="l1_12",
        moving_average_decay="None",
    )
    trained = settings.read_settings(train_dir)
    assert (trained.optimizer, trained.regularizer) == ("adadelta", "l1_l2")
    assert trained.moving_average_decay is None
    assert trained.train_tfr == str(record_paths[0])
    assert (train_dir / "model.ckpt-2.index").is_file()
    *_, error, wrote = done.stdout.splitlines()
    assert re.fullmatch(r"Validation error 0\.\d{6} \(crop units\)", error)
    assert wrote == f"Wrote {train_dir / 'model.ckpt-2'}"


def test_settings_file_is_a_flagfile(
    run_script, tmp_path, trained_dir, make_settings, samples
):
    done = run_script(
        "train_slim",
        f"--flagfile={trained_dir / 'train_setting.txt'}",
        "--is_color=false",
        "--regularizer=None",
        train_dir=tmp_path / "grey",
        max_number_of_steps=1,
    )
    assert "Resuming" not in done.stdout
    expected = make_settings(is_color=False, max_number_of_steps=1)
    assert settings.read_settings(tmp_path / "grey") == expected
    lines = (tmp_path / "grey" / "train_setting.txt").read_text().splitlines()
    assert "--is_color=false" in lines
    assert "--regularizer=none" in lines
    grey = CheckpointModel(tmp_path / "grey")
    assert grey.settings.is_color is False
    assert grey.images.shape.as_list() == [None, 56, 56, 1]
    patches = np.stack([patch for patch, *_ in samples[:2]])
    assert np.isfinite(grey.predict(patches)).all()


def test_recipe_of_the_56_pixel_model(run_train, tmp_path, samples):
    train_dir = tmp_path / "model"
    done = run_train(train_dir, f"--flagfile={PROJECT / 'scripts/landmark_56.flags'}")
    trained = settings.read_settings(train_dir)
    assert (trained.net, trained.input_size) == ("resnet_simcc", 56)
    assert (trained.augment, trained.use_batch_norm) == (True, True)
    # Neither mirrored nor grey copies, nor JPEG.
    augmentation = trained.augment_flip, trained.augment_gray, trained.augment_jpeg
    assert augmentation == (False, 0, 0)
    assert (trained.loss, trained.bins_weight) == ("wing", 0.02)
    assert (trained.optimizer, trained.weight_decay) == ("adam", 0.05)
    assert trained.learning_rate_decay_type == "cosine"
    assert (trained.warmup_steps, trained.moving_average_decay) == (300, 0.999)
    assert done.stdout.splitlines()[-1] == f"Wrote {train_dir / 'model.ckpt-2'}"
    model = CheckpointModel(train_dir)
    points = model.predict(np.stack([patch for patch, *_ in samples[:2]]))
    assert points.shape == (2, 68, 2)
    # Its augmentation wants records with a margin; it trains all the same.
    warned = [w for w in done.stderr.splitlines() if w.startswith("warning:")]
    assert len(warned) == 1
    assert "train.tfrecord: expected records with a margin for --augment" in warned[0]
    # Two small steps away from where all points start.
    assert points.mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"optimizer": "adagrid"}, ["optimizer", "adagrid", "adagrad"]),
        ({"loss": "huber"}, ["loss", "huber", "euc_wing"]),
        ({"regularizer": "l3"}, ["regularizer", "l3", "l1_l2"]),
        ({"learning_rate_decay_type": "linear"}, ["linear", "polynomial"]),
        ({"net": "resnet"}, ["net", "resnet", "lannet", "resnet_simcc_large"]),
        ({"augment_rotate": -1}, ["augment_rotate"]),
        ({"weight_decay": -1}, ["weight_decay"]),
        ({"warmup_steps": 1.5}, ["warmup_steps"]),
        ({"quantize_delay": -2}, ["quantize_delay", "-2"]),
        (
            {"init_checkpoint": "nowhere"},
            ["nowhere: expected a checkpoint, found none"],
        ),
        ({"batch_size": 0}, ["batch_size", "positive"]),
        ({"is_color": "grey"}, ["is_color", "grey"]),
        ({"train_dir": None}, ["train_dir"]),
        ({"val_tfr": None}, ["val_tfr"]),
        # A layer without channels could not learn: int(8 * 0.1) = 0.
        ({"depth_multiplier": 0.1}, ["depth_multiplier"]),
        ({"moving_average_decay": 1}, ["moving_average_decay"]),
    ],
)
def test_wrong_flags_are_refused(run_train, tmp_path, flags, words):
    done = run_train(tmp_path / "model", status=1, **flags)
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not (tmp_path / "model").exists()


def test_stray_words_are_refused(run_train, tmp_path):
    done = run_train(tmp_path / "model", "stray", status=1)
    assert "expected only flags, found: stray" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()


def test_train_dir_that_is_a_file(run_train, tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    for train_dir in (path, path / "model"):
        done = run_train(train_dir, status=1)
        assert (
            done.stderr == f"train_slim.py: {path}: expected a folder, found a file\n"
        )


@pytest.mark.parametrize("flag", ["train_dir", "train_tfr", "val_tfr"])
def test_paths_that_tensorflow_cannot_have(run_train, tmp_path, record_paths, flag):
    path = tmp_path / os.fsdecode(b"caf\xe9")
    if flag != "train_dir":
        shutil.copy(record_paths[0], path)
    flags = {"train_dir": tmp_path / "model"} | {flag: path}
    done = run_train(flags.pop("train_dir"), status=1, **flags)
    assert "expected a path in UTF-8" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "model").exists()


def test_failures_are_sentences(run_train, tmp_path, trained_dir):
    none = tmp_path / "none.tfrecord"
    done = run_train(tmp_path / "model", status=1, val_tfr=none)
    assert done.stderr.startswith(f"train_slim.py: {none}: expected")
    assert "Traceback" not in done.stderr

    done = run_train(trained_dir, status=1)
    assert "expected the settings that this folder was trained with" in done.stderr
    assert "\n- --depth_multiplier=0.5\n" in done.stderr
    assert "\n+ --depth_multiplier=0.25\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_exploding_run_ends_with_a_sentence(run_train, tmp_path):
    done = run_train(
        tmp_path / "model",
        status=1,
        loss="l2",
        learning_rate=1e30,
        max_number_of_steps=5,
    )
    assert "expected a finite loss, found" in done.stderr
    assert "at step 2" in done.stderr
    assert "Traceback" not in done.stderr
