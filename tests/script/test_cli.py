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
flags.DEFINE_float("factor", 1.0, "How often.")
flags.register_validator("factor", lambda factor: factor < 9, "expected less than 9")
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


TENSORFLOW = """
    import sys, types
    module = types.ModuleType("tensorflow.python.framework.errors_impl")
    module.OpError = type("OpError", (Exception,), {"message": "a; No space\\n[Op]"})
    sys.modules[module.__name__] = module
    raise module.OpError
"""


GRAPH_ERROR = (
    "Graph execution error:\\n\\nDetected at node 'save' defined at:\\n  File a"
    "\\nNode: 'save'\\n"
)


@pytest.mark.parametrize("before", ["", GRAPH_ERROR])
def test_full_disk_as_tensorflow_says_it(run_main, before):
    done = run_main(TENSORFLOW.strip().replace("a; No", f"{before}a; No"))
    assert done.returncode == 1
    assert done.stderr == "stage.py: TensorFlow: a; No space\n"


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


SHARE = "--share: expected a number in the range [0, 1]"
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
            f"{SHARE}, found '2'",
        ),
        (["--path=p", "--fast=2"], "--fast: expected true or false, found '2'"),
        (["--path=p", "--paths=bad"], "--paths=bad: expected no bad"),
        (["--path=p", "--paths=a: b,bad"], "--paths=a: b,bad: expected no bad"),
        (["--path=p", "--share=a: b"], f"{SHARE}, found 'a: b'"),
        # No bound refuses these, and a validator may say something else of them.
        (["--path=p", "--share=nan"], "--share: expected a number, found 'nan'"),
        (["--path=p", "--factor=inf"], "--factor: expected a number, found 'inf'"),
        (["--path=p", "--factor=nan"], "--factor: expected a number, found 'nan'"),
        (
            ["--path=p", "--sise=3"],
            "expected a flag that --help shows, found --sise; did you mean --size?",
        ),
        (["--path=p", "--qqqq"], "expected a flag that --help shows, found --qqqq"),
        (["--path=p", "--size"], "--size: expected a value, found none"),
        (["--nofast=1", "--path=p"], "--nofast: expected no value, found '1'"),
        (["--path=p", "--flagfile"], "--flagfile: expected a value, found none"),
        (
            ["--path=p", "--flagfile=gone.flags"],
            "--flagfile: gone.flags: expected a file, found none",
        ),
        (
            ["--path=p", "--flagfile=."],
            "--flagfile: .: expected a file to read, found: Is a directory",
        ),
        # The flag of a list, wherever it stands.
        (
            ["--paths", "a", "b", "--path=p"],
            "expected only flags, found: b; write --paths=a,b",
        ),
        (
            ["--paths=a", "b c", "--path=p"],
            "expected only flags, found: b c; write --paths='a,b c'",
        ),
        (
            ["--path=p", "--pa", "a", "b"],
            "expected a flag that --help shows, found --pa; did you mean --paths or "
            "--path?",
        ),
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
    done = run_main("print('ran')", "--only_check_args", "--noonly_check_args")
    assert (done.returncode, done.stdout) == (0, "ran\n")


def test_flags_can_be_checked_alone_by_a_flag_file(run_main, tmp_path):
    (tmp_path / "a.flags").write_text("--only_check_args\n--size=5\n")
    done = run_main("print('ran')", "--flagfile=a.flags")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_flag_of_absl_app_may_come_later(run_main):
    done = run_main("import absl.app; print(flags.FLAGS.only_check_args)")
    assert (done.stdout, done.stderr) == ("False\n", "")


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


def test_flag_file_that_is_no_text(run_main, tmp_path):
    (tmp_path / "a.flags").write_bytes(b"\xff\xfe")
    done = run_main("print('ran')", "--flagfile=a.flags")
    assert done.stderr.startswith("stage.py: --flagfile: expected a text file, found: ")


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
        "Flags:\n  --alone=3\n      Of no group.\n"
        "  --factor=1.0\n      How often.\n\n"
        "What it reads:\n  --paths=x\n"
        "      Files. Several with commas between them.\n\n"
        "Kinds:\n  --kind=a\n      Which. One of a, b.\n"
        "  --[no]fast (false)\n      Whether.\n"
        "  --size=5\n      How large.\n"
        "  --share=0.5\n      Of all.\n\n"
        "Flags may also stand in a file, one a line: --flagfile=FILE\n"
        "--only_check_args checks the flags, and does nothing.\n"
    )


def test_help_of_a_terminal_that_is_too_narrow(run_main, monkeypatch):
    monkeypatch.setenv("COLUMNS", "5")
    done = run_main("print('ran')", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n      Files. Several with commas between\n" in done.stdout


def test_help_without_docstrings(run_main, monkeypatch):
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    done = run_main("print('ran')", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[flags]\n\nRequired:\n" in done.stdout


def run_module(name, *words):
    command = [sys.executable, "-m", name, *map(str, words)]
    return subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=False
    )


MODULES = [
    f"{path.parent.name}.{path.stem}"
    for folder in ("benchmarks", "scripts")
    for path in sorted((PROJECT / folder).glob("*.py"))
    if "cli.run(" in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_help_of_what_is_run_as_a_module(name):
    done = run_module(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m {name} ")
    assert "absl.logging" not in done.stdout  # TensorFlow's flags would be there, too.


def test_model_of_no_folder_is_not_published(tmp_path):
    done = run_module("scripts.publish_model", tmp_path / "gone", tmp_path / "out")
    assert done.returncode == 1
    sentence = f"publish_model.py: {tmp_path / 'gone'}: expected a folder, found none\n"
    assert done.stderr == sentence
    folder = PROJECT / "pretrained" / "landmark_56"
    done = run_module("scripts.publish_model", folder, folder)
    assert "expected another folder than the model's" in done.stderr


@pytest.mark.parametrize(
    "path", sorted(PROJECT.glob("scripts/*.sh")), ids=lambda path: path.stem
)
def test_help_of_shell_scripts(path):
    done = subprocess.run([path, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"scripts/{path.name}" in done.stdout
    assert "set -" not in done.stdout
    # Status 3 of a stage is no failure.
    text = path.read_text()
    assert ("train_slim.py" in text) == ("|| [ $? = 3 ]" in text)
