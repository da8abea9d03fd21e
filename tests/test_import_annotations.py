"""Importing annotation, and exporting it, as people do."""

import csv
import json
import os
import shutil

import numpy as np
import pytest

from landmark.face.scheme import IBUG68, find_scheme
from landmark.files.pts import PtsFormat, format_pts, read_pts
from landmark.formats.annotated import AnnotatedFace
from landmark.formats.choose import write_faces

FIVE = PtsFormat(find_scheme("five"))
IMPORT, EXPORT = "import_annotations", "export_annotations"
EXTRACT = "extract_landmark_training_data"


def read_tree(folder):
    """Path below a folder -> bytes of each file, or where a link leads."""
    return {
        str(path.relative_to(folder)): (
            os.readlink(path) if path.is_symlink() else path.read_bytes()
        )
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def read_collection(folder):
    """Stem -> the text that a .pts has, of all of a folder."""
    return {path.stem: path.read_text() for path in folder.rglob("*.pts")}


@pytest.fixture(scope="module")
def exported(run_script, collection, tmp_path_factory):
    """A folder with the collection as faces.xml, .csv and .json."""
    folder = tmp_path_factory.mktemp("exported")
    for suffix in ("xml", "csv", "json"):
        done = run_script(
            EXPORT, collection, write_annotations=folder / f"faces.{suffix}"
        )
        assert "12 faces in 12 photos\nWrote" in done.stdout
        framed = "12 faces without a box, framed by the points\n"
        assert (framed in done.stdout) == (suffix != "csv")
    return folder


@pytest.mark.parametrize(
    ("kind", "suffix", "digits"),
    [("csv", "csv", 6), ("coco", "json", 6), ("dlib", "xml", 0)],
)
def test_round_trip(run_script, collection, exported, tmp_path, kind, suffix, digits):
    done = run_script(
        IMPORT,
        exported / f"faces.{suffix}",
        format=kind,
        write_path=tmp_path,
        images_dir=collection,
    )
    assert done.stdout.endswith(
        f"12 faces in 12 photos\nWrote photos and .pts to {tmp_path}"
        f"{'' if kind == 'csv' else ', and 12 boxes to boxes.jsonl'}\n"
    )
    expected = {
        path.stem: format_pts(read_pts(path).round(digits) + 0.0)
        for path in collection.glob("*.pts")
    }
    assert read_collection(tmp_path) == expected
    photos = [path for path in tmp_path.iterdir() if path.suffix == ".jpg"]
    assert len(photos) == 12
    assert all(path.is_symlink() for path in photos)


def test_the_guess_of_a_table_is_shown(run_script, collection, exported, tmp_path):
    told = {"format": "csv", "write_path": tmp_path, "images_dir": collection}
    done = run_script(IMPORT, exported / "faces.csv", **told)
    assert (
        "faces.csv: photo in column 1, 68 points in columns 6-141 (x0, y0, x1, ...), "
        "box in columns 2-5, names in the first row\n"
    ) in done.stdout
    done = run_script(
        IMPORT, exported / "faces.csv", status=1, **told, csv_points="6-100"
    )
    assert "expected 136 columns of points" in done.stderr


@pytest.fixture
def crowd(tmp_path, collection):
    """A folder of two photos, and a table of three faces of them with boxes."""
    folder = tmp_path / "crowd"
    (folder / "b").mkdir(parents=True)
    (folder / "c").mkdir()
    shutil.copy(collection / "face_00.jpg", folder / "one.jpg")
    shutil.copy(collection / "face_01.jpg", folder / "b" / "two.jpg")
    points = [read_pts(collection / f"face_{i:02d}.pts") for i in (0, 1)]
    faces = []
    for photo, image_points in (
        ("one.jpg", points[0]),
        ("one.jpg", points[0] + 30),
        ("b/two.jpg", points[1]),
    ):
        x0, y0, x1, y1 = [*image_points.min(axis=0), *image_points.max(axis=0)]
        box = (x0 - 9.25, y0 - 40.5, x1 + 9.75, y1 + 5)
        photo = str(folder / photo)
        faces.append(AnnotatedFace(photo, image_points, box, folder, ""))
    write_faces(folder / "faces.csv", faces, IBUG68, {}, [])
    return folder


def test_boxes_lead_extraction(run_script, crowd, tmp_path):
    out, patches = tmp_path / "out", tmp_path / "patches"
    done = run_script(IMPORT, crowd, format="csv", write_path=out)
    assert "3 faces in 2 photos\nWrote photos and .pts to" in done.stdout
    assert "and 3 boxes to boxes.jsonl" in done.stdout
    assert set(read_tree(out)) == {
        *("one.jpg", "one@1.pts", "one@2.pts", "b/two.jpg", "b/two.pts", "boxes.jsonl")
    }
    told = {"images_dirs": out, "write_path": patches, "rotate": "false"}
    run_script(EXTRACT, **told, boxes=out / "boxes.jsonl")
    names = {path.stem for path in patches.glob("*.png")}
    assert names == {"out-one@1", "out-one@2", "out-b-two"}
    note = json.loads((patches / "crop.json").read_text())
    assert note["settings"]["detector"] == "boxes of a file"
    # The crop is that of the box: squared, and a tenth larger.
    lines = [json.loads(line) for line in (out / "boxes.jsonl").open()]
    x0, y0, x1, y1 = lines[0]["box"]
    points = np.fromfile(patches / "out-one@1.npts").reshape(-1, 2)
    image_points = read_pts(out / "one@1.pts")
    side = np.ptp(image_points, axis=0) / np.ptp(points, axis=0)
    np.testing.assert_allclose(side, round(max(x1 - x0, y1 - y0) * 1.1))


def test_without_a_box_there_is_no_patch(run_script, crowd, tmp_path):
    out = tmp_path / "out"
    run_script(IMPORT, crowd, format="csv", write_path=out)
    lines = (out / "boxes.jsonl").read_text().splitlines(keepends=True)
    (out / "boxes.jsonl").write_text("".join(lines[:2]))
    told = {"images_dirs": out, "write_path": tmp_path / "patches"}
    done = run_script(EXTRACT, status=3, **told, boxes=out / "boxes.jsonl")
    assert "out-b-two: no detection: --boxes has none" in done.stdout
    told["images_dirs"] = f"{out},{crowd}"
    done = run_script(EXTRACT, status=1, **told, boxes=out / "boxes.jsonl")
    assert "expected one folder as --images_dirs beside --boxes" in done.stderr


def test_goes_on_after_a_run_that_was_cut_short(run_script, crowd, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    told = {"format": "csv", "images_dir": crowd}
    run_script(IMPORT, crowd / "faces.csv", **told, write_path=whole)
    shutil.copytree(whole, broken, symlinks=True)
    for name in ("boxes.jsonl", "b/two.pts", "one@2.pts"):
        (broken / name).unlink()
    (broken / "b" / ".4194305-12345678.part.pts").write_text("half")
    run_script(IMPORT, crowd / "faces.csv", **told, write_path=broken)
    assert read_tree(broken) == read_tree(whole)


def test_corrected_points_stay(run_script, crowd, tmp_path):
    told = {"format": "csv", "write_path": tmp_path / "out"}
    run_script(IMPORT, crowd, **told, copy="true")
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))
    (tmp_path / "out" / "one@2.pts").write_text("corrected")
    done = run_script(IMPORT, crowd, **told, status=3)
    assert "one@2.pts: expected a new file, found another one" in done.stdout
    assert (tmp_path / "out" / "one@2.pts").read_text() == "corrected"


