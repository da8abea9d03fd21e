"""scripts/label_patches.py as people run it."""

import os
import subprocess
import sys

import numpy as np
from conftest import PROJECT

from landmark import files, geometry, metrics, synthetic
from landmark.tflite import TfliteModel

MODEL = PROJECT / "pretrained" / "landmark_56" / "landmark.float.tflite"


def run(*words):
    script = str(PROJECT / "scripts" / "label_patches.py")
    return subprocess.run(
        [sys.executable, script, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )


def test_patches_get_the_points_of_the_model(tmp_path):
    rng = np.random.default_rng(1)
    patches, points = synthetic.draw_patches(rng, 6, 100)
    margin = 30  # 0.3 of the crop.
    files.write_margin(tmp_path, 0.3)
    model = TfliteModel(MODEL)
    expected = {}
    for index, (patch, truth) in enumerate(zip(patches, points, strict=True)):
        wide = np.pad(patch, [(margin, margin), (margin, margin), (0, 0)], mode="edge")
        stem = tmp_path / f"face.{index}"
        files.write_patch(stem, wide, (truth * 100 + margin) / 160)
        small = geometry.resize_patch(patch, 56)[None]
        expected[f"{stem}"] = (model.predict(small)[0] * 100 + margin) / 160
    noise = rng.integers(0, 256, (160, 160, 3), np.uint8)
    files.write_patch(tmp_path / "noise", noise, (points[0] * 100 + margin) / 160)

    done = run(tmp_path, MODEL)
    assert done.returncode == 0, done.stderr
    kept = sorted(path.stem for path in tmp_path.glob("*.png"))
    assert "noise" not in kept
    assert done.stdout == f"{len(kept)} of 7 patches labelled, the others removed\n"
    assert len(kept) >= 3
    assert len(list(tmp_path.glob("*.npts"))) == len(kept)
    for name in kept:
        found = files.read_npts(tmp_path / f"{name}.npts")
        single = expected[str(tmp_path / name)]
        # An average over four crops is near that of one, and not the same.
        _, (nme,) = metrics.face_errors(found[None], single[None])
        assert 0 < nme < 0.05


def test_mistakes_are_sentences(tmp_path):
    done = run(tmp_path, MODEL)
    assert done.returncode == 1
    assert done.stderr == (
        f"label_patches.py: {tmp_path}: expected patches with a margin, found none\n"
    )
    assert run(tmp_path).returncode != 0
