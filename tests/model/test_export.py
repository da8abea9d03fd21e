"""Export: a .tflite is as good as its checkpoint, or is not written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from landmark.dataset import records
from landmark.face import metrics
from landmark.face.scheme import IBUG68
from landmark.model import export, nets, pixels, quantize, settings
from landmark.model.calibration import error_per_spread
from landmark.model.checkpoint import CheckpointModel
from landmark.model.quantize import Mode
from landmark.model.tflite import TfliteModel
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_patches

v1 = tf.compat.v1


def draw_samples(size, scheme=IBUG68, count=8):
    return draw_patches(np.random.default_rng(3), count, size)


def draw_crops(size, count=8):
    return draw_samples(size, count=count)[0]


@pytest.fixture(scope="module")
def small_records(tmp_path_factory):
    """A record file of patches of 40 pixels."""
    path = tmp_path_factory.mktemp("small") / "40.tfrecord"
    patches, points = draw_patches(np.random.default_rng(4), 8, 40)
    names = [f"face_{index}" for index in range(8)]
    records.write_records(path, zip(patches, points, names, strict=True))
    return str(path)


MODELS = {
    "batch_norm": {"use_batch_norm": True},
    "plain": {"use_batch_norm": False},
    "grey": {"is_color": False},
    "40 pixels": {"input_size": 40},
    "averages": {"moving_average_decay": 0.9},
    "resnet_simcc": {"net": "resnet_simcc", "learning_rate": 0.01},
    "resnet_simcc_large": {"net": "resnet_simcc_large", "learning_rate": 0.002},
}


@pytest.fixture(scope="module", params=MODELS)
def exported(request, train_model, small_records):
    """(CheckpointModel, path of its .tflite, reported figures) of one kind of model.

    Batch norm's averages have moved from where they started.
    """
    changes = dict(MODELS[request.param])
    if request.param == "40 pixels":
        changes |= {"train_tfr": small_records, "val_tfr": small_records}
    folder = train_model(max_number_of_steps=8, **changes)
    report = export.export(folder, draw_samples)
    assert list(report["variants"]) == ["float"]
    path = folder / "landmark.float.tflite"
    return CheckpointModel(folder), path, report["variants"]["float"]


def test_tflite_equals_its_checkpoint(exported):
    checkpoint, path, figures = exported
    tflite = TfliteModel(path)
    assert tflite.input_size == checkpoint.input_size
    patches = draw_crops(tflite.input_size, 16)
    expected = checkpoint.predict(patches)
    assert expected.std(axis=0).max() > 1e-3  # Else any model would agree.
    np.testing.assert_allclose(tflite.predict(patches), expected, atol=1e-5)
    assert 0 <= figures["mean_difference"] <= figures["max_difference"] < 1e-5
    assert figures["nme_ratio"] == pytest.approx(1, abs=1e-4)


def test_spread_is_that_of_the_checkpoint(exported):
    checkpoint, path, _ = exported
    tflite = TfliteModel(path)
    patches = draw_crops(tflite.input_size, 16)
    _, expected = checkpoint.predict_with_spread(patches)
    points, spread = tflite.predict_with_spread(patches)
    assert spread.shape == (16, 68)
    np.testing.assert_array_equal(points, tflite.predict(patches))
    if knows_spread(checkpoint):
        assert expected.std(axis=0).max() > 1e-3
        # Squared, since a root has no bounds on its error near 0.
        np.testing.assert_allclose(spread**2, expected**2, atol=1e-5)
    else:
        assert np.isnan(expected).all()
        assert np.isnan(spread).all()


def test_error_is_told_where_it_was_measured_only(exported):
    assert TfliteModel(exported[1]).error_per_spread is None


def knows_spread(checkpoint):
    """Whether the network classifies bins."""
    return checkpoint.settings.net.startswith("resnet_simcc")


def test_signature_is_what_the_phone_calls(exported):
    checkpoint, path, _ = exported
    size, channels = checkpoint.input_size, checkpoint.settings.channels
    interpreter = Interpreter(str(path))
    shapes = {"points": [1, 136]}
    if knows_spread(checkpoint):
        shapes["spread"] = [1, 68]
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": list(shapes)}
    }
    (image,) = interpreter.get_input_details()
    assert image["shape"].tolist() == [1, size, size, channels]
    assert image["dtype"] == np.float32
    runner = interpreter.get_signature_runner("serving_default")
    outputs = runner.get_output_details()
    assert {name: out["shape"].tolist() for name, out in outputs.items()} == shapes
    assert {output["dtype"] for output in outputs.values()} == {np.float32}
    patches = draw_crops(size, 1)
    inputs = pixels.to_network_input(patches.astype(np.float32), channels == 3)
    found = runner(image=inputs)
    points, spread = checkpoint.predict_with_spread(patches)
    np.testing.assert_allclose(found["points"].reshape(1, 68, 2), points, atol=1e-5)
    if "spread" in shapes:
        np.testing.assert_allclose(found["spread"] ** 2, spread**2, atol=1e-5)


def test_nothing_temporary_is_left(exported):
    _, path, _ = exported
    assert list(path.parent.glob("*.tflite")) == [path]
    assert not list(path.parent.glob(".*"))


def predict_by_the_batch(model, patches):
    """Predicts with batch norm's figures of these patches, as a wrong export would."""
    with tf.Graph().as_default(), v1.Session() as session:
        images = pixels.to_network_input(patches.astype(np.float32), True)
        points, _ = nets.build_network(tf.constant(images), True, model.settings)
        saver = v1.train.Saver(slim.get_model_variables())
        saver.restore(session, model.checkpoint)
        return session.run(points)


