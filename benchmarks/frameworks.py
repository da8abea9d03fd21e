r"""Steps a second of training: train_slim.py beside Keras and PyTorch.

Ours are those of scripts/landmark_56.flags with its input pipeline and augmentation;
Keras' `fit` and PyTorch (channels_last, its faster way) train the same network with
the same loss and optimiser, and see one batch again and again. All take turns.

    python3 -m venv .venv-torch && .venv-torch/bin/pip install torch==2.13.0 numpy
    python -m benchmarks.frameworks --tfrecord=wide.56.train.tfrecord \
        --torch_python=.venv-torch/bin/python
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from absl import flags

from landmark.files import disk
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr

_TFRECORD = flags.DEFINE_string("tfrecord", None, "Training records.", required=True)
_TORCH_PYTHON = flags.DEFINE_string(
    "torch_python", None, "Python of an environment with PyTorch; else it is left out."
)
_MODEL_DIR = flags.DEFINE_string(
    "model_dir", "pretrained/landmark_56", "Model with the settings of training."
)
_ROUNDS, _STEPS = 12, 20
_HERE = Path(__file__).resolve().parent


class _Rival:
    """A script that makes steps when it is asked to, in a process of its own."""

    def __init__(self, python, name):
        self._process = subprocess.Popen(
            [python, _HERE / f"{name}.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            text=True,
        )
        self._name = name
        self.num_weights = int(self._read())

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            raise InputError(f"{self._name}: expected that it runs, found that it ends")
        return line

    def run(self):
        """Returns the seconds of _STEPS steps."""
        self._process.stdin.write(f"{_STEPS}\n")
        self._process.stdin.flush()
        return float(self._read())


def _open_own():
    """Returns the function that makes _STEPS of our steps, and times them."""
    import dataclasses

    from landmark.model import settings

    with quiet_stderr():
        from benchmarks.training_costs import Steps
    steps = Steps(
        dataclasses.replace(
            settings.read_settings(_MODEL_DIR.value),
            train_tfr=_TFRECORD.value,
            val_tfr=_TFRECORD.value,
        )
    )

    def run():
        start = time.perf_counter()
        for _ in range(_STEPS):
            steps.run()
        return time.perf_counter() - start

    return run


def main(argv):
    disk.require_file(_TFRECORD.value)
    rivals = {"Keras fit": _Rival(sys.executable, "framework_keras")}
    if _TORCH_PYTHON.value:
        rivals["PyTorch"] = _Rival(_TORCH_PYTHON.value, "framework_torch")
    actions = {"ours": _open_own()} | {name: r.run for name, r in rivals.items()}
    seconds = {name: [] for name in actions}
    for number in progress_bar(range(-1, _ROUNDS), desc="timing", unit="round"):
        for name, action in actions.items():
            taken = action()
            if number >= 0:
                seconds[name].append(taken)
    rates = {name: _STEPS / np.median(taken) for name, taken in seconds.items()}
    print("steps/s  ours beside  weights  of")
    for name, rate in rates.items():
        weights = str(rivals[name].num_weights) if name in rivals else ""
        print(f"{rate:7.1f} {rates['ours'] / rate:11.2f}x {weights:>8}  {name}")


if __name__ == "__main__":
    cli.run(main)
