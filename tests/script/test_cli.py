"""How scripts end."""

import os
import subprocess
import sys

import pytest
from absl import app

from landmark.script import cli


@pytest.fixture
def run_main(tmp_path):
    """Runs a script whose main has the given line; returns the finished process."""

    def run(line, *words):
        script = tmp_path / "stage.py"
        script.write_text(
            "from landmark.script import cli\n"
            "from landmark.errors import InputError\n\n\n"
            f"def main(argv):\n    {line}\n\n\n"
            "cli.run(main)\n"
        )
        paths = os.pathsep.join(filter(None, sys.path))
        return subprocess.run(
            [sys.executable, script, *words],
            env=os.environ | {"PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "raise InputError('a.pts: expected 68, found 66')",
            "a.pts: expected 68, found 66",
        ),
        ("open('/gone/a.txt')", "[Errno 2] No such file or directory: '/gone/a.txt'"),
    ],
)
def test_users_mistake_ends_with_a_sentence(run_main, line, message):
    done = run_main(line)
    assert done.returncode == 1
    assert done.stderr == f"stage.py: {message}\n"
    assert done.stdout == ""


def test_interruption_ends_quietly(run_main):
    done = run_main("raise KeyboardInterrupt")
    assert done.returncode == 130
    assert done.stderr == "interrupted\n"


def test_our_own_mistake_keeps_its_traceback(run_main):
    done = run_main("raise TypeError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "TypeError: a bug" in done.stderr


def test_success(run_main):
    done = run_main("print('Wrote it')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Wrote it\n", "")


def test_stray_arguments_in_a_script(run_main):
    done = run_main("cli.refuse_arguments(argv)", "stray", "more")
    assert done.returncode == 1
    assert "expected only flags, found: stray more" in done.stderr
    assert "Traceback" not in done.stderr


def test_refuse_arguments():
    assert cli.refuse_arguments(["stage.py"]) is None
    with pytest.raises(app.UsageError, match="expected only flags, found: a b$"):
        cli.refuse_arguments(["stage.py", "a", "b"])
