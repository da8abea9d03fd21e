"""The text of a scheme, and what it says."""

import dataclasses
import re

import numpy as np

from landmark.script.errors import InputError

_NUMBER = re.compile(r"\d{1,20}")
_RUN = re.compile(r"(\d{1,20})-(\d{1,20})(?:/(\d{1,20}))?")
_MOST_POINTS = 10_000
_LONGEST = 200  # Characters of what was found, in an error.
_KEYWORDS = (
    "name",
    "points",
    "source",
    "chain",
    "part",
    "mirror",
    "normalise",
    "face_box",
    "convert",
    "drawn",
)
_ONCE = ("name", "points", "source", "face_box", "drawn")


@dataclasses.dataclass(frozen=True)
class Conversion:
    """How the points of another scheme come out of one's own.

    Attributes:
        is_exact: whether they are the same points; else they lie about there.
        groups: for each point of the other scheme, the indices whose mean it is.
        source: who says so.
        place: file and line, for errors.
    """

    is_exact: bool
    groups: tuple[tuple[int, ...], ...]
    source: str
    place: str


def parse(text, path):
    """Returns what a text says: name of a field of Scheme -> value.

    Args:
        text: as the head of `scheme` describes it.
        path: where it comes from, for errors.

    Raises:
        InputError: it contradicts itself; with the line.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON has characters that are none.
        raise InputError(f"{path}: expected a text, found: {error}") from error
    parser = _Parser(path)
    for number, line in _join_lines(text):
        parser.read(number, line)
    return parser.finish()


def _join_lines(text):
    """Returns (number, line) with carried-on lines in one, and no comments."""
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].rstrip()
        if line.startswith((" ", "\t")) and line.strip() and lines:
            lines[-1][1].extend(line.split())
        elif line.strip():
            lines.append((number, line.split()))
    return [(number, " ".join(words)) for number, words in lines]


class _Parser:
    """Reads the lines of a scheme, and refuses those that do not fit."""

    def __init__(self, path):
        self._path, self._number = path, 0
        self._lines = []
        self.name = self.points = None
        self.source = self.drawn = ""
        self.box = (0.0, 0.0, 0.0)
        self.chains, self.closed, self.parts = {}, set(), {}
        self.mirror, self.normalisers, self.conversions = {}, {}, {}

    def read(self, number, line):
        """Reads a line."""
        self._number = number
        self._lines.append(line)
        keyword, _, rest = line.partition(" ")
        if keyword not in _KEYWORDS:
            self._refuse(f"one of {', '.join(_KEYWORDS)}", keyword)
        if not rest:
            self._refuse(f"words after {keyword}", "none")
        if keyword in _ONCE and any(
            earlier.split()[0] == keyword for earlier in self._lines[:-1]
        ):
            self._refuse(f"one {keyword}", "a second")
        if self.points is None and keyword not in ("name", "points", "source"):
            self._refuse("the number of points first", keyword)
        getattr(self, f"_read_{keyword}")(rest)

    def finish(self):
        """Returns the fields of the Scheme."""
        for keyword, value in (
            ("name", self.name),
            ("points", self.points),
            ("normalise", self.normalisers),
        ):
            if not value:
                raise InputError(f"{self._path}: expected a line {keyword}, found none")
        return dict(
            name=self.name,
            num_points=self.points,
            source=self.source,
            chains=self.chains,
            closed=frozenset(self.closed),
            parts=self.parts,
            mirror=np.array([self.mirror.get(i, i) for i in range(self.points)]),
            normalisers=self.normalisers,
            face_box=self.box,
            conversions=self.conversions,
            drawn=self.drawn,
            definition="".join(f"{line}\n" for line in self._lines),
        )

    def _refuse(self, expected, found):
        raise InputError(
            f"{self._path}, line {self._number}: expected {expected}, found "
            f"{str(found)[:_LONGEST]}"
        )

    def _read_name(self, rest):
        if not re.fullmatch(r"[A-Za-z]\w*", rest):
            self._refuse("a name of letters and digits", repr(rest))
        self.name = rest

    def _read_points(self, rest):
        if not _NUMBER.fullmatch(rest) or not 2 <= int(rest) <= _MOST_POINTS:
            self._refuse(f"a number of points from 2 to {_MOST_POINTS}", repr(rest))
        self.points = int(rest)

    def _read_source(self, rest):
        self.source = rest

    def _read_drawn(self, rest):
        self.drawn = rest

    def _read_chain(self, rest):
        name, *words = rest.split()
        is_closed = words[-1:] == ["closed"]
        indices = self._indices(words[:-1] if is_closed else words)
        if name in self.chains:
            self._refuse("another name than an earlier chain's", name)
        if name.isdecimal():
            self._refuse("a name", name)
        if len(indices) < 2:
            self._refuse("two points or more", len(indices))
        self._refuse_twice(indices)
        self.chains[name] = np.array(indices)
        self.closed.update([name] * is_closed)

    def _read_part(self, rest):
        name, *words = rest.split()
        if name in self.parts:
            self._refuse("another name than an earlier part's", name)
        indices = []
        for word in words:
            if word in self.chains:
                indices += self.chains[word].tolist()
            else:
                indices += self._indices([word], "a chain above or indices")
            self._refuse_too_many(indices)
        if not indices:
            self._refuse("chains or points", "none")
        self._refuse_twice(indices)
        self.parts[name] = np.array(indices)

    def _read_mirror(self, rest):
        first, second = (self._indices(side.split()) for side in self._sides(rest))
        if len(first) != len(second):
            self._refuse("as many points on both sides of =", self._both(first, second))
        for one, other in zip(first, second, strict=True):
            for index, partner in ((one, other), (other, one)):
                if self.mirror.setdefault(index, partner) != partner:
                    found = self.mirror[index]
                    self._refuse(f"{found} as the mirror point of {index}", partner)

    def _read_normalise(self, rest):
        name, *words = rest.split()
        groups = [self._group(word) for word in words[:3]]
        if len(groups) != 2 or set(groups[0]) == set(groups[1]):
            self._refuse("two groups of points that differ", rest.partition(" ")[2])
        if name in self.normalisers:
            self._refuse("another name than an earlier normaliser's", name)
        self.normalisers[name] = tuple(groups)

    def _read_face_box(self, rest):
        try:
            box = tuple(float(word) for word in rest.split())
        except ValueError:
            box = ()
        if len(box) != 3 or not all(0 <= share < 10 for share in box):
            self._refuse("three numbers from 0: sides, top, bottom", repr(rest))
        self.box = box

    def _read_convert(self, rest):
        left, source = self._sides(rest)
        name, *words = left.split()
        if words[:1] not in (["exact"], ["approximate"]):
            self._refuse("exact or approximate", " ".join(words[:1]) or "none")
        groups = []
        for word in words[1:]:
            is_run = _RUN.fullmatch(word)
            groups += (
                [(i,) for i in self._indices([word])] if is_run else [self._group(word)]
            )
            if len(groups) > _MOST_POINTS:
                self._refuse(f"at most {_MOST_POINTS} points", "more")
        if name in self.conversions:
            self._refuse("another scheme than an earlier conversion's", name)
        place = f"{self._path}, line {self._number}"
        self.conversions[name] = Conversion(
            words[0] == "exact", tuple(groups), source, place
        )

    def _sides(self, rest):
        left, equals, right = (part.strip() for part in rest.partition("="))
        if not (left and equals and right):
            self._refuse("words on both sides of =", repr(rest))
        return left, right

    def _group(self, word):
        group = tuple(self._indices(word.split("+")))
        self._refuse_twice(group)
        return group

    def _indices(self, words, expected="indices"):
        """Returns the indices that words such as 3, 0-16 and 0-32/2 stand for."""
        indices = []
        for word in words:
            run = _RUN.fullmatch(word)
            if not run and not _NUMBER.fullmatch(word):
                self._refuse(expected, repr(word))
            first, last = (int(run[1]), int(run[2])) if run else (int(word), int(word))
            if max(first, last) >= self.points:  # Before a run is drawn out.
                self._refuse(f"indices below {self.points}", word)
            ahead = 1 if last >= first else -1
            step = int(run[3] or 1) if run else 1
            if not step:
                self._refuse("a step of 1 or more", word)
            indices += range(first, last + ahead, step * ahead)
            self._refuse_too_many(indices)
        return indices

    def _refuse_too_many(self, indices):
        """Refuses what must have a point twice, before it fills the memory."""
        if len(indices) > self.points:
            self._refuse_twice(indices)

    def _refuse_twice(self, indices):
        seen = set()
        for index in indices:
            if index in seen:
                self._refuse("each point once", f"{index} twice")
            seen.add(index)

    @staticmethod
    def _both(first, second):
        return f"{len(first)} and {len(second)}"
