"""What every script's first and last lines need."""

import os
import sys

from absl import app

from landmark.script.errors import InputError


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
