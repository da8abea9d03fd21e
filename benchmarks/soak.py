r"""The whole pipeline on drawn faces, under faults, again and again: nothing is lost.

Each stage is run once undisturbed, for reference. Then stages are run at random, and
    kill   killed
    term   asked to end, by SIGTERM
    full   the disk is full
    read   the disk can only be read
    size   files may not grow beyond a size
    files  only some files may be open
at a random time or size, mostly once, sometimes again while they go on. The same
command without a fault must then end as the undisturbed one did, and the folder must
hold the same, byte for byte; `soak_stages` lists what is compared otherwise. Where root
may mount, the folder is a disk in memory of its own, else `full` and `read` are left
out. Status 1 if anything was lost.

    python -m benchmarks.soak --minutes=30
"""

import collections
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import flags

from benchmarks import soak_stages
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar, say
from landmark.script.words import count, format_table

_PROJECT = Path(__file__).resolve().parent.parent
_DISK = 2**30  # Bytes of the disk in memory.
_ONCE_MORE = 0.5  # Share of the runs that are disturbed again as they go on.
_SMALLEST = 64  # Bytes that files may have: semaphores of processes are files, too.
_PATIENCE = 400  # Seconds; what takes longer hangs.
_FAULTS = {"kill": 6, "term": 4, "full": 3, "read": 1, "size": 3, "files": 1}  # Shares.
# Of the faults there were, these must not come of it.
_PROBLEMS = ("loss", "leftover", "traceback", "unexplained", "hang")
_GOOD = (0, cli.PASSED_OVER)
_MINUTES = flags.DEFINE_float("minutes", 10, "For how long.", lower_bound=0.0)
_SEED = flags.DEFINE_integer("seed", 0, "Of the stages and faults.", lower_bound=0)
_STAGES = flags.DEFINE_list("stages", [], "Only these are disturbed; all unless given.")


class Run(NamedTuple):
    """How a command ended.

    Attributes:
        status: its status, or minus the signal that ended it.
        told: what it said.
        seconds: that it took.
        hangs: whether it had to be killed.
    """

    status: int
    told: str
    seconds: float
    hangs: bool


def _run(folder, stage, prepare=None, after=None):
    """Runs a stage's command in a folder.

    Args:
        prepare: called in the new process.
        after: (seconds, signal) that is sent then; None for none.
    """
    words = list(stage.command)
    if words[0] != "-m":
        words[0] = str(_PROJECT / words[0])
    start = time.monotonic()
    with subprocess.Popen(
        [sys.executable, *words],
        **dict(cwd=folder, preexec_fn=prepare, stdin=subprocess.DEVNULL),
        **dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True),
        **dict(errors="replace", env={**os.environ, "PYTHONPATH": str(_PROJECT)}),
    ) as process:
        try:
            told = _wait(process, after[0] if after else _PATIENCE)
            if told is None and after:
                process.send_signal(after[1])
                told = _wait(process, _PATIENCE)
        finally:
            process.kill()
    seconds = time.monotonic() - start
    return Run(process.returncode, told or "", seconds, told is None)


