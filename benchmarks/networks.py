r"""What trained networks cost: multiplications, weights, time to run and to train.

Reads: exported model folders (train_setting.txt, landmark.float.tflite), a record file.

A face is timed on one thread. Training is timed as train_slim.py does it; with one
batch that is already there, for the share of the time spent in the network (the rest
goes into reading and augmentation); and quantised, for its speed relative to float.
All take turns.

    python -m benchmarks.networks --tfrecord=wide.56.train.tfrecord \
        pretrained/landmark_56
"""

import dataclasses
import time
from pathlib import Path

import numpy as np
from absl import flags

from landmark.files import disk
from landmark.model import settings
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr

_TFRECORD = flags.DEFINE_string(
    "tfrecord", None, "Training records of the models' input size.", required=True
)
_FACES = 500
_STEPS = 30


def _time(actions, repeats):
    """Runs actions, name -> function, in turn; returns name -> median seconds."""
    times = {name: [] for name in actions}
    for repeat in progress_bar(range(-3, repeats), desc="timing", unit="round"):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if repeat >= 0:
                times[name].append(time.perf_counter() - start)
    return {name: np.median(values) for name, values in times.items()}


def _open_models(folders):
    """Returns folder -> function that finds the points of a face."""
    models = {}
    for folder in folders:
        model = TfliteModel(folder / "landmark.float.tflite", num_threads=1)
        patch = np.zeros((1, model.input_size, model.input_size, 3), np.uint8)
        models[folder] = lambda model=model, patch=patch: model.predict(patch)
    return models


def main(argv):
    disk.require_file(_TFRECORD.value)
    folders = [Path(path) for path in argv[1:]]
    models, steps = _open_models(folders), {}
    with quiet_stderr():
        from benchmarks.training_costs import Steps, count_costs
    for folder in folders:
        train_settings = dataclasses.replace(
            settings.read_settings(folder),
            train_tfr=_TFRECORD.value,
            val_tfr=_TFRECORD.value,
        )
        steps[folder, "usual"] = Steps(train_settings).run
        steps[folder, "fed"] = Steps(train_settings, is_fed=True).run
        steps[folder, "quantised"] = Steps(train_settings, is_quantized=True).run
    face = _time(models, _FACES)
    step = _time(steps, _STEPS)
    print(" MMACs  k weights  ms a face  steps/s  in network  quantised  model")
    for folder in folders:
        multiplications, weights = count_costs(settings.read_settings(folder))
        print(
            f"{multiplications / 1e6:6.1f} {weights / 1e3:10.0f} "
            f"{1000 * face[folder]:10.3f} {1 / step[folder, 'usual']:8.1f} "
            f"{step[folder, 'fed'] / step[folder, 'usual']:10.0%} "
            f"{step[folder, 'usual'] / step[folder, 'quantised']:9.2f}x  {folder}"
        )


if __name__ == "__main__":
    cli.run(main, arguments="MODEL_DIR ...")
