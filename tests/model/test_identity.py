"""Which model a file or folder is."""

import shutil

import pytest

from landmark.model.identity import hash_model
from landmark.script.errors import InputError


def test_hash_goes_by_content(tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / f"{name}.tflite").write_bytes(content)
    first, same, other = (hash_model(tmp_path / f"{n}.tflite") for n in "abc")
    assert first == same != other
    with pytest.raises(InputError, match="expected a file, found none"):
        hash_model(tmp_path / "d.tflite")


def test_hash_of_a_checkpoint(tmp_path):
    def write(folder, step, content=b"weights"):
        folder.mkdir(exist_ok=True)
        for suffix in ("index", "data-00000-of-00001"):
            (folder / f"model.ckpt-{step}.{suffix}").write_bytes(content)
        (folder / "train_setting.txt").write_text("--net=lannet\n")
        return folder

    folder = write(tmp_path / "a[1]", 1)
    first = hash_model(folder)
    assert hash_model(folder / "model.ckpt-1") == first
    assert hash_model(shutil.copytree(folder, tmp_path / "copy")) == first
    write(folder, 2, b"others")  # The newest counts.
    assert hash_model(folder) != first
    assert hash_model(folder / "model.ckpt-1") == first
    (folder / "train_setting.txt").write_text("--net=another\n")
    assert hash_model(folder / "model.ckpt-1") != first
