"""scripts/close_eyes.py as people run it."""

import functools
import json

import numpy as np
import pytest
from conftest import run_tool

from landmark.dataset.split import photo_group
from landmark.face import metrics
from landmark.face.scheme import find_scheme
from landmark.files.patches import Crop, read_crop, read_npts, write_crop, write_patch
from landmark.files.photos import read_image
from landmark.synthetic.faces import draw_patches

NAMES = ["a-face", "a-face@2", "b-1234567_1", "c-face", "c-face@rotated"]


run = functools.partial(run_tool, "close_eyes")


def write_patches(folder, names=NAMES, **crop):
    """Writes patches of a face whose eyes are open."""
    patches, points = draw_patches(np.random.default_rng(2), 1, 120)
    folder.mkdir(parents=True)
    write_crop(folder, Crop(**crop))
    for name in names:
        write_patch(folder / name, patches[0], points[0])
    return patches[0], points[0]


def list_patches(folder):
    return sorted(path.stem for path in folder.rglob("*.png"))


def test_each_open_patch_gets_one_with_closed_eyes(tmp_path):
    source, target = tmp_path / "wide", tmp_path / "closed"
    patch, points = write_patches(source, margin=0.3, settings={"jitter": 0.1})
    before = {path: path.read_bytes() for path in source.iterdir()}
    done = run(source, target, "--share=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"4 of 4 patches closed\nWrote {target}\n"
    assert {path: path.read_bytes() for path in source.iterdir()} == before
    names = ["a-face@290", "a-face@90", "b-1234567_1@90", "c-face@90"]
    assert list_patches(target) == names
    # Each stands on the side of the split on which its photo stands.
    assert [photo_group(name) for name in names] == [
        photo_group(name) for name in ("a-face@2", "a-face", "b-1234567_1", "c-face")
    ]
    crop = read_crop(target)
    assert (crop.margin, crop.scheme) == (0.3, read_crop(source).scheme)
    assert crop.settings == {"jitter": 0.1, "closed_eyes": [1.0, 0]}
    lids = [37, 38, 40, 41, 43, 44, 46, 47]
    rest = np.delete(np.arange(68), lids)
    for name in names:
        moved = read_npts(target / f"{name}.npts")
        np.testing.assert_allclose(moved[rest], points[rest], atol=1e-12)
        assert metrics.aspects(moved)["eye"] < 0.8 * metrics.aspects(points)["eye"]
        centred = np.fromfile(target / f"{name}.cpts").reshape(-1, 2)
        np.testing.assert_array_equal(centred, 2 * moved - 1)
        assert (read_image(target / f"{name}.png") != patch).any()


def test_the_same_command_writes_the_same(tmp_path):
    source = tmp_path / "wide"
    names = [f"a-{index}" for index in range(40)]
    write_patches(source, names)
    written = {}
    for target in ("one", "two", "two"):
        done = run(source, tmp_path / target, "--share=0.4")
        assert done.returncode == 0, done.stderr
        folder = tmp_path / target
        written[target] = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert written["one"] == written["two"]
    assert 8 <= len(list_patches(tmp_path / "one")) <= 24
    other = run(source, tmp_path / "three", "--share=0.4", "--seed=1")
    assert other.returncode == 0
    assert list_patches(tmp_path / "three") != list_patches(tmp_path / "one")
    mixed = run(source, tmp_path / "one", "--share=0.5")
    assert mixed.returncode == 1
    assert "expected a closed_eyes of [0.5, 0], found patches of [0.4, 0]" in (
        mixed.stderr
    )


def test_damaged_patches_are_named_and_closed_ones_left_out(tmp_path):
    source, target = tmp_path / "wide", tmp_path / "closed"
    patch, points = write_patches(source, ["a-open", "a-torn", "sub-shut"])
    (source / "a-torn.npts").write_bytes(b"torn")
    write_patches(source / "below", ["b-open"])
    shut = points.copy()
    shut[[37, 38, 43, 44]] = shut[[41, 40, 47, 46]]
    write_patch(source / "sub-shut", patch, shut)
    done = run(source, target, "--share=1")
    assert done.returncode == 3, done.stderr
    dropped, counted, _ = done.stdout.splitlines()
    assert dropped.startswith(f"dropped {source}/a-torn.npts: expected 1088 bytes")
    assert counted == "2 of 4 patches closed, 1 dropped"
    assert list_patches(target) == ["a-open@90", "b-open@90"]
    assert json.loads((target / "below" / "crop.json").read_text())["margin"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone", "closed"], "gone: expected a folder, found none"),
        (["wide", "wide"], "wide: expected a folder that is not in"),
        (["wide", "wide/closed"], "wide/closed: expected a folder that is not in"),
        (["empty", "closed"], "empty: expected patches (.png), found none"),
        (["five", "closed"], "five: expected points of scheme ibug68, found five"),
    ],
    ids=str,
)
def test_what_cannot_be_closed_is_refused(tmp_path, words, message):
    write_patches(tmp_path / "wide", ["a"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "five").mkdir()
    write_crop(tmp_path / "five", Crop(scheme=find_scheme("five")))
    write_patch(
        tmp_path / "five" / "a", np.zeros((9, 9, 3), np.uint8), np.zeros((5, 2))
    )
    done = run(*(tmp_path / word for word in words))
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "closed").exists()
