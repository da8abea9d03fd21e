"""Training: learning rates, optimisers, the loop, its checkpoints and its refusals."""

import contextlib
import itertools
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from conftest import read_scalars

from landmark.dataset import pipeline, records
from landmark.face import metrics
from landmark.face.scheme import find_scheme
from landmark.model import locate, nets, settings
from landmark.model.checkpoint import CheckpointModel, read_weights
from landmark.model.quantize import Mode
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_patches
from landmark.training import loop, optimization

v1 = tf.compat.v1


def read_variables(checkpoint):
    reader = tf.train.load_checkpoint(str(checkpoint))
    return {
        name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
    }


def list_folder(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def averaged_dir(train_model):
    """Folder of a model with moving averages, and all its checkpoints."""
    # Batches of 3, 3 and 2: a validation error averaged over them would be another.
    return train_model(1, moving_average_decay=0.9, learning_rate=0.05, batch_size=3)


DELAYED = {
    "quantize_delay": 2,
    "moving_average_decay": 0.9,
    "augment": True,
    "augment_jpeg": 0.5,
}


@pytest.fixture(scope="module")
def delayed_dir(train_model):
    """Folder of a model that was trained for two steps in float, two quantised."""
    return train_model(1, **DELAYED)


# Learning rates.


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"learning_rate_decay_type": "fixed"}, [0.1] * 6),
        ({"learning_rate_decay_staircase": True}, [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]),
        (
            {"learning_rate_decay_staircase": False},
            [0.1, 0.1 / 2**0.5, 0.1 / 2**0.9, 0.05, 0.1 / 2**1.9, 0.025],
        ),
        (
            {"learning_rate_decay_type": "polynomial"},
            [0.1, 0.06, 0.028, 0.02, 0.02, 0.02],
        ),
    ],
    ids=["fixed", "staircase", "exponential", "polynomial"],
)
def test_learning_rate(make_settings, changes, expected):
    decay = {
        "learning_rate": 0.1,
        "learning_rate_decay_factor": 0.5,
        "learning_rate_decay_step": 10,
        "end_learning_rate": 0.02,
    }
    with tf.Graph().as_default(), v1.Session() as session:
        step = v1.placeholder(tf.int64, [])
        rate = optimization.build_learning_rate(make_settings(**decay, **changes), step)
        found = [session.run(rate, {step: s}) for s in (0, 5, 9, 10, 19, 20)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# Optimisers.


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        # w after one and two steps of size 0.1 on (w - 1)^2 from 0: the gradients are
        # -2 and 2 (w - 1).
        ("sgd", v1.train.GradientDescentOptimizer, (0.2, 0.36)),
        ("momentum", v1.train.MomentumOptimizer, (0.2, 0.54)),
        ("adam", v1.train.AdamOptimizer, (0.1, 0.1995878)),
        ("adagrad", v1.train.AdagradOptimizer, (0.0987730, 0.1652628)),
        ("adadelta", v1.train.AdadeltaOptimizer, (4.47214e-5, 9.00115e-5)),
        ("rmsprop", v1.train.RMSPropOptimizer, (0.1581139, 0.3610641)),
        ("ftrl", v1.train.FtrlOptimizer, (0.0987730, 0.1652628)),
    ],
)
def test_optimizer(make_settings, name, kind, expected):
    train_settings = make_settings(
        optimizer=name, momentum=0.9, rmsprop_momentum=0.5, rmsprop_decay=0.8
    )
    with tf.Graph().as_default(), v1.Session() as session:
        weight = v1.get_variable("w", initializer=0.0)
        optimizer = optimization.build_optimizer(train_settings, 0.1)
        assert type(optimizer) is kind
        step = optimizer.minimize(tf.square(weight - 1))
        session.run(v1.global_variables_initializer())
        found = []
        for _ in expected:
            session.run(step)
            found.append(session.run(weight))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("name", settings.OPTIMIZERS)
def test_a_step_changes_all_weights(make_settings, name):
    train_settings = make_settings(optimizer=name, learning_rate=0.1, batch_size=4)
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        train_op, *_ = loop.build_training(train_settings, Mode.FLOAT, 0)
        weights = {w.op.name: w for w in v1.trainable_variables()}
        session.run(v1.global_variables_initializer())
        before = session.run(weights)
        session.run(train_op)
        after = session.run(weights)
        assert session.run(v1.train.get_global_step()) == 1
    assert len(weights) == 20
    for weight in weights:
        assert (before[weight] != after[weight]).any(), weight


