"""Packing patches into training and validation records."""

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from conftest import PROJECT

from landmark.dataset import pipeline, records, tfrecord
from landmark.face import geometry
from landmark.files.patches import Crop, read_npts, write_crop, write_patch
from landmark.files.photos import read_image, write_image
from landmark.synthetic.faces import draw_face, draw_patches

NAME = "make_landmark_tfrecord"


def write_patches(folder, names, side=40):
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        rng = np.random.default_rng(index)
        patch = rng.integers(0, 256, (side, side, 3), np.uint8)
        write_patch(folder / name, patch, rng.uniform(0, 1, (68, 2)))


def read_records(path, size):
    """name -> (patch, points)."""
    patches, points, names = records.parse_batch(
        tf.stack(list(tf.data.TFRecordDataset(str(path)))), records.Header(size)
    )
    names = [name.decode() for name in names.numpy()]
    return dict(
        zip(names, zip(patches.numpy(), points.numpy(), strict=True), strict=True)
    )


@pytest.fixture(scope="module")
def packed(run_script, tmp_path_factory):
    """Patches packed with most defaults: (their folder, what was printed)."""
    folder = tmp_path_factory.mktemp("packed") / "patches.1"
    photos = [f"afw-10000{photo:02d}_{face}" for photo in range(8) for face in (1, 2)]
    subjects = [
        f"pie-{subject:03d}_01_01_051_{n:02d}" for subject in (1, 2) for n in (6, 7)
    ]
    names = [f"{name}{copy}" for name in photos + subjects for copy in ("", "@rotated")]
    write_patches(folder, names)
    # What cannot be read is dropped, and said.
    write_patches(folder, ["no_points", "short_points", "half"])
    (folder / "no_points.npts").unlink()
    (folder / "short_points.npts").write_bytes(bytes(100))
    photo = folder / "half.png"
    photo.write_bytes(photo.read_bytes()[:500])
    write_image(folder / "oblong.png", np.zeros((40, 30, 3), np.uint8))
    flags = dict(size=32, use_gray=True, train_ratio=0.7)
    done = run_script(NAME, data_path=folder, status=3, **flags)
    return folder, names, done


def sides_of(folder, size=32):
    stems = [f"{folder}.{size}.{side}.tfrecord" for side in ("train", "val")]
    return [read_records(path, size) for path in stems]


def test_all_patches_are_packed_once(packed):
    folder, names, _ = packed
    train, val = sides_of(folder)
    assert sorted([*train, *val]) == sorted(names)
    for name, (patch, points) in (train | val).items():
        expected = geometry.resize_patch(read_image(folder / f"{name}.png"), 32)
        np.testing.assert_array_equal(patch, expected)
        expected = np.float32(read_npts(folder / f"{name}.npts"))
        np.testing.assert_array_equal(points, expected)


# Trap: a random split that puts a photo on one side and its rotated copy on the other.
def test_copies_and_subjects_stay_on_one_side(packed):
    train, val = sides_of(packed[0])
    groups = [
        {name[:11] if "afw" in name else name[:7] for name in side}
        for side in (train, val)
    ]
    assert groups[0].isdisjoint(groups[1])
    assert len(groups[0]) + len(groups[1]) == 10


def test_what_was_dropped_is_named(packed):
    folder, _, done = packed
    for message in (
        "no_points.npts: expected a file, found none",
        "short_points.npts: expected 1088 bytes, of scheme ibug68, found 100",
        "half.png: expected a whole picture, found",
        "oblong.png: expected a square patch, found 30 x 40",
    ):
        assert f"dropped {folder}/{message}" in done.stdout


def test_last_lines_say_what_was_written(packed):
    folder, _, done = packed
    train, val = sides_of(folder)
    # Eight photos and two subjects, of which nothing was lost.
    groups = [
        len({name[:11] if "afw" in name else name[:7] for name in side})
        for side in (train, val)
    ]
    for line, title, side, count, end in zip(
        done.stdout.splitlines()[-2:],
        ("training", "validation"),
        (train, val),
        groups,
        ("train", "val"),
        strict=True,
    ):
        photos = "1 photo" if count == 1 else f"{count} photos"
        assert line == (
            f"Wrote {len(side)} {title} patches of {photos} to "
            f"{folder}.32.{end}.tfrecord"
        )
    assert {path.name for path in folder.parent.iterdir()} == {
        "patches.1",
        "patches.1.32.train.tfrecord",
        "patches.1.32.val.tfrecord",
    }


