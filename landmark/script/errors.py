"""The exceptions that a user's input can cause."""


class InputError(ValueError):
    """Something the user gave is wrong; the message is one sentence for them.

    It names the place, what was expected and what was found. Scripts print it
    without a traceback and exit with status 1; see `cli.run`.
    """


class UsageError(InputError):
    """Flags or arguments are wrong; the usage line follows the sentence."""
