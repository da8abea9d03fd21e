"""A page with a runtime that is none, for all that needs no browser."""

import shutil

import pytest
from conftest import PROJECT


@pytest.fixture
def page_dir(tmp_path):
    """A copy of web/ with empty files in the runtime's place."""
    folder = tmp_path / "web"
    left_out = shutil.ignore_patterns("node_modules")
    shutil.copytree(PROJECT / "web", folder, ignore=left_out)
    runtime = folder / "node_modules/@litertjs"
    for name in ("core/dist/index.js", "wasm-utils/dist/index.js"):
        (runtime / name).parent.mkdir(parents=True)
        (runtime / name).write_text("export {};")
    (runtime / "core/wasm").mkdir()
    for name in ("litert_wasm_internal.js", "litert_wasm_internal.wasm"):
        (runtime / "core/wasm" / name).write_bytes(b"\0asm")
    return folder
