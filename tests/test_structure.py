"""Who imports whom, and how large rooms may get."""

import ast
import sys

import pytest
from conftest import PROJECT

SCRIPTS = sorted(path for path in PROJECT.glob("*.py") if path.stem != "setup")
LIBRARY = PROJECT / "landmark"
ROOMS = sorted(
    path
    for path in [*LIBRARY.glob("*.py"), *LIBRARY.glob("*/*.py")]
    if path.stem != "__init__"
)
SCRIPT_NAMES = {path.stem for path in SCRIPTS}
# Each wing, and those that it may import.
WINGS = {
    "face": {"script"},
    "script": {"pretrained"},
    "files": {"face", "script"},
    "pictures": {"face", "script", "files"},
    "formats": {"face", "script", "files"},
    "synthetic": {"face", "script"},
    "model": {"face", "script", "files"},
    "dataset": {"face", "script", "files", "model"},
    "training": {"face", "script", "files", "model", "dataset"},
    "detection": {
        *("face", "script", "files", "synthetic"),
        *("model", "dataset", "training"),
    },
    "live": {"face", "script", "files", "pictures"},
    "checking": {
        *("face", "script", "files", "pictures", "model", "dataset", "pretrained"),
    },
    "beam": {"face", "script", "files", "dataset", "detection"},
    "port": {"face", "script", "files", "synthetic", "model", "detection", "live"},
    "web": {"script", "files", "face", "model", "detection"},
}
# Rooms beside the wings, likewise.
BESIDE = {
    "pretrained": set(),
    "library": {"script", "files", "model", "detection", "live", "pretrained"},
}
WITH_TENSORFLOW = {
    *("dataset.records", "dataset.pipeline", "dataset.augment"),
    *("model.nets", "model.quantize", "model.checkpoint", "model.export"),
    "model.onnx_export",
    *("training.loop", "training.losses", "training.optimization"),
    "training.replicas",
    "training.validation",
    "training.start",
    *("detection.ssd", "detection.training", "detection.export", "detection.frozen"),
    "detection.batches",
}
# What reaches rooms with TensorFlow, but loads them only when they are needed: frozen
# graphs and checkpoints are opened with it, .tflite models without.
MAY_LOAD_TENSORFLOW = {"detection.choose", "library"}
TENSORFLOW = {"tensorflow", "tf_slim", "keras", "tf_keras"}
# Rooms that define flags, for which they want the command line.
WITH_FLAGS = {
    *("script.cli", "script.common_flags", "script.split_flags"),
    *("script.worker_flags", "dataset.stage_flags"),
}
TOOLS = sorted([*PROJECT.glob("scripts/*.py"), *PROJECT.glob("benchmarks/*.py")])
TOOLS_WITH_TENSORFLOW = {"framework_keras", "training_costs"}
MAX_LINES = 350


def room_name(path):
    """The name as in imports: wing.room, or the room's alone beside the wings."""
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts)


def wing_of(path):
    return room_name(path).partition(".")[0]


def runs_later(node):
    """Whether a node is a function, or for those only who check types."""
    is_for_types = isinstance(node, ast.If) and ast.unparse(node.test)
    return is_for_types == "TYPE_CHECKING" or isinstance(node, ast.FunctionDef)


def statements(tree, everywhere):
    """The nodes of a tree; only those that run when it is loaded if not everywhere."""
    for node in ast.iter_child_nodes(tree):
        if everywhere or not runs_later(node):
            yield node
            yield from statements(node, everywhere)


