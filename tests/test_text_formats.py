"""Every text format: what is written is read as it was, and whatever a file holds is
read, finite and in range, or refused in one sentence.

The examples are the same in each run. EXAMPLES=5000 looks at so many others of each:

    EXAMPLES=5000 .venv/bin/python -m pytest tests/test_text_formats.py
"""

import contextlib
import dataclasses
import json
import os
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from test_mutations import (
    FIVE,
    OWN,
    REPORT,
    check_points,
    check_scheme,
    check_shares,
    write_empty_model,
)

from landmark.dataset import report, split
from landmark.face.scheme import IBUG68, NAMES, parse_scheme, scheme_of_reference
from landmark.files import disk, patches, pts
from landmark.files.journal import Journal
from landmark.live.sources import read_folder_list
from landmark.model import metadata, settings
from landmark.pictures import evaluation
from landmark.script.errors import InputError

EXAMPLES = os.environ.get("EXAMPLES")
run_with.register_profile(
    "formats",
    max_examples=int(EXAMPLES or 25),
    derandomize=EXAMPLES is None,
    **dict(deadline=None, database=None, print_blob=True),
    suppress_health_check=list(HealthCheck),
)
run_with.load_profile("formats")

SCHEMES = st.sampled_from([IBUG68, FIVE, OWN])
SHARES = st.none() | st.floats(0, 10)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
# A name of a file, which may be no text; and what a line of text can hold.
FILE_NAMES = st.binary(min_size=1, max_size=30).map(
    lambda name: os.fsdecode(name.replace(b"\0", b"0").replace(b"/", b"\\"))
)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=9,
)


@pytest.fixture
def folder(tmp_path):
    """A folder, the same for all examples of a test."""
    return tmp_path


def soup(*words):
    """Text of a format's words, in any order, and others."""
    word = st.sampled_from(words) | st.text(max_size=5) | NUMBERS.map(str)
    return st.lists(word, max_size=40).map("".join) | st.text()


def notes(*keys):
    """JSON objects that have some of a note's keys, and other JSON."""
    values = JSON | st.floats(0, 10) | st.just(1) | st.sampled_from(NAMES)
    return st.dictionaries(st.sampled_from(keys), values) | JSON


def read(reader, *arguments):
    """Returns what is read; None if it is refused in a sentence."""
    try:
        return reader(*arguments)
    except InputError as error:
        sentence = str(error)
        assert "found" in sentence or "header promises" in sentence
        assert len(sentence.partition("\n")[0]) < 2000
    return None


def write(path, text):
    path.write_bytes(text.encode(errors="surrogatepass"))
    return path


# .pts


MILLIONTHS = st.integers(-(10**12), 10**12)


def draw_points(data, scheme, number):
    """Points (P, 2) of such numbers, of which some are missing."""
    point = st.none() | st.tuples(number, number)
    rows = st.lists(point, min_size=scheme.num_points, max_size=scheme.num_points)
    return np.array([place or (np.nan, np.nan) for place in data.draw(rows)])


@given(st.data(), SCHEMES, st.sampled_from([0, 1]))
def test_pts_are_read_as_they_were_written(folder, data, scheme, first_pixel):
    points = draw_points(data, scheme, MILLIONTHS) / 1e6
    path, form = folder / "face.pts", pts.PtsFormat(scheme, first_pixel)
    pts.write_pts(path, points, first_pixel)
    found = pts.read_pts(path, form)
    np.testing.assert_allclose(found, points, rtol=0, atol=6e-7)
    assert pts.format_pts(found, first_pixel) == path.read_text()


@given(
    soup("version: 1\n", "n_points: 5\n", "5\n", "{\n", "}\n", "\n", " ", "1 2\n")
    | st.lists(st.sampled_from(["1 2", "nan nan", "-1 0", "1e9 0"]), min_size=5).map(
        "\n".join
    ),
    st.sampled_from([pts.PtsFormat(FIVE), pts.PtsFormat(FIVE, 0, ((-1, 0),), True)]),
)
def test_any_pts_is_points_or_refused(folder, text, form):
    points = read(pts.read_pts, write(folder / "any.pts", text), form)
    if points is not None:
        check_points(points, 5, 1e9 + 1)