def _wait(process, seconds):
    """Returns what a process says until its end; None if that is later."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        return None


def explains(told, stage):
    """Whether a command ended with a sentence of its own, and has named a file."""
    lines = [line for line in told.strip().splitlines() if "|" not in line] or [""]
    program = stage.command[1 if stage.command[0] == "-m" else 0]
    program = program.removeprefix("scripts.").removesuffix(".py")
    places = ("/", "'", *stage.outputs)  # Python puts quotes around a path.
    is_named = any(place in line for line in lines for place in places)
    return is_named and lines[-1].startswith(f"{program}.py: ")


class Soak:
    """The folder, its reference, and what became of each run.

    Args:
        stages: name -> Stage, of `soak_stages`.
        root: Path of a folder for all of it.
        disk: whether its folder `work` is a disk of its own.
    """

    def __init__(self, stages, root, disk):
        self.work, self._reference = root / "work", root / "reference"
        kinds = [k for k in _FAULTS if disk or k not in ("full", "read")]
        self._kinds = [kind for kind in kinds for _ in range(_FAULTS[kind])]
        self.stages, self.statuses, self.seconds, self.first = stages, {}, {}, {}
        self.counts = collections.Counter()
        self.held = {}

    def run_undisturbed(self):
        """Runs each stage; refuses to go on where one fails."""
        for name, stage in progress_bar(
            self.stages.items(), desc="undisturbed", unit="stage"
        ):
            self._prepare(stage)
            begun = time.time()
            done = _run(self.work, stage)
            if done.status not in _GOOD:
                raise InputError(f"{name}: expected it to run, found:\n{done.told}")
            paths = [p for o in stage.outputs for p in _below(self.work / o)]
            written = [p.stat().st_mtime for p in paths]
            written = [at - begun for at in written if at >= begun]
            self.first[name] = min(written, default=0.0) / done.seconds
            self.statuses[name], self.seconds[name] = done.status, done.seconds
        shutil.copytree(self.work, self._reference)
        self.held = soak_stages.read_tree(self._reference)

    def disturb(self, name, rng):
        """Runs a stage with one fault or some, then without; counts what is wrong."""
        stage, runs, kinds = self.stages[name], [], []
        self._prepare(stage)
        while not kinds or rng.random() < _ONCE_MORE:
            kinds.append(str(rng.choice(self._kinds)))
            runs.append(self._run_with_fault(name, kinds[-1], rng))
            self._check_end(name, kinds[-1], runs[-1])
        if runs[0].status in _GOOD:  # The fault came too late.
            self.seconds[name] = runs[0].seconds
        runs.append(_run(self.work, stage))
        self.counts[name, "runs"] += len(runs)
        problems = list(self._find_problems(name, runs))
        for problem, what in problems:
            self._note(name, problem, f"after {', '.join(kinds)}: {what}")
        if problems:
            self._restore()

    def _find_problems(self, name, runs):
        """Yields (kind, what it is) of what is wrong after runs, the last undisturbed.

        What is wrong with a single run's end is `_check_end`'s.
        """
        for run in runs:
            if "Traceback" in run.told:
                yield "traceback", run.told[-1500:]
            if run.hangs:
                yield "hang", run.told[-500:]
        if runs[-1].status != self.statuses[name]:
            yield "loss", f"status {runs[-1].status}: {runs[-1].told[-1500:]}"
            return
        lost, left = soak_stages.compare(self.held, soak_stages.read_tree(self.work))
        if lost:
            yield "loss", ", ".join(lost[:5])
        if left:
            yield "leftover", ", ".join(left[:5])

    def _prepare(self, stage):
        """Makes the folder as it is before the stage."""
        for output in stage.outputs:
            _remove(self.work / output)
        for output, source in stage.copied.items():
            shutil.copytree(self.work / source, self.work / output)

    def _run_with_fault(self, name, kind, rng):
        stage = self.stages[name]
        if kind in ("kill", "term"):
            # Until it writes nothing can be lost; few of the times are before.
            begin = self.first[name] * (rng.random() > 0.1)
            at = rng.uniform(begin, 1) * self.seconds[name]
            number = signal.SIGKILL if kind == "kill" else signal.SIGTERM
            return _run(self.work, stage, after=(at, number))
        if kind in ("full", "read"):
            size = sum(512 * path.stat().st_blocks for path in self._outputs(stage))
            with _short_of(self.work, None if kind == "read" else rng.random() * size):
                return _run(self.work, stage)
        if kind == "size":
            most = max(path.stat().st_size for path in self._outputs(stage))
            value = int(_SMALLEST * (most / _SMALLEST) ** rng.random())
            limit = resource.RLIMIT_FSIZE
        else:
            limit, value = resource.RLIMIT_NOFILE, int(rng.integers(12, 60))
        return _run(self.work, stage, lambda: resource.setrlimit(limit, (value, value)))

    def _outputs(self, stage):
        return [p for output in stage.outputs for p in _below(self._reference / output)]

    def _check_end(self, name, kind, run):
        """Counts a fault; checks that a run that ended by itself said why, and cleared
        up."""
        if run.status not in _GOOD:
            self.counts[name, kind] += 1
        if run.status < 0:
            return
        is_told = run.status in _GOOD or explains(run.told, self.stages[name])
        if not is_told and not (kind == "term" and "interrupted" in run.told):
            self._note(name, "unexplained", f"by {kind}: {run.told[-500:]}")
        if half := [str(path) for path in self.work.rglob(".[0-9]*-*.part*")]:
            self._note(name, "leftover", f"by {kind}: {', '.join(half[:5])}")

    def _note(self, name, problem, what):
        self.counts[name, problem] += 1
        say(f"{problem} in {name} {what}")

    def _restore(self):
        for path in self.work.iterdir():
            _remove(path)
        shutil.copytree(self._reference, self.work, dirs_exist_ok=True)

    def print_table(self):
        """Prints what was done to each stage, and what came of it."""
        columns = ("runs", *_FAULTS, *_PROBLEMS)
        rows = [
            [*(str(self.counts[name, column]) for column in columns), name]
            for name in self.stages
        ]
        totals = [self.total(column) for column in columns]
        rows.append([*map(str, totals), "all"])
        print(format_table([*columns, "stage"], rows))

    def total(self, *columns):
        """Returns how often something happened in all stages."""
        return sum(n for (_, column), n in self.counts.items() if column in columns)


def _below(path):
    """Returns the files at or below a path."""
    paths = path.rglob("*") if path.is_dir() else [path]
    return [path for path in paths if path.is_file()]


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _disk_in_memory(folder):
    """Mounts a disk on a folder; gives whether that may be done."""
    options = ["-t", "tmpfs", "-o", f"size={_DISK}"]
    try:
        _mount([*options, "tmpfs", str(folder)])
    except (OSError, subprocess.CalledProcessError):
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def _mount(words):
    subprocess.run(["mount", *words], check=True, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def _short_of(folder, free):
    """Leaves a disk so many bytes meanwhile; None: it can only be read."""
    disk = os.statvfs(folder)
    used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    size = "ro" if free is None else f"size={used + int(free)}"
    _mount(["-o", f"remount,{size}", str(folder)])
    try:
        yield
    finally:
        _mount(["-o", f"remount,rw,size={_DISK}", str(folder)])


def _soak(soak, names):
    """Disturbs stages until the time is over; those that are quick more often."""
    rng = np.random.default_rng(_SEED.value)
    shares = np.array([soak.seconds[name] ** -0.5 for name in names])
    begun, total = time.monotonic(), round(60 * _MINUTES.value)
    with progress_bar(total=total, desc="soaking", unit="s") as bar:
        while (passed := time.monotonic() - begun) < total:
            bar.update(int(passed) - bar.n)
            soak.disturb(str(rng.choice(names, p=shares / shares.sum())), rng)
            faults, problems = soak.total(*_FAULTS), soak.total(*_PROBLEMS)
            bar.set_postfix(faults=faults, problems=problems, refresh=False)


def main(argv):
    names = _STAGES.value or list(soak_stages.list_stages())
    if unknown := set(names) - set(soak_stages.list_stages()):
        raise InputError(
            f"--stages: expected some of {', '.join(soak_stages.list_stages())}, found "
            f"{', '.join(sorted(unknown))}"
        )
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (root / "work").mkdir()
        disk = stack.enter_context(_disk_in_memory(root / "work"))
        soak = Soak(soak_stages.list_needed(names), root, disk)
        soak.run_undisturbed()
        try:
            _soak(soak, names)
        finally:
            soak.print_table()
    problems = soak.total(*_PROBLEMS)
    faults = count(soak.total(*_FAULTS), "fault")
    print(
        f"{faults} in {count(soak.total('runs'), 'run')}, {count(problems, 'problem')}"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    cli.run(main)