# Regularisers.


@pytest.mark.parametrize(
    ("name", "absolute", "squared"),
    [("none", 0, 0), ("l1", 0.1, 0), ("l2", 0, 0.1 / 2), ("l1_l2", 0.1, 0.03 / 2)],
)
def test_regularizer_adds_to_the_loss(make_settings, name, absolute, squared):
    train_settings = make_settings(
        regularizer=name, regularizer_lambda=0.1, regularizer_lambda_2=0.03
    )
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        _, loss, summary = loop.build_training(train_settings, Mode.FLOAT, 0)
        weights = [w for w in v1.trainable_variables() if "weights" in w.op.name]
        session.run(v1.global_variables_initializer())
        total, scalars, values = session.run([loss, summary, weights])
    found = {v.tag: v.simple_value for v in v1.Summary.FromString(scalars).value}
    assert len(values) == 7
    expected = sum(
        absolute * np.abs(value).sum() + squared * np.square(value).sum()
        for value in values
    )
    assert total == pytest.approx(found["loss/points"] + expected, rel=1e-4)
    assert found["loss/total"] == pytest.approx(total)


# A run and what it leaves.


def test_run_leaves_its_artefacts(trained_dir, make_settings):
    names = sorted(path.name for path in trained_dir.iterdir())
    for step in (2, 4):
        assert f"model.ckpt-{step}.index" in names
        assert read_variables(trained_dir / f"model.ckpt-{step}")["global_step"] == step
    assert settings.read_settings(trained_dir) == make_settings()
    assert not [name for name in names if ".part" in name]
    found = {key for key in read_scalars(trained_dir) if key[0].startswith("error/")}
    assert found >= {("error/validation", 2), ("error/validation", 4)}


def test_summaries_hold_losses_and_learning_rate(tmp_path, make_settings, monkeypatch):
    monkeypatch.setattr(loop, "_SUMMARY_INTERVAL", 2)
    train_settings = make_settings(
        learning_rate_decay_step=2,
        learning_rate_decay_factor=0.5,
        learning_rate=0.01,
        regularizer="l2",
    )
    error, _ = loop.train(tmp_path, train_settings, validation_interval=4)
    scalars = read_scalars(tmp_path)
    # The rates of the second and the fourth step.
    assert scalars["learning_rate", 2] == pytest.approx(0.01)
    assert scalars["learning_rate", 4] == pytest.approx(0.005)
    assert scalars["loss/total", 4] > scalars["loss/points", 4] > 0
    assert scalars["error/validation", 4] == pytest.approx(error)


def test_training_learns(tmp_path, make_settings):
    train_settings = make_settings(max_number_of_steps=40, use_batch_norm=False)
    error, _ = loop.train(tmp_path, train_settings, validation_interval=2)
    assert error < 0.8 * read_scalars(tmp_path)["error/validation", 2]


@pytest.mark.parametrize("name", ["trained_dir", "averaged_dir"])
def test_validation_error_is_that_of_the_checkpoint(request, record_paths, name):
    folder = request.getfixturevalue(name)
    patches, truth, _ = pipeline.read_samples(record_paths[1])
    model = CheckpointModel(folder / "model.ckpt-4")
    errors = metrics.point_errors(model.predict(patches), truth)
    nme = errors.mean(axis=1) / metrics.normaliser(truth)
    scalars = read_scalars(folder)
    assert scalars["error/validation", 4] == pytest.approx(errors.mean(), rel=1e-4)
    assert scalars["error/validation_nme_inter_ocular", 4] == pytest.approx(
        nme.mean(), rel=1e-4
    )


def test_validation_leaves_batch_norm_alone(tmp_path, make_settings, samples):
    # One sample and no learning: each step moves the averages by 0.01 of what is left,
    # unless the validation samples move them too.
    records.write_records(tmp_path / "one.tfrecord", samples[:1])
    train_settings = make_settings(
        train_tfr=str(tmp_path / "one.tfrecord"), optimizer="sgd", learning_rate=0.0
    )
    loop.train(tmp_path / "model", train_settings, validation_interval=1)
    first, last = (
        read_variables(tmp_path / "model" / f"model.ckpt-{step}") for step in (1, 4)
    )
    averages = [name for name in first if "moving_" in name]
    assert len(averages) == 12
    for name in averages:
        start = 1.0 if "variance" in name else 0.0
        moved, expected = last[name] - start, (first[name] - start) * 3.940399
        assert np.abs(moved).max() > 0.001
        # 3.94... = (1 - 0.99^4) / (1 - 0.99)
        np.testing.assert_allclose(moved, expected, rtol=1e-3, atol=1e-5)


