"""COCO's JSON of keypoints."""

import json

import numpy as np
import pytest

from landmark.face.scheme import IBUG68, find_scheme
from landmark.formats.annotated import AnnotatedFace, Layout
from landmark.formats.coco import read_faces, write_faces
from landmark.script.errors import InputError

FIVE = find_scheme("five")
# As https://cocodataset.org/#format-data has it.
TOLD = {
    "info": {"year": 2017, "version": "1.0", "url": "http://cocodataset.org"},
    "licenses": [{"id": 1, "name": "none"}],
    "images": [
        {"id": 7, "file_name": "000000000007.jpg", "width": 64, "height": 48},
        {"id": 9, "file_name": "val/9.jpg", "width": 64, "height": 48},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 9,
            "category_id": 1,
            "iscrowd": 0,
            "area": 1200.0,
            "bbox": [8, 9, 30, 40],
            "num_keypoints": 4,
            "keypoints": [10, 20, 2, 30, 20, 2, 0, 0, 0, 12.5, 40, 1, 28, 40, 2],
        },
        {"id": 2, "image_id": 7, "keypoints": [1, 2, 2] * 17, "bbox": [0, 0, 9, 9]},
    ],
    "categories": [{"id": 1, "name": "face", "keypoints": ["a"] * 5, "skeleton": []}],
}


def read(tmp_path, told, scheme=FIVE):
    path = tmp_path / "faces.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    dropped = []
    return read_faces(path, Layout(scheme), dropped), dropped


def change(**changes):
    return TOLD | {"annotations": [TOLD["annotations"][0] | changes]}


def test_public_layout(tmp_path):
    (face,), dropped = read(tmp_path, TOLD)
    assert face.photo == "val/9.jpg"
    nan = np.nan
    expected = [[10, 20], [30, 20], [nan, nan], [12.5, 40], [28, 40]]
    np.testing.assert_array_equal(face.points_image, expected)
    # Boxes are measured from the corner, not from the first pixel's centre.
    assert face.box == (7.5, 8.5, 37.5, 48.5)
    assert "annotation 2: 000000000007.jpg: expected the 5 points" in dropped[0]


def test_faces_of_whole_bodies(tmp_path):
    face = {"face_kpts": [10, 20, 0.5, *[3, 4, 1] * 67], "face_box": [1, 2, 3, 4]}
    told = change(**face, face_valid=True)
    (found,), _ = read(tmp_path, told, IBUG68)
    np.testing.assert_array_equal(found.points_image[:2], [[10, 20], [3, 4]])
    assert found.box == (0.5, 1.5, 3.5, 5.5)
    faces, dropped = read(tmp_path, change(**face, face_valid=False), IBUG68)
    assert not faces
    assert "expected a face, found none annotated" in dropped[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_id": 8}, "annotation 1: expected the id of an image .*, found 8"),
        ({"image_id": [9]}, "expected the id of an image .*, found \\[9\\]"),
        ({"keypoints": [1, 2]}, "expected keypoints x, y, v, ..., found 2 numbers"),
        ({"keypoints": [1, 2, float("nan")] * 5}, "found a v of nan"),
        ({"keypoints": None}, "expected keypoints"),
        ({"keypoints": ["x", 2, 2] * 5}, "expected a number, found 'x'"),
        ({"keypoints": [1e99, 2, 2] * 5}, "within 1e\\+09 pixels"),
        ({"keypoints": [float("nan"), 2, 2] * 5}, "within 1e\\+09 pixels, found nan"),
        ({"keypoints": [10**400, 2, 2] * 5}, "expected a number"),
        ({"keypoints": [0, 0, 0] * 5}, "found that all are missing"),
        ({"bbox": [1, 2, 3]}, "expected a box of four"),
        ({"bbox": [1, 2, 0, 4]}, "expected a box of x0 < x1"),
    ],
)
def test_broken_face_is_dropped(tmp_path, changes, message):
    faces, dropped = read(tmp_path, change(**changes))
    assert not faces
    with pytest.raises(InputError, match=message):
        raise InputError(dropped[0])


def test_id_of_two_images_is_none(tmp_path):
    image = TOLD["images"][1]
    told = change() | {"images": [image, image]}
    assert len(read(tmp_path, told)[0]) == 1
    told["images"] += [image | {"file_name": "other.jpg"}]
    faces, (sentence,) = read(tmp_path, told)
    assert not faces
    assert "expected the id of an image with one file_name, found 9 with 2" in sentence


@pytest.mark.parametrize("told", ["", "{", "[" * 10**5, "[]", '{"images": []}', "7"])
def test_broken_file(tmp_path, told):
    with pytest.raises(InputError, match="faces.json: expected COCO's JSON"):
        read(tmp_path, told)


def test_round_trip_is_exact(tmp_path):
    rng = np.random.default_rng(1)
    path, faces = tmp_path / "faces.json", []
    for photo in ("a.jpg", "b/ä.jpg", "a.jpg"):
        points = rng.uniform(-5, 300, (68, 2)).round(6)
        points[rng.random(68) < 0.1] = np.nan
        box = (-1.25, 2.5, 40.125, 90.75)
        faces.append(AnnotatedFace(photo, points, box, path, ""))
    write_faces(path, faces, IBUG68, {"a.jpg": (300, 200)})
    dropped = []
    found = read_faces(path, Layout(IBUG68), dropped)
    assert not dropped
    assert [(f.photo, f.box) for f in found] == [(f.photo, f.box) for f in faces]
    for face, again in zip(faces, found, strict=True):
        np.testing.assert_array_equal(again.points_image, face.points_image)


def test_what_others_look_for_is_written(tmp_path):
    points = np.array([[10, 20], [30, 20], [np.nan] * 2, [12, 40], [28, 40]])
    face = AnnotatedFace("a.jpg", points, (7.5, 8.5, 37.5, 48.5), tmp_path, "")
    path = tmp_path / "faces.json"
    write_faces(path, [face], FIVE, {"a.jpg": (64, 48)})
    told = json.loads(path.read_text())
    image = {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}
    assert told["images"] == [image]
    (annotation,) = told["annotations"]
    assert annotation["bbox"] == [8, 9, 30, 40]
    assert (annotation["area"], annotation["num_keypoints"]) == (1200, 4)
    (category,) = told["categories"]
    assert len(category["keypoints"]) == 5
    assert category["skeleton"] == [[4, 5]]
