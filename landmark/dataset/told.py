"""What is told of an extraction and of records, in sentences."""

import collections

from landmark.dataset import report
from landmark.dataset.split import photo_group
from landmark.files.notes import shorten
from landmark.script.words import count

SIDES = ("training", "validation")


def list_outcomes(num_faces, rows, scheme):
    """Returns lines: what was dropped and why, and how often each outcome was.

    Args:
        num_faces: how many there are.
        rows: report.ReportRow of each that was tried.
        scheme: Scheme of the points.
    """
    lines = [
        f"dropped {row.patch}: {row.outcome}: {row.detail}"
        for row in rows
        if row.outcome != report.KEPT
    ]
    counts = collections.Counter(row.outcome for row in rows)
    lines.append(f"{count(num_faces, 'annotated photo')}, {len(rows)} tried:")
    for outcome in report.list_outcomes(scheme):
        if counts[outcome]:
            lines.append(f"{counts[outcome]:8d} {outcome}")
    return lines


def describe_suspects(suspects, other):
    """Returns sentences on what looks as if it stood for missing points.

    Args:
        suspects: (x, y) -> list of the files.
        other: what else must be given, too.
    """
    return [
        f"{count(len(paths), 'file')} with a point at {x:g} {y:g}, or several, as "
        f"{paths[0]}: if it stands for a missing point, give --missing={x:g},{y:g} "
        f"and {other}"
        for (x, y), paths in suspects.items()
    ]


def describe_twins(twins):
    """Returns the sentence on pairs of names of patches that show the same."""
    listed = shorten(", ".join(f"{one} = {other}" for one, other in twins))
    pairs = count(len(twins), "pair")
    return f"{pairs} of patches show the same, and stay on one side: {listed}"


def describe_side(path, title, names, num_shards):
    """Returns the sentence on the names whose records were written to a path."""
    photos = set(map(photo_group, names))
    shards_of = f" in {num_shards} shards" if num_shards > 1 else ""
    written = count(len(names), f"{title} patch", f"{title} patches")
    return f"Wrote {written} of {count(len(photos), 'photo')} to {path}{shards_of}"


def describe_no_side(path, title, is_there):
    """Returns the sentence on a side without patches, whose path may be there."""
    there = "; the one that is there is of an earlier run" if is_there else ""
    return f"No {title} patches: {path} is not written{there}"
