"""Records in protobuf's words, against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from landmark.dataset.example import encode_example
from landmark.face.scheme import IBUG68, find_scheme


def expected_example(patch, points, name, margin, scheme, extension, photo):
    def texts(*values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    def number(value):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    known = [] if extension is None else [extension]
    features = {
        "version": number(1),
        "scheme": texts(scheme.reference.encode()),
        "image/raw": texts(patch.tobytes()),
        "image/colors": texts(b"RGB"),
        "image/size": number(patch.shape[0] - 2 * margin),
        "image/margin": number(margin),
        "image/extension": tf.train.Feature(float_list=tf.train.FloatList(value=known)),
        "image/name": texts(name.encode(errors="surrogateescape")),
        "image/photo": texts(photo.encode()),
        "points": texts(np.asarray(points, "<f4").tobytes()),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


@pytest.mark.parametrize("width", [17, 127, 128, 400])
@pytest.mark.parametrize("extension", [None, 0.0, 0.1])
@pytest.mark.parametrize("scheme", [IBUG68, find_scheme("five")], ids=str)
def test_examples_are_those_of_protobuf(width, extension, scheme):
    rng = np.random.default_rng(width)
    patch = rng.integers(0, 256, (width, width, 3), np.uint8)
    points = rng.uniform(0, 1, (scheme.num_points, 2))
    points[0] = np.nan
    for name, margin, photo in (("a", 0, ""), ("ä\udcff" * 70, 5, "x" * 20_000)):
        sample = patch, points, name, margin, scheme, extension, photo
        assert encode_example(*sample) == expected_example(*sample)
