"""MATLAB's files, as scipy writes them."""

import io
import struct

import numpy as np
import pytest

from landmark.formats.matlab import read_arrays

scipy_io = pytest.importorskip("scipy.io")
ARRAY = np.arange(12).reshape(3, 4)


def save(told, **options):
    content = io.BytesIO()
    scipy_io.savemat(content, told, **options)
    return content.getvalue()


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("kind", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8"])
def test_arrays_of_numbers(kind, is_compressed):
    told = {"other": np.zeros((300, 400)), "x": ARRAY.astype(kind), "word": "x"}
    content = save(told | {"y": ARRAY[:1, :1]}, do_compression=is_compressed)
    found = read_arrays(content, ("x", "y", "word"))
    assert set(found) == {"x", "y"}
    np.testing.assert_array_equal(found["x"], ARRAY)
    np.testing.assert_array_equal(found["y"], [[0]])


def test_numbers_in_the_other_order():
    # By hand, as a machine writes it whose numbers begin with their largest byte: an
    # array of 1 x 2 doubles, stored as two bytes each, in an element of its own head.
    array = struct.pack(">II II", 6, 8, 6, 0) + struct.pack(">II ii", 5, 8, 1, 2)
    array += struct.pack(">HH 4s", 1, 1, b"x") + struct.pack(">HH hh", 4, 3, 5, -7)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    content = head + struct.pack(">II", 14, len(array)) + array
    np.testing.assert_array_equal(read_arrays(content, ("x",))["x"], [[5, -7]])


@pytest.mark.parametrize(
    "value",
    [ARRAY * 1j, np.zeros((2, 3, 4)), np.array([[1, "a"]], object), {"a": 1}, "x"],
)
def test_other_arrays_are_passed_over(value):
    assert not read_arrays(save({"x": value}), ("x",))


def test_a_bomb_is_no_point():
    content = save({"x": np.zeros((3000, 3000))}, do_compression=True)
    assert len(content) < 2**20
    with pytest.raises(ValueError, match="cut short"):
        read_arrays(content, ("x",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: b"", "no MATLAB file"),
        (lambda c: c[:100], "no MATLAB file"),
        (lambda c: c[:124] + b"\0\2IM" + c[128:], "no MATLAB file"),
        (lambda c: c[:-30], "cut short"),
        (lambda c: c[:140] + bytes(30) + c[170:], "while decompressing"),
    ],
)
def test_broken_file(change, message):
    content = save({"x": np.random.default_rng(0).random((9, 9))}, do_compression=True)
    with pytest.raises(ValueError, match=message):
        read_arrays(change(content), ("x",))
