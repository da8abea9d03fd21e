"""Finding trained models."""

import shutil

import pytest

from landmark.model import locate
from landmark.script.errors import InputError


def test_finds_models_at_any_depth(tmp_path, trained_dir):
    for name in ("b", "a/deep/er", "a"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        for path in trained_dir.iterdir():
            shutil.copy(path, tmp_path / name)
    (tmp_path / "untrained").mkdir()
    shutil.copy(trained_dir / "train_setting.txt", tmp_path / "untrained")
    (tmp_path / "empty").mkdir()
    found = [str(path.relative_to(tmp_path)) for path in locate.find_models(tmp_path)]
    assert found == ["a", "a/deep/er", "b"]
    assert locate.find_models(tmp_path / "b") == [tmp_path / "b"]


def test_folder_without_models_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected folders with train_setting.txt"):
        locate.find_models(tmp_path)
    with pytest.raises(InputError, match="none: expected a folder"):
        locate.find_models(tmp_path / "none")


def test_folder_that_cannot_be_made_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for path in (file, file / "deep" / "er"):
        with pytest.raises(InputError) as caught:
            locate.check_folder(path)
        assert str(caught.value) == f"{file}: expected a folder, found a file"
    for path in (tmp_path, tmp_path / "new" / "folder"):
        locate.check_folder(path)
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_no_tflite_is_refused(tmp_path):
    path = tmp_path / "a.tflite"
    for content in (b"", b"TFL3", b"TFL3 and so on"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="expected a .tflite model, found another"):
            locate.check_tflite(path)
    path.write_bytes(b"\x1c\0\0\0TFL3 and so on")
    locate.check_tflite(path)


def test_finds_the_newest_checkpoint_or_the_named_one(trained_dir):
    newest = str(trained_dir / "model.ckpt-4")
    assert locate.find_checkpoint(trained_dir) == newest
    assert locate.find_checkpoint(newest) == newest
    older = str(trained_dir / "model.ckpt-2")
    assert locate.find_checkpoint(f"{older}.index") == older


def test_copied_model_is_its_own(tmp_path, trained_dir):
    copy = shutil.copytree(trained_dir, tmp_path / "copy")
    assert locate.find_checkpoint(copy) == str(copy / "model.ckpt-4")
