"""What a check writes: a table of the faces, a mosaic, and a list of what to drop."""

import collections

import numpy as np

from landmark.checking import looks
from landmark.face import geometry
from landmark.files import disk
from landmark.files.photos import read_photo, write_image
from landmark.pictures.annotated import draw_annotation
from landmark.pictures.mosaic import tile_images
from landmark.script.words import format_table

TABLE, MOSAIC, DROP = "check.csv", "mosaic_worst.jpg", "drop.txt"
_HEADER = "file", "name", "kind", "score", "found", "twins"
_SHOWN, _COLUMNS = 50, 10


def write(folder, verdicts, scheme):
    """Writes the table, the mosaic and the list into a folder.

    Args:
        folder: Path, which is there.
        verdicts: list of Verdict, worst first.
        scheme: Scheme of the points.
    """
    disk.write_csv(folder / TABLE, _HEADER, map(_to_row, verdicts))
    dropped = [verdict.look.face.name for verdict in verdicts if verdict.is_bad]
    told = "# Names of patches that check_annotations.py judges bad.\n"
    text = told + "".join(f"{name}\n" for name in dropped)
    disk.write_text(folder / DROP, text)
    shown = [verdict for verdict in verdicts if verdict.look.photo][:_SHOWN]
    tiles = [_draw(verdict, scheme) for verdict in shown]
    if tiles:
        write_image(folder / MOSAIC, tile_images(tiles, _COLUMNS))


def _to_row(verdict):
    look = verdict.look
    score = "" if np.isnan(verdict.score) else f"{verdict.score:.3f}"
    found = verdict.detail or look.detail
    return look.face.path, look.face.name, verdict.kind, score, found, verdict.twins


def _draw(verdict, scheme):
    """Returns the tile of a face, whose photo is read again."""
    look, seen = verdict.look, verdict.look.seen
    image, _ = read_photo(look.photo)
    predicted = (
        None if seen is None else geometry.from_crop(seen.predicted, seen.square)
    )
    lines = [look.face.name, f"{verdict.score:.2f} {verdict.kind}"]
    square = None if look.kind == looks.OUTSIDE else look.square
    return draw_annotation(image, square, look.points_image, predicted, lines, scheme)


def count_kinds(verdicts):
    """Returns a table of the kinds of faults, as lines of text."""
    kinds = collections.Counter(verdict.kind for verdict in verdicts if verdict.kind)
    twins = sum(bool(verdict.twins) for verdict in verdicts)
    rows = [[str(number), kind] for kind, number in kinds.most_common()]
    good = sum(not verdict.kind for verdict in verdicts)
    rows.append([str(good), "nothing found"])
    if twins:
        rows.append([str(twins), "with a twin among the photos"])
    return format_table(("faces", "kind"), rows)
