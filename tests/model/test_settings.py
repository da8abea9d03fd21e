"""train_setting.txt: written, read, and held against the code it chooses from."""

import dataclasses
import json

import pytest

from landmark.face.scheme import IBUG68, find_scheme, parse_scheme
from landmark.model import settings
from landmark.script.errors import InputError


@pytest.fixture
def edit(tmp_path, make_settings):
    """Writes settings, then replaces one line of the file; returns its folder."""

    def edit_line(name, line):
        settings.write_settings(tmp_path, make_settings(moving_average_decay=0.999))
        path = tmp_path / settings.FILE_NAME
        lines = path.read_text().splitlines()
        changed = [line if x.startswith(f"--{name}=") else x for x in lines]
        assert changed != lines
        path.write_text("\n".join(changed) + "\n")
        return tmp_path

    return edit_line


# Trap: is_color read back from the settings file as a truthy string.
@pytest.mark.parametrize("is_color", [True, False])
def test_is_color_is_read_as_a_bool(tmp_path, make_settings, is_color):
    settings.write_settings(tmp_path, make_settings(is_color=is_color))
    found = settings.read_settings(tmp_path)
    assert found.is_color is is_color
    assert found.channels == (3 if is_color else 1)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"moving_average_decay": 0.9999},
        {"is_color": False, "use_batch_norm": False},
        {"seed": None},
        {"seed": 2**40},
        {"learning_rate": 1e-05, "wing_eps": 1 / 3, "depth_gamma": 1e22},
        {"train_tfr": "with = sign and  spaces/ä.tfrecord"},
        {"train_tfr": " space at its ends ", "val_tfr": "\u2028 and \x85\x0b"},
    ],
)
def test_written_and_read(tmp_path, make_settings, changes):
    written = make_settings(**changes)
    settings.write_settings(tmp_path, written)
    found = settings.read_settings(tmp_path)
    assert found == written
    for field in dataclasses.fields(found):
        value = getattr(found, field.name)
        assert type(value) is type(getattr(written, field.name))


def test_text_is_a_flagfile(make_settings):
    lines = settings.format_settings(make_settings(is_color=False)).splitlines()
    assert all(line.startswith("--") for line in lines)
    assert {"--is_color=false", "--use_batch_norm=true", "--net=lannet"} < set(lines)
    # What is None has no line: as a flag it would not be a number.
    assert len(lines) == len(dataclasses.fields(settings.TrainSettings)) - 2
    assert "moving_average_decay" not in "".join(lines)
    assert "init_checkpoint" not in "".join(lines)


def test_file_of_before_there_were_seeds(edit):
    assert settings.read_settings(edit("seed", "")).seed is None


@pytest.mark.parametrize(
    ("name", "value"), [("mixed_precision", False), ("augment_shadow", 0.0)]
)
def test_file_of_before_there_was_a_setting(edit, name, value):
    assert getattr(settings.read_settings(edit(name, "")), name) == value


def test_older_spellings_are_understood(tmp_path, make_settings):
    older = make_settings(optimizer="adadelt", regularizer="l1_12")
    assert (older.optimizer, older.regularizer) == ("adadelta", "l1_l2")
    # But a file may be called so.
    assert make_settings(train_tfr="adadelt").train_tfr == "adadelt"
    assert settings.spellings(["l1", "l1_l2"]) == ["l1", "l1_l2", "l1_12"]
    assert settings.spellings(settings.LOSSES) == list(settings.LOSSES)


def test_older_spelling_in_the_file(edit):
    folder = edit("optimizer", "--optimizer=adadelt")
    assert settings.read_settings(folder).optimizer == "adadelta"


def test_missing_file(tmp_path):
    with pytest.raises(InputError) as caught:
        settings.read_settings(tmp_path)
    path = tmp_path / "train_setting.txt"
    assert str(caught.value) == f"{path}: expected a file, found none"


