"""Cumulative error distributions as a picture."""

from matplotlib.figure import Figure

from landmark.face import metrics
from landmark.files import disk


def write_ced(path, errors_by_name, limit=metrics.THRESHOLDS[-1]):
    """Draws the CED curves of one or several models.

    Args:
        path: the .png to write.
        errors_by_name: name -> (B,) float, inter-ocular NME of each face. The best mean
            comes first in the legend.
        limit: where the horizontal axis ends.
    """
    figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
    axes = figure.subplots()
    for name, errors in sorted(errors_by_name.items(), key=lambda item: item[1].mean()):
        steps, shares = metrics.ced(errors)
        label = f"{name} ({100 * errors.mean():.2f} %)"
        axes.step(
            [0, *steps, limit], [0, *shares, shares[-1]], where="post", label=label
        )
    axes.set(xlim=(0, limit), ylim=(0, 1), title="Cumulative error distribution")
    axes.set_xlabel("inter-ocular NME")
    axes.set_ylabel("share of faces with at most this error")
    axes.grid(alpha=0.4)
    axes.legend(loc="lower right", fontsize="small", title="mean NME")
    with disk.replace_when_done(path) as temporary:
        figure.savefig(temporary)
