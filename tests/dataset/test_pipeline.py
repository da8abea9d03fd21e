"""Batches: what is in them, in what order, on what scale."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from landmark.dataset import pipeline, records
from landmark.model import pixels
from landmark.script.errors import InputError


@pytest.fixture(autouse=True)
def _same_chance_each_time():
    tf.random.set_seed(1)


def read(dataset, count=None):
    """Returns (images, points) of all or the first batches, and the batches' sizes."""
    batches = list(itertools.islice(dataset.as_numpy_iterator(), count))
    images, points = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return images, points, [len(batch[0]) for batch in batches]


def identify(points, samples):
    """Returns the index of the sample that each face (68, 2) of points belongs to."""
    truth = np.stack([sample[1] for sample in samples]).astype(np.float32)
    differences = np.abs(points[:, None] - truth[None]).max(axis=(2, 3))
    assert (differences.min(axis=1) < 1e-6).all()
    return differences.argmin(axis=1)


def test_validation_sees_every_sample_once(record_paths, samples, make_settings):
    batches = pipeline.validation_batches(record_paths[1], make_settings(batch_size=3))
    _, points, sizes = read(batches)
    assert sizes == [3, 3, 2]
    np.testing.assert_array_equal(identify(points, samples[16:]), range(8))


def test_validation_takes_fewer_samples_than_a_batch(record_paths, make_settings):
    batches = pipeline.validation_batches(record_paths[1], make_settings(batch_size=64))
    assert read(batches)[2] == [8]


def test_training_batches_are_full_shuffled_and_endless(
    record_paths, samples, make_settings
):
    batches = pipeline.training_batches(
        record_paths[0], make_settings(batch_size=6), seed=1
    )
    images, points, sizes = read(batches, 24)  # Nine times round the 16 samples.
    assert sizes == [6] * 24
    assert images.shape == (144, 56, 56, 3)
    rounds = identify(points, samples[:16]).reshape(9, 16)
    for order in rounds:
        assert sorted(order) == list(range(16))
    assert len({tuple(order) for order in rounds}) == 9


def test_training_batches_may_be_larger_than_the_records(record_paths, make_settings):
    batches = pipeline.training_batches(
        record_paths[1], make_settings(batch_size=20), seed=1
    )
    assert read(batches, 2)[2] == [20, 20]


@pytest.mark.parametrize(
    ("make", "seed"),
    [(pipeline.training_batches, [1]), (pipeline.validation_batches, [])],
)
def test_the_tuner_is_off(record_paths, make_settings, make, seed):
    options = make(record_paths[0], make_settings(), *seed).options()
    assert options.autotune.enabled is False


def test_images_belong_to_their_points(record_paths, samples, make_settings):
    batches = pipeline.training_batches(record_paths[0], make_settings(), seed=1)
    images, points, _ = read(batches, 2)
    for image, index in zip(images, identify(points, samples[:16]), strict=True):
        np.testing.assert_array_equal(image * 128 + 128, samples[index][0])


@pytest.fixture
def plain_records(tmp_path):
    """Writes a record of four plain patches: black, middle, white, coloured."""
    colours = [(0, 0, 0), (128, 128, 128), (255, 255, 255), (200, 100, 50)]
    patches = np.uint8(colours)[:, None, None].repeat(56, 1).repeat(56, 2)
    points = np.full((68, 2), 0.5)
    path = tmp_path / "plain.tfrecord"
    records.write_records(path, [(patch, points, "plain") for patch in patches])
    return path


@pytest.mark.parametrize(
    ("is_color", "expected"),
    [
        (
            True,
            [
                (-1, -1, -1),
                (0, 0, 0),
                (0.9921875, 0.9921875, 0.9921875),
                (0.5625, -0.21875, -0.609375),
            ],
        ),
        # Luma of the last: 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2.
        (False, [(-1,), (0,), (0.9921875,), (-0.0296875,)]),
    ],
)
def test_pixels_are_scaled_to_one(plain_records, make_settings, is_color, expected):
    train_settings = make_settings(is_color=is_color, batch_size=4)
    images, _, _ = read(pipeline.validation_batches(plain_records, train_settings))
    assert images.dtype == np.float32
    assert images.shape == (4, 56, 56, len(expected[0]))
    for corner in (images[:, 0, 0], images[:, 55, 55]):
        np.testing.assert_allclose(corner, expected, atol=1e-6)


@pytest.mark.parametrize("is_color", [True, False])
def test_numpy_and_tensorflow_prepare_pixels_alike(
    record_paths, samples, make_settings, is_color
):
    train_settings = make_settings(is_color=is_color)
    images, _, _ = read(pipeline.validation_batches(record_paths[1], train_settings))
    patches = np.stack([patch for patch, *_ in samples[16:]]).astype(np.float32)
    expected = pixels.to_network_input(patches, is_color)
    np.testing.assert_allclose(images, expected, atol=1e-6)


def test_read_samples_reads_what_was_written(record_paths, samples):
    patches, points, names = pipeline.read_samples(record_paths[1])
    assert patches.dtype == np.uint8
    for patch, face, name, sample in zip(
        patches, points, names, samples[16:], strict=True
    ):
        np.testing.assert_array_equal(patch, sample[0])
        np.testing.assert_array_equal(face, np.float32(sample[1]))
        assert name == sample[2]


def test_read_samples_refuses_another_size(record_paths):
    with pytest.raises(InputError, match=r"expected patches of 40 x 40.* 56 x 56"):
        pipeline.read_samples(record_paths[1], 40)


