"""ONNX: the same points as the checkpoint, in integers as the .tflite, any batch."""

import json

import numpy as np
import pytest

from landmark.model import export, metadata, onnx_model
from landmark.model.checkpoint import CheckpointModel
from landmark.model.onnx_model import OnnxModel
from landmark.model.quantize import Mode
from landmark.model.tflite import TfliteModel
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_patches

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")

MODELS = {
    "grey": {"use_batch_norm": False, "is_color": False, "quantize_delay": 2},
    "batch_norm": {"use_batch_norm": True},
    "bins": {"net": "resnet_simcc", "learning_rate": 0.005, "quantize_delay": 2},
}


def draw_samples(size, scheme=None, count=8):
    return draw_patches(np.random.default_rng(3), count, size)


@pytest.fixture(scope="module", params=MODELS)
def exported(request, train_model):
    """(name, folder, figures) of a model as ONNX, and in integers as .tflite."""
    folder = train_model(max_number_of_steps=20, **MODELS[request.param])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_TIMED_RUNS", 1)
        report = export.export(
            folder,
            draw_samples,
            ["onnx", "onnx_int8", "int8"],
            calibration_patches=lambda size: draw_samples(size, count=32)[0],
            max_nme_ratio=100,  # After 20 steps, errors are a matter of chance.
        )
    return request.param, folder, report["variants"]


def test_float_points_are_those_of_the_checkpoint(exported):
    _, folder, figures = exported
    patches, _ = draw_samples(56, count=16)
    checkpoint = CheckpointModel(folder, mode=Mode.FLOAT)
    points, spread = checkpoint.predict_with_spread(patches)
    found, told = OnnxModel(folder / "landmark.float.onnx").predict_with_spread(patches)
    np.testing.assert_allclose(found, points, atol=2e-6)
    np.testing.assert_allclose(told**2, spread**2, atol=1e-5)
    assert figures["onnx"]["file"] == "landmark.float.onnx"
    assert figures["onnx"]["max_difference"] <= 2e-6
    assert "delegates" not in figures["onnx"]


@pytest.mark.parametrize("file", ["landmark.float.onnx", "landmark.int8.onnx"])
def test_many_faces_are_as_one_by_one(exported, file):
    _, folder, _ = exported
    patches, _ = draw_samples(56, count=5)
    model = OnnxModel(folder / file, num_threads=1)
    together = model.predict(patches)
    one_by_one = np.concatenate([model.predict(patch[None]) for patch in patches])
    np.testing.assert_allclose(together, one_by_one, atol=1e-6)


def test_integers_are_those_of_the_tflite(exported):
    name, folder, figures = exported
    patches, _ = draw_samples(56, count=32)
    found = OnnxModel(folder / "landmark.int8.onnx").predict(patches)
    expected = TfliteModel(folder / "landmark.int8.tflite").predict(patches)
    difference = np.abs(found - expected).mean()
    # After 20 steps the bins are wide, and what lies between two levels falls either
    # way; trained models have less.
    assert difference < (4e-3 if name == "bins" else 5e-4)
    assert figures["onnx_int8"]["mean_difference"] <= 5e-3
    sizes = figures["onnx_int8"]["bytes"] / figures["onnx"]["bytes"]
    assert 0.2 < sizes < 0.4


def test_all_layers_read_bytes(exported):
    name, folder, _ = exported
    graph = onnx.load(folder / "landmark.int8.onnx").graph
    makers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor.data_type for tensor in graph.initializer}
    layers = [node for node in graph.node if node.op_type == "Conv"]
    assert len(layers) == (12 if name == "bins" else 7)
    for layer in layers:
        readers = [makers[name] for name in layer.input[1:]]
        assert [reader.op_type for reader in readers] == ["DequantizeLinear"] * 2
        assert [constants[reader.input[0]] for reader in readers] == [
            onnx.TensorProto.UINT8,
            onnx.TensorProto.INT32,
        ]
    floats = {node.op_type for node in graph.node}
    assert floats.isdisjoint({"BatchNormalization", "Mul"})
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert makers.get(graph.input[0].name) is None


@pytest.mark.parametrize("file", ["landmark.float.onnx", "landmark.int8.onnx"])
def test_says_what_it_is_as_a_tflite_does(exported, file):
    _, folder, _ = exported
    model = onnx.load(folder / file)
    notes = {prop.key: json.loads(prop.value) for prop in model.metadata_props}
    tflite = folder / "landmark.int8.tflite"
    assert notes == {metadata.NAME: metadata.read_note(tflite.read_bytes(), tflite)}
    tensors = [*model.graph.input, *model.graph.output]
    names = [tensor.name for tensor in tensors]
    assert names[:2] == ["image", "points"]
    assert names[2:] in ([], ["spread"])
    for tensor in tensors:
        assert tensor.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.onnx"
    with pytest.raises(InputError, match="expected a file, found none"):
        OnnxModel(path)
    path.write_bytes(b"no model")
    with pytest.raises(InputError, match="expected an ONNX model of save_with"):
        OnnxModel(path)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(onnx_model, "_PACKAGES", ("onnx_of_tomorrow",))
    with pytest.raises(InputError) as caught:
        onnx_model.require_packages()
    assert str(caught.value) == (
        "onnx_of_tomorrow: expected it for ONNX, found: No module named "
        "'onnx_of_tomorrow'; install it by .venv/bin/pip install -r "
        "requirements-onnx.txt"
    )
