"""Files and folders as such."""

import errno
import os

import pytest

from landmark.files import disk
from landmark.script.errors import InputError


def test_replace_when_done_leaves_all_or_nothing(tmp_path):
    path = tmp_path / "report.txt"
    disk.write_text(path, "old\n")

    def fail_half_way():
        with disk.replace_when_done(path) as temporary:
            temporary.write_text("half")
            assert temporary.suffix == path.suffix
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old\n"
    disk.write_text(path, "new: é\n")
    assert path.read_text(encoding="utf-8") == "new: é\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("require", "kind"),
    [(disk.require_file, "file"), (disk.require_folder, "folder")],
)
def test_what_is_missing_is_named(tmp_path, require, kind):
    there = tmp_path / "there"
    there.mkdir() if kind == "folder" else there.touch()
    assert require(str(there)) == there
    with pytest.raises(InputError) as caught:
        require(tmp_path / "gone")
    assert str(caught.value) == f"{tmp_path / 'gone'}: expected a {kind}, found none"


def test_what_else_is_there_is_named(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "loop").symlink_to("loop")
    for require, name, message in (
        (disk.require_file, "", "expected a file, found a folder"),
        (disk.require_file, "loop", "expected a file, found a link to nothing"),
        (disk.require_folder, "loop", "expected a folder, found a link to nothing"),
        (disk.require_folder, "a", "expected a folder, found a file"),
    ):
        with pytest.raises(InputError) as caught:
            require(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {message}"
    with pytest.raises(InputError, match="null: expected a file, found something else"):
        disk.require_file("/dev/null")


def test_what_cannot_be_listed_is_passed_over(tmp_path, monkeypatch):
    def scan(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", scan)
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.jpg").touch()
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "loop").symlink_to("loop")  # It may be no photo, so it is none.
    passed_over = ["what was before"]
    with pytest.warns(UserWarning, match="passed over") as caught:
        found = disk.list_files(tmp_path, (".jpg",), passed_over)
    assert found == [tmp_path / "a.jpg"]
    assert sorted(passed_over[1:]) == [
        f"{tmp_path / 'closed'}: passed over: Permission denied",
        f"{tmp_path / 'loop.jpg'}: passed over: a link to itself",
    ]
    assert [str(warning.message) for warning in caught] == passed_over[1:]
    with pytest.warns(UserWarning, match="closed: passed over"):
        disk.list_files(tmp_path, (".jpg",))


def test_list_files(tmp_path):
    names = ["b.jpg", "a/z.JPG", "a/b/c.png", ".hidden.jpg", "notes.txt", "a/x.pts"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    found = disk.list_files(tmp_path, (".jpg", ".png"))
    assert found == [tmp_path / name for name in ("a/b/c.png", "a/z.JPG", "b.jpg")]
    with pytest.raises(InputError, match="gone: expected a folder, found none"):
        disk.list_files(tmp_path / "gone", (".jpg",))


def test_links_to_folders_are_followed_without_running_in_circles(tmp_path):
    real, photos = tmp_path / "elsewhere" / "real", tmp_path / "photos"
    (real / "deep").mkdir(parents=True)
    photos.mkdir()
    (real / "deep" / "a.jpg").touch()
    (photos / "b.jpg").touch()
    (photos / "linked.jpg").symlink_to(real / "deep" / "a.jpg")
    (photos / "link").symlink_to(real)
    (photos / "again").symlink_to(photos / "link")
    (real / "deep" / "up").symlink_to(photos)
    (real / "deep" / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
    found = [
        str(path.relative_to(photos)) for path in disk.list_files(photos, (".jpg",))
    ]
    # Each folder once, by the first of its links.
    assert found == ["again/deep/a.jpg", "again/deep/broken.jpg", "b.jpg", "linked.jpg"]


def test_hidden_files_and_folders_are_left_out(tmp_path):
    for name in (".hidden/a.jpg", ".b.jpg", "c.JPG", "sub/.d/e.jpg", "sub/f.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.name for path in disk.list_files(tmp_path, (".jpg",))]
    assert found == ["c.JPG", "f.jpg"]
    assert disk.list_files(tmp_path / ".hidden", (".jpg",))


def test_a_link_takes_no_folders_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "face.pts").touch()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b")
    found = disk.list_files(tmp_path, (".pts",))
    assert found == [tmp_path / "a" / "face.pts", tmp_path / "b" / "face.pts"]


def test_leftovers_of_dead_runs_are_removed(tmp_path):
    dead = 2**22 + 1  # Beyond the largest number of a process.
    for name in (f".{dead}-0123abcd.part.png", ".notes.part", ".1x-0.part"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / f".{dead}-xyz.part").mkdir()
    (tmp_path / f".{dead}-xyz.part" / "a").write_bytes(b"x")
    with disk.replace_when_done(tmp_path / "mine.txt") as temporary:
        temporary.write_text("mine")
        disk.remove_leftovers(tmp_path)
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {temporary.name, ".notes.part", ".1x-0.part"}
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_name_as_long_as_it_can_be(tmp_path):
    path = tmp_path / ("n" * 251 + ".txt")
    disk.write_text(path, "long")
    assert path.read_text() == "long"


def test_folder_is_locked_for_others_alone(tmp_path):
    with (
        disk.lock(tmp_path, "training"),
        pytest.raises(InputError, match="expected one training in this folder"),
        disk.lock(tmp_path, "training"),
    ):
        pass
    with disk.lock(tmp_path, "training"):
        assert not list(tmp_path.iterdir())


def test_full_disk_names_the_file(tmp_path):
    with (
        pytest.raises(OSError, match=r"No space left.*final\.txt"),
        disk.replace_when_done(tmp_path / "final.txt"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())
