"""Delegates: which operators of the models are taken over, in how many parts."""

import numpy as np
import pytest
from conftest import PROJECT

from landmark.files.photos import read_image
from landmark.model import delegates
from landmark.model.tflite import TfliteModel, open_interpreter

MODELS = sorted(PROJECT.glob("pretrained/landmark_*/*.tflite"))


@pytest.fixture(params=MODELS, ids=lambda path: f"{path.parent.name}-{path.name}")
def model(request):
    return request.param


def test_shipped_models_run_in_one_part(model):
    told = delegates.examine(model)
    # The first operator of an integer model moves its input by 128.
    left = ["QUANTIZE"] if "int8" in model.name else []
    assert told["not_xnnpack"] == left
    assert told["xnnpack"] == told["operators"] - len(left)
    assert told["xnnpack_parts"] == 1
    assert told["not_gpu"] == []


def test_what_is_left_over_is_named(tmp_path):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 3])])
    def rank(image):
        order = tf.argsort(tf.reshape(tf.nn.relu(image), [1, 192]))
        return tf.nn.relu(tf.cast(order, tf.float32))

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [rank.get_concrete_function()], rank
    )
    path = tmp_path / "rank.tflite"
    path.write_bytes(converter.convert())
    told = delegates.examine(path)
    assert "TOPK_V2" in told["not_xnnpack"]
    assert told["not_gpu"] == ["TOPK_V2"]
    assert told["xnnpack_parts"] == 2
    assert told["xnnpack"] < told["operators"]
    sentence = delegates.describe(told)
    assert sentence.endswith("in 2 parts, the GPU delegate all but TOPK_V2")


def test_input_of_many_faces_gives_the_same_points(model):
    patch = read_image(model.with_name("reference.png"))
    patches = np.stack([patch, patch[:, ::-1], patch[::-1]])
    expected, expected_spread = TfliteModel(model).predict_with_spread(patches)
    interpreter = open_interpreter(model)
    (image,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(image["index"], patches.shape)
    interpreter.allocate_tensors()
    if image["dtype"] == np.float32:
        patches = (patches.astype(np.float32) - 128) / 128
    interpreter.set_tensor(image["index"], patches)
    interpreter.invoke()
    found = {
        len(output["shape"]) and output["shape"][-1]: interpreter.get_tensor(
            output["index"]
        )
        for output in interpreter.get_output_details()
    }
    np.testing.assert_array_equal(found[136].reshape(3, 68, 2), expected)
    np.testing.assert_array_equal(found[68], expected_spread)
