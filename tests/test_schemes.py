"""Schemes end to end: each with each loss, network and variant of a .tflite.

Trainings are of few steps on drawn faces, of which some points are missing. Each scheme
meets each loss; the networks take turns, so that it meets each of them, too, and the
large one, whose graph takes long to build, once.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from landmark.dataset import pipeline, records
from landmark.face import geometry, metrics
from landmark.face.scheme import find_scheme
from landmark.live.landmarker import FaceLandmarker
from landmark.model import export, settings
from landmark.model.checkpoint import CheckpointModel
from landmark.model.tflite import TfliteModel
from landmark.synthetic.faces import draw_face, draw_patches
from landmark.training import loop

SCHEMES = ("five", "menpo39", "ibug68", "wflw98")
SIZE = 28
EXTENSION = 0.1
# With these losses a scheme meets all networks.
EACH_NETWORK = settings.LOSSES[: len(settings.NETWORKS)]
EXPORTED = settings.LOSSES[-1]  # Not of the large network.
PAIRS = [(scheme, loss) for scheme in SCHEMES for loss in settings.LOSSES]
# What a variant may differ from its checkpoint, in crop units: the figure, how far.
TOLERANCES = {
    "float": ("max_difference", 1e-5),
    "float16": ("max_difference", 1e-3),
    "dynamic": ("mean_difference", 0.02),
    "int8": ("mean_difference", 0.02),
}


def net_of(scheme, loss):
    place = settings.LOSSES.index(loss)
    networks = settings.NETWORKS if loss in EACH_NETWORK else settings.NETWORKS[:2]
    return networks[(SCHEMES.index(scheme) + place) % len(networks)]


def draw_samples(size, scheme, seed=0, count=8):
    """Patches and points, of which a tenth is missing."""
    rng = np.random.default_rng([seed, scheme.num_points])
    patches, points = draw_patches(rng, count, size, scheme, not scheme.has_sides)
    points[rng.random(points.shape[:2]) < 0.1] = np.nan
    return patches, points


@pytest.fixture(scope="module")
def write_scheme_records(tmp_path_factory):
    """Writes (training, validation) records of a scheme, once each."""
    folder = tmp_path_factory.mktemp("records")

    @functools.cache
    def write(name):
        scheme, paths = find_scheme(name), []
        for seed, count in enumerate((12, 6), start=1):
            samples = draw_samples(SIZE, scheme, seed, count)
            paths.append(str(folder / f"{name}.{seed}.tfrecord"))
            records.write_records(
                paths[-1],
                (
                    (patch, points, "face", 0, scheme, EXTENSION)
                    for patch, points in zip(*samples, strict=True)
                ),
            )
        return paths

    return write


@pytest.fixture(scope="module")
def train(tmp_path_factory, make_settings, write_scheme_records):
    """Trains a scheme with a loss, once each: (folder, validation error, records)."""

    @functools.cache
    def train_once(scheme, loss):
        paths = write_scheme_records(scheme)
        train_settings = make_settings(
            train_tfr=paths[0],
            val_tfr=paths[1],
            scheme=None,  # The records tell.
            net=net_of(scheme, loss),
            loss=loss,
            input_size=SIZE,
            batch_size=4,
            use_batch_norm=loss == EXPORTED,
            optimizer="sgd",  # Has no variables of its own: a smaller graph.
            max_number_of_steps=2,
        )
        folder = tmp_path_factory.mktemp("trained") / "model"
        error, _ = loop.train(folder, train_settings, 2)
        return folder, error, paths

    return train_once


def test_each_scheme_meets_each_network():
    pairs = {(s, net_of(s, loss)) for s in SCHEMES for loss in EACH_NETWORK}
    assert len(pairs) == len(SCHEMES) * len(settings.NETWORKS)


@pytest.mark.parametrize(("name", "loss"), PAIRS)
def test_scheme_is_trained(train, name, loss):
    folder, error, _ = train(name, loss)
    assert settings.read_data(folder) == (find_scheme(name), 0.0, EXTENSION)
    assert 0 < error < 1
    reader = tf.train.load_checkpoint(str(folder / "model.ckpt-2"))
    for variable in reader.get_variable_to_shape_map():
        assert np.isfinite(reader.get_tensor(variable)).all(), variable


@pytest.mark.parametrize(("name", "loss"), [p for p in PAIRS if p[1] in EACH_NETWORK])
def test_validation_error_is_that_of_the_known_points(train, name, loss):
    folder, error, paths = train(name, loss)
    scheme = find_scheme(name)
    model = CheckpointModel(folder)
    assert model.settings.net == net_of(name, loss)
    patches, truth, _ = pipeline.read_samples(paths[1])
    predicted = model.predict(patches)
    model.close()
    assert predicted.shape == truth.shape == (6, scheme.num_points, 2)
    assert np.isnan(truth).any()
    # Of each face the mean of the points that it has.
    distances = np.hypot(*np.moveaxis(predicted - truth, -1, 0))
    assert error == pytest.approx(np.nanmean(distances, axis=1).mean(), rel=1e-4)


@pytest.fixture(scope="module", params=SCHEMES)
def exported(request, train):
    """(scheme, folder, figures) with all variants of a model; the networks differ."""
    folder, _, paths = train(request.param, EXPORTED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_TIMED_RUNS", 1)
        report = export.export(
            folder,
            draw_samples,
            settings.TFLITE_VARIANTS,
            calibration_patches=lambda size: pipeline.read_samples(paths[0], size)[0],
            max_nme_ratio=2.0,
        )
    assert report["scheme"] == request.param
    return find_scheme(request.param), folder, report["variants"]


def test_variants_are_as_good_as_the_checkpoint(exported):
    scheme, folder, variants = exported
    patches, truth = draw_samples(SIZE, scheme)
    checkpoint = CheckpointModel(folder)
    _, nme = metrics.face_errors(checkpoint.predict(patches), truth, scheme)
    checkpoint.close()
    reference = np.nanmean(nme)
    for variant, (figure, most) in TOLERANCES.items():
        figures = variants[variant]
        assert figures[figure] <= most, variant
        nme = figures[f"nme_{scheme.normaliser}"]
        assert nme == pytest.approx(figures["nme_ratio"] * reference, rel=1e-3)
        assert nme == pytest.approx(reference, rel=0.3)


class Detector:
    """Finds one box."""

    def __init__(self, box):
        self.box = box

    def detect(self, image):
        return self.box[None], np.array([0.9])


@pytest.mark.parametrize("variant", settings.TFLITE_VARIANTS)
def test_variant_finds_the_points_of_its_scheme(exported, variant):
    scheme, folder, _ = exported
    model = TfliteModel(folder / export.file_name(variant))
    assert (model.scheme, model.extension, model.input_size) == (
        scheme,
        EXTENSION,
        SIZE,
    )
    image, points_image = draw_face(
        np.random.default_rng(3), 160, scheme, not scheme.has_sides
    )
    box = geometry.face_box_from_points(points_image, scheme)
    (face,) = FaceLandmarker(Detector(box), model).find_faces(image)
    assert face.scheme == scheme
    assert face.points_image.shape == (scheme.num_points, 2)
    tells = settings.read_settings(folder).net != "lannet"
    assert (0 < face.confidence <= 1) if tells else np.isnan(face.confidence)
    # The .tflite says itself how large its crop is.
    square = geometry.square_from_box(box, EXTENSION)
    patch = geometry.resize_patch(geometry.crop_image(image, square), SIZE)
    checkpoint = CheckpointModel(folder)
    expected = checkpoint.predict(patch[None])[0]
    checkpoint.close()
    found = geometry.to_crop(face.points_image, square)
    figure, most = TOLERANCES[variant]
    difference = np.abs(found - expected)
    found = {"max_difference": difference.max(), "mean_difference": difference.mean()}
    assert found[figure] <= most
