"""What is written of the faces that were found, and what is shown."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from landmark.face.pose import mean_face
from landmark.files.photos import find_photo, read_image, write_image
from landmark.files.pts import read_pts
from landmark.live import results, video
from landmark.live.landmarker import Face
from landmark.live.results import Shot
from landmark.script.errors import InputError

SHAPE = (240, 320, 3)


def make_image(seed=0):
    """A photo without green, in which drawn points and lines stand out."""
    image = np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)
    image[..., 1] //= 4
    return image


def make_face(left, confidence=np.nan, track=None):
    rng = np.random.default_rng(left)
    points = 2 * rng.uniform((left, 30), (left + 50, 90), (68, 2))
    box = 2 * np.array([left - 3.456, 20.0, left + 52.25, 92.75])
    return Face(box, 0.87654, points, confidence, track)


def count_green(image):
    return ((image[..., 1] > 180) & (image[..., [0, 2]].max(axis=2) < 80)).sum()


@pytest.fixture
def make_shot(tmp_path):
    """Makes the Shot of a photo that is on disk below `photos`."""

    def make(name, seed=0):
        photo = tmp_path / "photos" / name
        photo.parent.mkdir(parents=True, exist_ok=True)
        write_image(photo, make_image(seed))
        output = Path(name).with_suffix("")
        return Shot(photo.name, output, read_image(photo), photo)

    return make


def make_frame(index=0):
    output = Path(f"clip_{index + 1:06d}")
    return Shot("clip.mp4", output, make_image(index), None, index + 1, index / 30)


def list_tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", ["a.png", "sub.1/c.d.jpg", "b.JPG", "e.Jpg"])
def test_pts_stands_beside_a_copy_of_its_photo(make_shot, tmp_path, name):
    shot, face = make_shot(name), make_face(20)
    results.PtsFiles(tmp_path / "pts").write(shot, [face])
    stem = str(Path(name).with_suffix(""))
    assert list_tree(tmp_path / "pts") == sorted([name, f"{stem}.pts"])
    pts_path = tmp_path / "pts" / f"{stem}.pts"
    read = read_pts(pts_path)
    np.testing.assert_allclose(read, face.points_image, rtol=0, atol=1e-6)
    copy = find_photo(pts_path)
    assert copy.read_bytes() == shot.photo.read_bytes()


def test_several_faces_have_a_pts_and_a_photo_each(make_shot, tmp_path):
    shot, faces = make_shot("sub/a.png"), [make_face(left) for left in (5, 50, 90)]
    results.PtsFiles(tmp_path / "pts").write(shot, faces)
    assert len(list_tree(tmp_path / "pts")) == 6
    for number, face in enumerate(faces, start=1):
        pts_path = tmp_path / "pts" / "sub" / f"a@{number}.pts"
        read = read_pts(pts_path)
        np.testing.assert_allclose(read, face.points_image, rtol=0, atol=1e-6)
        assert find_photo(pts_path).read_bytes() == shot.photo.read_bytes()


def test_pts_of_frames_stand_beside_the_frame(tmp_path):
    writer = results.PtsFiles(tmp_path)
    writer.write(make_frame(0), [make_face(20)])
    writer.write(make_frame(1), [make_face(20), make_face(80)])
    stems = ["clip_000001", "clip_000002@1", "clip_000002@2"]
    assert list_tree(tmp_path) == sorted(
        f"{stem}{suffix}" for stem in stems for suffix in (".png", ".pts")
    )
    for stem, index in zip(stems, (0, 1, 1), strict=True):
        found = read_image(tmp_path / f"{stem}.png")
        np.testing.assert_array_equal(found, make_image(index))


def test_photo_without_a_face_has_no_pts(make_shot, tmp_path):
    results.PtsFiles(tmp_path / "pts").write(make_shot("a.png"), [])
    assert not (tmp_path / "pts").exists()


def test_names_that_are_no_text_are_written(make_shot, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    shot, faces = make_shot(name), [make_face(20)]
    writers = [
        results.TextFiles(tmp_path / "txt"),
        results.PtsFiles(tmp_path / "pts"),
        results.DrawnImages(tmp_path / "drawn"),
        results.JsonLines(tmp_path / "found.jsonl"),
    ]
    for writer in writers:
        writer.write(shot, faces)
        writer.close()
    assert os.listdir(os.fsencode(tmp_path / "txt")) == [b"caf\xe9.txt"]
    assert len(list_tree(tmp_path / "pts")) == 2
    text = (tmp_path / "txt" / os.fsdecode(b"caf\xe9.txt")).read_bytes()
    assert text.startswith(b"caf\xe9.png\n")
    assert read_lines(tmp_path / "found.jsonl")[0]["name"] == name


def read_lines(path):
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_json_tells_spread_error_and_pose_where_they_are_known(make_shot):
    face = make_face(20)._replace(
        points_image=mean_face()[:, :2] * 40 + 100,
        spread=np.full(68, 1.234),
        expected_error=np.linspace(0.5, 7.2, 68),
    )
    line = json.loads(results.format_json(make_shot("a.png"), [face]))
    assert line["landmark_spread"] == [1.23] * 68
    assert line["landmark_error"] == np.linspace(0.5, 7.2, 68).round(2).tolist()
    # A mean face without perspective, from the front.
    np.testing.assert_allclose(line["pose"], (0, 0, 0), rtol=0, atol=5)
    face = face._replace(expected_error=np.full(68, np.nan))
    line = json.loads(results.format_json(make_shot("a.png"), [face]))
    assert line["landmark_error"] is None
    assert line["landmark_spread"] is not None
    face = face._replace(spread=np.full(68, np.nan), points_image=np.full((68, 2), 5.0))
    line = json.loads(results.format_json(make_shot("a.png"), [face]))
    assert (line["landmark_spread"], line["pose"]) == (None, None)


def test_json_line_of_a_photo(make_shot, tmp_path):
    writer = results.JsonLines(tmp_path / "new" / "found.jsonl")
    face = make_face(20)
    writer.write(make_shot("sub/a.png"), [face])
    writer.close()
    (line,) = read_lines(tmp_path / "new" / "found.jsonl")
    points = line.pop("points")
    np.testing.assert_allclose(points, face.points_image, rtol=0, atol=0.0051)
    assert len(line.pop("pose")) == 3
    assert line == {
        "name": "a.png",
        "output": "sub/a",
        "frame": None,
        "seconds": None,
        "track": None,
        "box": [33.09, 40.0, 144.5, 185.5],
        "score": 0.8765,
        "landmark_confidence": None,
        "landmark_spread": None,
        "landmark_error": None,
        "scheme": "ibug68",
    }


def test_json_lines_of_a_video(tmp_path):
    writer = results.JsonLines(tmp_path / "found.jsonl")
    writer.write(make_frame(0), [make_face(20, 0.912345, 1), make_face(80, 0.5, 2)])
    writer.write(make_frame(1), [])
    writer.write(make_frame(2), [make_face(80, 0.4, 2)])
    # Each line is whole at once, however the run ends.
    lines = read_lines(tmp_path / "found.jsonl")
    writer.close()
    keys = ("name", "frame", "seconds", "track", "landmark_confidence")
    assert [tuple(line[key] for key in keys) for line in lines] == [
        ("clip.mp4", 1, 0.0, 1, 0.9123),
        ("clip.mp4", 1, 0.0, 2, 0.5),
        ("clip.mp4", 3, 0.0667, 2, 0.4),
    ]
    assert read_lines(tmp_path / "found.jsonl") == lines


def test_texts(make_shot, tmp_path):
    writer = results.TextFiles(tmp_path / "texts")
    writer.write(make_shot("sub/a.png"), [make_face(20), make_face(80)])
    writer.write(make_shot("b.png"), [])
    lines = (tmp_path / "texts" / "sub" / "a.txt").read_text().splitlines()
    assert lines[:3] == ["a.png", "2", "33.088 40.000 144.500 185.500 0.877"]
    assert len(lines) == 2 + 2 * 2
    assert (tmp_path / "texts" / "b.txt").read_text() == "b.png\n0\n"


def test_drawing_leaves_the_image_alone():
    image, face = make_image(), make_face(50)
    drawn = results.draw(image, [face])
    np.testing.assert_array_equal(image, make_image())
    assert count_green(drawn) > 200
    # What is drawn is about the face: the left edge shows none of it.
    np.testing.assert_array_equal(drawn[:, :40], image[:, :40])
    np.testing.assert_array_equal(results.draw(image, []), image)


def test_drawn_images(make_shot, tmp_path):
    writer = results.DrawnImages(tmp_path / "drawn")
    writer.write(make_shot("sub/a.png"), [make_face(20), make_face(80)])
    writer.write(make_shot("b.png"), [make_face(20)])
    writer.write(make_shot("c.png"), [])
    names = ["b.jpg", "c.jpg", "sub/a.jpg"]
    assert list_tree(tmp_path / "drawn") == names
    counts = []
    for name in names:
        drawn = read_image(tmp_path / "drawn" / name)
        assert drawn.shape == SHAPE
        counts.append(count_green(drawn))
    one, none, two = counts
    assert two > 1.5 * one > 100 * (none + 1)


def test_drawn_video_has_all_frames(tmp_path):
    writer = results.DrawnVideo(tmp_path / "new" / "drawn.avi", 30.0)
    for index, faces in enumerate(
        [[], [make_face(20)], [make_face(20), make_face(80)]]
    ):
        writer.write(make_frame(index), faces)
    writer.close()
    count, rate, frames = video.open_video(tmp_path / "new" / "drawn.avi")
    assert (count, rate) == (3, 30.0)
    none, one, two = (count_green(frame) for _, frame in frames)
    assert two > one > none + 50


@pytest.fixture
def screen(monkeypatch):
    """(what is shown, [(image, milliseconds)]; the keys that will be pressed)."""
    shown, keys = [], []

    def show_image(title, image, milliseconds):
        shown.append((image, milliseconds))
        return keys.pop(0)

    monkeypatch.setattr(results.mosaic, "require_display", lambda: None)
    monkeypatch.setattr(results.mosaic, "show_image", show_image)
    return shown, keys


def test_window_waits_for_a_key_at_photos(make_shot, screen):
    shown, keys = screen
    keys += ["x", "q"]
    window = results.Window()
    window.write(make_shot("a.png"), [make_face(20)])
    assert not window.wants_to_quit
    window.write(make_shot("b.png"), [])
    assert window.wants_to_quit
    assert [milliseconds for _, milliseconds in shown] == [0, 0]
    np.testing.assert_array_equal(
        shown[0][0], results.draw(make_image(), [make_face(20)])
    )


def test_window_goes_on_with_a_video(screen):
    shown, keys = screen
    keys += [""] * 40
    window = results.Window()
    for index in range(40):
        window.write(make_frame(index), [])
    assert not window.wants_to_quit
    assert {milliseconds for _, milliseconds in shown} == {1}
    # From the second frame on, a corner tells how many come in a second.
    for index, (image, _) in enumerate(shown):
        changed = (image != make_image(index)).any(axis=2)
        assert changed[:30, :140].any() == (index > 0)
        assert not changed[40:].any()


def test_window_needs_a_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(InputError, match="--disp: expected a display, found none"):
        results.Window()


def test_outputs_have_places_of_their_own(tmp_path):
    targets = [tmp_path / "a.json", tmp_path / "txt" / ".." / "a.json"]
    results.refuse_overwriting([], targets[:1])
    with pytest.raises(InputError, match="expected another place for each output"):
        results.refuse_overwriting([], targets)


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("photos/a.png", True),
        ("photos/sub/../a.png", True),
        ("photos/a.jpg", False),
        ("a.png", False),
    ],
)
def test_sources_are_not_to_be_overwritten(tmp_path, target, refused):
    sources = [tmp_path / "photos" / name for name in ("a.png", "sub/b.jpg")]
    targets = [tmp_path / "found.jsonl", tmp_path / target]
    if not refused:
        results.refuse_overwriting(sources, targets)
        return
    with pytest.raises(InputError) as caught:
        results.refuse_overwriting(sources, targets)
    assert str(caught.value) == (
        f"{tmp_path / target}: expected another place to write to, found what is read, "
        "which would be overwritten"
    )


def test_corrected_points_are_not_overwritten(make_shot, tmp_path):
    shot, face = make_shot("a.png"), make_face(20)
    writer = results.PtsFiles(tmp_path / "pts")
    writer.write(shot, [face])
    written = {p.name: p.read_bytes() for p in (tmp_path / "pts").rglob("a.*")}
    writer.write(shot, [face])  # The same again is no loss.
    corrected = tmp_path / "pts" / f"{shot.output}.pts"
    corrected.write_text(corrected.read_text().replace("1", "2"))
    with pytest.raises(InputError, match="a.pts: expected a new file, found another"):
        writer.write(shot, [face])
    assert "a.png" in written
    assert (corrected.with_suffix(".png")).read_bytes() == written["a.png"]
    assert corrected.read_bytes() != written["a.pts"]


def test_other_photo_of_the_name_stays(make_shot, tmp_path):
    shot = make_shot("a.png")
    stranger = tmp_path / "pts" / f"{shot.output}.png"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"a stranger's")
    with pytest.raises(InputError, match="a.png: expected a new file, found another"):
        results.PtsFiles(tmp_path / "pts").write(shot, [make_face(20)])
    assert stranger.read_bytes() == b"a stranger's"


def test_slow_camera_gives_a_video_of_the_right_length(tmp_path):
    writer = results.DrawnVideo(tmp_path / "drawn.avi", 30.0)
    for seconds in (0.0, 0.1, 0.2):
        writer.write(make_frame()._replace(seconds=seconds), [])
    writer.close()
    assert video.open_video(tmp_path / "drawn.avi").count == 7


def test_faces_are_written_with_three_decimals(tmp_path):
    points = np.full((68, 2), (1.23456, -7.0))
    face = Face(np.array([0.5, 1, 20.25, 1000]), 0.98765, points)
    results.write_faces(tmp_path / "a.txt", "a.jpg", [face, face])
    lines = ["0.500 1.000 20.250 1000.000 0.988", " ".join(["1.235 -7.000"] * 68)]
    expected = "\n".join(["a.jpg", "2", *lines, *lines]) + "\n"
    assert (tmp_path / "a.txt").read_text() == expected


def test_no_faces_are_written_as_such(tmp_path):
    results.write_faces(tmp_path / "a.txt", "a.jpg", [])
    assert (tmp_path / "a.txt").read_text() == "a.jpg\n0\n"
