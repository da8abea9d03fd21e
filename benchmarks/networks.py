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

from landmark.model import settings
from landmark.model.tflite import TfliteModel
from landmark.script import cli
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr

with quiet_stderr():
    import tensorflow as tf

    from landmark.model import export, nets
    from landmark.model.quantize import Mode
    from landmark.training import loop

v1 = tf.compat.v1

_TFRECORD = flags.DEFINE_string(
    "tfrecord", None, "Training records of the models' input size.", required=True
)
_FACES = 500
_STEPS = 30


def _count(train_settings):
    """Returns (multiplications for a face, trainable weights)."""
    size, channels = train_settings.input_size, train_settings.channels
    with tf.Graph().as_default() as graph:
        images = v1.placeholder(tf.float32, [1, size, size, channels])
        nets.build_network(images, False, train_settings)
        options = v1.profiler.ProfileOptionBuilder.float_operation()
        profile = v1.profiler.profile(
            graph,
            cmd="op",
            options={**options, "output": "none"},
        )
        weights = sum(v.shape.num_elements() for v in v1.trainable_variables())
        return profile.total_float_ops / 2, weights


class _Steps:
    """Training steps of one model; is_fed takes reading and augmentation out."""

    def __init__(self, train_settings, is_fed=False, mode=Mode.FLOAT):
        with tf.Graph().as_default() as graph:
            self._train_op = loop.build_training(train_settings, mode)[0]
            self._session = v1.Session(graph=graph)
            self._session.run(v1.global_variables_initializer())
            self._feed = {}
            if is_fed:
                batches = graph.get_operation_by_name("IteratorGetNext").outputs
                values = self._session.run(batches)
                self._feed = dict(zip(batches, values, strict=True))

    def run(self):
        self._session.run(self._train_op, self._feed)


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


def main(argv):
    folders = [Path(path) for path in argv[1:]]
    models, steps = {}, {}
    for folder in folders:
        model = TfliteModel(folder / export.file_name("float"), num_threads=1)
        patch = np.zeros((1, model.input_size, model.input_size, 3), np.uint8)
        models[folder] = lambda model=model, patch=patch: model.predict(patch)
        train_settings = dataclasses.replace(
            settings.read_settings(folder),
            train_tfr=_TFRECORD.value,
            val_tfr=_TFRECORD.value,
        )
        steps[folder, "usual"] = _Steps(train_settings).run
        steps[folder, "fed"] = _Steps(train_settings, is_fed=True).run
        steps[folder, "quantised"] = _Steps(train_settings, mode=Mode.TRAIN).run
    face = _time(models, _FACES)
    step = _time(steps, _STEPS)
    print(" MMACs  k weights  ms a face  steps/s  in network  quantised  model")
    for folder in folders:
        multiplications, weights = _count(settings.read_settings(folder))
        print(
            f"{multiplications / 1e6:6.1f} {weights / 1e3:10.0f} "
            f"{1000 * face[folder]:10.3f} {1 / step[folder, 'usual']:8.1f} "
            f"{step[folder, 'fed'] / step[folder, 'usual']:10.0%} "
            f"{step[folder, 'usual'] / step[folder, 'quantised']:9.2f}x  {folder}"
        )


if __name__ == "__main__":
    cli.run(main, arguments="MODEL_DIR ...")
