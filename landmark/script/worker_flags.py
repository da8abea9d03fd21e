"""The flag of the scripts that share their work among processes."""

from absl import flags

from landmark.script import cli, workers

_LEAST = 20  # Items for each worker; to start one costs about as much as a few.

with cli.flag_group("Processes"):
    _WORKERS = flags.DEFINE_integer(
        "workers",
        0,
        lower_bound=0,
        help="Processes to share the work among; 0 = one for each core. The results "
        "are the same, byte for byte.",
    )


def count_workers(num_items):
    """Returns how many processes are worth it for so many items."""
    return max(1, min(_WORKERS.value or workers.count_cores(), num_items // _LEAST))
