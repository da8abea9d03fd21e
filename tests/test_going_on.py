"""Runs that are killed, and go on; work that is shared among processes."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import PROJECT

from landmark.files.photos import write_image
from landmark.files.pts import write_pts
from landmark.synthetic.faces import draw_face

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


def stop_half_way(command, folder, number):
    """Runs a command until its journal has some lines, and sends it a signal."""
    journal = folder / ".extraction.jsonl"
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        for _ in range(3000):
            if journal.exists() and journal.read_bytes().count(b"\n") > 5:
                break
            assert process.poll() is None, "It ended before it could be stopped."
            time.sleep(0.005)
        process.send_signal(number)
        return process.wait()


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_extraction_goes_on(photos, extracted, tmp_path, num_workers, number):
    folder = tmp_path / "patches"
    command = extract_command(photos, folder, num_workers)
    assert stop_half_way(command, folder, number) == (
        -signal.SIGKILL if number == signal.SIGKILL else 1
    )
    assert (folder / "report.csv").exists() == (number == signal.SIGTERM)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "Going on after" in done.stdout
    assert read_folder(folder) == extracted


def test_photo_of_a_stopped_extraction_keeps_its_name(photos, tmp_path):
    folder = tmp_path / "patches"
    stop_half_way(extract_command(photos, folder, 1), folder, signal.SIGKILL)
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
