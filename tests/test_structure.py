"""Who imports whom, and how large rooms may get."""

import ast

import pytest
from conftest import PROJECT

SCRIPTS = sorted(PROJECT.glob("*.py"))
ROOMS = sorted((PROJECT / "landmark").glob("*.py"))
SCRIPT_NAMES = {path.stem for path in SCRIPTS}
WITHOUT_TENSORFLOW = (
    "points", "geometry", "metrics", "files", "mosaic",
    "video", "split", "settings", "pixels",
    "synthetic", "painting", "curves", "errors", "cli", "common_flags", "progress",
    "quiet", "landmarker", "anchors", "scenes", "smoothing", "tracking", "results",
    "tflite", "tflite_detector",
)  # fmt: skip
MAY_IMPORT_ABSL = {"cli", "common_flags"}
MAX_LINES = 350


def imports(path, *, everywhere=True):
    """The dotted names that a file imports; only at its top if not everywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(path):
    return {name.partition(".")[0] for name in imports(path)}


def rooms_of(path):
    """The rooms of landmark that a file imports."""
    parts = [name.split(".") for name in imports(path)]
    return {part[1] for part in parts if part[0] == "landmark" and len(part) > 1}


def reachable_rooms(name):
    """A room and all that it imports, however far."""
    found, waiting = set(), {name}
    while waiting:
        room = waiting.pop()
        found.add(room)
        waiting |= rooms_of(PROJECT / "landmark" / f"{room}.py") - found
    return found


def public_definitions(path):
    """The functions, classes and methods that others may use."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef, ast.ClassDef
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    method
                    for method in node.body
                    if isinstance(method, kinds) and not method.name.startswith("_")
                )


def test_there_is_something_to_look_at():
    assert {"extract_landmark_training_data", "detect_face_landmark"} <= SCRIPT_NAMES
    assert {"points", "geometry", "training"} <= {path.stem for path in ROOMS}
    assert {"points", "errors", "files"} <= reachable_rooms("split")


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.stem)
def test_rooms_import_no_script(path):
    assert packages(path).isdisjoint(SCRIPT_NAMES)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_no_script(path):
    assert packages(path).isdisjoint(SCRIPT_NAMES)


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.stem)
def test_rooms_read_no_flags(path):
    if path.stem not in MAY_IMPORT_ABSL:
        assert "absl" not in packages(path)
        assert "common_flags" not in rooms_of(path)


@pytest.mark.parametrize("room", WITHOUT_TENSORFLOW)
def test_room_needs_no_tensorflow(room):
    for reached in reachable_rooms(room):
        used = packages(PROJECT / "landmark" / f"{reached}.py")
        assert used.isdisjoint({"tensorflow", "tf_slim"}), reached


@pytest.mark.parametrize("room", ["points", "geometry", "metrics"])
def test_room_needs_numpy_and_opencv_only(room):
    standard = {"typing", "landmark"}
    for reached in reachable_rooms(room):
        used = packages(PROJECT / "landmark" / f"{reached}.py")
        assert used <= {"numpy", "cv2"} | standard, reached


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_parse_flags_before_tensorflow_is_imported(path):
    names = [name.split(".") for name in imports(path, everywhere=False)]
    assert {name[0] for name in names}.isdisjoint({"tensorflow", "tf_slim"})
    for name in names:
        if name[0] == "landmark":
            assert name[1] in WITHOUT_TENSORFLOW


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.stem)
def test_rooms_stay_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.stem)
def test_what_is_public_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    bare = [
        node.name for node in public_definitions(path) if not ast.get_docstring(node)
    ]
    assert bare == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_show_how_they_are_called(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert f"\n    python {path.name} --" in docstring
    assert "Writes" in docstring
