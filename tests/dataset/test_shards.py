"""Record files by name: a path, a glob, a set of shards."""

from pathlib import Path

import pytest

from landmark.dataset import shards
from landmark.script.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """A folder with a set a of 3 shards, a set b of 1, and a file c."""
    names = [f"a.tfrecord-{i:05d}-of-00003" for i in range(3)]
    for name in [*names, "b-00000-of-00001", "c[1].tfrecord"]:
        (tmp_path / name).touch()
    return tmp_path


def names_of(path):
    return [found.name for found in shards.list_shards(path)]


def test_paths_of_outputs():
    assert shards.output_paths("x/a", 1) == [Path("x/a")]
    assert shards.output_paths("x/a", 2) == [
        Path("x/a-00000-of-00002"),
        Path("x/a-00001-of-00002"),
    ]


def test_a_path_a_set_and_a_glob(folder):
    set_a = [f"a.tfrecord-{i:05d}-of-00003" for i in range(3)]
    assert names_of(folder / "a.tfrecord@3") == set_a
    assert names_of(folder / "a.*") == set_a
    assert names_of(folder / "[ab]*") == [*set_a, "b-00000-of-00001"]
    assert names_of(folder / "b@1") == ["b-00000-of-00001"]
    # What is there is that file, whatever its name looks like.
    assert names_of(folder / set_a[1]) == [set_a[1]]
    assert names_of(folder / "c[1].tfrecord") == ["c[1].tfrecord"]
    (folder / "d@3").touch()
    assert names_of(folder / "d@3") == ["d@3"]


@pytest.mark.parametrize("end", ["@3", "-*", "-0000[02]*"])
def test_a_shard_that_is_missing_is_named(folder, end):
    (folder / "a.tfrecord-00001-of-00003").unlink()
    with pytest.raises(InputError) as caught:
        shards.list_shards(f"{folder}/a.tfrecord{end}")
    assert str(caught.value) == (
        f"{folder}/a.tfrecord@3: expected 3 shards, found 2: "
        "a.tfrecord-00001-of-00003 is missing"
    )


def test_shards_are_asked_for_as_a_set(folder):
    with pytest.raises(InputError, match=r"found its shards; .* as .*a.tfrecord@3"):
        shards.list_shards(folder / "a.tfrecord")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("e", "e: expected a file, found none"),
        ("e*", r"e\*: expected record files, found none"),
        ("e@2", "e@2: expected 2 shards, found 0: e-00000-of-00002 is missing"),
        ("e@0", "e@0: expected a file, found none"),
        (".", "expected a file, found a folder"),
    ],
)
def test_what_is_not_there_is_refused(folder, name, message):
    with pytest.raises(InputError, match=message):
        shards.list_shards(folder / name)


def test_two_sets_of_one_name_are_refused(folder):
    for i in range(2):
        (folder / f"a.tfrecord-{i:05d}-of-00002").touch()
    assert len(names_of(folder / "a.tfrecord@3")) == 3
    with pytest.raises(InputError, match="found sets of 2 and of 3 of .*a.tfrecord"):
        shards.list_shards(folder / "a*")


def test_outputs_of_another_number_are_refused(folder):
    shards.require_no_others(folder / "a.tfrecord", 3)
    shards.require_no_others(folder / "c[1].tfrecord", 1)
    shards.require_no_others(folder / "new", 5)
    for name, number, found in (
        ("a.tfrecord", 1, "a.tfrecord-00000-of-00003"),
        ("a.tfrecord", 4, "a.tfrecord-00000-of-00003"),
        ("c[1].tfrecord", 3, r"c\[1\].tfrecord"),
    ):
        with pytest.raises(InputError, match=f"under this name, found {found}; remove"):
            shards.require_no_others(folder / name, number)
