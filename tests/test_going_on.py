"""Runs that are killed, and go on; work that is shared among processes."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from conftest import PROJECT

from landmark.files.patches import Crop, write_crop, write_patch
from landmark.files.photos import write_image
from landmark.files.pts import write_pts
from landmark.synthetic.faces import draw_face, draw_patches

COUNT = 60


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 60 annotated photos, one of them broken."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(COUNT):
        image, points_image = draw_face(np.random.default_rng([8, index]), 128)
        write_image(folder / f"{index:02d}.png", image)
        write_pts(folder / f"{index:02d}.pts", points_image)
    (folder / "07.png").write_bytes(b"no picture")
    return folder


def extract_command(photos, folder, num_workers):
    script = PROJECT / "extract_landmark_training_data.py"
    words = [f"--images_dirs={photos}", f"--write_path={folder}", "--margin=0.3"]
    return [sys.executable, str(script), *words, f"--workers={num_workers}"]


def read_folder(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def extracted(photos, tmp_path_factory):
    """What one process makes of the photos: name -> bytes."""
    folder = tmp_path_factory.mktemp("extracted") / "patches"
    command = extract_command(photos, folder, 1)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 3
    return read_folder(folder)


def test_workers_change_no_byte_of_an_extraction(photos, extracted, tmp_path):
    command = extract_command(photos, tmp_path / "patches", 3)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 3
    assert read_folder(tmp_path / "patches") == extracted


def stop_half_way(command, journal, number, num_lines=5):
    """Runs a command until its journal has more lines, and sends it a signal."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=PROJECT
    ) as process:
        for _ in range(12_000):
            if journal.exists() and journal.read_bytes().count(b"\n") > num_lines:
                break
            assert process.poll() is None, "It ended before it could be stopped."
            time.sleep(0.005)
        process.send_signal(number)
        return process.wait()


def stop_twice(command, journal, num_lines):
    """Kills a command, and stops it when it has gone on."""
    number = signal.SIGKILL
    assert stop_half_way(command, journal, number, num_lines) == -number
    assert stop_half_way(command, journal, signal.SIGTERM, 2 * num_lines) == 1


def run(command, status=0):
    """Runs a command; returns what it prints."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=PROJECT
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def read_tree(folder):
    """Returns path below a folder -> bytes of all files, the hidden ones, too."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_extraction_goes_on(photos, extracted, tmp_path, num_workers, number):
    folder = tmp_path / "patches"
    command = extract_command(photos, folder, num_workers)
    assert stop_half_way(command, folder / ".extraction.jsonl", number) == (
        -signal.SIGKILL if number == signal.SIGKILL else 1
    )
    assert (folder / "report.csv").exists() == (number == signal.SIGTERM)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "Going on after" in done.stdout
    assert read_folder(folder) == extracted