def test_use_gray_warns_and_keeps_the_colours(packed):
    folder, _, done = packed
    assert "\nwarning: --use_gray is deprecated" in f"\n{done.stderr}"
    train, _ = sides_of(folder)
    assert any((patch[..., 0] != patch[..., 1]).any() for patch, _ in train.values())


def test_outputs_may_be_named_and_the_rest_is_default(run_script, tmp_path):
    folder = tmp_path / "patches"
    write_patches(folder, [f"lfpw-image_{index:04d}" for index in range(20)])
    train = tmp_path / "new" / "a.tfrecord"
    # A slash at its end is no part of the folder's name.
    run_script(NAME, data_path=f"{folder}/", train_tfr_path=train)
    counts = [
        records.check_records(path, 56).count
        for path in (train, f"{folder}.56.val.tfrecord")
    ]
    assert sum(counts) == 20
    assert counts[0] > counts[1] > 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "patches",
        "new",
        "patches.56.val.tfrecord",
    }


def test_whole_files(run_script, tmp_path):
    folder = tmp_path / "patches"
    write_patches(folder, ["a", "b", "c"])
    for ratio, written, empty in ((1, "train", "val"), (0, "val", "train")):
        done = run_script(NAME, data_path=folder, train_ratio=ratio, size=32)
        path = tmp_path / f"patches.32.{written}.tfrecord"
        assert records.check_records(path).count == 3
        path.unlink()
        name = f"patches.32.{empty}.tfrecord is not written"
        assert name in done.stdout
        assert [path.name for path in tmp_path.iterdir()] == ["patches"]


def test_val_list(run_script, tmp_path):
    folder, listed = tmp_path / "patches", tmp_path / "list.txt"
    write_patches(folder, ["a", "b", "b@rotated", "c"])
    listed.write_text("b\nd\n")
    done = run_script(NAME, data_path=folder, val_list=listed, size=32)
    train, val = sides_of(folder)
    assert (set(train), set(val)) == ({"a", "c"}, {"b", "b@rotated"})
    assert "no patch of 1 name: 'd'" in done.stdout
    listed.write_text("d\n")
    done = run_script(NAME, data_path=folder, val_list=listed, status=1)
    assert "list.txt: expected names of patches, found 1 name" in done.stderr
    done = run_script(NAME, data_path=folder, val_list="", status=1)
    assert "expected a file, found" in done.stderr
    done = run_script(
        NAME, data_path=folder, val_list=listed, train_ratio=0.5, status=1
    )
    assert "expected --val_list or --train_ratio, found both" in done.stderr


def test_photos_without_points_are_not_packed(run_script, tmp_path):
    # As when the folder of the photos is given, not the one of the patches.
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_image(folder / f"{name}.png", np.zeros((40, 40, 3), np.uint8))
    done = run_script(NAME, data_path=folder, status=1)
    assert ".npts: expected a file, found none" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [folder]


def test_empty_or_missing_folder(run_script, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("empty", "expected patches (.png), found none"),
        ("gone", "expected a folder, found none"),
    ):
        done = run_script(NAME, data_path=tmp_path / name, status=1)
        assert f"{NAME}.py: {tmp_path / name}: {message}\n" in done.stderr
        assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize(
    ("words", "flags", "message"),
    [
        (["stray"], {}, "expected only flags, found: stray"),
        ([], {"data_path": None}, "expected --data_path or --verify, found none"),
        ([], {"size": 4}, "--size: expected an integer >= 16, found '4'"),
        ([], {"verify": "a"}, "expected --data_path or --verify, found both"),
        ([], {"num_shards": 0}, "--num_shards: expected an integer"),
        ([], {"size": "large"}, "--size: expected an integer >= 16, found 'large'"),
        ([], {"train_ratio": 1.5}, "--train_ratio: expected a number in the range"),
    ],
)
def test_wrong_flags_are_refused(run_script, tmp_path, words, flags, message):
    flags = {"data_path": tmp_path} | flags
    done = run_script(NAME, *words, status=1, **flags)
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_patches_with_margin(run_script, tmp_path):
    folder = tmp_path / "patches"
    folder.mkdir()
    write_crop(folder, Crop(margin=0.3))
    truth = {}
    for index in range(6):
        rng = np.random.default_rng([6, index])
        image, points_image = draw_face(rng)
        box = geometry.face_box_from_points(points_image)
        square = geometry.square_from_box(box, 0.1)
        wide = geometry.add_margin(square, 0.3)
        patch = geometry.crop_image(image, wide)
        write_patch(
            folder / f"face_{index}", patch, geometry.to_crop(points_image, wide)
        )
        truth[f"face_{index}"] = patch, points_image, square
    run_script(NAME, data_path=folder, train_ratio=0.5)
    # 0.3 * 56 is 16.8, which makes 17 pixels on each side.
    for side in ("train", "val"):
        path = f"{folder}.56.{side}.tfrecord"
        assert records.check_records(path, 56).header[:2] == (56, 17)
    train, val = (
        read_records(f"{folder}.56.{side}.tfrecord", 56 + 2 * 17)
        for side in ("train", "val")
    )
    assert (train | val).keys() == truth.keys()
    for name, (patch, points) in (train | val).items():
        wide, points_image, square = truth[name]
        np.testing.assert_array_equal(patch, geometry.resize_patch(wide, 90))
        # The points of the crop in the middle.
        back = geometry.from_crop(points, square)
        np.testing.assert_allclose(back, points_image, atol=0.005 * square.side)


