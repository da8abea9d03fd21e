"""Training records: encoded and parsed, written and checked."""

import numpy as np
import pytest
import tensorflow as tf

from landmark.dataset import records
from landmark.face.scheme import IBUG68, find_scheme, parse_scheme
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


# Schemes, missing points, and records of before them.

FIVE = find_scheme("five")
OWN = parse_scheme("name own\npoints 3\nmirror 0 = 1\nnormalise span 0 1\n", "x")


def make_scheme_sample(scheme=FIVE, extension=None, photo="", points=None):
    """A sample of 16 pixels, as `encode_example` takes it."""
    if points is None:
        points = np.random.default_rng(7).uniform(0, 1, (scheme.num_points, 2))
    patch = np.full((16, 16, 3), 100, np.uint8)
    return patch, points, "face", 0, scheme, extension, photo


def old_example(points, size=16, **features):
    """A record as it was before version 1; more features by their names."""
    values = {
        "image/raw": bytes([100] * 3 * size**2),
        "image/size": size,
        "image/margin": 0,
        "image/name": b"face",
        "points": np.asarray(points, "<f4").tobytes(),
        **{name.replace("_", "/"): value for name, value in features.items()},
    }

    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    parts = {name: feature(value) for name, value in values.items()}
    example = tf.train.Example(features=tf.train.Features(feature=parts))
    return example.SerializeToString()


@pytest.mark.parametrize("scheme", [FIVE, OWN, IBUG68], ids=str)
@pytest.mark.parametrize("extension", [None, 0.0, 0.1, 0.25])
def test_header_written_and_read(tmp_path, scheme, extension):
    path = tmp_path / "faces.tfrecord"
    sample = make_scheme_sample(scheme, extension)
    records.write_records(path, [sample, sample])
    header = records.Header(16, 0, scheme, extension)
    assert records.check_records(path) == (2, header, 0)
    assert records.check_records(path, scheme=scheme).header == header
    assert records.read_header(path) == header
    serialized = tf.stack(list(tf.data.TFRecordDataset(str(path))))
    _, points, _ = records.parse_batch(serialized, header)
    np.testing.assert_array_equal(points[1], np.float32(sample[1]))


def test_record_has_what_its_description_says():
    sample = make_scheme_sample(OWN, 0.1, photo="a/ä.pts")
    example = tf.train.Example.FromString(records.encode_example(*sample))
    features = example.features.feature
    texts = {
        n: f.bytes_list.value[0] for n, f in features.items() if f.bytes_list.value
    }
    assert texts["scheme"].decode() == OWN.definition
    assert texts["image/photo"].decode() == "a/ä.pts"
    assert texts["image/colors"] == b"RGB"
    assert features["version"].int64_list.value == [1]
    assert features["image/extension"].float_list.value == pytest.approx([0.1])
    shipped = records.encode_example(*make_scheme_sample(FIVE))
    features = tf.train.Example.FromString(shipped).features.feature
    assert features["scheme"].bytes_list.value == [b"five"]
    assert features["image/photo"].bytes_list.value == [b""]
    assert not features["image/extension"].float_list.value


def test_photos_name_that_is_no_text():
    name = b"a/\xff.pts".decode(errors="surrogateescape")
    sample = make_scheme_sample(photo=name)
    example = tf.train.Example.FromString(records.encode_example(*sample))
    assert example.features.feature["image/photo"].bytes_list.value == [b"a/\xff.pts"]


def test_missing_points_are_kept_and_counted(tmp_path):
    path = tmp_path / "faces.tfrecord"
    samples = []
    for missing in ([], [0, 3], [1], [0, 1, 2, 3, 4]):
        points = np.random.default_rng(8).uniform(0, 1, (5, 2))
        points[missing] = np.nan
        samples.append(make_scheme_sample(points=points))
    records.write_records(path, samples)
    count, header, num_missing = records.check_records(path)
    assert (count, num_missing) == (4, 8)
    serialized = tf.stack(list(tf.data.TFRecordDataset(str(path))))
    _, points, _ = records.parse_batch(serialized, header)
    expected = np.float32([sample[1] for sample in samples])
    np.testing.assert_array_equal(points, expected)


