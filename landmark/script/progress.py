"""The progress bar of all long work."""

import sys

from tqdm import tqdm

_SECONDS_IN_A_LOG = 30.0


def progress_bar(*args, **kwargs):
    """Returns a tqdm bar; in a log, where every update is a line, it updates rarely."""
    if not sys.stderr.isatty():
        kwargs["mininterval"] = kwargs["maxinterval"] = _SECONDS_IN_A_LOG
    return tqdm(*args, dynamic_ncols=True, **kwargs)


def say(text):
    """Prints a text while a progress bar is shown, without disturbing it."""
    tqdm.write(text)
    sys.stdout.flush()
