"""save_with_bnorm_off.py as people run it."""

import json
import re
import shutil

import numpy as np
import pytest

from landmark.dataset import records
from landmark.model.checkpoint import CheckpointModel
from landmark.model.tflite import TfliteModel
from landmark.synthetic.faces import draw_patches


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


COLUMNS = ("MB", "max diff", "mean diff", "<=1/256", "NME%", "ratio", "ms")


def read_table(text):
    """Returns path -> {heading: number} of the table that the script prints."""
    lines = text.partition("\nDifferences")[0].splitlines()
    header, *rows = [line for line in lines if "failed" not in line]
    headings = re.findall(r"\w+ diff|\S+", header)
    assert headings[-1] == "file"
    table = {}
    for row in rows:
        *numbers, path = row.replace("%", "").split()
        table[path] = dict(zip(headings, map(float, numbers), strict=False))
    return table


def test_writes_a_tflite_for_each_model(run_script, models_dir, record_paths):
    done = run_script(
        "save_with_bnorm_off", models_dir=models_dir, tfrecord=record_paths[1]
    )
    patches = draw_patches(np.random.default_rng(8), 4, 56)[0]
    table = read_table(done.stdout)
    assert len(table) == 2
    for name in ("colour", "deep/grey"):
        path = models_dir / name / "landmark.float.tflite"
        row = table[str(path)]
        assert list(row) == [*COLUMNS]
        assert row["MB"] == pytest.approx(path.stat().st_size / 1e6, abs=0.006)
        assert 0 <= row["mean diff"] <= row["max diff"] < 1e-5
        assert row["<=1/256"] == 100
        assert row["ratio"] == pytest.approx(1, abs=1e-3)
        report = json.loads(path.with_name("export.json").read_text())
        figures = report["variants"]["float"]
        assert row["NME%"] == pytest.approx(100 * figures["nme_inter_ocular"], abs=1e-3)
        expected = CheckpointModel(models_dir / name).predict(patches)
        found = TfliteModel(path).predict(patches)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        told = figures["delegates"]
        assert told["not_xnnpack"] == told["not_gpu"] == []
        assert f"{path}: XNNPACK runs {told['operators']} of" in done.stdout


def test_writes_the_variants_that_are_asked_for(run_script, models_dir, record_paths):
    done = run_script(
        "save_with_bnorm_off",
        models_dir=models_dir,
        variants="int8,float16",
        calibration_tfrecord=record_paths[0],
        max_nme_ratio=3,
    )
    found = sorted(path.name for path in models_dir.rglob("*.tflite"))
    assert found == ["landmark.float16.tflite"] * 2 + ["landmark.int8.tflite"] * 2
    assert len(read_table(done.stdout)) == 4


def test_error_is_told_by_records_only(run_script, tmp_path, train_model, record_paths):
    trained = train_model(
        net="resnet_simcc", learning_rate=0.005, max_number_of_steps=2
    )
    shutil.copytree(trained, tmp_path / "bins")
    for flags, tells in (({"tfrecord": record_paths[1]}, True), ({}, False)):
        run_script("save_with_bnorm_off", models_dir=tmp_path, **flags)
        model = TfliteModel(tmp_path / "bins" / "landmark.float.tflite")
        assert (model.error_per_spread is not None) == tells


def test_too_large_an_error_fails_the_export(run_script, models_dir):
    flags = {"models_dir": models_dir / "colour", "variants": "float,int8"}
    done = run_script("save_with_bnorm_off", **flags, status=1)
    failed = f"failed {models_dir / 'colour'}/model.ckpt-2: "
    assert failed in done.stdout
    assert "expected a model trained with quantisation" in done.stdout
    assert "--calibration_tfrecord" in done.stdout
    assert "expected a model to export, found that all failed" in done.stderr
    assert not list(models_dir.rglob("*.tflite"))


def test_one_bad_model_does_not_stop_the_others(run_script, models_dir):
    path = models_dir / "colour" / "train_setting.txt"
    path.write_text(path.read_text().replace("multiplier=0.5", "multiplier=2.0"))
    done = run_script("save_with_bnorm_off", models_dir=models_dir, status=3)
    assert "model.ckpt-2: expected lannet/conv1/weights of shape" in done.stdout
    assert "\n1 of 2 models failed\n" in done.stdout
    assert "on 64 drawn faces (--tfrecord=... for real ones)" in done.stdout
    assert "Traceback" not in done.stderr
    assert not (models_dir / "colour" / "landmark.float.tflite").exists()
    good = models_dir / "deep" / "grey" / "landmark.float.tflite"
    assert list(read_table(done.stdout)) == [str(good)]
    assert TfliteModel(good).input_size == 56


def test_failure_names_the_model(run_script, models_dir, tmp_path):
    path = tmp_path / "small.tfrecord"
    patches, points = draw_patches(np.random.default_rng(0), 2, 40)
    records.write_records(path, [(patches[0], points[0], "a")])
    flags = {"models_dir": models_dir / "colour", "tfrecord": path}
    done = run_script("save_with_bnorm_off", **flags, status=1)
    assert f"failed {models_dir / 'colour'}: {path}: expected patches" in done.stdout


def test_failures_are_sentences(run_script, tmp_path):
    done = run_script("save_with_bnorm_off", models_dir=tmp_path, status=1)
    assert done.stderr == (
        f"save_with_bnorm_off.py: {tmp_path}: expected folders with train_setting.txt "
        "and a checkpoint, found none\n"
    )
    done = run_script("save_with_bnorm_off", status=1)
    assert "--models_dir" in done.stderr
    assert "Traceback" not in done.stderr
    done = run_script(
        "save_with_bnorm_off", models_dir=tmp_path, variants="float,int4", status=1
    )
    assert "expected some of float, float16, dynamic, int8" in done.stderr


def test_help_shows_its_flags(run_script):
    text = run_script("save_with_bnorm_off", "--help").stdout
    assert re.findall(r"\n  --(\w+)=", text) == [
        "models_dir",
        "variants",
        "calibration_tfrecord",
        "tfrecord",
        "max_nme_ratio",
    ]