@given(soup("1,2", ",", "visibility", "nan,nan").map(lambda text: text[:50]))
def test_any_mark_of_missing_points_is_two_numbers_or_refused(word):
    found = read(pts.parse_missing, [word])
    assert found is None or found["has_visibility"] or len(found["missing"][0]) == 2


# .npts


@given(st.data(), SCHEMES)
def test_npts_are_read_as_they_were_written(folder, data, scheme):
    points = draw_points(data, scheme, st.floats(-9.5, 10.5))
    patches.write_patch(folder / "face", np.zeros((2, 2, 3), np.uint8), points)
    np.testing.assert_array_equal(
        patches.read_npts(folder / "face.npts", scheme), points
    )


@given(st.binary(min_size=80, max_size=80) | st.binary())
def test_any_npts_is_points_or_refused(folder, content):
    path = folder / "any.npts"
    path.write_bytes(content)
    points = read(patches.read_npts, path, FIVE)
    if points is not None:
        check_points(points - 0.5, 5, 10)


# Schemes


@st.composite
def scheme_texts(draw):
    """A scheme that does not contradict itself, with comments and carried-on lines."""
    count = draw(st.integers(2, 30))
    index = st.integers(0, count - 1)
    some = st.lists(index, unique=True, min_size=2, max_size=count)
    space = st.sampled_from([" ", "  ", "\t", "\n  ", " # of it\n\t"])

    def words(indices):
        return "".join(f"{draw(space)}{i}" for i in indices)

    lines = [f"name {draw(st.from_regex('[A-Za-z][a-z_0-9]*', fullmatch=True))}"]
    lines += [f"points {count}"]
    chains = draw(st.integers(0, 4))
    for number in range(chains):
        end = draw(st.sampled_from(["", " closed"]))
        lines.append(f"chain c{number}{words(draw(some))}{end}")
        lines.append(f"part p{number} c{number}")
    pairs = draw(some)
    half = len(pairs) // 2
    lines.append(f"mirror{words(pairs[:half])} ={words(pairs[half : 2 * half])}")
    first, second = draw(some)[:2]
    lines.append(f"normalise span {first} {second}")
    if draw(st.booleans()):
        lines.append(f"face_box 0.1 {draw(st.floats(0, 9.9))} 0")
        lines.append(f"convert five approximate{words([first] * 5)} = us")
    return "\n".join(lines)


@given(scheme_texts())
def test_scheme_is_read_as_it_was_written(text):
    scheme = parse_scheme(text, "own.txt")
    check_scheme(scheme)
    again = scheme_of_reference(scheme.reference, "a note")
    assert again == scheme
    for name, chain in scheme.chains.items():
        assert again.chains[name].tolist() == chain.tolist()
    assert again.closed == scheme.closed
    assert again.mirror.tolist() == scheme.mirror.tolist()
    assert (again.normalisers, again.face_box) == (scheme.normalisers, scheme.face_box)
    assert [c.groups for c in again.conversions.values()] == [
        c.groups for c in scheme.conversions.values()
    ]


SCHEME_WORDS = (
    *("name x\n", "points 6\n", "\nchain ", "\npart ", "\nmirror ", "\nnormalise "),
    *("\nface_box ", "\nconvert ", "\ndrawn ", "\nsource "),
    *("0-3", "5-0/2", "1+2", " ", "=", "#", "\n\t", "0", "5", "6", "closed", "a"),
)


@given(soup(*SCHEME_WORDS), st.booleans())
def test_any_scheme_is_whole_or_refused(text, with_head):
    text = f"name x\npoints 6\nnormalise a 0 1\n{text}" if with_head else text
    scheme = read(parse_scheme, text, "own.txt")
    if scheme is not None:
        check_scheme(scheme)


# Notes in JSON


@given(SCHEMES, st.floats(0, 10), SHARES, st.none() | st.dictionaries(LINES, JSON))
def test_crop_json_is_read_as_it_was_written(folder, scheme, margin, share, noted):
    crop = patches.Crop(scheme, margin, share, noted and json.loads(json.dumps(noted)))
    (folder / patches.CROP_NAME).unlink(missing_ok=True)
    patches.write_crop(folder, crop)
    found = patches.read_crop(folder)
    assert found[:3] == crop[:3]
    assert json.dumps(found.settings) == json.dumps(crop.settings)  # nan is not nan.