@pytest.mark.parametrize("exported", ["batch_norm"], indirect=True)
def test_batch_norm_is_frozen(exported):
    checkpoint, path, _ = exported
    patches = draw_crops(56)
    found = TfliteModel(path).predict(patches)
    np.testing.assert_allclose(found, checkpoint.predict(patches), atol=1e-5)
    for count in (8, 1):
        by_the_batch = predict_by_the_batch(checkpoint, patches[:count])
        assert np.abs(found[:count] - by_the_batch).max() > 0.01


@pytest.fixture(scope="module")
def other_tflite(train_model):
    """Bytes of another model's .tflite."""
    folder = train_model(max_number_of_steps=8, use_batch_norm=True)
    return export.convert(CheckpointModel(folder, batch_size=1))


@pytest.fixture
def mismatch(tmp_path, trained_dir, other_tflite, monkeypatch):
    """A model folder whose conversion gives another model."""
    monkeypatch.setattr(export, "convert", lambda *_: other_tflite)
    return shutil.copytree(trained_dir, tmp_path / "model")


def test_another_model_is_not_written(mismatch):
    before = sorted(mismatch.iterdir())
    with pytest.raises(InputError, match="found a difference of .*; nothing was") as e:
        export.export(mismatch, draw_samples)
    assert f"{mismatch / 'landmark.float.tflite'}: expected the points of" in str(
        e.value
    )
    assert sorted(mismatch.iterdir()) == before


def test_failure_leaves_no_file_of_older_weights(mismatch):
    (mismatch / "landmark.float.tflite").write_bytes(b"of older weights")
    (mismatch / "export.json").write_text('{"checkpoint": "model.ckpt-2"}')
    with pytest.raises(InputError, match="nothing was written"):
        export.export(mismatch, draw_samples)
    assert not list(mismatch.glob("*.tflite"))


def test_points_that_are_not_finite_are_not_written(mismatch, monkeypatch):
    class Broken:
        def __init__(self, path):
            pass

        def predict_with_spread(self, patches):
            points = np.full((len(patches), 68, 2), np.nan, np.float32)
            return points, points[..., 0]

    monkeypatch.setattr(export, "TfliteModel", Broken)
    with pytest.raises(InputError, match="a difference of nan"):
        export.export(mismatch, draw_samples)
    assert not list(mismatch.glob("*.tflite"))


def test_folder_without_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a checkpoint, found none"):
        export.export(tmp_path, draw_samples)
    assert not list(tmp_path.iterdir())


# Variants.

INTEGER_MODELS = {
    "trained": {"quantize_delay": 2, "max_number_of_steps": 20},
    "post-training": {"max_number_of_steps": 20},
    "grey": {"is_color": False, "quantize_delay": 2, "max_number_of_steps": 20},
    "bins": {
        "net": "resnet_simcc",
        "learning_rate": 0.005,
        "quantize_delay": 2,
        "max_number_of_steps": 20,
    },
}


@pytest.fixture(scope="module", params=INTEGER_MODELS)
def integer(request, train_model):
    """(name, model folder, report) of a model in all variants, or in two."""
    folder = train_model(**INTEGER_MODELS[request.param])
    in_all = request.param in ("trained", "bins")
    report = export.export(
        folder,
        draw_samples,
        settings.TFLITE_VARIANTS if in_all else ["float", "int8"],
        calibration_patches=lambda size: draw_crops(size, 64),
        max_nme_ratio=100,  # After 20 steps, errors are a matter of chance.
        tells_error=True,
    )
    return request.param, folder, report


