"""Cumulative error distributions as a picture."""

import itertools
import textwrap

from landmark.face import metrics
from landmark.files import disk

MAX_CURVES = 12
# Okabe and Ito's palette for every kind of colour vision, but yellow, faint on white.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
# Five go with seven colours, so that no pair comes twice in 35 curves.
_STYLES = ("-", "--", ":", "-.", (0, (8, 2, 1, 2, 1, 2)))
_SIZE = (8, 5)  # of the figure in inches, to which the legend is added.
_LABEL_WIDTH = 120  # letters


def write_ced(
    path, errors_by_name, normaliser="inter_ocular", limit=metrics.THRESHOLDS[-1]
):
    """Draws the CED curves of one or several models, with a legend below them.

    Args:
        path: the .png to write.
        errors_by_name: name -> (B,) float, NME of each face. The models of the best
            means get a curve, at most MAX_CURVES, the best first; those of no face
            none.
        normaliser: what the errors are divided by.
        limit: where the horizontal axis ends.
    """
    from matplotlib.figure import Figure  # Takes most of a second, for one picture.

    known = [(name, errors) for name, errors in errors_by_name.items() if len(errors)]
    ranked = sorted(known, key=lambda item: item[1].mean())
    figure = Figure(figsize=_SIZE, dpi=100, layout="constrained")
    axes = figure.subplots()
    looks = zip(itertools.cycle(_COLORS), itertools.cycle(_STYLES), strict=False)
    for (name, errors), look in zip(ranked[:MAX_CURVES], looks, strict=False):
        _draw_curve(axes, errors, limit, _label(name, errors), *look)
    title = "Cumulative error distribution"
    if len(ranked) > MAX_CURVES:
        title += f", the {MAX_CURVES} best of {len(ranked)} models"
    axes.set(xlim=(0, limit), ylim=(0, 1), title=title)
    axes.set_xlabel(f"NME ({normaliser.replace('_', '-')})")
    axes.set_ylabel("share of faces with at most this error")
    axes.grid(alpha=0.4)
    if all(errors.min() > limit for _, errors in ranked[:MAX_CURVES]):
        told = f"all errors are larger than {limit:g}"
        axes.text(limit / 2, 0.5, told, ha="center", va="center")
    _add_legend(figure)
    with disk.replace_when_done(path) as temporary:
        figure.savefig(temporary)


def _label(name, errors):
    """Returns a model's line in the legend; a very long name runs over several."""
    name = textwrap.fill(name, _LABEL_WIDTH)
    return f"{100 * errors.mean():.2f} %   {name}"


def _draw_curve(axes, errors, limit, label, color, style):
    """Draws the curve of errors (B,)."""
    steps, shares = metrics.ced(errors)
    steps, shares = [0, *steps, max(limit, steps[-1])], [0, *shares, shares[-1]]
    axes.step(steps, shares, color, linestyle=style, where="post", label=label)


def _add_legend(figure):
    """Puts the legend below the axes, for which the figure grows."""
    legend = figure.legend(
        loc="outside lower left",
        fontsize="small",
        title="mean NME, model",
        alignment="left",
        handlelength=5,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # A name may have dollar signs.
    needed = legend.get_tightbbox().padded(10).size / figure.dpi
    width, height = _SIZE
    figure.set_size_inches(max(width, needed[0]), height + needed[1])
