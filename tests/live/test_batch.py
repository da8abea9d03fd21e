"""Photos by the thousand."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark.files.photos import read_image, write_image
from landmark.live import batch, results
from landmark.live.landmarker import Face
from landmark.script.errors import InputError

POINTS = np.random.default_rng(0).uniform(40, 120, (68, 2))
BOX = np.array([33.5, 31.5, 127.5, 129.5])


class Landmarker:
    """Finds one face, wherever it is asked, and where no box is given, at BOX."""

    def __init__(self, shrink):
        self._shrink, self.asked = shrink, None
        self.dropped, self.seconds = 0, np.zeros(2)

    def find_faces(self, image, boxes=None, scores=None):
        self.asked = image.shape, boxes
        points, box = ((values + 0.5) / self._shrink - 0.5 for values in (POINTS, BOX))
        errors = np.full(68, 0.75)
        return [Face(box, 0.5, points, spread=np.ones(68), expected_error=errors)]


def find(folder, shrink, boxes=None):
    """Finds faces in a.jpg; returns the Landmarker and what was written as JSON."""
    landmarker = Landmarker(shrink)
    outputs = [results.DrawnImages(folder / "drawn"), results.PtsFiles(folder / "pts")]
    lines = results.JsonLines(folder / "found.jsonl")
    photos = [(folder / "a.jpg", Path("a"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (found,) = batch.find_faces(
            *(photos, batch.Tool, (landmarker, outputs, results.format_json, boxes)),
            *(1, lines, None),
        )
    lines.close()
    assert found[0] == (1, 0, "", [])
    return landmarker, (folder / "found.jsonl").read_text()


@pytest.fixture
def whole(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (160, 240, 3), np.uint8)
    (tmp_path / "whole").mkdir()
    write_image(tmp_path / "whole" / "a.jpg", image // np.uint8([1, 4, 1]))
    return tmp_path / "whole"


def test_huge_photo_is_shrunk_and_its_faces_are_not(whole, tmp_path, monkeypatch):
    told = find(whole, 1)[1]
    (tmp_path / "a.jpg").write_bytes((whole / "a.jpg").read_bytes())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 19_000)
    landmarker, found = find(tmp_path, 2)
    assert landmarker.asked == ((80, 120, 3), None)
    told, found = json.loads(told), json.loads(found)
    assert found.pop("landmark_spread") == [2.0] * 68
    assert told.pop("landmark_spread") == [1.0] * 68
    assert found.pop("landmark_error") == [1.5] * 68
    assert told.pop("landmark_error") == [0.75] * 68
    assert found == told
    assert (tmp_path / "pts" / "a.pts").read_text() == (
        whole / "pts" / "a.pts"
    ).read_text()
    # It is drawn where the face is in the smaller picture.
    drawn = read_image(tmp_path / "drawn" / "a.jpg")
    assert drawn.shape == (80, 120, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bare = read_image(tmp_path / "a.jpg")
    changed = np.abs(drawn - bare.astype(float)).mean(axis=2) > 60
    assert changed[16:65, 17:64].mean() > 0.05
    assert not changed[:, 80:].any()


def test_boxes_of_a_huge_photo_are_in_its_pixels(whole, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 19_000)
    given = {"a": (BOX[None], np.ones(1))}
    landmarker, _ = find(whole, 2, given)
    np.testing.assert_allclose(landmarker.asked[1], [(BOX + 0.5) / 2 - 0.5])


def test_boxes_of_no_face_cost_one_photo_alone(whole):
    class Refusing(Landmarker):
        def find_faces(self, image, boxes=None, scores=None):
            if (boxes > 1e5).any():
                raise InputError("boxes: expected others")
            return super().find_faces(image, boxes, scores)

    far = BOX + 1e6
    given = {"far": (far[None], np.ones(1)), "near": (BOX[None], np.ones(1))}
    photos = [(whole / "a.jpg", Path(name)) for name in ("far", "near")]
    tool = Refusing(1), [], None, given
    found = batch.find_faces(photos, batch.Tool, tool, 1, None, None)
    assert [outcome for outcome, _ in found] == [
        (0, 0, f"{whole / 'a.jpg'}: boxes: expected others", []),
        (1, 0, "", []),
    ]
