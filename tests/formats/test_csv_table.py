"""Tables of faces."""

import os

import numpy as np
import pytest

from landmark.face.scheme import find_scheme
from landmark.formats.annotated import AnnotatedFace, Layout
from landmark.formats.csv_table import (
    guess_columns,
    read_faces,
    read_table,
    write_faces,
)
from landmark.script.errors import InputError

FIVE = find_scheme("five")
POINTS = [[10, 20], [30, 20.5], [20, 30], [12, 40], [28, 40]]
ROW = "10,20,30,20.5,20,30,12,40,28,40"
PARTS = ",".join(f"part_{i}_{axis}" for i in range(5) for axis in "xy")
BLOCKS = ",".join(f" {axis}_{i}" for axis in "xy" for i in range(5))
NAMES = "left_eye_center_x,left_eye_center_y,right_eye_center_x,right_eye_center_y,"
NAMES += "nose_tip_x,nose_tip_y,mouth_left_corner_x,mouth_left_corner_y,"
NAMES += "mouth_right_corner_x,mouth_right_corner_y"
COUNTED = ",".join(map(str, range(10)))


def read(tmp_path, text, **told):
    path = tmp_path / "faces.csv"
    path.write_bytes(text.encode())
    rows, dropped = read_table(path), []
    columns = guess_columns(path, rows, 5, **told)
    faces = read_faces(path, Layout(FIVE), dropped, columns, rows)
    return faces, dropped, columns.describe(rows[0][1])


@pytest.mark.parametrize(
    ("text", "box"),
    [
        (f"image_name,{PARTS}\na.jpg,{ROW}\n", None),  # PyTorch's tutorial.
        (f",{COUNTED}\na.jpg,{ROW}\n", None),  # Udacity's.
        (f"{NAMES},Image\n{ROW},a.jpg\n", None),  # Kaggle's, with names.
        (f"photo,{BLOCKS}\na.jpg,10,30,20,12,28,20,20.5,30,40,40\n", None),  # OpenFace.
        (f"a.jpg,{ROW}\n", None),
        (f"{ROW},a.jpg\n", None),
        (f"\ufeffa.jpg;{ROW.replace(',', ';')}\r\n", None),
        (f"a.jpg\t{ROW.replace(',', chr(9))}\n", None),
        (f"a.jpg,{ROW},1,2,3,4\n", (1, 2, 3, 4)),
        (f"file,left,top,right,bottom,{PARTS}\na.jpg,1,2,3,4,{ROW}\n", (1, 2, 3, 4)),
        (f"file,left,top,width,height,{PARTS}\na.jpg,1,2,3,4,{ROW}\n", (1, 2, 4, 6)),
        (f"id,path,xmin,ymin,xmax,ymax,{PARTS}\n5,a.jpg,1,2,3,4,{ROW}\n", (1, 2, 3, 4)),
        (f"{PARTS},score,img_path\n{ROW},0.5,a.jpg\n", None),
        (f"a.jpg,{ROW},,\n", None),
    ],
)
def test_public_layouts_are_guessed(tmp_path, text, box):
    (face,), dropped, _ = read(tmp_path, text)
    assert not dropped
    assert (face.photo, face.box) == ("a.jpg", box)
    np.testing.assert_array_equal(face.points_image, POINTS)


def test_guess_is_told(tmp_path):
    _, _, told = read(tmp_path, f"image_name,{PARTS}\na.jpg,{ROW}\n")
    assert told == (
        "photo in column 1, 5 points in columns 2-11 (part_0_x, part_0_y, part_1_x, "
        "...), no box, names in the first row"
    )
    _, _, told = read(tmp_path, f"a.jpg,{ROW},1,2,3,4\n")
    assert told == (
        "photo in column 1, 5 points in columns 2-11, box in columns 12-15, no names "
        "in the first row"
    )


@pytest.mark.parametrize(
    "told",
    [
        {"photo": "3", "points": "4-13", "box": "14,15-17"},
        {"photo": "c", "points": "d,e,f,g,h,i,j,k,l,m", "box": "n,o,p,q"},
    ],
)
def test_columns_can_be_set(tmp_path, told):
    head = ",".join("abcdefghijklmnopq")
    (face,), _, _ = read(tmp_path, f"{head}\nx.jpg,7,a.jpg,{ROW},1,2,3,4\n", **told)
    assert (face.photo, face.box) == ("a.jpg", (1, 2, 3, 4))
    np.testing.assert_array_equal(face.points_image, POINTS)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            {"points": "2-10"},
            "expected 10 columns of points, and four or none of a box",
        ),
        ({"points": "2-99"}, "--csv_points: .* numbers from 1 to 11, found '2-99'"),
        ({"photo": "nome"}, "--csv_photo: expected names of columns of .*'nome'"),
        ({"box": "2,3"}, "four or none of a box"),
        (
            {"points": "2,2-10"},
            "--csv_points: expected each column of .* found 2 twice",
        ),
    ],
)
def test_columns_that_are_not_there(tmp_path, told, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, f"image_name,{PARTS}\na.jpg,{ROW}\n", **told)


