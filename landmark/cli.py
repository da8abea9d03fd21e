"""What every script's first and last lines need."""

import contextlib
import logging
import os
import sys
import tempfile

from absl import app

from landmark.errors import InputError


def run(main):
    """Runs a script's main; a user's mistake ends it with a sentence and status 1."""

    def guarded_main(argv):
        try:
            main(argv)
        except (InputError, OSError) as error:
            sys.exit(f"{os.path.basename(argv[0])}: {error}")
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)

    app.run(guarded_main)


def refuse_arguments(argv):
    """Refuses words that no flag took.

    Raises:
        app.UsageError: there are such words.
    """
    if len(argv) > 1:
        raise app.UsageError(f"expected only flags, found: {' '.join(argv[1:])}")


@contextlib.contextmanager
def quiet_import():
    """Silences what TensorFlow's libraries print to stderr while they are imported.

    Some of it comes before any log level can be set, hence the redirection. If the import
    fails, all of it is printed after all.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(terminal, log.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
