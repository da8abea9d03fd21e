"""The pipeline as a whole, put together and run once."""

import contextlib
import io
from typing import NamedTuple

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineState

from landmark.beam import dividing, places
from landmark.beam.cutting import RECORDS, Cut, Cutting
from landmark.beam.quiet import progress_log
from landmark.script.errors import InputError, UsageError

_LOCAL_RUNNERS = ("DirectRunner", "SwitchingDirectRunner", "FnApiRunner")
# What other runners do not look at: processes of this machine, one for each core.
_LOCAL_FLAGS = ("--direct_running_mode=multi_processing", "--direct_num_workers=0")
_LOG_FLAGS = (
    "--default_sdk_harness_log_level=WARNING",
    f'--sdk_harness_log_level_overrides={{"{progress_log.name}":"INFO"}}',
)


class Steps(NamedTuple):
    """What the pipeline is made of.

    Attributes:
        listing: place of the Faces, see `job.write_listing`.
        cutting: Cutting.
        divide: dividing.Divide.
        work: place of the folder for what is not done yet.
    """

    listing: str
    cutting: Cutting
    divide: dividing.Divide
    work: str


def read_options(words):
    """Returns (PipelineOptions of Beam's flags, whether all runs on this machine).

    Raises:
        UsageError: Beam does not take them.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            options = PipelineOptions([*_LOCAL_FLAGS, *_LOG_FLAGS, *words])
            standard = options.view_as(StandardOptions)
            runner = standard.runner or StandardOptions.DEFAULT_RUNNER
            known = options.get_all_options()
            given = options.get_all_options(retain_unknown_options=True)
    except SystemExit as error:
        reason = printed.getvalue().strip().rpartition("error: ")[2]
        raise UsageError(
            f"expected flags of Apache Beam behind --, found: {reason}"
        ) from error
    unknown, is_local = sorted(set(given) - set(known)), runner in _LOCAL_RUNNERS
    if unknown and is_local:  # Others have flags of their own.
        raise UsageError(
            f"expected flags of Apache Beam behind --, found: --{', --'.join(unknown)}"
        )
    FileSystems.set_options(options)
    return options, is_local


def _read_listing(place):
    """Returns the lines of `job.write_listing`."""
    return places.read(place).decode().splitlines()


def _build(pipeline, steps):
    """Puts a beam.Pipeline together."""
    cut = (
        pipeline
        | "Listing" >> beam.Create([steps.listing])
        | "Faces" >> beam.FlatMap(_read_listing)
        | "Spread" >> beam.Reshuffle()
        | "Cut" >> beam.ParDo(Cut(steps.cutting)).with_outputs(RECORDS, main="notes")
    )
    divided = (
        cut.notes
        | "All notes" >> beam.GroupByKey()
        | "Divide"
        >> beam.ParDo(steps.divide).with_outputs(dividing.BOOKS, main="places")
    )
    shards_written = (
        {"places": divided.places, "records": cut[RECORDS]}
        | "By name" >> beam.CoGroupByKey()
        | "Place" >> beam.FlatMap(dividing.place_records)
        | "By shard" >> beam.GroupByKey()
        | "Sort" >> beam.Map(dividing.sort_records)
        | "Write shards" >> beam.ParDo(dividing.Write(steps.work))
    )
    books_written = divided[dividing.BOOKS] | "Write books" >> beam.ParDo(
        dividing.Write(steps.work)
    )
    (
        (shards_written, books_written)
        | "All files" >> beam.Flatten()
        | "Together" >> beam.GroupByKey()
        | "Name" >> beam.Map(dividing.name_files)
    )


def run_once(steps, options, runner=None):
    """Runs the pipeline.

    Args:
        steps: Steps.
        options: of `read_options`.
        runner: None for that of the options.

    Raises:
        InputError, OSError: it failed.
    """
    try:
        pipeline = beam.Pipeline(runner, options=options)
        _build(pipeline, steps)
        state = pipeline.run().wait_until_finish()
    except (InputError, OSError):
        raise
    except Exception as error:
        raise InputError(f"Apache Beam: {_find_reason(error)}") from error
    if state not in (None, PipelineState.DONE):
        raise InputError(f"Apache Beam: expected the job to be done, found {state}")


def _find_reason(error):
    """Returns the last line of what Beam says, which may be a worker's traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
