"""Extraction: from annotated photos to patches with points."""

import csv
import json
import re

import numpy as np
import pytest
from PIL import Image

from landmark.face import geometry
from landmark.face.scheme import IBUG68, find_scheme
from landmark.files import exif
from landmark.files.patches import ROTATED, read_crop, read_npts
from landmark.files.photos import read_image, write_image
from landmark.files.pts import read_pts, write_pts
from landmark.synthetic.faces import draw_face

NAME = "extract_landmark_training_data"
# EXIF orientation -> how the photo that is shown is stored.
STORED = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def read_report(folder):
    with (folder / "report.csv").open(newline="", encoding="utf-8") as report:
        return list(csv.DictReader(report))


def read_patches(folder):
    """Patch name -> (patch, points), of all patches in a folder."""
    return {
        path.stem: (read_image(path), read_npts(path.with_suffix(".npts")))
        for path in folder.glob("*.png")
    }


def write_face(folder, stem, seed=0, suffix=".png"):
    """Writes a synthetic photo with its .pts; returns both as they are on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    image, points_image = draw_face(np.random.default_rng([7, seed]), 160)
    write_image(folder / f"{stem}{suffix}", image)
    write_pts(folder / f"{stem}.pts", points_image)
    return image, read_pts(folder / f"{stem}.pts")


def write_lines(path, rows):
    path.write_text(
        "\n".join(["version: 1", f"n_points: {len(rows)}", "{", *rows, "}"])
    )


def as_fractions(box, image):
    """A box in image pixels as detectors give it: ymin xmin ymax xmax, 0..1."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (np.asarray(box) + 0.5) / (width, height, width, height)
    return y0, x0, y1, x1


@pytest.fixture(scope="module")
def extract(run_script):
    """Runs the script, without a detector unless one is given."""

    def run(*words, **flags):
        return run_script(NAME, *words, **({"face_detector_path": ""} | flags))

    return run


@pytest.fixture(scope="module")
def extracted(extract, collection, tmp_path_factory):
    """Extraction without a detector: (its folder, what it printed)."""
    folder = tmp_path_factory.mktemp("extracted") / "new" / "patches"
    done = extract(images_dirs=collection, write_path=folder)
    return folder, done.stdout


def test_every_face_gives_a_patch_and_a_rotated_copy(extracted, collection):
    folder, output = extracted
    stems = [f"{collection.name}-face_{index:02d}" for index in range(12)]
    names = [f"{stem}{copy}" for stem in stems for copy in ("", ROTATED)]
    suffixes = (".png", ".npts", ".cpts")
    expected = {f"{name}{suffix}" for name in names for suffix in suffixes}
    expected |= {"report.csv", "crop.json"}
    assert {path.name for path in folder.iterdir()} == expected
    assert "12 annotated photos, 12 tried:\n      12 kept\n" in output
    last = output.splitlines()[-1]
    assert last == f"Wrote 24 patches and report.csv to {folder}"


def test_missing_detector_is_said(extracted, detected):
    _, output = extracted
    message = "Empty --face_detector_path: faces are framed by their annotation.\n"
    assert output.startswith(message)
    *_, with_detector = detected
    assert "framed by their annotation" not in with_detector.stdout


# Trap: .cpts computed with a wrong centre.
def test_points_are_written_in_both_frames(extracted):
    folder, _ = extracted
    for path in folder.glob("*.npts"):
        npts = np.fromfile(path, "<f8")
        cpts = np.fromfile(path.with_suffix(".cpts"), "<f8")
        assert npts.shape == cpts.shape == (136,)
        np.testing.assert_allclose(cpts, 2 * npts - 1, rtol=0, atol=1e-12)


def test_patches_are_the_photos_pixels(extracted, collection):
    folder, _ = extracted
    patches = read_patches(folder)
    for photo in collection.glob("*.jpg"):
        image = read_image(photo)
        points_image = read_pts(photo.with_suffix(".pts"))
        box = geometry.face_box_from_points(points_image)
        square = geometry.square_from_box(box, 0.1)
        patch, points = patches[f"{collection.name}-{photo.stem}"]
        np.testing.assert_array_equal(patch, geometry.crop_image(image, square))
        back = geometry.from_crop(points, square)
        np.testing.assert_allclose(back, points_image, rtol=0, atol=1e-9)