def test_points_of_patches_with_margin_stay_on_what_they_mark(run_script, tmp_path):
    folder = tmp_path / "patches"
    folder.mkdir()
    write_crop(folder, Crop(margin=0.3))
    place = np.array([60.3, 90.7])
    rows, columns = np.mgrid[:160, :160]
    dot = 255 * np.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / 40)
    patch = np.repeat(np.round(dot).astype(np.uint8)[..., None], 3, axis=2)
    for name in ("one", "two"):
        write_patch(folder / name, patch, np.tile((place + 0.5) / 160, (68, 1)))
    run_script(NAME, data_path=folder, train_ratio=1)
    path = f"{folder}.56.train.tfrecord"
    packed_patch, points = read_records(path, 90)["two"]
    rows, columns = np.mgrid[:56, :56]
    weights = packed_patch[17:-17, 17:-17, 0] / packed_patch[..., 0].sum()
    centroid = (columns * weights).sum(), (rows * weights).sum()
    np.testing.assert_allclose(points[0] * 56 - 0.5, centroid, atol=0.1)


def test_broken_note_of_the_margin(run_script, tmp_path):
    folder = tmp_path / "patches"
    write_patches(folder, ["a", "b"])
    (folder / "crop.json").write_text("{}")
    done = run_script(NAME, data_path=folder, status=1)
    assert f"{folder / 'crop.json'}: expected the note of an extraction" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [folder]


# Shards, workers, and runs that are killed.

