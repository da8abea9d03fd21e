"""The steps from all notes to the books, and to the shard and the place of a record."""

import contextlib
import io
import itertools
import json
import os
import tempfile
import uuid
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import numpy as np

from landmark.beam import places
from landmark.beam.cutting import Note
from landmark.dataset import packing, shards, split, told
from landmark.dataset.report import ReportRow, write_report
from landmark.files.patches import ROTATED
from landmark.script.errors import InputError

BOOKS = "books"  # Name of the output of files; places of records are the main one.
MOST_TWINS = 100_000  # Patches; all are compared with all.


class Output(NamedTuple):
    """What is written, and where.

    Attributes:
        place: what all names begin with.
        work: place of a folder for what is not done yet.
        num_shards: of each side.
    """

    place: str
    work: str
    num_shards: int

    @property
    def report(self):
        """Place of the report."""
        return f"{self.place}.report.csv"

    @property
    def summary(self):
        """Place of the summary."""
        return f"{self.place}.summary.json"

    @property
    def sides(self):
        """Places of training and validation, as readers name them without shards."""
        return f"{self.place}.train.tfrecord", f"{self.place}.val.tfrecord"

    def shards_of(self, side):
        """Returns the places of the shards of a side."""
        folder, _, name = side.rpartition("/")
        names = shards.output_paths(name, self.num_shards)
        return [f"{folder}/{path}" for path in names]


class Division(NamedTuple):
    """What decides the sides of the split.

    Attributes:
        train_ratio: see `split.split_names`.
        val_list: of what name the list is; None where there is none.
        listed: names that it holds.
        seed: of the shuffles.
        asks_twins: whether twins stay on one side.
    """

    train_ratio: float
    val_list: str | None
    listed: list
    seed: int
    asks_twins: bool


class Divide(beam.DoFn):
    """From all notes to (name of a patch, (shard, place in it)), as bytes and a number.

    The output BOOKS is of (final place, parts of it) of the report and of the summary.
    """

    def __init__(self, division, output, facts):
        self._division, self._output, self._facts = division, output, facts

    def process(self, element):
        """Divides all of them."""
        notes, small = _read_notes(element[1])
        names = [name for note in notes for name in note.names]
        names.sort(key=lambda name: f"{name}.png")  # The order in a folder.
        lost = dict(itertools.chain(*(note.lost for note in notes)))
        summary = dict(self._facts, sentences=[], sides=[], error=None, lost=lost)
        summary["suspects"] = _count_suspects(notes)
        try:
            if names:
                sides = self._divide(names, small, summary["sentences"])
                yield from self._deal(sides, lost)
                summary["sides"] = self._tell(sides, lost)
        except InputError as error:
            summary["error"] = str(error)
        rows = [note.row for note in notes]
        yield beam.pvalue.TaggedOutput(BOOKS, (self._output.report, [_to_report(rows)]))
        text = json.dumps(summary, indent=1) + "\n"
        yield beam.pvalue.TaggedOutput(BOOKS, (self._output.summary, [text.encode()]))

    def _divide(self, names, small, sentences):
        """Returns both sides, lists of names; adds to the sentences."""
        how, twins = self._division, []
        if how.asks_twins:
            asked = (name for name in names if not name.endswith(ROTATED))
            twins = packing.pair_twins({n: small[n] for n in asked if n in small})
        group = split.join_twins(twins)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            if how.val_list is None:
                sides = split.split_names(names, how.train_ratio, how.seed, group)
            else:
                sides = split.split_by_names(
                    names, how.listed, how.val_list, how.seed, group
                )
        sentences += printed.getvalue().splitlines()
        if twins:
            sentences.append(told.describe_twins(twins))
        return sides

    def _deal(self, sides, lost):
        """Returns (name, (shard, place in it)) of all records."""
        number, dealt = self._output.num_shards, []
        for side, names in zip(self._output.sides, sides, strict=True):
            if 0 < len(names) < number:
                raise InputError(
                    f"{side}: expected at least {number} patches, one for each shard, "
                    f"found {len(names)}"
                )
            for index, shard in enumerate(
                self._output.shards_of(side) if names else ()
            ):
                hand = [n for n in names[index::number] if n not in lost]
                if not hand:
                    raise InputError(f"{shard}: expected samples to write, found none")
                dealt += [
                    (os.fsencode(name), (os.fsencode(shard), place))
                    for place, name in enumerate(hand)
                ]
        return dealt

    def _tell(self, sides, lost):
        """Returns a sentence for each side; None for one that has no patches."""
        told_of = []
        for side, title, names in zip(
            self._output.sides, told.SIDES, sides, strict=True
        ):
            written = [name for name in names if name not in lost]
            told_of.append(
                told.describe_side(side, title, written, self._output.num_shards)
                if written
                else None
            )
        return told_of


def _read_notes(lines):
    """Returns (Notes in the order of their faces, name -> the patch in grey)."""
    notes, small = [], {}
    for line, tiny in lines:
        note = Note(*json.loads(line))
        notes.append(note._replace(row=ReportRow(*note.row)))
        if tiny:
            side = packing.TINY
            small[note.row[1]] = np.frombuffer(tiny, np.uint8).reshape(side, side)
    return sorted(notes), small


def _count_suspects(notes):
    """Returns lists [x, y, files] of points that may stand for missing ones."""
    found = {}
    for note in notes:
        for point in note.suspects:
            found.setdefault(tuple(point), []).append(note.row.photo)
    return [[*point, files] for point, files in found.items()]


def _to_report(rows):
    """Returns the bytes of a report."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.csv")
        write_report(path, [], rows)
        return path.read_bytes()


def place_records(element):
    """From a name's place and record, grouped, to (shard, (place in it, record))."""
    _, found = element
    for shard, place in found["places"]:
        for record in found["records"]:
            yield shard, (place, record)


def sort_records(element):
    """From a shard's records to (its final place, parts of its content)."""
    shard, records = element
    records = sorted(records)
    return os.fsdecode(shard), [record for _, record in records]


class Write(beam.DoFn):
    """From (final place, parts of the content) to (None, (place, final place))."""

    def __init__(self, work):
        self._work = work

    def process(self, element):
        """Writes a file; done again, it writes another."""
        final, parts = element
        place = f"{self._work}/{uuid.uuid4().hex}"
        places.write(place, parts)
        yield None, (place, final)


def name_files(element):
    """Gives all files their final names, the summary's last."""
    pairs = sorted(element[1], key=lambda pair: (pair[1].endswith(".json"), pair[1]))
    places.rename_all(pairs)
