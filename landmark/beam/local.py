"""The pipeline on this machine: apart, so that it can be ended and begun again."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import (
    ExtendedProvisionInfo,
    FnApiRunner,
)
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from landmark.beam import pipeline
from landmark.beam.quiet import progress_shown, quiet_beam
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar

_ATTEMPTS = 3
# What the local runner says of a worker that was killed, if it says anything.
_LOST = ("Channel closed prematurely", "Worker subprocess exited")
_DIE_WITH_PARENT = 1  # Of Linux' prctl.


def run(steps, words, num_faces):
    """Runs the pipeline; it is begun again where a worker was lost.

    Args:
        steps: pipeline.Steps.
        words: Beam's flags.
        num_faces: for the progress bar.

    Raises:
        InputError: it failed.
    """
    with _for_workers():
        for attempt in range(1, _ATTEMPTS + 1):
            is_lost, error = _run_apart(steps, words, num_faces)
            if not is_lost:
                break
            if attempt < _ATTEMPTS:
                print(
                    "A worker was lost, as for memory: beginning again, attempt "
                    f"{attempt + 1} of {_ATTEMPTS}",
                    flush=True,
                )
    if is_lost:
        raise InputError(
            f"expected all workers to live, found one killed in each of {_ATTEMPTS} "
            "attempts, as for memory; fewer --direct_num_workers need less"
        )
    if error:
        raise InputError(error)


@contextlib.contextmanager
def _for_workers():
    """Has workers find the toolkit, and leave nothing where they are killed."""
    before = dict(os.environ)
    here = str(Path(__file__).resolve().parents[2])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        paths = [here, *filter(None, [before.get("PYTHONPATH")])]
        os.environ |= {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": folder}
        try:
            yield
        finally:
            os.environ.clear()
            os.environ |= before


def _run_apart(*arguments):
    """Runs the pipeline in a process that ends with all of its own.

    Beam's runner waits for ever for a worker that is killed as it starts.

    Returns:
        (whether a worker or that process was killed, what else was wrong or None).
    """
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_run_and_tell, args=(sending, *arguments))
    process.start()
    sending.close()
    try:
        error = receiving.recv()
    except EOFError:
        return True, None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
    return bool(error) and any(text in error for text in _LOST), error


def _run_and_tell(sending, steps, words, num_faces):
    """Runs the pipeline in a process group; sends what is wrong, or None."""
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    threading.excepthook = _end_without_worker
    with (
        quiet_beam(),
        progress_bar(total=num_faces, desc="cutting", unit="photo") as bar,
        progress_shown(bar),
    ):
        try:
            options, _ = pipeline.read_options(words)
            pipeline.run_once(steps, options, _make_runner(options))
            error = None
        except (InputError, OSError) as found:
            error = str(found)
    sending.send(error)


def _end_without_worker(found):
    """Ends this process where Beam's thread of a worker finds that it has ended."""
    if any(text in str(found.exc_value) for text in _LOST):
        os._exit(1)


def _make_runner(options):
    """Returns the local runner that downloads nothing, as the DirectRunner may."""
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    info = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return FnApiRunner(provision_info=ExtendedProvisionInfo(info))
