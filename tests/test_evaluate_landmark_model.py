"""evaluate_landmark_model.py as people run it."""

import csv
import json
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT

from landmark.dataset import pipeline, records
from landmark.face import metrics
from landmark.face.scheme import IBUG68, find_scheme
from landmark.files.photos import read_image
from landmark.model.checkpoint import CheckpointModel
from landmark.model.tflite import TfliteModel
from landmark.synthetic.faces import draw_patches


def copy_model(trained, folder):
    folder.mkdir(parents=True)
    for path in trained.iterdir():
        shutil.copy(path, folder)
    return folder


def predict(folder, record_path):
    """Returns (predicted, truth, names) of a model on a record file."""
    patches, truth, names = pipeline.read_samples(record_path)
    return CheckpointModel(folder).predict(patches), truth, names


def read_err_csv(folder):
    with open(folder / "err.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, rows


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory, run_script, train_model, record_paths):
    """Three models, one of them of 40 pixels, evaluated on eight patches."""
    models_dir = tmp_path_factory.mktemp("evaluation") / "runs"
    plain = {"use_batch_norm": False}
    copy_model(
        train_model(**plain, max_number_of_steps=1, learning_rate=0.0),
        models_dir / "a-worse",
    )
    copy_model(
        train_model(**plain, max_number_of_steps=12, is_color=False),
        models_dir / "deep" / "better",
    )
    misfit = copy_model(train_model(max_number_of_steps=1), models_dir / "other")
    text = (misfit / "train_setting.txt").read_text()
    # 50 and 56 pixels are both pooled to 4 x 4: the checkpoint fits all the same.
    text = text.replace("--input_size=56", "--input_size=50")
    (misfit / "train_setting.txt").write_text(text)
    done = run_script(
        "evaluate_landmark_model",
        tfrecord=record_paths[1],
        models_dir=models_dir,
        status=3,
    )
    return types.SimpleNamespace(
        models_dir=models_dir,
        folders=[models_dir / "a-worse", models_dir / "deep" / "better"],
        done=done,
        record_path=record_paths[1],
    )


def test_eval_txt_has_a_line_for_each_model_the_best_first(evaluation):
    text = (evaluation.models_dir / "eval.txt").read_text()
    better, worse = re.fullmatch(
        r"deep/better\tmodel\.ckpt-12\t(0\.\d{6})\n"
        r"a-worse\tmodel\.ckpt-1\t(0\.\d{6})\n",
        text,
    ).groups()
    for folder, error in zip(evaluation.folders, (worse, better), strict=True):
        predicted, truth, _ = predict(folder, evaluation.record_path)
        distances = np.linalg.norm(predicted - truth, axis=2)
        assert float(error) == pytest.approx(distances.mean(), abs=2e-6)
    assert float(better) < float(worse)


def test_err_csv_has_the_error_of_each_coordinate(evaluation):
    for folder in evaluation.folders:
        predicted, truth, names = predict(folder, evaluation.record_path)
        header, rows = read_err_csv(folder)
        assert header[:4] == ["name", "x0", "y0", "x1"]
        assert header[-4:] == ["x67", "y67", "error", "nme"]
        assert len(header) == 139
        assert [row[0] for row in rows] == names
        assert len(rows) == 8
        errors = np.array([row[1:-2] for row in rows], float).reshape(8, 68, 2)
        np.testing.assert_allclose(errors, np.abs(predicted - truth), atol=2e-6)
        distances = np.linalg.norm(predicted - truth, axis=2).mean(axis=1)
        eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
        means = np.array([row[-2:] for row in rows], float)
        expected = np.column_stack([distances, distances / eyes])
        np.testing.assert_allclose(means, expected, atol=2e-6)


def test_metrics_json_holds_all_figures(evaluation):
    for folder in evaluation.folders:
        predicted, truth, _ = predict(folder, evaluation.record_path)
        found = json.loads((folder / "metrics.json").read_text())
        assert found["checkpoint"] in ("model.ckpt-1", "model.ckpt-12")
        assert found["tfrecord"] == str(evaluation.record_path)
        assert found["samples"] == 8
        assert found.keys() - {"subsets"} == {
            "checkpoint",
            "tfrecord",
            "samples",
            "samples_without_nme",
            "points_missing",
            "scheme",
            "error_crop",
            "nme_inter_ocular",
            "nme_inter_ocular_median",
            "nme_inter_pupil",
            "failure_rate_0.08",
            "auc_0.08",
            "failure_rate_0.10",
            "auc_0.10",
            "eye_aspect_error",
            "mouth_aspect_error",
            "nme_inter_ocular_by_part",
            "nme_inter_ocular_by_point",
        }
        distances = np.linalg.norm(predicted - truth, axis=2)
        eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
        assert found["error_crop"] == pytest.approx(distances.mean(), rel=1e-4)
        nme = (distances.mean(axis=1) / eyes).mean()
        assert found["nme_inter_ocular"] == pytest.approx(nme, rel=1e-4)
        assert len(found["nme_inter_ocular_by_point"]) == 68


