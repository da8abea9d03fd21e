"""scripts/label_patches.py as people run it."""

import functools

import numpy as np
from conftest import PROJECT, run_tool

from landmark.face import geometry
from landmark.files.patches import Crop, read_npts, write_crop, write_patch
from landmark.model.tflite import TfliteModel
from landmark.synthetic.faces import draw_patches

MODEL = PROJECT / "pretrained" / "landmark_56" / "landmark.float.tflite"


run = functools.partial(run_tool, "label_patches")


def test_patches_get_the_points_of_the_model(tmp_path):
    rng = np.random.default_rng(1)
    patches, points = draw_patches(rng, 6, 100)
    margin = 30  # 0.3 of the crop.
    write_crop(tmp_path, Crop(margin=0.3))
    model = TfliteModel(MODEL)
    square, expected = geometry.Square(margin, margin, 100), {}
    # The crop as it is, and moved and scaled three times; none is mirrored.
    moves = (0, 0, 1), (0.04, 0, 1.04), (-0.04, 0.03, 0.96), (0, -0.04, 1)
    for index, (patch, truth) in enumerate(zip(patches, points, strict=True)):
        wide = np.pad(patch, [(margin, margin), (margin, margin), (0, 0)], mode="edge")
        stem = tmp_path / f"face.{index}"
        write_patch(stem, wide, (truth * 100 + margin) / 160)
        votes = []
        for moved in (geometry.move_square(square, *move) for move in moves):
            crop = geometry.resize_patch(geometry.crop_image(wide, moved), 56)
            votes.append(geometry.from_crop(model.predict(crop[None])[0], moved))
        expected[stem.name] = (np.mean(votes, axis=0) + 0.5) / 160
    noise = rng.integers(0, 256, (160, 160, 3), np.uint8)
    write_patch(tmp_path / "noise", noise, (points[0] * 100 + margin) / 160)

    done = run(tmp_path, MODEL)
    assert done.returncode == 0, done.stderr
    kept = sorted(path.stem for path in tmp_path.glob("*.png"))
    assert "noise" not in kept
    assert done.stdout == f"{len(kept)} of 7 patches labelled, the others removed\n"
    assert len(kept) >= 3
    assert len(list(tmp_path.glob("*.npts"))) == len(kept)
    for name in kept:
        found = read_npts(tmp_path / f"{name}.npts")
        np.testing.assert_allclose(found, expected[name], rtol=0, atol=1e-6)


def write_patches(folder, count):
    patches, points = draw_patches(np.random.default_rng(1), count, 100)
    write_crop(folder, Crop(margin=0.3))
    for index, (patch, truth) in enumerate(zip(patches, points, strict=True)):
        wide = np.pad(patch, [(30, 30), (30, 30), (0, 0)], mode="edge")
        write_patch(folder / f"face{index}", wide, (truth * 100 + 30) / 160)


def test_damaged_patches_are_dropped_named_and_counted(tmp_path):
    write_patches(tmp_path, 4)
    (tmp_path / "face0.png").write_bytes(b"no picture")
    (tmp_path / "face1.npts").unlink()
    done = run(tmp_path, MODEL)
    assert done.returncode == 3, done.stderr
    picture, points, last = done.stdout.splitlines()
    assert picture.startswith(f"dropped {tmp_path}/face0.png: expected a whole picture")
    assert points == f"dropped {tmp_path}/face1.npts: expected a file, found none"
    assert last.endswith(" of 4 patches labelled, 2 dropped, the others removed")
    assert (tmp_path / "face0.png").read_bytes() == b"no picture"
    assert (tmp_path / "face1.png").exists()


def test_only_damaged_patches(tmp_path):
    write_patches(tmp_path, 1)
    (tmp_path / "face0.png").write_bytes(b"no picture")
    done = run(tmp_path, MODEL)
    assert done.returncode == 1
    assert "expected patches, found that all were dropped" in done.stderr


def test_mistakes_are_sentences(tmp_path):
    done = run(tmp_path, MODEL)
    assert done.returncode == 1
    assert done.stderr == (
        f"label_patches.py: {tmp_path}: expected patches with a margin, found none\n"
    )
    assert run(tmp_path).returncode != 0
    assert "gone: expected a folder, found none" in run(tmp_path / "gone", MODEL).stderr
