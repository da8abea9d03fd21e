"""Subsets of patches by name."""

import pytest

from landmark.dataset.subsets import choose_subsets, parse_subsets
from landmark.script.errors import InputError

NAMES = ["afw-1_1", "helen-2", "2-helen-2", "lfpw-train-3", "lfpw-4"]


def chosen(names, texts):
    """Name -> indices of the patches."""
    subsets = choose_subsets(names, parse_subsets(texts))
    return {name: mask.nonzero()[0].tolist() for name, mask in subsets.items()}


def test_collections_and_subsets():
    assert chosen(NAMES, ["common:helen+lfpw", "lfpw:lfpw", "set:lfpw-train"]) == {
        "afw": [0],
        "helen": [1, 2],
        "lfpw": [3, 4],
        "common": [1, 2, 3, 4],
        "set": [3],
    }


def test_one_collection_is_the_whole():
    assert chosen(["afw-1", "afw-2"], []) == {}


def test_names_without_a_collection():
    assert chosen(["face", "afw-1", "helen-2"], []) == {}
    assert chosen(["face", "afw-1"], ["few:afw", "afw"]) == {"few": [1], "afw": [1]}


@pytest.mark.parametrize("text", ["", "a:", ":b", "a:b+", "all:afw"])
def test_what_is_no_subset_is_refused(text):
    with pytest.raises(InputError, match=r"--subsets: expected names and collections"):
        parse_subsets([text])


def test_names_come_once():
    with pytest.raises(InputError, match="each name once .* found 'a:lfpw'"):
        parse_subsets(["a:afw", "a:lfpw"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("few:ibug", "of ibug for few, found none of 5, which are of afw, helen, lfpw"),
        ("few:afw-1_1", "expected patches of afw-1_1 for few"),
        ("helen:afw", "expected a name that is no collection's, found helen"),
    ],
)
def test_subsets_that_are_not_there_are_refused(text, said):
    with pytest.raises(InputError, match=said):
        chosen(NAMES, [text])


def test_list_of_names(tmp_path):
    path = tmp_path / "hard.txt"
    path.write_text("# By eye.\n\nafw-1_1\nlfpw-4\nlfpw-5\n")
    assert chosen(NAMES, [f"hard:{path}"])["hard"] == [0, 4]
    path.write_text("lfpw-5\n")
    with pytest.raises(InputError, match="hard.txt for hard, found none"):
        chosen(NAMES, [f"hard:{path}"])
    with pytest.raises(InputError, match="none.txt"):
        chosen(NAMES, [f"hard:{tmp_path}/none.txt"])