def test_pictures_can_be_read(evaluation):
    # Eight tiles of 168 x (168 + 30) pixels, in one row.
    for folder in evaluation.folders:
        mosaics = sorted(path.name for path in folder.glob("mosaic_*"))
        assert mosaics == ["mosaic_all_001.jpg", "mosaic_best.jpg", "mosaic_worst.jpg"]
        images = [read_image(folder / name) for name in mosaics]
        assert {image.shape for image in images} == {(198, 8 * 168, 3)}
        assert min(read_image(folder / "ced.png").shape[:2]) >= 500
    assert min(read_image(evaluation.models_dir / "ced.png").shape[:2]) >= 500


def test_a_grey_models_mosaic_is_grey(evaluation):
    colours = []
    for folder in evaluation.folders:
        patch = read_image(folder / "mosaic_best.jpg")[:20, :20].astype(int)
        colours.append(np.abs(patch - patch.mean(axis=2, keepdims=True)).max())
    assert colours[0] > 6
    assert colours[1] < 4


def test_mosaics_are_ordered_by_error(evaluation):
    for folder in evaluation.folders:
        predicted, truth, _ = predict(folder, evaluation.record_path)
        order = np.argsort(metrics.point_errors(predicted, truth).mean(axis=1))
        tiles = {
            name: np.split(
                read_image(folder / f"mosaic_{name}.jpg").astype(float), 8, axis=1
            )
            for name in ("all_001", "best", "worst")
        }
        for name, indices in (("best", order), ("worst", order[::-1])):
            for tile, index in zip(tiles[name], indices, strict=True):
                differences = [np.abs(tile - one).mean() for one in tiles["all_001"]]
                assert np.argmin(differences) == index


def test_misfit_is_reported_and_others_go_on(evaluation):
    folder = evaluation.models_dir / "other"
    assert (
        f"failed {folder}: expected records of 50 pixels, found 56 pixels in "
        f"{evaluation.record_path}\n"
    ) in evaluation.done.stdout
    assert "\n1 of 3 models failed\n" in evaluation.done.stdout
    assert not (folder / "err.csv").exists()
    assert "other" not in (evaluation.models_dir / "eval.txt").read_text()


def test_terminal_shows_the_table(evaluation):
    out = evaluation.done.stdout
    assert f"8 patches of {evaluation.record_path}" in out
    assert f"Wrote {evaluation.models_dir}/eval.txt" in out
    for line in (evaluation.models_dir / "eval.txt").read_text().splitlines():
        name, _, error = line.split("\t")
        assert re.search(rf"^ *{error} .* {name}$", out, re.MULTILINE)
    assert not list(evaluation.models_dir.rglob(".*"))


def test_subsets_and_another_normaliser(run_script, tmp_path, evaluation):
    folder = evaluation.folders[1]
    predicted, truth, names = predict(folder, evaluation.record_path)
    few = tmp_path / "few.txt"
    few.write_text("\n".join(names[:3]))
    done = run_script(
        "evaluate_landmark_model",
        tfrecord=evaluation.record_path,
        models_dir=folder,
        write_dir=tmp_path,
        normaliser="diagonal",
        subsets=f"some:{few}",
    )
    assert "NME of subsets, patches: some " in done.stdout
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["subsets"]["some"]["samples"] == 3
    expected = metrics.summarize(predicted[:3], truth[:3], IBUG68, "diagonal")
    assert found["subsets"]["some"]["nme_diagonal"] == pytest.approx(
        expected["nme_diagonal"], rel=1e-4
    )
    header = (tmp_path / "eval.md").read_text().splitlines()[0]
    assert header.startswith("| model | error | NME% | inter_ocular% | pupil% |")
    assert header.endswith("| some |")
    assert r"NME\%" in (tmp_path / "eval.tex").read_text()
    for flags, said in (
        ({"normaliser": "eyes"}, "--normaliser: expected one of inter_ocular"),
        ({"subsets": "few:ibug"}, "--subsets: expected patches of ibug for few, found"),
        ({"subsets": "few:"}, "--subsets: expected names and collections such as"),
    ):
        failed = run_script(
            "evaluate_landmark_model",
            tfrecord=evaluation.record_path,
            models_dir=folder,
            write_dir=tmp_path,
            **flags,
            status=1,
        )
        assert said in failed.stderr


