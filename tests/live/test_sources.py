"""Photos, folders and videos as a user gives them."""

from pathlib import Path

import numpy as np
import pytest

from landmark.files.photos import write_image
from landmark.live import sources
from landmark.live.video import VideoWriter
from landmark.script.errors import InputError


def write_photos(folder, *names):
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, np.full((8, 9, 3), index, np.uint8))


def outputs(found, folder):
    return {
        str(photo.relative_to(folder)): str(output) for photo, output in sorted(found)
    }


def test_paths_are_divided_by_what_they_are(tmp_path):
    write_photos(tmp_path, "a,b.jpg", "sub/c.png")
    (tmp_path / "d.MP4").touch()
    (tmp_path / "e").touch()
    paths = [str(tmp_path / name) for name in ("d.MP4", "sub", "a,b.jpg", "e")]
    photos, folders, videos = sources.divide_paths(paths)
    assert photos == [tmp_path / "a,b.jpg", tmp_path / "e"]
    assert folders == [tmp_path / "sub"]
    assert videos == [tmp_path / "d.MP4"]
    for word in ("gone", "gone/*.png", "%d.png"):
        with pytest.raises(
            InputError, match="expected a photo, folder or video, found"
        ):
            sources.divide_paths([str(tmp_path / word)])


def test_videos_that_are_no_files(tmp_path):
    write_photos(tmp_path, "walk/a_01.png", "walk/a_02.png", "%d.png", "1.png")
    (tmp_path / "front").symlink_to("/dev/video0")
    words = ["rtsp://host/one", "http://host//a.png", "/dev/video0"]
    words += [f"{tmp_path}/{name}" for name in ("walk/*.png", "walk/a_%d.png", "front")]
    assert sources.divide_paths(words) == ([], [], words)
    # What is there is what it is.
    path = tmp_path / "%d.png"
    assert sources.divide_paths([str(path)]) == ([path], [], [])


def test_video_that_ends_early_is_noted(tmp_path):
    path = tmp_path / "walk.avi"
    writer = VideoWriter(path, 10.0)
    for level in range(40):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    passed_over = []
    (source,) = sources.open_videos([path], passed_over).values()
    assert not passed_over
    found = len(list(source.read_frames("walk")))
    assert passed_over == [
        f"{path}: expected 4.0 seconds, found {found / 10:.1f} ({found} frames); the "
        "rest is damaged"
    ]


def test_pictures_as_a_video(tmp_path):
    write_photos(tmp_path, "walk/2.png", "walk/10.png")
    ((stem, source),) = sources.open_videos([f"{tmp_path}/walk/*.png"], []).items()
    shots = list(source.read_frames(stem))
    assert [(shot.name, str(shot.output)) for shot in shots] == [
        ("walk", "walk_000001"),
        ("walk", "walk_000002"),
    ]
    assert [shot.image.max() for shot in shots] == [0, 1]


def test_one_folder_keeps_its_tree(tmp_path):
    write_photos(tmp_path, "a.png", "b.png", "b.bmp", "sub/a.png")
    found = sources.list_photos([], [tmp_path], is_one_folder=True)
    assert outputs(found, tmp_path) == {
        "a.png": "a",
        "b.png": "b.png",
        "b.bmp": "b.bmp",
        "sub/a.png": "sub/a",
    }


# Trap: same base names in two folders overwrote each other.
def test_photos_and_folders_side_by_side(tmp_path):
    write_photos(tmp_path, "x/a.png", "y/a.png", "p/f/a.png", "q/f/a.png", "g/a.png")
    photos = [tmp_path / "x/a.png", tmp_path / "y/a.png", tmp_path / "x/a.png"]
    folders = [tmp_path / "p/f", tmp_path / "q/f", tmp_path / "g", tmp_path / "g"]
    found = sources.list_photos(photos, folders)
    assert outputs(found, tmp_path) == {
        "x/a.png": "a",
        "y/a.png": "2-a",
        "p/f/a.png": "f/a",
        "q/f/a.png": "f-2/a",
        "g/a.png": "g/a",
    }


