"""Frames of videos and cameras."""

import cv2
import numpy as np
import pytest

from landmark import video
from landmark.errors import InputError


def test_video_frames_are_rgb_and_complete(tmp_path):
    path = tmp_path / "clip.avi"
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, 10, (64, 48))
    for brightness in (50, 100, 150, 200):
        frame = np.zeros((48, 64, 3), np.uint8)
        frame[..., 2] = brightness  # BGR: red.
        writer.write(frame)
    writer.release()
    count, frames = video.open_video(path)
    frames = list(frames)
    assert count == len(frames) == 4
    for frame, brightness in zip(frames, (50, 100, 150, 200), strict=True):
        assert frame.shape == (48, 64, 3)
        assert abs(frame.mean(axis=(0, 1)) - (brightness, 0, 0)).max() < 6


def test_what_is_no_video(tmp_path):
    with pytest.raises(InputError, match="gone.avi: expected a file, found none"):
        video.open_video(tmp_path / "gone.avi")
    (tmp_path / "text.avi").write_text("This is a text.\n" * 100)
    with pytest.raises(InputError, match="text.avi: expected a video, found none"):
        video.open_video(tmp_path / "text.avi")


def test_camera_that_is_not_there():
    with pytest.raises(InputError, match="camera 97: expected a video, found none"):
        video.open_video(97)