def test_many_patches_of_a_single_model(
    run_script, tmp_path, train_model, samples, record_paths
):
    # 120 = 64 + 56 = 100 + 20: batches and pages that are not full.
    path = tmp_path / "many.tfrecord"
    records.write_records(path, samples * 5)
    folder = copy_model(train_model(max_number_of_steps=2), tmp_path / "single")
    (folder / "mosaic_all_007.jpg").write_bytes(b"of an earlier, larger evaluation")
    run_script("evaluate_landmark_model", tfrecord=path, models_dir=folder)
    shapes = {file.name: read_image(file).shape for file in folder.glob("mosaic_*")}
    assert shapes == {
        "mosaic_all_001.jpg": (1980, 1680, 3),
        "mosaic_all_002.jpg": (396, 1680, 3),
        "mosaic_best.jpg": (1980, 1680, 3),
        "mosaic_worst.jpg": (1980, 1680, 3),
    }
    predicted, truth, _ = predict(folder, path)
    _, rows = read_err_csv(folder)
    assert len(rows) == 120
    errors = np.array([row[1:-2] for row in rows], float).reshape(120, 68, 2)
    np.testing.assert_allclose(errors, np.abs(predicted - truth), atol=2e-6)
    name, checkpoint, _ = (folder / "eval.txt").read_text().strip().split("\t")
    assert (name, checkpoint) == ("single", "model.ckpt-2")


def test_failures_are_sentences(run_script, tmp_path, record_paths, evaluation):
    done = run_script(
        "evaluate_landmark_model",
        tfrecord=record_paths[1],
        models_dir=tmp_path,
        status=1,
    )
    assert done.stderr == (
        f"evaluate_landmark_model.py: {tmp_path}: expected folders with "
        "train_setting.txt and a checkpoint or .tflite models, found none\n"
    )
    assert not list(tmp_path.iterdir())

    done = run_script(
        "evaluate_landmark_model",
        tfrecord=record_paths[1],
        models_dir=evaluation.models_dir / "other",
        status=1,
    )
    assert "expected records of 50 pixels" in done.stdout
    assert "found that all failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (evaluation.models_dir / "other" / "eval.txt").exists()

    done = run_script("evaluate_landmark_model", models_dir=tmp_path, status=1)
    assert "--tfrecord" in done.stderr
    assert "Traceback" not in done.stderr


def test_folder_without_a_landmark_model(run_script, tmp_path, record_paths):
    flags = {"tfrecord": record_paths[1], "models_dir": tmp_path}
    shutil.copy(PROJECT / "pretrained/face_ssd_128/face_detector.tflite", tmp_path)
    done = run_script("evaluate_landmark_model", **flags, status=1)
    assert done.stderr == (
        f"evaluate_landmark_model.py: {tmp_path}: expected landmark models, found "
        "only face detectors\n"
    )
    broken = tmp_path / "a.tflite"
    broken.write_text("of another kind")
    done = run_script("evaluate_landmark_model", **flags, status=1)
    assert done.stdout == (
        f"failed {broken}: expected a .tflite model, found another file\n"
        "1 of 1 model failed\n"
    )
    assert done.stderr.endswith("found that all failed\n")


def test_help_shows_its_flags(run_script):
    text = run_script("evaluate_landmark_model", "--help").stdout
    names = ["tfrecord", "models_dir", "write_dir", "as_scheme"]
    names += ["normaliser", "subsets"]
    assert re.findall(r"\n  --(\w+)=", text) == names


def test_tflite_models_are_evaluated(run_script, tmp_path, record_paths):
    pretrained = PROJECT / "pretrained" / "landmark_56"
    models_dir, write_dir = tmp_path / "models", tmp_path / "written"
    for name in ("landmark.float.tflite", "sub/landmark.int8.tflite"):
        (models_dir / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pretrained / Path(name).name, models_dir / name)
    (models_dir / "broken.tflite").write_bytes(b"TFL3 and so on")
    shutil.copy(PROJECT / "pretrained/face_ssd_128/face_detector.tflite", models_dir)
    done = run_script(
        "evaluate_landmark_model",
        tfrecord=record_paths[1],
        models_dir=models_dir,
        write_dir=write_dir,
        status=3,
    )
    assert f"failed {models_dir / 'broken.tflite'}: expected a .tflite" in done.stdout
    assert "face_detector" not in done.stdout
    patches, truth, names = pipeline.read_samples(record_paths[1])
    lines = dict()
    for line in (write_dir / "eval.txt").read_text().splitlines():
        folder, name, error = line.split("\t")
        lines[name] = folder, float(error)
    assert lines.keys() == {"landmark.float.tflite", "landmark.int8.tflite"}
    assert lines["landmark.float.tflite"][0] == "models"
    assert lines["landmark.int8.tflite"][0] == "sub"
    for path in (models_dir / "landmark.float.tflite", *models_dir.glob("sub/*")):
        folder = write_dir / path.relative_to(models_dir).with_suffix("")
        expected = metrics.summarize(TfliteModel(path).predict(patches), truth)
        found = json.loads((folder / "metrics.json").read_text())
        assert found["checkpoint"] == path.name
        assert found["error_crop"] == pytest.approx(expected["error_crop"], rel=1e-5)
        assert lines[path.name][1] == pytest.approx(found["error_crop"], abs=1e-6)
        assert [row[0] for row in read_err_csv(folder)[1]] == names
        assert (folder / "mosaic_worst.jpg").exists()
    assert len(list(models_dir.rglob("*.*"))) == 4


