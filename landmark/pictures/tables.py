"""The figures of several models beside each other: on the terminal and for papers."""

from landmark.face import metrics
from landmark.files import disk
from landmark.script.words import format_latex, format_markdown, format_table

_HEADINGS = {"inter_pupil": "pupil%"}
_OF_POINTS = ("by_part", "by_point")  # What a subset's figures are told without.


def name_figures(scheme, normaliser=None):
    """Returns heading -> (figure of metrics.json, factor), of the table's columns.

    Args:
        scheme: Scheme of the points.
        normaliser: the main one; the scheme's if not given.
    """
    main = normaliser or scheme.normaliser
    others = [name for name in scheme.normalisers if name != main]
    return {
        "error": ("error_crop", 1),
        "NME%": (f"nme_{main}", 100),
        **{_HEADINGS.get(n, f"{n}%"): (f"nme_{n}", 100) for n in others},
        "FR@.08%": ("failure_rate_0.08", 100),
        "FR@.10%": ("failure_rate_0.10", 100),
        "AUC@.08": ("auc_0.08", 1),
        "AUC@.10": ("auc_0.10", 1),
    }


def summarize_subsets(predicted, truth, subsets, scheme, normaliser=None):
    """Returns name -> figures of `metrics.summarize`, without those of single points.

    Args:
        predicted, truth: (B, P, 2) float, crop-normalised.
        subsets: name -> (B,) bool.
        scheme, normaliser: as for `metrics.summarize`.
    """
    return {
        name: {
            figure: value
            for figure, value in metrics.summarize(
                predicted[mask], truth[mask], scheme, normaliser
            ).items()
            if not figure.endswith(_OF_POINTS)
        }
        for name, mask in subsets.items()
    }


def tabulate(summaries, columns, subsets=()):
    """Returns (header, rows) of models.

    Args:
        summaries: name -> metrics, with `subsets` if there are some.
        columns: from `name_figures`.
        subsets: names of those that get a column, of the NME in %.
    """
    nme = columns["NME%"]

    def cell(figures, figure, factor):
        value, digits = figures[figure], 2 if factor > 1 else 6
        return "-" if value is None else f"{value * factor:.{digits}f}"

    rows = [
        [
            *(cell(summary, *column) for column in columns.values()),
            *(cell(summary["subsets"][subset], *nme) for subset in subsets),
            name,
        ]
        for name, summary in summaries.items()
    ]
    return [*columns, *subsets, "model"], rows


def write_tables(folder, header, rows):
    """Writes eval.md and eval.tex into a folder; returns the table for the terminal.

    As papers have it, the model's name comes first in the files.
    """
    lines = [[line[-1], *line[:-1]] for line in (header, *rows)]
    disk.write_text(folder / "eval.md", format_markdown(lines[0], lines[1:]))
    disk.write_text(folder / "eval.tex", format_latex(lines[0], lines[1:]))
    return format_table(header, rows)
