"""Which formats there are, and which files hold them."""

import json

import numpy as np
import pytest

from landmark.face.geometry import face_box_from_points
from landmark.face.scheme import find_scheme
from landmark.formats import choose
from landmark.formats.annotated import AnnotatedFace, Layout
from landmark.script.errors import InputError

FIVE = find_scheme("five")
POINTS = np.array([[10.0, 20], [30, 20], [20, 30], [12, 40], [28, 40]])


def test_files_of_folders_are_listed_once(tmp_path):
    for name in ("a.xml", "b/c.XML", "b/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    words = [str(tmp_path), str(tmp_path / "a.xml"), str(tmp_path / "b" / "d.txt")]
    found = choose.list_sources(words, ".xml", [])
    names = ["a.xml", "b/c.XML", "b/d.txt"]
    assert found == [tmp_path / name for name in names]
    with pytest.raises(InputError, match="expected files of .mat, found none"):
        choose.list_sources(words, ".mat", [])


def test_formats_count_in_their_own_ways():
    assert choose.make_layout("labelme", FIVE, None, ()) == Layout(FIVE, 0.5)
    assert choose.make_layout("mat", FIVE, None, ()).first_pixel == 1
    assert choose.make_layout("mat", FIVE, 0, ()).first_pixel == 0


@pytest.mark.parametrize("name", ["a.txt", "a", "b.xml"])
def test_other_files_are_refused(tmp_path, name):
    (tmp_path / "b.xml").mkdir()
    with pytest.raises(InputError, match="expected a file of .xml, .csv, .json"):
        choose.check_target(tmp_path / name)


def test_faces_without_a_box_are_framed_by_their_points(tmp_path):
    face = AnnotatedFace(str(tmp_path / "a.jpg"), POINTS, None, tmp_path, "f:1")
    other = face._replace(photo=str(tmp_path / "b\x01.jpg"), place="f:2")
    path, dropped = tmp_path / "new" / "faces.json", []
    sizes = {face.photo: (64, 48)}
    assert choose.write_faces(path, [face], FIVE, sizes, dropped) == ([face], 1)
    told = json.loads(path.read_text())
    assert told["images"][0] == {
        "id": 1,
        "file_name": "../a.jpg",
        "width": 64,
        "height": 48,
    }
    x0, y0, x1, y1 = face_box_from_points(POINTS, FIVE)
    box = [x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0]
    np.testing.assert_allclose(told["annotations"][0]["bbox"], box, atol=1e-6)
    table = path.with_suffix(".csv")
    assert choose.write_faces(table, [face], FIVE, {}, dropped) == ([face], 0)
    assert not dropped
    # What XML cannot hold is left out, and named.
    path = path.with_suffix(".xml")
    assert choose.write_faces(path, [other, face], FIVE, {}, dropped) == ([face], 1)
    assert path.read_text().count("<image ") == 1
    (sentence,) = dropped
    assert sentence.startswith("f:2: expected a name that XML can hold, found '")