def test_pretrained_figures_are_not_rewritten():
    code = (
        "from pathlib import Path; import evaluate_landmark_model as script; "
        "print([script._is_pretrained(Path(p)) for p in "
        "('pretrained/landmark_56', 'pretrained', 'runs', 'pretrained/../runs')])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[True, True, False, False]\n"


# Schemes.


@pytest.fixture(scope="module")
def of_two_schemes(tmp_path_factory, train_model):
    """Records of wflw98 with missing points, and a folder with a model of ibug68."""
    folder = tmp_path_factory.mktemp("schemes")
    scheme = find_scheme("wflw98")
    patches, points = draw_patches(np.random.default_rng(16), 4, 56, scheme)
    points[0, 96] = points[1, 60] = points[2, 5] = np.nan
    rows = zip(patches, points, strict=True)
    path = folder / "wflw.tfrecord"
    records.write_records(path, ((*row, "face", 0, scheme) for row in rows))
    model = copy_model(train_model(max_number_of_steps=2), folder / "runs" / "model")
    return path, model, patches, np.float32(points)


def test_models_of_another_scheme_want_as_scheme(run_script, of_two_schemes, tmp_path):
    path, model, *_ = of_two_schemes
    flags = dict(tfrecord=path, models_dir=model.parent, write_dir=tmp_path)
    done = run_script("evaluate_landmark_model", status=1, **flags)
    assert (
        f"failed {model}: expected points of scheme wflw98, as the records have, found "
        "ibug68; --as_scheme measures both in a scheme that they convert to\n"
    ) in done.stdout
    assert not (tmp_path / "eval.txt").exists()


# ibug68 is what the records convert to, five what both do. The pupil, of a face without
# it, normalises five; the outer corner of an eye ibug68.
@pytest.mark.parametrize(
    ("name", "points_missing"), [("ibug68", 1), ("five", 1), ("ibug51", 1)]
)
def test_as_scheme_measures_both_in_it(
    run_script, of_two_schemes, tmp_path, name, points_missing
):
    path, model, patches, truth = of_two_schemes
    flags = dict(tfrecord=path, models_dir=model.parent, write_dir=tmp_path)
    done = run_script("evaluate_landmark_model", as_scheme=name, **flags)
    scheme = find_scheme(name)
    checkpoint = CheckpointModel(model)
    predicted = IBUG68.convert(checkpoint.predict(patches), scheme)
    checkpoint.close()
    expected = find_scheme("wflw98").convert(truth, scheme)
    summary = metrics.summarize(predicted, expected, scheme)
    found = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert found["scheme"] == name
    assert found["points_missing"] == points_missing == np.isnan(expected).sum() / 2
    assert found["samples_without_nme"] == 1
    for figure in ("error_crop", f"nme_{scheme.normaliser}"):
        assert found[figure] == pytest.approx(summary[figure], rel=1e-4)
    header, rows = read_err_csv(tmp_path / "model")
    assert len(header) == 2 * scheme.num_points + 3
    assert len(rows) == 4
    total = 4 * scheme.num_points
    assert f"1 of {total} points are missing and count nowhere; 1 patch" in done.stdout
    assert f"4 patches of {path}" in done.stdout


def test_as_scheme_that_there_is_no_way_to(run_script, of_two_schemes, tmp_path):
    path, model, *_ = of_two_schemes
    flags = dict(tfrecord=path, models_dir=model.parent, write_dir=tmp_path)
    done = run_script("evaluate_landmark_model", as_scheme="wflw98", status=1, **flags)
    assert (
        f"failed {model}: expected a scheme that ibug68 can be measured in (ibug68, "
        "ibug51, ibug49, five), found wflw98\n"
    ) in " ".join(done.stdout.split(" "))
    done = run_script("evaluate_landmark_model", as_scheme="ibug49", status=1, **flags)
    assert f"{path}: expected a scheme that wflw98 can be measured in" in done.stderr
    done = run_script("evaluate_landmark_model", as_scheme="ibug69", status=1, **flags)
    assert "expected a scheme, one of five, " in done.stderr
    assert "Traceback" not in done.stderr
