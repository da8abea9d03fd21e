"""Files of every kind, mutated: each is read, or refused in one sentence.

What a file is mutated to depends on its kind, its number and MUTATION_SEED alone.
MUTATIONS=1 makes the whole set, MUTATIONS=20 twenty times as many of each:

    MUTATIONS=20 MUTATION_SEED=7 .venv/bin/python -m pytest tests/test_mutations.py
"""

import contextlib
import io
import json
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import PROJECT

from landmark.dataset import extraction, report, split, writing
from landmark.face.scheme import IBUG68, NAMES, Scheme, find_scheme, parse_scheme
from landmark.files import disk, patches, pts
from landmark.files.journal import Journal
from landmark.files.photos import read_image
from landmark.live import books
from landmark.live.sources import read_folder_list
from landmark.model import metadata, settings
from landmark.pictures import evaluation
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_face

FACTOR = float(os.environ.get("MUTATIONS", "0.5"))  # 5,085 of 10,170.
SEED = int(os.environ.get("MUTATION_SEED", "0"))
# Of a mutated file: seconds of the processor, bytes, characters of the sentence.
MAX_SECONDS, MAX_BYTES, MAX_SENTENCE = 5, 500_000_000, 2000
FIVE = find_scheme("five")
OWN = parse_scheme(
    "name own\npoints 6\nsource us, who made it\nchain edge 0-2 closed\n"
    "chain line 3 4 5\npart all edge line\nmirror 0 1 = 2 1\nnormalise span 0+1 2\n"
    "face_box 0.1 0.2 0.3\nconvert five approximate 0 2 1 1+3 1 = we\n",
    "own.txt",
)

# What a number is replaced by.
NUMBERS = (
    *(b"nan", b"inf", b"-inf", b"1e300", b"-1e300", b"1e-300", b"-1", b"0", b""),
    *(b"9" * 400, b"9" * 5000, b"7,5", b"0x10", b"1_0", b"true", b"null", b'""'),
    *(b"\xe9", b"\0", b"\xff\xfe", "\u0663".encode(), b"\x1b[31m", b"-", b"3-1"),
)
# What a value of JSON is replaced by.
VALUES = (
    *(None, True, False, 0, 1, -1, 2, 0.5, 1e300, -1e300, 10**400, "", "x", "0.1"),
    *(float("nan"), float("inf"), [], {}, [1], {"a": 1}, "\ud800", "\udcff", "\0"),
    *("five", "name x\n", "name x\npoints 2\nnormalise a 0 1\nsource \ud800\n"),
    "9" * 5000,
)


def flip(rng, content):
    changed = bytearray(content)
    for place in rng.integers(0, len(changed), rng.integers(1, 9)):
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def pick_range(rng, content):
    start = int(rng.integers(0, len(content)))
    return start, start + int(rng.integers(1, rng.choice([4, 64, 1024])))


def delete(rng, content):
    start, end = pick_range(rng, content)
    return content[:start] + content[end:]


def duplicate(rng, content):
    start, end = pick_range(rng, content)
    copies = int(rng.choice([2, 3, 100]))
    return content[:start] + content[start:end] * copies + content[end:]


def insert(rng, content):
    place = int(rng.integers(0, len(content) + 1))
    return content[:place] + rng.bytes(rng.integers(1, 40)) + content[place:]


def truncate(rng, content):
    return content[: rng.integers(0, len(content))]


def overwrite(rng, content):
    """Writes a number of 1 to 8 bytes that is at the end of its range."""
    size = int(rng.choice([1, 2, 4, 8]))
    place = int(rng.integers(0, max(1, len(content) - size)))
    value = [b"\xff", b"\0", b"\x7f"][rng.integers(3)] * size
    return content[:place] + value + content[place + size :]


def replace_number(rng, content):
    found = list(re.finditer(rb"-?\d+(\.\d+)?(e-?\d+)?", content))
    if not found:
        return insert(rng, content)
    match = found[rng.integers(len(found))]
    number = NUMBERS[rng.integers(len(NUMBERS))]
    return content[: match.start()] + number + content[match.end() :]


def insert_word(rng, content):
    place = int(rng.integers(0, len(content) + 1))
    word = NUMBERS[rng.integers(len(NUMBERS))]
    space = [b"", b" ", b"\n", b"=", b","][rng.integers(5)]
    return content[:place] + space + word + space + content[place:]


