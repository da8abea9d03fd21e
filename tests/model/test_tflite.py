"""A .tflite runs without TensorFlow, on pixels of the one scale."""

import os

import numpy as np
import pytest
import tensorflow as tf

from landmark.files.photos import write_image
from landmark.model.tflite import TfliteModel
from landmark.script.errors import InputError


@pytest.fixture
def write_tflite(tmp_path):
    """Writes a .tflite whose points are the means of its channels, over and over.

    Of a colour model they are (red, green), (blue, red), ... If it has a spread, that
    is the squared mean of the first channel, for each point.
    """

    def write(shape, outputs=136, dtype=tf.float32, spread=None):
        @tf.function(input_signature=[tf.TensorSpec(shape, dtype)])
        def repeat_means(image):
            means = tf.reduce_mean(tf.cast(image, tf.float32), axis=(1, 2))
            points = tf.tile(means, [1, outputs])[:, :outputs]
            squares = tf.tile(means[:, :1] ** 2, [1, 68])
            return {
                None: points,
                "first": {"a": squares, "b": points},
                "last": {"a": points, "b": squares},
            }[spread]

        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [repeat_means.get_concrete_function()], repeat_means
        )
        path = tmp_path / "means.tflite"
        path.write_bytes(converter.convert())
        return path

    return write


# (200, 100, 50) and white, as (x - 128) / 128.
COLOURS = np.uint8([(200, 100, 50), (255, 255, 255)])
SCALED = np.array([(0.5625, -0.21875, -0.609375), (0.9921875,) * 3])


def test_colour_model_sees_scaled_rgb(write_tflite):
    model = TfliteModel(write_tflite((1, 20, 20, 3)))
    assert model.input_size == 20
    patches = np.broadcast_to(COLOURS[:, None, None], (2, 20, 20, 3))
    points = model.predict(patches)
    assert points.dtype == np.float32
    expected = np.tile(SCALED, 46)[:, :136].reshape(2, 68, 2)
    np.testing.assert_allclose(points, expected, atol=1e-6)


def test_grey_model_sees_scaled_luma(write_tflite):
    model = TfliteModel(write_tflite((1, 24, 24, 1)), num_threads=1)
    assert model.input_size == 24
    points = model.predict(np.broadcast_to(COLOURS[:, None, None], (2, 24, 24, 3)))
    # Luma of the first: 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2.
    np.testing.assert_allclose(points[0], np.full((68, 2), -0.0296875), atol=1e-6)
    np.testing.assert_allclose(points[1], np.full((68, 2), 0.9921875), atol=1e-6)


@pytest.mark.parametrize("place", ["first", "last"])
def test_spread_is_found_wherever_it_stands(write_tflite, place):
    model = TfliteModel(write_tflite((1, 20, 20, 3), spread=place))
    patches = np.broadcast_to(COLOURS[:, None, None], (2, 20, 20, 3))
    points, spread = model.predict_with_spread(patches)
    expected = np.tile(SCALED, 46)[:, :136].reshape(2, 68, 2)
    np.testing.assert_allclose(points, expected, atol=1e-6)
    assert (spread.shape, spread.dtype) == ((2, 68), np.float32)
    expected = np.broadcast_to(SCALED[:, :1] ** 2, (2, 68))
    np.testing.assert_allclose(spread, expected, atol=1e-6)
    np.testing.assert_array_equal(model.predict(patches), points)


def test_model_without_spread_does_not_tell(write_tflite):
    model = TfliteModel(write_tflite((1, 20, 20, 3)))
    _, spread = model.predict_with_spread(np.zeros((2, 20, 20, 3), np.uint8))
    assert spread.shape == (2, 68)
    assert np.isnan(spread).all()


def test_no_patches_give_no_points(write_tflite):
    model = TfliteModel(write_tflite((1, 20, 20, 3)))
    points, spread = model.predict_with_spread(np.zeros((0, 20, 20, 3), np.uint8))
    assert points.shape == (0, 68, 2)
    assert spread.shape == (0, 68)


@pytest.mark.parametrize(
    ("shape", "outputs", "dtype", "found"),
    [
        ((1, 20, 20, 3), 10, tf.float32, "float32 [1, 20, 20, 3] -> [1, 10]"),
        ((1, 20, 24, 3), 136, tf.float32, "float32 [1, 20, 24, 3] -> [1, 136]"),
        ((1, 20, 20, 4), 136, tf.float32, "float32 [1, 20, 20, 4] -> [1, 136]"),
        ((2, 20, 20, 3), 136, tf.float32, "float32 [2, 20, 20, 3] -> [2, 136]"),
        # Bytes, of which nothing says what they stand for.
        ((1, 20, 20, 3), 136, tf.uint8, "uint8 [1, 20, 20, 3] -> [1, 136]"),
    ],
)
def test_other_models_are_refused(write_tflite, shape, outputs, dtype, found):
    path = write_tflite(shape, outputs, dtype)
    with pytest.raises(InputError) as caught:
        TfliteModel(path)
    assert str(caught.value) == (
        f"{path}: expected a float32 or quantised model (1, N, N, 3 or 1) -> (1, 136), "
        "of scheme ibug68, "
        f"found {found}"
    )


@pytest.mark.parametrize("content", ["half", "garbage", "empty"])
def test_broken_file_is_refused(write_tflite, content):
    path = write_tflite((1, 20, 20, 3))
    whole = path.read_bytes()
    broken = {"half": whole[: len(whole) // 2], "garbage": b"x" * 999, "empty": b""}
    path.write_bytes(broken[content])
    with pytest.raises(InputError, match="means.tflite: expected a .tflite model"):
        TfliteModel(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9, 0.999])
def test_part_of_a_file_is_refused_in_one_sentence(write_tflite, capfd, share):
    path = write_tflite((1, 20, 20, 3))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    capfd.readouterr()
    with pytest.raises(InputError) as caught:
        TfliteModel(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_name_that_is_no_text(write_tflite, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.tflite")
    write_tflite((1, 20, 20, 3)).rename(path)
    assert TfliteModel(path).input_size == 20


def test_picture_is_no_model(tmp_path):
    write_image(tmp_path / "face.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(InputError, match="face.png: expected a .tflite model"):
        TfliteModel(tmp_path / "face.png")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="none.tflite: expected"):
        TfliteModel(tmp_path / "none.tflite")