def test_moving_averages_are_what_a_model_loads(averaged_dir):
    third, fourth = (read_variables(averaged_dir / f"model.ckpt-{s}") for s in (3, 4))
    model = CheckpointModel(averaged_dir)
    with model.session.graph.as_default():
        loaded = model.session.run({v.op.name: v for v in v1.global_variables()})
    assert len(loaded) == 32  # 8 weights and biases, 24 of batch norm.
    for name, value in loaded.items():
        average = f"{name}/ExponentialMovingAverage"
        np.testing.assert_array_equal(value, fourth[average])
        # The decay of a young average is (1 + step) / (10 + step): 5 / 14.
        expected = (5 * third[average] + 9 * fourth[name]) / 14
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)
    assert (fourth["lannet/conv1/weights"] != loaded["lannet/conv1/weights"]).any()


# Going on with a run.


def test_run_goes_on_from_its_newest_checkpoint(
    tmp_path, make_settings, capsys, monkeypatch
):
    monkeypatch.setattr(loop, "_SUMMARY_INTERVAL", 1)
    # Without learning, only a restart could change the weights, and only other samples
    # the loss.
    still = {"optimizer": "sgd", "learning_rate": 0.0, "use_batch_norm": False}
    loop.train(tmp_path, make_settings(**still, max_number_of_steps=2), 2)
    before = read_variables(tmp_path / "model.ckpt-2")
    capsys.readouterr()
    _, checkpoint = loop.train(
        tmp_path, make_settings(**still, max_number_of_steps=5), 10
    )
    assert checkpoint == str(tmp_path / "model.ckpt-5")
    assert f"Resuming from {tmp_path / 'model.ckpt-2'}" in capsys.readouterr().out
    after = read_variables(checkpoint)
    assert (before.pop("global_step"), after.pop("global_step")) == (2, 5)
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])
    losses = {
        v for (tag, _), v in read_scalars(tmp_path).items() if tag == "loss/total"
    }
    assert len(losses) == 5
    assert settings.read_settings(tmp_path).max_number_of_steps == 5


def test_finished_run_makes_no_step(train_model, make_settings):
    train_dir = train_model()
    before = list_folder(train_dir)
    first = read_scalars(train_dir)["error/validation", 4]
    error, checkpoint = loop.train(train_dir, make_settings(), 2)
    assert error == pytest.approx(first)
    assert checkpoint == str(train_dir / "model.ckpt-4")
    after = list_folder(train_dir)
    for name, content in before.items():
        if not name.startswith("events"):
            assert after[name] == content
    assert not [n for n in after.keys() - before.keys() if not n.startswith("events")]


def test_run_goes_on_in_a_renamed_folder(tmp_path, train_model, make_settings, capsys):
    train_model().rename(tmp_path / "new")
    capsys.readouterr()
    loop.train(tmp_path / "new", make_settings(max_number_of_steps=5), 5)
    resumed = f"Resuming from {tmp_path / 'new' / 'model.ckpt-4'}"
    assert resumed in capsys.readouterr().out


def test_interrupted_run_saves_and_goes_on(
    tmp_path, make_settings, monkeypatch, capsys
):
    class Bar:
        def __init__(self):
            self.steps = 0

        def set_postfix(self, *_, **__):
            self.steps += 1
            if self.steps == 3:
                raise KeyboardInterrupt

        def update(self):
            pass

    with monkeypatch.context() as patch:
        patch.setattr(loop, "progress_bar", lambda **_: contextlib.nullcontext(Bar()))
        with pytest.raises(KeyboardInterrupt):
            loop.train(tmp_path, make_settings(), validation_interval=10)
    assert "Stopped at step 3" in capsys.readouterr().out
    _, checkpoint = loop.train(tmp_path, make_settings(), validation_interval=10)
    assert checkpoint == str(tmp_path / "model.ckpt-4")
    assert f"Resuming from {tmp_path / 'model.ckpt-3'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            {"learning_rate": 0.01},
            ["- --learning_rate=0.001", "+ --learning_rate=0.01"],
        ),
        ({"moving_average_decay": 0.9}, ["+ --moving_average_decay=0.9"]),
        (
            {"is_color": False, "loss": "wing"},
            [
                "- --is_color=true",
                "- --loss=l1",
                "+ --is_color=false",
                "+ --loss=wing",
            ],
        ),
    ],
)
def test_other_settings_are_refused(trained_dir, make_settings, changes, lines):
    before = list_folder(trained_dir)
    with pytest.raises(InputError, match="expected the settings") as caught:
        loop.train(trained_dir, make_settings(**changes), 2)
    first, *rest = str(caught.value).splitlines()
    assert str(trained_dir / "train_setting.txt") in first
    assert rest == lines
    assert list_folder(trained_dir) == before


