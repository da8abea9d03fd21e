"""Boxes of faces from a file."""

import json
from pathlib import Path

import numpy as np
import pytest

from landmark.files.boxes import find_boxes, read_boxes
from landmark.script.errors import InputError


def write_lines(path, *lines):
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + "\n")
    return path


def test_boxes_go_by_output_or_name(tmp_path):
    path = write_lines(
        tmp_path / "boxes.jsonl",
        {"name": "one.jpg", "output": "a/one", "box": [1, 2, 3.5, 4], "score": 0.5},
        {"name": "two.jpg", "box": [-1, 0, 5, 6]},
        {"output": "a/one", "box": [7, 8, 9, 10]},
    )
    boxes = read_boxes(path)
    found, scores = find_boxes(boxes, Path("x/a/one.jpg"), Path("a/one"))
    np.testing.assert_array_equal(found, [[1, 2, 3.5, 4], [7, 8, 9, 10]])
    np.testing.assert_array_equal(scores, [0.5, 1])
    found, scores = find_boxes(boxes, Path("x/two.jpg"), Path("two"))
    np.testing.assert_array_equal(found, [[-1, 0, 5, 6]])
    found, scores = find_boxes(boxes, Path("one.jpg"), Path("one"))
    assert found.shape == (0, 4)
    assert scores.shape == (0,)


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        "{",
        "[1, 2]",
        '{"box": [1, 2, 3], "name": "a"}',
        '{"box": [1, 2, 3, "4"], "name": "a"}',
        '{"box": [1, 2, 3, NaN], "name": "a"}',
        '{"box": [1, 2, 3, 1e400], "name": "a"}',
        '{"box": [3, 2, 1, 4], "name": "a"}',
        '{"box": [1, 2, 3, 4]}',
        '{"box": [1, 2, 3, 4], "name": 5}',
        '{"box": [1, 2, 3, 4], "name": "a", "score": 1.5}',
        '{"box": [1, 2, 3, 4], "name": "a", "score": true}',
        "\xff",
    ],
)
def test_wrong_lines_are_named(tmp_path, line):
    path = tmp_path / "boxes.jsonl"
    good = b'{"box": [1, 2, 3, 4], "name": "a"}\n'
    path.write_bytes(good + line.encode("latin-1"))
    with pytest.raises(InputError, match=rf"^{path}:2: expected "):
        read_boxes(path)


def test_file_without_boxes(tmp_path):
    path = write_lines(tmp_path / "boxes.jsonl")
    with pytest.raises(InputError, match="found none"):
        read_boxes(path)
