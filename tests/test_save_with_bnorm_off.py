"""save_with_bnorm_off.py as people run it."""

import re
import shutil

import numpy as np
import pytest

from landmark import synthetic
from landmark.model import CheckpointModel
from landmark.tflite import TfliteModel


@pytest.fixture
def models_dir(tmp_path, train_model):
    """A folder with a colour and, further down, a grey model."""
    folder = tmp_path / "runs"
    for name, changes in (("colour", {}), ("deep/grey", {"is_color": False})):
        trained = train_model(max_number_of_steps=2, **changes)
        (folder / name).mkdir(parents=True)
        for path in trained.iterdir():
            shutil.copy(path, folder / name)
    return folder


def test_writes_a_tflite_for_each_model(run_script, models_dir, record_paths):
    done = run_script(
        "save_with_bnorm_off", models_dir=models_dir, tfrecord=record_paths[1]
    )
    patches = synthetic.draw_patches(np.random.default_rng(8), 4, 56)[0]
    wrote = [line for line in done.stdout.splitlines() if line.startswith("Wrote ")]
    assert len(wrote) == 2
    for line, name in zip(wrote, ("colour", "deep/grey"), strict=True):
        path = models_dir / name / "landmark.float.tflite"
        size, difference = re.fullmatch(
            rf"Wrote {path} \(([\d.]+) MB, within (\S+) of the checkpoint\)", line
        ).groups()
        assert float(size) == pytest.approx(path.stat().st_size / 1e6, abs=0.006)
        assert 0 <= float(difference) < 1e-5
        expected = CheckpointModel(models_dir / name).predict(patches)
        found = TfliteModel(path).predict(patches)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_bad_model_does_not_stop_the_others(run_script, models_dir):
    path = models_dir / "colour" / "train_setting.txt"
    path.write_text(path.read_text().replace("multiplier=0.5", "multiplier=2.0"))
    done = run_script("save_with_bnorm_off", models_dir=models_dir, status=1)
    assert "model.ckpt-2: expected lannet/conv1/weights of shape" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (models_dir / "colour" / "landmark.float.tflite").exists()
    good = models_dir / "deep" / "grey" / "landmark.float.tflite"
    assert f"Wrote {good} (" in done.stdout
    assert TfliteModel(good).input_size == 56


def test_failures_are_sentences(run_script, tmp_path):
    done = run_script("save_with_bnorm_off", models_dir=tmp_path, status=1)
    assert done.stderr == (
        f"save_with_bnorm_off.py: {tmp_path}: expected folders with train_setting.txt "
        "and a checkpoint, found none\n"
    )
    done = run_script("save_with_bnorm_off", status=1)
    assert "--models_dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_shows_its_flags(run_script):
    text = run_script("save_with_bnorm_off", "--help", status=1).stdout
    assert re.findall(r"\n  --(\w+):", text) == ["models_dir", "tfrecord"]