@pytest.fixture(scope="module")
def checkpoints(integer):
    """Mode -> CheckpointModel of the integer model; int8 only where it was trained."""
    name, folder, _ = integer
    is_trained = "quantize_delay" in INTEGER_MODELS[name]
    modes = [Mode.FLOAT, Mode.INFER] if is_trained else [Mode.FLOAT]
    return {mode: CheckpointModel(folder, mode=mode) for mode in modes}


def test_report_describes_each_file(integer, checkpoints):
    name, folder, report = integer
    assert json.loads((folder / "export.json").read_text()) == report
    assert report["checkpoint"] == "model.ckpt-20"
    between = ["float16", "dynamic"] if name in ("trained", "bins") else []
    assert list(report["variants"]) == ["float", *between, "int8"]
    patches, truth = draw_samples(56)
    as_trained = list(checkpoints.values())[-1].predict(patches)
    reference = metrics.face_errors(as_trained, truth)[1].mean()
    assert report["nme_inter_ocular"] == pytest.approx(reference)
    for variant, figures in report["variants"].items():
        path = folder / f"landmark.{variant}.tflite"
        assert figures["file"] == path.name
        assert figures["bytes"] == path.stat().st_size
        found = TfliteModel(path).predict(patches)
        nme = metrics.face_errors(found, truth)[1].mean()
        assert figures["nme_inter_ocular"] == pytest.approx(nme)
        assert figures["nme_ratio"] == pytest.approx(nme / reference)
        assert figures["milliseconds"] > 0
        mode = Mode.INFER if variant == "int8" else Mode.FLOAT
        if mode in checkpoints:
            difference = np.abs(found - checkpoints[mode].predict(patches))
            assert figures["max_difference"] == pytest.approx(
                difference.max(), rel=0.1, abs=1e-6
            )
    assert report["variants"]["float"]["max_difference"] < 1e-5
    if between:
        assert report["variants"]["float16"]["max_difference"] < 1e-2


def test_each_file_tells_the_error_of_its_own_spread(integer):
    name, folder, report = integer
    patches, truth = draw_samples(56)
    for variant in report["variants"]:
        model = TfliteModel(folder / f"landmark.{variant}.tflite")
        if name != "bins":
            assert model.error_per_spread is None
            continue
        points, spread = model.predict_with_spread(patches)
        expected = error_per_spread(points, spread, truth)
        np.testing.assert_allclose(model.error_per_spread, expected, atol=6e-5)


def test_sizes(integer):
    *_, report = integer
    sizes = {name: figures["bytes"] for name, figures in report["variants"].items()}
    bounds = {"float16": (0.45, 0.6), "dynamic": (0.2, 0.4), "int8": (0.2, 0.4)}
    for variant in sizes.keys() - {"float"}:
        low, high = bounds[variant]
        assert low < sizes[variant] / sizes["float"] < high


# Reading the graph, not running it: the delegate would take the operators over.
def list_operators(path):
    """Returns (operator, dtypes of its inputs and outputs) of a .tflite."""
    interpreter = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    dtypes = {t["index"]: t["dtype"] for t in interpreter.get_tensor_details()}
    return [
        (
            operator["op_name"],
            {dtypes[i] for i in (*operator["inputs"], *operator["outputs"]) if i >= 0},
        )
        for operator in interpreter._get_ops_details()
    ]


# The expectation and deviation of the bins, and what leads there.
FLOAT_TAIL = ["DEQUANTIZE", "ADD", "SOFTMAX", "FULLY_CONNECTED", "SPLIT"]
FLOAT_TAIL += ["MUL", "SUB", "SUM", "RELU", "SQRT"]


def test_integer_model_calculates_in_integers(integer):
    name, folder, _ = integer
    operators = list_operators(folder / "landmark.int8.tflite")
    floats = [kind for kind, dtypes in operators if np.float32 in dtypes]
    assert [kind for kind in floats if kind != "RESHAPE"] == (
        FLOAT_TAIL if name == "bins" else ["DEQUANTIZE"]
    )
    products = [
        dtypes
        for kind, dtypes in operators
        if kind in ("CONV_2D", "FULLY_CONNECTED") and np.float32 not in dtypes
    ]
    assert len(products) == (12 if name == "bins" else 7)
    assert all(dtypes == {np.int8, np.int32} for dtypes in products)


