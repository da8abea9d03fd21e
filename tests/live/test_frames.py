"""Frames of cameras, and of pictures that are numbered."""

import cv2
import numpy as np
import pytest

from landmark.files.photos import write_image
from landmark.live import frames
from landmark.script.errors import InputError

LEVELS = (50, 100, 150, 200)


@pytest.fixture
def make_camera(monkeypatch):
    """Puts a camera that gives pictures of LEVELS in the place of cv2.VideoCapture."""

    def make(rate):
        class Capture:
            def __init__(self, number):
                self.frames = [np.full((4, 6, 3), (0, 0, n), np.uint8) for n in LEVELS]

            def get(self, property):
                return {cv2.CAP_PROP_FPS: rate}[property]

            def read(self):
                return (True, self.frames.pop(0)) if self.frames else (False, None)

            def release(self):
                pass

        monkeypatch.setattr(cv2, "VideoCapture", Capture)

    return make


def test_camera_that_gives_no_more_frames(make_camera):
    make_camera(15.0)
    opened = frames.open_camera(2)
    assert (opened.count, opened.rate, opened.sound) == (0, 15.0, None)
    found = [next(opened.frames) for _ in LEVELS]
    for (_, frame), level in zip(found, LEVELS, strict=True):
        assert (frame == (level, 0, 0)).all()  # RGB.
    # A camera's frames have the time at which they came.
    seconds = [second for second, _ in found]
    assert seconds == sorted(seconds)
    with pytest.raises(InputError) as caught:
        next(opened.frames)
    assert str(caught.value) == (
        "camera 2: expected another frame, found none after 4; is it still plugged in?"
    )


# Trap: a rate of 0 or of 90000 "ticks" makes nonsense of all times.
@pytest.mark.parametrize("rate", [0.0, -1.0, 90000.0, float("nan"), None])
def test_rate_that_can_be_none(rate):
    assert frames.check_rate(rate) == 30.0


def test_cameras_by_number_and_device(tmp_path):
    (tmp_path / "front").symlink_to("/dev/video7")
    for source, number in (
        (3, 3),
        ("/dev/video12", 12),
        (tmp_path / "front", 7),
        ("video0.avi", None),
        ("/dev/null", None),
    ):
        assert frames.find_camera(source) == number


def make_pictures(folder, *names):
    for level, name in enumerate(names):
        write_image(folder / name, np.full((8, 9, 3), level, np.uint8))


def test_pictures_come_by_their_numbers(tmp_path):
    names = ["a2.png", "a10.png", "a1.png", "b3.png", "a.png", "a03.png"]
    make_pictures(tmp_path, *names)
    (tmp_path / "a4.txt").touch()
    for pattern, expected in (
        ("a%d.png", ["a1.png", "a2.png", "a03.png", "a10.png"]),
        ("a%02d.png", ["a03.png", "a10.png"]),
        ("a*", ["a1.png", "a2.png", "a03.png", "a10.png", "a.png"]),
        ("[b]?.png", ["b3.png"]),
        ("a1.png", []),
    ):
        found = frames.list_pictures(f"{tmp_path}/{pattern}")
        assert [path.name for path in found] == expected


def test_what_is_missing_among_pictures_is_told(tmp_path):
    make_pictures(tmp_path, "a1.png", "a2.png", "a3.png", "a6.png")
    (tmp_path / "a2.png").write_text("no picture")
    pattern = f"{tmp_path}/a%d.png"
    pictures = frames.list_pictures(pattern)
    with pytest.warns(UserWarning, match="expected the 6 pictures 1 to 6, found 4"):
        opened = frames.open_pictures(pictures, pattern)
    seconds, images = zip(*opened.frames, strict=True)
    np.testing.assert_allclose(seconds, [0, 2 / 30, 3 / 30])
    assert [image[0, 0, 0] for image in images] == [0, 2, 3]
    (failure,) = opened.failures
    assert failure.startswith(f"{tmp_path}/a2.png: expected a whole picture")
