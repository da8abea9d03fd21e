"""landmark.json in a .tflite: written, read, replaced, and refused."""

import json
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from conftest import PROJECT

from landmark.face.metrics import SHARPEST_SPREAD
from landmark.face.scheme import IBUG68, find_scheme, parse_scheme
from landmark.model import metadata, pixels
from landmark.model.metadata import Metadata
from landmark.model.tflite import TfliteModel
from landmark.script.errors import InputError

FIVE = find_scheme("five")
OWN = parse_scheme(
    "name own\npoints 3\nchain edge 0 1 2 closed\nmirror 0 = 2\n"
    "normalise span 0+1 2\nconvert five approximate 0 2 1 1 1 = we\n",
    "own.txt",
)


@pytest.fixture(scope="module")
def content():
    """The bytes of a small .tflite, (1, 20, 20, 3) -> (1, 136), without a note."""
    weights = np.random.default_rng(0).normal(size=(3, 136)).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec((1, 20, 20, 3), tf.float32)])
    def mix(image):
        return tf.matmul(tf.reduce_mean(image, axis=(1, 2)), weights)

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [mix.get_concrete_function()], mix
    )
    return converter.convert()


def entries(content):
    """Name -> bytes of all metadata of a .tflite."""
    model = schema.ModelT.InitFromPackedBuf(content)
    data = {e.name: model.buffers[e.buffer].data for e in model.metadata or []}
    return {n: b"" if d is None else np.uint8(d).tobytes() for n, d in data.items()}


