r"""Copies what is worth keeping of an evaluated and exported model into a folder.

Reads: TRAIN_DIR, a model that has been evaluated and exported.
Writes, into OUT_DIR: its .tflite, metrics.json, export.json, train_setting.txt, the
newest checkpoint without what only training needs, and a reference to check a port
against: reference.png, a patch, and reference.json, what each .tflite makes of it.

    PYTHONPATH=. python scripts/publish_model.py runs/landmark_56 pretrained/landmark_56
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from landmark import export, files, settings, synthetic
from landmark.model import CheckpointModel
from landmark.tflite import TfliteModel


def _write_reference(folder, size):
    patches, _ = synthetic.draw_patches(np.random.default_rng(0), 1, size)
    files.write_image(folder / "reference.png", patches[0])
    points = {
        path.name: TfliteModel(path).predict(patches).ravel().round(6).tolist()
        for path in sorted(folder.glob("*.tflite"))
    }
    files.write_text(folder / "reference.json", json.dumps(points, indent=0) + "\n")


def main(train_dir, out_dir):
    train_dir, out_dir = Path(train_dir), Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    model = CheckpointModel(train_dir)
    with model.session.graph.as_default():
        saver = tf.compat.v1.train.Saver(model.variables)
        path = out_dir / Path(model.checkpoint).name
        saver.save(model.session, str(path), write_meta_graph=False, write_state=False)
    names = [path.name for path in train_dir.glob("landmark.*.tflite")]
    for name in (settings.FILE_NAME, "metrics.json", export.REPORT_NAME, *names):
        shutil.copy(train_dir / name, out_dir)
    _write_reference(out_dir, model.input_size)
    print(f"Wrote {out_dir}")


if __name__ == "__main__":
    main(*sys.argv[1:])
