"""The text of a scheme: what it says, and how it is refused."""

import numpy as np
import pytest

from landmark.face import scheme_text
from landmark.face.scheme import find_scheme, parse_scheme
from landmark.script.errors import InputError

OWN = """\
# A scheme of one's own.
name       own
points     12                  # What follows a # does not count.
source     us, today

chain      forth  0-3 closed
chain      back   7-4
chain      odd    0-8/3
chain      down   9-1/4
chain      mixed  11
           2 5-3               # Carried on,

   # and on after a comment and an empty line:
\t10-11/2
part       both   forth back
part       some   8 forth 9-11
mirror     0-3 8 = 4-7 9
normalise  span   0+1 4+5+6
normalise  wide   0 11
face_box   0.1 0.2 0
convert    five   exact 0 1+2 5-4 11 = we
drawn      0-11
"""


@pytest.fixture
def own():
    return parse_scheme(OWN, "own.txt")


def test_runs_steps_and_carried_on_lines(own):
    assert (own.name, own.num_points, own.source) == ("own", 12, "us, today")
    assert {name: chain.tolist() for name, chain in own.chains.items()} == {
        "forth": [0, 1, 2, 3],
        "back": [7, 6, 5, 4],
        "odd": [0, 3, 6],
        "down": [9, 5, 1],
        "mixed": [11, 2, 5, 4, 3, 10],
    }
    assert own.closed == {"forth"}
    assert {name: part.tolist() for name, part in own.parts.items()} == {
        "both": [0, 1, 2, 3, 7, 6, 5, 4],
        "some": [8, 0, 1, 2, 3, 9, 10, 11],
    }
    assert own.face_box == (0.1, 0.2, 0)
    assert own.drawn == "0-11"


def test_groups_mirror_and_conversions(own):
    assert own.normaliser == "span"
    assert own.normalisers == {"span": ((0, 1), (4, 5, 6)), "wide": ((0,), (11,))}
    assert own.mirror.tolist() == [4, 5, 6, 7, 0, 1, 2, 3, 9, 8, 10, 11]
    conversion = own.conversions["five"]
    assert conversion.groups == ((0,), (1, 2), (5,), (4,), (11,))
    assert (conversion.is_exact, conversion.source) == (True, "we")
    assert conversion.place == "own.txt, line 21"
    points = np.arange(24.0).reshape(12, 2) ** 2
    found = own.convert(points, find_scheme("five"))
    expected = points[[0, 1, 5, 4, 11]]
    expected[1] = (points[1] + points[2]) / 2
    np.testing.assert_array_equal(found, expected)


def test_definition_is_what_counts(own):
    lines = own.definition.splitlines()
    assert lines[:3] == ["name own", "points 12", "source us, today"]
    assert "chain mixed 11 2 5-3 10-11/2" in lines
    assert len(lines) == 16
    again = parse_scheme(own.definition, "again")
    assert again == own
    assert again.definition == own.definition


def test_least_that_a_scheme_says():
    least = parse_scheme("name a_1\npoints 2\nnormalise apart 0 1", "x")
    assert (least.chains, least.parts, least.conversions) == ({}, {}, {})
    assert least.mirror.tolist() == [0, 1]
    assert least.face_box == (0, 0, 0)
    assert (least.source, least.drawn) == ("", "")


