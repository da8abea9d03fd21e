r"""Copies what is worth keeping of an evaluated and exported model into a folder.

Reads: TRAIN_DIR, a model that has been evaluated and exported.
Writes, into OUT_DIR: its .tflite, metrics.json, export.json, train_setting.txt, the
newest checkpoint without what only training needs, and a reference to check a port
against: reference.png, a patch, and reference.json, what each .tflite makes of it.

    python -m scripts.publish_model runs/landmark_56 pretrained/landmark_56
"""

import json
import shutil
from pathlib import Path

import numpy as np

from landmark.files import disk
from landmark.files.photos import write_image
from landmark.model import settings
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr
from landmark.synthetic.faces import draw_patches


def _write_reference(folder, size):
    patches, _ = draw_patches(np.random.default_rng(0), 1, size)
    write_image(folder / "reference.png", patches[0])
    expected = {}
    for path in sorted(folder.glob("*.tflite")):
        points, spread = TfliteModel(path).predict_with_spread(patches)
        expected[path.name] = {"points": points.ravel().round(6).tolist()}
        if np.isfinite(spread).all():
            expected[path.name]["spread"] = spread.ravel().round(6).tolist()
    text = json.dumps(expected, indent=0) + "\n"
    disk.write_text(folder / "reference.json", text)


def main(argv):
    with quiet_stderr():
        import tensorflow as tf

        from landmark.model import export
        from landmark.model.checkpoint import CheckpointModel

    train_dir, out_dir = Path(argv[1]), Path(argv[2])
    model = CheckpointModel(train_dir)
    name = Path(model.checkpoint).name
    for path in (train_dir / "metrics.json", train_dir / export.REPORT_NAME):
        of = json.loads(disk.read_text(path))["checkpoint"]
        if of != name:
            raise InputError(f"{path}: expected figures of {name}, found those of {of}")
    out_dir.mkdir(parents=True, exist_ok=True)
    for pattern in ("model.ckpt-*", "landmark.*.tflite"):
        for path in out_dir.glob(pattern):
            path.unlink()
    with model.session.graph.as_default():
        saver = tf.compat.v1.train.Saver(model.variables)
        path = str(out_dir / name)
        saver.save(model.session, path, write_meta_graph=False, write_state=False)
    tflites = [path.name for path in train_dir.glob("landmark.*.tflite")]
    for copied in (settings.FILE_NAME, "metrics.json", export.REPORT_NAME, *tflites):
        shutil.copy(train_dir / copied, out_dir)
    _write_reference(out_dir, model.input_size)
    print(f"Wrote {out_dir}")


if __name__ == "__main__":
    cli.run(main, arguments="TRAIN_DIR OUT_DIR")
