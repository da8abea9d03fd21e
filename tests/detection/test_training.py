"""Training the face detector, and the two files that come of it."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tf_slim as slim
from ai_edge_litert.interpreter import Interpreter

from landmark.detection import anchors, batches, export, ssd, training
from landmark.detection.frozen import FaceDetector
from landmark.detection.labelled import Photo
from landmark.detection.tflite import TfliteFaceDetector
from landmark.detection.training import SsdSettings
from landmark.face import geometry
from landmark.files import disk
from landmark.model.checkpoint import variables_in_checkpoint
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_face

v1 = tf.compat.v1
DECAY = 0.999
CAMERA, PHOTOS = (anchors.KINDS[name] for name in ("camera", "photos"))
ANCHORS = anchors.make_anchors()
FOUND = 600  # The anchor at which the network that does not look finds a face.


def draw_photos(count, first=0):
    photos = []
    for seed in range(first, first + count):
        image, points_image = draw_face(np.random.default_rng(seed))
        box = geometry.face_box_from_points(points_image)
        photos.append(Photo(image, box[None], np.ones(1, bool)))
    return photos


def read_variables(checkpoint):
    reader = tf.train.load_checkpoint(str(checkpoint))
    return {
        name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
    }


def list_checkpoints(folder):
    return sorted(path.stem for path in folder.glob("*.index"))


def build_blind_network(images, is_training, kind):
    """Finds a face at one anchor, whatever the image; quick to build and to train."""
    start = np.where(np.arange(len(ANCHORS)) == FOUND, 5, -5)
    with v1.variable_scope("ssd"):
        logits = slim.model_variable(
            "logits", [len(ANCHORS)], initializer=v1.constant_initializer(start)
        )
    count = tf.shape(images)[0]
    return tf.tile(logits[None], [count, 1]), tf.zeros([count, len(ANCHORS), 4])


@pytest.fixture
def blind(monkeypatch):
    monkeypatch.setattr(ssd, "build_network", build_blind_network)
    monkeypatch.setattr(batches, "_BLOCK", 4)


def settings(**changes):
    values = {"max_number_of_steps": 2, "learning_rate": 0.01, "batch_size": 2}
    return SsdSettings(**(values | changes))


# Training.


def test_training_leaves_checkpoints_and_summaries(tmp_path, blind, monkeypatch):
    monkeypatch.setattr(training, "_SUMMARY_INTERVAL", 1)
    folder, photos = tmp_path / "new" / "run", draw_photos(2)
    checkpoint, *_ = training.train(folder, photos, photos, settings(), 1)
    assert list_checkpoints(folder) == ["model.ckpt-1", "model.ckpt-2"]
    assert checkpoint == str(folder / "model.ckpt-2")
    (events,) = folder.glob("events*")
    scalars = {
        (value.tag, event.step): value.simple_value
        for event in v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert set(scalars) == {
        (tag, step) for tag in ("loss", "learning_rate") for step in (1, 2)
    }
    # The first of 500 steps of warming up.
    assert scalars["learning_rate", 1] == pytest.approx(0.01 / 500)
    assert all(value > 0 for value in scalars.values())
    first, second = (read_variables(folder / f"model.ckpt-{n}") for n in (1, 2))
    for name in ("ssd/logits", "ssd/logits/ExponentialMovingAverage"):
        assert (first[name] != second[name]).any()


def test_same_call_goes_on_from_the_newest_checkpoint(tmp_path, blind, capsys):
    photos, train_settings = draw_photos(2), settings(max_number_of_steps=5)
    arguments = tmp_path, photos, photos, train_settings, 1
    training.train(*arguments)
    newest = ["model.ckpt-3", "model.ckpt-4", "model.ckpt-5"]
    assert list_checkpoints(tmp_path) == newest
    before = read_variables(tmp_path / "model.ckpt-4")
    for path in tmp_path.glob("model.ckpt-5*"):
        path.unlink()
    checkpoint, recall, _ = training.train(*arguments)
    assert f"Resuming from {tmp_path / 'model.ckpt-4'}\n" in capsys.readouterr().out
    assert checkpoint == str(tmp_path / "model.ckpt-5")
    after = read_variables(checkpoint)
    assert (before["global_step"], after["global_step"]) == (4, 5)
    # It went on from there: the rate at the end of the cosine moves little.
    change = abs(after["ssd/logits"] - before["ssd/logits"])
    assert 0 < change.max() < 0.01
    # Once it is done, it says how good it is, and does nothing.
    content = {path.name for path in tmp_path.glob("model.*")}
    assert training.train(*arguments)[:2] == (checkpoint, recall)
    assert {path.name for path in tmp_path.glob("model.*")} == content


def test_folder_of_other_settings_is_refused(tmp_path, blind):
    photos = draw_photos(2)
    training.train(tmp_path, photos, photos, settings(), 1)
    checkpoints = list_checkpoints(tmp_path)
    longer = settings(max_number_of_steps=3)
    with pytest.raises(InputError) as error:
        training.train(tmp_path, photos, photos, longer, 1)
    assert str(error.value).startswith(f"{tmp_path / 'detector_setting.txt'}: ")
    assert str(error.value).endswith(
        "\n- --max_number_of_steps=2\n+ --max_number_of_steps=3"
    )
    assert list_checkpoints(tmp_path) == checkpoints


def photo_with_face_at(index, height, width, is_sure=True):
    """A photo with a face exactly at an anchor."""
    image = np.zeros((height, width, 3), np.uint8)
    _, filled = anchors.fit_photo(image)
    edges = anchors.from_offsets(np.zeros(4), ANCHORS[index]) / filled
    box = edges * (width, height, width, height) - 0.5
    return Photo(image, box[None], np.array([is_sure]))


def test_recall_and_false_boxes_of_the_validation(tmp_path, blind):
    validation_photos = [
        photo_with_face_at(FOUND, 128, 128),
        photo_with_face_at(FOUND, 90, 60),
        photo_with_face_at(FOUND, 300, 400),
        photo_with_face_at(FOUND + 50, 128, 128),
        # What is not sure may be found, and may be missed.
        photo_with_face_at(FOUND, 99, 99, is_sure=False),
    ]
    still = settings(max_number_of_steps=1, learning_rate=1e-6)
    _, recall, false = training.train(
        tmp_path, draw_photos(1), validation_photos, still, 1
    )
    assert (recall, false) == pytest.approx((3 / 4, 1 / 5))


def test_loss_that_is_not_finite_ends_the_training(tmp_path, blind, monkeypatch):
    build_loss = ssd.build_loss
    monkeypatch.setattr(ssd, "build_loss", lambda *inputs: np.nan * build_loss(*inputs))
    photos = draw_photos(2)
    with pytest.raises(InputError) as caught:
        training.train(tmp_path, photos, photos, settings(), 10)
    assert str(caught.value) == (
        f"{tmp_path}: expected a finite loss, found nan at step 1; "
        "try a smaller --learning_rate"
    )
    assert not list(tmp_path.glob("model*"))


def test_interruption_keeps_a_checkpoint(tmp_path, blind, monkeypatch, capsys):
    make_step = training._Run._make_step

    def stop(run, writer):
        if run._step == 3:
            raise KeyboardInterrupt
        return make_step(run, writer)

    monkeypatch.setattr(training._Run, "_make_step", stop)
    photos, arguments = draw_photos(2), (settings(max_number_of_steps=5), 100)
    with pytest.raises(KeyboardInterrupt):
        training.train(tmp_path, photos, photos, *arguments)
    assert list_checkpoints(tmp_path) == ["model.ckpt-3"]
    assert "Stopped at step 3; the same command goes on" in capsys.readouterr().out


def test_photos_without_faces_are_refused(tmp_path):
    photos = [Photo(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4)), np.zeros(0, bool))]
    with pytest.raises(InputError, match="expected faces in the photos, found none in"):
        training.train(tmp_path / "run", photos, photos, settings(), 1)
    assert not list(tmp_path.iterdir())


def test_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, blind):
    photos, validation = draw_photos(3), draw_photos(1)
    seeded = settings(max_number_of_steps=9, seed=3)
    for name in ("whole", "again", "stopped"):
        training.train(tmp_path / name, photos, validation, seeded, 4)
    for path in (tmp_path / "stopped").glob("model.ckpt-[89]*"):
        path.unlink()
    training.train(tmp_path / "stopped", photos, validation, seeded, 4)
    whole = read_variables(tmp_path / "whole/model.ckpt-9")
    for name in ("again", "stopped"):
        other = read_variables(tmp_path / name / "model.ckpt-9")
        assert whole.keys() == other.keys()
        for variable, value in whole.items():
            np.testing.assert_array_equal(value, other[variable])


def test_another_seed_is_another_training(tmp_path, blind):
    photos, found = draw_photos(3), []
    for seed in (3, 4):
        wanted = settings(seed=seed, learning_rate=1)
        path, *_ = training.train(tmp_path / str(seed), photos, photos, wanted, 2)
        found.append(read_variables(path)["ssd/logits"])
    assert (found[0] != found[1]).any()


def test_folder_is_trained_in_once_at_a_time(tmp_path, blind):
    photos = draw_photos(1)
    with (
        disk.lock(tmp_path, "training"),
        pytest.raises(InputError, match="expected one training in this folder"),
    ):
        training.train(tmp_path, photos, photos, settings(), 1)


def test_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, blind):
    photos, arguments = draw_photos(2), (settings(), 1)
    training.train(tmp_path, photos, photos, *arguments)
    (tmp_path / "model.ckpt-2.index").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="it is put aside as damaged-"):
        path, *_ = training.train(tmp_path, photos, photos, *arguments)
    assert path == str(tmp_path / "model.ckpt-2")
    assert (tmp_path / "damaged-model.ckpt-2.index").read_bytes() == b"damaged"


# The two files.


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A network at random that finds faces here and there."""
    path = tmp_path_factory.mktemp("random") / "model.ckpt-7"
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        images = v1.placeholder(tf.float32, [None, 128, 128, 3])
        ssd.build_network(images, False, CAMERA)
        session.run(v1.global_variables_initializer())
        for variable in v1.trainable_variables():
            if variable.op.name.endswith("/weights") and "logits" in variable.op.name:
                session.run(variable.assign(100 * variable))
        variables = variables_in_checkpoint(slim.get_model_variables(), DECAY)
        v1.train.Saver(variables).save(session, str(path))
    return str(path)


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    """(frozen graph, .tflite)"""
    folder = tmp_path_factory.mktemp("exported") / "new" / "folder"
    return export.export(checkpoint, DECAY, CAMERA, folder)


