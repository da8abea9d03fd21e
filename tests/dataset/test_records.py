"""Training records: encoded and parsed, written and checked."""

import numpy as np
import pytest
import tensorflow as tf

from landmark.dataset import records
from landmark.script.errors import InputError


def write(path, *serialized):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized:
            writer.write(record)
    return path


def make_sample(size, name="face"):
    rng = np.random.default_rng(size)
    patch = rng.integers(0, 256, (size, size, 3), np.uint8)
    return patch, rng.uniform(-0.1, 1.1, (68, 2)), name


@pytest.mark.parametrize("size", [16, 57])
def test_encode_and_parse(size):
    samples = [make_sample(size, name) for name in ("a/b-1@rotated", "gesicht_ä")]
    serialized = [records.encode_example(*sample) for sample in samples]
    patches, points, names = records.parse_batch(
        tf.constant(serialized), records.Header(size)
    )
    assert patches.dtype == tf.uint8
    assert points.dtype == tf.float32
    for index, (patch, sample_points, name) in enumerate(samples):
        np.testing.assert_array_equal(patches[index], patch)
        np.testing.assert_array_equal(points[index], np.float32(sample_points))
        assert names[index].numpy().decode() == name


def test_patches_need_not_lie_in_one_piece_of_memory():
    patch, points, name = make_sample(16)
    serialized = records.encode_example(patch[:, ::-1], points[::-1], name)
    patches, found, _ = records.parse_batch(
        tf.constant([serialized]), records.Header(16)
    )
    np.testing.assert_array_equal(patches[0], patch[:, ::-1])
    np.testing.assert_array_equal(found[0], np.float32(points[::-1]))


def test_write_and_check(tmp_path):
    path = tmp_path / "faces.tfrecord"
    count = records.write_records(path, (make_sample(20, str(i)) for i in range(5)))
    assert count == 5
    assert records.check_records(path) == (5, records.Header(20), 0)
    assert records.check_records(path, size=20) == (5, records.Header(20), 0)
    found = list(tf.data.TFRecordDataset(str(path)))
    _, _, names = records.parse_batch(tf.stack(found), records.Header(20))
    assert [name.decode() for name in names.numpy()] == ["0", "1", "2", "3", "4"]
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_to_write_leaves_nothing(tmp_path):
    path = tmp_path / "faces.tfrecord"
    with pytest.raises(InputError, match="faces.tfrecord: expected samples .* none"):
        records.write_records(path, [])
    assert not list(tmp_path.iterdir())


def test_failure_half_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "faces.tfrecord"
    records.write_records(path, [make_sample(16)])

    def samples():
        yield make_sample(20)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        records.write_records(path, samples())
    assert records.check_records(path) == (1, records.Header(16), 0)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("sizes", "size", "message"),
    [
        ([20], 56, "patches of 56 x 56 pixels, found 20 x 20 in record 0"),
        ([20, 20, 24], None, "patches of 20 x 20 pixels, found 24 x 24 in record 2"),
    ],
)
def test_patches_of_another_size(tmp_path, sizes, size, message):
    path = tmp_path / "faces.tfrecord"
    records.write_records(path, map(make_sample, sizes))
    with pytest.raises(InputError, match=f"faces.tfrecord: expected {message}"):
        records.check_records(path, size)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="gone.tfrecord: expected a file, found none"):
        records.check_records(tmp_path / "gone.tfrecord")


def test_empty_file(tmp_path):
    path = write(tmp_path / "empty.tfrecord")
    with pytest.raises(InputError, match="empty.tfrecord: .*found an empty file"):
        records.check_records(path)


def test_truncated_file(tmp_path):
    path = tmp_path / "half.tfrecord"
    records.write_records(path, map(make_sample, [20, 20, 20]))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="half.tfrecord: .*found it broken after 2"):
        records.check_records(path)


def test_file_of_another_kind(tmp_path):
    path = tmp_path / "photo.tfrecord"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(InputError, match="photo.tfrecord: .*found it broken after 0"):
        records.check_records(path)


