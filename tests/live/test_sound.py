"""Sound that is copied into a drawn video."""

import av
import numpy as np
import pytest

from landmark.live.decoding import open_container, open_stream
from landmark.live.video import VideoWriter

RATE, SECONDS = 48_000, 2.0


def write_film(path, codec, starts=0.0, layout="fltp"):
    """Writes pictures that begin at a time, and two seconds of sound from 0 on."""
    with av.open(path, "w") as container:
        picture = container.add_stream("libx264", 10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        stream = container.add_stream(codec, RATE)
        stream.layout = "mono"
        image = np.zeros((48, 64, 3), np.uint8)
        for index in range(round((SECONDS - starts) * 10)):
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts = index + round(starts * 10)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        for start in range(0, round(SECONDS * RATE), 960):
            wave = np.zeros((1, 960), np.float32)
            frame = av.AudioFrame.from_ndarray(wave, layout, "mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def copy(source, target, most=None):
    """Copies the pictures, and with them the sound."""
    opened = open_stream(source)
    writer = VideoWriter(target, opened.rate, opened.sound)
    for index, (seconds, image) in enumerate(opened.frames):
        if most is None or index < most:
            writer.write(image, seconds)
    writer.close()


def read_sound(path):
    """Returns (codec, seconds at which each packet begins, its bytes)."""
    with open_container(path) as container:
        (stream,) = container.streams.audio
        packets = [packet for packet in container.demux(stream) if packet.size]
        seconds = [float(packet.pts * packet.time_base) for packet in packets]
        return stream.codec_context.name, seconds, [bytes(p) for p in packets]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.avi"])
def test_sound_is_copied(tmp_path, name):
    write_film(tmp_path / "film.mkv", "aac")
    copy(tmp_path / "film.mkv", tmp_path / name)
    codec, seconds, packets = read_sound(tmp_path / "film.mkv")
    found_codec, found_seconds, found = read_sound(tmp_path / name)
    assert found_codec == codec == "aac"
    # The first holds no sound, but what the decoder needs before.
    assert found in (packets, packets[1:])
    np.testing.assert_allclose(found_seconds, seconds[-len(found) :], atol=0.025)


def test_sound_keeps_its_place(tmp_path):
    # The pictures begin half a second after the sound.
    write_film(tmp_path / "film.mkv", "libopus", 0.5, "flt")
    copy(tmp_path / "film.mkv", tmp_path / "a.mkv")
    _, seconds, packets = read_sound(tmp_path / "film.mkv")
    _, found_seconds, found = read_sound(tmp_path / "a.mkv")
    assert found == packets[-len(found) :]
    np.testing.assert_allclose(
        found_seconds, np.array(seconds[-len(found) :]) - 0.5, atol=0.01
    )
    assert found_seconds[0] < 0.03


def test_sound_ends_with_the_pictures(tmp_path):
    write_film(tmp_path / "film.mkv", "aac")
    copy(tmp_path / "film.mkv", tmp_path / "a.mkv", most=5)
    _, seconds, _ = read_sound(tmp_path / "a.mkv")
    assert 0.4 < seconds[-1] < 0.51


def test_sound_that_the_container_cannot_hold(tmp_path):
    write_film(tmp_path / "film.mkv", "libopus", layout="flt")
    with pytest.warns(UserWarning, match="left out") as caught:
        copy(tmp_path / "film.mkv", tmp_path / "a.avi")
    assert [str(warning.message) for warning in caught] == [
        f"{tmp_path}/a.avi: the sound of {tmp_path}/film.mkv is left out: the file "
        "cannot hold opus"
    ]
    assert len(list(open_stream(tmp_path / "a.avi").frames)) == 20


def test_source_that_is_gone_by_then(tmp_path):
    writer = VideoWriter(tmp_path / "a.mkv", 10, (str(tmp_path / "gone.mkv"), 0.0))
    with pytest.warns(UserWarning, match="gone.mkv is left out: No such file"):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.close()
    assert len(list(open_stream(tmp_path / "a.mkv").frames)) == 1