def test_empty_cells_are_missing_points(tmp_path):
    (face,), _, _ = read(tmp_path, f"image,{PARTS}\na.jpg,,,{ROW[6:]}\n")
    assert np.isnan(face.points_image[0]).all()
    np.testing.assert_array_equal(face.points_image[1:], POINTS[1:])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b.jpg,1,2", "expected at least 11 columns, found 3: 'b.jpg'"),
        (f"b.jpg,x{ROW[2:]}", "expected a number, found 'x'"),
        (f"b.jpg,1e400{ROW[2:]}", "within 1e\\+09 pixels, found inf 20"),
        (f"b.jpg,nan{ROW[2:]}", "within 1e\\+09 pixels, found nan 20"),
        (f"b.jpg,{ROW[2:]}", "b.jpg: expected x and y of each point, found one"),
        (f"b.jpg,{ROW},7", "expected at most 11 columns as in .*, found 12: 'b.jpg'"),
        (f",{ROW}", "expected the name of a photo, found ''"),
        ("b.jpg" + "," * 10, "found that all are missing"),
    ],
)
def test_broken_row_is_dropped(tmp_path, row, message):
    faces, dropped, _ = read(tmp_path, f"image,{PARTS}\na.jpg,{ROW}\n{row}\n")
    assert len(faces) == 1
    with pytest.raises(InputError, match=f"faces.csv:3: .*{message}"):
        raise InputError(dropped[0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"\n ,\n", "found an empty file"),
        (b"\xff\xfe", "found an empty file"),
        (b"\xff\xfe\xff", "expected a CSV, found: .*utf-16"),
        (b'"' + b"a" * 200_000, "expected a CSV, found: field larger than"),
        (f'a.jpg,{ROW}\n"b.jpg,{ROW}\nc.jpg,{ROW}\n'.encode(), "unexpected end"),
        (b"a.jpg,1,2\n", "expected 10 columns of points.* 1 points in"),
        # What is x0 here, nobody can tell.
        (f"0,a.jpg,{ROW}\n".encode(), "5.5 points in columns 1,3-12, no box"),
        (f"a.jpg,{ROW},1\n".encode(), "expected 10 columns of points"),
    ],
)
def test_broken_file(tmp_path, content, message):
    path = tmp_path / "faces.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"faces.csv(:\\d+)?: .*({message})"):
        read_faces(path, Layout(FIVE), [])


def test_tables_of_excel_and_names_that_are_no_text(tmp_path):
    path, dropped = tmp_path / "faces.csv", []
    text = f"photo,{PARTS}\r\nä.jpg,{ROW}\r\n".replace(",", "\t")
    path.write_bytes(text.encode("utf-16"))
    assert read_faces(path, Layout(FIVE), dropped)[0].photo == "ä.jpg"
    (face,) = read_faces(path, Layout(FIVE), dropped)
    other = face._replace(photo=os.fsdecode(b"\xe4.jpg"))
    write_faces(path, [other], FIVE, {})
    assert read_faces(path, Layout(FIVE), dropped)[0].photo == other.photo
    assert not dropped


def test_round_trip_is_exact(tmp_path):
    rng = np.random.default_rng(1)
    path, faces = tmp_path / "faces.csv", []
    boxes = (-1.25, 2.5, 40.125, 90.75), None
    for photo, box in zip(('a,"b"\r.jpg', "b/ä.jpg"), boxes, strict=True):
        points = rng.uniform(-5, 300, (5, 2)).round(6)
        points[2] = np.nan
        faces.append(AnnotatedFace(photo, points, box, path, ""))
    write_faces(path, faces, FIVE, {})
    dropped = []
    found = read_faces(path, Layout(FIVE), dropped)
    assert not dropped
    assert [(f.photo, f.box) for f in found] == [(f.photo, f.box) for f in faces]
    for face, again in zip(faces, found, strict=True):
        np.testing.assert_array_equal(again.points_image, face.points_image)