def test_export_writes_two_files(exported):
    graph, tflite = exported
    assert sorted(graph.parent.iterdir()) == [tflite, graph]
    assert graph.name == "frozen_inference_graph.pb"
    assert tflite.name == "face_detector.tflite"
    # 227,387 weights and some averages, of four bytes and of two.
    assert 900_000 < graph.stat().st_size < 1_200_000
    assert 450_000 < tflite.stat().st_size < 600_000


def test_signature_is_what_the_phone_calls(exported):
    assert Interpreter(str(exported[1])).get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["boxes", "scores"]}
    }


def run_raw(graph_path, photo):
    """What goes into the frozen graph's non-maximum suppression: boxes, scores."""
    graph_def = v1.GraphDef.FromString(graph_path.read_bytes())
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.import_graph_def(graph_def, name="")
        (suppression,) = (
            op
            for op in graph.get_operations()
            if op.type == "CombinedNonMaxSuppression"
        )
        boxes, scores = session.run(
            list(suppression.inputs[:2]), {"image_tensor:0": photo[None]}
        )
    return boxes[0, :, 0, [1, 0, 3, 2]].T, scores[0, :, 0]


def test_both_files_say_the_same_of_every_anchor(exported):
    graph, tflite = exported
    detector = TfliteFaceDetector(tflite)
    for photo in draw_photos(3):
        expected_boxes, expected_scores = run_raw(graph, photo.image)
        square, filled = anchors.fit_photo(photo.image)
        boxes, scores = detector.predict(square)
        np.testing.assert_allclose(boxes, expected_boxes * filled, atol=0.01)
        np.testing.assert_allclose(scores, expected_scores, atol=0.02)
        assert np.ptp(scores) > 0.5  # Else any network would agree.


