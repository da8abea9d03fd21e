"""Video files as cameras, phones and accidents make them."""

from fractions import Fraction

import av
import numpy as np
import pytest

from landmark.live import decoding
from landmark.script.errors import InputError

WIDTH, HEIGHT, RATE = 64, 48, 10


def write_film(path, times, *, codec="libx264", turn=None, sound=0, **options):
    """Writes grey frames with a white corner, top left; sound: its seconds."""
    with av.open(path, "w", **options) as container:
        stream = container.add_stream(codec, RATE)
        stream.width, stream.height = WIDTH, HEIGHT
        formats = {"mjpeg": "yuvj420p", "png": "rgb24"}
        stream.pix_fmt = formats.get(codec, "yuv420p")
        tick = Fraction(1, RATE if codec in formats else 1000)
        stream.codec_context.time_base = tick
        if turn is not None:
            stream.set_display_rotation(turn)
        if sound:
            write_tone(container, sound)
        image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        image[:16, :16] = 255
        for time in times:
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = round(float(time) / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_tone(container, seconds, codec="aac", rate=48_000):
    stream = container.add_stream(codec, rate)
    stream.layout = "mono"
    for start in range(0, round(seconds * rate), 960):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 960), np.float32), "fltp", "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def steady(number):
    return np.arange(number) / RATE


@pytest.mark.parametrize(
    ("turn", "corner"), [(0, "11"), (90, "41"), (180, "44"), (-90, "14"), (270, "14")]
)
def test_films_are_upright(tmp_path, turn, corner):
    opened = decoding.open_stream(write_film(tmp_path / "a.mp4", [0], turn=turn))
    ((_, image),) = opened.frames
    assert image.shape == ((64, 48, 3) if turn % 180 else (48, 64, 3))
    assert image.flags.c_contiguous
    y, x = (8 if place == "1" else -8 for place in corner)
    assert image[y, x].min() > 200
    assert image.mean() < 120


def test_times_are_the_films_own(tmp_path):
    times = [0.5, 0.54, 0.58, 0.9, 1.0]
    for name in ("a.mp4", "a.mkv"):
        opened = decoding.open_stream(write_film(tmp_path / name, times))
        found = [seconds for seconds, _ in opened.frames]
        np.testing.assert_allclose(found, np.array(times) - 0.5, atol=1e-9)
        assert not opened.failures


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([5.0, 5.1, 5.3], [0, 0.1, 0.3]),
        ([None, None, None], [0, 0.1, 0.2]),
        ([0.0, None, 0.3], [0, 0.1, 0.3]),
        # Set back, as where two recordings were joined, or twice the same.
        ([7.0, 7.1, 0.0, 0.2], [0, 0.1, 0.2, 0.4]),
        ([0.0, 0.0, 0.1], [0, 0.1, 0.2]),
    ],
)
def test_clock_never_goes_back(times, expected):
    clock = decoding._Clock(0.1)
    np.testing.assert_allclose([clock.tell(time) for time in times], expected)


# Of these, the length is a guess, or a stream's that is longer than the pictures'.
@pytest.mark.parametrize(
    ("name", "times", "options"),
    [
        ("a.ts", steady(20), {}),
        ("a.mjpeg", steady(20), {"codec": "mjpeg"}),
        ("a.h264", steady(20), {}),
        ("a.mkv", steady(20), {"sound": 5}),
        ("a.mp4", steady(20), {"sound": 5}),
        ("a.mp4", [0, 0.1, 0.2, 4.0], {}),
        ("a.mkv", [3.0, 3.1, 3.2], {}),
        ("a.mp4", [3.0, 3.1, 3.2], {}),
    ],
)
def test_whole_films_are_not_called_damaged(tmp_path, name, times, options):
    opened = decoding.open_stream(write_film(tmp_path / name, times, **options))
    assert len(list(opened.frames)) == len(times)
    assert not opened.failures


def test_film_that_ends_early_with_its_sound(tmp_path):
    path = write_film(tmp_path / "a.mkv", steady(60), sound=6)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 4 // 5])
    opened = decoding.open_stream(path)
    number = len(list(opened.frames))
    assert 0 < number < 55
    (failure,) = opened.failures
    assert failure.startswith(f"{path}: expected 6.0 seconds, found 4.")
    assert failure.endswith(f" ({number} frames); the rest is damaged")


def test_damage_in_the_middle_is_told(tmp_path):
    path = write_film(tmp_path / "a.avi", steady(20), codec="png")
    frames = path.read_bytes().split(b"\x89PNG")
    frames[9:11] = [frames[9] + bytes(4) + frames[10]]
    path.write_bytes(b"\x89PNG".join(frames))
    opened = decoding.open_stream(path)
    found = [seconds for seconds, _ in opened.frames]
    assert 17 < len(found) < 20  # The damage may reach into the next one.
    np.testing.assert_allclose(found[-1], 1.9)
    assert opened.failures == [
        f"{path}: expected whole frames, found 1 damaged beside {len(found)} that are "
        "whole"
    ]


def test_sound_without_pictures_is_refused(tmp_path):
    with av.open(tmp_path / "a.mp4", "w") as container:
        write_tone(container, 1)
    with pytest.raises(InputError, match="a.mp4: expected a video, found none"):
        decoding.open_stream(tmp_path / "a.mp4")


def test_passwords_are_not_shown():
    assert decoding.hide_password("rtsp://me:a%40b@host/x@y") == "rtsp://host/x@y"
    assert decoding.hide_password("http://host/a") == "http://host/a"