def test_photo_of_a_stopped_extraction_keeps_its_name(photos, tmp_path):
    folder = tmp_path / "patches"
    journal = folder / ".extraction.jsonl"
    stop_half_way(extract_command(photos, folder, 1), journal, signal.SIGKILL)
    first = (folder / f"{photos.name}-00.npts").read_bytes()
    # Another collection with a photo of the same name, in a folder of the same name.
    other = tmp_path / photos.name
    other.mkdir()
    image, points_image = draw_face(np.random.default_rng(99), 128)
    write_image(other / "00.png", image)
    write_pts(other / "00.pts", points_image)
    done = subprocess.run(
        extract_command(other, folder, 1), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (folder / f"{photos.name}-00.npts").read_bytes() == first
    assert (folder / f"2-{photos.name}-00.npts").exists()


# Detection.


def detect_command(photos, folder, num_workers):
    words = [f"--write_{kind}_dir={folder / kind}" for kind in ("txt", "pts")]
    words += [f"--write_image_dir={photos / 'drawn'}"]
    words += [f"--write_json={folder / 'found.jsonl'}", f"--workers={num_workers}"]
    return [sys.executable, "detect_face_landmark.py", str(photos), *words]


def without_times(printed, folder):
    """What detection prints, but for the times and where it writes."""
    lines = printed.replace(str(folder), "").splitlines()
    return [line.partition("; detector")[0] for line in lines]


@pytest.fixture(scope="module")
def detected(photos, tmp_path_factory):
    """What one process finds in the photos: (files, lines of the terminal)."""
    folder = tmp_path_factory.mktemp("detected")
    shutil.copytree(photos, folder / "photos")
    command = detect_command(folder / "photos", folder, 1)
    printed = without_times(run(command, status=3), folder)
    files = read_tree(folder)
    assert {"photos/drawn/00.jpg", "txt/00.txt", "pts/00.pts"} < files.keys()
    assert not [name for name in files if "/." in f"/{name}"]
    return files, printed


def test_workers_change_no_byte_of_a_detection(photos, detected, tmp_path):
    shutil.copytree(photos, tmp_path / "photos")
    command = detect_command(tmp_path / "photos", tmp_path, 3)
    printed = without_times(run(command, status=3), tmp_path)
    assert (read_tree(tmp_path), printed) == detected


# What it has drawn stands among the photos, and is none of them.
@pytest.mark.parametrize("num_workers", [1, 2])
def test_stopped_detection_goes_on(photos, detected, tmp_path, num_workers):
    shutil.copytree(photos, tmp_path / "photos")
    command = detect_command(tmp_path / "photos", tmp_path, num_workers)
    crc = zlib.crc32(b"found.jsonl")
    journal = tmp_path / f".detection-{crc:08x}.jsonl"
    stop_twice(command, journal, 10)
    assert not (tmp_path / "found.jsonl").exists()
    printed = without_times(run(command, status=3), tmp_path)
    assert printed.pop(0).startswith("Going on after ")
    assert (read_tree(tmp_path), printed) == detected


def test_stopped_detection_in_another_format_goes_on(photos, tmp_path):
    whole, broken = tmp_path / "whole.xml", tmp_path / "broken.xml"
    words = [sys.executable, "detect_face_landmark.py", str(photos), "--workers=1"]
    run([*words, f"--write_annotations={whole}"], status=3)
    command = [*words, f"--write_annotations={broken}"]
    crc = zlib.crc32(b".annotations-%08x.jsonl" % zlib.crc32(b"broken.xml"))
    stop_twice(command, tmp_path / f".detection-{crc:08x}.jsonl", 10)
    assert not broken.exists()
    assert run(command, status=3).startswith("Going on after ")
    assert broken.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "broken.xml",
        "whole.xml",
    ]


def test_what_was_found_outlives_a_full_disk(photos, tmp_path):
    lines, whole, target = (tmp_path / n for n in ("a.jsonl", "whole.xml", "a.xml"))
    (tmp_path / "photos").mkdir()
    for path in sorted(photos.glob("0[0-4].png")):
        shutil.copy(path, tmp_path / "photos")
    words = [sys.executable, "detect_face_landmark.py", str(tmp_path / "photos")]
    run([*words, f"--write_json={lines}", f"--write_annotations={whole}"])
    command = [*words, f"--write_annotations={target}"]
    # The lines can be written, and what is made of them cannot.
    most = (lines.stat().st_size + whole.stat().st_size) // 2
    assert lines.stat().st_size < most < whole.stat().st_size
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    assert (done.returncode, target.exists()) == (1, False)
    assert str(target) in done.stderr
    assert run(command).startswith("Going on after 5 photos")
    assert target.read_bytes() == whole.read_bytes()
    assert len(list(tmp_path.iterdir())) == 4


def test_faces_are_printed_in_order_whoever_finds_them(photos, tmp_path):
    command = [sys.executable, "detect_face_landmark.py", str(photos)]
    one, three = (
        without_times(run([*command, f"--workers={n}"], status=3), tmp_path)
        for n in (1, 3)
    )
    assert one == three
    assert len([line for line in one if line.startswith(f"{photos}/")]) == COUNT - 1


# Labelling.