def test_checkpoints_without_settings_are_refused(tmp_path, trained_dir, make_settings):
    train_dir = tmp_path / "model"
    shutil.copytree(trained_dir, train_dir)
    (train_dir / "train_setting.txt").unlink()
    with pytest.raises(InputError, match="train_setting.txt: expected a file"):
        loop.train(train_dir, make_settings(), 2)
    assert not (train_dir / "train_setting.txt").exists()


def test_run_that_explodes_at_once_is_forgotten(tmp_path, make_settings):
    explosive = make_settings(
        optimizer="sgd", loss="l2", use_batch_norm=False, learning_rate=1e30
    )
    with pytest.raises(InputError, match=r"at step 2; .*checkpoint: none"):
        loop.train(tmp_path, explosive, validation_interval=4)
    assert not list(tmp_path.glob("model.ckpt*"))
    # Its settings bind nobody.
    tamed = make_settings(max_number_of_steps=1)
    loop.train(tmp_path, tamed, validation_interval=4)
    assert settings.read_settings(tmp_path) == tamed


def damage(train_dir, step):
    data_path = train_dir / f"model.ckpt-{step}.data-00000-of-00001"
    data_path.write_bytes(data_path.read_bytes()[:1000])


def test_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path, trained_dir, make_settings, capsys
):
    train_dir = shutil.copytree(trained_dir, tmp_path / "model")
    damage(train_dir, 4)
    with pytest.warns(UserWarning, match="model.ckpt-4: expected a whole checkpoint"):
        loop.train(train_dir, make_settings(max_number_of_steps=5), 2)
    assert f"Resuming from {train_dir / 'model.ckpt-2'}" in capsys.readouterr().out
    assert (train_dir / "damaged-model.ckpt-4.index").exists()
    assert locate.newest_checkpoint(train_dir) == str(train_dir / "model.ckpt-5")


def test_damaged_checkpoints_do_not_start_afresh(tmp_path, trained_dir, make_settings):
    train_dir = shutil.copytree(trained_dir, tmp_path / "model")
    for path in locate.list_checkpoints(train_dir):
        damage(train_dir, path.rpartition("-")[2])
    before = list_folder(train_dir)
    with pytest.raises(InputError, match="model.ckpt-4: expected a whole checkpoint"):
        loop.train(train_dir, make_settings(max_number_of_steps=5), 2)
    assert list_folder(train_dir) == before


# Failures.


@pytest.mark.parametrize(
    ("interval", "name", "step"), [(2, "loss", 4), (1, "validation error", 3)]
)
def test_exploding_run_keeps_its_last_good_checkpoint(
    tmp_path, make_settings, samples, interval, name, step
):
    # A rate of 0.001 for two steps, then of 1e27.
    train_settings = make_settings(
        optimizer="sgd",
        loss="l2",
        use_batch_norm=False,
        learning_rate_decay_factor=1e30,
        learning_rate_decay_step=2,
        max_number_of_steps=6,
    )
    with pytest.raises(InputError, match=f"expected a finite {name}, found") as caught:
        loop.train(tmp_path, train_settings, interval)
    good = tmp_path / "model.ckpt-2"
    assert f"at step {step};" in str(caught.value)
    assert f"last good checkpoint: {good}" in str(caught.value)
    model = CheckpointModel(tmp_path)
    assert model.checkpoint == str(good)
    patches = np.stack([patch for patch, *_ in samples])
    assert np.isfinite(model.predict(patches)).all()


@pytest.mark.parametrize("which", ["train_tfr", "val_tfr"])
def test_records_of_another_size_are_refused(tmp_path, make_settings, samples, which):
    path = tmp_path / "small.tfrecord"
    patch, points, name = samples[0]
    records.write_records(path, [(patch[:40, :40], points, name)])
    with pytest.raises(InputError, match="expected patches of 56 x 56") as caught:
        loop.train(tmp_path / "model", make_settings(**{which: str(path)}), 2)
    assert "found 40 x 40" in str(caught.value)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("which", ["train_tfr", "val_tfr"])