def test_integer_model_takes_bytes(integer):
    name, folder, _ = integer
    interpreter = Interpreter(str(folder / "landmark.int8.tflite"))
    (image,) = interpreter.get_input_details()
    dtypes = [output["dtype"] for output in interpreter.get_output_details()]
    assert image["dtype"] == np.uint8
    assert dtypes == [np.float32] * (2 if name == "bins" else 1)
    assert image["quantization"] == (1 / 128, 128)
    patches = draw_crops(56, 1)
    if name == "grey":
        luma = patches @ np.array([0.299, 0.587, 0.114])
        inputs = np.rint(luma)[..., None].astype(np.uint8)
    else:
        inputs = patches
    found = interpreter.get_signature_runner("serving_default")(image=inputs)["points"]
    expected = TfliteModel(folder / "landmark.int8.tflite").predict(patches)
    np.testing.assert_allclose(found.reshape(1, 68, 2), expected, atol=1e-6)


def test_integer_model_is_the_fake_quantised_one(integer, checkpoints):
    name, folder, _ = integer
    if Mode.INFER not in checkpoints:
        pytest.skip("its bounds are not in the checkpoint")
    patches = draw_crops(56, 32)
    expected, expected_spread = checkpoints[Mode.INFER].predict_with_spread(patches)
    tflite = TfliteModel(folder / "landmark.int8.tflite")
    found, spread = tflite.predict_with_spread(patches)
    as_float = TfliteModel(folder / "landmark.float.tflite").predict(patches)
    if name == "bins":
        # After 20 steps the bins are wide: 0.002 is usual, trained models have less.
        assert np.abs(found - expected).mean() < 4e-3
        assert np.abs(spread - expected_spread).mean() < 4e-3
    else:
        steps = np.unique(np.diff(np.unique(expected)).round(6))
        quantum = steps[steps > 1e-5].min()
        quanta = np.abs(found - expected) / quantum
        assert (quanta < 1.5).mean() > 0.99
    # What quantisation does to the float model's points it does in both alike: 1 is
    # usual, down to 0.75 where it does little; two that round by chance have 0.
    fake, real = expected - as_float, found - as_float
    assert (fake * real).sum() / (fake * fake).sum() > 0.5


def test_float_model_in_integers_needs_patches(tmp_path, trained_dir):
    folder = shutil.copytree(trained_dir, tmp_path / "model")
    before = sorted(folder.iterdir())
    with pytest.raises(InputError) as caught:
        export.export(folder, draw_samples, ["float", "int8"])
    assert str(caught.value) == (
        f"{folder}/model.ckpt-4: expected a model trained with quantisation, found "
        "float weights; --calibration_tfrecord gives patches to measure the ranges of "
        "its activations on"
    )
    assert sorted(folder.iterdir()) == before


def test_variant_that_is_much_worse_is_not_written(tmp_path, trained_dir, monkeypatch):
    folder = shutil.copytree(trained_dir, tmp_path / "model")
    (folder / "landmark.int8.tflite").write_bytes(b"of older weights")
    (folder / "export.json").write_text('{"checkpoint": "model.ckpt-2"}')
    before = {path.name for path in trained_dir.iterdir()}
    monkeypatch.setattr(export, "_measure_ranges", narrow_ranges)
    with pytest.raises(
        InputError, match=r"expected at most 1.1 x the checkpoint's NME"
    ):
        export.export(folder, draw_samples, ["float", "int8"], draw_crops)
    assert {path.name for path in folder.iterdir()} == before


def narrow_ranges(checkpoint, patches):
    """Ranges that cut nearly all off."""
    with tf.Graph().as_default():
        images = v1.placeholder(tf.float32, [None, 56, 56, 3])
        read = settings.read_settings(Path(checkpoint).parent)
        nets.build_network(images, False, read, Mode.OBSERVE)
        names = [v.op.name for v in slim.get_model_variables()]
    return {n: 1e-3 * n.endswith("max") for n in names if quantize.is_range(n)}


@pytest.fixture
def half_exported(train_model):
    """(model folder, its report) that says that float16 was exported before."""
    folder = train_model()
    (folder / "landmark.float16.tflite").write_bytes(b"of the same weights")
    report = {"checkpoint": "model.ckpt-4", "variants": {"float16": {"bytes": 19}}}
    (folder / "export.json").write_text(json.dumps(report))
    return folder, report


def test_variants_of_the_same_checkpoint_stay(half_exported):
    folder, before = half_exported
    after = export.export(folder, draw_samples, ["float"])
    assert list(after["variants"]) == ["float"]
    content = (folder / "landmark.float16.tflite").read_bytes()
    assert content == b"of the same weights"
    kept = json.loads((folder / "export.json").read_text())
    assert kept["variants"] == before["variants"] | after["variants"]


def test_unusable_samples_cost_no_file(half_exported):
    folder, _ = half_exported

    def fail(size, scheme):
        raise InputError("no samples")

    before = sorted(folder.iterdir())
    with pytest.raises(InputError, match="no samples"):
        export.export(folder, fail)
    assert sorted(folder.iterdir()) == before