def test_rotated_copies_are_rotated(extracted):
    folder, _ = extracted
    patches = read_patches(folder)
    angles = []
    for name in patches:
        if not name.endswith(ROTATED):
            upright = patches[name][1] - 0.5
            turned = patches[f"{name}{ROTATED}"][1] - 0.5
            complex_ratio = (turned @ (1, 1j)) / (upright @ (1, 1j))
            angles.append(np.degrees(np.angle(complex_ratio)))
            np.testing.assert_allclose(complex_ratio, complex_ratio[0])  # One angle.
            np.testing.assert_allclose(abs(complex_ratio), 1)
    angles = np.array(angles)[:, 0]
    assert (abs(angles) <= 45).all()
    assert angles.min() < -10
    assert angles.max() > 10


def test_report_tells_of_every_photo(extracted, collection):
    rows = read_report(extracted[0])
    assert {row["photo"] for row in rows} == {
        str(path.resolve()) for path in collection.glob("*.pts")
    }
    assert {(row["outcome"], row["detail"]) for row in rows} == {("kept", "")}


def test_extraction_is_the_same_each_time(extract, extracted, collection, tmp_path):
    # Into the same folder, it takes the same names; elsewhere, the same patches.
    first = read_patches(extracted[0])
    for folder in (tmp_path, tmp_path):
        extract(images_dirs=collection, write_path=folder)
        again = read_patches(folder)
        assert again.keys() == first.keys()
        for name, (patch, points) in again.items():
            np.testing.assert_array_equal(patch, first[name][0])
            np.testing.assert_array_equal(points, first[name][1])
    assert len(read_report(tmp_path)) == 12


@pytest.mark.parametrize("first_pixel", [0, 1])
def test_points_stay_on_what_they_mark(extract, tmp_path, first_pixel):
    # Trap: iBUG counts pixels from 1. A white dot stands at one point of each photo.
    rng = np.random.default_rng(0)
    for index in range(4):
        points_image = rng.uniform(30, 90, (68, 2))
        x, y = points_image[30] = 55.4 + index, 61.7
        rows, columns = np.mgrid[:110, :120]
        dot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 12)
        image = np.repeat(np.round(dot).astype(np.uint8)[..., None], 3, axis=2)
        write_image(tmp_path / f"dot_{index}.png", image)
        lines = [
            f"{x + first_pixel:.6f} {y + first_pixel:.6f}" for x, y in points_image
        ]
        write_lines(tmp_path / f"dot_{index}.pts", lines)
    flags = dict(jitter=0.1, max_rotate=180, first_pixel=first_pixel)
    extract(images_dirs=tmp_path, write_path=tmp_path / "patches", **flags)
    patches = read_patches(tmp_path / "patches")
    assert len(patches) == 8
    for patch, points in patches.values():
        side = patch.shape[0]
        rows, columns = np.mgrid[:side, :side]
        weights = patch[..., 0] / patch[..., 0].sum()
        centroid = (columns * weights).sum(), (rows * weights).sum()
        np.testing.assert_allclose(centroid, points[30] * side - 0.5, atol=0.3)


def test_jitter_moves_the_box_and_never_the_same_way(extract, tmp_path, extracted):
    for index in range(6):
        write_face(tmp_path / "photos", f"face_{index}", index)
    folder = tmp_path / "patches"
    flags = dict(images_dirs=tmp_path / "photos", rotate=False)
    extract(write_path=folder, jitter=0.2, **flags)
    extract(write_path=tmp_path / "plain", **flags)
    jittered, plain = read_patches(folder), read_patches(tmp_path / "plain")
    assert jittered.keys() == plain.keys()
    sizes = {name: len(jittered[name][0]) / len(plain[name][0]) for name in plain}
    assert all(0.78 < size < 1.22 for size in sizes.values())
    shifts = [
        jittered[name][1].mean(axis=0) - plain[name][1].mean(axis=0) for name in plain
    ]
    assert len(np.unique(np.round(shifts, 6), axis=0)) == 6


def test_seed_decides_what_is_random(extract, tmp_path):
    for index in range(8):
        write_face(tmp_path / "photos", f"face_{index}", index)

    def list_bytes(folder, seed):
        flags = dict(images_dirs=tmp_path / "photos", jitter=0.2, rand_factor=2)
        extract(write_path=tmp_path / folder, seed=seed, **flags)
        paths = (tmp_path / folder).glob("*.?p*")
        return {path.name: path.read_bytes() for path in paths}

    first = list_bytes("first", 5)
    assert list_bytes("again", 5) == first
    other = list_bytes("other", 6)
    assert first.keys() != other.keys()
    for name in first.keys() & other.keys():
        assert first[name] != other[name]