def test_truncated_records_are_refused(tmp_path, make_settings, record_paths, which):
    path = tmp_path / "cut.tfrecord"
    path.write_bytes(record_paths[1].read_bytes()[:-10])
    with pytest.raises(InputError, match="expected a whole record file") as caught:
        loop.train(tmp_path / "model", make_settings(**{which: str(path)}), 2)
    assert f"{path}: " in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_missing_records_are_refused(tmp_path, make_settings):
    path = tmp_path / "none.tfrecord"
    with pytest.raises(InputError, match="none.tfrecord: expected"):
        loop.train(tmp_path / "model", make_settings(val_tfr=str(path)), 2)
    assert not (tmp_path / "model").exists()


# Quantised training, and starting from another model.


def test_quantised_training_begins_after_its_delay(delayed_dir):
    before, after = (read_variables(delayed_dir / f"model.ckpt-{s}") for s in (2, 3))
    bounds = {name for name in after if "/quantized/" in name}
    # Two for each of seven layers, and their averages.
    assert len(bounds) == 2 * 2 * 7
    assert before.keys() == after.keys() - bounds
    assert (before["global_step"], after["global_step"]) == (2, 3)
    # Measured before they are used: a relu has nothing below zero, but something above.
    assert after["lannet/conv1/quantized/min"] == 0
    assert after["lannet/conv1/quantized/max"] > 0.1
    # Adam goes on: its averages have moved by one step, not begun.
    name = "lannet/conv1/weights/Adam_1"
    np.testing.assert_array_less(0.99 * before[name], after[name])


def is_quantised(checkpoint):
    return any("/quantized/" in name for name in read_variables(checkpoint))


def test_without_a_delay_training_is_not_quantised(trained_dir):
    assert not is_quantised(trained_dir / "model.ckpt-4")


def test_training_may_end_before_it_is_quantised(tmp_path, make_settings, capsys):
    train_settings = make_settings(quantize_delay=100, max_number_of_steps=1)
    loop.train(tmp_path, train_settings, 1)
    assert not is_quantised(tmp_path / "model.ckpt-1")
    told = "Not quantised: quantize_delay=100, and training ends at 1"
    assert told in capsys.readouterr().out


def test_run_goes_on_into_quantised_training(tmp_path, make_settings, capsys):
    bounds = []
    for last in (1, 3, 4):
        train_settings = make_settings(quantize_delay=1, max_number_of_steps=last)
        loop.train(tmp_path, train_settings, 10)
        variables = read_variables(tmp_path / f"model.ckpt-{last}")
        bounds.append(variables.get("lannet/conv1/quantized/max"))
        told = "Not quantised: quantize_delay=1, and training ends at 1"
        assert (told in capsys.readouterr().out) == (last == 1)
    first, middle, last = bounds
    assert first is None
    # One step moves the bound by a hundredth; it is not measured anew.
    assert 0 < abs(last / middle - 1) < 0.02


def test_switching_quantisation_on_does_not_jolt(
    tmp_path, train_model, make_settings, record_paths
):
    first = train_model(60, max_number_of_steps=60, learning_rate=0.003)
    still = dict(init_checkpoint=str(first), learning_rate=0.0, max_number_of_steps=1)
    # Batch norm's averages, young as they are, move in both; nothing else does.
    before, _ = loop.train(tmp_path / "float", make_settings(**still), 1)
    quantised = make_settings(quantize_delay=0, **still)
    after, _ = loop.train(tmp_path / "quantised", quantised, 1)
    assert after < 1.05 * before
    model = CheckpointModel(tmp_path / "quantised")
    as_float = CheckpointModel(tmp_path / "quantised", mode=Mode.FLOAT)
    patches = pipeline.read_samples(record_paths[1])[0]
    difference = np.abs(model.predict(patches) - as_float.predict(patches))
    assert 1e-4 < difference.mean() < 0.02