def keep_size(rng, content):
    """Flips bits where the parts of a file are described, at its ends mostly."""
    end = min(len(content), int(rng.choice([200, 4000, len(content)])))
    if rng.random() < 0.5:
        return flip(rng, content[:end]) + content[end:]
    return content[:-end] + flip(rng, content[-end:])


def move_lines(rng, content):
    lines = content.splitlines(keepends=True)
    one, other = rng.integers(0, len(lines), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def repeat_line(rng, content):
    lines = content.splitlines(keepends=True)
    place = rng.integers(len(lines))
    lines[place] = repeat(lines[place], rng.choice([2, 3, 2000]))
    return b"".join(lines)


def repeat(part, copies):
    return part * int(min(copies, max(1, 300_000 // (len(part) + 1))))


def repeat_word(rng, content):
    lines = content.split(b"\n")
    place = rng.integers(len(lines))
    words = lines[place].split(b" ")
    words.append(repeat(words[rng.integers(len(words))] + b" ", rng.choice([1, 99999])))
    lines[place] = b" ".join(words)
    return b"\n".join(lines)


def nest(rng, content):
    deep = [b"[", b'{"a":', b"{", b"((", b" "][rng.integers(5)] * 100_000
    place = int(rng.integers(0, len(content) + 1))
    return [deep, content[:place] + deep + content[place:]][rng.integers(2)]


def change_json(rng, content):
    """Replaces, removes or repeats a value, wherever it stands; it stays JSON."""
    note = {"": json.loads(content)}
    parent, key = note, ""
    while isinstance(parent[key], dict | list) and parent[key] and rng.random() < 0.75:
        parent = parent[key]
        keys = list(parent) if isinstance(parent, dict) else range(len(parent))
        key = keys[rng.integers(len(keys))]
    if rng.random() < 0.15 and parent is not note:
        del parent[key]
    elif rng.random() < 0.1:
        parent[key] = [parent[key]] * 3
    else:
        parent[key] = VALUES[rng.integers(len(VALUES))]
    return json.dumps(note[""]).encode()


def change_json_line(rng, content):
    lines = content.split(b"\n")
    place = rng.integers(len(lines) - 1)
    lines[place] = change_json(rng, lines[place])
    return b"\n".join(lines)


BYTES = (flip, flip, delete, duplicate, insert, truncate, overwrite)
TEXT = (
    *(*BYTES, replace_number, replace_number, replace_number, insert_word),
    *(move_lines, repeat_line, repeat_word, nest),
)
JSON = (*TEXT, *[change_json] * 12)


def generator(kind, number):
    return np.random.default_rng([SEED, zlib.crc32(kind.encode()), number])


def mutate(rng, content, mutators):
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if content:
            try:
                content = mutators[rng.integers(len(mutators))](rng, content)
            except (ValueError, RecursionError):  # It is no JSON any more.
                content = flip(rng, content)
    return content


class Hang(BaseException):
    """A reader takes too long; no reader catches this."""


def on_alarm(*_):
    raise Hang


def try_reader(read, *arguments):
    """Returns what is wrong with a reader, None if nothing is; whether it refused."""
    in_main = threading.current_thread() is threading.main_thread()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    if in_main:
        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(60)
    refused, wrong = False, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)  # numpy's, of overflow.
            read(*arguments)
    except InputError as error:
        refused = True
        sentence = str(error).partition("\n")[0]  # What follows are settings.
        if "found" not in sentence or len(sentence) > MAX_SENTENCE:
            wrong = f"{len(sentence)} characters: {sentence[:300]}"
    except OSError:
        refused = True
    except (Exception, Hang) as error:
        wrong = f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        if in_main:
            signal.alarm(0)
    seconds = time.process_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if seconds > MAX_SECONDS:
        wrong = f"{seconds:.1f} seconds; {wrong}"
    if 1024 * grown > MAX_BYTES:
        wrong = f"{grown / 1000:.0f} megabytes; {wrong}"
    return wrong, refused


def check_shares(*shares):
    for share in shares:
        assert share is None or type(share) is float, share
        assert share is None or 0 <= share <= 10, share


def check_scheme(scheme):
    assert isinstance(scheme, Scheme)
    assert parse_scheme(scheme.definition, "x") == scheme
    scheme.reference.encode()
    assert scheme.mirror.max() < scheme.num_points
    assert (scheme.mirror[scheme.mirror] == np.arange(scheme.num_points)).all()


def check_points(points, num_points, farthest):
    assert points.shape == (num_points, 2)
    known = points[~np.isnan(points).all(axis=1)]
    assert (np.abs(known) <= farthest).all()


class Kind(NamedTuple):
    """A kind of files: how many are mutated, what they are called, and how they are
    read. `contents` makes those that are mutated; `read` gets the path and which of the
    contents it was."""

    count: int
    name: str
    contents: object
    read: object
    mutators: tuple = TEXT


PTS_FORMATS = (
    pts.IBUG_FORMAT,
    pts.PtsFormat(FIVE, 0, ((0.0, 0.0), (-1.0, -1.0))),
    pts.PtsFormat(OWN, 1, (), has_visibility=True),
    pts.PtsFormat(OWN, 0, ((-1.0, -1.0),)),
)


def pts_contents():
    image_points = draw_face(np.random.default_rng(3), 128)[1]
    rows = "1.5 2 1\n33.25 4 0\n5 6 1\n7 8 1\n9 1 1\nnan nan 0\n"
    return (
        pts.format_pts(image_points).encode(),
        b"0 0\n1.5 22\n3 4\n-1 -1\n5 6\n",
        f"version: 1\nn_points: 6\n{{\n{rows}}}\n".encode(),
        b"6\n1 2\n3 4\n5e1 6\n7 8\n-1 -1\n9.25 10\n",
    )


def read_pts(path, which):
    form = PTS_FORMATS[which]
    check_points(pts.read_pts(path, form), form.scheme.num_points, 1e9 + 1)


def scheme_contents():
    texts = [find_scheme(name).definition for name in NAMES]
    return [text.encode() for text in (*texts, *[OWN.definition] * 3)]


def read_scheme(path, which):
    check_scheme(parse_scheme(disk.read_text(path), path))


def read_npts(path, which):
    scheme = (IBUG68, FIVE)[which]
    points = patches.read_npts(path, scheme)
    check_points(points - 0.5, scheme.num_points, 10)


def npts_contents():
    rng = np.random.default_rng(0)
    points = [rng.uniform(0, 1, (scheme.num_points, 2)) for scheme in (IBUG68, FIVE)]
    points[1][2] = np.nan
    return [values.astype("<f8").tobytes() for values in points]


def crop_contents():
    crops = (
        patches.Crop(FIVE, 0.3, 0.1, {"jitter": 0.05, "max_rotate": None}),
        patches.Crop(OWN, 0.0, None, None),
    )
    notes = [{"version": 1, **c._asdict(), "scheme": c.scheme.reference} for c in crops]
    return [json.dumps(note).encode() for note in (*notes, {"margin": 0.3})]


def read_crop(path, which):
    crop = patches.read_crop(path.parent)
    check_scheme(crop.scheme)
    check_shares(crop.margin, crop.extension)
    assert crop.margin is not None
    assert crop.settings is None or isinstance(crop.settings, dict)
    patches.require_same_crop(path, crop, crop)
    with contextlib.suppress(InputError):
        other = patches.Crop(FIVE, 0.3, 0.1, {"jitter": 1})
        patches.require_same_crop(path, crop, other)


REPORT = (
    b"photo,patch,outcome,detail\n/a/1.pts,a-1,kept,\n"
    b'/a/2.pts,a-2,no detection,"it is, they say, sure of ""none"""\n'
    b"/a/caf\xe9.pts,a-3,not 68 points,found 66\n"
)


def read_report(path, which):
    rows = report.read_report(path)
    assert all(len(row) == 4 and set(map(type, row)) == {str} for row in rows)
    report.write_report(path.with_name("again.csv"), rows, [])


def journal_contents():
    rows = [[f"/a/{i}.pts", f"a-{i}", "kept", ""] for i in range(4)]
    items = [[row, [[0.0, 0.0]] * (row[1] == "a-2")] for row in rows]
    work = {**patches.Crop(FIVE)._asdict(), **pts.PtsFormat(FIVE)._asdict()}
    work |= {"scheme": "five", "rand_factor": 1, "seed": 0}
    return ["".join(f"{json.dumps(line)}\n" for line in (work, *items)).encode()]


def read_journal(path, which):
    journal = Journal(path, {"other": "work"})
    journal.close()
    read_report(path.with_name("report.csv"), which)
    how = extraction.CropSettings(0.3, 0.1, 0.0, 0.0, None, 1, 0, pts.PtsFormat(FIVE))
    journal = report.open_journal(path.parent, patches.Crop(FIVE), how, {})
    journal.close()
    assert not list(extraction.extract([], how, (), 1, journal))
    for row, suspects in journal.done:
        assert len(row) == 4
        assert np.isfinite(np.reshape(np.float64(suspects), (-1, 2))).all()


def lines_of(*values):
    return ["".join(f"{json.dumps(value)}\n" for value in values).encode()]


def detection_contents():
    items = [[2, 0, "", [], 300], [0, 1, "", ["a.txt: no"], 300], [0, 0, "no", [], 300]]
    photos = [[f"photos/{i}.jpg", f"{i}", 0, 0] for i in range(4)]
    return lines_of({"model": "a"}, photos, *items)


def read_detection(path, which):
    path.with_suffix(".part").write_bytes(bytes(1000))
    photos = [(Path(f"photos/{i}.jpg"), Path(f"{i}")) for i in range(4)]
    found = books.Books(None, [path.parent], {"model": "a"}, photos)
    assert len(found.done) <= len(found.photos)
    for outcome in found.done:
        assert min(outcome.faces, outcome.dropped) >= 0


def packing_contents():
    items = [[1, 0, 0, [["a", "a.npts: expected a file, found none"]]], [4, 0, 2, []]]
    return lines_of({"size": 56, "shards": 1}, *items)


def read_packing(path, which):
    # The journal's name is the output's.
    output = path.with_name("a.tfrecord")
    path.rename(path.with_name(".records-7d16868e.jsonl"))
    try:
        begun = writing.Output(output, 1, list("abcd"), {"size": 56})
        assert 0 <= begun.num_done <= 4
        assert begun.left == list("abcd")[begun.num_done :]
        for name, reason in begun.dropped:
            assert isinstance(name + reason, str)
        begun.close()
    finally:
        for left in path.parent.glob(".records-*"):
            left.unlink()


def evaluation_contents():
    told = {"checkpoint": "model.ckpt-4", "samples": 9, "samples_without_nme": 0}
    told |= {"points_missing": 0, "error_crop": 0.1, "nme_inter_ocular": None}
    items = [[f"models/{i}", told, [0.1, 0.2]] for i in range(3)]
    return lines_of({"models": "a"}, *items)


def read_evaluation(path, which):
    figures = ("error_crop", "nme_inter_ocular")
    journal = evaluation.open_journal(path.parent, {"models": "a"}, figures)
    for _, told, nmes in journal.done:
        assert not np.isnan(nmes).any()  # Where eyes coincide it may be infinite.
        for figure in figures:
            assert told[figure] is None or math.isfinite(told[figure])
    journal.close()


def labelling_contents():
    items = [["a.png", "kept", "", 7], ["b/c.png", "removed", "", 0]]
    items.append(["d.png", "dropped", "d.npts: expected a file, found none", 0])
    return lines_of({"model": "e3b0c44298fc1c14"}, *items)  # Of an empty file.


def read_labelling(path, which):
    from scripts import label_patches

    model = path.with_name("model.tflite")
    model.touch()
    for verdict in label_patches._open_journal(path.parent, model).done:
        place = path.parent / verdict.name
        assert place.resolve().is_relative_to(path.parent.resolve())
        label_patches._is_carried_out(path.parent, verdict)


def read_data(path, which):
    data = settings.read_data(path.parent)
    check_scheme(data.scheme)
    check_shares(data.margin, data.extension)


def data_contents():
    return [
        json.dumps({"version": 1, **data._asdict(), "scheme": scheme}).encode()
        for data, scheme in (
            (settings.TrainingData(FIVE, 0.25, 0.1), "five"),
            (settings.TrainingData(OWN), OWN.definition),
        )
    ]


def read_settings(path, which):
    found = settings.read_settings(path.parent)
    numbers = [value for value in vars(found).values() if isinstance(value, float)]
    assert np.isfinite(numbers).all()
    assert 16 <= found.input_size <= 4096
    assert 1 <= found.batch_size <= 1_000_000
    settings.check_same_settings(path.parent, found)


def settings_contents():
    folder = PROJECT / "pretrained" / "landmark_56"
    return [(folder / settings.FILE_NAME).read_bytes()]


def read_val_list(path, which):
    names = [f"a-{i}" for i in range(9)]
    training, validating = split.split_by_list(names, path)
    assert sorted(training + validating) == names


def read_folders(path, which):
    for folder in read_folder_list(path):
        assert os.path.realpath(folder) != "/"
        disk.require_folder(folder)


def note_contents():
    told = (
        metadata.Metadata(FIVE, 0.1, 0.25, 0.012, (0.5, 0.61, 1.0, 0.1234, 2.0)),
        metadata.Metadata(OWN),
    )
    notes = [metadata.describe(each, 56, True) for each in told]
    return [json.dumps(note).encode() for note in notes]


def read_note(path, which):
    """As JSON, which most mutations are, and at its place in a .tflite."""
    content = disk.require_file(path).read_bytes()
    before = note_contents()[which]
    whole = write_empty_model(before)
    assert metadata.read_note(whole, path) == json.loads(before)
    mutated = content.ljust(len(before))[: len(before)]
    with_note = whole.replace(before, mutated)
    notes = []
    for read in (lambda: metadata.read_note(with_note, path), lambda: load(content)):
        try:
            notes.append(read())
        except InputError as error:
            refused = error
    for note in notes:
        told = metadata.parse(note, path)
        check_scheme(told.scheme)
        check_shares(told.extension, told.margin)
        assert told.sharpest_spread is None or 0 < told.sharpest_spread < 1e9
        factors = told.error_per_spread
        assert factors is None or len(factors) == told.scheme.num_points
        assert all(0 <= factor <= metadata.LARGEST_FACTOR for factor in factors or ())
    if not notes:
        raise refused


def load(content):
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError("expected JSON, found none") from error


def write_empty_model(note):
    """The bytes of a .tflite of nothing but metadata."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, entry, buffer = schema.ModelT(), schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer, buffer.data = metadata.NAME.encode(), 0, list(note)
    model.metadata, model.buffers = [entry], [buffer]
    builder = flatbuffers.Builder(len(note))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def photo_contents():
    from PIL import Image

    image = draw_face(np.random.default_rng(3), 64)[0][:48]
    exif = Image.Exif()
    exif[0x0112] = 6
    made = []
    for form, mode, options in (
        *(("PNG", "RGB", {}), ("PNG", "P", {}), ("PNG", "I;16", {"exif": exif})),
        *(("PNG", "LA", {}), ("JPEG", "RGB", {"exif": exif}), ("JPEG", "L", {})),
        *(("JPEG", "CMYK", {"progressive": True}), ("BMP", "RGB", {})),
        *(("BMP", "P", {}), ("TIFF", "RGB", {}), ("TIFF", "I;16", {})),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "RGB", {"compression": "jpeg"}),
        *(("TIFF", "F", {}), ("WEBP", "RGB", {"exif": exif}), ("WEBP", "RGBA", {})),
    ):
        content = io.BytesIO()
        picture = Image.fromarray(image)
        if mode == "I;16":
            picture = Image.fromarray(image[..., 0].astype(np.uint16) * 200)
        else:
            picture = picture.convert(mode)
        picture.save(content, form, **options)
        made.append(content.getvalue())
    return made


def read_photo(path, which):
    image = read_image(path)
    height, width, channels = image.shape
    assert min(height, width) >= 1
    assert (channels, image.dtype) == (3, np.uint8)


KINDS = {
    "pts": Kind(700, "face.pts", pts_contents, read_pts),
    "scheme": Kind(700, "own.txt", scheme_contents, read_scheme),
    "npts": Kind(400, "face.npts", npts_contents, read_npts, BYTES),
    "crop": Kind(500, "crop.json", crop_contents, read_crop, JSON),
    "report": Kind(400, "report.csv", lambda: [REPORT], read_report),
    "journal": Kind(
        *(400, ".extraction.jsonl", journal_contents, read_journal),
        (*TEXT, *[change_json_line] * 12),
    ),
    **{
        kind: Kind(300, name, contents, read, (*TEXT, *[change_json_line] * 12))
        for kind, name, contents, read in (
            ("detection", ".detection.jsonl", detection_contents, read_detection),
            ("packing", ".jsonl", packing_contents, read_packing),
            ("evaluation", ".evaluation.jsonl", evaluation_contents, read_evaluation),
            ("labelling", ".labelling.jsonl", labelling_contents, read_labelling),
        )
    },
    "settings": Kind(400, "train_setting.txt", settings_contents, read_settings),
    "data": Kind(500, "data.json", data_contents, read_data, JSON),
    "val_list": Kind(
        200, "val.txt", lambda: [b"a-0\n# no\na-3@rotated\n\na-7\n"], read_val_list
    ),
    "folders": Kind(
        200, "folders.txt", lambda: [b"photos/a\n/tmp/b 1\n\n./c\n"], read_folders
    ),
    "note": Kind(500, "own.tflite", note_contents, read_note, JSON),
    "photo": Kind(900, "photo", photo_contents, read_photo, BYTES),
}


def run_all(kind, count, mutated, read):
    """Mutates so many times; returns the failures and how many were refused.

    Args:
        mutated: function of (rng, number), which makes what `read` gets.
    """
    failures, refused = [], 0
    for number in range(max(1, round(count * FACTOR))):
        arguments = mutated(generator(kind, number), number)
        wrong, was_refused = try_reader(read, *arguments)
        refused += was_refused
        if wrong:
            failures.append(f"{kind} {number}: {wrong}")
    print(f"{kind}: {number + 1} mutations, {refused} refused, {len(failures)} failed")
    return failures


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_file_is_read_or_refused(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count, name, contents, read, mutators = KINDS[kind]
    contents, path = contents(), tmp_path / name
    for which, content in enumerate(contents):  # Whole, they are read.
        path.write_bytes(content)
        wrong, refused = try_reader(read, path, which)
        may_be_refused = kind in ("folders", "photo")
        assert not wrong
        assert not refused or may_be_refused

    def mutated(rng, number):
        which = number % len(contents)
        path.write_bytes(mutate(rng, contents[which], mutators))
        return path, which

    failures = run_all(kind, count, mutated, read)
    assert not failures, "\n".join(failures)


# Files that TensorFlow reads.


def record_samples():
    rng = np.random.default_rng(0)
    for index, scheme in enumerate((FIVE,) * 3 + (OWN,) * 3 + (IBUG68,) * 3):
        points = rng.uniform(0, 1, (scheme.num_points, 2))
        points[0] = np.nan
        patch = rng.integers(0, 256, (20, 20, 3), np.uint8)
        yield patch, points, f"face_{index}", 2, scheme, 0.1 if index % 2 else None, "p"


def read_records(path):
    from landmark.dataset import pipeline, records

    count, header, missing = records.check_records(path)
    assert records.read_header(path).size == header.size
    check_scheme(header.scheme)
    check_shares(header.extension)
    patches, points, names = pipeline.read_samples(path)
    assert patches.shape == (count, header.size, header.size, 3)
    for face in points:
        check_points(face - 0.5, header.scheme.num_points, 10.001)
    assert np.isnan(points).all(axis=-1).sum() == missing
    assert len(names) == count


def change_feature(rng, serialized):
    """Gives a feature another value, kind, or number of values; CRCs stay right."""
    import tensorflow as tf

    example = tf.train.Example.FromString(serialized)
    features = example.features.feature
    name = sorted(features)[rng.integers(len(features))]
    numbers = (0, 1, -1, 2, 16, 20, 2**31, 2**62, -(2**63))
    floats = (np.nan, np.inf, -1.0, 1e38, 0.0, 10.5)
    texts = (b"", b"x", b"\xff", b"five", b"ibug68", b"a\nb", bytes(1200), bytes(40))
    number = [numbers[i] for i in rng.integers(0, len(numbers), rng.integers(0, 3))]
    text = [texts[i] for i in rng.integers(0, len(texts), rng.integers(0, 3))]
    real = [floats[i] for i in rng.integers(0, len(floats), rng.integers(0, 3))]
    before = features[name].bytes_list.value
    coordinates = np.frombuffer(features["points"].bytes_list.value[0], "<f4").copy()
    which = rng.integers(6)
    if which == 0:
        del features[name]
    elif which == 1 and features[name].WhichOneof("kind") == "int64_list":
        features[name].int64_list.value[:] = number
    elif which == 1 and features[name].WhichOneof("kind") == "float_list":
        features[name].float_list.value[:] = real
    elif which == 1:
        features[name].bytes_list.value[:] = text
    elif which == 2 and before:
        before[0] = mutate(rng, before[0], BYTES)
    elif which == 3:
        coordinates[rng.integers(len(coordinates))] = floats[rng.integers(len(floats))]
        features["points"].bytes_list.value[:] = [coordinates.tobytes()]
    else:
        kind = ("int64_list", "float_list", "bytes_list")[rng.integers(3)]
        values = dict(int64_list=number, float_list=real, bytes_list=text)[kind]
        getattr(features[name], kind).value[:] = values
    return example.SerializeToString()


def test_mutated_records_are_read_or_refused(tmp_path):
    import tensorflow as tf

    from landmark.dataset import records

    path = tmp_path / "faces.tfrecord"
    groups = np.array_split([records.encode_example(*s) for s in record_samples()], 3)
    groups = [group.tolist() for group in groups]

    def write(serialized, path=path):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in serialized:
                writer.write(record)

    for group in groups:
        write(group)
        read_records(path)
        write(group, tmp_path / "set-00001-of-00002")  # The other shard is mutated.

    def mutated(rng, number):
        write(groups[number % 3])
        if number % 4 == 0:
            path.write_bytes(mutate(rng, path.read_bytes(), BYTES))
        elif number % 20 == 1:
            length = int(rng.integers(2**62, dtype=np.int64) >> rng.integers(0, 60))
            header = length.to_bytes(8, "little")
            crc = masked_crc32c(header).to_bytes(4, "little")
            path.write_bytes(path.read_bytes() + header + crc + rng.bytes(50))
        else:
            changed = list(groups[number % 3])
            mutators = (change_feature,) * 3 + BYTES
            place = rng.integers(len(changed))
            changed[place] = mutate_record(rng, changed[place], mutators)
            write(changed[place:] if rng.random() < 0.5 else changed)
        if rng.random() < 0.8:
            return (path,)
        shutil.copyfile(path, tmp_path / "set-00000-of-00002")
        return (tmp_path / "set@2",)

    failures = run_all("records", 500, mutated, read_records)
    assert not failures, "\n".join(failures)


def mutate_record(rng, record, mutators):
    return mutators[rng.integers(len(mutators))](rng, record)


def masked_crc32c(content):
    """The checksum of record files."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_mutated_export_report_is_read_or_refused(tmp_path):
    from landmark.model import export

    path = tmp_path / export.REPORT_NAME
    content = (PROJECT / "pretrained" / "landmark_56" / path.name).read_bytes()
    name = json.loads(content)["checkpoint"]

    def read(path):
        report = export._forget_other_exports(path.parent, f"models/{name}")
        assert isinstance(report["variants"] | {}, dict)
        assert path.exists() == ("checkpoint" in report)

    def mutated(rng, number):
        path.write_bytes(mutate(rng, content, JSON))
        return (path,)

    failures = run_all("export", 300, mutated, read)
    assert not failures, "\n".join(failures)


def test_mutated_detector_settings_are_the_same_or_refused(tmp_path):
    from landmark.detection import training

    wanted = training.SsdSettings(100, 0.01, 8)
    path = tmp_path / "detector_setting.txt"
    content = settings.format_settings(wanted).encode()
    (tmp_path / "model.ckpt-3.index").touch()

    def mutated(rng, number):
        path.write_bytes(mutate(rng, content, TEXT))
        return tmp_path, wanted

    path.write_bytes(content)
    training.check_train_dir(tmp_path, wanted)
    failures = run_all("detector", 200, mutated, training.check_train_dir)
    assert not failures, "\n".join(failures)


def change_graph(rng, content):
    """Changes a number, a name, an operation or an edge of a graph."""
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString(content)
    node = graph.node[rng.integers(len(graph.node))]
    which = rng.integers(5)
    if which == 0:
        node.op = ["Const", "Identity", "Shape", "Relu", "Exp", "Range"][
            rng.integers(6)
        ]
    elif which == 1:
        node.name = ["boxes", "scores", "", "x", "\u00e9"][rng.integers(5)]
    elif which == 2:
        node.input.append(
            ["boxes", "scores:1", "^boxes", "image_tensor"][rng.integers(4)]
        )
    elif "value" in node.attr:
        tensor = node.attr["value"].tensor
        if which == 3:
            tensor.tensor_content = mutate(rng, tensor.tensor_content or b"x", BYTES)
        elif tensor.tensor_shape.dim:
            axis = rng.integers(len(tensor.tensor_shape.dim))
            size = int([0, 1, -1, 5, 2**40][rng.integers(5)])
            tensor.tensor_shape.dim[axis].size = size
    else:
        del graph.node[int(rng.integers(len(graph.node)))]
    return graph.SerializeToString()


def test_mutated_graph_finds_boxes_or_is_refused(tmp_path, write_detector_graph):
    from landmark.detection.choose import open_detector

    path = tmp_path / "graph.pb"
    boxes = np.random.default_rng(0).uniform(0, 1, (4, 4))
    contents = []
    for form in ("api", "faceboxes"):
        write_detector_graph(path, boxes, [0.9, 0.8, 0.7, 0.5], form)
        contents.append(path.read_bytes())
    photo = np.zeros((40, 60, 3), np.uint8)

    def read(path):
        found, scores = open_detector(path).detect(photo)
        assert found.shape == (len(scores), 4)
        assert np.isfinite(found).all()
        assert np.abs(found).max(initial=0) < 1e6
        assert ((scores >= 0.3) & (scores <= 1.001)).all()

    def mutated(rng, number):
        mutators = (*[change_graph] * 4, *BYTES)
        content = contents[number % 2]
        path.write_bytes(mutate_record(rng, content, mutators))
        return (path,)

    path.write_bytes(contents[0])
    read(path)
    failures = run_all("graph", 150, mutated, read)
    assert not failures, "\n".join(failures)


def test_mutated_checkpoint_predicts_or_is_refused(tmp_path, trained_dir):
    from landmark.model.checkpoint import CheckpointModel, find_damage

    folder = shutil.copytree(trained_dir, tmp_path / "model")
    files = sorted(folder.glob("model.ckpt-4.*"))
    contents = [path.read_bytes() for path in files]
    patch = np.zeros((1, 56, 56, 3), np.uint8)

    def read(number):
        damage = find_damage(str(folder / "model.ckpt-4"))
        assert damage is None or "\n" not in damage
        if number % 5 == 0:  # It takes a second.
            model = CheckpointModel(folder)
            points = model.predict(patch)
            model.close()
            assert np.isfinite(points).all()
        elif damage:
            raise InputError(f"found {damage[:200]}")

    def mutated(rng, number):
        which = number % 2
        for path, content in zip(files, contents, strict=True):
            path.write_bytes(content)
        files[which].write_bytes(mutate(rng, contents[which], (keep_size, *BYTES)))
        return (number,)

    failures = run_all("checkpoint", 60, mutated, read)
    assert not failures, "\n".join(failures)


# TensorFlow Lite is C++, whose crash would end the tests: the models are run in another
# process. It verifies the flatbuffer first: of 600 models (MUTATIONS=10) none crashed.
WORKER = """
import os, sys, resource
import numpy as np
from landmark.detection.tflite import TfliteFaceDetector
from landmark.model.tflite import TfliteModel

sys.path.append(os.path.join(os.getcwd(), "tests"))
from test_mutations import try_reader, check_points

def read(path):
    if "face" in path:
        found, scores = TfliteFaceDetector(path, num_threads=1).detect(PHOTO)
        assert found.shape == (len(scores), 4)
        assert np.isfinite(found).all() and np.isfinite(scores).all()
        return
    model = TfliteModel(path, num_threads=1)
    size = model.input_size
    points, spread = model.predict_with_spread(np.zeros((1, size, size, 3), np.uint8))
    check_points(points[0], model.scheme.num_points, 1000)
    assert np.isnan(spread).all() or np.isfinite(spread).all()

PHOTO = np.zeros((90, 60, 3), np.uint8)
for line in sys.stdin:
    wrong, refused = try_reader(read, line.rstrip())
    print(f"{int(refused)} {wrong or ''}".replace(chr(10), " "), flush=True)
"""


class Worker:
    """Reads .tflite models in a process of its own, which may crash."""

    def __init__(self):
        self.process = None

    def read(self, path):
        """Returns the line that the process answers; an empty one if it crashed."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WORKER],
                **dict(cwd=PROJECT, text=True, stderr=subprocess.DEVNULL),
                **dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE),
            )
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        timer = threading.Timer(60, self.process.kill)
        timer.start()
        answer = self.process.stdout.readline()
        timer.cancel()
        if not answer:
            self.close()
        return answer

    def close(self):
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None


def test_mutated_tflite_predicts_or_is_refused(tmp_path):
    sources = (
        PROJECT / "pretrained" / "landmark_56" / "landmark.int8.tflite",
        PROJECT / "pretrained" / "landmark_56" / "landmark.float16.tflite",
        PROJECT / "pretrained" / "face_ssd_128" / "face_detector.tflite",
    )
    contents = [source.read_bytes() for source in sources]
    worker, failures, refused, crashed = Worker(), [], 0, []
    count = max(1, round(60 * FACTOR))
    for number in range(-3, count):
        source, content = sources[number % 3], contents[number % 3]
        path = tmp_path / source.name
        if number >= 0:
            rng = generator("tflite", number)
            content = mutate(rng, content, (*[keep_size] * 4, *BYTES))
        path.write_bytes(content)
        answer = worker.read(path)
        was_refused, _, wrong = answer.strip().partition(" ")
        refused += was_refused == "1"
        if not answer:
            crashed.append(number)
        elif wrong or (number < 0 and was_refused == "1"):
            failures.append(f"tflite {number}: {wrong}")
    worker.close()
    print(f"tflite: {count} mutations, {refused} refused, {len(failures)} failed")
    assert not failures, "\n".join(failures)
    # A write past a tensor's end is nothing that Python can see; it must stay rare.
    assert len(crashed) <= 0.01 * count, crashed
