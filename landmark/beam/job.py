"""A run of the pipeline from what is listed to what is summed up."""

import contextlib
import json
import logging
import os
import uuid
from pathlib import Path

from landmark.beam import local, pipeline, places
from landmark.beam.listing import to_line
from landmark.dataset import shards
from landmark.files import disk
from landmark.script.errors import InputError


@contextlib.contextmanager
def work_folder(output):
    """Gives the place of a folder beside an output, which is removed after."""
    folder = output.rpartition("/")[0]
    if places.is_local(output):
        Path(folder).mkdir(parents=True, exist_ok=True)
        disk.remove_leftovers(folder)
    work = f"{folder}/.{os.getpid()}-{uuid.uuid4().hex[:8]}.part"
    try:
        yield work
    finally:
        places.remove(work)


def require_no_others(output):
    """Refuses records of another number of shards, as `shards.require_no_others`."""
    for side in output.sides:
        if places.is_local(side):
            shards.require_no_others(side, output.num_shards)
            continue
        own = output.shards_of(side)
        there = [side] * places.is_there(side)
        there += places.list_matches(f"{side}-?????-of-?????")
        others = [place for place in there if place not in own]
        if others:
            raise InputError(
                f"{side}: expected no records of another --num_shards under this name, "
                f"found {others[0]}; remove them, or write to another name"
            )


def bring_detector(path, work):
    """Returns the place where workers find a detector: a copy where it may be another
    machine's."""
    if places.is_local(work):
        return str(path)
    place = f"{work}/{path.name}"
    places.write(place, [path.read_bytes()])
    return place


def write_listing(faces, work):
    """Writes Faces to a file for the pipeline; returns its place."""
    place = f"{work}/faces"
    places.write(place, (f"{to_line(face)}\n".encode() for face in faces))
    return place


def run(steps, words, num_faces):
    """Runs the pipeline where Beam's flags say.

    Args:
        steps: pipeline.Steps.
        words: Beam's flags.
        num_faces: for the progress bar.

    Raises:
        InputError, OSError: it failed.
    """
    options, is_local = pipeline.read_options(words)
    if is_local:
        local.run(steps, words, num_faces)
    else:
        logging.basicConfig(level=logging.INFO)  # Of what goes on elsewhere.
        pipeline.run_once(steps, options)


def read_summary(output):
    """Returns what `dividing.Divide` summed up."""
    return json.loads(places.read(output.summary))