@pytest.mark.parametrize("name", ["trained_dir", "averaged_dir"])
def test_training_starts_from_another_model(tmp_path, request, make_settings, name):
    folder = request.getfixturevalue(name)
    still = make_settings(
        init_checkpoint=str(folder / "model.ckpt-4"),
        moving_average_decay=0.9,
        learning_rate=0.0,
        max_number_of_steps=1,
    )
    loop.train(tmp_path, still, validation_interval=1)
    first = read_variables(folder / "model.ckpt-4")
    second = read_variables(tmp_path / "model.ckpt-1")
    average = "/ExponentialMovingAverage"
    for name in ("lannet/conv1/weights", "lannet/points/biases"):
        expected = first.get(name + average, first[name])
        np.testing.assert_array_equal(second[name], expected)
        np.testing.assert_allclose(second[name + average], expected, atol=1e-7)
    assert second["global_step"] == 1
    assert settings.read_settings(tmp_path) == still


def test_starting_from_a_model_of_another_shape_is_refused(
    tmp_path, trained_dir, make_settings
):
    wider = make_settings(init_checkpoint=str(trained_dir), depth_multiplier=1.0)
    with pytest.raises(InputError) as caught:
        loop.train(tmp_path, wider, validation_interval=1)
    assert str(caught.value) == (
        f"{trained_dir}/model.ckpt-4: expected lannet/conv1/weights of shape "
        "[3, 3, 3, 8] by the settings of this training, found [3, 3, 3, 4]"
    )
    assert not list(tmp_path.iterdir())


def test_damaged_model_to_start_from_is_refused(tmp_path, trained_dir, make_settings):
    first = shutil.copytree(trained_dir, tmp_path / "first")
    next(first.glob("model.ckpt-4.data*")).unlink()
    with pytest.raises(InputError, match="model.ckpt-4: expected a whole checkpoint"):
        loop.train(tmp_path / "second", make_settings(init_checkpoint=str(first)), 1)
    assert not (tmp_path / "second").exists()


def test_run_goes_on_without_the_model_it_started_from(
    tmp_path, train_model, make_settings
):
    first = train_model()
    begun = make_settings(init_checkpoint=str(first), max_number_of_steps=1)
    loop.train(tmp_path, begun, 2)
    shutil.rmtree(first)
    _, checkpoint = loop.train(tmp_path, make_settings(max_number_of_steps=2), 2)
    assert checkpoint == str(tmp_path / "model.ckpt-2")


def test_quantised_model_is_one_to_start_float_training_from(
    tmp_path, delayed_dir, make_settings
):
    train_settings = make_settings(
        init_checkpoint=str(delayed_dir), max_number_of_steps=1
    )
    loop.train(tmp_path, train_settings, 1)
    assert is_quantised(delayed_dir / "model.ckpt-4")
    assert not is_quantised(tmp_path / "model.ckpt-1")


# Schemes: from another one, and missing points.


@pytest.fixture(scope="module")
def five_records(tmp_path_factory):
    """Records of five points, of which one is missing in every second face."""
    scheme = find_scheme("five")
    patches, points = draw_patches(np.random.default_rng(15), 12, 56, scheme)
    points[::2, 3] = np.nan
    path = tmp_path_factory.mktemp("five") / "five.tfrecord"
    rows = zip(patches, points, strict=True)
    records.write_records(path, ((*row, "face", 0, scheme) for row in rows))
    return str(path)


# The variables that belong to the points, one by one; of the heads of the networks.
HEADS = {
    "lannet": ["lannet/points/weights", "lannet/points/biases"],
    "resnet_simcc": [f"resnet_simcc/points_map/{n}" for n in ("weights", "biases")],
}


@pytest.mark.parametrize("net", HEADS)
def test_training_starts_from_a_model_of_another_scheme(
    tmp_path, train_model, make_settings, five_records, capsys, net
):
    first = train_model(net=net)
    capsys.readouterr()
    loop.train(
        tmp_path,
        make_settings(
            net=net,
            train_tfr=five_records,
            val_tfr=five_records,
            scheme=None,
            init_checkpoint=str(first),
            learning_rate=0.0,
            max_number_of_steps=1,
        ),
        1,
    )
    told = capsys.readouterr().out
    assert (
        f"{first} has points of another scheme than five; these variables start "
        f"afresh: {', '.join(HEADS[net])}\n"
    ) in told
    assert told.count(f"{five_records}: 6 of 60 points are missing\n") == 2
    before = read_variables(first / "model.ckpt-4")
    after = read_variables(tmp_path / "model.ckpt-1")
    trunk = {
        name
        for name in before
        if name.startswith(f"{net}/")
        and name.endswith(("/weights", "/biases", "/beta", "/gamma"))
        and name not in HEADS[net]
    }
    assert len(trunk) > 10
    for name in trunk:
        np.testing.assert_array_equal(after[name], before[name], name)
    for name in HEADS[net]:
        assert after[name].shape[-1] in (5, 10)
        assert before[name].shape[-1] in (68, 136)
    assert settings.read_data(tmp_path).scheme.name == "five"
    model = CheckpointModel(tmp_path)
    assert model.predict(np.zeros((1, 56, 56, 3), np.uint8)).shape == (1, 5, 2)


