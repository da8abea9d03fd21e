"""Records by Apache Beam: those of the two scripts, byte for byte, whatever happens."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import PROJECT

from landmark.dataset import tfrecord
from landmark.dataset.example import PHOTO_KEY
from landmark.files.photos import write_image
from landmark.files.pts import write_pts
from landmark.synthetic.faces import draw_face

PYTHON = PROJECT / ".venv-beam" / "bin" / "python"
SCRIPT = PROJECT / "build_records_with_beam.py"
needs_beam = pytest.mark.skipif(
    not PYTHON.exists(),
    reason="no .venv-beam: VENV=.venv-beam scripts/setup.sh requirements-beam.txt",
)
CROP = ("--margin=0.3", "--max_rotate=20", "--seed=3")
SPLIT = ("--num_shards=2", "--train_ratio=0.7", "--seed=3")
# A file system of its own, which other processes import, too.
ELSEWHERE = '''
import os

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

ROOT = {root!r}


def to_path(place):
    return place.replace("elsewhere:/", ROOT, 1)


class Elsewhere(LocalFileSystem):
    """Objects, which have no folders and are not written over."""

    @classmethod
    def scheme(cls):
        return "elsewhere"

    def has_dirs(self):
        return False

    def join(self, place, *names):
        return "/".join([place.rstrip("/"), *names])

    def _list(self, prefix):
        for found in LocalFileSystem(None)._list(ROOT):
            place = "elsewhere:/" + found.path[len(ROOT):]
            if place.startswith(prefix):
                yield FileMetadata(place, 0, 0)

    def metadata(self, place):
        return FileMetadata(place, 0, 0)

    def exists(self, place):
        return os.path.isfile(to_path(place))

    def create(self, place, *args, **kwargs):
        return super().create(to_path(place), *args, **kwargs)

    def open(self, place, *args, **kwargs):
        return super().open(to_path(place), *args, **kwargs)

    def rename(self, places, others):
        assert not any(map(self.exists, others))
        super().rename(list(map(to_path, places)), list(map(to_path, others)))

    def delete(self, places):
        for place in places:
            os.remove(to_path(place))
'''


def start(script, *words, run=subprocess.run, **kwargs):
    command = [PYTHON, *([script] if isinstance(script, Path) else script), *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return run(list(map(str, command)), **pipes, **kwargs)


def read_all(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def read_records(folder):
    return {n: content for n, content in read_all(folder).items() if "tfrecord" in n}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """16 annotated photos: one is broken, two are the same."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(15):
        image, points_image = draw_face(np.random.default_rng([19, index]))
        write_image(folder / f"face_{index:02d}.jpg", image)
        write_pts(folder / f"face_{index:02d}.pts", points_image)
    for suffix in (".jpg", ".pts"):
        shutil.copy(folder / f"face_03{suffix}", folder / f"twin{suffix}")
    broken = folder / "face_05.jpg"
    broken.write_bytes(broken.read_bytes()[:3000])
    return folder


@pytest.fixture(scope="module")
def local(photos, tmp_path_factory):
    """A folder with what the two scripts make of the photos, and what they say."""
    folder = tmp_path_factory.mktemp("local")
    cut = start(
        PROJECT / "extract_landmark_training_data.py",
        *(f"--images_dirs={photos}", f"--write_path={folder}/patches", *CROP),
    )
    assert cut.returncode == 3, cut.stderr
    packed = start(
        PROJECT / "make_landmark_tfrecord.py",
        *(f"--data_path={folder}/patches", *SPLIT),
        *(f"--{s}_tfr_path={folder}/r/r.{s}.tfrecord" for s in ("train", "val")),
    )
    assert packed.returncode == 0, packed.stderr
    shutil.copy(folder / "patches" / "report.csv", folder / "r" / "r.report.csv")
    return folder / "r", cut.stdout + packed.stdout


def flags_of(photos, output):
    flags = *CROP, *SPLIT, f"--images_dirs={photos}", f"--output={output}"
    return *flags, "--", "--direct_num_workers=2"


@needs_beam
def test_records_are_those_of_the_two_scripts(photos, local, tmp_path):
    done = start(SCRIPT, *flags_of(photos, tmp_path / "r"))
    assert done.returncode == 3, done.stderr
    folder, told = local
    written = read_all(tmp_path)
    assert written.pop("r.summary.json")
    assert written == read_all(folder)
    lines = set(done.stdout.replace(str(tmp_path), str(folder)).splitlines())
    assert lines <= set(told.splitlines())
    assert "       1 photo unreadable" in lines
    assert any("show the same" in line for line in lines)
    assert "16/16" in done.stderr
    assert "Traceback" not in done.stderr


def list_workers(process):
    """The numbers of Beam's workers below a process."""
    family, found = {process}, []
    for _ in range(4):
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) in family:
                    family.add(int(folder.name))
    for number in family:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
            if b"apache_beam.runners.worker.sdk_worker_main" in words:
                found.append(number)
    return sorted(found)


