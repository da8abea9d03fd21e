"""The step from a face to its records: what extraction and packing do, face by face."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import cv2
import numpy as np

from landmark.beam import places
from landmark.beam.listing import from_line
from landmark.beam.quiet import tell_progress
from landmark.dataset import extraction, packing
from landmark.dataset.report import ReportRow
from landmark.detection.tflite import TfliteFaceDetector
from landmark.files.patches import Crop, check_points
from landmark.script.errors import InputError

_SECONDS = 1.0  # From word to word of the progress.
RECORDS = "records"  # Name of the output of records; notes are the main one.


class Cutting(NamedTuple):
    """How faces become records.

    Attributes:
        settings: extraction.CropSettings.
        crop: Crop that they give.
        size: side of the crop in the record, in pixels.
        detector: place of the .tflite; None frames faces by their annotation.
        input_size, min_conf: of the detector.
        dropped: names of patches that are not wanted.
        is_stored: whether points are of photos as they are stored.
        asks_twins: whether patches are shrunk to be compared.
    """

    settings: extraction.CropSettings
    crop: Crop
    size: int
    detector: str | None
    input_size: int
    min_conf: float
    dropped: frozenset
    is_stored: bool
    asks_twins: bool


class Note(NamedTuple):
    """What became of a face.

    Attributes:
        index: of the Face.
        row: ReportRow.
        suspects: see `extraction.extract`.
        names: of its patches.
        lost: lists of the name and what is wrong, of those without a record.
    """

    index: int
    row: ReportRow
    suspects: list
    names: list
    lost: list


class Cut(beam.DoFn):
    """From lines of faces to (None, (line of a Note, its patch as bytes in grey)).

    The output RECORDS is of (name of a patch as bytes, record with its frame).
    """

    def __init__(self, cutting):
        self._cutting = cutting

    def setup(self):
        """Opens the detector, once for a worker."""
        cv2.setNumThreads(1)  # The other cores have workers of their own.
        cutting = self._cutting
        detector = None
        if cutting.detector:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "detector.tflite")
                places.fetch(cutting.detector, path)
                detector = TfliteFaceDetector(
                    path, cutting.min_conf, 1, cutting.input_size
                )
        self._tool = extraction.Tool(
            Path(), cutting.settings, detector, dropped=cutting.dropped
        )

    def start_bundle(self):
        """Begins to count."""
        self._count, self._told = 0, time.monotonic()

    def finish_bundle(self):
        """Tells of the last."""
        tell_progress(self._count)

    def process(self, line):
        """Cuts one face."""
        yield from self._cut(line)
        self._count += 1
        if time.monotonic() > self._told + _SECONDS:
            tell_progress(self._count)
            self._count, self._told = 0, time.monotonic()

    def _cut(self, line):
        face, found = from_line(line), []
        with tempfile.TemporaryDirectory() as folder:
            pts_path, originals = _bring(face, Path(folder).resolve())
            stored = (pts_path.parent,) if self._cutting.is_stored else ()
            row, suspects = extraction.cut_one(
                self._tool._replace(stored=stored),
                (pts_path, face.name),
                lambda *patch: found.append(patch),
            )
        for copy, place in originals.items():
            row = ReportRow(*(text.replace(copy, place) for text in row))
        lost, tiny = [], b""
        for name, patch, points in found:
            try:
                record = self._pack(name, patch, points, row)
            except InputError as error:
                lost.append((name, str(error)))
            else:
                yield beam.pvalue.TaggedOutput(RECORDS, (os.fsencode(name), record))
        if found and self._cutting.asks_twins:
            tiny = _shrink(found[0][1]).tobytes()
        names = [name for name, _, _ in found]
        note = Note(face.index, row, suspects, names, lost)
        yield None, (json.dumps(note), tiny)

    def _pack(self, name, patch, points, row):
        """Returns the record of a patch as if it had been written and read."""
        cutting = self._cutting
        check_points(points, f"{name}.npts")
        points = np.where(np.isnan(points), np.nan, points)
        photos = {row.patch: row.photo}
        how = packing.Packing(Path(), cutting.size, cutting.crop, photos)
        return packing.to_record(how, name, patch, points)


def _shrink(patch):
    """Returns a patch in grey as the records' twins are sought by it, which decoders of
    .png make in a way of their own."""
    plain = [cv2.IMWRITE_PNG_COMPRESSION, 0]
    content = cv2.imencode(".png", cv2.cvtColor(patch, cv2.COLOR_RGB2BGR), plain)[1]
    return packing.shrink_picture(content)


def _bring(face, folder):
    """Returns the local Path of a face's .pts, and copy -> place of all fetched."""
    if places.is_local(face.pts):
        return Path(face.pts), {}
    originals = {}
    for place in filter(None, (face.pts, face.photo)):
        copy = folder / place.rpartition("/")[2]
        places.fetch(place, copy)
        originals[str(copy)] = place
    return Path(next(iter(originals))), originals