@given(notes("version", "scheme", "margin", "extension", "settings", "hash"))
def test_any_crop_json_is_a_crop_or_refused(folder, note):
    write(folder / patches.CROP_NAME, json.dumps(note))
    crop = read(patches.read_crop, folder)
    if crop is not None:
        check_scheme(crop.scheme)
        check_shares(crop.margin, crop.extension)


@given(SCHEMES, SHARES, SHARES)
def test_data_json_is_read_as_it_was_written(folder, scheme, margin, extension):
    data = settings.TrainingData(scheme, margin, extension)
    settings.write_data(folder, data)
    assert settings.read_data(folder) == data


@given(notes("version", "scheme", "margin", "extension"))
def test_any_data_json_is_read_or_refused(folder, note):
    write(folder / settings.DATA_NAME, json.dumps(note))
    data = read(settings.read_data, folder)
    if data is not None:
        check_scheme(data.scheme)
        check_shares(data.margin, data.extension)


@given(SCHEMES, SHARES, SHARES, st.none() | st.floats(1e-6, 10), st.booleans())
def test_landmark_json_is_read_as_it_was_written(scheme, share, margin, spread, color):
    told = metadata.Metadata(scheme, share, margin, spread)
    note = metadata.describe(told, 56, color)
    content = metadata.write_note(write_empty_model(b"{}"), note)
    assert metadata.parse(metadata.read_note(content, "a.tflite"), "a.tflite") == told


@given(notes("version", "scheme", "extension", "margin", "confidence"), st.booleans())
def test_any_landmark_json_is_read_or_refused(note, with_scheme):
    if with_scheme and isinstance(note, dict):
        note |= {"scheme": {"definition": OWN.definition}, "version": 1}
    told = read(metadata.parse, note, "a.tflite")
    if told is not None:
        check_scheme(told.scheme)
        check_shares(*told[1:])


@given(st.dictionaries(LINES, JSON))
def test_metrics_json_is_read_as_it_was_written(folder, summary):
    summary = json.loads(json.dumps(summary))
    evaluation.write_metrics(folder, summary)
    text = (folder / evaluation.METRICS_NAME).read_text()
    assert json.dumps(json.loads(text)) == json.dumps(summary)


@given(notes("checkpoint", "variants", "scheme"), st.booleans())
def test_any_export_json_is_of_an_export_or_refused(folder, note, is_of_it):
    from landmark.model import export

    if is_of_it and isinstance(note, dict):
        note["checkpoint"] = "model.ckpt-4"
    path = write(folder / export.REPORT_NAME, json.dumps(note))
    found = read(export._forget_other_exports, folder, "trained/model.ckpt-4")
    if found is not None:
        assert path.exists() == ("checkpoint" in found)
        assert isinstance(found["variants"], dict)


# Settings


def values_of(field):
    """What a setting may be, by its type."""
    kinds = (field.type,)
    if isinstance(field.type, types.UnionType):
        kinds = field.type.__args__
    low, high = settings._RANGES.get(field.name, (None, None))
    of_kind = {
        bool: st.booleans(),
        int: st.integers(low, high),
        float: st.floats(low, high, allow_nan=False, allow_infinity=False),
        str: LINES,
        types.NoneType: st.none(),
    }
    if field.name in settings._CHOICES:
        return st.sampled_from(settings._CHOICES[field.name])
    return st.one_of(*(of_kind[kind] for kind in kinds if kind in of_kind))


SETTINGS = st.builds(
    settings.TrainSettings,
    **{
        field.name: SCHEMES if field.name == "scheme" else values_of(field)
        for field in dataclasses.fields(settings.TrainSettings)
    },
)


@given(SETTINGS)
def test_train_setting_txt_is_read_as_it_was_written(folder, trained):
    settings.write_settings(folder, trained)
    settings.write_data(folder, settings.TrainingData(trained.scheme))
    assert settings.read_settings(folder) == trained
    settings.check_same_settings(folder, trained)