def test_records_of_before_schemes_are_of_68_points(tmp_path):
    points = np.random.default_rng(9).uniform(0, 1, (68, 2))
    path = write(tmp_path / "old.tfrecord", *[old_example(points)] * 3)
    assert records.check_records(path) == (3, records.Header(16), 0)
    assert records.read_header(path) == records.Header(16, 0, IBUG68, None)
    serialized = tf.stack(list(tf.data.TFRecordDataset(str(path))))
    patches, found, names = records.parse_batch(serialized, records.Header(16))
    assert np.unique(patches).tolist() == [100]
    np.testing.assert_array_equal(found[2], np.float32(points))
    assert names.numpy().tolist() == [b"face"] * 3


@pytest.mark.parametrize("is_old_first", [True, False])
def test_old_and_new_records_may_be_mixed(tmp_path, is_old_first):
    points = np.zeros((68, 2))
    new = records.encode_example(*make_scheme_sample(IBUG68, 0.1))
    both = [old_example(points), new] if is_old_first else [new, old_example(points)]
    path = write(tmp_path / "both.tfrecord", *both)
    count, header, _ = records.check_records(path)
    assert (count, header.scheme, header.size) == (2, IBUG68, 16)
    assert header.extension == (None if is_old_first else 0.1)


def test_crops_of_different_extensions_are_refused(tmp_path):
    path = tmp_path / "faces.tfrecord"
    extensions = (0.1, None, 0.2)
    records.write_records(path, [make_scheme_sample(extension=e) for e in extensions])
    with pytest.raises(InputError) as caught:
        records.check_records(path)
    assert str(caught.value) == (
        f"{path}: expected an extension of 0.1 of each crop, found 0.2 in record 2"
    )


def test_schemes_of_one_file_are_the_same(tmp_path):
    path = tmp_path / "faces.tfrecord"
    schemes = (FIVE, FIVE, OWN)
    records.write_records(path, map(make_scheme_sample, schemes))
    with pytest.raises(InputError) as caught:
        records.check_records(path)
    assert str(caught.value) == (
        f"{path}, record 2: expected points of scheme five, found own"
    )
    with pytest.raises(InputError) as caught:
        records.check_records(path, scheme=IBUG68)
    assert str(caught.value) == (
        f"{path}, record 0: expected points of scheme ibug68, found five"
    )


def test_another_definition_of_a_scheme_is_refused(tmp_path):
    path = tmp_path / "faces.tfrecord"
    other = parse_scheme(OWN.definition.replace("mirror 0 = 1", "mirror 0 = 2"), "x")
    records.write_records(path, map(make_scheme_sample, (OWN, other)))
    with pytest.raises(InputError, match="of scheme own, found another definition of"):
        records.check_records(path)


@pytest.mark.parametrize(
    ("point", "found"),
    [
        ((np.nan, 0.5), "nan 0.5"),
        ((0.5, np.nan), "0.5 nan"),
        ((np.inf, np.inf), "inf inf"),
        ((np.nan, -np.inf), "nan -inf"),
        ((0.5, 11.0), "0.5 11"),
        ((-10.0, 0.5), "-10 0.5"),
    ],
)
def test_points_that_no_annotation_means_are_refused(tmp_path, point, found):
    points = np.full((5, 2), 0.5)
    points[1] = np.nan
    points[3] = point
    path = tmp_path / "faces.tfrecord"
    records.write_records(
        path, [make_scheme_sample(), make_scheme_sample(points=points)]
    )
    with pytest.raises(InputError) as caught:
        records.check_records(path)
    assert str(caught.value) == (
        f"{path}, record 1: expected points within 10 crops of it, or nan nan, found "
        f"{found}"
    )


def test_points_beside_the_crop_are_right(tmp_path):
    path = tmp_path / "faces.tfrecord"
    points = np.array([(-9.4, 0.5), (10.4, 0.5), (0.5, -2), (0.5, 3), (0.5, 0.5)])
    records.write_records(path, [make_scheme_sample(points=points)])
    assert records.check_records(path).num_missing == 0


