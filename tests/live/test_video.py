"""Frames of videos and cameras, in and out."""

import functools
import http.server
import os
import subprocess
import sys
import threading

import av
import cv2
import numpy as np
import pytest
from conftest import PROJECT

from landmark.files.photos import write_image
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


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi"])
def test_size_that_cannot_be_written(tmp_path, name):
    writer = video.VideoWriter(tmp_path / name, 10)
    with pytest.raises(InputError) as caught:
        writer.write(np.zeros((2, 70_000, 3), np.uint8))
    start = f"{tmp_path / name}: expected to write a video of 70000 x 2, found: "
    assert str(caught.value).startswith(start)
    # Scripts close what they opened, and the sentence above must be what is seen.
    writer.close()
    assert not list(tmp_path.iterdir())


TIMES = (0.0, 0.04, 0.08, 0.4, 0.5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mp4", TIMES),
        ("a.mkv", TIMES),
        ("a.mov", TIMES),
        # It has room for one frame in each 1 / rate.
        ("a.avi", (0.0, 0.1, 0.2, 0.4, 0.5)),
    ],
)
def test_frames_keep_their_times(tmp_path, name, expected):
    writer = video.VideoWriter(tmp_path / name, 10.0)
    for seconds in TIMES:
        writer.write(make_frame(100), seconds)
    writer.close()
    found = [seconds for seconds, _ in video.open_video(tmp_path / name).frames]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(("name", "is_even"), [("a.mp4", True), ("a.avi", False)])
def test_odd_size(tmp_path, name, is_even):
    image = np.full((47, 63, 3), 200, np.uint8)
    image[:, -1] = 50
    writer = video.VideoWriter(tmp_path / name, 10)
    writer.write(image)
    writer.close()
    ((_, found),) = video.open_video(tmp_path / name).frames
    assert found.shape == ((48, 64, 3) if is_even else (47, 63, 3))
    np.testing.assert_allclose(found[:40, 60], 200, atol=25)
    np.testing.assert_allclose(found[:, 62:], 50, atol=40)  # The last column, twice.


def test_browsers_can_play_it(tmp_path):
    write_clip(tmp_path / "clip.mp4", 3)
    with av.open(tmp_path / "clip.mp4") as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    content = (tmp_path / "clip.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # It plays while it loads.


FULL_DISK = """
import resource, signal, sys
import numpy as np
from landmark.live.video import VideoWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, -1))
rng, writer = np.random.default_rng(0), VideoWriter(sys.argv[1], 10)
try:
    for _ in range(30):
        writer.write(rng.integers(0, 256, (120, 160, 3), np.uint8))
    writer.close()
except OSError as error:
    print(error)
writer.close()
"""


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.mkv"])
def test_full_disk(tmp_path, name):
    pytest.importorskip("resource")
    path = tmp_path / name
    path.write_text("an earlier one")
    command = [sys.executable, "-c", FULL_DISK, path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    message = f"[Errno 27] File too large: '{path}'\n"
    assert (done.stdout, done.stderr) == (message, "")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["an earlier one"]


def test_written_video_is_counted(tmp_path, monkeypatch):
    writer = video.VideoWriter(tmp_path / "clip.avi", 10)
    for _ in range(3):
        writer.write(make_frame(50))
    other = tmp_path / "other" / "clip.avi"
    write_clip(other, 2)
    open_container = video.decoding.open_container
    monkeypatch.setattr(
        video.decoding, "open_container", lambda path: open_container(other)
    )
    with pytest.raises(InputError) as caught:
        writer.close()
    assert str(caught.value) == (
        f"{tmp_path / 'clip.avi'}: expected 3 frames on the disk, found 2; is it full?"
    )
    assert list(tmp_path.iterdir()) == [other.parent]


def test_what_is_no_video(tmp_path):
    with pytest.raises(InputError, match="gone.avi: expected a file, found none"):
        video.open_video(tmp_path / "gone.avi")
    (tmp_path / "text.avi").write_text("This is a text.\n" * 100)
    with pytest.raises(InputError, match="text.avi: expected a video, found none"):
        video.open_video(tmp_path / "text.avi")


def test_broken_video_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "clip.mp4"
    write_clip(path, 20)
    path.write_bytes(path.read_bytes()[:300])
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


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_video_that_is_cut_short(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    write_clip(path, 40)
    assert len(list(video.open_video(path).frames)) == 40  # Without a warning.
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(UserWarning, match="the rest is damaged") as caught:
        found = len(list(video.open_video(path).frames))
    assert 0 < found < 35
    assert [str(warning.message) for warning in caught] == [
        f"{path}: expected 4.0 seconds, found {found / 10:.1f} ({found} frames); the "
        "rest is damaged"
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


def test_what_videos_are_called(tmp_path):
    make_pictures(tmp_path / "walk", 2)
    write_clip(tmp_path / "a%d*.avi", 1)
    for source, name in (
        (tmp_path / "a%d*.avi", "a%d*.avi"),
        (3, "camera3"),
        ("/dev/video0", "camera0"),
        (f"{tmp_path}/walk/frame_%04d.png", "frame"),
        (f"{tmp_path}/walk/*.png", "walk"),
        ("rtsp://me:secret@host:554/live/one", "one"),
        ("http://host/clip.mp4?token=1", "clip.mp4"),
        ("rtsp://host", "host"),
    ):
        assert video.name_video(source) == name


def make_pictures(folder, number):
    for index in range(1, number + 1):
        folder.mkdir(exist_ok=True)
        write_image(folder / f"frame_{index:04d}.png", make_frame(index))


@pytest.mark.parametrize("pattern", ["frame_%04d.png", "frame_%d.png", "*.png", "f*"])
def test_pictures_are_a_video(tmp_path, pattern):
    make_pictures(tmp_path, 12)
    assert video.is_video(f"{tmp_path}/{pattern}")
    count, rate, frames = video.open_video(f"{tmp_path}/{pattern}")
    seconds, frames = zip(*frames, strict=True)
    assert (count, rate) == (12, 30.0)
    np.testing.assert_allclose(seconds, np.arange(12) / 30)
    assert [frame[0, 0, 0] for frame in frames] == list(range(1, 13))


def test_pattern_without_pictures(tmp_path):
    for pattern in ("a_%04d.png", "*.png", "gone/%d.jpg"):
        assert not video.is_video(f"{tmp_path}/{pattern}")
        with pytest.raises(InputError, match="expected a file, found none"):
            video.open_video(f"{tmp_path}/{pattern}")


def test_stream_that_is_not_there():
    with pytest.raises(InputError) as caught:
        video.open_video("http://me:secret@127.0.0.1:9/clip.mp4")
    message = "http://127.0.0.1:9/clip.mp4: expected a video, found none: "
    assert str(caught.value).startswith(message)


def test_stream_over_http(tmp_path):
    write_clip(tmp_path / "clip.mp4", 5)
    handler = functools.partial(QuietHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/clip.mp4"
        assert len(list(video.open_video(url).frames)) == 5
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass
