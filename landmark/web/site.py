"""What is served: a list of addresses, each with its file; nothing else is there."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import NamedTuple

from landmark.script.errors import InputError
from landmark.web import models

# The page of the source tree; an installed library has none.
PAGE_DIR = Path(__file__).resolve().parents[2] / "web"
_RUNTIME_DIR = "node_modules/@litertjs"
# What the page imports the runtime by; web/index.html says it, too.
_RUNTIME = {
    "/runtime/core.js": "core/dist/index.js",
    "/runtime/wasm-utils.js": "wasm-utils/dist/index.js",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".png": "image/png",
    ".wasm": "application/wasm",  # Else it is not compiled while it loads.
    ".tflite": "application/octet-stream",
}
_INLINE = re.compile(r"<script[^>]*>(.+?)</script>", re.DOTALL)
# A browser compiles WebAssembly, runs scripts of this server and no others, and sends
# nothing anywhere else; what it shows comes from the camera, or a file as a blob.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{hashes}; "
    "style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    # Both let the page measure in microseconds, and would let it share memory.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Page(NamedTuple):
    """What stands at an address.

    Attributes:
        kind: its MIME type.
        content: Path of the file, read when it is asked for; or bytes.
    """

    kind: str
    content: Path | bytes

    def read(self):
        """Returns its bytes."""
        return self.content if isinstance(self.content, bytes) else _read(self.content)


class Site(NamedTuple):
    """All that is served.

    Attributes:
        pages: address -> Page.
        headers: name -> value, of every answer.
    """

    pages: dict[str, Page]
    headers: dict[str, str]


def _read(path):
    return path.read_bytes()


def _page_of(path):
    return Page(_TYPES[path.suffix], path)


def build_site(model, detector, page_dir=PAGE_DIR):
    """Returns the Site for a landmark model and a detector.

    Args:
        model, detector: Paths, see `models.find_model` and `models.find_detector`.
        page_dir: Path of web/.

    Raises:
        InputError: the page or its runtime is missing, or a browser cannot run a model.
    """
    index = page_dir / "index.html"
    if not index.is_file():
        raise InputError(f"{index}: expected the page, found no such file")
    pages = {
        f"/{path.name}": _page_of(path)
        for path in page_dir.iterdir()
        if path.suffix in (".html", ".css", ".js", ".svg")
    }
    pages["/"] = pages.pop(f"/{index.name}")
    pages |= _list_runtime(page_dir)
    about = {"model": models.describe_model(model)}
    about["model"]["url"] = "/model.tflite"
    about["detector"] = {"name": detector.parent.name, "url": "/detector.tflite"}
    pages |= {"/model.tflite": _page_of(model), "/detector.tflite": _page_of(detector)}
    if about["model"]["expected"]:
        pages["/reference.png"] = _page_of(models.find_reference(model))
    content = json.dumps(about).encode()
    pages["/about.json"] = Page(_TYPES[".json"], content)
    return Site(pages, _HEADERS | {"Content-Security-Policy": _make_policy(index)})


def _list_runtime(page_dir):
    """Returns address -> Page of LiteRT.js, as `scripts/setup_web.sh` installs it."""
    folder = page_dir / _RUNTIME_DIR
    pages = {address: _page_of(folder / name) for address, name in _RUNTIME.items()}
    for path in (folder / "core/wasm").glob("*"):
        if path.suffix in (".js", ".wasm"):
            pages[f"/runtime/wasm/{path.name}"] = _page_of(path)
    if len(pages) == len(_RUNTIME) or not all(
        p.content.is_file() for p in pages.values()
    ):
        raise InputError(
            f"{folder}: expected LiteRT.js, which runs the models in a browser, found "
            "none; run scripts/setup_web.sh"
        )
    return pages


def _make_policy(index):
    """Returns the Content-Security-Policy, with the hashes of the page's scripts."""
    scripts = _INLINE.findall(index.read_text(encoding="utf-8"))
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    hashes = [f" 'sha256-{base64.b64encode(d).decode()}'" for d in digests]
    return _POLICY.format(hashes="".join(hashes))
