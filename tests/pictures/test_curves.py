"""The picture of error distributions."""

import matplotlib.figure
import numpy as np
import pytest

from landmark.files.photos import read_image
from landmark.pictures import curves


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved while a test runs."""
    saved = []
    save = matplotlib.figure.Figure.savefig

    def savefig(figure, *args, **kwargs):
        saved.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", savefig)
    return saved


def test_curves_are_written_as_a_picture(tmp_path):
    curves.write_ced(tmp_path / "ced.png", {"model": np.array([0.02, 0.04])})
    image = read_image(tmp_path / "ced.png")
    assert image.shape == (500, 800, 3)
    assert np.unique(image.reshape(-1, 3), axis=0).shape[0] > 10
    assert [path.name for path in tmp_path.iterdir()] == ["ced.png"]


def test_best_model_comes_first_in_the_legend(tmp_path, figures):
    errors = {"bad": np.array([0.06, 0.2]), "good": np.array([0.01, 0.03])}
    curves.write_ced(tmp_path / "ced.png", errors)
    texts = figures[0].axes[0].get_legend().get_texts()
    labels = [text.get_text() for text in texts]
    assert labels == ["good (2.00 %)", "bad (13.00 %)"]


def test_curve_steps_up_at_each_error_and_reaches_the_limit(tmp_path, figures):
    errors = np.array([0.05, 0.02, 0.2, 0.08])
    curves.write_ced(tmp_path / "ced.png", {"model": errors}, limit=0.1)
    (axes,) = figures[0].axes
    (line,) = axes.get_lines()
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xdata().tolist()[:4] == [0, 0.02, 0.05, 0.08]
    assert line.get_ydata().tolist()[:4] == [0, 0.25, 0.5, 0.75]
    assert max(line.get_xdata()) >= 0.1
    assert axes.get_xlim() == (0, 0.1)