COUNT = 240


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder of 240 patches that take a while; one cannot be read."""
    folder = tmp_path_factory.mktemp("many") / "patches"
    write_patches(folder, [f"face_{index:03d}" for index in range(20)], side=250)
    for index in range(20, COUNT):
        for suffix in (".png", ".npts"):
            source = folder / f"face_{index % 20:03d}{suffix}"
            shutil.copy(source, folder / f"face_{index:03d}{suffix}")
    (folder / "face_077.npts").unlink()
    return folder


def pack_command(many, folder, num_workers, num_shards):
    script = PROJECT / "make_landmark_tfrecord.py"
    words = [f"--data_path={many}", f"--train_tfr_path={folder}/train", "--size=32"]
    words += [f"--val_tfr_path={folder}/val", f"--num_shards={num_shards}"]
    return [sys.executable, str(script), *words, f"--workers={num_workers}"]


def read_folder(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pack(many, folder, num_workers, num_shards):
    command = pack_command(many, folder, num_workers, num_shards)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    return done


@pytest.fixture(scope="module")
def packed_by_one(many, tmp_path_factory):
    """num_shards -> what one process makes of the patches: name -> bytes."""
    made = {}
    for num_shards in (1, 4):
        folder = tmp_path_factory.mktemp("packed_by_one")
        pack(many, folder, 1, num_shards)
        made[num_shards] = read_folder(folder)
    return made


def test_shards_hold_what_one_file_does(packed_by_one, tmp_path):
    for side in ("train", "val"):
        for name, content in {**packed_by_one[1], **packed_by_one[4]}.items():
            (tmp_path / name).write_bytes(content)
        shards = sorted(tmp_path.glob(f"{side}-*"))
        assert [path.name for path in shards] == [
            f"{side}-{i:05d}-of-00004" for i in range(4)
        ]
        counts = [records.check_records(path).count for path in shards]
        assert max(counts) - min(counts) <= 2
        whole = records.check_records(tmp_path / side)
        (tmp_path / side).unlink()
        assert records.check_records(f"{tmp_path / side}@4") == whole
        assert records.read_header(f"{tmp_path / side}@4") == whole.header
        in_shards = sorted(r for path in shards for r in tfrecord.read_frames(path))
        (tmp_path / side).write_bytes(packed_by_one[1][side])
        assert in_shards == sorted(tfrecord.read_frames(tmp_path / side))


@pytest.mark.parametrize(("num_workers", "num_shards"), [(2, 1), (2, 4), (3, 4)])
def test_workers_change_no_byte(many, packed_by_one, tmp_path, num_workers, num_shards):
    pack(many, tmp_path, num_workers, num_shards)
    assert read_folder(tmp_path) == packed_by_one[num_shards]


@pytest.mark.parametrize(
    ("number", "num_workers", "num_shards"),
    [(signal.SIGKILL, 1, 1), (signal.SIGKILL, 2, 4), (signal.SIGTERM, 2, 1)],
)
def test_stopped_packing_goes_on(
    many, packed_by_one, tmp_path, number, num_workers, num_shards
):
    command = pack_command(many, tmp_path, num_workers, num_shards)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        for _ in range(6000):
            journals = [path.read_bytes() for path in tmp_path.glob(".*.jsonl")]
            if any(journal.count(b"\n") > 1 for journal in journals):
                break
            assert process.poll() is None, "It ended before it could be stopped."
            time.sleep(0.005)
        process.send_signal(number)
        assert process.wait() == (-number if number == signal.SIGKILL else 1)
    assert not [name for name in read_folder(tmp_path) if name[0] != "."]
    done = pack(many, tmp_path, num_workers, num_shards)
    assert "train: going on after " in done.stdout
    assert "face_077.npts: expected a file, found none" in done.stdout
    assert read_folder(tmp_path) == packed_by_one[num_shards]


def test_shards_of_another_number_are_refused(run_script, tmp_path):
    folder = tmp_path / "patches"
    write_patches(folder, list("abcdefgh"))
    flags = dict(data_path=folder, train_ratio=1, size=32)
    run_script(NAME, num_shards=3, **flags)
    before = read_folder_of_files(tmp_path)
    done = run_script(NAME, num_shards=2, status=1, **flags)
    assert "found patches.32.train.tfrecord-00000-of-00003; remove" in done.stderr
    assert read_folder_of_files(tmp_path) == before
    done = run_script(NAME, num_shards=3, seed=5, **flags)
    assert "tfrecord in 3 shards\n" in done.stdout
    assert read_folder_of_files(tmp_path).keys() == before.keys()
    assert read_folder_of_files(tmp_path) != before


def read_folder_of_files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


# --verify


def draw_samples(seed, names):
    rng = np.random.default_rng(seed)
    for name in names:
        image, points_image = draw_face(rng)
        square = geometry.square_from_box(
            geometry.face_box_from_points(points_image), 0.1
        )
        patch = geometry.resize_patch(geometry.crop_image(image, square), 56)
        yield patch, geometry.to_crop(points_image, square), name


@pytest.fixture(scope="module")
def faces():
    """The samples of a training and of a validation file."""
    return [
        list(draw_samples(seed, [f"col{i % 2}-{side}_{i}" for i in range(number)]))
        for seed, (side, number) in enumerate((("train", 24), ("val", 10)))
    ]


@pytest.fixture
def two_files(faces, tmp_path):
    """A training and a validation file: [(path, samples), ...]."""
    sides = []
    for side, samples in zip(("train", "val"), faces, strict=True):
        path = tmp_path / f"{side}.tfrecord"
        samples = [
            (patch.copy(), points.copy(), name) for patch, points, name in samples
        ]
        records.write_records(path, samples)
        sides.append((path, samples))
    return sides


def verify(run_script, *paths, status=0, **flags):
    return run_script(NAME, verify=",".join(map(str, paths)), status=status, **flags)


def test_verify_of_clean_files(run_script, two_files, tmp_path):
    (train, _), (val, _) = two_files
    done = verify(run_script, train, val)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["24", "24", "56", "0", "ibug68", "0", "0", "0", str(train)] in lines
    assert ["12", "12", "1", "col1", str(train)] in lines
    assert "suspicious" not in done.stdout
    assert f"Wrote 34 faces to {train}.worst.jpg" in done.stdout
    # The whole mosaic: ten in a row, each with a caption below.
    assert read_image(f"{train}.worst.jpg").shape[1] == 10 * 168
    assert len(list(tmp_path.iterdir())) == 3


def test_verify_of_shards(run_script, two_files, tmp_path):
    samples = two_files[0][1]
    for i in range(2):
        records.write_records(tmp_path / f"s-{i:05d}-of-00002", samples[i::2])
    done = verify(run_script, tmp_path / "s@2", mosaic=tmp_path / "new" / "m.png")
    assert f"Wrote 24 faces to {tmp_path}/new/m.png" in done.stdout
    assert read_image(tmp_path / "new" / "m.png").any()


def test_verify_names_what_is_suspicious(run_script, two_files):
    (train, samples), (val, others) = two_files
    spoilt = [list(sample) for sample in samples]
    spoilt[3][1] = spoilt[3][1][np.random.default_rng(0).permutation(68)]
    spoilt[7][1] = spoilt[7][1] * [-1, 1] + [1, 0]  # Mirrored, the patch is not.
    spoilt[11][0] = np.full_like(spoilt[11][0], 9)
    spoilt[12][0][10:] = 0
    spoilt[20] = [*spoilt[20][:2], spoilt[21][2]]
    records.write_records(train, spoilt)
    # A face of the training file under another name, and another copy of a photo.
    others = [*others, (*samples[5][:2], "new"), (*others[0][:2], samples[6][2])]
    records.write_records(val, others)
    done = verify(run_script, train, val, status=3)
    for lines in (
        ["1 x name that a file has more than once", f"{train}: ", "_21 = "],
        ["1 x name that several files have", "train_6 = "],
        ["1 x identical patch that a file has more than once", "val_0 = "],
        ["1 x identical patch that several files have", "train_5 = ", ": new"],
        ["1 x photo or subject that several files have", "train_6 = "],
        ["2 x face whose points are too far", "train_3", "train_7"],
        ["2 x patch of one level, or half black", "train_11", "train_12"],
    ):
        start = done.stdout.index(f"suspicious: {lines[0]}")
        paragraph = done.stdout[start + 1 :].split("suspicious: ")[0]
        for line in lines[1:]:
            assert line in paragraph


def test_verify_of_a_broken_file(run_script, two_files):
    train = two_files[0][0]
    content = bytearray(train.read_bytes())
    content[-30] ^= 1
    train.write_bytes(content)
    done = verify(run_script, train, status=1)
    message = f"{train}: expected a whole record file, found it broken after 23 records"
    assert message in done.stderr
    assert not list(train.parent.glob("*.jpg"))


def test_verify_counts_missing_points(run_script, two_files, tmp_path):
    samples = [list(sample) for sample in two_files[0][1]]
    samples[0][1][:10] = np.nan
    samples[1][1][:] = np.nan
    path = tmp_path / "missing.tfrecord"
    records.write_records(path, samples)
    done = verify(run_script, path)
    assert ["ibug68", "78", "0", "0", str(path)] in [
        line.split()[-5:] for line in done.stdout.splitlines()
    ]


def test_verify_of_what_is_not_there(run_script, tmp_path):
    done = verify(run_script, tmp_path / "a@3", status=1)
    assert "expected 3 shards, found 0: a-00000-of-00003 is missing" in done.stderr


def test_twins_are_told_and_stay_together(run_script, tmp_path):
    folder = tmp_path / "patches"
    folder.mkdir()
    write_crop(folder, Crop())
    patches, points = draw_patches(np.random.default_rng(8), 12, 80)
    for index, (patch, its) in enumerate(zip(patches, points, strict=True)):
        write_patch(folder / f"a-{index}", patch, its)
        if index < 6:
            mirrored = np.ascontiguousarray(patch[:, ::-1])
            write_patch(folder / f"b-{index}", mirrored, its)
    done = run_script(NAME, data_path=folder, size=56, train_ratio=0.5)
    assert "6 pairs of patches show the same, and stay on one side: 'a-" in done.stdout
    sides = [
        set(pipeline.read_samples(f"{folder}.56.{side}.tfrecord")[2])
        for side in ("train", "val")
    ]
    assert all(sides)
    for index in range(6):
        assert any({f"a-{index}", f"b-{index}"} <= side for side in sides)