# What stands after the three lines that a scheme needs; the first line is the fourth.
HEAD = "name own\npoints 6\nnormalise apart 0 1\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("corner 1 2", "one of name, points, source, .*, drawn, found corner"),
        ("chain", "words after chain, found none"),
        ("name other", "one name, found a second"),
        ("points 7", "one points, found a second"),
        ("face_box 0 0 0\nface_box 0 0 0", "one face_box, found a second"),
        ("chain a 0", "two points or more, found 1"),
        ("chain a", "two points or more, found 0"),
        ("chain a closed", "two points or more, found 0"),
        ("chain 7 0 1", "a name, found 7"),
        ("chain a 0 6", "indices below 6, found 6"),
        ("chain a 6-0", "indices below 6, found 6-0"),
        ("chain a 0-9/9", "indices below 6, found 0-9/9"),
        ("chain a 0-9/5", "indices below 6, found 0-9/5"),
        ("chain a 0 1 0", "each point once, found 0 twice"),
        ("chain a 0 one", "indices, found 'one'"),
        ("chain a 0 -1", "indices, found '-1'"),
        ("chain a 0 1.5", "indices, found '1.5'"),
        ("chain a 0-", "indices, found '0-'"),
        ("chain a 0-99999999999999", "indices below 6, found 0-99999999999999"),
        ("part a", "chains or points, found none"),
        ("part a b", "a chain above or indices, found 'b'"),
        ("part a 0-2 2", "each point once, found 2 twice"),
        ("mirror 0 1", "words on both sides of =, found '0 1'"),
        ("mirror = 1", "words on both sides of =, found '= 1'"),
        ("mirror 0 1 = 2", "as many points on both sides of =, found 2 and 1"),
        ("mirror 0 1 = 2 2", "0 as the mirror point of 2, found 1"),
        ("mirror 0 = 9", "indices below 6, found 9"),
        ("normalise a 0", "two groups of points that differ, found 0"),
        ("normalise a 0 1 2", "two groups of points that differ, found 0 1 2"),
        ("normalise a 0+1 1+0", "two groups of points that differ, found 0\\+1 1\\+0"),
        ("normalise a 0+0 1", "each point once, found 0 twice"),
        ("normalise a 0++1 2", "indices, found ''"),
        ("normalise apart 2 3", "another name than an earlier normaliser's, found apa"),
        ("face_box 1 2", "three numbers from 0: sides, top, bottom, found '1 2'"),
        ("face_box 1 2 -1", "three numbers from 0: sides, top, bottom, found"),
        ("face_box 1 2 nan", "three numbers from 0: sides, top, bottom, found"),
        ("face_box 1 2 wide", "three numbers from 0: sides, top, bottom, found"),
        ("convert five exact 0 1", "words on both sides of =, found"),
        ("convert five about 0 1 = us", "exact or approximate, found about"),
        ("convert five = us", "exact or approximate, found none"),
        ("convert five exact 7 = us", "indices below 6, found 7"),
    ],
)
def test_faulty_lines_are_refused(line, message):
    number = 3 + len(line.splitlines())
    with pytest.raises(InputError, match=message) as caught:
        scheme_text.parse(f"{HEAD}{line}\n", "own.txt")
    assert str(caught.value).startswith(f"own.txt, line {number}: expected ")
    assert ", found " in str(caught.value)


@pytest.mark.parametrize(
    ("earlier", "line", "message"),
    [
        ("chain a 0 1", "chain a 2 3", "another name than an earlier chain's, found a"),
        ("part a 0 1", "part a 2", "another name than an earlier part's, found a"),
        ("mirror 0 = 1", "mirror 1 = 2", "0 as the mirror point of 1, found 2"),
        (
            "convert five exact 0 = us",
            "convert five exact 1 = us",
            "another scheme than an earlier conversion's, found five",
        ),
    ],
)
def test_lines_that_contradict_earlier_ones(earlier, line, message):
    with pytest.raises(InputError) as caught:
        scheme_text.parse(f"{HEAD}{earlier}\n\n{line}\n", "own.txt")
    assert str(caught.value) == f"own.txt, line 6: expected {message}"


# The number is that of the line that is carried on, where the file has it.
def test_number_of_a_carried_on_line():
    with pytest.raises(InputError, match=r"^x, line 4: expected indices below 6, fo"):
        scheme_text.parse(f"{HEAD}chain a 0 1\n  2 3\n  9\nchain b 0 1\n", "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x: expected a line name, found none"),
        ("# name own\n", "x: expected a line name, found none"),
        ("name own\n", "x: expected a line points, found none"),
        ("name own\npoints 2\n", "x: expected a line normalise, found none"),
        ("name o-wn", "x, line 1: expected a name of letters and digits, found 'o-wn'"),
        ("name 1", "x, line 1: expected a name of letters and digits, found '1'"),
        (
            "\nname a\nchain a 0 1",
            "x, line 3: expected the number of points first, fou",
        ),
        ("points 1", "x, line 1: expected a number of points from 2 to 10000, found"),
        ("points 10001", "x, line 1: expected a number of points from 2 to 10000"),
        ("points -3", "x, line 1: expected a number of points from 2 to 10000"),
        ("points 1e3", "x, line 1: expected a number of points from 2 to 10000"),
    ],
)
def test_texts_that_are_no_scheme(text, message):
    with pytest.raises(InputError) as caught:
        scheme_text.parse(text, "x")
    assert str(caught.value).startswith(message)