def test_weights_that_another_scheme_takes(trained_dir, make_settings):
    five = find_scheme("five")
    with tf.Graph().as_default():
        images = tf.zeros((1, 56, 56, 3))
        nets.build_network(images, False, make_settings(scheme=five))
        variables = nets.slim.get_model_variables()
        found = read_weights(trained_dir, variables, five)
        names = {v.op.name for v in variables}
        # Without a scheme all is to fit.
        with pytest.raises(InputError, match="expected lannet/points/weights of shape"):
            read_weights(trained_dir, variables)
    assert names - found.keys() == set(HEADS["lannet"])
    before = read_variables(trained_dir / "model.ckpt-4")
    for name, value in found.items():
        np.testing.assert_array_equal(value, before[name])


def test_wider_model_of_another_scheme_is_refused(
    tmp_path, trained_dir, make_settings, five_records
):
    wider = make_settings(
        init_checkpoint=str(trained_dir),
        train_tfr=five_records,
        val_tfr=five_records,
        scheme=None,
        depth_multiplier=1.0,
    )
    with pytest.raises(InputError, match="expected lannet/conv1/weights of shape"):
        loop.train(tmp_path, wider, 1)
    assert not list(tmp_path.iterdir())


def test_model_of_the_same_scheme_is_taken_without_a_word(
    tmp_path, trained_dir, make_settings, capsys
):
    same = make_settings(
        init_checkpoint=str(trained_dir), scheme=None, max_number_of_steps=1
    )
    loop.train(tmp_path, same, 1)
    assert "afresh" not in capsys.readouterr().out


def test_quantised_model_starts_from_another_scheme(
    tmp_path, delayed_dir, make_settings, five_records, capsys
):
    begun = make_settings(
        init_checkpoint=str(delayed_dir),
        train_tfr=five_records,
        val_tfr=five_records,
        scheme=None,
        quantize_delay=0,
        max_number_of_steps=1,
    )
    loop.train(tmp_path, begun, 1)
    assert is_quantised(tmp_path / "model.ckpt-1")
    assert "lannet/points/weights" in capsys.readouterr().out


def test_records_of_another_scheme_than_asked_for(
    tmp_path, make_settings, five_records
):
    with pytest.raises(InputError) as caught:
        loop.train(tmp_path / "a", make_settings(train_tfr=five_records), 1)
    assert str(caught.value) == (
        f"{five_records}, record 0: expected points of scheme ibug68, found five"
    )
    mixed = make_settings(scheme=None, train_tfr=five_records)
    with pytest.raises(InputError) as caught:
        loop.train(tmp_path / "a", mixed, 1)
    assert str(caught.value) == (
        f"{mixed.val_tfr}, record 0: expected points of scheme five, found ibug68"
    )
    assert not (tmp_path / "a").exists()


def test_run_of_another_scheme_does_not_go_on(
    tmp_path, train_model, make_settings, five_records
):
    folder = train_model()
    other = make_settings(scheme=None, train_tfr=five_records, val_tfr=five_records)
    before = list_folder(folder)
    with pytest.raises(InputError) as caught:
        loop.train(folder, other, 2)
    assert "- --scheme=ibug68\n" in str(caught.value)
    assert "+ --scheme=five" in str(caught.value)
    assert list_folder(folder) == before


def test_validation_and_training_see_crops_of_one_extension(
    tmp_path, make_settings, samples
):
    paths = {}
    for extension in (None, 0.1, 0.2):
        paths[extension] = str(tmp_path / f"{extension}.tfrecord")
        records.write_records(
            paths[extension],
            ((*s, 0, find_scheme("ibug68"), extension) for s in samples[:8]),
        )
    for first, second in ((0.1, 0.2), (0.2, 0.1)):
        mixed = make_settings(train_tfr=paths[first], val_tfr=paths[second])
        with pytest.raises(InputError) as caught:
            loop.train(tmp_path / "model", mixed, 1)
        assert str(caught.value) == (
            f"{paths[second]}: expected crops with an extension of {first}, as "
            f"{paths[first]} has, found {second}"
        )
    short = make_settings(
        train_tfr=paths[0.1], val_tfr=paths[None], max_number_of_steps=1
    )
    loop.train(tmp_path / "model", short, 1)
    found = settings.read_data(tmp_path / "model")
    assert (found.margin, found.extension) == (0.0, 0.1)


