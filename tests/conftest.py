"""What many tests need: photos, records, a trained model, a detector."""

import functools
import gc
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from warm import Warm

from landmark.files.photos import write_image
from landmark.files.pts import write_pts
from landmark.model import settings
from landmark.synthetic.faces import draw_face, draw_patches

# TensorFlow's graphs are small objects by the hundred thousand; looking for unused ones
# among them as often as Python does takes a tenth of the time.
gc.set_threshold(20_000, 50)

PROJECT = Path(__file__).resolve().parent.parent
SIZE = 56


def read_scalars(train_dir):
    """Returns (tag, step) -> value of all summaries of a folder."""
    from tensorflow.compat import v1

    events = itertools.chain.from_iterable(
        v1.train.summary_iterator(str(path))
        for path in sorted(train_dir.glob("events*"))
    )
    return {
        (value.tag, event.step): value.simple_value
        for event in events
        for value in event.summary.value
    }


def run_tool(name, *words):
    """Runs a script of scripts/ in a process of its own; returns what it says."""
    return subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / f"{name}.py"), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )


@pytest.fixture(scope="session")
def run_script():
    """Runs a stage script in a process of its own: (name, **flags) -> CompletedProcess.

    A flag of None is left out. The script must end with `status` (default 0).
    """
    processes = Warm()

    def run(name, *words, status=0, **flags):
        words = [*words, *(f"--{k}={v}" for k, v in flags.items() if v is not None)]
        command = [PROJECT / f"{name}.py", *words]
        done = processes.run(list(map(str, command)))
        assert done.returncode == status, done.stdout + done.stderr
        return done

    yield run
    processes.close()


@pytest.fixture(scope="session")
def collection(tmp_path_factory):
    """A folder with 12 annotated synthetic photos."""
    folder = tmp_path_factory.mktemp("collection")
    for index in range(12):
        image, points_image = draw_face(np.random.default_rng([9, index]))
        write_image(folder / f"face_{index:02d}.jpg", image)
        write_pts(folder / f"face_{index:02d}.pts", points_image)
    return folder


@pytest.fixture(scope="session")
def samples():
    """24 synthetic (patch, points, name) samples of SIZE pixels."""
    patches, points = draw_patches(np.random.default_rng(5), 24, SIZE)
    names = [f"face_{index:02d}" for index in range(len(patches))]
    return list(zip(patches, points, names, strict=True))


@pytest.fixture(scope="session")
def record_paths(tmp_path_factory, samples):
    """(training, validation) record files of 16 and 8 samples."""
    from landmark.dataset import records

    folder = tmp_path_factory.mktemp("records")
    paths = folder / "train.tfrecord", folder / "val.tfrecord"
    records.write_records(paths[0], samples[:16])
    records.write_records(paths[1], samples[16:])
    return paths


@pytest.fixture(scope="session")
def make_settings(record_paths):
    """Makes TrainSettings of a small, quick model; keywords change single settings."""

    def make(**changes):
        values = dict(
            train_tfr=str(record_paths[0]),
            val_tfr=str(record_paths[1]),
            init_checkpoint=None,
            net="lannet",
            input_size=SIZE,
            is_color=True,
            augment=False,
            augment_rotate=15.0,
            augment_scale=0.08,
            augment_shift=0.05,
            augment_flip=True,
            augment_gray=0.15,
            augment_light=0.2,
            augment_blur=0.2,
            augment_occlusion=0.3,
            augment_noise=10.0,
            augment_jpeg=0.1,
            depth_multiplier=0.5,
            depth_gamma=1.0,
            use_batch_norm=True,
            loss="l1",
            bins_weight=0.02,
            weight_decay=0.0,
            wing_w=0.5,
            wing_eps=2.0,
            regularizer="none",
            regularizer_lambda=0.004,
            regularizer_lambda_2=0.004,
            batch_size=8,
            seed=1,
            max_number_of_steps=4,
            optimizer="adam",
            learning_rate=0.001,
            learning_rate_decay_type="exponential",
            learning_rate_decay_factor=0.94,
            learning_rate_decay_step=50000,
            learning_rate_decay_staircase=True,
            end_learning_rate=0.00005,
            warmup_steps=0,
            momentum=0.99,
            rmsprop_momentum=0.9,
            rmsprop_decay=0.9,
            adam_beta1=0.9,
            adam_beta2=0.999,
            moving_average_decay=None,
            quantize_delay=-1,
        )
        return settings.TrainSettings(**(values | changes))

    return make


@pytest.fixture(scope="session")
def train_model(tmp_path_factory, make_settings):
    """Trains a small model and returns a folder to do with as one likes.

    Keywords change settings. The same again is not trained again.
    """
    from landmark.training import loop

    @functools.cache
    def train_once(validation_interval, **changes):
        folder = tmp_path_factory.mktemp("trained") / "model"
        loop.train(folder, make_settings(**changes), validation_interval)
        return folder

    def train(validation_interval=2, **changes):
        folder = tmp_path_factory.mktemp("models") / "model"
        return shutil.copytree(train_once(validation_interval, **changes), folder)

    return train


@pytest.fixture(scope="session")
def trained_dir(train_model):
    """Folder of a small model, trained for four steps; not to be changed."""
    return train_model()


@pytest.fixture(scope="session")
def write_detector_graph():
    """Writes a frozen graph that always finds the given boxes.

    (path, boxes (n, 4) as ymin xmin ymax xmax 0..1, scores (n,), scheme "api" or
    "faceboxes", size of its input or None for any).
    """
    import tensorflow as tf

    names = {
        "api": ("detection_boxes", "detection_scores", "num_detections"),
        "faceboxes": ("boxes", "scores", "num_boxes"),
    }

    def write(path, boxes, scores, scheme="api", size=None):
        box_name, score_name, count_name = names[scheme]
        with tf.Graph().as_default() as graph:
            tf.compat.v1.placeholder(
                tf.uint8, [None, size, size, 3], name="image_tensor"
            )
            # Detectors pad their output with boxes of score 0 beyond the count.
            padded = np.concatenate([boxes, np.zeros((2, 4))]).astype(np.float32)
            tf.constant(padded[None], name=box_name)
            tf.constant(np.float32([[*scores, 0, 0]]), name=score_name)
            tf.constant(np.float32([len(boxes)]), name=count_name)
        Path(path).write_bytes(graph.as_graph_def().SerializeToString())
        return path

    return write