def test_what_is_left_out_is_named(run_script, crowd, tmp_path):
    shutil.copy(crowd / "one.jpg", tmp_path / "secret.jpg")
    shutil.copy(crowd / "one.jpg", crowd / "bare.jpg")
    (crowd / "raw.CR2").touch()
    table = (crowd / "faces.csv").read_text().splitlines()
    rows = [line.replace("one.jpg", "../secret.jpg") for line in table[1:2]]
    rows += [line.replace("one.jpg", "gone.jpg") for line in table[1:2]]
    rows += [table[1], table[1][:-3] + "x"]
    (crowd / "faces.csv").write_text("\n".join([*table, *rows]) + "\n")
    done = run_script(
        IMPORT,
        crowd / "faces.csv",
        format="csv",
        images_dir=crowd,
        write_path=tmp_path / "out",
        status=3,
    )
    for sentence in (
        "secret.jpg: expected a photo below",
        "'gone.jpg': expected a photo below",
        "expected another face, found it twice",
        "expected a number, found",
        "1 photo without annotation, as",
        "1 file of .cr2 not read, as",
        "3 faces in 2 photos, 4 dropped\n",
    ):
        assert sentence in done.stdout
    assert not any("secret" in name for name in read_tree(tmp_path / "out"))


@pytest.mark.parametrize(
    ("words", "flags", "message"),
    [
        (["gone.csv"], {}, "gone.csv: expected a file, found none"),
        (["."], {"format": "mat"}, "expected files of .mat, found none"),
        (["faces.csv"], {"format": "dlib"}, "faces.csv: expected dlib's XML, found"),
        (
            ["faces.csv"],
            {"images_dir": "c"},
            "expected faces of photos, found none of",
        ),
        (["faces.csv"], {"missing": "x"}, "expected two numbers X,Y"),
        (["faces.csv"], {"missing": "visibility"}, "expected two numbers X,Y"),
        (["faces.csv", "b/faces.csv"], {}, "expected --images_dir beside files of sev"),
    ],
)
def test_mistakes(run_script, crowd, monkeypatch, words, flags, message):
    monkeypatch.chdir(crowd)
    shutil.copy("faces.csv", "b/faces.csv") if "b/faces.csv" in words else None
    before = read_tree(crowd)
    told = {"format": "csv", "write_path": crowd / "out"} | flags
    done = run_script(IMPORT, *words, status=1, **told)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert read_tree(crowd) == before


