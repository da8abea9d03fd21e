"""What is served, of which kind, and under which rules."""

import base64
import hashlib
import json
import re
import shutil

import pytest
from conftest import PROJECT

from landmark.script.errors import InputError
from landmark.web import site

MODEL = PROJECT / "pretrained/landmark_56/landmark.int8.tflite"
DETECTOR = PROJECT / "pretrained/face_ssd_128/face_detector.tflite"


@pytest.fixture
def built(page_dir):
    return site.build_site(MODEL, DETECTOR, page_dir)


def test_each_address_has_its_kind(built):
    kinds = {
        address: page.kind.partition(";")[0] for address, page in built.pages.items()
    }
    assert kinds["/"] == "text/html"
    assert kinds["/app.js"] == kinds["/runtime/core.js"] == "text/javascript"
    assert kinds["/style.css"] == "text/css"
    assert kinds["/runtime/wasm/litert_wasm_internal.wasm"] == "application/wasm"
    assert kinds["/model.tflite"] == "application/octet-stream"
    assert built.pages["/model.tflite"].read() == MODEL.read_bytes()
    assert built.pages["/detector.tflite"].read() == DETECTOR.read_bytes()


def test_nothing_else_is_served(built):
    for address in ("/package.json", "/index.html", "/node_modules", "/runtime"):
        assert address not in built.pages


def test_page_is_told_of_its_models(built):
    about = json.loads(built.pages["/about.json"].read())
    assert about["detector"] == {"name": "face_ssd_128", "url": "/detector.tflite"}
    assert about["model"]["url"] == "/model.tflite"
    assert about["model"]["note"]["scheme"]["name"] == "ibug68"
    assert "/reference.png" in built.pages


def test_no_reference_is_served_without_one(page_dir, tmp_path):
    alone = shutil.copy(MODEL, tmp_path / MODEL.name)
    assert "/reference.png" not in site.build_site(alone, DETECTOR, page_dir).pages


def test_rules_keep_the_page_to_itself(built):
    told = built.headers["Content-Security-Policy"]
    policy = dict(rule.strip().split(" ", 1) for rule in told.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert not re.search(r"'unsafe-(eval|inline)'|\*|http", told)
    assert built.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert built.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_only_the_import_map_stands_in_the_page(built):
    text = built.pages["/"].read().decode()
    (script,) = re.findall(r"<script[^>]*>(.+?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in built.headers["Content-Security-Policy"]
    for address in json.loads(script)["imports"].values():
        assert address in built.pages
    assert not re.search(r"""\sstyle=|\son\w+=|(src|href)=["']?http""", text)


def test_what_the_page_loads_is_served(built):
    pages = [
        n for n in built.pages if n == "/" or n.count("/") == 1 and n.endswith(".js")
    ]
    for name in pages:
        text = built.pages[name].read().decode()
        for found in re.findall(r"""(?:src|href|from)[= ]"\.?/?([\w.]+)";?""", text):
            assert f"/{found}" in built.pages, (name, found)


def test_page_has_no_address_of_others(page_dir):
    for path in page_dir.glob("*.*"):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert path.name == "package-lock.json" or "://" not in text, path


def test_missing_runtime_is_to_be_installed(page_dir):
    shutil.rmtree(page_dir / "node_modules")
    with pytest.raises(InputError, match="found none; run scripts/setup_web.sh"):
        site.build_site(MODEL, DETECTOR, page_dir)


def test_missing_page_is_refused(tmp_path):
    with pytest.raises(InputError, match="index.html: expected the page"):
        site.build_site(MODEL, DETECTOR, tmp_path)
