"""Work shared among processes, its results in order."""

import collections
import contextlib
import ctypes
import os
import signal
import sys

from landmark.script.errors import InputError

_AHEAD = 4  # Items that wait for each worker, so that none is idle and memory is flat.
_STOPS = {signal.SIGINT, signal.SIGTERM}
_DIE_WITH_PARENT = 1  # Of Linux' prctl.

_worker = {}  # What a worker keeps from item to item.


def count_cores():
    """Returns how many cores this process may use."""
    with contextlib.suppress(AttributeError):  # Linux alone tells.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_order(function, items, num_workers, make, arguments=()):
    """Yields function(tool, item) for each item, in the items' order.

    With one worker all is done in this process. Else each worker is a process and makes
    a tool of its own when it gets its first item.

    Args:
        function: of a module's top level; what it takes and returns can be pickled.
        items: iterable.
        num_workers: number of processes.
        make: function of a module's top level that returns the tool, a model say.
        arguments: what it is called with.

    Raises:
        InputError: a worker was killed.
    """
    if num_workers == 1:
        tool = None
        for item in items:
            tool = tool or (make(*arguments),)
            yield function(tool[0], item)
        return
    # Not before they are needed: they take a tenth of a small run's start.
    import concurrent.futures
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool

    # To fork is quickest, but not safe beside the threads of TensorFlow.
    can_fork = sys.platform == "linux" and "tensorflow" not in sys.modules
    context = multiprocessing.get_context("fork" if can_fork else "spawn")
    with concurrent.futures.ProcessPoolExecutor(
        num_workers, context, _start_worker, (make, arguments, os.getpid())
    ) as pool:
        waiting = collections.deque()
        try:
            for item in items:
                with _undisturbed():
                    waiting.append(pool.submit(_work, function, item))
                if len(waiting) >= _AHEAD * num_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise InputError(
                "expected all workers to live, found one killed, as for memory; fewer "
                "--workers need less"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _undisturbed():
    """Lets signals wait: one that comes while Python forks would be lost."""
    if not hasattr(signal, "pthread_sigmask"):  # As on Windows.
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(make, arguments, parent):
    """Sets a worker up: Ctrl-C is its parent's, with which it dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:  # It has died meanwhile.
            os._exit(1)
    import cv2

    cv2.setNumThreads(1)  # The other cores have workers of their own.
    _worker.update(make=make, arguments=arguments)


def _work(function, item):
    """Does an item, in a worker."""
    if "tool" not in _worker:
        _worker["tool"] = _worker["make"](*_worker["arguments"])
    return function(_worker["tool"], item)