@pytest.mark.parametrize(
    ("flags", "ratio"),
    [({"extend": False}, 0), ({"extend_ratio": 0.5}, 0.5), ({"extend_ratio": 0}, 0)],
)
def test_extend(extract, tmp_path, flags, ratio):
    _, points_image = write_face(tmp_path / "photos", "face")
    folder = tmp_path / "patches"
    flags = flags | dict(images_dirs=tmp_path / "photos", write_path=folder)
    extract(rotate=False, **flags)
    ((patch, _),) = read_patches(folder).values()
    box = geometry.face_box_from_points(points_image)
    assert len(patch) == geometry.square_from_box(box, ratio).side


@pytest.fixture(scope="module")
def with_margin(extract, collection, tmp_path_factory):
    """Folder of the same patches as `extracted`, with a margin of 0.3."""
    folder = tmp_path_factory.mktemp("with_margin")
    extract(images_dirs=collection, write_path=folder, margin=0.3)
    return folder


def test_middle_of_a_patch_with_margin_is_the_patch_without(extracted, with_margin):
    small, large = read_patches(extracted[0]), read_patches(with_margin)
    assert small.keys() == large.keys()
    for name, (patch, points) in small.items():
        margin = round(0.3 * len(patch))
        wide, wide_points = large[name]
        assert wide.shape == (len(patch) + 2 * margin,) * 2 + (3,)
        middle = wide[margin:-margin, margin:-margin]
        if name.endswith(ROTATED):  # OpenCV interpolates at 1/32 pixels.
            assert np.abs(middle.astype(float) - patch).mean() < 1
        else:
            np.testing.assert_array_equal(middle, patch)
        # .npts are 0..1 over the whole patch.
        in_middle = (wide_points * len(wide) - margin) / len(patch)
        np.testing.assert_allclose(in_middle, points, rtol=0, atol=1e-9)


def test_margin_shows_more_of_the_photo(with_margin, collection):
    patches = read_patches(with_margin)
    for photo in collection.glob("*.jpg"):
        points_image = read_pts(photo.with_suffix(".pts"))
        box = geometry.face_box_from_points(points_image)
        square = geometry.add_margin(geometry.square_from_box(box, 0.1), 0.3)
        patch, points = patches[f"{collection.name}-{photo.stem}"]
        expected = geometry.crop_image(read_image(photo), square)
        np.testing.assert_array_equal(patch, expected)
        back = geometry.from_crop(points, square)
        np.testing.assert_allclose(back, points_image, rtol=0, atol=1e-9)


def test_margin_is_noted(extracted, with_margin):
    for folder, margin in ((extracted[0], 0.0), (with_margin, 0.3)):
        note = json.loads((folder / "crop.json").read_text())
        assert (note["version"], note["scheme"]) == (1, "ibug68")
        assert (note["margin"], note["extension"]) == (margin, 0.1)
        assert read_crop(folder)[:3] == (IBUG68, margin, 0.1)


@pytest.mark.parametrize(("first", "second"), [(0.3, 0.2), (0.3, None), (None, 0.3)])
def test_folder_keeps_one_margin(extract, tmp_path, first, second):
    write_face(tmp_path / "photos", "face")
    folder = tmp_path / "patches"
    flags = dict(images_dirs=tmp_path / "photos", write_path=folder, rotate=False)
    extract(margin=first, **flags)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = extract(margin=second, status=1, **flags)
    message = f"expected a margin of {second or 0.0}, found patches of {first or 0.0}"
    assert f"{NAME}.py: {folder / 'crop.json'}: {message}" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    extract(margin=first, **flags)


def test_rand_factor_keeps_some_photos(extract, extracted, collection, tmp_path):
    flags = dict(images_dirs=collection, write_path=tmp_path, rotate=False)
    done = extract(rand_factor=3, **flags)
    kept, all_patches = read_patches(tmp_path), read_patches(extracted[0])
    assert 0 < len(kept) < 9
    assert f"12 annotated photos, {len(kept)} tried:" in done.stdout
    for name, (patch, _) in kept.items():
        np.testing.assert_array_equal(patch, all_patches[name][0])


# Trap: same base names in two folders overwrote each other.
def test_same_names_in_two_folders_do_not_collide(extract, tmp_path):
    folders = ["one/afw", "two/afw", "one/afw/x", "one/afw-x"]
    truth = {}
    for seed, folder in enumerate(folders):
        image, points_image = write_face(tmp_path / folder, "face_1", seed)
        square = geometry.square_from_box(
            geometry.face_box_from_points(points_image), 0.1
        )
        truth[str((tmp_path / folder / "face_1.pts").resolve())] = geometry.crop_image(
            image, square
        )
    # One of them is also given twice, and by its parent: it is still one photo.
    dirs = ["one/afw", "two/afw", "one/afw-x", "one/afw", "one/afw/x"]
    dirs = ",".join(str(tmp_path / folder) for folder in dirs)
    folder = tmp_path / "patches"
    for _ in range(2):  # Again into the same folder: the names stay.
        extract(images_dirs=dirs, write_path=folder, rotate=False)
        patches, rows = read_patches(folder), read_report(folder)
        assert len(patches) == len(rows) == 4
        for row in rows:
            np.testing.assert_array_equal(patches[row["patch"]][0], truth[row["photo"]])
    assert "afw-face_1" in patches


