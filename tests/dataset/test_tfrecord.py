"""Frames of TFRecord files, against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from landmark.dataset import tfrecord

RECORDS = [b"", b"x", bytes(range(256)) * 5, np.random.default_rng(0).bytes(70_000)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"".join(map(tfrecord.frame, RECORDS)))
    return path


def test_files_are_those_of_tensorflow(path, tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "tf.tfrecord")) as writer:
        for record in RECORDS:
            writer.write(record)
    assert path.read_bytes() == (tmp_path / "tf.tfrecord").read_bytes()
    assert list(tfrecord.read_frames(path)) == RECORDS


def test_each_spoilt_byte_is_noticed(path):
    content = b"".join(map(tfrecord.frame, RECORDS[:3]))
    for place in range(0, len(content), 7):
        spoilt = bytearray(content)
        spoilt[place] ^= 4
        path.write_bytes(spoilt)
        with pytest.raises(tfrecord.BrokenError):
            list(tfrecord.read_frames(path))


def test_each_cut_is_noticed(path):
    content = b"".join(map(tfrecord.frame, RECORDS[1:3]))
    for size in range(18, len(content), 13):
        path.write_bytes(content[:size])
        frames = tfrecord.read_frames(path)
        assert next(frames) == RECORDS[1]
        with pytest.raises(tfrecord.BrokenError):
            next(frames)
