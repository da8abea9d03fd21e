"""Which annotated photos there are, and how huge ones are cut."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark.dataset import extraction
from landmark.files.journal import Journal
from landmark.files.patches import read_npts
from landmark.files.photos import read_image, write_image
from landmark.files.pts import IBUG_FORMAT, read_pts, write_pts
from landmark.synthetic.faces import draw_face

SETTINGS = extraction.CropSettings(0.3, 0.1, 0.3, 0.0, None, 1.0, 0, IBUG_FORMAT)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names_of(folder, listed):
    return sorted(str(path.relative_to(folder)) for path in listed)


def test_photos_and_points_may_lie_apart(tmp_path):
    touch(tmp_path, "images/a.jpg", "images/b/a.jpg", "images/bare.jpg", "images/c.CR2")
    touch(
        tmp_path, "annotations/a.pts", "annotations/b/a_1.pts", "annotations/b/a@2.pts"
    )
    found = extraction.list_annotations([tmp_path], [], [])
    name = tmp_path.name
    assert [patch for _, patch in found.faces] == [
        f"{name}-annotations-a",
        f"{name}-annotations-b-a@2",
        f"{name}-annotations-b-a@1",
    ]
    assert names_of(tmp_path, found.bare) == ["images/bare.jpg"]
    assert names_of(tmp_path, found.unread) == ["images/c.CR2"]


def test_faces_of_one_name_have_two_patches(tmp_path):
    touch(tmp_path, "a.jpg", "a@1.pts", "a_1.pts")
    found = extraction.list_annotations([tmp_path], [], [])
    assert [patch for _, patch in found.faces] == [
        f"{tmp_path.name}-a@1",
        f"2-{tmp_path.name}-a@1",
    ]


def extract(folder, boxes=None):
    found = extraction.list_annotations([folder], [], [])
    (folder / "patches").mkdir(exist_ok=True)
    tool = extraction.Tool(folder / "patches", SETTINGS, None, boxes, folder)
    made = (lambda: None, (), tool)
    journal = Journal(folder / "journal.jsonl", {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [
            r for r, _ in extraction.extract(found.faces, SETTINGS, made, 1, journal)
        ]
    journal.finish()
    return rows


@pytest.fixture
def huge(tmp_path, monkeypatch):
    """A folder with a face that Pillow takes for an attack, and what it is as such."""
    image, points_image = draw_face(np.random.default_rng(3), 256)
    image = np.kron(image, np.ones((4, 4, 1), np.uint8))
    write_image(tmp_path / "a.jpg", image)
    write_pts(tmp_path / "a.pts", 4 * (points_image + 0.5) - 0.5)
    assert extract(tmp_path)[0].outcome == "kept"
    stem = tmp_path / "patches" / f"{tmp_path.name}-a"
    before = read_npts(f"{stem}.npts"), read_image(f"{stem}.png")
    # Of which a quarter is allowed: each side is halved.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", image[..., 0].size // 4)
    return tmp_path, stem, *before


def test_huge_photo_is_shrunk_with_its_points(huge):
    folder, stem, points, patch = huge
    assert extract(folder)[0].outcome == "kept"
    shrunk = read_image(f"{stem}.png")
    assert abs(2 * len(shrunk) - len(patch)) < 4
    # The crop is of whole pixels, which are larger now.
    np.testing.assert_allclose(read_npts(f"{stem}.npts"), points, atol=1 / len(shrunk))


def test_boxes_of_a_huge_photo_are_in_its_pixels(huge, monkeypatch):
    folder, stem, *_ = huge
    image_points = read_pts(folder / "a.pts")
    box = [*image_points.min(axis=0) - 21, *image_points.max(axis=0) + 33]
    boxes = {"a": (np.array([box]), np.ones(1))}
    assert extract(folder, boxes)[0].outcome == "kept"
    shrunk, points = read_image(f"{stem}.png"), read_npts(f"{stem}.npts")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert extract(folder, boxes)[0].outcome == "kept"
    assert abs(2 * len(shrunk) - len(read_image(f"{stem}.png"))) < 4
    np.testing.assert_allclose(points, read_npts(f"{stem}.npts"), atol=1 / len(shrunk))


def test_photo_without_a_box(huge):
    folder = huge[0]
    (row,) = extract(folder, {"b": (np.ones((1, 4)), np.ones(1))})
    assert (row.outcome, row.detail) == ("no detection", "--boxes has none")
    assert not list(Path(folder, "patches").glob("*.png"))