def label_command(folder, num_workers):
    model = PROJECT / "pretrained" / "landmark_56" / "landmark.float.tflite"
    words = ["-m", "scripts.label_patches", str(folder), str(model)]
    return [sys.executable, *words, f"--workers={num_workers}"]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A folder of patches, what is made of them, and what is printed."""
    folder = tmp_path_factory.mktemp("patches") / "before"
    (folder / "sub").mkdir(parents=True)
    write_crop(folder, Crop(margin=0.3))
    rng = np.random.default_rng(1)
    patches, points = draw_patches(rng, COUNT, 100)
    for index, (patch, truth) in enumerate(zip(patches, points, strict=True)):
        wide = np.pad(patch, [(30, 30), (30, 30), (0, 0)], mode="edge")
        name = f"sub/{index:02d}" if index % 7 == 5 else f"{index:02d}"
        if index % 5 == 2:  # It will be removed.
            wide = rng.integers(0, 256, wide.shape, np.uint8)
        write_patch(folder / name, wide, (truth * 100 + 30) / 160)
    (folder / "03.png").write_bytes(b"no picture")
    after = shutil.copytree(folder, folder.with_name("after"))
    printed = run(label_command(after, 1), status=3)
    assert len(list(after.rglob("*.png"))) < COUNT
    return folder, read_tree(after), printed.replace(str(after), "")


def test_workers_change_no_byte_of_labels(labelled, tmp_path):
    before, after, printed = labelled
    folder = shutil.copytree(before, tmp_path / "patches")
    told = run(label_command(folder, 3), status=3)
    assert told.replace(str(folder), "") == printed
    assert read_tree(folder) == after


@pytest.mark.parametrize("num_workers", [1, 2])
def test_stopped_labelling_goes_on(labelled, tmp_path, num_workers):
    before, after, printed = labelled
    folder = shutil.copytree(before, tmp_path / "patches")
    command = label_command(folder, num_workers)
    stop_twice(command, folder / ".labelling.jsonl", 10)
    told = run(command, status=3).replace(str(folder), "")
    assert told.startswith("Going on after ")
    assert told.partition("\n")[2] == printed
    assert read_tree(folder) == after


@pytest.fixture(scope="module")
def begun(labelled, tmp_path_factory):
    """The journal of a labelling that was killed, bytes of each line."""
    folder = tmp_path_factory.mktemp("begun") / "patches"
    shutil.copytree(labelled[0], folder)
    journal = folder / ".labelling.jsonl"
    stop_half_way(label_command(folder, 1), journal, signal.SIGKILL, 20)
    return journal.read_bytes().splitlines(keepends=True)[:20]


# In the order in which a patch is written or removed.
@pytest.mark.parametrize("num_done", [0, 1])
@pytest.mark.parametrize(
    ("kind", "suffixes"),
    [("kept", ("npts", "cpts", "png")), ("removed", ("png", "npts", "cpts"))],
)
def test_killed_between_journal_and_patch(
    labelled, begun, tmp_path, kind, suffixes, num_done
):
    before, after, _ = labelled
    folder = shutil.copytree(before, tmp_path / "patches")
    last = max(i for i, line in enumerate(begun) if f'"{kind}"'.encode() in line)
    (folder / ".labelling.jsonl").write_bytes(b"".join(begun[: last + 1]))
    for number, line in enumerate(begun[1 : last + 1], start=1):
        stem = json.loads(line)[0].removesuffix(".png")
        for suffix in suffixes[: num_done if number == last else 3]:
            path = folder / f"{stem}.{suffix}"
            content = after.get(f"{stem}.{suffix}")
            path.unlink() if content is None else path.write_bytes(content)
    run(label_command(folder, 1), status=3)
    assert read_tree(folder) == after


def test_another_model_does_not_go_on_labelling(labelled, tmp_path):
    folder = shutil.copytree(labelled[0], tmp_path / "patches")
    journal = folder / ".labelling.jsonl"
    stop_half_way(label_command(folder, 1), journal, signal.SIGKILL)
    files = read_tree(folder)
    other = PROJECT / "pretrained" / "landmark_56" / "landmark.int8.tflite"
    command = [*label_command(folder, 1)[:-2], str(other)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=PROJECT
    )
    assert done.returncode == 1
    assert f"{journal}: expected the model that has begun to label" in done.stderr
    assert read_tree(folder) == files


# Evaluation.


def test_stopped_evaluation_goes_on(tmp_path, record_paths):
    models = tmp_path / "models"
    for index in range(3):
        folder = models / f"model_{index}"
        folder.mkdir(parents=True)
        kind = ("float", "int8")[index % 2]
        model = PROJECT / "pretrained" / "landmark_56" / f"landmark.{kind}.tflite"
        shutil.copy(model, folder / f"{index}.tflite")
    (models / "a.tflite").write_bytes(b"no model")
    words = [f"--tfrecord={record_paths[1]}", f"--models_dir={models}"]
    command = [sys.executable, "evaluate_landmark_model.py", *words]
    written = [tmp_path / "whole", tmp_path / "stopped"]
    printed = run([*command, f"--write_dir={written[0]}"], status=3)
    command.append(f"--write_dir={written[1]}")
    stop_twice(command, written[1] / ".evaluation.jsonl", 1)
    assert (written[1] / "model_0" / "0" / "mosaic_best.jpg").exists()
    first, _, rest = run(command, status=3).partition("\n")
    assert first.startswith("Going on after ")
    assert rest == printed.replace(str(written[0]), str(written[1]))
    assert read_tree(written[1]) == read_tree(written[0])
