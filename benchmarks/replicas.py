r"""Training in several processes on this machine, beside training in one.

Reads: records of scripts/landmark_56.flags.

All make the same steps with the same batches, which several processes share; cores are
shared evenly, too. `steps/s` is of the recipe with all its augmentation, from step 100
on. `curve` is how far the losses and validation errors of a training without
augmentation and batch norm are from those of one process, at most, over 100 steps.

    python -m benchmarks.replicas --train_tfr=wide.56.train.tfrecord \
        --val_tfr=wide.56.val.tfrecord --write_path=runs/replicas --counts=1,2,4
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from absl import flags

from landmark.script import cli, workers
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr
from landmark.training.cluster import VARIABLE

_TRAIN_TFR = flags.DEFINE_string("train_tfr", None, "Records.", required=True)
_VAL_TFR = flags.DEFINE_string("val_tfr", None, "Records.", required=True)
_WRITE_PATH = flags.DEFINE_string(
    "write_path", None, "Folder for the trainings; what is there goes.", required=True
)
_COUNTS = flags.DEFINE_list("counts", ["1", "2"], "Numbers of processes; 1 is first.")

_PROJECT = Path(__file__).resolve().parent.parent
_RECIPE = ("--flagfile=scripts/landmark_56.flags", "--max_number_of_steps=400")
_PLAIN = (
    *("--net=lannet", "--depth_multiplier=1", "--optimizer=momentum"),
    *("--momentum=0.9", "--learning_rate=0.01", "--batch_size=32"),
    "--max_number_of_steps=100",
)
_FIRST, _LAST = 100, 400  # Steps of the recipe that are timed.


def _free_addresses(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def _train(words, count, folder, interval):
    """Trains in `count` processes; returns the folder of the chief's."""
    addresses, processes = _free_addresses(count), []
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for index in range(count):
        task = {"type": "worker", "index": index}
        config = {"cluster": {"worker": addresses}, "task": task}
        environment = {
            **os.environ,
            VARIABLE: json.dumps(config) if count > 1 else "",
            "TF_NUM_INTRAOP_THREADS": str(max(1, workers.count_cores() // count)),
        }
        command = [
            *(sys.executable, _PROJECT / "train_slim.py", *words, "--seed=1"),
            *(f"--train_tfr={_TRAIN_TFR.value}", f"--val_tfr={_VAL_TFR.value}"),
            *(f"--train_dir={folder}/{index}", f"--validation_interval={interval}"),
        ]
        with open(folder / f"{index}.txt", "w") as log:
            processes.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            )
    statuses = [process.wait() for process in processes]
    if any(statuses):
        raise InputError(f"{folder}: expected trainings that end, found {statuses}")
    return folder / "0"


def _read_curve(folder):
    """Returns (tag, step) -> (time, value) of the summaries of a training."""
    with quiet_stderr():
        from tensorflow.compat.v1 import train
    found = {}
    for path in folder.glob("events*"):
        for event in train.summary_iterator(str(path)):
            for value in event.summary.value:
                found[value.tag, event.step] = event.wall_time, value.simple_value
    return found


def _measure(count, root):
    """Returns (steps a second of the recipe, curve of the plain training)."""
    recipe = _read_curve(_train(_RECIPE, count, root / f"recipe-{count}", 1000))
    times = [recipe["loss/total", step][0] for step in (_FIRST, _LAST)]
    plain = _read_curve(_train(_PLAIN, count, root / f"plain-{count}", 10))
    return (_LAST - _FIRST) / (times[1] - times[0]), plain


def main(argv):
    counts, root = list(map(int, _COUNTS.value)), Path(_WRITE_PATH.value).resolve()
    if counts[0] != 1:
        raise InputError(f"--counts: expected 1 first, found {counts[0]}")
    bar = progress_bar(counts, desc="training", unit="cluster")
    rates, curves = zip(*(_measure(count, root) for count in bar), strict=True)
    print("processes  steps/s  of one    curve")
    for count, rate, curve in zip(counts, rates, curves, strict=True):
        apart = max(abs(curve[k][1] - value) for k, (_, value) in curves[0].items())
        print(f"{count:9d} {rate:8.2f} {rate / rates[0]:6.2f}x {apart:8.1e}")


if __name__ == "__main__":
    cli.run(main)
