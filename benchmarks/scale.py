r"""What the stages that go over photos cost, by how many there are.

Draws faces into --write_path, once, and runs each stage on the first of them, in
processes of its own. `ms` are of processor time a photo, all cores together, which
other work on the machine hardly changes; `s` are seconds until it was done. The slope
is that of processor time over the number of photos, of one row to the next, both as
logarithms: with 1, twice the photos take twice the time. MB is the memory of the
largest process.

    python -m benchmarks.scale --write_path=runs/scale --counts=1000,10000
"""

import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from absl import flags

from landmark.files import disk
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar

_WRITE_PATH = flags.DEFINE_string(
    "write_path", None, "Folder for the photos, and for what is made.", required=True
)
_COUNTS = flags.DEFINE_list(
    "counts", ["1000", "10000", "100000"], "Numbers of photos, rising."
)
_WORKERS = flags.DEFINE_integer(
    "workers", 0, lower_bound=0, help="Of each stage; 0 = one for each core."
)

_PROJECT = Path(__file__).resolve().parent.parent
# Larger collections, and numbers of cores like these.
_LARGER, _CORES = (750_000, 10_000_000), (2, 16, 256)
_STAGES = {
    "extract": (
        "extract_landmark_training_data.py",
        *("--images_dirs=photos", "--write_path=patches", "--margin=0.3", "--norotate"),
    ),
    "records": ("make_landmark_tfrecord.py", "--data_path=patches"),
    "check": (
        "check_annotations.py",
        *("--images_dirs=photos", "--write_path=checked"),
    ),
    "detect": ("detect_face_landmark.py", "photos", "--write_json=found.jsonl"),
}


class Cost(NamedTuple):
    """What a stage took: seconds, those of processors, MB of its largest process."""

    seconds: float
    processor: float
    megabytes: float


def _measure(words, folder):
    """Runs a script in a folder; returns its Cost."""
    with open(folder / "log.txt", "w+") as log:
        begin = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, _PROJECT / words[0], *words[1:]],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        # Of drawn faces, some are not found.
        if process.returncode not in (0, cli.PASSED_OVER):
            log.seek(0)
            last = log.read().strip().rpartition("\n")[2]
            raise InputError(f"{words[0]}: expected that it runs, found: {last}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _link_photos(photos, count, folder):
    """Makes folder/photos of the first photos."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "photos").mkdir(parents=True)
    for path in photos[: 2 * count]:  # With their points.
        (folder / "photos" / path.name).hardlink_to(path)


def _slope(costs, counts, index):
    """Returns how the time rises from a count before; nan for the first."""
    if not index:
        return math.nan
    times = costs[index].processor / costs[index - 1].processor
    return math.log(times) / math.log(counts[index] / counts[index - 1])


def _print_larger(costs):
    """Prints the hours that larger collections take, by seconds a photo."""
    columns = [(n, cores) for n in _LARGER for cores in _CORES]
    print("\nphotos  " + "".join(f"{n:>12,d}" for n, _ in columns))
    print("cores   " + "".join(f"{cores:12d}" for _, cores in columns))
    for name, cost in costs.items():
        hours = "".join(f"{n * cost / cores / 3600:10.1f} h" for n, cores in columns)
        print(f"{name:8}{hours}")


def main(argv):
    counts = sorted(map(int, _COUNTS.value))
    root = Path(_WRITE_PATH.value).resolve()
    root.mkdir(parents=True, exist_ok=True)
    workers = f"--workers={_WORKERS.value}"
    count = f"--count={counts[-1]}"
    _measure(("draw_synthetic_faces.py", "--write_path=drawn", count), root)
    photos = disk.list_files(root / "drawn", (".jpg", ".pts"))
    costs = {name: [] for name in _STAGES}
    jobs = [(n, name) for n in counts for name in _STAGES]
    for number, name in progress_bar(jobs, desc="measuring", unit="stage"):
        folder = root / str(number)
        if name == "extract":
            _link_photos(photos, number, folder)
        costs[name].append(_measure((*_STAGES[name], workers), folder))
    print("  photos  stage          s      ms     MB  slope")
    for index, number in enumerate(counts):
        for name, found in costs.items():
            seconds, processor, megabytes = found[index]
            print(
                f"{number:8d}  {name:8} {seconds:6.0f} "
                f"{1000 * processor / number:7.1f} "
                f"{megabytes:6.0f} {_slope(found, counts, index):6.2f}"
            )
    _print_larger({n: found[-1].processor / counts[-1] for n, found in costs.items()})


if __name__ == "__main__":
    cli.run(main)
