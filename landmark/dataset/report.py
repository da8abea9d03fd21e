"""The books of an extraction: report.csv, and the journal of a run under way."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

from landmark.files import disk
from landmark.files.journal import Journal, read_done
from landmark.files.notes import is_pair, is_text, shorten
from landmark.script.errors import InputError

KEPT = "kept"
PROFILE = "profile face of 39 points"
DROPPED = "in --drop_list"
# What becomes of a photo, in the order of the report; {} is how many points there are.
_OUTCOMES = (
    KEPT,
    "no photo beside the .pts",
    "photo unreadable",
    "points unreadable",
    "not {} points",
    PROFILE,
    "too many points missing",
    "no detection",
    "overlap too small",
    "points outside the photo",
    "name too long",
    DROPPED,
)
_JOURNAL = ".extraction.jsonl"
_REPORT_COLUMNS = ("photo", "patch", "outcome", "detail")


def list_outcomes(scheme):
    """Returns what may become of a photo, in the order of the report."""
    return [outcome.format(scheme.num_points) for outcome in _OUTCOMES]


class ReportRow(NamedTuple):
    """A line of report.csv: a photo, its patch's name, what became of it, and why."""

    photo: str
    patch: str
    outcome: str
    detail: str


def read_report(path):
    """Returns the rows of earlier runs into the same folder; none if there are none.

    Those of a run that was killed are among them.

    Raises:
        InputError: the file is not such a report.
    """
    journal = Path(path).with_name(_JOURNAL)
    begun = [_read_item(item, journal)[0] for item in read_done(journal)]
    if not Path(path).exists():
        return begun
    # Names of files may hold bytes that are no text.
    text = Path(path).read_bytes().decode(errors="surrogateescape")
    try:
        header, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [()]
    except csv.Error as error:
        raise InputError(
            f"{path}: expected the report of an extraction, found: {error}"
        ) from error
    if tuple(header) != _REPORT_COLUMNS:
        raise InputError(
            f"{path}: expected the report of an extraction, with the columns "
            f"{', '.join(_REPORT_COLUMNS)}, found {shorten(list(header))}"
        )
    rows = [row for row in rows if row]
    for row in rows:
        if len(row) != len(_REPORT_COLUMNS):
            raise InputError(
                f"{path}: expected {len(_REPORT_COLUMNS)} columns in each line, found "
                f"{shorten(row)}"
            )
    return [ReportRow(*row) for row in rows] + begun


def _read_item(item, path):
    """Returns (ReportRow, suspects) of a line of the journal at a path."""
    match item:
        case [[str(), str(), str(), str()] as row, list(points)]:
            if is_text("".join(row)) and all(map(is_pair, points)):
                return ReportRow(*row), points
    raise InputError(
        f"{path}: expected a journal of extraction, found another line; remove it to "
        "start over"
    )


def write_report(path, earlier, rows):
    """Writes report.csv; earlier rows, of `read_report`, for other photos stay."""
    photos = {row.photo for row in rows}
    earlier = [row for row in earlier if row.photo not in photos]
    disk.write_csv(path, _REPORT_COLUMNS, earlier + rows)


def open_journal(write_path, crop, settings, others):
    """Returns the Journal of an extraction, with what was done by one like it.

    others: name -> what else decides what becomes of a photo, that JSON can hold.
    """
    work = {
        **crop._asdict(),
        **settings.pts_format._asdict(),
        "rand_factor": settings.rand_factor,
        "seed": settings.seed,
    }
    work["scheme"] = crop.scheme.reference
    work |= others
    path = Path(write_path, _JOURNAL)
    journal = Journal(path, work)
    journal.done = [_read_item(item, path) for item in journal.done]
    return journal
