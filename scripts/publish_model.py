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
from landmark.model import locate, settings
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr
from landmark.synthetic.faces import draw_patches

_REPORTS = ("metrics.json", "export.json")


def _check(train_dir, out_dir):
    """Refuses what cannot be published, before TensorFlow is loaded."""
    disk.require_folder(train_dir)
    locate.check_folder(out_dir)
    if train_dir.resolve() == out_dir.resolve():
        raise InputError(f"{out_dir}: expected another folder than the model's")
    name = Path(locate.find_checkpoint(train_dir)).name
    settings.read_settings(train_dir)
    for path in (train_dir / report for report in _REPORTS):
        try:
            of = json.loads(disk.read_text(path))["checkpoint"]
        except (json.JSONDecodeError, KeyError, TypeError):
            of = "no checkpoint"
        if of != name:
            raise InputError(f"{path}: expected figures of {name}, found those of {of}")


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
    train_dir, out_dir = Path(argv[1]), Path(argv[2])
    _check(train_dir, out_dir)
    with quiet_stderr():
        import tensorflow as tf

        from landmark.model.checkpoint import CheckpointModel

    model = CheckpointModel(train_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    for pattern in ("model.ckpt-*", "landmark.*.tflite"):
        for path in out_dir.glob(pattern):
            path.unlink()
    with model.session.graph.as_default():
        saver = tf.compat.v1.train.Saver(model.variables)
        path = str(out_dir / Path(model.checkpoint).name)
        saver.save(model.session, path, write_meta_graph=False, write_state=False)
    tflites = [path.name for path in train_dir.glob("landmark.*.tflite")]
    for copied in (settings.FILE_NAME, settings.DATA_NAME, *_REPORTS, *tflites):
        if (train_dir / copied).exists():  # Older models have no data.json.
            shutil.copy(train_dir / copied, out_dir)
    _write_reference(out_dir, model.input_size)
    print(f"Wrote {out_dir}")


if __name__ == "__main__":
    cli.run(main, arguments="TRAIN_DIR OUT_DIR")
