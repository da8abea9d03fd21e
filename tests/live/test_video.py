"""Frames of videos and cameras, in and out."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import PROJECT

from landmark.live import video
from landmark.script.errors import InputError

SHAPE = (48, 64, 3)
BRIGHTNESSES = (50, 100, 150, 200)


def make_frame(brightness):
    """A red frame, RGB."""
    frame = np.zeros(SHAPE, np.uint8)
    frame[..., 0] = brightness
    return frame


def check_frames(frames, brightnesses=BRIGHTNESSES):
    assert len(frames) == len(brightnesses)
    for frame, brightness in zip(frames, brightnesses, strict=True):
        assert frame.shape == SHAPE
        assert abs(frame.mean(axis=(0, 1)) - (brightness, 0, 0)).max() < 6


def test_frames_are_rgb_and_complete(tmp_path):
    path = tmp_path / "clip.avi"
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, 10, SHAPE[1::-1])
    for brightness in BRIGHTNESSES:
        writer.write(make_frame(brightness)[..., ::-1])  # OpenCV's are BGR.
    writer.release()
    count, rate, frames = video.open_video(path)
    assert (count, rate) == (4, 10)
    seconds, frames = zip(*frames, strict=True)
    assert seconds == (0.0, 0.1, 0.2, 0.3)
    check_frames(frames)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.mov", "A.MP4"])
def test_what_was_written_is_read(tmp_path, name):
    path = tmp_path / "new" / name
    writer = video.VideoWriter(path, 25.0)
    for brightness in BRIGHTNESSES:
        writer.write(make_frame(brightness))
        assert not path.exists()  # It gets its name when it is whole.
    writer.close()
    assert list(path.parent.iterdir()) == [path]
    opened = video.open_video(path)
    assert opened.rate == pytest.approx(25.0)
    seconds, frames = zip(*opened.frames, strict=True)
    np.testing.assert_allclose(seconds, [0, 0.04, 0.08, 0.12])
    check_frames(frames)


def test_earlier_video_is_replaced(tmp_path):
    path = tmp_path / "clip.avi"
    for brightnesses in (BRIGHTNESSES, (80, 120)):
        writer = video.VideoWriter(path, 10)
        for brightness in brightnesses:
            writer.write(make_frame(brightness))
        writer.close()
        writer.close()  # Once more does no harm.
    check_frames([frame for _, frame in video.open_video(path).frames], (80, 120))


def test_nothing_written_leaves_nothing(tmp_path):
    path = tmp_path / "new" / "clip.avi"
    video.VideoWriter(path, 10).close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "found"),
    [("clip.gif", ".gif"), ("clip", "no suffix"), ("clip.avi", None), ("a.MKV", None)],
)
def test_name_of_a_video(tmp_path, name, found):
    path = f"{tmp_path}/{name}"
    if found is None:
        video.check_video_path(path)
        return
    for check in (video.check_video_path, lambda path: video.VideoWriter(path, 10)):
        with pytest.raises(InputError) as caught:
            check(path)
        assert str(caught.value) == (
            f"{path}: expected a video's name in .mp4, .avi, .mkv, .mov, found {found}"
        )


class NoWriter:
    """cv2.VideoWriter of an OpenCV without codecs."""

    def __init__(self, *args):
        pass

    def isOpened(self):  # noqa: N802
        return False

    def release(self):
        pass


def test_opencv_that_cannot_write(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "VideoWriter", NoWriter)
    monkeypatch.setattr(cv2, "VideoWriter_fourcc", lambda *letters: 0, raising=False)
    writer = video.VideoWriter(tmp_path / "clip.mp4", 10)
    with pytest.raises(InputError) as caught:
        writer.write(make_frame(50))
    assert str(caught.value) == (
        f"{tmp_path / 'clip.mp4'}: expected to write a video of 64 x 48, found that "
        "this OpenCV cannot; try .avi"
    )
    # Scripts close what they opened, and the sentence above must be what is seen.
    writer.close()
    assert not list(tmp_path.iterdir())


def test_what_is_no_video(tmp_path):
    with pytest.raises(InputError, match="gone.avi: expected a file, found none"):
        video.open_video(tmp_path / "gone.avi")
    (tmp_path / "text.avi").write_text("This is a text.\n" * 100)
    with pytest.raises(InputError, match="text.avi: expected a video, found none"):
        video.open_video(tmp_path / "text.avi")


def test_broken_video_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "clip.mp4"
    write_clip(path, 20)
    path.write_bytes(path.read_bytes()[:-200])
    code = (
        "import sys; from landmark.live.video import open_video\n"
        "try: open_video(sys.argv[1])\n"
        "except ValueError as error: print(error)"
    )
    command = [sys.executable, "-c", code, path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    message = f"{path}: expected a video, found none that can be read\n"
    assert (done.stdout, done.stderr) == (message, "")


@pytest.mark.parametrize("source", [-1, 100, 10**30, True, False, None, 1.5, b"a.avi"])
def test_what_is_no_source(source):
    with pytest.raises(InputError, match=f"expected .*, found {source!r}"):
        video.open_video(source)


def write_clip(path, count):
    rng = np.random.default_rng(0)
    writer = video.VideoWriter(path, 10)
    for _ in range(count):
        writer.write(rng.integers(0, 256, SHAPE, np.uint8))
    writer.close()


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_video_that_is_cut_short(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    write_clip(path, 40)
    assert len(list(video.open_video(path).frames)) == 40  # Without a warning.
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(UserWarning, match="the rest is damaged") as caught:
        found = len(list(video.open_video(path).frames))
    assert 0 < found < 35
    assert [str(warning.message) for warning in caught] == [
        f"{path}: expected 40 frames, found {found}; the rest is damaged"
    ]


@pytest.mark.parametrize("name", [b"\xe9.mp4", b"\xe9.avi", b"\xe9/a.mkv"])
def test_name_that_is_no_text(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    write_clip(path, 3)
    assert path.is_file()
    assert not path.is_symlink()
    assert len(list(video.open_video(path).frames)) == 3


def test_camera_that_is_not_there():
    with pytest.raises(InputError, match="camera 97: expected a video, found none"):
        video.open_video(97)


@pytest.fixture
def make_capture(monkeypatch):
    """Puts a source that gives BRIGHTNESSES in the place of cv2.VideoCapture."""

    def make(rate, count, milliseconds=0.0):
        class Capture:
            def __init__(self, source):
                self.frames = [make_frame(b)[..., ::-1] for b in BRIGHTNESSES]
                self.source = source

            def isOpened(self):  # noqa: N802
                return True

            def get(self, property):
                return {
                    cv2.CAP_PROP_FPS: rate,
                    cv2.CAP_PROP_FRAME_COUNT: count,
                    cv2.CAP_PROP_POS_MSEC: milliseconds,
                }[property]

            def read(self):
                return (True, self.frames.pop(0)) if self.frames else (False, None)

            def release(self):
                pass

        monkeypatch.setattr(cv2, "VideoCapture", Capture)

    return make


def test_camera_that_gives_no_more_frames(make_capture):
    make_capture(rate=15.0, count=-1)
    count, rate, frames = video.open_video(2)
    assert (count, rate) == (0, 15.0)
    found = [next(frames) for _ in BRIGHTNESSES]
    check_frames([frame for _, frame in found])
    # A camera's frames have the time at which they came.
    seconds = [second for second, _ in found]
    assert seconds == sorted(seconds)
    with pytest.raises(InputError) as caught:
        next(frames)
    assert str(caught.value) == (
        "camera 2: expected another frame, found none after 4; is it still plugged in?"
    )


# The count of some is the length times a rate that most frames do not keep.
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("count", "milliseconds"), [(9, 0.0), (100, 9500.0), (100, 20000.0)]
)
def test_whole_video_of_a_wrong_count(make_capture, tmp_path, count, milliseconds):
    make_capture(10.0, count, milliseconds)
    (tmp_path / "clip.avi").touch()
    assert len(list(video.open_video(tmp_path / "clip.avi").frames)) == 4


# Trap: a rate of 0 or of 90000 "ticks" makes nonsense of all times.
@pytest.mark.parametrize("rate", [0.0, -1.0, 90000.0, float("nan")])
def test_video_that_does_not_tell_its_rate(make_capture, tmp_path, rate):
    make_capture(rate, count=-9e18)
    (tmp_path / "clip.avi").touch()
    opened = video.open_video(tmp_path / "clip.avi")
    assert (opened.count, opened.rate) == (0, 30.0)
    np.testing.assert_allclose(
        [seconds for seconds, _ in opened.frames], [0, 1 / 30, 2 / 30, 3 / 30]
    )
