"""How scripts begin and end."""

import os
import subprocess
import sys

import pytest
from conftest import PROJECT

SCRIPT = '''"""Does something.

    python stage.py --path=a
"""

from absl import flags

from landmark.script import cli
from landmark.script.errors import InputError, UsageError

flags.DEFINE_integer("alone", 3, "Of no group.")
with cli.flag_group("What it reads"):
    flags.DEFINE_list("paths", ["x"], "Files.")
    PATH = flags.DEFINE_string("path", None, "A file.", required=True)
with cli.flag_group("Kinds"):
    flags.DEFINE_enum("kind", "a", ["a", "b"], "Which.")
    flags.DEFINE_boolean("fast", False, "Whether.")
    flags.DEFINE_integer("size", 5, lower_bound=2, help="How large.")
    flags.DEFINE_float("share", 0.5, lower_bound=0, upper_bound=1, help="Of all.")
flags.register_validator("paths", lambda paths: "bad" not in paths, "expected no bad")


def main(argv):
    {line}


cli.run(main{arguments})
'''


@pytest.fixture
def run_main(tmp_path):
    """Runs a script whose main has the given line; returns the finished process."""

    def run(line, *words, arguments="", given=("--path=p",)):
        script = tmp_path / "stage.py"
        arguments = f", arguments={arguments!r}" if arguments else ""
        text = SCRIPT.replace("{line}", line).replace("{arguments}", arguments)
        script.write_text(text)
        paths = os.pathsep.join([str(PROJECT), *filter(None, sys.path)])
        return subprocess.run(
            [sys.executable, "stage.py", *given, *words],
            cwd=tmp_path,
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
    assert done.returncode == 1
    assert done.stderr == "interrupted\n"


def test_our_own_mistake_keeps_its_traceback(run_main):
    done = run_main("raise TypeError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "TypeError: a bug" in done.stderr


def test_success(run_main):
    done = run_main("print('Wrote it')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Wrote it\n", "")


def test_names_that_are_no_text_are_printed(run_main):
    done = run_main("print('a\\udcff.jpg'); raise InputError('b\\udcfe.jpg: bad')")
    assert (done.returncode, done.stdout) == (1, "a\\udcff.jpg\n")
    assert done.stderr == "stage.py: b\\udcfe.jpg: bad\n"


def test_inputs_that_were_passed_over_have_a_status_of_their_own(run_main):
    done = run_main("return cli.PASSED_OVER")
    assert (done.returncode, done.stderr) == (3, "")


def test_warnings_are_sentences(run_main):
    done = run_main("import warnings; warnings.warn('a.jpg: odd')")
    assert (done.returncode, done.stderr) == (0, "warning: a.jpg: odd\n")


def test_reader_that_has_read_enough(tmp_path, run_main):
    run_main("print('x')")  # Writes the script.
    script = (tmp_path / "stage.py").read_text()
    script = script.replace("print('x')", "[print('x' * 9999) for _ in range(999)]")
    (tmp_path / "stage.py").write_text(script)
    done = subprocess.run(
        f"{sys.executable} stage.py --path=p | head -c 1",
        shell=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("x", "")


USAGE = "usage: python stage.py --path=... [flags]; --help explains\n"


# A usage error is one sentence and the usage line.
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--path=p", "a", "b"], "expected only flags, found: a b"),
        (["--path", "p", "a"], "expected only flags, found: a"),
        (["--paths", "a", "b"], "expected only flags, found: b; write --paths=a,b"),
        (
            ["--path=p", "--paths=a", "b", "c"],
            "expected only flags, found: b c; write --paths=a,b,c",
        ),
        (["--path=p", "--paths=a", "--nofast", "b"], "expected only flags, found: b"),
        (["--path=p", "--paths=a", "--", "b"], "expected only flags, found: b"),
        (["--paths", "a", "--path", "p", "b"], "expected only flags, found: b"),
        (
            ["--path=p", "--paths=a,", "b"],
            "expected only flags, found: b; write --paths=a,b",
        ),
        (["a"], "expected only flags, found: a; write --path=a"),
        ([], "expected --path, found none"),
        (["--path=p", "--kind=c"], "--kind: expected one of a, b, found 'c'"),
        (
            ["--path=p", "--size=1"],
            "--size: expected an integer >= 2, found '1'",
        ),
        (
            ["--path=p", "--size=x"],
            "--size: expected an integer >= 2, found 'x'",
        ),
        (
            ["--path=p", "--share=2"],
            "--share: expected a number in the range [0, 1], found '2'",
        ),
        (["--path=p", "--fast=2"], "--fast: expected true or false, found '2'"),
        (["--path=p", "--paths=bad"], "--paths=['bad']: expected no bad"),
        (
            ["--path=p", "--sise=3"],
            "expected a flag that --help shows, found --sise; did you mean --size?",
        ),
        (["--path=p", "--qqqq"], "expected a flag that --help shows, found --qqqq"),
        (["--path=p", "--size"], "--size: expected a value, found none"),
        (["--nofast=1", "--path=p"], "--nofast=1 does not take an argument"),
    ],
)
def test_usage_errors(run_main, words, sentence):
    done = run_main("print('ran')", *words, given=())
    assert done.returncode == 1
    assert done.stderr == f"stage.py: {sentence}\n{USAGE}"
    assert done.stdout == ""


def test_flags_can_be_checked_alone(run_main):
    done = run_main("print('ran')", "--only_check_args")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run_main("pass", "--only_check_args", "--size=1").returncode == 1


def test_usage_error_of_the_script(run_main):
    done = run_main("raise UsageError('expected one, found two')")
    assert done.stderr == f"stage.py: expected one, found two\n{USAGE}"


def test_word_in_a_flag_file(run_main, tmp_path):
    (tmp_path / "a.flags").write_text("foo\n")
    done = run_main("print('ran')", "--flagfile=a.flags")
    assert done.stderr == f"stage.py: expected only flags, found: foo\n{USAGE}"


def test_closed_streams(tmp_path, run_main):
    run_main("print('x')")  # Writes the script.
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        done = subprocess.run(
            f"{sys.executable} stage.py --path=p {closed}",
            shell=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            check=False,
        )
        assert done.returncode == 0, closed


def test_missing_flag_file(run_main):
    done = run_main("print('ran')", "--flagfile=gone.flags")
    assert done.returncode == 1
    assert done.stderr.startswith("stage.py: --flagfile: ")
    assert "gone.flags" in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "words", "is_right"),
    [
        ("[FILE ...]", [], True),
        ("[FILE ...]", ["a,b", "-", "c"], True),
        ("FILE ...", [], False),
        ("FILE ...", ["a", "b"], True),
        ("FROM TO", ["a"], False),
        ("FROM TO", ["a", "b"], True),
        ("FROM TO", ["a", "b", "c"], False),
    ],
)
def test_arguments(run_main, arguments, words, is_right):
    done = run_main("print(argv[1:])", *words, arguments=arguments)
    assert done.returncode == (0 if is_right else 1)
    if is_right:
        assert done.stdout == f"{words}\n"
    else:
        found = f"{len(words)} argument{'s' * (len(words) != 1)}"
        assert f"stage.py: expected {arguments}, found {found}\n" in done.stderr
        assert f"usage: python stage.py {arguments} --path=... " in done.stderr


@pytest.mark.parametrize("word", ["--help", "-h", "--helpfull", "-help"])
def test_help_shows_the_flags_in_groups(run_main, word):
    done = run_main("print('ran')", word, given=("--size=5",))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "usage: python stage.py --path=... [flags]\n\n"
        "Does something.\n\n"
        "    python stage.py --path=a\n\n"
        "Required:\n  --path=\n      A file.\n\n"
        "Flags:\n  --alone=3\n      Of no group.\n\n"
        "What it reads:\n  --paths=x\n"
        "      Files. Several with commas between them.\n\n"
        "Kinds:\n  --kind=a\n      Which. One of a, b.\n"
        "  --[no]fast (false)\n      Whether.\n"
        "  --size=5\n      How large.\n"
        "  --share=0.5\n      Of all.\n\n"
        "Flags may also stand in a file, one a line: --flagfile=FILE\n"
        "--only_check_args checks the flags, and does nothing.\n"
    )
