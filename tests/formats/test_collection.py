"""Folders of photos and .pts, written and read."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from landmark.face.scheme import find_scheme
from landmark.files.boxes import read_boxes
from landmark.files.photos import find_photo
from landmark.files.pts import PtsFormat, read_pts
from landmark.formats import collection
from landmark.formats.annotated import AnnotatedFace
from landmark.formats.photos_of import PhotoFinder
from landmark.script.errors import InputError

FIVE = PtsFormat(find_scheme("five"))
BOX = (1.0, 2.5, 40.0, 50.0)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("a.jpg", "a.png", "a@1.jpg", "b/a.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def make_face(photo, seed=0, box=None):
    points = np.random.default_rng(seed).uniform(5, 40, (5, 2)).round(6)
    return AnnotatedFace(photo, points, box, Path("f.csv"), f"f.csv:{seed + 1}")


def place(photos, faces):
    dropped = []
    finder = PhotoFinder(photos, photos / "out")
    return collection.place_faces(faces, finder, dropped), dropped


def test_no_two_faces_have_the_same_place(photos):
    names = ["a.jpg", "a@1.jpg", "a.png", "a.jpg", "b/a.jpg"]
    faces = [make_face(name, seed) for seed, name in enumerate(names)]
    places, dropped = place(photos, faces)
    assert not dropped
    assert [str(p.output) for p in places] == ["a", "2-a@1", "2-a", "b/a"]
    names = [list(map(str, p.names)) for p in places]
    assert names == [["a@1", "a@2"], ["2-a@1"], ["2-a"], ["b/a"]]


def test_faces_without_a_place_are_dropped(photos):
    faces = [make_face("a.jpg"), make_face("a.jpg"), make_face("gone.jpg", 1)]
    places, dropped = place(photos, faces)
    assert len(places) == 1
    assert dropped[0] == "f.csv:1: expected another face, found it twice"
    assert "f.csv:2: 'gone.jpg': expected a photo below" in dropped[1]


@pytest.mark.parametrize("is_copy", [False, True])
def test_written_folder_is_a_collection(photos, tmp_path, is_copy):
    faces = [make_face("a.jpg", 0, BOX), make_face("a.jpg", 1), make_face("b/a.jpg", 2)]
    places, _ = place(photos, faces)
    folder = tmp_path / "out"
    for each in places:
        collection.write_place(folder, each, is_copy)
    written = sorted(str(p.relative_to(folder)) for p in folder.rglob("*.*"))
    assert written == ["a.jpg", "a@1.pts", "a@2.pts", "b/a.jpg", "b/a.pts"]
    assert (folder / "a.jpg").is_symlink() != is_copy
    assert (folder / "a.jpg").read_bytes() == b"a.jpg"
    for name, face in zip(("a@1", "a@2", "b/a"), faces, strict=True):
        path = folder / f"{name}.pts"
        np.testing.assert_allclose(read_pts(path, FIVE), face.points_image, atol=1e-9)
        assert find_photo(path) == folder / face.photo
    boxes = collection.format_boxes(places)
    assert json.loads(boxes) == {"name": "a.jpg", "output": "a", "box": list(BOX)}
    # And back.
    (tmp_path / "boxes.jsonl").write_text(boxes)
    given, dropped = read_boxes(tmp_path / "boxes.jsonl"), []
    found = collection.read_folder(folder, FIVE, given, dropped)
    assert not dropped
    assert [face.photo for face in found] == [
        str(folder / name) for name in ("a.jpg", "a.jpg", "b/a.jpg")
    ]
    assert [face.box for face in found] == [BOX, BOX, None]


def test_what_is_there_stays(photos, tmp_path):
    (only,), _ = place(photos, [make_face("a.jpg")])
    collection.write_place(tmp_path / "out", only, False)
    before = os.stat(tmp_path / "out" / "a.pts").st_mtime_ns
    collection.write_place(tmp_path / "out", only, True)
    assert os.stat(tmp_path / "out" / "a.pts").st_mtime_ns == before
    (tmp_path / "out" / "a.pts").write_text("corrected")
    with pytest.raises(InputError, match="a.pts: .*corrected by hand; it stays"):
        collection.write_place(tmp_path / "out", only, False)
    both, _ = place(photos, [make_face("b/a.jpg"), make_face("b/a.jpg", 1)])
    collection.write_place(tmp_path / "out", both[0], False)
    for name in ("a@1.pts", "a@2.pts"):
        (tmp_path / "out" / "b" / name).write_text("corrected")
    with pytest.raises(InputError, match="b/a@1.pts, .*b/a@2.pts: .*it stays"):
        collection.write_place(tmp_path / "out", both[0], False)
    (tmp_path / "out" / "a.jpg").unlink()
    (tmp_path / "out" / "a.jpg").write_bytes(b"other")
    with pytest.raises(InputError, match="a.jpg: .* found another photo"):
        collection.write_place(tmp_path / "out", only, False)


def test_another_number_of_faces_is_told(photos, tmp_path):
    out, faces = tmp_path / "out", [make_face("a.jpg"), make_face("a.jpg", 1)]
    for number, old in ((2, "a@1.pts"), (1, "a.pts")):
        (first,), _ = place(photos, faces[:number])
        (other,), _ = place(photos, faces[: 3 - number])
        collection.write_place(out / old, first, False)
        with pytest.raises(InputError, match=f"{old}/{old}: expected .*, found one of"):
            collection.write_place(out / old, other, False)
    # What another photo has is its own.
    places, _ = place(photos, [faces[0], make_face("a@1.jpg")])
    for _ in range(2):
        for each in places:
            collection.write_place(out / "both", each, False)
    assert (out / "both" / "a@1.pts").exists()


def test_annotation_without_a_photo_is_dropped(photos):
    (photos / "gone.pts").write_text("5\n" + "1 2\n3 4\n" * 2 + "5 6\n")
    (photos / "a.pts").write_text("5\n")
    dropped = []
    assert not collection.read_folder(photos, FIVE, None, dropped)
    assert "promises 5 points, found 0" in dropped[0]
    assert "gone.pts: expected a photo beside it, found none" in dropped[1]
