"""export_bundle.py as people run it."""

import re
import zipfile

from conftest import PROJECT

MODEL = PROJECT / "pretrained/landmark_56/landmark.int8.tflite"


def test_writes_a_bundle_of_ones_own_model(run_script, tmp_path):
    path = tmp_path / "bundle.zip"
    done = run_script("export_bundle", landmark_checkpoint_path=MODEL, write_path=path)
    assert done.stdout == f"Wrote {path}, with a face in 10 of 10 drawn photos\n"
    with zipfile.ZipFile(path) as archive:
        assert archive.read("landmark.tflite") == MODEL.read_bytes()
    done = run_script("export_bundle", write_path=path, status=1)
    assert f"{path}: expected a place for a new bundle, found one" in done.stderr


def test_other_models_are_refused(run_script, tmp_path, trained_dir):
    flags = {"write_path": tmp_path / "bundle"}
    done = run_script(
        "export_bundle", landmark_checkpoint_path=trained_dir, **flags, status=1
    )
    assert done.stderr == (
        f"export_bundle.py: {trained_dir}: expected a .tflite, found another file; "
        "save_with_bnorm_off.py makes one of a checkpoint\n"
    )
    detector = PROJECT / "pretrained/face_ssd_128/face_detector.tflite"
    done = run_script(
        "export_bundle", landmark_checkpoint_path=detector, **flags, status=1
    )
    assert "expected" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_help_shows_its_flags(run_script):
    text = run_script("export_bundle", "--help").stdout
    shown = re.findall(r"\n  --(\w+)=", text)
    assert {"landmark_checkpoint_path", "face_checkpoint_dir"} <= set(shown)
    assert shown[0] == "write_path"
