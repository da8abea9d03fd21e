"""What notes in JSON and lines of text hold, when it may be anything."""

import math

LARGEST_SHARE = 10.0  # Of a crop; with more there is more margin than face.
_LONGEST = 200  # Characters.


def read_share(value):
    """Returns a margin or an extension of a note: float, or None for None.

    Raises:
        ValueError: it is no number from 0 to 10.
    """
    if value is None:
        return None
    if not (is_number(value) and 0 <= value <= LARGEST_SHARE):
        raise ValueError(f"expected a number from 0 to {LARGEST_SHARE:g}")
    return float(value)


def is_number(value):
    """Whether a value is a number: true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_pair(value):
    """Whether a value is a list of two finite numbers with a point."""
    is_of_two = isinstance(value, list) and len(value) == 2
    return is_of_two and all(isinstance(n, float) and math.isfinite(n) for n in value)


def is_text(value):
    """Whether a str can be written: JSON has characters that are none."""
    try:
        value.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def shorten(value):
    """Returns the repr of what a file holds, cut to what a sentence can take."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
