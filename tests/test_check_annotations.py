"""check_annotations.py, as people run it."""

import csv
import shutil

import numpy as np
import pytest

from landmark.face.scheme import IBUG68
from landmark.files.photos import write_image
from landmark.files.pts import read_pts, write_pts
from landmark.synthetic.faces import draw_face


@pytest.fixture
def faces(tmp_path):
    """A folder of 24 drawn faces, of which two are spoilt and two are twins."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for index in range(23):
        image, points = draw_face(np.random.default_rng([9, index]))
        write_image(folder / f"{index:02d}.jpg", image)
        write_pts(folder / f"{index:02d}.pts", points)
    for name in ("20.jpg", "20.pts"):
        shutil.copy(folder / name, folder / name.replace("20", "23"))
    swapped = read_pts(folder / "03.pts")[IBUG68.mirror]
    write_pts(folder / "03.pts", swapped)
    write_pts(folder / "05.pts", np.zeros((68, 2)))
    return folder


def read_rows(path):
    with (path / "check.csv").open() as file:
        return list(csv.DictReader(file))


def test_faults_come_first(faces, tmp_path, run_script):
    (faces / "07.pts").write_text("broken")
    done = run_script(
        "check_annotations",
        status=3,
        images_dirs=faces,
        write_path=tmp_path / "out",
        workers=1,
    )
    rows = read_rows(tmp_path / "out")
    assert len(rows) == 24
    assert [(row["name"], row["kind"]) for row in rows[:2]] == [
        ("faces-05", "placeholders"),
        ("faces-03", "swapped"),
    ]
    assert rows[-1]["kind"] == "not read"
    twins = {row["name"]: row["twins"] for row in rows if row["twins"]}
    assert twins == {
        "faces-20": "same photo: faces-23",
        "faces-23": "same photo: faces-20",
    }
    dropped = (tmp_path / "out" / "drop.txt").read_text().splitlines()
    assert dropped[1:3] == ["faces-05", "faces-03"]
    assert "not read faces-07: " in done.stdout
    assert "WHOLE COLLECTION" not in done.stdout
    assert "Wrote check.csv, mosaic_worst.jpg and drop.txt" in done.stdout


def test_a_collection_of_other_points_is_judged_by_itself(faces, tmp_path, run_script):
    done = run_script(
        "check_annotations",
        images_dirs=faces,
        write_path=tmp_path / "out",
        landmark_checkpoint_path="",
    )
    assert "No landmark model for points of scheme ibug68" in done.stdout
    kinds = {row["name"]: row["kind"] for row in read_rows(tmp_path / "out")}
    assert kinds["faces-03"] == "swapped"
    assert kinds["faces-05"] == "placeholders"


def test_what_is_wrong_with_all_is_named(tmp_path, run_script):
    folder = tmp_path / "faces"
    folder.mkdir()
    for index in range(24):
        image, points = draw_face(np.random.default_rng([9, index]))
        write_image(folder / f"{index:02d}.jpg", image)
        write_pts(folder / f"{index:02d}.pts", points[IBUG68.mirror])
    done = run_script(
        "check_annotations",
        images_dirs=folder,
        write_path=tmp_path / "out",
        exif="auto",
    )
    assert "WHOLE COLLECTION" in done.stdout
    assert "left and right exchanged" in done.stdout


def test_where_none_can_be_read_it_fails(faces, tmp_path, run_script):
    done = run_script(
        "check_annotations",
        status=1,
        images_dirs=faces,
        write_path=tmp_path / "out",
        scheme="menpo39",
    )
    assert "No landmark model for points of scheme menpo39" in done.stdout
    assert "expected faces, found that none could be read" in done.stderr
    assert len(read_rows(tmp_path / "out")) == 24


def test_a_folder_without_points_is_refused(tmp_path, run_script):
    done = run_script(
        "check_annotations", status=1, images_dirs=tmp_path, write_path=tmp_path / "out"
    )
    assert "expected photos with .pts files, found no .pts" in done.stderr
    assert not (tmp_path / "out").exists()
