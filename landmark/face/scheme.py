"""Schemes of points: what each point is called, mirrored, joined and measured by.

A scheme is a text file, of which `schemes/` holds those that come with the toolkit. Its
lines are a keyword and words; an indented line carries on the one before it; what
follows a # does not count. Indices count from 0, and left and right are the subject's.

    name       NAME
    points     NUMBER
    source     who defined it
    chain      NAME INDICES [closed]      consecutive points of a line
    part       NAME CHAINS|INDICES        what errors are reported for
    mirror     INDICES = INDICES          points that a mirrored face swaps, in pairs
    normalise  NAME GROUP GROUP           errors are divided by their distance
    face_box   SIDES TOP BOTTOM           how far detectors frame beyond the points
    convert    SCHEME exact|approximate GROUPS = who says so
    drawn      CURVES                     where it is on drawn faces, see `synthetic`

INDICES are numbers and runs: `0-16`, `16-0`, `0-32/2` for every other one. A GROUP is
indices with + between them, `37+38+40+41`, and stands for their mean; GROUPS may be
runs, too.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from landmark.face import scheme_text
from landmark.script.errors import InputError

_FOLDER = Path(__file__).with_name("schemes")
NAMES = tuple(sorted(path.stem for path in _FOLDER.glob("*.txt")))


@dataclasses.dataclass(frozen=True, eq=False)
class Scheme:
    """A scheme of points. Two of the same definition are equal.

    Attributes:
        name: by which it is asked for.
        num_points: how many points a face has.
        source: who defined it.
        chains: name -> (n,) int64 indices of consecutive points, to draw and to learn.
        closed: names of the chains whose last point is joined to the first.
        parts: name -> (n,) int64 indices.
        mirror: (num_points,) int64; point i of a mirrored face is point mirror[i].
        normalisers: name -> two tuples of indices; the distance of their means is what
            errors are divided by. The first is the scheme's own.
        face_box: how far a face detector's box reaches beyond the points' box: at both
            sides over its width, above and below over its height.
        conversions: name of another scheme -> `scheme_text.Conversion`.
        drawn: the curves of drawn faces on which its points lie; "" if not known.
        definition: the lines of its file, without what does not count.
    """

    name: str
    num_points: int
    source: str
    chains: dict[str, np.ndarray]
    closed: frozenset[str]
    parts: dict[str, np.ndarray]
    mirror: np.ndarray
    normalisers: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    face_box: tuple[float, float, float]
    conversions: dict[str, scheme_text.Conversion]
    drawn: str
    definition: str

    def __str__(self):
        return self.name

    def __eq__(self, other):
        return isinstance(other, Scheme) and self.definition == other.definition

    def __hash__(self):
        return hash(self.definition)

    @property
    def num_coordinates(self):
        """How many numbers a face has: x0 y0 x1 y1 ..."""
        return 2 * self.num_points

    @property
    def normaliser(self):
        """Name of the normaliser that NME goes by."""
        return next(iter(self.normalisers))

    @property
    def has_sides(self):
        """Whether there are left and right points, which a mirrored face swaps."""
        return bool((self.mirror != np.arange(self.num_points)).any())

    @property
    def reference(self):
        """What stands for the scheme in files, and `scheme_of_reference` takes.

        It is its name if it comes with the toolkit, else the whole definition.
        """
        return self.name if self.is_shipped else self.definition

    @property
    def is_shipped(self):
        """Whether the toolkit has it."""
        return self.name in NAMES and self == find_scheme(self.name)

    def require(self, other, place):
        """Refuses another scheme than this one.

        Args:
            other: Scheme.
            place: whose it is, for the error.

        Raises:
            InputError: with both names.
        """
        if self != other:
            same = self.name == other.name
            found = "another definition of it" if same else other.name
            raise InputError(
                f"{place}: expected points of scheme {self.name}, found {found}"
            )

    def convert(self, points, target):
        """Returns the points of another scheme.

        Args:
            points: (..., num_points, 2) float, any frame; nan where missing.
            target: Scheme.

        Returns:
            (..., target.num_points, 2) float, same frame.

        Raises:
            InputError: there is no conversion to it.
        """
        if self == target:
            return points
        conversion = self.conversions.get(target.name)
        is_another = target.name in NAMES and not target.is_shipped
        if conversion is None or is_another:
            raise InputError(
                f"expected a scheme that {self.name} can be measured in "
                f"({', '.join([self.name, *self.conversions])}), found "
                f"{'another definition of ' * is_another}{target.name}"
            )
        found = len(conversion.groups)
        if found != target.num_points:
            raise InputError(
                f"{conversion.place}: expected {target.num_points} points of "
                f"{target.name}, found {found}"
            )
        return np.stack(
            [points[..., list(g), :].mean(axis=-2) for g in conversion.groups], axis=-2
        )


@functools.cache
def find_scheme(reference):
    """Returns a scheme.

    Args:
        reference: name of one that comes with the toolkit, or path of a file.

    Returns:
        Scheme.

    Raises:
        InputError: there is none, or it contradicts itself.
    """
    path = Path(reference)
    if reference in NAMES:
        path = _FOLDER / f"{reference}.txt"
    elif not path.is_file():
        raise InputError(
            f"expected a scheme, one of {', '.join(NAMES)} or a file, found {reference}"
        )
    try:
        return parse_scheme(path.read_text(encoding="utf-8-sig"), path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file, found: {error}") from error


@functools.cache
def scheme_of_reference(reference, place):
    """Returns the scheme that a file names or defines, see `Scheme.reference`.

    Args:
        reference: what the file holds; no path, as it may come from strangers.
        place: of the file, for errors.

    Raises:
        InputError: there is no such scheme, or it contradicts itself.
    """
    if reference in NAMES:
        return find_scheme(reference)
    if "\n" in reference:
        return parse_scheme(reference, f"{place}: its scheme")
    raise InputError(
        f"{place}: expected points of a scheme that the toolkit has or the file "
        f"defines, found {reference[:40]!r}"
    )


def parse_scheme(text, path):
    """Returns the Scheme that a text defines.

    Args:
        text: as the head of this module describes it.
        path: where it comes from, for errors.

    Raises:
        InputError: it contradicts itself; with the line.
    """
    return Scheme(**scheme_text.parse(text, path))


IBUG68 = find_scheme("ibug68")