FIELD_NAMES = [f"--{f.name}=" for f in dataclasses.fields(settings.TrainSettings)]


@given(SETTINGS, soup(*FIELD_NAMES, "\n", "true", "56", "adam", "lannet"))
def test_any_train_setting_txt_is_read_or_refused(folder, trained, text):
    settings.write_data(folder, settings.TrainingData(trained.scheme))
    text = f"{settings.format_settings(trained)}{text}"
    write(folder / settings.FILE_NAME, text)
    found = read(settings.read_settings, folder)
    if found is not None:
        assert 16 <= found.input_size <= 4096
        check_scheme(found.scheme)
        read(settings.check_same_settings, folder, trained)


# Tables, journals, lists


ROWS = st.lists(
    st.builds(report.ReportRow, FILE_NAMES, FILE_NAMES, LINES, LINES), max_size=5
)


@given(ROWS)
@example([report.ReportRow("0", "\r", "0", "0")])
def test_report_csv_is_read_as_it_was_written(folder, rows):
    path = folder / "report.csv"
    report.write_report(path, [], rows)
    assert report.read_report(path) == rows


@given(
    soup("photo,patch,outcome,detail\n", '"', ",", "\n", "\r", "a,b,c,d\n", "\0"),
    st.booleans(),
)
def test_any_report_csv_is_rows_or_refused(folder, text, with_head):
    head = REPORT.partition(b"\n")[0].decode() + "\n"
    path = write(folder / "report.csv", head * with_head + text)
    rows = read(report.read_report, path)
    assert rows is None or all(len(row) == 4 for row in rows)


@given(JSON, st.lists(JSON, max_size=5), st.data())
def test_journal_has_what_was_noted_before_it_was_cut(folder, work, items, data):
    path = folder / ".journal.jsonl"
    path.unlink(missing_ok=True)
    journal = Journal(path, work)
    for item in items:
        journal.add(item)
    journal.close()
    if not items:
        assert not path.exists()
        return
    content = path.read_bytes()
    kept = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(kept)
    journal = Journal(path, work)
    # What is nan is not equal to itself, and neither is work with it.
    expected = items[: max(0, kept.count(b"\n") - 1)]
    is_same = json.loads(json.dumps(work)) == json.loads(json.dumps(work))
    assert json.dumps(journal.done) == json.dumps(expected if is_same else [])
    journal.add("next")
    journal.close()
    done = Journal(path, work).done
    assert json.dumps(done) == json.dumps([*expected, "next"]) or not is_same


@given(st.binary() | soup("{}", "[]", "\n", "1", "null").map(str.encode))
def test_any_journal_is_read_or_refused(folder, content):
    path = folder / ".any.jsonl"
    path.write_bytes(content)
    journal = read(Journal, path, {})
    if journal is not None:
        journal.add(1)
        journal.close()
        assert Journal(path, {}).done[-1] == 1


PATHS = LINES.map(str.strip).filter(lambda line: line.strip("./"))


@given(st.lists(PATHS, max_size=5))
def test_folder_list_is_read_as_it_was_written(folder, names):
    path = write(folder / "folders.txt", "\n".join(names))
    assert read_folder_list(path) == list(map(Path, names))


@given(soup("a/b", "\n", "/", "..", ".", "\r\n", " "))
def test_any_folder_list_is_folders_or_refused(folder, text):
    found = read(read_folder_list, write(folder / "folders.txt", text)) or []
    for each in found:
        assert os.path.realpath(each) != "/"
        with contextlib.suppress(InputError):
            disk.require_folder(each)


PATCHES = [*(f"a-{i}" for i in range(9)), "a-2@rotated", "2-a-3", "a-4@1"]


@given(soup(*(f"{name}\n" for name in PATCHES), "#", "\n", "@"))
def test_any_val_list_divides_all_patches_or_is_refused(folder, text):
    path = write(folder / "val.txt", text)
    sides = read(split.split_by_list, PATCHES, path)
    if sides is not None:
        assert sorted(sides[0] + sides[1]) == sorted(PATCHES)
        groups = [{split.photo_group(name) for name in side} for side in sides]
        assert not groups[0] & groups[1]