def test_later_photos_do_not_overwrite_earlier_ones(extract, tmp_path):
    folder = tmp_path / "patches"
    for seed, name in enumerate(["one", "two"]):
        write_face(tmp_path / name / "afw", "face_1", seed)
        images_dirs = tmp_path / name / "afw"
        extract(images_dirs=images_dirs, write_path=folder, rotate=False)
    assert len(read_patches(folder)) == 2
    assert len({row["photo"] for row in read_report(folder)}) == 2


# Trap: a crop clipped at the photo's border and then resized squashes the face.
def test_patch_at_the_border_is_padded(extract, tmp_path):
    image = np.random.default_rng(0).integers(1, 256, (100, 100, 3), np.uint8)
    write_image(tmp_path / "face.png", image)
    points_image = np.random.default_rng(1).uniform((0, 20), (60, 80), (68, 2))
    points_image[:2] = (0, 20), (60, 80)
    write_pts(tmp_path / "face.pts", points_image)
    flags = dict(extend_ratio=0.5, rotate=False)
    extract(images_dirs=tmp_path, write_path=tmp_path / "patches", **flags)
    ((patch, points),) = read_patches(tmp_path / "patches").values()
    side = len(patch)
    left, top = np.round(points_image[0] - points[0] * side + 0.5).astype(int)
    assert side > 110
    assert left < 0
    for x, y in ((0, 50), (40, 30), (60, 80)):
        np.testing.assert_array_equal(patch[y - top, x - left], image[y, x])
    assert not patch[:, :-left].any()


@pytest.fixture(scope="module")
def broken(extract, tmp_path_factory):
    """A collection with every kind of mistake, extracted: (folder, output)."""
    folder = tmp_path_factory.mktemp("broken")
    photos = folder / "photos"
    write_face(photos, "good")
    _, points_image = write_face(photos, "truncated", suffix=".jpg")
    photo = photos / "truncated.jpg"
    photo.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    rows = [f"{x} {y}" for x, y in points_image]
    for name, lines in {
        "text": rows,
        "profile": rows[:39],
        "66": rows[:66],
        "nan": ["nan 5", *rows[1:]],
        "alone": rows,
    }.items():
        write_face(photos, name)
        write_lines(photos / f"{name}.pts", lines)
    (photos / "text.png").write_text("This is a text.\n")
    (photos / "alone.png").unlink()
    done = extract(images_dirs=photos, write_path=folder / "patches", status=3)
    return folder / "patches", done


def test_broken_photos_are_dropped_and_the_rest_goes_on(broken):
    folder, done = broken
    assert set(read_patches(folder)) == {"photos-good", "photos-good@rotated"}
    assert len(list(folder.iterdir())) == 2 * 3 + 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "outcome", "detail"),
    [
        ("good", "kept", ""),
        ("truncated", "photo unreadable", "truncated.jpg: expected a whole picture"),
        ("text", "photo unreadable", "text.png: expected a whole picture"),
        (
            "profile",
            "profile face of 39 points",
            "ibug68, found 39, as scheme menpo39 has",
        ),
        (
            "66",
            "not 68 points",
            "66.pts: expected the 68 points of scheme ibug68, found 66",
        ),
        ("nan", "points unreadable", "nan.pts: expected two finite numbers"),
        ("alone", "no photo beside the .pts", "alone.pts"),
    ],
)
def test_report_says_why(broken, name, outcome, detail):
    folder, done = broken
    (row,) = [row for row in read_report(folder) if row["patch"] == f"photos-{name}"]
    assert row["outcome"] == outcome
    assert detail in row["detail"]
    if outcome != "kept":
        assert f"dropped photos-{name}: {outcome}: {row['detail']}\n" in done.stdout


def test_report_counts_each_reason(broken):
    _, done = broken
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "7 annotated photos, 7 tried:" in lines
    for count in (
        "1 kept",
        "1 no photo beside the .pts",
        "2 photo unreadable",
        "1 points unreadable",
        "1 not 68 points",
        "1 profile face of 39 points",
    ):
        assert count in lines


