"""The exceptions that a user's input can cause."""


class InputError(ValueError):
    """Something the user gave is wrong; the message is one sentence for them.

    It names the place, what was expected and what was found. Scripts print it
    without a traceback and exit with status 1; see `cli.run`.
    """


class UsageError(InputError):
    """Flags or arguments are wrong; the usage line follows the sentence."""


def find_reason(message):
    """Returns the line that says what went wrong, of an error of TensorFlow's.

    Of a graph there is a report, in which it stands below the line `Node: 'name'`, and
    where there are several processes one that names the process.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("From /job:")]
    nodes = [i for i, line in enumerate(lines[:-1]) if line.startswith("Node: '")]
    return lines[nodes[0] + 1 if nodes else 0] if lines else "an error without a word"