def test_missing_setting(edit):
    folder = edit("is_color", "")
    with pytest.raises(
        InputError, match="train_setting.txt: .*found none for is_color"
    ):
        settings.read_settings(folder)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("is_color", "--is_color=False ish", "true or false as is_color, found 'False"),
        ("is_color", "--is_color=1", "true or false as is_color, found '1'"),
        ("batch_size", "--batch_size=8.5", "batch_size to be of type int, found '8.5'"),
        ("wing_w", "--wing_w=wide", "wing_w to be of type float, found 'wide'"),
        (
            "moving_average_decay",
            "--moving_average_decay=None",
            "moving_average_decay to be of type float, found 'None'",
        ),
        ("net", "--colour=red", "lines --setting=value, found '--colour=red'"),
        ("net", "lannet", "lines --setting=value, found 'lannet'"),
    ],
)
def test_wrong_line(edit, name, line, message):
    folder = edit(name, line)
    with pytest.raises(InputError, match=message) as caught:
        settings.read_settings(folder)
    assert str(caught.value).startswith(str(folder / settings.FILE_NAME))


def test_same_settings_go_on(tmp_path, make_settings):
    settings.write_settings(tmp_path, make_settings())
    assert settings.check_same_settings(tmp_path, make_settings()) is None
    longer = make_settings(max_number_of_steps=10**6)
    assert settings.check_same_settings(tmp_path, longer) is None


def test_seed_is_kept(tmp_path, make_settings):
    settings.write_settings(tmp_path, make_settings(seed=None))
    assert "seed" not in (tmp_path / settings.FILE_NAME).read_text()
    assert settings.check_same_settings(tmp_path, make_settings(seed=None)) is None
    with pytest.raises(InputError, match=r"these:\n\+ --seed=1$"):
        settings.check_same_settings(tmp_path, make_settings(seed=1))
    settings.write_settings(tmp_path, make_settings(seed=1))
    with pytest.raises(InputError, match=r"these:\n- --seed=1$"):
        settings.check_same_settings(tmp_path, make_settings(seed=None))


def test_records_may_move_but_not_change(tmp_path, make_settings):
    settings.write_settings(tmp_path, make_settings(train_tfr="a/x.tfrecord"))
    moved = make_settings(train_tfr="b/c/x.tfrecord")
    assert settings.check_same_settings(tmp_path, moved) is None
    with pytest.raises(InputError, match="train_tfr=a/y.tfrecord"):
        settings.check_same_settings(tmp_path, make_settings(train_tfr="a/y.tfrecord"))


def test_changed_settings_are_listed(tmp_path, make_settings):
    settings.write_settings(tmp_path, make_settings(wing_w=0.5))
    changed = make_settings(
        wing_w=0.25, moving_average_decay=0.9, max_number_of_steps=10**6
    )
    with pytest.raises(InputError) as caught:
        settings.check_same_settings(tmp_path, changed)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith(str(tmp_path / settings.FILE_NAME))
    assert lines == [
        "- --wing_w=0.5",
        "+ --wing_w=0.25",
        "+ --moving_average_decay=0.9",
    ]


def test_names_are_those_of_the_code(make_settings):
    from landmark.model import nets
    from landmark.training import losses

    assert set(settings.NETWORKS) == set(nets.NETWORKS)
    assert set(settings.LOSSES) == set(losses.LOSSES)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adadelta", "Adadelta"),
        ("adagrad", "Adagrad"),  # Trap: adagrad that builds adadelta.
        ("adam", "Adam"),
        ("ftrl", "Ftrl"),
        ("momentum", "Momentum"),
        ("sgd", "GradientDescent"),
        ("rmsprop", "RMSProp"),
    ],
)
def test_each_optimizer_is_the_one_it_is_called(make_settings, name, kind):
    from landmark.training import optimization

    assert name in settings.OPTIMIZERS
    optimizer = optimization.build_optimizer(make_settings(optimizer=name), 0.1)
    assert type(optimizer).__name__ == f"{kind}Optimizer"