@pytest.mark.parametrize(
    ("scale", "shift"),
    [(1, 5000), (0, 80), (1e6, 0)],
    ids=["beside the photo", "all in one place", "larger than the photo"],
)
def test_points_that_are_not_of_the_photo(extract, tmp_path, scale, shift):
    write_face(tmp_path / "photos", "good")
    _, points_image = write_face(tmp_path / "photos", "stray")
    stray = points_image * scale + shift
    write_pts(tmp_path / "photos" / "stray.pts", stray)
    flags = dict(images_dirs=tmp_path / "photos", write_path=tmp_path / "patches")
    done = extract(rotate=False, status=3, **flags)
    assert "dropped photos-stray: points outside the photo: box" in done.stdout
    assert set(read_patches(tmp_path / "patches")) == {"photos-good"}


def test_nothing_kept_is_a_failure(extract, tmp_path):
    write_face(tmp_path, "face")
    write_lines(tmp_path / "face.pts", ["1 2"] * 66)
    folder = tmp_path / "patches"
    done = extract(images_dirs=tmp_path, write_path=folder, status=1)
    assert f"{folder}: expected patches, found that none was kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert "not 68 points" in done.stdout
    assert {path.name for path in folder.iterdir()} == {"crop.json", "report.csv"}


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("empty", "expected photos with .pts files, found no .pts"),
        ("gone", "found none"),
    ],
)
def test_empty_or_missing_folder(extract, tmp_path, folder, message):
    (tmp_path / "empty").mkdir()
    target = tmp_path / "patches"
    done = extract(images_dirs=tmp_path / folder, write_path=target, status=1)
    assert f"{tmp_path / folder}: expected " in done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not target.exists()


@pytest.mark.parametrize(
    ("words", "flags", "message"),
    [
        (["stray"], {}, "expected only flags, found: stray"),
        ([], {"images_dirs": None}, "expected --images_dirs, found none"),
        (
            [],
            {"min_conf": 2},
            "--min_conf: expected a number in the range [0.0, 1.0], found '2'",
        ),
        ([], {"min_overlap": "much"}, "--min_overlap: expected a number in"),
        ([], {"extend_ratio": -0.1}, "--extend_ratio: expected a non-negative number"),
        ([], {"rand_factor": 0.5}, "--rand_factor: expected a number >= 1.0"),
        ([], {"first_pixel": 2}, "--first_pixel: expected an integer in"),
        ([], {"margin": -0.1}, "--margin: expected a number in the range [0.0, 1.0]"),
        ([], {"margin": 1.1}, "--margin: expected a number in the range [0.0, 1.0]"),
        (
            [],
            {"extend": "perhaps"},
            "--extend: expected true or false, found 'perhaps'",
        ),
        ([], {"extends": True}, "found --extends; did you mean --extend"),
    ],
)
def test_wrong_flags_are_refused(extract, tmp_path, words, flags, message):
    flags = dict(images_dirs=tmp_path, write_path=tmp_path / "patches") | flags
    done = extract(*words, status=1, **flags)
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "patches").exists()


def test_wrong_flags_can_be_checked_alone(extract, tmp_path):
    flags = dict(images_dirs=tmp_path, write_path=tmp_path / "patches")
    extract("--only_check_args", **flags)
    assert not (tmp_path / "patches").exists()


def test_help_shows_what_the_script_reads(extract):
    done = extract("--help")
    for flag in ("images_dirs", "write_path", "min_conf", "min_overlap", "[no]extend"):
        assert f"\n  --{flag}" in done.stdout
    assert "--landmark_checkpoint_path" not in done.stdout
    # The detector that comes with the toolkit.
    assert re.search("face_detector_path=.*pretrained/face_ssd_photo\n", done.stdout)


@pytest.fixture(scope="module")
def detected(extract, write_detector_graph, tmp_path_factory):
    """Photos of which two have a detection: (folder, graph, image of "found")."""
    folder = tmp_path_factory.mktemp("detected")
    image, points_image = write_face(folder / "photos", "found")
    write_face(folder / "photos", "small")
    small = 0.05 * points_image + 0.95 * points_image.mean(axis=0)
    write_pts(folder / "photos" / "small.pts", small)
    box = geometry.face_box_from_points(points_image) + (-3.3, -2.1, 4.2, 1.7)
    boxes = [as_fractions(box, image), (0.0, 0.0, 0.1, 0.1)]
    # The annotated face need not have the best score.
    graph = write_detector_graph(folder / "graph.pb", np.array(boxes), [0.6, 0.65])
    flags = dict(images_dirs=folder / "photos", face_detector_path=graph)
    done = extract(write_path=folder / "patches", rotate=False, status=3, **flags)
    return folder, graph, image, done


