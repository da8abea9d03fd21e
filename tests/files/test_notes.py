"""What notes in JSON hold."""

import pytest

from landmark.files.notes import is_pair, is_text, read_share, shorten


@pytest.mark.parametrize(("value", "share"), [(0, 0.0), (0.3, 0.3), (10, 10.0)])
def test_share_is_a_float(value, share):
    assert (read_share(value), type(read_share(value))) == (share, float)


def test_share_that_is_not_known():
    assert read_share(None) is None


@pytest.mark.parametrize(
    "value",
    [-1, 10.1, 1e300, 10**400, float("nan"), float("inf"), True, "0.1", "", [], {}],
)
def test_what_is_no_share_is_refused(value):
    with pytest.raises(ValueError, match="expected a number from 0 to 10"):
        read_share(value)


def test_long_values_are_cut():
    assert shorten("a\nb") == r"'a\nb'"
    assert shorten("x" * 10_000) == "'" + "x" * 199 + "..."


def test_pairs():
    assert is_pair([0.0, -1.5])
    for value in ([0.0], [0.0, 1], [0.0, float("nan")], [1.0, 2.0, 3.0], "ab", None):
        assert not is_pair(value)


def test_texts():
    assert is_text("caf\u00e9 \udcff")  # A byte of a file's name.
    assert not is_text("\ud800")