def test_folder_list(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\r\n".join(["", "x/a", " b ", ""]))
    assert sources.read_folder_list(path) == [Path("x/a"), Path("b")]


def test_unreadable_photos_are_noted(tmp_path):
    write_photos(tmp_path, "a.png", "c.png")
    (tmp_path / "b.png").write_text("no picture")
    unreadable = []
    photos = sources.list_photos([], [tmp_path], is_one_folder=True)
    shots = list(sources.read_photos(photos, unreadable))
    assert [(shot.name, str(shot.output)) for shot in shots] == [
        ("a.png", "a"),
        ("c.png", "c"),
    ]
    assert shots[1].photo == tmp_path / "c.png"
    assert (shots[1].image == 1).all()
    assert unreadable == [
        f"{tmp_path / 'b.png'}: expected a whole picture, found: no picture in a "
        "format that can be read"
    ]


def test_frames_are_numbered(tmp_path):
    path = tmp_path / "walk.avi"
    writer = VideoWriter(path, 10.0)
    for level in (0, 100, 200):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.close()
    passed_over = []
    source = sources.VideoSource(path, passed_over)
    assert source.rate == 10
    shots = list(source.read_frames("walk"))
    assert [str(shot.output) for shot in shots] == [f"walk_00000{n}" for n in (1, 2, 3)]
    assert [shot.frame for shot in shots] == [1, 2, 3]
    np.testing.assert_allclose([shot.seconds for shot in shots], [0, 0.1, 0.2])
    assert [round(shot.image.mean(), -2) for shot in shots] == [0, 100, 200]
    assert {shot.name for shot in shots} == {"walk.avi"}
    assert {shot.photo for shot in shots} == {None}
    assert not passed_over


def test_videos_of_one_name(tmp_path):
    paths = [tmp_path / name / "walk.avi" for name in ("a", "b")]
    for path in paths:
        writer = VideoWriter(path, 10.0)
        writer.write(np.zeros((48, 64, 3), np.uint8))
        writer.close()
    opened = sources.open_videos([*paths, paths[0]], [])
    assert list(opened) == ["walk", "2-walk"]
    assert [source.name for source in opened.values()] == ["walk.avi"] * 2


def test_photo_with_the_name_of_a_frame(tmp_path):
    writer = VideoWriter(tmp_path / "clip.avi", 10.0)
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.close()
    opened = sources.open_videos([tmp_path / "clip.avi"], [])
    photo = tmp_path / "clip_000001.jpg"
    sources.refuse_frame_names([(photo, Path("clip_1")), (photo, Path("a"))], opened)
    with pytest.raises(InputError, match="than that of a frame of clip.avi"):
        sources.refuse_frame_names([(photo, Path("clip_000001"))], opened)


def test_broken_videos_are_noted(tmp_path):
    writer = VideoWriter(tmp_path / "a.avi", 10.0)
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.close()
    (tmp_path / "b.avi").write_text("no video")
    unreadable = []
    paths = [tmp_path / "b.avi", tmp_path / "a.avi"]
    assert list(sources.open_videos(paths, unreadable)) == ["a"]
    assert unreadable == [
        f"{tmp_path / 'b.avi'}: expected a video, found none that can be read"
    ]


def test_photos_keep_the_paths_that_were_given(tmp_path, monkeypatch):
    write_photos(tmp_path, "sub/a.png")
    (tmp_path / "b.png").symlink_to("sub/a.png")
    monkeypatch.chdir(tmp_path / "sub")
    given = [Path("a.png"), Path("../b.png"), tmp_path / "sub" / "a.png"]
    found = sources.list_photos(given, [])
    assert found == [(given[0], Path("a")), (given[1], Path("b"))]


def test_links_to_nothing_are_noted(tmp_path):
    for name, target in (("loop.png", "loop.png"), ("gone.png", "none")):
        (tmp_path / name).symlink_to(target)
    paths = [tmp_path / "loop.png", tmp_path / "gone.png"]
    photos, _, _ = sources.divide_paths(map(str, paths))
    unreadable = []
    assert not list(sources.read_photos(sources.list_photos(photos, []), unreadable))
    assert unreadable == [
        f"{path}: expected a file, found a link to nothing" for path in paths
    ]
    passed_over = []
    with pytest.warns(UserWarning, match="loop.png: passed over: a link to itself"):
        found = sources.list_photos([], [tmp_path], passed_over=passed_over)
    assert [photo for photo, _ in found] == paths[1:]
    assert len(passed_over) == 1


def test_videos_in_folders_are_described(tmp_path):
    assert sources.describe_videos([tmp_path]) == "none"
    (tmp_path / "a.MP4").touch()
    hint = "; give videos by their own paths"
    assert sources.describe_videos([tmp_path]) == f"1 video{hint}"
    assert sources.describe_videos([tmp_path, tmp_path]) == f"2 videos{hint}"


def test_empty_path():
    with pytest.raises(InputError, match="found an empty path"):
        sources.divide_paths([""])
