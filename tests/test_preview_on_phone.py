"""The script that serves the page: what it says, refuses, and how it ends."""

import contextlib
import json
import re
import signal
import ssl
import subprocess
import sys
import urllib.request

import pytest
from conftest import PROJECT

from landmark.model.locate import find_checkpoint

MODEL = PROJECT / "pretrained/landmark_56/landmark.int8.tflite"
needs_runtime = pytest.mark.skipif(
    not (PROJECT / "web/node_modules").is_dir(), reason="needs scripts/setup_web.sh"
)


@contextlib.contextmanager
def preview(*words):
    """Runs the script: yields its process, and what it said before it served."""
    script = [sys.executable, PROJECT / "preview_on_phone.py", "--port=0", *words]
    process = subprocess.Popen(script, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield process, said
    finally:
        process.kill()
        process.wait()


@needs_runtime
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_page_is_served_until_the_end(sign):
    with preview(f"--landmark_checkpoint_path={MODEL}") as (process, said):
        command = f"--port=0 --landmark_checkpoint_path={MODEL} --host=auto\n"
        assert command in said
        (url,) = re.findall(r" at (http://127.0.0.1:\d+/)\n", said)
        with urllib.request.urlopen(f"{url}about.json", timeout=10) as answer:
            assert json.load(answer)["model"]["name"].startswith("landmark_56")
        process.send_signal(sign)
        rest, _ = process.communicate(timeout=60)
        assert (process.returncode, rest.strip()) == (0, "Stopped")


@needs_runtime
def test_network_is_served_with_a_certificate():
    pytest.importorskip("cryptography")
    pytest.importorskip("segno")
    with preview("--host=127.0.0.1") as (_, said):
        (url,) = re.findall(r" at (https://127.0.0.1:\d+/)\n", said)
        assert "▀" in said
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(url, timeout=10, context=context) as answer:
            assert b"Landmark" in answer.read()


def test_what_is_not_exported_is_refused(run_script):
    folder = PROJECT / "pretrained" / "landmark_56"
    for path in (folder, find_checkpoint(folder)):
        done = run_script("preview_on_phone", landmark_checkpoint_path=path, status=1)
        assert "save_with_bnorm_off.py --models_dir=" in done.stderr
        assert "Traceback" not in done.stderr


def test_other_detectors_are_refused(run_script):
    folder = PROJECT / "pretrained" / "face_ssd_photo"
    done = run_script("preview_on_phone", face_checkpoint_dir=folder, status=1)
    assert "found one for photos" in done.stderr


@needs_runtime
def test_foreign_address_is_refused(run_script):
    done = run_script("preview_on_phone", host="192.0.2.1", status=1)
    assert "expected an address of this machine" in done.stderr
