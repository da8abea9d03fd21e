"""The picture of error distributions."""

import itertools

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


def make_errors(count, length=120):
    """Models of long names that differ at their end, the worst first."""
    run = "x56-wing.adam.0.002.5000-l2.0.0001/"
    long = (run * length)[: length - 3]
    return {
        f"{long}{i:03d}": np.linspace(0.01, 0.2, 20) - i / 1e4 for i in range(count)
    }


def legend_lines(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_curves_are_written_as_a_picture(tmp_path):
    curves.write_ced(tmp_path / "ced.png", {"model": np.array([0.02, 0.04])})
    height, width, channels = read_image(tmp_path / "ced.png").shape
    assert (width, channels) == (800, 3)
    assert 520 < height < 600  # 500 and a legend of one line.
    assert [path.name for path in tmp_path.iterdir()] == ["ced.png"]


def test_best_model_comes_first_in_the_legend(tmp_path, figures):
    errors = {"bad": np.array([0.06, 0.2]), "good": np.array([0.01, 0.03])}
    curves.write_ced(tmp_path / "ced.png", errors)
    assert legend_lines(figures[0]) == ["2.00 %   good", "13.00 %   bad"]
    axes = figures[0].axes[0]
    assert axes.get_title() == "Cumulative error distribution"
    assert [max(line.get_xdata()) for line in axes.get_lines()] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("least", "told"), [(0.1, []), (0.11, ["all errors are larger than 0.1"])]
)
def test_picture_says_why_there_is_no_curve(tmp_path, figures, least, told):
    errors = {"good": np.array([0.3, least]), "bad": np.array([0.4, 0.5])}
    curves.write_ced(tmp_path / "ced.png", errors)
    (axes,) = figures[0].axes
    assert [text.get_text() for text in axes.texts] == told


def test_only_the_best_of_many_models_get_a_curve(tmp_path, figures):
    errors = make_errors(72)
    curves.write_ced(tmp_path / "ced.png", errors)
    (axes,) = figures[0].axes
    assert len(axes.get_lines()) == 12
    assert axes.get_title().endswith(", the 12 best of 72 models")
    ends = [line[-3:] for line in legend_lines(figures[0])]
    assert ends == [f"{i:03d}" for i in range(71, 59, -1)]


def test_no_two_curves_look_alike(tmp_path, figures):
    curves.write_ced(tmp_path / "ced.png", make_errors(12))
    (legend,) = figures[0].legends
    for lines in (figures[0].axes[0].get_lines(), legend.get_lines()):
        looks = {(line.get_color(), str(line._dash_pattern)) for line in lines}
        assert len(looks) == 12
        for line, following in itertools.pairwise(lines):
            assert line.get_color() != following.get_color()
            assert line._dash_pattern != following._dash_pattern


@pytest.mark.parametrize(
    ("count", "length"), [(1, 5), (5, 120), (12, 120), (24, 60), (72, 5), (72, 300)]
)
def test_legend_covers_nothing_and_lies_in_the_picture(
    tmp_path, figures, count, length
):
    errors = make_errors(count, length)
    curves.write_ced(tmp_path / "ced.png", errors)
    (figure,) = figures
    (axes,), (legend,) = figure.axes, figure.legends
    extent = legend.get_tightbbox()
    for text in legend.get_texts():
        assert extent.containsx(text.get_window_extent().x1)
    # The plot with its labels and title stands above; nothing leaves the picture.
    plot = axes.get_tightbbox()
    assert 0 <= extent.y0 < extent.y1 <= plot.y0 < plot.y1 <= figure.bbox.y1
    assert 0 <= extent.x0 < extent.x1 <= figure.bbox.x1
    assert axes.get_window_extent().height > 400
    assert axes.get_window_extent().width > 700
    width, height = figure.canvas.get_width_height()
    assert read_image(tmp_path / "ced.png").shape == (height, width, 3)
    assert width < 1300


def test_names_are_shown_as_they_are(tmp_path, figures):
    errors = np.array([0.02])
    names = ["a$x$b", "_hidden", r"$\nonsense$", "wing/" * 100]
    curves.write_ced(tmp_path / "ced.png", dict.fromkeys(names, errors))
    lines = [line.replace("\n", "") for line in legend_lines(figures[0])]
    assert lines == [f"2.00 %   {name}" for name in names]
    (legend,) = figures[0].legends
    assert not any(text.get_parse_math() for text in legend.get_texts())


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
