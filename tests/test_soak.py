"""What the soak takes for a loss, so that it does not pass by seeing nothing."""

import json

import pytest

from benchmarks import soak, soak_stages


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / "a.png").write_bytes(b"a")
    (tmp_path / "patches" / "events.out.tfevents.1").write_bytes(b"at noon")
    report = {"variants": {"float": {"bytes": 5, "milliseconds": 0.1}}}
    (tmp_path / "export.json").write_text(json.dumps(report))
    return tmp_path


def changed(folder, name, content):
    before = soak_stages.read_tree(folder)
    (folder / name).write_bytes(content)
    return soak_stages.compare(before, soak_stages.read_tree(folder))


def test_nothing_is_lost_where_nothing_has_changed(folder):
    assert changed(folder, "patches/a.png", b"a") == ([], [])


def test_another_byte_is_a_loss(folder):
    assert changed(folder, "patches/a.png", b"b") == (["patches/a.png differs"], [])


def test_what_is_not_there_is_a_loss(folder):
    before = soak_stages.read_tree(folder)
    (folder / "patches" / "a.png").unlink()
    after = soak_stages.read_tree(folder)
    assert soak_stages.compare(before, after) == (["patches/a.png is missing"], [])


@pytest.mark.parametrize(
    "name",
    [
        *("patches/.1-0.part.png", ".detection.jsonl", "model.ckpt-3.meta"),
        "model.ckpt-3.data-00000-of-00001.tempstate5",
    ],
)
def test_what_was_not_there_is_a_leftover(folder, name):
    assert changed(folder, name, b"") == ([], [name])


def test_times_may_differ(folder):
    assert changed(folder, "patches/events.out.tfevents.2", b"at one") == ([], [])
    report = b'{"variants": {"float": {"bytes": 5, "milliseconds": 0.2}}}'
    assert changed(folder, "export.json", report) == ([], [])
    report = report.replace(b"5", b"6")
    assert changed(folder, "export.json", report) == (["export.json differs"], [])


def test_other_weights_are_a_loss(tmp_path):
    from tensorflow.compat import v1

    def save(name, value, step=4):
        (tmp_path / name).mkdir()
        with v1.Graph().as_default(), v1.Session() as session:
            v1.get_variable("weights", initializer=[0.0, value])
            session.run(v1.global_variables_initializer())
            path = str(tmp_path / name / "model.ckpt")
            return v1.train.Saver().save(session, path, step)

    before = save("before", 1.0)
    assert soak_stages.differ_in_weights(before, save("same", 1.000001)) == ""
    assert "weights by" in soak_stages.differ_in_weights(before, save("far", 1.1))
    earlier = soak_stages.differ_in_weights(before, save("early", 1.0, 3))
    assert earlier == "model.ckpt-3 instead of model.ckpt-4"
    folder = soak_stages.read_tree(tmp_path)
    assert folder["before/weights"].endswith("model.ckpt-4")


@pytest.mark.parametrize(
    ("told", "is_right"),
    [
        ("draw_synthetic_faces.py: [Errno 28] No space: 'photos/a.jpg'", True),
        ("failed photos/a.jpg\ndraw_synthetic_faces.py: expected one", True),
        ("draw_synthetic_faces.py: something went wrong", False),
        ("drawing: 7/8 |\ndraw_synthetic_faces.py: oh", False),
        ("OSError: photos/a.jpg", False),
        ("", False),
    ],
)
def test_what_ends_by_itself_must_name_a_file(told, is_right):
    assert soak.explains(told, soak_stages.list_stages()["draw"]) == is_right


def test_stages_are_those_of_the_pipeline():
    stages = soak_stages.list_stages()
    assert soak_stages.list_needed(list(stages)) == stages
    assert list(soak_stages.list_needed(["pack", "detect"])) == [
        *("draw", "extract", "pack", "detect")
    ]
    made = set()
    for stage in stages.values():
        assert set(stage.copied) <= set(stage.outputs)
        assert set(stage.copied.values()) <= made
        made |= set(stage.outputs)
