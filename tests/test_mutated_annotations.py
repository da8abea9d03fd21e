"""Annotation of others, mutated: each is read, or refused in one sentence.

As in test_mutations.py, whose MUTATIONS and MUTATION_SEED count here, too.
"""

import io
import json

import numpy as np
import pytest
import test_mutations as mutations

from landmark.formats import choose, lines
from landmark.formats.annotated import AnnotatedFace, Layout
from landmark.script.errors import InputError

FIVE = mutations.FIVE
COUNTS = {"dlib": 300, "csv": 300, "wflw": 200, "coco": 300, "labelme": 300, "mat": 200}
JSON_LINES = "faces.jsonl"


def make_faces():
    rng = np.random.default_rng(5)
    faces = []
    for photo in ("a.jpg", "a.jpg", "b/c.jpg"):
        points = rng.uniform(0, 90, (5, 2)).round(3)
        faces.append(AnnotatedFace(photo, points, (1.5, 2.5, 60.5, 70.5), None, ""))
    return faces


def make_written(tmp_path, suffix):
    path = tmp_path / f"whole{suffix}"
    faces = [f._replace(photo=str(tmp_path / f.photo)) for f in make_faces()]
    choose.write_faces(path, faces, FIVE, {}, [])
    return path.read_bytes()


def make_wflw():
    text = ""
    for face in make_faces():
        numbers = " ".join(map(str, face.points_image.ravel()))
        text += f"{numbers} 1 2 60 70 0 0 1 0 0 1 {face.photo}\n"
    return text.encode()


def make_labelme():
    shapes = []
    for group, face in enumerate(make_faces()[:2]):
        for label, point in enumerate(face.points_image.tolist()):
            told = {"label": str(label), "points": [point], "group_id": group}
            shapes.append(told | {"shape_type": "point", "flags": {}})
    return json.dumps({"imagePath": "a.jpg", "shapes": shapes}).encode()


def make_mat():
    scipy_io = pytest.importorskip("scipy.io")
    content = io.BytesIO()
    scipy_io.savemat(content, {"pt2d": make_faces()[0].points_image.T, "roi": [1, 2]})
    return content.getvalue()


def make_content(tmp_path, kind):
    if kind in ("dlib", "csv", "coco"):
        return make_written(tmp_path, choose.FORMATS[kind].suffix)
    return {"wflw": make_wflw, "labelme": make_labelme, "mat": make_mat}[kind]()


def check_faces(faces, dropped):
    for face in faces:
        mutations.check_points(face.points_image, 5, 1e9 + 1)
        assert face.photo
        assert face.box is None or np.isfinite(face.box).all()
    assert all("found" in sentence for sentence in dropped), dropped
    assert max(map(len, dropped), default=0) <= mutations.MAX_SENTENCE


@pytest.mark.parametrize("kind", COUNTS)
def test_mutated_annotation_is_read_or_refused(kind, tmp_path):
    content = make_content(tmp_path, kind)
    path = tmp_path / f"faces{choose.FORMATS[kind].suffix}"
    has_json = kind in ("coco", "labelme")
    mutators = mutations.JSON if has_json else mutations.TEXT
    mutators = mutations.BYTES if kind == "mat" else mutators

    def read(path):
        dropped = []
        check_faces(choose.FORMATS[kind].read(path, Layout(FIVE), dropped), dropped)

    path.write_bytes(content)
    assert mutations.try_reader(read, path) == (None, False)

    def mutated(rng, number):
        path.write_bytes(mutations.mutate(rng, content, mutators))
        return (path,)

    failures = mutations.run_all(kind, COUNTS[kind], mutated, read)
    assert not failures, "\n".join(failures)


def test_mutated_lines_are_read_or_refused(tmp_path):
    path, told = tmp_path / JSON_LINES, []
    for face in make_faces():
        points = face.points_image.tolist()
        line = {"name": face.photo, "output": "a", "frame": None, "box": [1, 2, 3, 4]}
        told.append(json.dumps(line | {"scheme": "five", "points": points}))
    content = "".join(f"{line}\n" for line in told).encode()

    def read(path):
        dropped = []
        check_faces(lines.read_faces(path, FIVE, dropped), dropped)

    def mutated(rng, number):
        mutators = (*mutations.TEXT, *[mutations.change_json_line] * 12)
        path.write_bytes(mutations.mutate(rng, content, mutators))
        return (path,)

    failures = mutations.run_all("lines", 300, mutated, read)
    assert not failures, "\n".join(failures)
    with pytest.raises(InputError, match="expected a file, found none"):
        read(tmp_path / "gone.jsonl")
