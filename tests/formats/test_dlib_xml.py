"""dlib's XML."""

import numpy as np
import pytest

from landmark.face.scheme import IBUG68, find_scheme
from landmark.formats.annotated import AnnotatedFace, Layout
from landmark.formats.dlib_xml import can_name, read_faces, write_faces
from landmark.script.errors import InputError

FIVE = find_scheme("five")
# As dlib::image_dataset_metadata::save_image_dataset_metadata writes it.
FILE = """<?xml version='1.0' encoding='ISO-8859-1'?>
<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>
<dataset>
<name>Training faces</name>
<comment>These are images from the PASCAL VOC 2011 dataset.</comment>
<images>
  <image file='a/one.jpg' width='100' height='80'>
    <box top='9' left='8' width='30' height='40' occluded='1' pose='2'>
      <label>face</label>
      <part name='0' x='10' y='20'/>
      <part name='1' x='30' y='20'/>
      <part name='2' x='20' y='30'/>
      <part name='3' x='12' y='40'/>
      <part name='4' x='28' y='40'/>
    </box>
    <box top='1' left='2' width='3' height='4' ignore='1'/>
  </image>
  <image file='caf\u00e9.jpg'>
    <box top='-5' left='-4' width='30' height='40'>
      <part name='eye_l' x='10' y='20'/>
      <part name='eye_r' x='30' y='20'/>
      <part name='mouth_l' x='12' y='40'/>
      <part name='mouth_r' x='28' y='40'/>
      <part name='nose' x='20' y='30'/>
    </box>
  </image>
</images>
</dataset>"""
POINTS = [[10, 20], [30, 20], [20, 30], [12, 40], [28, 40]]


def read(tmp_path, text, scheme=FIVE, encoding="utf-8"):
    path = tmp_path / "faces.xml"
    path.write_bytes(text.encode(encoding))
    dropped = []
    return read_faces(path, Layout(scheme), dropped), dropped


def test_public_layout(tmp_path):
    faces, dropped = read(tmp_path, FILE)
    # dlib copies the bytes of names, whatever it says they are.
    assert [face.photo for face in faces] == ["a/one.jpg", "café.jpg"]
    np.testing.assert_array_equal(faces[0].points_image, POINTS)
    # The edges of the pixels from 8 to 37, and from 9 to 48.
    assert faces[0].box == (7.5, 8.5, 37.5, 48.5)
    assert faces[1].box == (-4.5, -5.5, 25.5, 34.5)
    # Names that are no numbers sort as dlib sorts them.
    np.testing.assert_array_equal(faces[1].points_image[[0, 1, 4, 2, 3]], POINTS)
    (sentence,) = dropped
    assert "line 16: a/one.jpg: expected the 5 points" in sentence


def test_names_in_latin_1(tmp_path):
    faces, _ = read(tmp_path, FILE, encoding="latin-1")
    assert faces[1].photo == "café.jpg"


def test_numbers_that_do_not_sort_as_text(tmp_path):
    parts = "".join(
        f"<part name='{i + 1}' x='{i}' y='{2 * i}'/>" for i in reversed(range(68))
    )
    text = (
        "<dataset><images><image file='a.jpg'><box top='0' left='0' width='9' "
        f"height='9'>{parts}</box></image></images></dataset>"
    )
    (face,), _ = read(tmp_path, text, IBUG68)
    numbers = np.arange(68)
    np.testing.assert_array_equal(face.points_image, np.c_[numbers, 2 * numbers])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (" top='9'", "", "line 8: expected a number, found None"),
        ("x='30'", "x='3O'", "line 8: expected a number, found '3O'"),
        ("x='30'", "x='nan'", "found nan 20"),
        ("x='30'", f"x='{'9' * 400}'", "found inf 20"),
        ("name='4'", "name='3'", "expected one part '3', found two"),
        ("width='30'", "width='0'", "expected a box of x0 < x1"),
        (" file='a/one.jpg'", "", "expected the name of a photo, found None"),
    ],
)
def test_broken_face_is_dropped(tmp_path, old, new, message):
    faces, dropped = read(tmp_path, FILE.replace(old, new, 1))
    assert len(faces) == 1
    assert message in dropped[0]


def test_a_part_that_is_not_there_is_missing(tmp_path):
    faces, _ = read(tmp_path, FILE.replace("<part name='2' x='20' y='30'/>", "", 1))
    assert np.isnan(faces[0].points_image[2]).all()
    known = [0, 1, 3, 4]
    np.testing.assert_array_equal(faces[0].points_image[known], np.array(POINTS)[known])


def test_a_face_without_a_photo_is_dropped(tmp_path):
    box = "<box top='1' left='1' width='9' height='9'></box>"
    faces, dropped = read(tmp_path, FILE.replace("</images>", f"{box}</images>"))
    assert len(faces) == 2
    assert "expected the name of a photo, found None" in dropped[-1]


BOMB = """<?xml version="1.0"?>
<!DOCTYPE dataset [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<dataset><name>&b;</name></dataset>"""
OUTSIDE = (
    """<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><dataset>&a;</dataset>"""
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "expected XML without a DOCTYPE, found one"),
        (OUTSIDE, "expected XML without a DOCTYPE, found one"),
        (FILE[:600], "expected dlib's XML, found: "),
        ("", "expected dlib's XML, found: no element"),
        ("<annotation/>", "with <dataset>, found another"),
        ("<?xml version='1.0' encoding='none'?><dataset/>", "found: unknown encoding"),
    ],
)
def test_broken_file(tmp_path, text, message):
    with pytest.raises(InputError, match=f"faces.xml: .*{message}"):
        read(tmp_path, text)


def test_round_trip_is_exact_in_whole_pixels(tmp_path):
    rng = np.random.default_rng(1)
    path, faces = tmp_path / "faces.xml", []
    for photo in ("a & b's.jpg", "a & b's.jpg", 'x/"<ä>".png'):
        points = rng.integers(-5, 300, (68, 2)).astype(float)
        points[rng.random(68) < 0.1] = np.nan
        box = (-1.5, 2.5, 40.5, 90.5)
        faces.append(AnnotatedFace(photo, points, box, path, ""))
    write_faces(path, faces, IBUG68, {"a & b's.jpg": (300, 200)})
    dropped = []
    found = read_faces(path, Layout(IBUG68), dropped)
    assert not dropped
    assert [face.photo for face in found] == [face.photo for face in faces]
    assert [face.box for face in found] == [face.box for face in faces]
    for face, again in zip(faces, found, strict=True):
        np.testing.assert_array_equal(again.points_image, face.points_image)


@pytest.mark.parametrize(
    ("photo", "can"), [("a & ä.jpg", True), ("a\x01.jpg", False), ("\udcff.jpg", False)]
)
def test_names_that_xml_can_hold(photo, can):
    assert can_name(photo) == can
