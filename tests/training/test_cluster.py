"""Trainings of several processes: TF_CONFIG, the same steps, and processes that die."""

import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import PROJECT, read_scalars

from landmark.model import settings
from landmark.script.errors import InputError
from landmark.training import cluster, loop
from landmark.training.cluster import Cluster

PATIENCE = 300  # Seconds, of two slow cores with much else to do.
A, B, C = "10.0.0.1:2222", "host-b:2222", "[::1]:70"


def config(found, role="worker", index=0):
    return json.dumps({"cluster": found, "task": {"type": role, "index": index}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Cluster()),
        (" ", Cluster()),
        (config({"worker": [A]}), Cluster((A,), 0)),
        (config({"worker": [A, B, C]}, index=2), Cluster((A, B, C), 2)),
        (config({"worker": [B], "chief": [A]}, "chief"), Cluster((A, B), 0)),
        (config({"worker": [B, C], "chief": [A]}, index=1), Cluster((A, B, C), 2)),
    ],
)
def test_cluster_is_read(monkeypatch, text, expected):
    monkeypatch.setenv("TF_CONFIG", text)
    found = cluster.read_cluster()
    assert found == expected
    assert found.is_chief == (expected.index == 0)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"cluster": [], "task": {}}',
        config({"worker": [A]}, index=1),
        config({"worker": [A]}, index=-1),
        config({"worker": [A]}, "chief"),
        config({"worker": [A], "ps": [B]}),
        config({"worker": [A, A]}),
        config({"worker": ["host"]}),
        config({"worker": [5]}),
        config({"worker": [[A]]}),
        config({"worker": A}),
        config({"worker": [A]}, index="x"),
    ],
)
def test_other_clusters_are_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match='^TF_CONFIG: expected {"cluster"'):
        cluster.read_cluster()


def test_batches_are_shared_evenly():
    cluster.require_even_shares(Cluster((A, B, C)), 12)
    with pytest.raises(InputError) as caught:
        cluster.require_even_shares(Cluster((A, B, C)), 8)
    assert str(caught.value) == (
        "--batch_size=8: expected a multiple of the 3 processes of TF_CONFIG, among "
        "which a batch is shared"
    )


@pytest.fixture
def start(tmp_path):
    """Starts process `index` of `count` that train: (index, count, TrainSettings)."""
    started, taken = [], [socket.socket() for _ in range(4)]
    for each in taken:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in taken]
    for each in taken:
        each.close()
    flagfile = tmp_path / "flags"

    def start_one(index, count, train_settings):
        settings.write_data(tmp_path, settings.TrainingData())
        flagfile.write_text(settings.format_settings(train_settings))
        environment = {
            **os.environ,
            "TF_CONFIG": config({"worker": addresses[:count]}, index=index),
            "TF_NUM_INTRAOP_THREADS": "1",
        }
        train_dir = tmp_path / "model" if index == 0 else tmp_path / f"none{index}"
        command = [sys.executable, "train_slim.py", f"--flagfile={flagfile}"]
        command += [f"--train_dir={train_dir}", "--validation_interval=4"]
        # Output goes to a file: a pipe that nobody reads would fill.
        log = (tmp_path / f"log{index}").open("a")
        with log:
            started.append(
                subprocess.Popen(
                    command, cwd=PROJECT, env=environment, stdout=log, stderr=log
                )
            )
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.wait()


def test_two_processes_train_as_one_does(tmp_path, make_settings, start):
    train_settings = make_settings(
        use_batch_norm=False, optimizer="sgd", learning_rate=0.05, max_number_of_steps=8
    )
    processes = [start(index, 2, train_settings) for index in (1, 0)]
    one = tmp_path / "one"
    loop.train(one, train_settings, 4)
    assert [process.wait(PATIENCE) for process in processes] == [0, 0]
    expected, found = read_scalars(one), read_scalars(tmp_path / "model")
    assert len(expected) == 4
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-5)
    assert not (tmp_path / "none1").exists()
    assert "has written the model" in (tmp_path / "log1").read_text()


def wait_for(path, process):
    end = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    assert path.exists()


def test_training_survives_the_chief_s_death(tmp_path, make_settings, start):
    """With all that a training can have: statistics, averages, two stages."""
    train_settings = make_settings(
        max_number_of_steps=40,
        quantize_delay=4,
        moving_average_decay=0.9,
        augment=True,
        seed=None,
    )
    chief, other = (start(index, 2, train_settings) for index in (0, 1))
    wait_for(tmp_path / "model" / "model.ckpt-8.index", chief)
    chief.kill()
    chief.wait()
    assert start(0, 2, train_settings).wait(PATIENCE) == 0
    assert other.wait(PATIENCE) == 0
    assert (tmp_path / "model" / "model.ckpt-40.index").exists()
    assert "Resuming from" in (tmp_path / "log0").read_text()
    log = (tmp_path / "log1").read_text()
    assert "lost another process of 2: " in log
    assert "; going on from the newest checkpoint when it is back" in log
    assert not (tmp_path / "none1").exists()