def foreign_example(**features):
    parts = {
        key.replace("_", "/"): tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[value])
        )
        for key, value in features.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=parts))


@pytest.mark.parametrize(
    "record",
    [
        b"This is a text.",
        b"",
        foreign_example(image_encoded=b"png").SerializeToString(),
        foreign_example(image_raw=bytes(768), points=bytes(544)).SerializeToString(),
    ],
)
def test_records_that_others_made(tmp_path, record):
    own = records.encode_example(*make_sample(16))
    path = write(tmp_path / "other.tfrecord", own, record)
    with pytest.raises(InputError, match="other.tfrecord: .*another in record 1"):
        records.check_records(path)


@pytest.mark.parametrize(
    ("patch_shape", "num_points"),
    [((16, 16, 3), 66), ((16, 12, 3), 68), ((16, 16), 68)],
)
def test_records_whose_parts_do_not_fit(tmp_path, patch_shape, num_points):
    record = records.encode_example(
        np.zeros(patch_shape, np.uint8), np.zeros((num_points, 2)), "face"
    )
    path = write(tmp_path / "other.tfrecord", record)
    with pytest.raises(InputError, match="other.tfrecord: .*another in record 0"):
        records.check_records(path)


def make_margin_sample(size, margin, name="face"):
    return (*make_sample(size + 2 * margin, name), margin)


def test_margin_written_and_read(tmp_path):
    path = tmp_path / "faces.tfrecord"
    samples = [make_margin_sample(20, 6, name) for name in ("a", "b")]
    assert records.write_records(path, samples) == 2
    assert records.check_records(path) == (2, records.Header(20, 6), 0)
    assert records.check_records(path, size=20) == (2, records.Header(20, 6), 0)
    serialized = tf.stack(list(tf.data.TFRecordDataset(str(path))))
    patches, points, _ = records.parse_batch(serialized, records.Header(20, 6))
    for index, (patch, sample_points, _, _) in enumerate(samples):
        np.testing.assert_array_equal(patches[index], patch)
        np.testing.assert_array_equal(points[index], np.float32(sample_points))


def test_size_is_that_of_the_crop(tmp_path):
    path = tmp_path / "faces.tfrecord"
    records.write_records(path, [make_margin_sample(20, 6)])
    with pytest.raises(InputError, match="of 32 x 32 pixels, found 20 x 20 in record"):
        records.check_records(path, size=32)


@pytest.mark.parametrize(
    ("margins", "message"),
    [
        ([4, 4, 6], "a margin of 4 pixels around each patch, found 6 in record 2"),
        ([0, 4], "a margin of 0 pixels around each patch, found 4 in record 1"),
        ([4, 0], "a margin of 4 pixels around each patch, found 0 in record 1"),
    ],
)
def test_margins_that_differ(tmp_path, margins, message):
    path = tmp_path / "faces.tfrecord"
    records.write_records(path, [make_margin_sample(20, margin) for margin in margins])
    with pytest.raises(InputError, match=f"faces.tfrecord: expected {message}"):
        records.check_records(path)


def test_read_header_reads_the_first_record(tmp_path):
    path = tmp_path / "faces.tfrecord"
    records.write_records(path, [make_sample(16), make_margin_sample(20, 6)])
    assert records.read_header(path) == records.Header(16)
    records.write_records(path, [make_margin_sample(20, 6), make_sample(16)])
    assert records.read_header(path) == records.Header(20, 6)
    with tf.Graph().as_default():  # As when a training graph is built.
        assert records.read_header(path) == records.Header(20, 6)


def test_read_header_of_no_records(tmp_path):
    with pytest.raises(InputError, match="gone.tfrecord: expected a file, found none"):
        records.read_header(tmp_path / "gone.tfrecord")
    path = write(tmp_path / "empty.tfrecord")
    with pytest.raises(InputError, match="empty.tfrecord: .*found an empty file"):
        records.read_header(path)
    path = write(tmp_path / "other.tfrecord", b"This is a text.")
    with pytest.raises(InputError, match="other.tfrecord: .*another in record 0"):
        records.read_header(path)
