"""The script that draws a synthetic collection."""

import numpy as np
import pytest

from landmark.files.photos import read_image
from landmark.files.pts import read_pts

NAME = "draw_synthetic_faces"


@pytest.fixture(scope="module")
def drawn(run_script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "new" / "faces"
    return folder, run_script(NAME, write_path=folder, count=3, size=100)


def read(folder, index):
    stem = folder / f"face_{index:05d}"
    return read_image(f"{stem}.jpg"), read_pts(f"{stem}.pts")


def test_collection_is_laid_out_like_300w(drawn):
    folder, done = drawn
    names = {
        f"face_0000{index}.{suffix}" for index in (1, 2, 3) for suffix in ("jpg", "pts")
    }
    assert {path.name for path in folder.iterdir()} == names
    assert done.stdout == f"Wrote 3 faces to {folder}\n"
    for index in (1, 2, 3):
        image, points_image = read(folder, index)
        assert max(image.shape) == 100
        height, width = image.shape[:2]
        assert (points_image[30] > 0).all()
        assert (points_image[30] < (width, height)).all()


def test_larger_count_keeps_the_first_ones(run_script, drawn, tmp_path):
    run_script(NAME, write_path=tmp_path, count=4, size=100)
    for index in (1, 2, 3):
        for old, new in zip(read(drawn[0], index), read(tmp_path, index), strict=True):
            np.testing.assert_array_equal(old, new)
    assert len(list(tmp_path.iterdir())) == 8


def test_another_seed_draws_other_faces(run_script, drawn, tmp_path):
    run_script(NAME, write_path=tmp_path, count=3, size=100, seed=1)
    for index in (1, 2, 3):
        assert abs(read(tmp_path, index)[1] - read(drawn[0], index)[1]).max() > 1


@pytest.mark.parametrize(
    ("words", "flags", "message"),
    [
        (["stray"], {}, "expected only flags, found: stray"),
        ([], {"count": 0}, "--count: expected a positive integer, found '0'"),
        ([], {"size": 8}, "--size: expected an integer >= 64, found '8'"),
        ([], {"write_path": None}, "expected --write_path, found none"),
    ],
)
def test_wrong_flags_are_refused(run_script, tmp_path, words, flags, message):
    flags = dict(write_path=tmp_path / "faces", count=1) | flags
    done = run_script(NAME, *words, status=1, **flags)
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "faces").exists()
