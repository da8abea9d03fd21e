"""Record files by name: one file, or a set of shards.

The shards of a set NAME are NAME-00000-of-00016 to NAME-00015-of-00016.
"""

import glob
import re
from pathlib import Path

from landmark.files import disk
from landmark.script.errors import InputError

MAX_SHARDS = 99_999
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})", re.DOTALL)
_SET = re.compile(r"(.+)@(\d{1,5})", re.DOTALL)


def output_paths(path, num_shards):
    """Returns the Paths of a set's shards; of one, the path itself."""
    return [Path(path)] if num_shards == 1 else _paths_of(path, num_shards)


def _paths_of(name, num_shards):
    return [Path(f"{name}-{i:05d}-of-{num_shards:05d}") for i in range(num_shards)]


def list_shards(path):
    """Returns the record files that a path stands for.

    Args:
        path: a file; NAME@16, a set of 16 shards; or a glob, whose shards are read in
            whole sets. What is there under just this name is that file.

    Returns:
        list of Path, sorted, at least one.

    Raises:
        InputError: there is none, or a shard of a set is missing.
    """
    text = str(path)
    if Path(path).exists():
        return [disk.require_file(path)]
    named = _SET.fullmatch(text)
    if named and int(named[2]):
        return _require_set(named[1], int(named[2]))
    if glob.has_magic(text):
        return _list_matches(text)
    others = _shards_beside(path)
    if others:
        raise InputError(
            f"{path}: expected a file, found its shards; they are read as "
            f"{path}@{int(_SHARD.fullmatch(others[0])[3])}"
        )
    return [disk.require_file(path)]


def require_no_others(path, num_shards):
    """Refuses what an earlier run wrote under a name with another number of shards.

    Args:
        path: of the file or the set that is to be written.
        num_shards: of it.

    Raises:
        InputError: there is such a file.
    """
    own = set(map(str, output_paths(path, num_shards)))
    there = [str(path)] * Path(path).is_file() + _shards_beside(path)
    others = [other for other in there if other not in own]
    if others:
        raise InputError(
            f"{path}: expected no records of another --num_shards under this name, "
            f"found {Path(others[0]).name}; remove them, or write to another name"
        )


def _shards_beside(path):
    """Returns the shards, sorted str, of all sets of a name."""
    found = sorted(glob.glob(f"{glob.escape(str(path))}-?????-of-?????"))
    return [shard for shard in found if _SHARD.fullmatch(shard)]


def _list_matches(pattern):
    """Returns the files that match a glob, with all shards of their sets."""
    found = {Path(match) for match in glob.glob(pattern)}
    if not found:
        raise InputError(f"{pattern}: expected record files, found none")
    matches = filter(None, (_SHARD.fullmatch(str(path)) for path in found))
    numbers = {}
    for name, num_shards in sorted({(m[1], int(m[3])) for m in matches}):
        if numbers.setdefault(name, num_shards) != num_shards:
            raise InputError(
                f"{pattern}: expected the shards of one set, found sets of "
                f"{numbers[name]} and of {num_shards} of {name}"
            )
        found.update(_require_set(name, num_shards))
    return [disk.require_file(path) for path in sorted(found)]


def _require_set(name, num_shards):
    """Returns the shards of a set, which must all be there."""
    paths = _paths_of(name, num_shards)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{name}@{num_shards}: expected {num_shards} shards, found "
            f"{num_shards - len(missing)}: {missing[0].name} is missing"
        )
    return paths
