"""The processes that share a training, as TF_CONFIG names them.

TF_CONFIG is what TensorFlow's tools and schedulers set for each process, as JSON:

    {"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]},
     "task": {"type": "worker", "index": 0}}

The first process is the chief; a cluster may also name it apart, as
{"chief": [...], "worker": [...]}.
"""

import json
import os
import re
import socket
import sys
import time
from typing import NamedTuple

from landmark.files.notes import shorten
from landmark.script.errors import InputError
from landmark.script.words import count

VARIABLE = "TF_CONFIG"
_ROLES = ("chief", "worker")
_ADDRESS = re.compile(r"(.+):(\d{1,5})")
_PAUSE = 0.5  # Seconds between looks at others.
_LONGEST_FAREWELL = 60  # Seconds that a process waits for the chief to end.
_SETTLE = 2.0  # Seconds in which all notice that one is lost.


class ReplicaLost(Exception):
    """Another process of the cluster has gone."""


class Cluster(NamedTuple):
    """The processes that share a training.

    Attributes:
        addresses: of all of them, host:port, the chief's first.
        index: which of them this is.
    """

    addresses: tuple = ("",)
    index: int = 0

    @property
    def is_chief(self):
        """Whether this is the process that reads and writes the train_dir."""
        return self.index == 0


ONE_PROCESS = Cluster()


def read_cluster():
    """Returns the Cluster that TF_CONFIG names; one process where it is not set.

    Raises:
        InputError: it is no such JSON.
    """
    text = os.environ.get(VARIABLE, "")
    if not text.strip():
        return ONE_PROCESS
    try:
        found = json.loads(text)
        cluster, task = found["cluster"], found["task"]
        addresses = [a for role in _ROLES for a in cluster.get(role, [])]
        index = [(r, i) for r in _ROLES for i in range(len(cluster.get(r, [])))].index(
            (task["type"], int(task["index"]))
        )
        is_right = set(cluster) <= set(_ROLES) and len(set(addresses)) == len(addresses)
        is_right &= all(map(_ADDRESS.fullmatch, addresses))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_right = False
    if not is_right:
        raise InputError(
            f'{VARIABLE}: expected {{"cluster": {{"worker": ["HOST:PORT", ...]}}, '
            '"task": {"type": "worker", "index": 0}} (or chief and worker, each '
            f"address once), found {shorten(text)}"
        )
    return Cluster(tuple(addresses), index)


def require_even_shares(cluster, batch_size):
    """Refuses a batch that cannot be shared evenly.

    Raises:
        InputError: it cannot.
    """
    if batch_size % len(cluster.addresses):
        raise InputError(
            f"--batch_size={batch_size}: expected a multiple of the "
            f"{count(len(cluster.addresses), 'process', 'processes')} of {VARIABLE}, "
            "among which a batch is shared"
        )


def wait_for_others(cluster):
    """Waits until all other processes listen; says for which."""
    told = None
    for address in cluster.addresses:
        while address != cluster.addresses[cluster.index] and not _listens(address):
            if told != address:
                print(f"Waiting for {address}", flush=True)
                told = address
            time.sleep(_PAUSE)


def wait_for_chief_to_end(cluster):
    """Stays until the chief has gone, which may still ask for what is here."""
    end = time.monotonic() + _LONGEST_FAREWELL
    while _listens(cluster.addresses[0]) and time.monotonic() < end:
        time.sleep(_PAUSE)


def _listens(address):
    host, port = _ADDRESS.fullmatch(address).groups()
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def begin_again():
    """Puts the same command in the place of this process, when all have noticed."""
    sys.stdout.flush()
    time.sleep(_SETTLE)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
