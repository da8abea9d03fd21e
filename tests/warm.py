"""Runs scripts in forks of a process that has loaded TensorFlow already.

Loading it takes longer than most scripts run. `Warm` stands for that process; run as a
program, this file is it: a line of JSON comes in for each script, its status goes out.
"""

import atexit
import gc
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


class Warm:
    """Runs scripts, one after the other."""

    def __init__(self):
        self._server = None

    def _start(self):
        reading, writing = os.pipe()
        self._server = subprocess.Popen(
            [sys.executable, __file__, str(writing)],
            stdin=subprocess.PIPE,
            pass_fds=[writing],
            cwd=PROJECT,
            text=True,
        )
        os.close(writing)
        self._replies = os.fdopen(reading)

    def run(self, command):
        """Runs a script, [path, *arguments]; returns its CompletedProcess, of text."""
        if self._server is None:
            self._start()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            files = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
            self._server.stdin.write(json.dumps([command, files, os.getcwd()]) + "\n")
            self._server.stdin.flush()
            status = int(self._replies.readline())
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read())
        return subprocess.CompletedProcess(command, status, *texts)

    def close(self):
        """Ends the process."""
        if self._server is not None:
            self._server.stdin.close()
            self._server.wait()
            self._replies.close()


def serve(replies):
    """Forks for each line; returns in the forks alone, with the script to run."""
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            return json.loads(line)
        _, ended = os.waitpid(child, 0)
        replies.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        replies.flush()
    sys.exit(0)


def main():
    """Loads what takes long, then serves."""
    sys.path[0] = str(PROJECT)
    replies = os.fdopen(int(sys.argv[1]), "w")
    from absl import flags

    import landmark  # noqa: F401  It says how TensorFlow is to be loaded.
    from landmark.script.quiet import quiet_stderr

    with quiet_stderr():
        import tensorflow  # noqa: F401
        import tf_slim  # noqa: F401
    # Scripts show all flags that there are when they begin.
    theirs = flags.FLAGS.flags_by_module_dict()
    for module in theirs.keys() - {"absl.app", "absl.logging"}:
        for flag in list(theirs[module]):
            delattr(flags.FLAGS, flag.name)
    gc.freeze()  # Else a fork would copy whatever is looked at.
    command, files, folder = serve(replies)
    replies.close()
    os.chdir(folder)
    for number, path in enumerate(files, start=1):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.argv = command
    sys.path[0] = str(Path(command[0]).parent)
    end(run(command[0]))


def run(path):
    """Runs a script; returns its status, as Python would end with it."""
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as error:
        if isinstance(error.code, int | None):
            return error.code or 0
        print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    else:
        return 0
    return 1


def end(status):
    """Ends the process, but for taking TensorFlow apart, which takes seconds."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