@pytest.mark.parametrize(
    ("features", "found"),
    [
        ({"version": 2}, "version 2 in RGB"),
        ({"image_colors": b"BGR"}, "version 0 in BGR"),
        ({"version": 3, "image_colors": b"gray"}, "version 3 in gray"),
    ],
)
def test_records_of_later_versions_are_refused(tmp_path, features, found):
    record = old_example(np.zeros((68, 2)), **features)
    path = write(tmp_path / "later.tfrecord", record)
    with pytest.raises(InputError) as caught:
        records.check_records(path)
    assert str(caught.value) == (
        f"{path}: expected records of version 1 in RGB, found {found} in record 0"
    )


def test_scheme_that_is_not_known_is_refused(tmp_path):
    record = old_example(np.zeros((68, 2)), version=1, scheme=b"ibug69")
    path = write(tmp_path / "other.tfrecord", record)
    with pytest.raises(InputError, match="other.tfrecord: expected points.*ibug69"):
        records.check_records(path)


def test_another_number_of_points_than_the_schemes_is_refused(tmp_path):
    record = old_example(np.zeros((68, 2)), version=1, scheme=b"five")
    path = write(tmp_path / "other.tfrecord", record)
    with pytest.raises(InputError, match="other.tfrecord: .*another in record 0"):
        records.check_records(path)


# Sets of shards.


def write_set(folder, *shards):
    for index, samples in enumerate(shards):
        path = folder / f"set-{index:05d}-of-{len(shards):05d}"
        records.write_records(path, samples)
    return f"{folder}/set@{len(shards)}"


def test_shards_are_checked_as_one_file(tmp_path):
    samples = [make_sample(16, str(index)) for index in range(70)]
    samples[3][1][0] = np.nan
    path = write_set(tmp_path, samples[:66], samples[66:])
    for there in (path, f"{tmp_path}/set-*"):
        assert records.check_records(there) == (70, records.Header(16), 1)
        assert records.read_header(there) == records.Header(16)
    batches = list(records.read_batches(path))
    assert [(b.path.name[4:9], b.start, len(b.points)) for b in batches] == [
        ("00000", 0, 64),
        ("00000", 64, 2),
        ("00001", 0, 4),
    ]
    found = [name for batch in batches for name in batch.texts("image/name")]
    assert found == [str(index) for index in range(70)]
    np.testing.assert_array_equal(batches[2].images[3], samples[69][0])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([make_sample(16), make_sample(20)], "found 20 x 20 in record 1"),
        ([make_margin_sample(16, 2)], "found 2 in record 0"),
        ([make_scheme_sample()], "expected points of scheme ibug68, found five"),
    ],
)
def test_shards_that_differ_are_refused_by_name(tmp_path, second, message):
    path = write_set(tmp_path, [make_sample(16)], second)
    with pytest.raises(InputError, match=f"set-00001-of-00002.*{message}"):
        records.check_records(path)


def test_shards_that_are_missing_empty_or_broken_are_named(tmp_path):
    path = write_set(tmp_path, *[[make_sample(16)]] * 3)
    shard = tmp_path / "set-00001-of-00003"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(InputError, match="set-00001-of-00003: .*broken after 0"):
        records.check_records(path)
    shard.write_bytes(b"")
    with pytest.raises(InputError, match="set-00001-of-00003: .*found an empty file"):
        records.check_records(path)
    shard.unlink()
    with pytest.raises(InputError, match="found 2: set-00001-of-00003 is missing"):
        records.check_records(path)


def test_the_wrong_record_of_a_batch_is_named(tmp_path):
    good = records.encode_example(*make_sample(16))
    path = write(tmp_path / "a.tfrecord", *[good] * 75, b"text", *[good] * 5)
    with pytest.raises(InputError, match="a.tfrecord: .*another in record 75"):
        records.check_records(path)
    points = np.full((68, 2), np.inf)
    bad = records.encode_example(*make_sample(16)[:1], points, "face")
    path = write(tmp_path / "a.tfrecord", *[good] * 70, bad, b"text")
    with pytest.raises(InputError, match="a.tfrecord, record 70: expected points"):
        records.check_records(path)


def test_files_behind_each_other_are_one(tmp_path):
    path, both = tmp_path / "a.tfrecord", tmp_path / "both.tfrecord"
    records.write_records(path, [make_sample(16)] * 3)
    both.write_bytes(path.read_bytes() * 2)
    assert records.check_records(both).count == 6
