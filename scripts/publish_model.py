r"""Copies what is worth keeping of an evaluated and exported model into a folder.

Reads: TRAIN_DIR, a model that has been evaluated and exported.
Writes, into OUT_DIR: its .tflite, metrics.json, export.json, train_setting.txt, and the
newest checkpoint without what only training needs.

    PYTHONPATH=. python scripts/publish_model.py runs/landmark_56 pretrained/landmark_56
"""

import shutil
import sys
from pathlib import Path

import tensorflow as tf

from landmark import export, settings
from landmark.model import CheckpointModel


def main(train_dir, out_dir):
    Path(out_dir).mkdir(parents=True, exist_ok=True)
    model = CheckpointModel(train_dir)
    with model.session.graph.as_default():
        saver = tf.compat.v1.train.Saver(model.variables)
        path = Path(out_dir, Path(model.checkpoint).name)
        saver.save(model.session, str(path), write_meta_graph=False, write_state=False)
    names = [path.name for path in Path(train_dir).glob("landmark.*.tflite")]
    for name in (settings.FILE_NAME, "metrics.json", export.REPORT_NAME, *names):
        shutil.copy(Path(train_dir, name), out_dir)
    print(f"Wrote {out_dir}")


if __name__ == "__main__":
    main(*sys.argv[1:])