def run(content):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (image,), (points,) = (
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    )
    rng = np.random.default_rng(1)
    values = rng.uniform(-1, 1, image["shape"]).astype(np.float32)
    interpreter.set_tensor(image["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(points["index"])


@pytest.mark.parametrize(
    "told",
    [
        Metadata(),
        Metadata(FIVE, 0.1, 0.3, SHARPEST_SPREAD),
        Metadata(OWN, 0.0, 0.0, None),
        Metadata(IBUG68, 0.25, None, 0.5),
        Metadata(FIVE, 0.1, 0.3, 0.02, (0.5, 0.0, 1000.0, 0.1234, 1.0)),
    ],
)
def test_written_and_read(content, told):
    note = metadata.describe(told, 20, True)
    written = metadata.write_note(content, note)
    assert metadata.read_note(written, "x.tflite") == note
    assert metadata.parse(note, "x.tflite") == told
    # What goes through a file is JSON, and no more.
    assert json.loads(json.dumps(note, allow_nan=False)) == note


def test_note_says_what_a_phone_needs():
    note = metadata.describe(Metadata(OWN, 0.1, 0.3, 0.02), 56, False)
    assert note == {
        "version": 1,
        "scheme": {
            "name": "own",
            "points": 3,
            "chains": {"edge": [0, 1, 2]},
            "closed": ["edge"],
            "mirror": [2, 1, 0],
            "definition": OWN.definition,
        },
        "input_size": 56,
        "colors": "gray",
        "scale": 1 / 128,
        "offset": -1.0,
        "extension": 0.1,
        "margin": 0.3,
        "confidence": {"sharpest_spread": 0.02},
    }
    told = Metadata(OWN, 0.1, 0.3, 0.02, (0.5, 1.0, 2.0))
    assert metadata.describe(told, 56, False)["confidence"] == {
        "sharpest_spread": 0.02,
        "error_per_spread": [0.5, 1.0, 2.0],
    }
    assert metadata.describe(Metadata(), 56, True)["colors"] == "RGB"
    assert metadata.describe(Metadata(), 56, True)["confidence"] is None


def test_a_pixel_enters_as_the_note_says():
    note = metadata.describe(Metadata(), 20, True)
    levels = np.arange(256, dtype=np.float32)
    patch = np.tile(levels[:, None, None], (1, 1, 3))
    found = pixels.to_network_input(patch, True)[:, 0, 0]
    np.testing.assert_allclose(found, levels * note["scale"] + note["offset"])


def test_note_is_replaced_not_added(content):
    once = metadata.write_note(content, metadata.describe(Metadata(), 20, True))
    note = metadata.describe(Metadata(FIVE, 0.1), 20, True)
    twice = metadata.write_note(once, note)
    assert metadata.read_note(twice, "x") == note
    (name,) = (name for name in entries(twice) if name == b"landmark.json")
    assert len(entries(twice)) == len(entries(once)) == len(entries(content)) + 1
    model = schema.ModelT.InitFromPackedBuf(twice)
    assert [entry.name for entry in model.metadata].count(name) == 1
    before = schema.ModelT.InitFromPackedBuf(once)
    assert len(model.buffers) == len(before.buffers)


def test_what_else_a_note_says_is_kept(content):
    note = metadata.describe(Metadata(IBUG68, 0.1), 20, True)
    note |= {"author": "wir", "scheme": note["scheme"] | {"colours": [1, 2]}}
    written = metadata.write_note(content, note)
    changed = metadata.read_note(written, "x")
    changed["extension"] = 0.2
    again = metadata.read_note(metadata.write_note(written, changed), "x")
    assert again == note | {"extension": 0.2}
    assert metadata.parse(again, "x") == Metadata(IBUG68, 0.2)


def test_other_metadata_is_kept(content):
    model = schema.ModelT.InitFromPackedBuf(content)
    others = {b"labels": b"a\nb\n", b"notes": bytes(range(256))}
    model.metadata = model.metadata or []
    for name, data in others.items():
        entry, buffer = schema.MetadataT(), schema.BufferT()
        entry.name, entry.buffer = name, len(model.buffers)
        buffer.data = list(data)
        model.metadata.append(entry)
        model.buffers.append(buffer)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    before = entries(bytes(builder.Output()))
    assert others.items() <= before.items()
    note = metadata.describe(Metadata(), 20, True)
    after = entries(metadata.write_note(bytes(builder.Output()), note))
    assert json.loads(after.pop(b"landmark.json")) == note
    assert after == before


def test_outputs_are_the_same_bits(content):
    note = metadata.describe(Metadata(), 20, True)
    written = metadata.write_note(content, note)
    assert written[4:8] == b"TFL3"
    expected = run(content)
    assert expected.std() > 0.01
    np.testing.assert_array_equal(run(written), expected)
    again = metadata.write_note(written, note | {"author": "x" * 5000})
    np.testing.assert_array_equal(run(again), expected)


@pytest.mark.parametrize("variant", ["float", "float16", "int8"])
def test_outputs_of_a_whole_model_are_the_same_bits(tmp_path, variant):
    source = PROJECT / f"pretrained/landmark_56/landmark.{variant}.tflite"
    content = source.read_bytes()
    note = metadata.describe(Metadata(IBUG68, 0.3, 0.2, 0.01), 56, True)
    note["confidence"]["error_per_spread"] = [0.25] * 67 + [2]
    (tmp_path / "a.tflite").write_bytes(metadata.write_note(content, note))
    models = [TfliteModel(path) for path in (source, tmp_path / "a.tflite")]
    rng = np.random.default_rng(2)
    patches = rng.integers(0, 256, (2, 56, 56, 3), np.uint8)
    expected, found = (model.predict_with_spread(patches) for model in models)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    assert (models[1].extension, models[1].sharpest_spread) == (0.3, 0.01)
    assert models[1].error_per_spread.tolist() == [0.25] * 67 + [2]


def test_model_without_a_note_is_of_68_points(tmp_path, content):
    assert metadata.read_note(content, "x") is None
    path = tmp_path / "old.tflite"
    path.write_bytes(content)
    model = TfliteModel(path)
    assert (model.scheme, model.extension) == (IBUG68, None)
    assert model.sharpest_spread == SHARPEST_SPREAD
    assert model.error_per_spread is None


def test_note_of_another_scheme_than_the_outputs(tmp_path, content):
    path = tmp_path / "five.tflite"
    note = metadata.describe(Metadata(FIVE), 20, True)
    path.write_bytes(metadata.write_note(content, note))
    with pytest.raises(
        InputError, match=r"five.tflite: .*\(1, 10\), of scheme five, f"
    ):
        TfliteModel(path)


@pytest.mark.parametrize("data", [b"{", b"", b"\xff\xfe", b'{"version": 1,}'])
def test_damaged_note_is_refused(content, data):
    written = metadata.write_note(content, {"a": 1})
    model = schema.ModelT.InitFromPackedBuf(written)
    (entry,) = (e for e in model.metadata if e.name == b"landmark.json")
    model.buffers[entry.buffer].data = list(data)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(InputError) as caught:
        metadata.read_note(bytes(builder.Output()), "x.tflite")
    assert str(caught.value) == (
        "x.tflite: expected a whole .tflite, found its metadata damaged"
    )


GOOD = metadata.describe(Metadata(FIVE, 0.1, 0.3, 0.02), 20, True)


@pytest.mark.parametrize(
    "note",
    [
        {},
        [],
        None,
        "landmark.json",
        GOOD | {"scheme": "five"},
        GOOD | {"scheme": {}},
        GOOD | {"scheme": {"definition": 5}},
        GOOD | {"scheme": {"definition": None}},
        GOOD | {"extension": "wide"},
        GOOD | {"margin": []},
        GOOD | {"confidence": [1]},
        GOOD | {"confidence": {"sharpest_spread": "x"}},
        {name: value for name, value in GOOD.items() if name != "margin"},
    ],
)
def test_another_note_is_refused(note):
    with pytest.raises(InputError) as caught:
        metadata.parse(note, Path("x.tflite"))
    assert str(caught.value) == (
        "x.tflite: expected the landmark.json of save_with_bnorm_off.py in it, found "
        "another note"
    )


@pytest.mark.parametrize(
    "factors",
    [
        [0.5] * 4,
        [0.5] * 6,
        [],
        [0.5, 0.5, 0.5, 0.5, "x"],
        [0.5, 0.5, 0.5, 0.5, None],
        [0.5, 0.5, 0.5, 0.5, True],
        [0.5, 0.5, 0.5, 0.5, [0.5]],
        [0.5, 0.5, 0.5, 0.5, float("nan")],
        [0.5, 0.5, 0.5, 0.5, float("inf")],
        [0.5, 0.5, 0.5, 0.5, -0.1],
        [0.5, 0.5, 0.5, 0.5, 1001],
        [0.5, 0.5, 0.5, 0.5, 10**400],
        0.5,
        "12345",
        {},
        False,
    ],
    ids=str,
)
def test_broken_factors_are_refused(factors):
    note = GOOD | {"confidence": {"sharpest_spread": 0.02, "error_per_spread": factors}}
    with pytest.raises(InputError) as caught:
        metadata.parse(note, Path("x.tflite"))
    start = "x.tflite: expected 5 numbers from 0 to 1000 as the error_per_spread of its"
    assert str(caught.value).startswith(f"{start} landmark.json, found ")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("version", [2, 0, "1"])
def test_note_of_another_version_is_refused(version):
    with pytest.raises(InputError) as caught:
        metadata.parse(GOOD | {"version": version}, "x.tflite")
    assert str(caught.value) == (
        f"x.tflite: expected landmark.json of version 1, found version {version!r}"
    )


def test_scheme_that_contradicts_itself_is_refused():
    definition = FIVE.definition.replace("chain mouth 3 4", "chain mouth 3 9")
    with pytest.raises(InputError, match="expected indices below 5, found 9"):
        metadata.parse(GOOD | {"scheme": {"definition": definition}}, "x.tflite")