def test_each_decay_type_is_another_learning_rate(make_settings):
    import tensorflow as tf

    from landmark.training import optimization

    rates = {}
    for name in settings.DECAY_TYPES:
        chosen = make_settings(
            learning_rate=0.1,
            learning_rate_decay_type=name,
            learning_rate_decay_step=100,
            learning_rate_decay_factor=0.5,
        )
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            rate = optimization.build_learning_rate(chosen, tf.constant(50))
            rates[name] = float(session.run(rate))
    # The exponential one falls in stairs; the others are half way to 0.00005.
    assert rates == pytest.approx(
        {"fixed": 0.1, "exponential": 0.1, "polynomial": 0.050025, "cosine": 0.050025}
    )


# data.json: what the records have in common.

OWN = parse_scheme("name own\npoints 3\nmirror 0 = 1\nnormalise span 0 1\n", "x")


@pytest.mark.parametrize(
    "data",
    [
        settings.TrainingData(),
        settings.TrainingData(find_scheme("wflw98"), 0.3, 0.1),
        settings.TrainingData(OWN, 0.0, 0.0),
        settings.TrainingData(OWN, None, 0.25),
    ],
)
def test_data_written_and_read(tmp_path, data):
    settings.write_data(tmp_path, data)
    found = settings.read_data(tmp_path)
    assert found == data
    assert [type(value) for value in found[1:]] == [type(value) for value in data[1:]]
    note = json.loads((tmp_path / "data.json").read_text())
    assert list(note) == ["version", "scheme", "margin", "extension"]


def test_models_of_before_data_json(tmp_path, make_settings):
    assert settings.read_data(tmp_path) == (IBUG68, None, None)
    lines = settings.format_settings(make_settings()).splitlines()
    old = [line for line in lines if not line.startswith("--scheme=")]
    assert len(old) == len(lines) - 1
    (tmp_path / settings.FILE_NAME).write_text("\n".join(old) + "\n")
    found = settings.read_settings(tmp_path)
    assert found.scheme == IBUG68
    assert found == make_settings()
    assert settings.check_same_settings(tmp_path, make_settings()) is None
    assert settings.check_same_settings(tmp_path, make_settings(scheme=None)) is None
    with pytest.raises(InputError, match=r"- --scheme=ibug68\n\+ --scheme=five$"):
        settings.check_same_settings(
            tmp_path, make_settings(scheme=find_scheme("five"))
        )


@pytest.mark.parametrize("scheme", [find_scheme("five"), OWN], ids=str)
def test_scheme_written_and_read(tmp_path, make_settings, scheme):
    written = make_settings(scheme=scheme)
    settings.write_settings(tmp_path, written)
    settings.write_data(tmp_path, settings.TrainingData(scheme))
    # A flagfile cannot name an own scheme; data.json defines it.
    line = f"--scheme={scheme}\n"
    is_there = line in (tmp_path / settings.FILE_NAME).read_text()
    assert is_there == scheme.is_shipped
    assert settings.read_settings(tmp_path) == written
    # The scheme of the records is what a training has that asks for none.
    assert settings.check_same_settings(tmp_path, make_settings(scheme=None)) is None
    assert settings.check_same_settings(tmp_path, written) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected what train_slim.py writes, found another note"),
        ("{", "expected what train_slim.py writes, found another note"),
        ('{"version": 1}', "expected what train_slim.py writes, found another note"),
        (
            '{"version": 1, "scheme": "five", "margin": "wide", "extension": null}',
            "expected what train_slim.py writes, found another note",
        ),
        (
            '{"version": 1, "scheme": 5, "margin": null, "extension": null}',
            "expected what train_slim.py writes, found another note",
        ),
        (
            '{"version": 2, "scheme": "five", "margin": null, "extension": null}',
            "expected a note of version 1, found version 2",
        ),
    ],
)
def test_another_data_json_is_refused(tmp_path, text, message):
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(InputError) as caught:
        settings.read_data(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'data.json'}: {message}"


def test_data_of_a_scheme_that_is_not_known(tmp_path):
    settings.write_data(tmp_path, settings.TrainingData())
    text = (tmp_path / "data.json").read_text().replace("ibug68", "ibug69")
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(InputError, match="data.json: expected points of a .*ibug69"):
        settings.read_data(tmp_path)