def test_both_files_find_the_same_faces(exported):
    detectors = FaceDetector(exported[0]), TfliteFaceDetector(exported[1])
    count = 0
    for photo in draw_photos(4):
        found = [detector.detect(photo.image) for detector in detectors]
        for (boxes, scores), (other_boxes, other_scores) in (found, found[::-1]):
            # A score near the threshold may lie above it in one, below it in the other;
            # the frozen graph tells the best hundred.
            likely = scores[:40] > 0.33
            boxes, scores = boxes[:40][likely], scores[:40][likely]
            overlaps = geometry.box_iou(boxes[:, None], other_boxes)
            assert (overlaps.max(axis=1) > 0.9).all()
            same = other_scores[overlaps.argmax(axis=1)]
            np.testing.assert_allclose(same, scores, atol=0.02)
            count += len(boxes)
    assert count > 8


@pytest.fixture
def quick_export(exported, monkeypatch):
    """Exports once more, without converting: (write_dir) -> paths."""
    content, detector = exported[1].read_bytes(), TfliteFaceDetector(exported[1])
    squares = [anchors.fit_photo(photo.image)[0] for photo in draw_photos(2)]
    examples = [(square, detector.predict(square)) for square in squares]
    monkeypatch.setattr(export, "freeze", lambda *_: v1.GraphDef())
    monkeypatch.setattr(export, "convert", lambda *_: content)
    monkeypatch.setattr(export, "predict_examples", lambda *_: examples)
    return lambda write_dir: export.export("model.ckpt-7", DECAY, CAMERA, write_dir)


