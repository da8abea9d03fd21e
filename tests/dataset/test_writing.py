"""Outputs that are written, interrupted, gone on with, and named."""

import errno
import os

import pytest

from landmark.dataset import writing
from landmark.files import disk
from landmark.script.errors import InputError

NAMES = [f"face_{i}" for i in range(10)]


@pytest.fixture(autouse=True)
def every_record_is_noted(monkeypatch):
    monkeypatch.setattr(writing, "_SECONDS", -1)


def results_of(names, stop_at=None, bad=()):
    for name in names:
        if name == stop_at:
            raise KeyboardInterrupt
        yield (None, f"bad {name}") if name in bad else (f"{name};".encode(), None)


def open_output(folder, num_shards=3, work="w", names=NAMES):
    return writing.Output(folder / "out", num_shards, names, {"work": work})


def write(folder, stop_at=None, bad=(), **changes):
    output = open_output(folder, **changes)
    try:
        output.write(results_of(output.left, stop_at, bad))
        writing.finish([output])
    finally:
        output.close()
    return output


def read_folder(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


WHOLE = {
    "out-00000-of-00003": "face_0;face_3;face_6;face_9;",
    "out-00001-of-00003": "face_1;face_4;face_7;",
    "out-00002-of-00003": "face_2;face_5;face_8;",
}


def test_names_are_dealt_out(tmp_path):
    output = write(tmp_path)
    assert read_folder(tmp_path) == WHOLE
    assert (output.num_records, output.num_done, output.dropped) == (10, 10, [])


def test_one_file(tmp_path):
    write(tmp_path, num_shards=1)
    assert read_folder(tmp_path) == {"out": "".join(f"{name};" for name in NAMES)}


@pytest.mark.parametrize("stop_at", ["face_3", "face_9", "face_1", "face_7", "face_8"])
def test_an_interrupted_output_goes_on(tmp_path, stop_at):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, stop_at=stop_at, bad=["face_0", "face_4"])
    assert not set(read_folder(tmp_path)) & set(WHOLE)
    output = open_output(tmp_path)
    assert output.left[0] == stop_at
    output.close()
    # What was written behind the last note does not count.
    part = max(tmp_path.glob("*.part"))
    part.write_bytes(part.read_bytes() + b"half a rec")
    output = write(tmp_path, bad=["face_0", "face_4"])
    assert sorted(output.dropped) == [
        ("face_0", "bad face_0"),
        ("face_4", "bad face_4"),
    ]
    assert output.num_records == 8
    assert read_folder(tmp_path) == {
        name: text.replace("face_0;", "").replace("face_4;", "")
        for name, text in WHOLE.items()
    }


@pytest.mark.parametrize("changes", [{"work": "v"}, {"num_shards": 2}])
def test_other_work_starts_over(tmp_path, changes):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, stop_at="face_8")
    output = open_output(tmp_path, **changes)
    assert output.num_done == 0
    output.close()
    assert read_folder(tmp_path) == {}


def test_a_part_that_is_gone_starts_over(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, stop_at="face_8")
    min(tmp_path.glob("*.part")).unlink()
    assert write(tmp_path).num_records == 10
    assert read_folder(tmp_path) == WHOLE


def test_names_that_were_given_in_part_are_all_given(tmp_path, monkeypatch):
    replace, replaced = os.replace, []

    def replace_one(source, target):
        if replaced:
            raise KeyboardInterrupt
        replaced.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_one)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    monkeypatch.undo()
    assert replaced[0].exists()
    output = open_output(tmp_path)
    assert output.left == []
    writing.finish([output])
    output.close()
    assert read_folder(tmp_path) == WHOLE


def test_a_full_disk_names_the_output(tmp_path, monkeypatch):
    def fail(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space") as caught:
        write(tmp_path)
    assert caught.value.filename == str(tmp_path / "out")
    monkeypatch.undo()
    write(tmp_path)
    assert read_folder(tmp_path) == WHOLE


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least 11 patches, one for each shard"):
        open_output(tmp_path, num_shards=11)
    empty = ["face_1", "face_4", "face_7"]
    with pytest.raises(InputError, match="out-00001-of-00003: expected samples"):
        write(tmp_path, bad=empty)
    assert read_folder(tmp_path) == {}


def test_two_writers_of_one_output_are_refused(tmp_path):
    first = open_output(tmp_path)
    with pytest.raises(InputError, match="expected one process that writes it, found"):
        open_output(tmp_path)
    first.close()
    assert read_folder(tmp_path) == {}


def test_a_journal_of_another_kind_is_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, stop_at="face_8")
    (journal,) = tmp_path.glob("*.jsonl")
    journal.write_text(journal.read_text() + '[1, "x", 2, []]\n')
    with pytest.raises(InputError, match="expected a journal of packing"):
        open_output(tmp_path)


def test_leftovers_of_others_are_not_ours(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, stop_at="face_8")
    before = read_folder(tmp_path)
    disk.remove_leftovers(tmp_path)
    assert read_folder(tmp_path) == before