def test_wflw_has_its_own_scheme(run_script, crowd, tmp_path):
    points = np.random.default_rng(0).uniform(5, 90, (98, 2)).round(4)
    numbers = " ".join(map(str, points.ravel()))
    (crowd / "list.txt").write_text(f"{numbers} 1 2 90 95 0 0 0 0 0 0 b/two.jpg\n")
    out = tmp_path / "out"
    run_script(IMPORT, crowd / "list.txt", format="wflw", write_path=out)
    assert (out / "b" / "two.pts").read_text() == format_pts(points)
    done = run_script(
        EXPORT,
        out,
        write_annotations=out / "f.csv",
        scheme="wflw98",
        boxes=out / "boxes.jsonl",
    )
    assert "1 face in 1 photo\n" in done.stdout
    (row,) = csv.DictReader((out / "f.csv").open())
    assert [row[name] for name in ("photo", "left", "bottom")] == [
        "b/two.jpg",
        "1",
        "95",
    ]
    assert float(row["y97"]) == points[97, 1]


def test_files_of_photos_are_read_together(run_script, crowd, tmp_path):
    for name in ("one", "two", "bad"):
        shapes = [
            {"label": str(i), "shape_type": "point", "points": [[10 * i + 0.5, 5]]}
            for i in range(5 if name != "bad" else 3)
        ]
        told = {"imagePath": f"{name}.jpg", "shapes": shapes}
        (crowd / f"{name}.json").write_text(json.dumps(told))
    out = tmp_path / "out"
    told = {"format": "labelme", "write_path": out, "scheme": "five"}
    done = run_script(IMPORT, crowd, **told, status=3)
    assert "2 faces in 2 photos, 1 dropped" in done.stdout
    assert "1 photo found by the name alone" in done.stdout  # b/two.jpg
    points = read_pts(out / "b" / "two.pts", FIVE)
    np.testing.assert_allclose(points, [[10 * i, 4.5] for i in range(5)])


def test_numbers_from_1_without_the_last_point(run_script, crowd, tmp_path):
    for name, known in (("one", 5), ("two", 4)):
        shapes = [
            {"label": str(i), "shape_type": "point", "points": [[10 * i + 0.5, 5]]}
            for i in range(1, known + 1)
        ]
        told = {"imagePath": f"{name}.jpg", "shapes": shapes}
        (crowd / f"{name}.json").write_text(json.dumps(told))
    out = tmp_path / "out"
    run_script(IMPORT, crowd, format="labelme", write_path=out, scheme="five")
    points = read_pts(out / "b" / "two.pts", FIVE)
    np.testing.assert_allclose(points[:, 0], [10, 20, 30, 40, np.nan])


def test_lines_of_photos_beside_their_folder(run_script, crowd, monkeypatch):
    monkeypatch.chdir(crowd)
    told = {"frame": None, "scheme": "ibug68", "box": [1, 2, 30, 40]}
    told |= {"points": [[i, 2] for i in range(68)], "name": "one.jpg", "output": "one"}
    gone = told | {"name": "gone.jpg", "output": "gone"}
    lines = [json.dumps(line) for line in (gone, told)]
    (crowd / "lines.jsonl").write_text("\n".join(lines))
    (crowd / "one.pts").write_text(format_pts(np.array(told["points"])))
    done = run_script(EXPORT, "lines.jsonl", ".", write_annotations="f.json")
    assert f"1 photo not to be found, as {crowd / 'gone.jpg'}\n" in done.stdout
    assert "3 faces in 2 photos\n" in done.stdout
    images = json.loads((crowd / "f.json").read_text())["images"]
    assert [image["file_name"] for image in images] == ["gone.jpg", "one.jpg"]
    (crowd / "lines.jsonl").write_text(lines[0])
    boxes = {"boxes": "lines.jsonl", "write_annotations": "g.csv"}
    done = run_script(EXPORT, ".", status=1, **boxes)
    assert "lines.jsonl: expected boxes of the faces, found none" in done.stderr


@pytest.mark.parametrize(
    ("words", "target", "message"),
    [
        (["."], "faces.txt", "expected a file of .xml, .csv, .json"),
        (["gone"], "faces.xml", "gone: expected a file, found none"),
        (["faces.csv"], "faces.xml", "expected a folder, or lines of JSON"),
        (["b"], "faces.xml", "b: expected annotated faces, found none"),
    ],
)
def test_mistakes_of_export(run_script, crowd, monkeypatch, words, target, message):
    monkeypatch.chdir(crowd)
    done = run_script(EXPORT, *words, status=1, write_annotations=target)
    assert message in done.stderr
    assert not (crowd / target).exists()
