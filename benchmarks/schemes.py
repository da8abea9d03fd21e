r"""Measures what the schemes of points say of each other.

Reads: folders of photos with the 68 points; draws faces.
Prints: of each approximate conversion, how far it is from the other scheme's own points
    on drawn faces; of each scheme that the 68 points convert to, how far a detector's
    box reaches beyond its points (its line face_box): medians over the photos, whose
    boxes are those of the 68 points.

    python -m benchmarks.schemes ../300w/afw ../300w/helen
"""

import numpy as np

from landmark.face import geometry, metrics
from landmark.face.scheme import IBUG68, NAMES, find_scheme
from landmark.files import disk
from landmark.files.pts import read_pts
from landmark.script import cli
from landmark.script.words import format_table
from landmark.synthetic.faces import draw_face

_FACES = 200


def _draw_points(scheme):
    """Returns the points of the same drawn faces each time: (_FACES, P, 2)."""
    return np.stack(
        [
            draw_face(np.random.default_rng([5, index]), scheme=scheme)[1]
            for index in range(_FACES)
        ]
    )


def _measure_conversions():
    """Returns rows: from, to, mean error in per cent, per cent of the worst part."""
    rows = []
    for source in map(find_scheme, NAMES):
        for name, conversion in source.conversions.items():
            target = find_scheme(name)
            if conversion.is_exact or not (source.drawn and target.drawn):
                continue
            found = source.convert(_draw_points(source), target)
            figures = metrics.summarize(found, _draw_points(target), target)
            nme = figures[f"nme_{target.normaliser}"]
            parts = figures[f"nme_{target.normaliser}_by_part"]
            worst = max(parts, key=parts.get)
            rows.append(
                [
                    source.name,
                    name,
                    f"{100 * nme:.2f}",
                    f"{worst} {100 * parts[worst]:.2f}",
                ]
            )
    return rows


def _measure_boxes(folders):
    """Returns rows: scheme, sides, top, bottom, in shares of the points' box."""
    paths = [path for folder in folders for path in disk.list_files(folder, (".pts",))]
    points = np.stack([read_pts(path) for path in paths])
    x0, y0, x1, y1 = geometry.face_box_from_points(points).T
    rows = []
    for name in IBUG68.conversions:
        box = geometry.box_from_points(IBUG68.convert(points, find_scheme(name)))
        left, top, right, bottom = box.T
        shares = (
            ((left - x0) + (x1 - right)) / 2 / (right - left),
            (top - y0) / (bottom - top),
            (y1 - bottom) / (bottom - top),
        )
        rows.append([name, *(f"{np.median(share):.2f}" for share in shares)])
    return rows


def main(argv):
    header = ["from", "to", "NME%", "worst part, NME%"]
    print(format_table(header, _measure_conversions()))
    print()
    header = ["scheme", "sides", "top", "bottom"]
    print(format_table(header, _measure_boxes(argv[1:])))


if __name__ == "__main__":
    cli.run(main, arguments="FOLDER ...")
