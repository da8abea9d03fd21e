"""Numbers and tables as a person writes them."""

from landmark.script import words
from landmark.script.words import count, format_table


def test_count():
    assert count(0, "photo") == "0 photos"
    assert count(1, "photo") == "1 photo"
    assert count(2, "patch", "patches") == "2 patches"
    assert count(1, "patch", "patches") == "1 patch"


def test_columns_never_run_into_each_other():
    rows = [["12345678901.5", "1", "a model"], ["2", "x", "b"]]
    assert format_table(["MB", "NME%", "file"], rows) == (
        "           MB  NME%  file\n"
        "12345678901.5     1  a model\n"
        "            2     x  b"
    )
    assert format_table(["a", "b"], []) == "a  b"


def test_tables_for_papers():
    header, rows = ["model", "FR@.08%"], [["a_b|c", "1.50"]]
    assert words.format_markdown(header, rows) == (
        "| model | FR@.08% |\n| --- | ---: |\n| a_b\\|c | 1.50 |\n"
    )
    assert words.format_latex(header, rows) == (
        "\\begin{tabular}{lr}\n\\toprule\nmodel & FR@.08\\% \\\\\n\\midrule\n"
        "a\\_b|c & 1.50 \\\\\n\\bottomrule\n\\end{tabular}\n"
    )
