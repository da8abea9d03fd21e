"""What networks see of bytes."""

import numpy as np
import pytest

from landmark.model import pixels


@pytest.mark.parametrize(
    ("byte", "value"), [(0, -1.0), (64, -0.5), (128, 0.0), (192, 0.5), (255, 127 / 128)]
)
def test_bytes_become_minus_one_to_one(byte, value):
    # Trap: one scale in training and another in detection. All of 0..255 is pinned.
    found = pixels.to_network_input(np.full((2, 2, 3), byte, np.float32), True)
    assert found.shape == (2, 2, 3)
    assert found.dtype == np.float32
    assert (found == np.float32(value)).all()


@pytest.mark.parametrize(
    ("rgb", "grey"),
    [
        ((255, 0, 0), 0.299 * 255),
        ((0, 255, 0), 0.587 * 255),
        ((0, 0, 255), 0.114 * 255),
        ((128, 128, 128), 128),
    ],
)
def test_grey_is_luma(rgb, grey):
    found = pixels.to_network_input(np.float32([[rgb]]), False)
    assert found.shape == (1, 1, 1)
    assert found.dtype == np.float32
    assert found.item() == pytest.approx((grey - 128) / 128, abs=1e-6)


@pytest.mark.parametrize("is_color", [True, False])
@pytest.mark.parametrize("shape", [(8, 8, 3), (4, 8, 8, 3)])
def test_tensors_get_the_same_values(is_color, shape):
    import tensorflow as tf

    photo = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    expected = pixels.to_network_input(photo, is_color)
    found = pixels.to_network_input(tf.constant(photo), is_color)
    assert isinstance(found, tf.Tensor)
    assert found.shape == (*shape[:-1], 3 if is_color else 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
