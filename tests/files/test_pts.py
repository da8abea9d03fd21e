"""Annotation on disk."""

import numpy as np
import pytest

from landmark.face.scheme import find_scheme
from landmark.files.pts import (
    PointCountError,
    PtsFormat,
    find_repeated,
    parse_missing,
    read_pts,
    write_pts,
)
from landmark.script.errors import InputError

POINTS = np.arange(136).reshape(68, 2) + 0.25  # As they stand in the file.
ROWS = [f"{x} {y}" for x, y in POINTS]


def write_bytes(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def pts_lines(rows, count=None):
    return ["version: 1", f"n_points: {count or len(rows)}", "{", *rows, "}", ""]


# Trap: .pts files come without a header, with two spaces after the colon, or, in a
# Multi-PIE variant, with just the count on the first line.
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(pts_lines(ROWS)),
        "\n".join(pts_lines(ROWS)).rstrip(),
        "\n".join(pts_lines(ROWS)).replace("n_points: ", "n_points:  "),
        "\n".join(pts_lines(ROWS)).replace("n_points: ", "n_points:"),
        "\n".join(pts_lines(ROWS)).replace("version", "Version"),
        "\n".join(pts_lines(ROWS)).upper(),
        "\r\n".join(pts_lines(ROWS)),
        "\ufeff" + "\n".join(pts_lines(ROWS)),
        "\ufeff" + "\r\n".join(pts_lines(ROWS)),
        "\n".join(ROWS),
        "\n".join([*ROWS, "", "", " "]),
        "\n".join(["68", *ROWS]) + "\n",
        "\r\n".join(["68", *ROWS]) + "\r\n",
        "\ufeff" + "\n".join(["68", *ROWS]),
        "\n".join(["n_points:  68", "{" + ROWS[0], *ROWS[1:-1], ROWS[-1] + "}"]),
        "\n".join(["{", *(f"\t {row.replace(' ', '  ')}  " for row in ROWS), "}"]),
        "\n".join(pts_lines([f"{x:.6e} {y:.6e}" for x, y in POINTS])),
    ],
)
def test_pts_variants(tmp_path, text):
    path = write_bytes(tmp_path / "face.pts", text)
    # Trap: iBUG counts pixels from 1.
    np.testing.assert_allclose(read_pts(path), POINTS - 1, atol=1e-9)
    np.testing.assert_allclose(read_pts(path, PtsFormat(first_pixel=0)), POINTS)


@pytest.mark.parametrize("first_pixel", [0, 1])
def test_pts_written_and_read(tmp_path, first_pixel):
    points_image = np.random.default_rng(0).uniform(-20, 4000, (68, 2))
    path = tmp_path / "face.pts"
    write_pts(path, points_image, first_pixel)
    found = read_pts(path, PtsFormat(first_pixel=first_pixel))
    np.testing.assert_allclose(found, points_image, rtol=0, atol=1e-6)


def test_pts_is_written_as_ibug_does(tmp_path):
    write_pts(tmp_path / "face.pts", np.tile([10.0, 20.5], (68, 1)))
    lines = (tmp_path / "face.pts").read_text().splitlines()
    assert lines[:4] == ["version: 1", "n_points: 68", "{", "11.000000 21.500000"]
    assert lines[3:-1] == ["11.000000 21.500000"] * 68
    assert lines[-1] == "}"


@pytest.mark.parametrize("count", [0, 39, 66, 69])
def test_pts_with_another_number_of_points(tmp_path, count):
    rows = (ROWS + ROWS)[:count]
    for lines in (pts_lines(rows), [str(count), *rows], rows):
        path = write_bytes(tmp_path / "face_12.pts", "\n".join(lines))
        with pytest.raises(PointCountError) as caught:
            read_pts(path)
        assert str(caught.value) == (
            f"{path}: expected the 68 points of scheme ibug68, found {count}"
        )
        assert caught.value.found == count


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (pts_lines([*ROWS[:5], "nan 7", *ROWS[6:]]), "finite.*found 'nan 7'"),
        (pts_lines([*ROWS[:5], "3 inf", *ROWS[6:]]), "finite.*found '3 inf'"),
        (pts_lines([*ROWS[:5], "3 left", *ROWS[6:]]), "two.*found '3 left'"),
        (pts_lines([*ROWS[:5], "3", *ROWS[6:]]), "two.*found '3'"),
        (pts_lines([*ROWS[:5], "1 2 3", *ROWS[6:]]), "two.*found '1 2 3'"),
        (pts_lines(ROWS[:66], count=68), "promises 68 points, found 66"),
        (["68", *ROWS[:66]], "promises 68 points, found 66"),
        (["nan", *ROWS], "promises -1 points, found 68"),
        (["<html>", "<body>"], "two finite numbers.*found '<html>'"),
    ],
)
def test_broken_pts(tmp_path, lines, message):
    path = write_bytes(tmp_path / "face.pts", "\n".join(lines))
    with pytest.raises(InputError, match=message) as caught:
        read_pts(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_pts_that_is_no_text(tmp_path):
    (tmp_path / "face.pts").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="face.pts: expected two finite numbers"):
        read_pts(tmp_path / "face.pts")


# Missing points.

FIVE = find_scheme("five")


def write_five(tmp_path, *rows):
    return write_bytes(tmp_path / "face.pts", "\n".join(pts_lines(rows)))


