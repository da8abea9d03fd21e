"""In which frame the points of photos are that EXIF turns."""

import numpy as np
import pytest
from PIL import Image

from landmark.checking import frames
from landmark.checking.quick import open_quick_model
from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.files import exif
from landmark.files.pts import PtsFormat, write_pts

TURN = 6


@pytest.fixture
def write(tmp_path, drawn):
    """Writes photos that EXIF turns, their points in a frame; returns the .pts."""

    def write(frame, number=3):
        paths = []
        for index, (image, points) in enumerate(drawn[:number]):
            tags = Image.Exif()
            tags[0x0112] = TURN
            path = tmp_path / f"{index}.pts"
            stored = Image.fromarray(image).transpose(Image.Transpose.ROTATE_90)
            stored.save(path.with_suffix(".jpg"), exif=tags)
            if frame == exif.STORED:
                points = exif.to_stored(points, TURN, image.shape[1::-1], IBUG68)
            write_pts(path, points)
            paths.append(path)
        return paths

    return write


class Detector:
    """Finds the face of the photo as shown, in a box that it was told."""

    def __init__(self, points):
        self.box = geometry.face_box_from_points(points)

    def detect(self, image):
        return self.box[None], np.ones(1)


@pytest.mark.parametrize("frame", [exif.SHOWN, exif.STORED])
def test_the_model_decides(write, frame):
    decision = frames.decide(
        write(frame), PtsFormat(), open_quick_model(IBUG68), None, "here"
    )
    assert decision.frame == frame
    assert decision.sentence.startswith("here: 3 photos that EXIF turns; of 3 asked")
    assert decision.sentence.endswith(f"--exif={frame}")


@pytest.mark.parametrize("frame", [exif.SHOWN, exif.STORED])
def test_the_detector_decides_where_no_model_can(write, drawn, frame):
    _, points = drawn[0]
    decision = frames.decide(
        write(frame, 1), PtsFormat(), None, Detector(points), "here"
    )
    assert decision.frame == frame


def test_where_nothing_tells_it_is_shown(write, tmp_path):
    paths = write(exif.STORED, 1)
    decision = frames.decide(paths, PtsFormat(), None, None, "here")
    assert decision.frame == exif.SHOWN
    assert "fit as shown, of 0 as stored" in decision.sentence
    paths[0].write_text("broken")
    decision = frames.decide(paths, PtsFormat(), None, None, "here")
    assert decision.frame == exif.SHOWN
    Image.new("RGB", (8, 8)).save(tmp_path / "0.jpg")
    assert frames.decide(paths, PtsFormat(), None, None, "here").sentence == ""


@pytest.mark.parametrize("wanted", exif.FRAMES)
def test_each_folder_has_its_own(write, tmp_path, wanted):
    paths, other = write(exif.STORED), tmp_path.parent / "other"
    decisions = frames.decide_all(
        wanted,
        [(path, path.stem) for path in paths],
        [tmp_path, other],
        PtsFormat(),
        open_quick_model(IBUG68),
        None,
    )
    own = exif.STORED if wanted == exif.AUTO else wanted
    none = exif.SHOWN if wanted == exif.AUTO else wanted
    assert [decision.frame for decision in decisions.values()] == [own, none]