# Chance.


def test_same_seed_gives_the_same_weights(tmp_path, make_settings, delayed_dir):
    loop.train(tmp_path, make_settings(**DELAYED), validation_interval=2)
    for step in (2, 4):  # The ends of both stages.
        first, second = (
            read_variables(folder / f"model.ckpt-{step}")
            for folder in (delayed_dir, tmp_path)
        )
        assert first.keys() == second.keys()
        for name, value in first.items():
            assert value.tobytes() == second[name].tobytes(), name


def test_killed_run_goes_on_as_if_it_had_not_been(tmp_path, make_settings):
    train_settings = make_settings(
        augment=True,
        augment_gray=0.5,
        augment_jpeg=0.5,
        batch_size=6,  # Its steps do not end with the rounds of 16 samples.
        optimizer="adam",
        weight_decay=0.1,
        moving_average_decay=0.9,
        quantize_delay=4,
        max_number_of_steps=9,
    )
    whole = tmp_path / "whole"
    loop.train(whole, train_settings, 2)
    expected = read_variables(whole / "model.ckpt-9")
    # Killed while it was float, where that ends, and while it was quantised.
    for step in (2, 4, 6):
        killed = tmp_path / str(step)
        killed.mkdir()
        for path in whole.iterdir():
            steps = re.match(r"model\.ckpt-(\d+)", path.name)
            if steps and int(steps[1]) <= step or path.suffix == ".txt":
                shutil.copy(path, killed)
        shutil.copy(whole / "data.json", killed)
        loop.train(killed, train_settings, 2)
        found = read_variables(killed / "model.ckpt-9")
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            assert value.tobytes() == found[name].tobytes(), (step, name)


def test_interrupt_in_the_middle_of_a_step(tmp_path, make_settings, monkeypatch):
    train_settings = make_settings()
    loop.train(tmp_path / "whole", train_settings, 10)
    make_step, count = loop._Run.make_step, itertools.count(1)

    def stop(run):  # As a signal does that comes while TensorFlow is at work.
        make_step(run)
        if next(count) == 3:
            run.step -= 1
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "make_step", stop)
        with pytest.raises(KeyboardInterrupt):
            loop.train(tmp_path / "stopped", train_settings, 10)
    assert (tmp_path / "stopped" / "model.ckpt-3.index").exists()
    loop.train(tmp_path / "stopped", train_settings, 10)
    expected, found = (
        read_variables(tmp_path / name / "model.ckpt-4")
        for name in ("whole", "stopped")
    )
    for name, value in expected.items():
        assert value.tobytes() == found[name].tobytes(), name


def test_mixed_precision_changes_nothing_without_a_gpu(
    tmp_path, make_settings, trained_dir
):
    """The loss is scaled by powers of two, which costs no digit."""
    mixed = make_settings(mixed_precision=True)
    with tf.Graph().as_default(), v1.Session() as session:
        loss = loop.build_training(mixed, Mode.FLOAT, seed=1)[1]
        factors = [v for v in v1.global_variables() if "loss_scale" in v.op.name]
        session.run(v1.global_variables_initializer())
        assert session.run(factors[0]) > 1000
        assert session.run(loss) < 1
    rewrite = optimization.choose_rewrite(mixed)
    assert rewrite.auto_mixed_precision == rewrite.ON
    _, checkpoint = loop.train(tmp_path / "mixed", mixed, 2)
    found = read_variables(checkpoint)
    for name, value in read_variables(trained_dir / "model.ckpt-4").items():
        np.testing.assert_array_equal(found[name], value)


def test_other_seeds_and_none_give_other_weights(tmp_path, make_settings, trained_dir):
    found = [read_variables(trained_dir / "model.ckpt-2")["lannet/conv1/weights"]]
    for index, seed in enumerate((2, None, None)):
        train_settings = make_settings(seed=seed, max_number_of_steps=2)
        _, checkpoint = loop.train(tmp_path / str(index), train_settings, 2)
        found.append(read_variables(checkpoint)["lannet/conv1/weights"])
    for first, second in itertools.combinations(found, 2):
        assert np.abs(first - second).max() > 0.01