def imported_names(text, folders, *, everywhere=True):
    """The dotted names that a text imports, which lies in folders of the project."""
    found = set()
    for node in statements(ast.parse(text), everywhere):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = folders[: len(folders) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def imports(path, *, everywhere=True):
    """The dotted names that a file imports; not within functions if not everywhere."""
    folders = path.parent.relative_to(PROJECT).parts
    text = path.read_text(encoding="utf-8")
    return imported_names(text, folders, everywhere=everywhere)


def packages(path):
    return {name.partition(".")[0] for name in imports(path)}


def rooms_of(path, *, everywhere=True):
    """The names of the rooms of landmark that a file imports."""
    names = {room_name(room) for room in ROOMS}
    parts = [name.split(".") for name in imports(path, everywhere=everywhere)]
    found = {
        ".".join(part[1:2] if BESIDE.keys() & part[1:2] else part[1:3])
        for part in parts
        if part[0] == "landmark"
    }
    assert found <= names, found - names
    return found


def reachable_rooms(name, *, everywhere=True):
    """A room and all that it imports, however far."""
    found, waiting = set(), {name}
    while waiting:
        room = waiting.pop()
        found.add(room)
        waiting |= rooms_of(room_path(room), everywhere=everywhere) - found
    return found


def room_path(name):
    return LIBRARY / f"{name.replace('.', '/')}.py"


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
    assert {path.name for path in LIBRARY.iterdir() if path.is_dir()} - {
        "__pycache__"
    } == set(WINGS)
    assert {"files.disk", "script.errors"} <= reachable_rooms("files.pts")


def test_imports_are_seen_in_each_form():
    text = (
        "import a.b, c\nfrom d import e\nfrom . import f\nfrom .g import h\n"
        "from ..face import points\nwith x():\n    import i\n"
        "def y():\n    from j import k\nif TYPE_CHECKING:\n    import l\n"
    )
    top = {"a.b", "c", "d.e", "landmark.live.f", "landmark.live.g.h", "i"}
    top.add("landmark.face.points")
    folders = ("landmark", "live")
    assert imported_names(text, folders, everywhere=False) == top
    assert imported_names(text, folders) == top | {"j.k", "l"}


@pytest.mark.parametrize("path", ROOMS, ids=room_name)
def test_rooms_import_no_script(path):
    assert packages(path).isdisjoint(SCRIPT_NAMES)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_no_script(path):
    assert packages(path).isdisjoint(SCRIPT_NAMES)


@pytest.mark.parametrize("path", ROOMS, ids=room_name)
def test_wings_import_in_one_direction(path):
    wing = wing_of(path)
    used = {name.partition(".")[0] for name in rooms_of(path)}
    assert used <= (WINGS | BESIDE)[wing] | {wing}


@pytest.mark.parametrize("path", ROOMS, ids=room_name)
def test_rooms_import_in_no_circle(path):
    for other in rooms_of(path):
        assert room_name(path) not in reachable_rooms(other), other


@pytest.mark.parametrize("wing", WINGS)
def test_doors_tell_and_import_nothing(wing):
    tree = ast.parse((LIBRARY / wing / "__init__.py").read_text(encoding="utf-8"))
    told = ast.get_docstring(tree)
    assert "May import" in told
    assert "In" in told
    assert "Out" in told
    assert len(tree.body) == 1


def test_front_door_imports_no_room_until_it_is_needed():
    names = imports(LIBRARY / "__init__.py", everywhere=False)
    assert {name.partition(".")[0] for name in names} == {"importlib", "os", "typing"}


def test_tests_mirror_the_rooms():
    tests = (PROJECT / "tests").glob("*/test_*.py")
    names = {f"{p.parent.name}.{p.stem.replace('test_', '')}" for p in tests}
    assert names <= set(map(room_name, ROOMS))


@pytest.mark.parametrize("path", ROOMS, ids=room_name)
def test_rooms_read_no_flags(path):
    if room_name(path) not in WITH_FLAGS:
        assert "absl" not in packages(path)
        assert rooms_of(path).isdisjoint(WITH_FLAGS)


@pytest.mark.parametrize(
    "room", [room_name(p) for p in ROOMS if room_name(p) not in WITH_TENSORFLOW]
)
def test_room_needs_no_tensorflow(room):
    for reached in reachable_rooms(room, everywhere=False):
        assert reached not in WITH_TENSORFLOW
        assert packages(room_path(reached)).isdisjoint(TENSORFLOW), reached


def test_who_may_load_tensorflow_is_known():
    loading = {
        room_name(path)
        for path in ROOMS
        if reachable_rooms(room_name(path)) & WITH_TENSORFLOW
    }
    assert loading - WITH_TENSORFLOW == MAY_LOAD_TENSORFLOW


@pytest.mark.parametrize(
    "path", [p for p in ROOMS if wing_of(p) == "face"], ids=room_name
)
def test_face_needs_numpy_and_opencv_only(path):
    used = packages(path) - sys.stdlib_module_names
    assert used <= {"numpy", "cv2", "landmark"}


@pytest.mark.parametrize(
    "path",
    [p for p in [*SCRIPTS, *TOOLS] if p.stem not in TOOLS_WITH_TENSORFLOW],
    ids=lambda path: path.stem,
)
def test_scripts_parse_flags_before_tensorflow_is_imported(path):
    names = imports(path, everywhere=False)
    top = {name.partition(".")[0] for name in names}
    assert top.isdisjoint(TENSORFLOW)
    assert not any(name.startswith("benchmarks.training_costs") for name in names)
    for room in rooms_of(path, everywhere=False):
        assert reachable_rooms(room, everywhere=False).isdisjoint(WITH_TENSORFLOW)


@pytest.mark.parametrize("path", ROOMS, ids=room_name)
def test_rooms_stay_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", ROOMS, ids=room_name)
def test_what_is_public_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    bare = [
        node.name for node in public_definitions(path) if not ast.get_docstring(node)
    ]
    assert bare == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_show_how_they_are_called(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert f"\n    python {path.name} " in docstring
    assert "Writes" in docstring