MARGIN = 10


@pytest.fixture(scope="module")
def margin_path(tmp_path_factory, samples):
    """A record file of the first 16 samples, with noise as their margin."""
    rng = np.random.default_rng(2)
    wide = []
    for patch, points, name in samples[:16]:
        around = rng.integers(0, 256, (56 + 2 * MARGIN,) * 2 + (3,), np.uint8)
        around[MARGIN:-MARGIN, MARGIN:-MARGIN] = patch
        wide.append((around, points, name, MARGIN))
    path = tmp_path_factory.mktemp("margin") / "margin.tfrecord"
    records.write_records(path, wide)
    return path


def assert_crops(images, points, samples):
    """Holds that images are the samples' crops, and points those of the samples."""
    for image, index in zip(images, identify(points, samples), strict=True):
        np.testing.assert_array_equal(image * 128 + 128, samples[index][0])


@pytest.mark.parametrize("augment", [False, True])
def test_validation_takes_the_margin_off(margin_path, samples, make_settings, augment):
    train_settings = make_settings(augment=augment)
    images, points, sizes = read(
        pipeline.validation_batches(margin_path, train_settings)
    )
    assert sizes == [8, 8]
    assert identify(points, samples[:16]).tolist() == list(range(16))
    assert_crops(images, points, samples[:16])


def test_training_without_augmentation_takes_the_margin_off(
    margin_path, samples, make_settings
):
    images, points, _ = read(
        pipeline.training_batches(margin_path, make_settings(), seed=1), 4
    )
    assert_crops(images, points, samples[:16])


def test_read_samples_takes_the_margin_off(margin_path, samples):
    for size in (None, 56):
        patches, points, names = pipeline.read_samples(margin_path, size)
        np.testing.assert_array_equal(patches, [sample[0] for sample in samples[:16]])
        np.testing.assert_array_equal(
            points, np.float32([sample[1] for sample in samples[:16]])
        )
        assert names == [sample[2] for sample in samples[:16]]


def test_crop_middle():
    patches = np.arange(2 * 6 * 6 * 3).reshape(2, 6, 6, 3)
    assert pipeline.crop_middle(patches, 0) is patches
    np.testing.assert_array_equal(
        pipeline.crop_middle(patches, 2), patches[:, 2:4, 2:4]
    )


@pytest.mark.parametrize("is_color", [True, False])
def test_augmentation_changes_training(margin_path, samples, make_settings, is_color):
    train_settings = make_settings(augment=True, is_color=is_color, augment_light=0.5)
    batches = pipeline.training_batches(margin_path, train_settings, seed=1)
    images, points, sizes = read(batches, 4)
    assert sizes == [8] * 4
    assert images.dtype == np.float32
    assert images.shape == (32, 56, 56, 3 if is_color else 1)
    assert points.shape == (32, 68, 2)
    # Nothing is as it was, and no two of the 32 are alike.
    faces = np.concatenate([[sample[1] for sample in samples[:16]], points])
    differences = np.abs(faces[:, None] - faces[None]).max(axis=(2, 3))
    assert differences[~np.eye(48, dtype=bool)].min() > 1e-3
    assert len(np.unique(images, axis=0)) == 32
    if is_color:  # Luma lies between the levels.
        quanta = (np.arange(256, dtype=np.float32) - 128) / 128
        assert np.isin(images, quanta).all()
        assert len(np.unique(images)) > 200


def test_augmentation_works_without_a_margin(record_paths, make_settings):
    batches = pipeline.training_batches(
        record_paths[0], make_settings(augment=True), seed=1
    )
    images, points, _ = read(batches, 2)
    assert images.shape == (16, 56, 56, 3)
    assert np.isfinite(points).all()


def test_batches_are_the_same_wherever_they_begin(margin_path, make_settings):
    # Three rounds of 16 samples, whose ends are no batches' ends.
    train_settings = make_settings(augment=True, augment_jpeg=0.5, batch_size=6)

    def read_from(seed, step, count):
        batches = pipeline.training_batches(margin_path, train_settings, seed, step)
        return list(batches.take(count).as_numpy_iterator())

    whole = read_from(1, 0, 9)
    for step in (1, 3, 8):
        for found, expected in zip(read_from(1, step, 9), whole[step:], strict=False):
            np.testing.assert_array_equal(found[0], expected[0])
            np.testing.assert_array_equal(found[1], expected[1])
    assert (read_from(2, 0, 1)[0][0] != whole[0][0]).any()


def test_shards_are_read_as_one_file_is(tmp_path, samples, make_settings):
    for shard in range(3):
        path = tmp_path / f"set-{shard:05d}-of-00003"
        records.write_records(path, samples[shard:16:3])
    name = f"{tmp_path / 'set'}@3"
    _, _, names = pipeline.read_samples(name)
    assert sorted(names) == sorted(sample[2] for sample in samples[:16])
    _, points, _ = read(pipeline.validation_batches(name, make_settings()))
    assert sorted(identify(points, samples[:16])) == list(range(16))

    train_settings = make_settings(batch_size=6)
    whole = pipeline.training_batches(name, train_settings, seed=1)
    _, points, _ = read(whole, 8)
    rounds = identify(points, samples[:16]).reshape(3, 16)
    for order in rounds:
        assert sorted(order) == list(range(16))
    assert len({tuple(order) for order in rounds}) == 3
    later = pipeline.training_batches(name, train_settings, seed=1, step=5)
    np.testing.assert_array_equal(read(later, 3)[1], points[30:])