def test_detection_must_overlap_the_landmarks(detected):
    folder, _, _, done = detected
    rows = {row["patch"]: row for row in read_report(folder / "patches")}
    assert rows["photos-found"]["outcome"] == "kept"
    assert rows["photos-small"]["outcome"] == "overlap too small"
    assert rows["photos-small"]["detail"] == "0.00"
    assert "       1 overlap too small\n" in done.stdout
    assert set(read_patches(folder / "patches")) == {"photos-found"}


# Trap: the detector's box at training and at inference differ.
def test_detection_sees_the_patch_of_extraction(detected):
    from landmark.detection.frozen import FaceDetector
    from landmark.live.landmarker import FaceLandmarker

    folder, graph, image, _ = detected
    patch, _ = read_patches(folder / "patches")["photos-found"]

    class Model:
        input_size = len(patch)

        def predict_with_spread(self, patches):
            self.patches = patches
            return np.zeros((len(patches), 68, 2)), np.ones((len(patches), 68))

    model = Model()
    landmarker = FaceLandmarker(FaceDetector(graph), model, extend_ratio=0.1)
    faces = landmarker.find_faces(image)
    assert [round(face.score, 2) for face in faces] == [0.65, 0.6]
    np.testing.assert_array_equal(model.patches[1], patch)


# Trap: a hard-coded 0.5 that masks min_conf.
def test_min_conf_drops_what_is_below(extract, detected, tmp_path):
    folder, graph, _, _ = detected
    flags = dict(images_dirs=folder / "photos", face_detector_path=graph)
    done = extract(write_path=tmp_path, min_conf=0.7, status=1, **flags)
    rows = read_report(tmp_path)
    assert [row["outcome"] for row in rows] == ["no detection"] * 2
    assert {row["detail"] for row in rows} == {"the detector is sure of no face"}
    assert "found that none was kept" in done.stderr


def test_file_that_is_no_graph(extract, collection, tmp_path):
    graph = tmp_path / "graph.pb"
    graph.write_text("This is a text.\n" * 9)
    folder = tmp_path / "patches"
    flags = dict(images_dirs=collection, write_path=folder, face_detector_path=graph)
    done = extract(status=1, **flags)
    assert f"{NAME}.py: {graph}: expected a frozen graph (.pb), found" in done.stderr
    assert "Traceback" not in done.stderr
    assert not folder.exists()


@pytest.mark.parametrize("name", ["gone.pb", "gone.tflite"])
def test_detector_that_is_not_there(extract, collection, tmp_path, name):
    flags = dict(images_dirs=collection, write_path=tmp_path / "patches")
    done = extract(face_detector_path=tmp_path / name, status=1, **flags)
    assert f"{NAME}.py: {tmp_path / name}: expected a file, found none" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "patches").exists()


def test_report_that_another_program_wrote(extract, collection, tmp_path):
    (tmp_path / "report.csv").write_text("date,sum\n2020,7\n")
    done = extract(images_dirs=collection, write_path=tmp_path, status=1)
    assert f"{tmp_path / 'report.csv'}: expected " in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "report.csv").read_text() == "date,sum\n2020,7\n"


def test_patches_of_an_earlier_run_agree_with_the_report(extract, tmp_path):
    # What is dropped now must not go into training because it was kept before.
    write_face(tmp_path / "photos", "kept")
    _, points_image = write_face(tmp_path / "photos", "dropped")
    flags = dict(images_dirs=tmp_path / "photos", write_path=tmp_path / "patches")
    extract(**flags)
    assert len(read_patches(tmp_path / "patches")) == 4
    rows = [f"{x} {y}" for x, y in points_image[:66]]
    write_lines(tmp_path / "photos" / "dropped.pts", rows)
    extract(rotate=False, status=3, **flags)
    outcomes = {
        row["patch"]: row["outcome"] for row in read_report(tmp_path / "patches")
    }
    assert outcomes == {"photos-kept": "kept", "photos-dropped": "not 68 points"}
    assert set(read_patches(tmp_path / "patches")) == {"photos-kept"}


# Other schemes, and missing points.

FIVE = find_scheme("five")