# What is given as --missing, the five rows -> which of them are missing.
@pytest.mark.parametrize(
    ("words", "rows", "missing"),
    [
        ([], ["1 2", "nan nan", "3 4", "5 6", "NaN nan"], [1, 4]),
        ([], ["1 2", "-1 -1", "0 0", "5 6", "7 8"], []),
        (["-1,-1"], ["1 2", "-1 -1", "0 0", "-1.0 -1.00", "-1 8"], [1, 3]),
        (["0,0"], ["1 2", "-1 -1", "0 0", "0 6", "7 0"], [2]),
        (["-1,-1", "0,0"], ["1 2", "-1 -1", "0 0", "nan nan", "-0 0"], [1, 2, 3, 4]),
        ([" -1, -1"], ["1 2", "-1 -1", "0 0", "5 6", "7 8"], [1]),
        (["visibility"], ["1 2 1", "3 4 0", "5 6 2", "7 8 0.0", "9 9 0.5"], [1, 3]),
        (["visibility"], ["nan nan nan", "3 4 0", "nan nan 1", "7 8 1", "9 9 1"], None),
        (
            ["visibility"],
            ["nan nan 0", "3 4 0", "nan nan 1", "7 8 1", "9 9 1"],
            [0, 1, 2],
        ),
        (["visibility", "7,8"], ["1 2 1", "3 4 1", "5 6 0", "7 8 1", "9 9 1"], [2, 3]),
    ],
)
def test_what_stands_for_a_missing_point(tmp_path, words, rows, missing):
    path = write_five(tmp_path, *rows)
    pts_format = PtsFormat(FIVE, **parse_missing(words))
    if missing is None:
        with pytest.raises(InputError, match="expected 3 finite numbers"):
            read_pts(path, pts_format)
        return
    found = read_pts(path, pts_format)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found).any(axis=1)), missing)
    known = np.setdiff1d(range(5), missing)
    written = np.array([row.split()[:2] for row in rows], float)
    # The mark is compared as it is written; only then pixels are counted from 0.
    np.testing.assert_array_equal(found[known], written[known] - 1)
    assert np.isnan(found[missing]).all()


@pytest.mark.parametrize(
    ("words", "row", "found"),
    [
        ([], "nan 5", "two finite numbers in a line, found 'nan 5'"),
        ([], "5 nan", "two finite numbers in a line, found '5 nan'"),
        ([], "inf inf", "two finite numbers in a line, found 'inf inf'"),
        ([], "nan inf", "two finite numbers in a line, found 'nan inf'"),
        ([], "-inf 5", "two finite numbers in a line, found '-inf 5'"),
        ([], "1 2 0", "two finite numbers in a line, found '1 2 0'"),
        (["visibility"], "1 2", "3 finite numbers in a line, found '1 2'"),
        (["visibility"], "1 nan 0", "3 finite numbers in a line, found '1 nan 0'"),
        (["visibility"], "1 2 nan", "3 finite numbers in a line, found '1 2 nan'"),
    ],
)
def test_half_a_missing_point_is_refused(tmp_path, words, row, found):
    others = ["1 2 1" if words else "1 2"] * 4
    path = write_five(tmp_path, *others, row)
    with pytest.raises(InputError) as caught:
        read_pts(path, PtsFormat(FIVE, **parse_missing(words)))
    assert str(caught.value) == f"{path}: expected {found}"


@pytest.mark.parametrize("word", ["1", "1,2,3", "x,y", "", "visible", "1;2"])
def test_missing_that_is_no_point(word):
    with pytest.raises(InputError) as caught:
        parse_missing(["0,0", word])
    assert str(caught.value) == (
        f"--missing: expected two numbers X,Y or visibility, found {word!r}"
    )


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([(1, 2), (3, 4), (5, 6)], []),
        ([(1, 2), (1, 2), (5, 6)], []),  # Lids that touch.
        ([(1, 2), (5, 6), (1, 2), (1, 2)], [(1, 2)]),
        ([(0, 0), (5, 6)], [(0, 0)]),
        ([(-1, -1), (0, 6), (5, -1)], [(-1, -1)]),
        ([(-1, -1), (0, 0), (9, 9), (9, 9), (9, 9)], [(-1, -1), (0, 0), (9, 9)]),
        ([(np.nan, np.nan)] * 4, []),
        ([(np.nan, np.nan)] * 3 + [(0, 0)], [(0, 0)]),
    ],
)
def test_find_repeated(points, found):
    assert find_repeated(np.array(points, float)) == found


@pytest.mark.parametrize("first_pixel", [0, 1])
def test_missing_points_written_and_read(tmp_path, first_pixel):
    points_image = np.random.default_rng(0).uniform(-20, 4000, (5, 2))
    points_image[[0, 3]] = np.nan
    path = tmp_path / "face.pts"
    write_pts(path, points_image, first_pixel)
    lines = path.read_text().splitlines()
    assert lines[1] == "n_points: 5"
    assert [lines[3], lines[6]] == ["nan nan"] * 2
    found = read_pts(path, PtsFormat(FIVE, first_pixel))
    np.testing.assert_allclose(found, points_image, rtol=0, atol=1e-6)


def test_another_number_of_points_than_the_schemes(tmp_path):
    path = write_five(tmp_path, "1 2", "3 4")
    with pytest.raises(PointCountError) as caught:
        read_pts(path, PtsFormat(FIVE))
    assert str(caught.value) == (
        f"{path}: expected the 5 points of scheme five, found 2"
    )