@pytest.mark.parametrize(
    ("part", "error", "found"),
    [(0, 0.05, "0.05"), (1, -0.05, "0.05"), (1, 0.6, "0.6"), (0, np.nan, "nan")],
)
def test_tflite_that_differs_is_not_written(
    tmp_path, quick_export, monkeypatch, part, error, found
):
    predict = TfliteFaceDetector.predict

    def err(self, square):
        outputs = list(predict(self, square))
        outputs[part] = outputs[part] + np.float32(error)
        return outputs

    monkeypatch.setattr(TfliteFaceDetector, "predict", err)
    with pytest.raises(InputError) as caught:
        quick_export(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'face_detector.tflite'}: expected the boxes and scores of the "
        f"checkpoint within 0.02, found a difference of {found}"
    )
    assert not list(tmp_path.iterdir())


def test_tflite_that_differs_little_is_written(tmp_path, quick_export, monkeypatch):
    predict = TfliteFaceDetector.predict
    monkeypatch.setattr(
        TfliteFaceDetector,
        "predict",
        lambda self, square: [part + 0.01 for part in predict(self, square)],
    )
    assert sorted(quick_export(tmp_path)) == sorted(
        tmp_path / name for name in ("face_detector.tflite", export.GRAPH_NAME)
    )


def test_broken_checkpoint_is_refused(tmp_path, checkpoint):
    shutil.copy(f"{checkpoint}.index", tmp_path)
    broken = str(tmp_path / "model.ckpt-7")
    with pytest.raises(InputError, match="ckpt-7: expected a whole checkpoint of this"):
        export.export(broken, DECAY, CAMERA, tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())
