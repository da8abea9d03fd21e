"""Silence for Beam and its workers, and what they tell of their progress."""

import contextlib
import logging
import os
import re
import sys
import tempfile

_WORKERS = "apache_beam.runners.portability.local_job_service"  # Who has their logs.
_PROGRESS = re.compile(r'message: "cut (\d+) faces"')
progress_log = logging.getLogger("landmark.beam.progress")


def tell_progress(number):
    """Tells from a worker that so many faces were cut since it was told last."""
    progress_log.info("cut %d faces", number)


@contextlib.contextmanager
def quiet_beam():
    """Keeps what Beam and its workers say from the terminal.

    What this process writes to sys.stderr is still shown.
    """
    nothing = logging.NullHandler()  # Else the first message sets up another.
    logging.getLogger().addHandler(nothing)
    sys.stderr.flush()
    terminal, before = os.dup(2), sys.stderr
    with (
        tempfile.TemporaryFile() as log,
        os.fdopen(os.dup(2), "w", errors="backslashreplace") as shown,
    ):
        os.dup2(log.fileno(), 2)
        sys.stderr = shown
        try:
            yield
        finally:
            sys.stderr = before
            os.dup2(terminal, 2)
            os.close(terminal)
            logging.getLogger().removeHandler(nothing)


@contextlib.contextmanager
def progress_shown(bar):
    """Updates a bar by what local workers tell of their progress."""

    class Handler(logging.Handler):
        def emit(self, record):
            found = _PROGRESS.search(record.getMessage())
            if found:
                bar.update(int(found[1]))

    logger, handler = logging.getLogger(_WORKERS), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