def await_workers(process, number):
    while process.poll() is None:
        found = list_workers(process.pid)
        if len(found) == number:
            return found
        time.sleep(0.02)
    raise AssertionError(process.communicate())


@needs_beam
@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
@pytest.mark.parametrize("delay", [0, 4])
def test_killed_worker_changes_nothing(photos, local, tmp_path, delay):
    process = start(SCRIPT, *flags_of(photos, tmp_path / "r"), run=subprocess.Popen)
    workers = await_workers(process, 2)
    time.sleep(delay)
    os.kill(workers[-1], signal.SIGKILL)
    stdout, stderr = process.communicate()
    assert process.returncode == 3, stderr
    again = "A worker was lost, as for memory: beginning again, attempt 2 of 3\n"
    assert stdout.startswith(again)
    assert read_records(tmp_path) == read_records(local[0])
    assert not list(tmp_path.glob(".*"))


@needs_beam
@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_stopped_run_leaves_nothing(photos, tmp_path):
    process = start(SCRIPT, *flags_of(photos, tmp_path / "r"), run=subprocess.Popen)
    workers = await_workers(process, 2)
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[1].endswith("interrupted\n")
    assert process.returncode == 1
    assert list(tmp_path.iterdir()) == []
    for worker in workers:
        assert not Path(f"/proc/{worker}/exe").exists()


def list_examples(path):
    return list(map(tf.train.Example.FromString, tfrecord.read_frames(path)))


@needs_beam
def test_photos_and_records_may_be_elsewhere(photos, local, tmp_path):
    shutil.copytree(photos, tmp_path / "root" / "bucket" / photos.name)
    plugin = ELSEWHERE.format(root=f"{tmp_path}/root")
    (tmp_path / "elsewhere.py").write_text(plugin)
    run = "import elsewhere, runpy, sys; sys.argv = sys.argv[1:]\n"
    run += "runpy.run_path(sys.argv[0], run_name='__main__')"
    words = flags_of(f"elsewhere://bucket/{photos.name}", "elsewhere://bucket/out/r")
    written = tmp_path / "root" / "bucket" / "out"
    written.mkdir()
    (written / "r.val.tfrecord-00000-of-00002").write_text("of an earlier run")
    done = start(
        ["-c", run, SCRIPT],
        *(*words, "--beam_plugins=elsewhere"),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 3, done.stderr
    place = f"elsewhere://bucket/{photos.name}"
    report = (local[0] / "r.report.csv").read_text()
    assert (written / "r.report.csv").read_text() == report.replace(str(photos), place)
    assert not list(written.rglob(".*/*"))
    for name in read_records(local[0]):
        there, here = (list_examples(folder / name) for folder in (written, local[0]))
        for example in here:  # A record names its photo.
            (photo,) = example.features.feature[PHOTO_KEY].bytes_list.value
            photo = photo.replace(os.fsencode(photos), os.fsencode(place))
            example.features.feature[PHOTO_KEY].bytes_list.value[:] = [photo]
        assert there == here


@needs_beam
def test_too_few_patches_write_no_records(photos, tmp_path):
    words = *CROP, f"--images_dirs={photos}", f"--output={tmp_path}/r", "--norotate"
    done = start(SCRIPT, *words, "--num_shards=9", "--face_detector_path=")
    assert done.returncode == 1
    sentence = f"{tmp_path}/r.val.tfrecord: expected at least 9 patches, one for each"
    assert sentence in done.stderr
    assert sorted(read_all(tmp_path)) == ["r.report.csv", "r.summary.json"]


@needs_beam
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--", "--direct_num_workers=x"], "argument --direct_num_workers: invalid"),
        (["--", "--workers=2"], "flags of Apache Beam behind --, found: --workers"),
        (["--runner=FlinkRunner"], "expected a flag that --help shows"),
        (["--output=nowhere://r"], "expected a file system that Beam knows, found "),
        (["--images_dirs=gone"], "gone: expected a folder, found none"),
    ],
)
def test_what_cannot_be_done_is_refused(photos, tmp_path, words, sentence):
    done = start(SCRIPT, f"--images_dirs={photos}", f"--output={tmp_path}/r", *words)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_beam_it_says_how_to_get_it(run_script, tmp_path):
    done = run_script(SCRIPT.stem, status=1, images_dirs=tmp_path, output=tmp_path)
    assert "requirements-beam.txt" in done.stderr


def read_help(run_script, name):
    """name of a flag -> what --help says of it."""
    text = run_script(name, "--help").stdout
    parts = re.split(r"\n  --(?:\[no\])?", text.partition("\n\nFlags may")[0])[1:]
    return {
        re.match(r"\w+", part)[0]: " ".join(part.partition("\n\n")[0].split())
        for part in parts
    }


def test_flags_mean_what_they_mean_elsewhere(run_script):
    own = read_help(run_script, SCRIPT.stem)
    cutting = read_help(run_script, "extract_landmark_training_data")
    packing = read_help(run_script, "make_landmark_tfrecord")
    others = packing | cutting
    differing = {name for name, text in own.items() if others.get(name) != text}
    assert differing == {"output", "images_dirs", "exif", "face_detector_path"}
