"""Which photo a file means."""

import os
from pathlib import Path

import pytest

from landmark.formats.photos_of import PhotoFinder
from landmark.script.errors import InputError


@pytest.fixture
def finder(tmp_path):
    for name in ("in/a/one.jpg", "in/b/two.png", "in/c/two.png", "in/d.e.jpg", "x.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return PhotoFinder(tmp_path / "in", tmp_path / "in" / "out")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a/one.jpg", "a/one.jpg"),
        ("../in/a/one.jpg", "a/one.jpg"),
        ("../a/one.jpg", "a/one.jpg"),  # As seen from the file.
        ("..\\a\\one.jpg", "a/one.jpg"),
        ("a/one", "a/one.jpg"),
        ("d.e", "d.e.jpg"),
        ("b/two.png", "b/two.png"),
    ],
)
def test_photos_by_their_path(finder, name, found):
    assert finder.find(name, finder.folder / "c" / "f.xml") == finder.folder / found
    assert not finder.by_last


def test_blanks_around_a_name(finder):
    assert finder.find(" a/one.jpg ", Path("f.xml")) == finder.folder / "a" / "one.jpg"
    path = finder.folder / " lead.jpg"
    path.touch()
    assert finder.find(path.name, Path("f.xml")) == path


def test_absolute_path(finder):
    path = finder.folder / "a" / "one.jpg"
    assert finder.find(str(path), Path("f.xml")) == path


@pytest.mark.parametrize("name", ["/home/her/one.jpg", "C:\\hers\\one.jpg", "one"])
def test_photos_by_their_name_alone(finder, name):
    for _ in range(2):
        found = finder.find(name, Path("f.xml"))
    assert found == finder.folder / "a" / "one.jpg"
    assert finder.by_last == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../x.jpg", "x.jpg: expected a photo below .*in, found it outside"),
        ("gone.jpg", "'gone.jpg': expected a photo below .*in, found none"),
        ("x/two.png", "found 2 of that name"),
        ("/etc/passwd", "found none"),
        ("a/" + "b" * 5000 + ".jpg", "found none"),
        ("a/" + "b" * 5000, "found none"),
        ("a", "found none"),
    ],
)
def test_no_photo(finder, name, message):
    with pytest.raises(InputError, match=message):
        finder.find(name, finder.folder / "f.xml")


def test_photos_that_are_outputs_do_not_count(finder):
    (finder.folder / "out").mkdir()
    os.symlink(finder.folder / "a" / "one.jpg", finder.folder / "out" / "one.jpg")
    assert finder.find("one.jpg", Path("f.xml")) == finder.folder / "a" / "one.jpg"
    assert len(finder.list_photos()) == 4