def write_scheme_face(folder, stem, seed=0, scheme=FIVE, mark=None, missing=()):
    """Writes a synthetic photo of a scheme, a mark for points that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    image, points_image = draw_face(np.random.default_rng([8, seed]), 160, scheme)
    write_image(folder / f"{stem}.png", image)
    rows = [f"{x + 1} {y + 1}" for x, y in points_image]
    for index in missing:
        rows[index] = mark
    write_lines(folder / f"{stem}.pts", rows)
    return points_image


def read_scheme_points(folder, name):
    return read_npts(folder / f"{name}.npts", FIVE)


def test_points_of_another_scheme(extract, tmp_path):
    photos, folder = tmp_path / "photos", tmp_path / "patches"
    points_image = write_scheme_face(photos, "a")
    write_face(photos, "of_68")
    flags = dict(images_dirs=photos, write_path=folder)
    done = extract(scheme="five", status=3, **flags)
    assert read_crop(folder).scheme == FIVE
    points = read_scheme_points(folder, "photos-a")
    assert points.shape == (5, 2)
    assert not np.isnan(points).any()
    image = read_image(photos / "a.png")
    box = geometry.face_box_from_points(points_image, FIVE)
    square = geometry.square_from_box(box, 0.1)
    np.testing.assert_array_equal(
        read_image(folder / "photos-a.png"), geometry.crop_image(image, square)
    )
    np.testing.assert_allclose(geometry.from_crop(points, square), points_image)
    assert read_scheme_points(folder, f"photos-a{ROTATED}").shape == (5, 2)
    assert (
        "dropped photos-of_68: not 5 points: "
        f"{photos / 'of_68.pts'}: expected the 5 points of scheme five, found 68, as "
        "scheme ibug68 has\n"
    ) in done.stdout
    # Patches of two schemes do not go into one folder.
    done = extract(status=1, **flags)
    assert (
        f"{folder / 'crop.json'}: expected points of scheme ibug68, found five; write "
        "into another folder"
    ) in done.stderr


def test_own_scheme_of_a_file(extract, tmp_path):
    path = tmp_path / "own.txt"
    path.write_text(FIVE.definition.replace("name five", "name ours"))
    write_scheme_face(tmp_path / "photos", "a")
    folder = tmp_path / "patches"
    flags = dict(images_dirs=tmp_path / "photos", rotate=False)
    extract(scheme=path, write_path=folder, **flags)
    path.unlink()  # The patches know it themselves.
    scheme = read_crop(folder).scheme
    assert (scheme.name, scheme.num_points) == ("ours", 5)
    path.write_text("name ours\npoints five\n")
    done = extract(scheme=path, write_path=tmp_path / "other", status=1, **flags)
    assert f"{path}, line 2: expected a number of points from 2 to 10000" in done.stderr
    assert not (tmp_path / "other").exists()
    done = extract(scheme="six", write_path=tmp_path / "other", status=1, **flags)
    assert "expected a scheme, one of five, ibug49" in done.stderr
    assert not (tmp_path / "other").exists()


def test_missing_points_are_not_of_the_face(extract, tmp_path):
    photos, folder = tmp_path / "photos", tmp_path / "patches"
    truth = {
        name: write_scheme_face(photos, name, seed, FIVE, mark, missing)
        for seed, (name, mark, missing) in enumerate(
            [
                ("one", "-1 -1", [2]),
                ("two", "0 0", [0, 4]),
                ("nan", "nan nan", [1]),
                ("most", "-1 -1", [0, 1, 2]),
                ("all", "nan nan", range(5)),
                ("half", "nan 7", [1]),
            ]
        )
    }
    flags = dict(images_dirs=photos, write_path=folder, scheme="five")
    done = extract("--missing=-1,-1", "--missing=0,0", status=3, **flags)
    assert "warning" not in done.stderr
    rows = {row["patch"].partition("-")[2]: row for row in read_report(folder)}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        **dict.fromkeys(("one", "two", "nan"), "kept"),
        **dict.fromkeys(("most", "all"), "too many points missing"),
        "half": "points unreadable",
    }
    assert rows["most"]["detail"] == "2 of 5 known"
    assert rows["all"]["detail"] == "0 of 5 known"
    for name, missing in (("one", [2]), ("two", [0, 4]), ("nan", [1])):
        for copy in ("", ROTATED):
            points = read_scheme_points(folder, f"photos-{name}{copy}")
            is_missing = np.isnan(points)
            assert np.flatnonzero(is_missing.all(axis=1)).tolist() == missing
            assert is_missing.sum() == 2 * len(missing)
        # They do not stretch the crop.
        kept = truth[name].copy()
        kept[missing] = np.nan
        box = geometry.face_box_from_points(kept, FIVE)
        side = geometry.square_from_box(box, 0.1).side
        assert read_image(folder / f"photos-{name}.png").shape == (side, side, 3)
    assert not (folder / "photos-most.png").exists()


def test_third_number_tells_what_is_visible(extract, tmp_path):
    photos, folder = tmp_path / "photos", tmp_path / "patches"
    points_image = write_scheme_face(photos, "a")
    rows = [f"{x + 1} {y + 1} {i != 3:d}" for i, (x, y) in enumerate(points_image)]
    write_lines(photos / "a.pts", rows)
    flags = dict(images_dirs=photos, write_path=folder, scheme="five", rotate=False)
    extract(missing="visibility", **flags)
    points = read_scheme_points(folder, "photos-a")
    assert np.flatnonzero(np.isnan(points[:, 0])).tolist() == [3]
    done = extract(status=1, **flags | {"write_path": tmp_path / "other"})
    assert "expected two finite numbers in a line" in done.stdout
    done = extract(missing="hidden", status=1, **flags)
    assert (
        "--missing: expected two numbers X,Y or visibility, found 'hid" in done.stderr
    )


def test_what_looks_like_a_mark_is_warned_of(extract, tmp_path):
    photos, folder = tmp_path / "photos", tmp_path / "patches"
    write_scheme_face(photos, "a", 0, FIVE, "-1 -1", [4])
    write_scheme_face(photos, "b", 1, FIVE, "-1 -1", [4])
    write_scheme_face(photos, "c", 2)
    flags = dict(images_dirs=photos, scheme="five", rotate=False)
    done = extract(write_path=folder, **flags)
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    assert warnings == [
        f"warning: 2 files with a point at -1 -1, or several, as {photos / 'a.pts'}: "
        "if it stands for a missing point, give --missing=-1,-1 and another "
        "--write_path"
    ]
    done = extract("--missing=-1,-1", write_path=tmp_path / "other", **flags)
    assert "warning" not in done.stderr


def test_what_a_list_drops_is_not_extracted(extract, collection, tmp_path):
    names = [f"{collection.name}-face_{index:02d}" for index in (3, 5)]
    drop = tmp_path / "drop.txt"
    drop.write_text("\n".join(["# Why: swapped.", *names, "gone", "away"]))
    folder = tmp_path / "patches"
    flags = dict(images_dirs=collection, write_path=folder, rotate=False)
    extract(**flags)
    done = extract(**flags, drop_list=drop)  # What was there goes, too.
    assert f"dropped {names[0]}: in --drop_list" in done.stdout
    assert f"{drop}: no patch of 2 names: 'away, gone'\n" in done.stdout
    assert "      10 kept\n       2 in --drop_list\n" in done.stdout
    found = {path.stem for path in folder.glob("*.png")}
    assert len(found) == 10
    assert not found & set(names)
    done = extract(**flags, drop_list=tmp_path / "none.txt", status=1)
    assert "none.txt: expected a file, found none" in done.stderr


def test_points_of_photos_as_they_are_stored(extract, tmp_path):
    """Of photos that EXIF turns, patches are the same in any frame of the points."""
    patches = {}
    for frame in exif.FRAMES:
        folder = tmp_path / frame / "photos"
        folder.mkdir(parents=True)
        for number, (orientation, turn) in enumerate(STORED.items()):
            photo, points = draw_face(np.random.default_rng([3, number]))
            size, stored = photo.shape[1::-1], Image.fromarray(photo)
            if turn is not None:
                stored = stored.transpose(turn)
            tag = Image.Exif()
            tag[0x0112] = orientation
            stored.save(folder / f"{number}.png", exif=tag)
            if frame != exif.SHOWN:
                points = exif.to_stored(points, orientation, size, IBUG68)
            write_pts(folder / f"{number}.pts", points)
        flags = dict(images_dirs=folder, write_path=folder.with_name("patches"))
        done = extract(**flags, exif=frame)
        if frame == exif.AUTO:
            said = "4 photos that EXIF turns; of 4 asked, the points of 0 fit as shown"
            assert said in done.stdout
            assert "--exif=stored" in done.stdout
        else:
            assert "EXIF" not in done.stdout
        patches[frame] = {
            path.name: path.read_bytes()
            for path in folder.with_name("patches").glob("*.np*")
        }
    assert len(patches[exif.SHOWN]) == 10
    for name, content in patches[exif.SHOWN].items():
        expected = np.frombuffer(content, "<f8")
        for frame in (exif.STORED, exif.AUTO):
            found = np.frombuffer(patches[frame][name], "<f8")
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_points_that_fit_nowhere_are_warned_of(extract, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(24):
        photo, points = draw_face(np.random.default_rng([4, number]), 160)
        write_image(folder / f"{number}.jpg", photo)
        write_pts(folder / f"{number}.pts", points[IBUG68.mirror])
    flags = dict(images_dirs=folder, write_path=tmp_path / "patches", rotate=False)
    done = extract(**flags)
    assert "warning: " in done.stderr
    assert "left and right" in done.stderr
