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


def test_finds_the_newest_checkpoint_or_the_named_one(trained_dir):
    newest = str(trained_dir / "model.ckpt-4")
    assert locate.find_checkpoint(trained_dir) == newest
    assert locate.find_checkpoint(newest) == newest
    older = str(trained_dir / "model.ckpt-2")
    assert locate.find_checkpoint(f"{older}.index") == older


def test_copied_model_is_its_own(tmp_path, trained_dir):
    copy = shutil.copytree(trained_dir, tmp_path / "copy")
    assert locate.find_checkpoint(copy) == str(copy / "model.ckpt-4")
